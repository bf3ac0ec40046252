// The n-grams of a model as a trie of their words, first word first: what estimation, pruning and mixing work on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "ngram/vocabulary.hpp"

namespace asrkit {

// The special words have fixed ids in a trie.
constexpr WordId kUnknownId = 0;  // <unk>
constexpr WordId kBeginId = 1;    // <s>
constexpr WordId kEndId = 2;      // </s>

constexpr float kLog10Zero = -99.0f;  // what ARPA files write for a probability of zero

// All n-grams of one order, sorted by their words: the children of a context stand side by side.
struct NgramLevel {
  std::vector<std::uint32_t> words;        // the last word of each n-gram
  std::vector<std::uint32_t> first_child;  // into the next level; one more entry than words, none at the highest order
  std::vector<std::uint32_t> suffixes;     // the n-gram without its first word, in the level below
  std::vector<std::uint64_t> counts;       // while estimating
  std::vector<bool> dropped;               // n-grams to leave out; empty when all stay
  std::vector<float> log10_probs;          // log10 p(last word | words before)
  std::vector<float> log10_backoffs;       // 0 where the n-gram is no context; none at the highest order

  std::size_t size() const { return words.size(); }
  bool is_dropped(std::size_t node) const { return !dropped.empty() && dropped[node]; }
};

// levels[k] holds the n-grams of order k + 1. At the first level the position of a word is its index.
struct NgramTrie {
  Vocabulary vocabulary;
  std::vector<NgramLevel> levels;

  std::size_t order() const { return levels.size(); }

  std::size_t count(std::size_t level) const {
    const NgramLevel& grams = levels[level];
    if (grams.dropped.empty()) return grams.size();
    return grams.size() - static_cast<std::size_t>(std::count(grams.dropped.begin(), grams.dropped.end(), true));
  }

  // Those of all levels.
  std::vector<std::size_t> counts() const {
    std::vector<std::size_t> counts;
    for (std::size_t level = 0; level < order(); ++level) counts.push_back(count(level));
    return counts;
  }
};

// Position of `word` among the children [begin, end), or `end`. Searches outwards from `begin`, so that a caller who
// walks two sorted lists side by side pays little for each step.
inline std::uint32_t find_child(const std::vector<std::uint32_t>& words, std::uint32_t begin, std::uint32_t end,
                                std::uint32_t word) {
  std::uint32_t low = begin;
  std::uint32_t step = 1;
  while (low < end && end - low > step && words[low + step] < word) {
    low += step;
    step *= 2;
  }
  const std::uint32_t high = end - low > step ? low + step + 1 : end;
  const auto found = std::lower_bound(words.begin() + low, words.begin() + high, word);
  const auto position = static_cast<std::uint32_t>(found - words.begin());
  return position < end && words[position] == word ? position : end;
}

// The position of an n-gram in its level, or kNoNode.
constexpr std::uint32_t kNoNode = 0xffffffffu;

inline std::uint32_t find_node(const NgramTrie& trie, const std::uint32_t* words, std::size_t length) {
  std::uint32_t node = words[0];
  for (std::size_t level = 1; level < length; ++level) {
    const std::vector<std::uint32_t>& first = trie.levels[level - 1].first_child;
    const std::uint32_t end = first[node + 1];
    const std::uint32_t child = find_child(trie.levels[level].words, first[node], end, words[level]);
    if (child == end) return kNoNode;
    node = child;
  }
  return node;
}

// Calls visit(context, begin, end) for the children of each context of one level's n-grams.
template <class Visit>
void for_each_context(const NgramTrie& trie, std::size_t level, Visit visit) {
  if (level == 0) {
    visit(0u, 0u, static_cast<std::uint32_t>(trie.levels[0].size()));
    return;
  }
  const std::vector<std::uint32_t>& first = trie.levels[level - 1].first_child;
  for (std::uint32_t context = 0; context + 1 < first.size(); ++context) {
    if (first[context] < first[context + 1]) visit(context, first[context], first[context + 1]);
  }
}

// Fills NgramLevel::suffixes; kNoNode where a model of another program has left the suffix out.
inline void link_suffixes(NgramTrie& trie) {
  for (std::size_t level = 1; level < trie.order(); ++level) {
    NgramLevel& grams = trie.levels[level];
    const NgramLevel& below = trie.levels[level - 1];
    grams.suffixes.resize(grams.size());
    if (level == 1) {
      std::copy(grams.words.begin(), grams.words.end(), grams.suffixes.begin());
      continue;
    }
    const std::vector<std::uint32_t>& siblings = trie.levels[level - 2].first_child;
    for_each_context(trie, level, [&](std::uint32_t context, std::uint32_t begin, std::uint32_t end) {
      const std::uint32_t suffix_context = below.suffixes[context];
      if (suffix_context == kNoNode) {
        std::fill(grams.suffixes.begin() + begin, grams.suffixes.begin() + end, kNoNode);
        return;
      }
      std::uint32_t low = siblings[suffix_context];
      const std::uint32_t high = siblings[suffix_context + 1];
      for (std::uint32_t node = begin; node < end; ++node) {
        const std::uint32_t found = find_child(below.words, low, high, grams.words[node]);
        grams.suffixes[node] = found == high ? kNoNode : found;
        if (found != high) low = found + 1;
      }
    });
  }
}

// Walks the n-grams of one order in sorted order and knows the words of each.
class NgramWalk {
 public:
  NgramWalk(const NgramTrie& trie, std::size_t level) : trie_(&trie), path_(level + 1, 0), words_(level + 1) {
    settle();
  }

  bool done() const { return path_.back() >= trie_->levels[path_.size() - 1].size(); }
  std::uint32_t node() const { return path_.back(); }
  const std::vector<std::uint32_t>& words() const { return words_; }

  void next() {
    ++path_.back();
    settle();
  }

 private:
  void settle() {
    if (done()) return;
    std::size_t level = path_.size() - 1;
    words_[level] = trie_->levels[level].words[path_[level]];
    while (level > 0) {
      const std::vector<std::uint32_t>& first = trie_->levels[level - 1].first_child;
      std::uint32_t parent = path_[level - 1];
      const bool is_new = words_known_ == false || first[parent + 1] <= path_[level];
      if (!is_new) return;
      while (first[parent + 1] <= path_[level]) ++parent;
      --level;
      path_[level] = parent;
      words_[level] = trie_->levels[level].words[parent];
    }
    words_known_ = true;
  }

  const NgramTrie* trie_;
  std::vector<std::uint32_t> path_;  // the n-gram and the contexts above it
  std::vector<std::uint32_t> words_;
  bool words_known_ = false;
};

}  // namespace asrkit
