// The spellings of all known words, as a trie in one flat array.
//
// Children of a node stand side by side, sorted by symbol. With at most 64 symbols a bit mask says which exist, and
// counting bits finds one; larger alphabets search among the children's symbols.
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
  // Words that the symbols cannot spell, and markers such as <s>, are left out.
  Lexicon(const SymbolSet& symbols, const VocabularyView& vocabulary);

  TrieId child(TrieId node, Symbol symbol) const {
    const Node& parent = nodes_[node];
    if (has_masks_) {
      if ((parent.mask >> symbol & 1) == 0) return kOutside;
      return parent.first_child + static_cast<TrieId>(count_bits(parent.mask & ((std::uint64_t{1} << symbol) - 1)));
    }
    const auto begin = edges_.begin() + parent.first_child;
    const auto end = edges_.begin() + nodes_[node + 1].first_child;
    const auto found = std::lower_bound(begin, end, symbol);
    return found != end && *found == symbol ? static_cast<TrieId>(found - edges_.begin()) : kOutside;
  }

  // Prefixes of known words, the empty one included; a prefix has a smaller number than what it is a prefix of.
  TrieId num_prefixes() const { return static_cast<TrieId>(nodes_.size() - 1); }

  // Calls visit(symbol, child) for each child of a node.
  template <class Visit>
  void visit_children(TrieId node, Visit visit) const {
    for (TrieId id = nodes_[node].first_child; id < nodes_[node + 1].first_child; ++id) visit(edges_[id], id);
  }

  // The word spelled by a node, or kNoWord.
  WordId word(TrieId node) const { return nodes_[node].word; }

  // The spelled words, each with its symbols.
  const std::vector<std::pair<std::vector<Symbol>, WordId>>& words() const { return words_; }

 private:
  struct Node {
    std::uint64_t mask;
    TrieId first_child;
    WordId word;
  };

  bool has_masks_;
  std::vector<Node> nodes_;     // breadth first, and one more at the end
  std::vector<Symbol> edges_;   // the symbol that leads to each node
  std::vector<std::pair<std::vector<Symbol>, WordId>> words_;
};

}  // namespace asrkit
