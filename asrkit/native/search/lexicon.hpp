// The spellings of all known words (or of anything that is spelled), as a trie in one flat array.
//
// Children of a node stand side by side, sorted by unit. With at most 64 units a bit mask says which exist, and
// counting bits finds one; larger alphabets search among the children's units.
#pragma once

#include <algorithm>
#include <vector>

#include "machine/bits.hpp"
#include "text/symbols.hpp"
#include "ngram/vocabulary.hpp"

namespace asrkit {

using TrieId = std::uint32_t;
constexpr TrieId kTrieRoot = 0;
constexpr TrieId kOutside = 0xFFFFFFFFu;  // a prefix that no known word has

class Lexicon {
 public:
  using Entry = std::pair<std::vector<Unit>, WordId>;  // a spelling, and what is spelled

  Lexicon(std::size_t num_units, std::vector<Entry> words);

  TrieId child(TrieId node, Unit unit) const {
    const Node& parent = nodes_[node];
    if (has_masks_) {
      if ((parent.mask >> unit & 1) == 0) return kOutside;
      return parent.first_child + static_cast<TrieId>(count_bits(parent.mask & ((std::uint64_t{1} << unit) - 1)));
    }
    const auto begin = edges_.begin() + parent.first_child;
    const auto end = edges_.begin() + nodes_[node + 1].first_child;
    const auto found = std::lower_bound(begin, end, unit);
    return found != end && *found == unit ? static_cast<TrieId>(found - edges_.begin()) : kOutside;
  }

  // Prefixes of known words, the empty one included; a prefix has a smaller number than what it is a prefix of.
  TrieId num_prefixes() const { return static_cast<TrieId>(nodes_.size() - 1); }

  // Calls visit(unit, child) for each child of a node.
  template <class Visit>
  void visit_children(TrieId node, Visit visit) const {
    for (TrieId id = nodes_[node].first_child; id < nodes_[node + 1].first_child; ++id) visit(edges_[id], id);
  }

  // The first word spelled by a node, or kNoWord.
  WordId word(TrieId node) const { return nodes_[node].word; }

  // Calls visit(word) for each word spelled by a node.
  template <class Visit>
  void visit_words(TrieId node, Visit visit) const {
    if (nodes_[node].word == kNoWord) return;
    for (std::size_t i = entries_[node]; i < words_.size(); ++i) {
      if (words_[i].first != words_[entries_[node]].first) break;
      visit(words_[i].second);
    }
  }

  // The spelled words, sorted by spelling.
  const std::vector<Entry>& words() const { return words_; }

 private:
  struct Node {
    std::uint64_t mask;
    TrieId first_child;
    WordId word;
  };

  bool has_masks_;
  std::vector<Node> nodes_;     // breadth first, and one more at the end
  std::vector<Unit> edges_;     // the unit that leads to each node
  std::vector<std::uint32_t> entries_;  // the first of each node's words, where it has any
  std::vector<Entry> words_;
};

}  // namespace asrkit
