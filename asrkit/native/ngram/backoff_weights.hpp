// Back-off weights that make a model sum to one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ngram/ngram_trie.hpp"

namespace asrkit {

inline double linear(float log10_value) { return log10_value <= kLog10Zero ? 0.0 : std::pow(10.0, double{log10_value}); }

// log10 p(last word | words before), by the definition of a back-off model. For the few n-grams whose suffix is not
// listed; the others have NgramLevel::suffixes.
inline double backed_off_log10(const NgramTrie& trie, const std::uint32_t* words, std::size_t length) {
  const std::uint32_t node = find_node(trie, words, length);
  if (node != kNoNode && !trie.levels[length - 1].is_dropped(node)) return trie.levels[length - 1].log10_probs[node];
  const std::uint32_t context = find_node(trie, words, length - 1);
  const double backoff = context == kNoNode ? 0.0 : double{trie.levels[length - 2].log10_backoffs[context]};
  return backoff + backed_off_log10(trie, words + 1, length - 1);
}

// The probability of an n-gram's last word in the next shorter context.
class LowerOrder {
 public:
  LowerOrder(const NgramTrie& trie, std::size_t level) : trie_(trie), level_(level) {}

  double operator()(std::uint32_t node, const std::vector<std::uint32_t>& context_words) {
    const std::uint32_t suffix = trie_.levels[level_].suffixes[node];
    const NgramLevel& below = trie_.levels[level_ - 1];
    if (suffix != kNoNode && !below.is_dropped(suffix)) return linear(below.log10_probs[suffix]);
    words_.assign(context_words.begin() + 1, context_words.end());
    words_.push_back(trie_.levels[level_].words[node]);
    return std::pow(10.0, backed_off_log10(trie_, words_.data(), words_.size()));
  }

 private:
  const NgramTrie& trie_;
  std::size_t level_;
  std::vector<std::uint32_t> words_;
};

// What the listed n-grams of a context leave to the others, in its own and in the next shorter context.
struct LeftOver {
  double own = 1.0;
  double lower = 1.0;
  double backoff() const { return std::max(own, kLeast) / std::max(lower, kLeast); }
  static constexpr double kLeast = 1e-9;  // sums of floats may pass one by a little
};

// Computes the back-off weights of the contexts of one level's n-grams anew; the levels below must be done.
inline void renormalize_backoffs(NgramTrie& trie, std::size_t level) {
  NgramLevel& grams = trie.levels[level];
  NgramLevel& contexts = trie.levels[level - 1];
  LowerOrder lower(trie, level);
  for (NgramWalk walk(trie, level - 1); !walk.done(); walk.next()) {
    LeftOver left;
    bool has_children = false;
    for (std::uint32_t node = contexts.first_child[walk.node()]; node < contexts.first_child[walk.node() + 1]; ++node) {
      if (grams.is_dropped(node)) continue;
      has_children = true;
      left.own -= linear(grams.log10_probs[node]);
      left.lower -= lower(node, walk.words());
    }
    contexts.log10_backoffs[walk.node()] = has_children ? static_cast<float>(std::log10(left.backoff())) : 0.0f;
  }
}

}  // namespace asrkit
