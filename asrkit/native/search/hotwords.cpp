#include "search/hotwords.hpp"

#include <algorithm>

namespace asrkit {

Hotwords::Hotwords(const std::vector<Phrase>& phrases, std::size_t num_units, Unit space, float most_advance)
    : nodes_(1), num_units_(num_units), space_(space) {
  for (const Phrase& phrase : phrases) {
    std::vector<Unit> marked;
    if (space != kNoSymbol) marked.push_back(space);
    marked.insert(marked.end(), phrase.units.begin(), phrase.units.end());
    if (space != kNoSymbol) marked.push_back(space);
    add(marked, phrase.weight, most_advance);
  }
  const std::vector<HotwordState> states = link();
  if (nodes_.size() * num_units_ <= kMaxTable) {
    std::vector<HotwordState> table(nodes_.size() * num_units_);
    for (const HotwordState state : states) {
      // What a state has no child for, its suffix, which came before, has.
      const auto row = table.begin() + static_cast<std::ptrdiff_t>(state * num_units_);
      const auto suffix_row = table.begin() + static_cast<std::ptrdiff_t>(nodes_[state].suffix * num_units_);
      if (state != 0) std::copy_n(suffix_row, num_units_, row);
      for (HotwordState child = nodes_[state].first_child; child != 0; child = nodes_[child].next_sibling) {
        row[static_cast<std::ptrdiff_t>(nodes_[child].unit)] = child;
      }
    }
    table_ = std::move(table);
  }
  if (space != kNoSymbol) start_ = next(0, space);
}

void Hotwords::add(const std::vector<Unit>& units, float weight, float most_advance) {
  HotwordState state = 0;
  for (std::size_t depth = 1; depth <= units.size(); ++depth) {
    HotwordState child = nodes_[state].first_child;
    while (child != 0 && nodes_[child].unit != units[depth - 1]) child = nodes_[child].next_sibling;
    if (child == 0) {
      child = static_cast<HotwordState>(nodes_.size());
      Node node;
      node.unit = units[depth - 1];
      node.next_sibling = nodes_[state].first_child;
      nodes_[state].first_child = child;
      nodes_.push_back(node);
    }
    state = child;
    // The space before a phrase is free: every word has one.
    const float share = space_ == kNoSymbol ? static_cast<float>(depth) / static_cast<float>(units.size())
                                            : static_cast<float>(depth - 1) / static_cast<float>(units.size() - 1);
    const float advance = std::min(weight * share, most_advance);
    if (depth < units.size()) nodes_[state].advance = std::max(nodes_[state].advance, advance);
  }
  nodes_[state].reward += weight;
}

HotwordState Hotwords::follow(HotwordState state, Unit unit) const {
  while (true) {
    for (HotwordState child = nodes_[state].first_child; child != 0; child = nodes_[child].next_sibling) {
      if (nodes_[child].unit == unit) return child;
    }
    if (state == 0) return 0;
    state = nodes_[state].suffix;
  }
}

// Suffix links, breadth first; a state inherits what its suffixes are worth. Returns all states in this order.
std::vector<HotwordState> Hotwords::link() {
  std::vector<HotwordState> queue{0};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const HotwordState state = queue[i];
    for (HotwordState child = nodes_[state].first_child; child != 0; child = nodes_[child].next_sibling) {
      if (state != 0) nodes_[child].suffix = next(nodes_[state].suffix, nodes_[child].unit);
      queue.push_back(child);
    }
    if (state == 0) continue;
    const Node& suffix = nodes_[nodes_[state].suffix];
    nodes_[state].reward += suffix.reward;
    nodes_[state].advance = std::max(nodes_[state].advance, suffix.advance);
  }
  return queue;
}

double Hotwords::score(const std::vector<std::vector<Unit>>& words) const {
  double total = 0.0;
  HotwordState state = start_;
  const auto advance_by = [&](Unit unit) {
    state = next(state, unit);
    total += reward(state);
  };
  for (const std::vector<Unit>& word : words) {
    for (const Unit unit : word) advance_by(unit);
    if (space_ != kNoSymbol) advance_by(space_);
  }
  return total;
}

}  // namespace asrkit
