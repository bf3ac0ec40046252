// Words and phrases to prefer (or avoid), matched unit by unit while the search goes on.
//
// An Aho-Corasick automaton (Aho & Corasick 1975) over the phrases with a space on both sides, so that only whole words
// match. A phrase's weight is paid out in equal parts along its units, so that a rare name is not pruned before it is
// complete, but no more than most_advance before the end; when the match fails, what was paid is taken back. In the end
// only complete phrases count.
#pragma once

#include <string>
#include <vector>

#include "text/symbols.hpp"

namespace asrkit {

using HotwordState = std::uint32_t;

class Hotwords {
 public:
  struct Phrase {
    std::vector<Unit> units;
    float weight;  // nats
  };

  // Phrases have their words separated by the space unit, unless there is none (kNoSymbol).
  Hotwords(const std::vector<Phrase>& phrases, std::size_t num_units, Unit space, float most_advance);

  // The state at the start of an utterance.
  HotwordState start() const { return start_; }

  HotwordState next(HotwordState state, Unit unit) const {
    return table_.empty() ? follow(state, unit) : table_[std::size_t{state} * num_units_ + unit];
  }

  // Weights of the phrases that end in this state.
  float reward(HotwordState state) const { return nodes_[state].reward; }

  // What is paid in advance for the phrase that may be going on in this state.
  float advance(HotwordState state) const { return nodes_[state].advance; }

  // The change of score from one state to the next, in nats.
  float step(HotwordState from, HotwordState to) const { return reward(to) + advance(to) - advance(from); }

  // The score of a whole text.
  double score(const std::vector<std::vector<Unit>>& words) const;

 private:
  struct Node {
    Unit unit = kNoSymbol;
    HotwordState first_child = 0, next_sibling = 0, suffix = 0;
    float reward = 0.0f, advance = 0.0f;
  };

  // Larger automata do without a table of all transitions.
  static constexpr std::size_t kMaxTable = std::size_t{1} << 22;

  void add(const std::vector<Unit>& units, float weight, float most_advance);
  HotwordState follow(HotwordState state, Unit unit) const;
  std::vector<HotwordState> link();

  std::vector<Node> nodes_;
  std::vector<HotwordState> table_;  // by state and unit, unless it would be too large
  std::size_t num_units_;
  HotwordState start_ = 0;
  Unit space_;
};

}  // namespace asrkit
