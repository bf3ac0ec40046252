#include "search/lexicon.hpp"

namespace asrkit {

Lexicon::Lexicon(std::size_t num_units, std::vector<Entry> words)
    : has_masks_(num_units <= 64), words_(std::move(words)) {
  std::sort(words_.begin(), words_.end());

  // Each node stands for a range of the sorted words that share its prefix.
  struct Range {
    std::size_t begin, end, depth;
  };
  std::vector<Range> ranges{{0, words_.size(), 0}};
  edges_.push_back(kNoSymbol);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    auto [begin, end, depth] = ranges[i];
    Node node{0, static_cast<TrieId>(ranges.size()), kNoWord};
    entries_.push_back(static_cast<std::uint32_t>(begin));
    if (begin < end && words_[begin].first.size() == depth) node.word = words_[begin].second;
    while (begin < end && words_[begin].first.size() == depth) ++begin;
    while (begin < end) {
      const Unit unit = words_[begin].first[depth];
      std::size_t stop = begin;
      while (stop < end && words_[stop].first[depth] == unit) ++stop;
      if (has_masks_) node.mask |= std::uint64_t{1} << unit;
      ranges.push_back({begin, stop, depth + 1});
      edges_.push_back(unit);
      begin = stop;
    }
    nodes_.push_back(node);
  }
  nodes_.push_back({0, static_cast<TrieId>(ranges.size()), kNoWord});
}

}  // namespace asrkit
