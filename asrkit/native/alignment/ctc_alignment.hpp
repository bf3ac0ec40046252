// The exact acoustic score of one text, and when its parts were spoken.
#pragma once

#include <cmath>
#include <vector>

#include "text/symbols.hpp"

namespace asrkit {

struct StepRange {
  std::uint32_t begin = 0, end = 0;  // end is one past the last step
};

// All ways in which outputs can write a text: an acyclic graph of places, numbered from its beginning to its end.
struct TextGraph {
  // An output that leads from one place, or from either of two, to a later one.
  struct Arc {
    Symbol symbol;
    std::uint32_t to, from;
    std::uint32_t other_from;  // or kNoSymbol
    std::uint32_t word;        // which it is part of
  };
  struct Place {
    bool is_between_words = false;  // outputs that are spaces do not change the text here
    std::uint32_t word_end = kNoSymbol;  // the place before, from which a space leads here
  };
  std::vector<Place> places;
  std::vector<Arc> arcs;  // sorted by `to`

  void clear() {
    places.clear();
    arcs.clear();
  }
};

// An output of the most likely alignment.
struct AlignedSymbol {
  std::uint32_t arc;
  StepRange steps;
};

struct Alignment {
  double log_prob = 0.0;               // ln of the sum over all alignments of the text
  std::vector<AlignedSymbol> symbols;  // of the most likely one
};

// Runs the CTC forward sum and the Viterbi search over a graph, both in one pass. A state is a place and the output
// that ended there, or a blank since: an output cannot follow itself without one.
//
// Only the window of places that carries at least the share `negligible` of the mass is visited, so the cost is a few
// states per step, not the length of the text; should the window lose the end of the text, the full graph is run.
class CtcAligner {
 public:
  // are_chains: every graph is a chain of letters, each entered from the one or two states before it.
  CtcAligner(const SymbolSet& symbols, bool are_chains, double negligible);

  // log_probs: (num_steps, num_symbols), natural logarithms. The text ends in the last place, or in the word end
  // before it.
  Alignment align(const float* log_probs, std::size_t num_steps, const TextGraph& graph);

 private:
  // After an arc, or (the last state of each place) after a blank.
  struct State {
    Symbol symbol;
    std::uint32_t arc;
    std::uint32_t same, other_same;  // the first states of this symbol among those before it: it cannot follow itself
    bool is_boundary = false;        // of chains: stays with blank or space
    bool can_skip = false;           // of chains: may be entered from two states before
  };
  struct Window {
    std::uint32_t begin, end;  // states
    std::size_t moves;         // where its back-pointers start
  };
  // What there is in a place, whatever it ended in.
  struct Arrived {
    double sum = 0.0;
    std::uint32_t best = 0;  // state
  };

  void build_states(const TextGraph& graph);
  void link_letters(std::uint32_t place);
  bool run(const float* log_probs, std::size_t num_steps, double negligible, Alignment& alignment);
  void start_step(const float* row, Window& window);
  double advance(const float* row, const Window& window);
  double advance_letters(const float* row, const Window& window);
  double emission(const float* row, Symbol symbol) {
    if (cache_step_[symbol] != step_) {
      cache_step_[symbol] = step_;
      emission_cache_[symbol] = static_cast<double>(std::exp(row[symbol]));
    }
    return emission_cache_[symbol];
  }
  void gather(std::uint32_t place);
  void enter(std::uint32_t place, std::uint32_t same, double& sum, float& best, std::uint32_t& move) const;
  void narrow(double limit, Window& window);
  void trace_back(std::size_t num_steps, std::uint32_t state, Alignment& alignment) const;

  const SymbolSet& symbols_;
  const double negligible_;
  const bool are_chains_;
  std::vector<Symbol> spaces_;
  const TextGraph* graph_ = nullptr;
  std::vector<State> states_;
  std::vector<std::uint32_t> first_states_;  // of each place, and one more
  std::vector<std::uint32_t> reach_;         // one past the last place that one step leads to, from here or before
  std::vector<double> sums_, next_sums_;     // scaled masses of the states
  std::vector<float> bests_, next_bests_;    // Viterbi scores of the states
  std::vector<Arrived> arrived_;             // of the places of the window
  std::vector<Window> windows_;
  std::vector<std::uint16_t> moves_;         // how many states back each cell came from; never made smaller
  std::size_t num_moves_ = 0;                // of this run
  std::vector<double> emission_cache_;
  std::vector<std::uint32_t> cache_step_;
  std::uint32_t first_place_ = 0, end_place_ = 1;  // of the window, but for chains
  std::uint32_t step_ = 0;
  double space_ = 0.0;  // of this step, the emission of all spaces,
  float log_space_ = 0.0f;  // and of the most likely one
};

}  // namespace asrkit
