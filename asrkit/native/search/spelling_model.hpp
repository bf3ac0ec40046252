// How likely a word outside the vocabulary is spelled in some way: a character n-gram of the known words.
//
// P(c | h) is Witten-Bell interpolated (Witten & Bell 1991): (count(h c) + types(h) P(c | shorter h)) /
// (count(h) + types(h)), down to the uniform distribution. Every known word counts once: unknown words resemble
// rare words, and most of a vocabulary is rare. Stored in the same back-off arrays as word models.
#pragma once

#include "search/lexicon.hpp"
#include "ngram/ngram_builder.hpp"

namespace asrkit {

class SpellingModel {
 public:
  static constexpr int kOrder = 4;

  SpellingModel(std::size_t num_units, const Lexicon& lexicon);

  ContextId start() const { return view_.start(); }

  // ln P(unit | context), and the context that follows.
  float score(ContextId context, Unit unit, ContextId& next) const {
    return kLn10 * view_.score(context, word_of(unit), next);
  }

  // How a prefix of the lexicon is spelled: its ln P, and the context that follows.
  struct Spelled {
    float log_prob;
    ContextId context;
  };
  const Spelled& spelled(TrieId prefix) const { return spelled_[prefix]; }

  // ln P(end of word | context).
  float finish(ContextId context) const { return kLn10 * view_.finish(context); }

 private:
  void spell_prefixes(const Lexicon& lexicon);

  static constexpr float kLn10 = 2.302585092994046f;
  static constexpr WordId kBegin = 0, kEnd = 1, kUnknown = 2;
  static WordId word_of(Unit unit) { return unit + 3; }

  NgramStorage storage_;
  NgramView view_;
  std::vector<Spelled> spelled_;  // per prefix of the lexicon
};

}  // namespace asrkit
