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
// drops most candidates before they are stored; only survivors become nodes; and steps in which nothing but the blank
// is likely cost nothing after the first. Per step O(active prefixes x likely symbols).
#pragma once

#include <vector>

#include "prefix_pool.hpp"
#include "search_model.hpp"

namespace asrkit {

// A complete hypothesis of the search: a word sequence and the log mass it gathered, language model included.
struct FinalHistory {
  HistoryId history;
  double log_mass;
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
  // An active prefix. Masses of alignments are relative to the largest of the step.
  struct Slot {
    float blank;       // of alignments that end in a blank
    float other;       // of alignments that end in the last symbol; at a word start, in a space
    NodeId node;
    HistoryId history;
    Symbol symbol;     // the node's; num_symbols at a word start
    std::uint32_t parent_slot;  // where the node's parent is active, or kNone
    float edge_factor;          // the node's
    TrieId trie;                // the node's
    float total() const { return blank + other; }
  };

  // A prefix one letter longer than that of a slot.
  struct Candidate {
    Candidate(std::uint32_t slot, Symbol symbol) : slot(slot), symbol(symbol) {}
    float mass = 0.0f;
    std::uint32_t slot;
    Symbol symbol;
    float edge_factor = 1.0f;
    TrieId trie = kOutside;
    ContextId context = kEmptyContext;
    ContextId spelling_context = kEmptyContext;
    HotwordState hotword_state = 0;
  };

  void skip_blank_step(float log_blank);
  void find_likely_symbols(const float* log_probs, float threshold);
  bool advance();
  void stay();
  void merge_extensions();
  void propose_candidates();
  bool propose(Candidate& candidate, float mass);
  NodeId node_of(const Candidate& candidate);
  void close_word(std::uint32_t slot, float mass);
  void arrive(NodeId start, HistoryId history, float mass);
  void keep_best();
  float cutoff(float limit);
  void relink_parents();
  void collect_garbage();
  void raise_maximum(float mass) {
    if (mass > maximum_) {
      maximum_ = mass;
      limit_ = mass * prune_factor_;
    }
  }

  bool extend_spelled_word(NodeId parent, float mass, Candidate& candidate);
  void extend_one_symbol_word(NodeId parent, Candidate& candidate);
  float unknown_factor(const Node& node);
  const Ending& find_spelling(NodeId node);
  float leave_factor(NodeId node);
  const Ending& find_close(NodeId node);
  float close_log(NodeId node, ContextId& next);
  float close_hotwords(HotwordState state) const;
  NodeId boundary_after(NodeId word);
  NodeId start_for(ContextId context, HotwordState hotword_state);
  void rebuild_start_table(std::size_t size);

  static constexpr std::size_t kMinCollected = std::size_t{1} << 16;

  const SearchModel& model_;
  const float prune_factor_, lm_weight_, word_bonus_;
  const std::size_t num_symbols_;

  PrefixPool pool_;
  std::vector<NodeId> start_table_;  // word starts by context and hotword state, open addressing
  std::size_t num_in_table_ = 0;

  std::vector<Slot> slots_, next_;
  std::vector<Candidate> candidates_;
  std::vector<std::uint64_t> merged_;     // per slot, which likely symbols lead to active prefixes
  std::vector<std::uint32_t> new_slots_;  // per old slot, where it went
  std::vector<float> masses_;
  std::vector<std::uint32_t> buckets_;
  std::vector<float> block_highest_;      // per block of symbols
  std::vector<Symbol> likely_;            // of this step, without the blank
  std::size_t chunk_begin_ = 0;           // 64 of them are handled at a time
  std::vector<std::uint8_t> likely_bit_;  // per symbol, its place in the chunk
  std::vector<float> emission_;           // per symbol; 0 where unlikely; the space's again at the end
  float blank_emission_ = 0.0f;
  float highest_emission_ = 0.0f;         // of the likely symbols
  float maximum_ = 1.0f, limit_ = 0.0f;
  double log_offset_ = 0.0;               // true mass = mass * exp(log_offset_)
  float carry_ = 1.0f;                    // rescales the next step
  bool is_settled_ = false;               // the last step was a blank step
  bool must_relink_ = false;
  std::size_t collect_above_ = kMinCollected;  // nodes and histories in the pool
  std::uint32_t step_ = 0;
};

}  // namespace asrkit
