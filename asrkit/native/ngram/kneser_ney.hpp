// Interpolated modified Kneser-Ney estimation (Chen & Goodman 1998), with the conventions of KenLM's lmplz
// (Heafield et al. 2013): the answers are the same up to rounding.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "ngram/ngram_trie.hpp"

namespace asrkit {

// What is taken off an adjusted count of 1, of 2, and of 3 or more.
struct Discounts {
  std::array<double, 4> amounts = {0.0, 0.5, 1.0, 1.5};  // the fallback for artificial text
  double of(std::uint64_t count) const { return amounts[std::min<std::uint64_t>(count, 3)]; }
};

struct KneserNeyOptions {
  std::vector<std::uint64_t> prune;  // by order: n-grams seen this often or less are left out
  std::vector<bool> kept_words;      // by word index; empty: all; n-grams with another word are left out
  bool discount_fallback = false;    // use Discounts' defaults where the text gives no usable ones
};

class KneserNey {
 public:
  KneserNey(NgramTrie& trie, const KneserNeyOptions& options) : trie_(trie), options_(options) {}

  // Turns raw counts into probabilities and back-offs; returns the discounts of each order.
  std::vector<Discounts> estimate() {
    if (trie_.levels.back().size() == 0) {
      throw std::invalid_argument("order " + std::to_string(trie_.order()) +
                                  " is too high: no sentence is long enough; lower the order");
    }
    link_suffixes(trie_);
    for (std::size_t level = 0; level < trie_.order(); ++level) mark_dropped(level);
    for (std::size_t level = 0; level < trie_.order(); ++level) adjust_counts(level);
    std::vector<Discounts> discounts;
    for (std::size_t level = 0; level < trie_.order(); ++level) {
      discounts.push_back(discounts_of(level));
      estimate_level(level, discounts.back());
    }
    for (NgramLevel& grams : trie_.levels) {
      to_log10(grams.log10_probs);
      to_log10(grams.log10_backoffs);
    }
    return discounts;
  }

 private:
  // Raw counts decide. Thresholds never fall with the order, so what stays always has its suffix and its context.
  void mark_dropped(std::size_t level) {
    NgramLevel& grams = trie_.levels[level];
    const std::uint64_t threshold = level < options_.prune.size() ? options_.prune[level] : 0;
    if (threshold == 0 && options_.kept_words.empty()) return;
    grams.dropped.resize(grams.size());
    for_each_context(trie_, level, [&](std::uint32_t context, std::uint32_t begin, std::uint32_t end) {
      const bool drop_all = level > 0 && trie_.levels[level - 1].is_dropped(context);
      for (std::uint32_t node = begin; node < end; ++node) {
        const bool is_known = options_.kept_words.empty() || options_.kept_words[grams.words[node]];
        grams.dropped[node] = drop_all || !is_known || (threshold > 0 && grams.counts[node] <= threshold);
      }
    });
  }

  // Below the highest order the count of an n-gram becomes the number of words seen before it. N-grams that begin
  // with <s> have no word before them and keep their raw count. <s> itself is never predicted.
  void adjust_counts(std::size_t level) {
    NgramLevel& grams = trie_.levels[level];
    if (level + 1 < trie_.order()) {
      std::uint64_t first = kBeginId;
      std::uint64_t last = kBeginId + 1;
      for (std::size_t k = 0; k < level; ++k) {
        first = trie_.levels[k].first_child[first];
        last = trie_.levels[k].first_child[last];
      }
      for (std::uint64_t node = 0; node < grams.size(); ++node) {
        if (node < first || node >= last) grams.counts[node] = 0;
      }
      for (const std::uint32_t suffix : trie_.levels[level + 1].suffixes) {
        if (suffix < first || suffix >= last) ++grams.counts[suffix];
      }
    }
    if (level == 0) grams.counts[kBeginId] = 0;
  }

  // Chen & Goodman's estimate from the counts of counts, before pruning.
  Discounts discounts_of(std::size_t level) const {
    std::array<double, 5> seen{};
    for (const std::uint64_t count : trie_.levels[level].counts) {
      if (count < seen.size()) seen[count] += 1;
    }
    const std::string order = std::to_string(level + 1);
    for (std::size_t k = 1; k < 4; ++k) {
      if (seen[k] > 0) continue;
      return fallback("no " + order + "-gram has an adjusted count of " + std::to_string(k));
    }
    Discounts discounts;
    const double share = seen[1] / (seen[1] + 2 * seen[2]);
    for (std::size_t k = 1; k < 4; ++k) {
      const double count = static_cast<double>(k);
      discounts.amounts[k] = count - (count + 1) * share * seen[k + 1] / seen[k];
      if (std::abs(discounts.amounts[k]) < 1e-12) discounts.amounts[k] = 0;  // and not what rounding left of it
      if (discounts.amounts[k] < 0 || discounts.amounts[k] > count) {
        return fallback("the " + order + "-gram discount for a count of " + std::to_string(k) + " is out of range");
      }
    }
    return discounts;
  }

  Discounts fallback(const std::string& reason) const {
    if (options_.discount_fallback) return Discounts();
    throw std::invalid_argument("the text is too small or too repetitive for Kneser-Ney discounts (" + reason +
                                "); use more text, a lower --order, or --discount-fallback");
  }

  static void to_log10(std::vector<float>& values) {
    for (float& value : values) value = value > 0.0f ? static_cast<float>(std::log10(double{value})) : kLog10Zero;
  }

  // Linear values until the end of estimate(). Discounted share of the context plus what the context leaves, spent as the lower order says.
  void estimate_level(std::size_t level, const Discounts& discounts) {
    NgramLevel& grams = trie_.levels[level];
    grams.log10_probs.resize(grams.size());
    if (level + 1 < trie_.order()) grams.log10_backoffs.assign(grams.size(), 1.0f);
    const double uniform = 1.0 / (static_cast<double>(trie_.count(0)) - 1.0);  // <unk> counts, <s> does not
    for_each_context(trie_, level, [&](std::uint32_t context, std::uint32_t begin, std::uint32_t end) {
      double total = 0;
      double left = 0;
      for (std::uint32_t node = begin; node < end; ++node) {
        const std::uint64_t count = grams.counts[node];
        total += static_cast<double>(count);
        left += grams.is_dropped(node) ? static_cast<double>(count) : discounts.of(count);
      }
      const double backoff = left / total;
      if (level > 0) trie_.levels[level - 1].log10_backoffs[context] = static_cast<float>(backoff);
      for (std::uint32_t node = begin; node < end; ++node) {
        const std::uint64_t count = grams.counts[node];
        const double lower = level == 0 ? uniform : trie_.levels[level - 1].log10_probs[grams.suffixes[node]];
        const double own = (static_cast<double>(count) - discounts.of(count)) / total;
        grams.log10_probs[node] = static_cast<float>(own + backoff * lower);
      }
    });
    if (level == 0) grams.log10_probs[kBeginId] = 1.0f;  // a mark, never predicted
    std::vector<std::uint64_t>().swap(grams.counts);
  }

  NgramTrie& trie_;
  const KneserNeyOptions& options_;
};

}  // namespace asrkit
