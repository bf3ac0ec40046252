// CTC prefix beam search with a word n-gram model, one step at a time.
//
// Finds the word sequences W with the largest
//
//     ln P(W | emissions) + lm_weight * ln P_lm(W) + word_bonus * |W|
//
// where P(W | emissions) sums over all alignments (Graves et al. 2006; prefix search as in Hannun et al. 2014).
//
// What makes it fast: masses are linear and rescaled by each step's maximum, so a candidate costs one multiplication;
// a prefix finds its own extensions among the active ones through parent slots, without hashing; a running threshold
// drops most candidates before they are scored; only survivors become nodes; and steps in which nothing but the blank
// is likely cost nothing after the first. The loops over prefixes run over plain arrays and without branches, because
// what stays is a toss-up that no processor predicts. Per step O(active prefixes x likely symbols).
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "search/prefix_pool.hpp"
#include "search/search_model.hpp"

namespace asrkit {

// What so many nats make of a mass: nothing only where they are impossible. Masses are 32-bit numbers, so a step can
// pay or lose no more than this; scores of texts are exact anyway.
inline float factor_of(float log) {
  constexpr float kMost = 70.0f;
  if (log == -std::numeric_limits<float>::infinity()) return 0.0f;
  return std::exp(std::min(std::max(log, -kMost), kMost));
}

// A mass, or another factor, times a factor. Several that a step pays for together leave something, as one does.
inline float paid(float mass, float factor) {
  constexpr float kLeast = 1e-35f;
  return factor > 0.0f ? std::max(mass * factor, std::min(mass, kLeast)) : 0.0f;
}

// A complete hypothesis of the search: a word sequence and the log mass it gathered, language model included.
struct FinalHistory {
  HistoryId history;
  double log_mass;
  double log_closed_mass;  // of that, what has left the last word; only this has the history's rivals
};

class BeamSearch {
 public:
  explicit BeamSearch(const SearchModel& model);

  // Starts a new utterance.
  void reset();

  // Takes the log-probabilities of all symbols at the next step.
  void push(const float* log_probs);

  std::uint32_t num_steps() const { return step_; }
  const PrefixPool& pool() const { return pool_; }

  // The most likely prefix so far: its complete words, and the node of the word begun.
  std::pair<HistoryId, NodeId> best_prefix() const;

  // The histories of all active prefixes.
  std::vector<HistoryId> active_histories() const;

  // Those, and what they became by words that ended before and may end again.
  std::vector<HistoryId> possible_histories() const;

  // Closes the open words and the sentence; best first. The search can go on afterwards.
  std::vector<FinalHistory> finish();

 private:
  // An active prefix, but for what is handled many at a time.
  struct Slot {
    NodeId node;
    HistoryId history;
    std::uint32_t link;         // of letters: where the node's parent is active, or kNone; else: the first tail, or kNone
    float edge_factor;          // the node's
    TrieId trie;                // the node's
    float most_to_leave;        // leaving the lexicon here costs at least this factor, as far as known
    std::uint32_t begin_step;   // when the word began
  };

  // Where alignments of a prefix end in several outputs: the mass of one; kNoSymbol: of the blank.
  struct Tail {
    Symbol symbol;
    float mass;
    std::uint32_t next;
  };

  // The active prefixes. Masses of alignments are relative to the largest of the step.
  struct Prefixes {
    std::size_t size = 0;
    std::vector<float> blank;     // mass of the alignments that end in a blank, or in anything but `symbols`
    std::vector<float> other;     // of those that end in the last symbol; at a word start, in a space
    std::vector<Symbol> symbols;  // the last one; num_symbols at a word start
    std::vector<Slot> slots;
    std::vector<Tail> tails;      // what blank is made of, where it is more than that

    void make_room(std::size_t least) {
      if (least <= slots.size()) return;
      least *= 2;
      blank.resize(least);
      other.resize(least);
      symbols.resize(least);
      slots.resize(least);
    }
  };

  // Prefixes one letter longer than those of slots.
  struct Candidates {
    std::size_t size = 0;
    std::vector<float> masses;
    std::vector<std::uint32_t> slots;
    std::vector<Symbol> symbols;

    void make_room(std::size_t least) {
      if (least <= masses.size()) return;
      least *= 2;
      masses.resize(least);
      slots.resize(least);
      symbols.resize(least);
    }
  };

  // What scoring found out about a candidate.
  struct Extension {
    float edge_factor = 1.0f;
    TrieId trie = kOutside;
    ContextId context = kEmptyContext;
    ContextId spelling_context = kEmptyContext;
    HotwordState hotword_state = 0;
  };

  // What the search knows of a node by its spelling.
  struct Place {
    TrieId trie;
    ContextId context, spelling_context;
    HotwordState hotword_state;
    float log_factor;
  };

  void skip_blank_step(float log_blank);
  void find_likely_symbols(const float* log_probs, float threshold);
  void add_likely_symbol(Symbol symbol, float log_prob);
  bool advance(float least_maximum);
  void rescale();
  void spread();
  void stay();
  void merge_extensions();
  void merge_into(std::uint32_t slot);
  // Whether a word start follows one word only, as a letter does.
  bool are_starts_letters() const { return are_letters_ && is_plain_ && !is_shared_; }
  void propose_candidates();
  void propose_symbol(Symbol symbol, std::uint64_t excluded);
  void score_candidates(std::size_t begin);
  void close_words(std::size_t begin);
  bool score(std::uint32_t slot, Symbol symbol, float& mass, Extension& extension);
  NodeId node_of(NodeId parent, Symbol symbol, const Extension& extension);
  NodeId add_node(NodeId parent, Symbol symbol, const Extension& extension);
  void close_word(NodeId word, HistoryId history, float mass, std::uint32_t begin_step, Symbol tail);
  NodeId shared_node(NodeId word, WordId meaning);
  EndingId shared_ending(NodeId& word, EndingId id);
  void arrive(NodeId start, HistoryId history, float mass, std::uint32_t begin_step, Symbol tail);
  bool is_active(const Prefixes& prefixes, NodeId node) const {
    const std::uint32_t slot = pool_.nodes[node].slot;
    return slot < prefixes.size && prefixes.slots[slot].node == node;
  }
  void keep_best();
  float cutoff(std::size_t num_masses);
  void drop_ties(float limit, std::size_t num_masses);
  void keep_prefixes(float limit);
  void keep_candidates(float limit);
  void open_word(Slot& slot);
  void relink_parents();
  void collect_garbage();
  void raise_maximum(float mass) {
    if (mass > maximum_) {
      maximum_ = mass;
      limit_ = mass * prune_factor_;
    }
  }

