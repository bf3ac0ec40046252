// Pruning by relative entropy (Stolcke 1998): an n-gram goes when the model without it is almost the same.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ngram/backoff_weights.hpp"

namespace asrkit {

// Drops n-grams whose loss raises the perplexity by less than a share of `threshold`. What stays keeps its context
// and its suffix, so that any program can read the model; that keeps a few n-grams more than the threshold asks for.
class EntropyPruning {
 public:
  EntropyPruning(NgramTrie& trie, double threshold) : trie_(trie), threshold_(threshold) {}

  void prune() {
    weigh_contexts();
    for (NgramLevel& grams : trie_.levels) {
      grams.dropped.assign(grams.size(), false);
      needed_.emplace_back(grams.size(), false);
    }
    for (std::size_t level = trie_.order() - 1; level > 0; --level) prune_level(level);
    for (std::size_t level = 1; level < trie_.order(); ++level) renormalize_backoffs(trie_, level);
  }

 private:
  // How often each word stands in text that the model makes: the fixed point of its 2-grams, with <s> as often as
  // </s>. The 1-grams will not do: Kneser-Ney makes them rare where a word follows few others (Chelba et al. 2010).
  std::vector<double> word_shares() const {
    const NgramLevel& unigrams = trie_.levels[0];
    const NgramLevel& bigrams = trie_.levels[1];
    std::vector<double> shares(unigrams.size());
    for (std::size_t word = 0; word < shares.size(); ++word) shares[word] = linear(unigrams.log10_probs[word]);
    for (int round = 0; round < kRounds; ++round) {
      shares[kBeginId] = shares[kEndId];
      shares[kEndId] = 0.0;  // nothing follows it
      std::vector<double> next(shares.size(), 0.0);
      double backed_off = 0.0;
      for_each_context(trie_, 1, [&](std::uint32_t context, std::uint32_t begin, std::uint32_t end) {
        const double backoff = linear(unigrams.log10_backoffs[context]);
        for (std::uint32_t node = begin; node < end; ++node) {
          const std::uint32_t word = bigrams.words[node];
          next[word] += shares[context] *
                        (linear(bigrams.log10_probs[node]) - backoff * linear(unigrams.log10_probs[word]));
        }
      });
      for (std::size_t word = 0; word < shares.size(); ++word) {
        backed_off += shares[word] * linear(unigrams.log10_backoffs[word]);
      }
      for (std::size_t word = 0; word < shares.size(); ++word) {
        if (word != kBeginId) next[word] += backed_off * linear(unigrams.log10_probs[word]);
      }
      shares.swap(next);
    }
    shares[kBeginId] = shares[kEndId];
    return shares;
  }

  // ln p of each context, by the chain rule.
  void weigh_contexts() {
    ln_weights_.resize(trie_.order() - 1);
    for (std::size_t level = 0; level + 1 < trie_.order(); ++level) {
      const NgramLevel& grams = trie_.levels[level];
      std::vector<double>& weights = ln_weights_[level];
      weights.resize(grams.size());
      for_each_context(trie_, level, [&](std::uint32_t context, std::uint32_t begin, std::uint32_t end) {
        const double above = level == 0 ? 0.0 : ln_weights_[level - 1][context];
        for (std::uint32_t node = begin; node < end; ++node) weights[node] = above + kLn10 * grams.log10_probs[node];
      });
      if (level > 0) continue;
      const std::vector<double> shares = word_shares();
      for (std::size_t word = 0; word < weights.size(); ++word) weights[word] = std::log(std::max(shares[word], 1e-30));
    }
  }

  void prune_level(std::size_t level) {
    NgramLevel& grams = trie_.levels[level];
    const NgramLevel& contexts = trie_.levels[level - 1];
    LowerOrder lower(trie_, level);
    std::vector<double> lower_probs;
    for (NgramWalk walk(trie_, level - 1); !walk.done(); walk.next()) {
      const std::uint32_t begin = contexts.first_child[walk.node()];
      const std::uint32_t end = contexts.first_child[walk.node() + 1];
      LeftOver left;
      lower_probs.clear();
      for (std::uint32_t node = begin; node < end; ++node) {
        lower_probs.push_back(lower(node, walk.words()));
        left.own -= linear(grams.log10_probs[node]);
        left.lower -= lower_probs.back();
      }
      const double weight = std::exp(ln_weights_[level - 1][walk.node()]);
      for (std::uint32_t node = begin; node < end; ++node) {
        const double own = linear(grams.log10_probs[node]);
        const bool is_cheap = std::expm1(weight * loss(left, own, lower_probs[node - begin])) < threshold_;
        grams.dropped[node] = is_cheap && !needed_[level][node];
        if (!grams.dropped[node]) need(level, node, walk.node());
      }
    }
  }

  // The relative entropy, in nats given the context, of dropping an n-gram with probability `own`.
  static double loss(const LeftOver& left, double own, double lower) {
    const LeftOver without{left.own + own, left.lower + lower};
    const double ln_backoff = std::log(left.backoff());
    const double ln_without = std::log(without.backoff());
    return own * (std::log(std::max(own, LeftOver::kLeast)) - std::log(std::max(lower, LeftOver::kLeast)) - ln_without) +
           left.own * (ln_backoff - ln_without);
  }

  void need(std::size_t level, std::uint32_t node, std::uint32_t context) {
    needed_[level - 1][context] = true;
    const std::uint32_t suffix = trie_.levels[level].suffixes[node];
    if (suffix != kNoNode) needed_[level - 1][suffix] = true;
  }

  static constexpr int kRounds = 10;
  static constexpr double kLn10 = 2.302585092994045684;

  NgramTrie& trie_;
  double threshold_;
  std::vector<std::vector<double>> ln_weights_;
  std::vector<std::vector<bool>> needed_;  // n-grams that are the context or the suffix of one that stays
};

}  // namespace asrkit
