// A model as ARPA text, piece by piece.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

#include "ngram/ngram_trie.hpp"

namespace asrkit {

// Hands out the text in pieces of about the size asked for, so that the caller can compress it and show progress.
class ArpaWriter {
 public:
  explicit ArpaWriter(const NgramTrie& trie) : trie_(trie), walk_(trie, 0) {}

  // The next piece; empty at the end.
  std::string next(std::size_t num_bytes) {
    std::string text;
    text.reserve(num_bytes + 4096);
    if (!is_begun_) write_header(text);
    while (level_ < trie_.order() && text.size() < num_bytes) {
      if (walk_.done()) {
        finish_level(text);
      } else {
        if (!trie_.levels[level_].is_dropped(walk_.node())) write_ngram(text);
        walk_.next();
      }
    }
    return text;
  }

 private:
  void write_header(std::string& text) {
    is_begun_ = true;
    text += "\\data\\\n";
    for (std::size_t level = 0; level < trie_.order(); ++level) {
      text += "ngram " + std::to_string(level + 1) + "=" + std::to_string(trie_.count(level)) + "\n";
    }
    text += "\n\\1-grams:\n";
  }

  void finish_level(std::string& text) {
    ++level_;
    if (level_ == trie_.order()) {
      text += "\n\\end\\\n";
      return;
    }
    walk_ = NgramWalk(trie_, level_);
    text += "\n\\" + std::to_string(level_ + 1) + "-grams:\n";
  }

  void write_ngram(std::string& text) const {
    const NgramLevel& grams = trie_.levels[level_];
    append_log10(text, grams.log10_probs[walk_.node()]);
    char separator = '\t';
    for (const std::uint32_t word : walk_.words()) {
      text += separator;
      text += trie_.vocabulary.view().word(word);
      separator = ' ';
    }
    if (level_ + 1 < trie_.order()) {
      text += '\t';
      append_log10(text, grams.log10_backoffs[walk_.node()]);
    }
    text += '\n';
  }

  // Seven decimals: finer than a float holds, and ten times faster than printf.
  static void append_log10(std::string& text, float value) {
    auto scaled = static_cast<std::int64_t>(std::llround(std::fabs(double{value}) * 1e7));
    if (scaled == 0) {
      text += '0';
      return;
    }
    char digits[32];
    char* next = digits + sizeof(digits);
    int decimals = 7;
    while (decimals > 0 && scaled % 10 == 0) {
      scaled /= 10;
      --decimals;
    }
    for (int i = 0; i < decimals; ++i, scaled /= 10) *--next = static_cast<char>('0' + scaled % 10);
    if (decimals > 0) *--next = '.';
    do {
      *--next = static_cast<char>('0' + scaled % 10);
      scaled /= 10;
    } while (scaled > 0);
    if (value < 0) *--next = '-';
    text.append(next, digits + sizeof(digits));
  }

  const NgramTrie& trie_;
  std::size_t level_ = 0;
  NgramWalk walk_;
  bool is_begun_ = false;
};

}  // namespace asrkit