  // Where outputs are not letters.
  void forget_tails();
  void stay_tails();
  void propose_pieces();
  void open_words();
  void open_word_after(std::uint32_t slot, EndingId ending, float flow);
  void extend(std::uint32_t slot, Symbol symbol, float mass);
  float mass_without(std::uint32_t slot, Symbol symbol) const;
  bool spell(std::uint32_t slot, const std::vector<Unit>& units, float& mass);
  void spell(StartId start, Unit unit, Place& place);
  Place place_of(NodeId node) const;
  NodeId make_path(NodeId node, const std::vector<Unit>& units);
  void keep_piece(std::uint32_t candidate);
  // Adds mass that ends in an output.
  void add_mass(Prefixes& prefixes, std::uint32_t slot, Symbol symbol, float mass) {
    if (prefixes.symbols[slot] == symbol) {
      prefixes.other[slot] += mass;
    } else {
      add_tail(prefixes, slot, symbol, mass);
    }
  }
  void add_tail(Prefixes& prefixes, std::uint32_t slot, Symbol symbol, float mass);
  void join(Prefixes& prefixes, std::uint32_t slot, HistoryId history, Symbol symbol, float mass,
            std::uint32_t begin_step);
  std::uint32_t begin_step_after(const Prefixes& prefixes, std::uint32_t slot) const {
    return prefixes.symbols[slot] == num_symbols_ ? step_ : prefixes.slots[slot].begin_step;
  }

  bool extend_spelled_word(std::uint32_t slot, Symbol symbol, float mass, Extension& extension);
  float one_unit_log(ContextId context, Unit unit, ContextId& next) const;
  float unknown_log(StartId start);
  bool may_leave_lexicon(std::uint32_t slot, float mass);
  EndingId find_close(NodeId node);
  void price_close(NodeId node, WordId meaning, EndingId ending);
  float close_log(NodeId node, WordId meaning, ContextId& next);
  float close_hotwords(HotwordState state, WordId meaning) const;
  NodeId boundary_after(EndingId ending);
  std::size_t place_of_start(ContextId context, HotwordState hotword_state) const;
  NodeId start_for(ContextId context, HotwordState hotword_state);
  void rebuild_start_table(std::size_t size);

  static constexpr float kUnbounded = std::numeric_limits<float>::infinity();
  static constexpr std::size_t kMinCollected = std::size_t{1} << 16;

  const SearchModel& model_;
  const float prune_factor_, lm_weight_, word_bonus_;
  const std::size_t num_symbols_;
  const bool are_letters_;
  const bool is_plain_;  // candidates need no scores
  const bool is_shared_;  // histories with the same future meet in one word start

  PrefixPool pool_;
  std::vector<NodeId> start_table_;  // word starts by context and hotword state, open addressing
  std::size_t num_in_table_ = 0;

  Prefixes now_, next_, before_;  // before_ is what now_ was when the candidates grew from it
  Candidates candidates_;
  std::vector<Extension> extensions_;     // of the candidates, unless all are alike
  std::vector<float> totals_;             // per active prefix, its mass
  std::vector<std::uint64_t> merged_;     // per active prefix, which likely symbols are no candidates
  std::vector<std::uint32_t> picked_;     // prefixes or candidates that something is to be done with
  std::vector<std::uint32_t> new_slots_;  // per old slot, where it went; one more for kNone
  std::vector<float> masses_;             // of all that may stay
  std::vector<float> bucket_;             // those of one bucket
  std::vector<std::uint32_t> buckets_;
  std::vector<Symbol> likely_;            // of this step, without the blank; the space comes last
  std::vector<std::uint8_t> is_written_;  // per symbol
  std::vector<Symbol> spaces_;            // outputs that only separate words
  std::uint32_t num_active_ = 0;          // slots of now_; the others are words that open in this step
  std::size_t chunk_begin_ = 0;           // 64 of them are handled at a time
  std::vector<std::uint8_t> likely_bit_;  // per symbol, its place in the chunk; the space's again at the end
  std::vector<float> emission_;           // per symbol; 0 where unlikely; the space's again at the end
  float blank_emission_ = 0.0f;
  float highest_total_ = 1.0f;            // no active prefix has more
  float maximum_ = 1.0f, limit_ = 0.0f;
  double offset_ = 1.0, log_offset_ = 0.0;  // true mass = mass * offset_ * exp(log_offset_)
  // The mass, times exp(log_silence_), of a word start that was there from the beginning and only stayed.
  double silence_ = 1.0, next_silence_ = 1.0, log_silence_ = 0.0;
  float carry_ = 1.0f;                    // rescales the next step
  bool is_settled_ = false;               // the last step was a blank step
  bool must_relink_ = false;
  std::size_t collect_above_ = kMinCollected;  // nodes and histories in the pool
  std::uint32_t step_ = 0;
};

}  // namespace asrkit
