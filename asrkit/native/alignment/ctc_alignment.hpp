// The exact acoustic score of one text, and when its words were spoken.
#pragma once

#include <vector>

#include "text/symbols.hpp"

namespace asrkit {

struct StepRange {
  std::uint32_t begin = 0, end = 0;  // end is one past the last step
};

struct Alignment {
  double log_prob = 0.0;         // ln of the sum over all alignments of the text
  std::vector<StepRange> words;  // from the most likely alignment
};

// Runs the CTC forward sum and the Viterbi search over a chain of states, both in one pass:
//
//   start  (letter blank letter blank ... letter blank  boundary) per word
//
// Between words stands at least one space symbol; further spaces, and those before the first word and after the last,
// do not change the text and are summed over. Without a space symbol words follow each other directly.
//
// Only the window of states that carries at least the share `negligible` of the mass is visited, so the cost is a few
// states per step, not the length of the text; should the window lose the end of the text, the full chain is run.
class CtcAligner {
 public:
  CtcAligner(const SymbolSet& symbols, double negligible) : symbols_(symbols), negligible_(negligible) {}

  // log_probs: (num_steps, num_symbols), natural logarithms.
  Alignment align(const float* log_probs, std::size_t num_steps, const std::vector<std::vector<Symbol>>& words);

 private:
  struct State {
    Symbol symbol;     // emitted on entering
    bool is_boundary;  // stays with blank or space
    bool can_skip;     // may be entered from two states before
  };
  struct Window {
    std::uint32_t begin, end;
    std::size_t moves;  // where its back-pointers start
  };

  void build_states(const std::vector<std::vector<Symbol>>& words);
  bool run(const float* log_probs, std::size_t num_steps, double negligible, Alignment& alignment);
  void advance(const float* row, Window& window);
  void trace_back(std::size_t num_steps, Alignment& alignment) const;

  const SymbolSet& symbols_;
  const double negligible_;
  std::vector<State> states_;
  std::vector<std::uint32_t> first_states_, last_states_;  // of each word, its first and last letter
  std::vector<double> sums_, next_sums_;                   // scaled masses of the states
  std::vector<float> bests_, next_bests_;                  // Viterbi scores of the states
  std::vector<Window> windows_;
  std::vector<std::uint8_t> moves_;                        // how many states back each cell came from
  std::vector<double> emission_cache_;
  std::vector<std::uint32_t> cache_step_;
  std::uint32_t step_ = 0;
  std::uint32_t final_state_ = 0;
};

}  // namespace asrkit
