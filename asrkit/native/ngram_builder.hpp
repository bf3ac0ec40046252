// Builds the arrays of an n-gram model from its n-grams, lowest order first.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "ngram_model.hpp"

namespace asrkit {

// An n-gram that does not fit to those before it; what() says why.
struct NgramError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Owns the arrays of a model.
struct NgramStorage {
  Vocabulary vocabulary;
  std::vector<UnigramEntry> unigrams;
  std::vector<NgramEntry> entries;
  std::vector<NgramContext> contexts;
  std::vector<std::uint64_t> counts;  // n-grams of order 1, 2, ...
  WordId begin_word = kNoWord, end_word = kNoWord, unknown_word = kNoWord;

  NgramView view() const;
};

class NgramBuilder {
 public:
  // counts: how many n-grams of order 1, 2, ... will come, at most.
  explicit NgramBuilder(const std::vector<std::uint64_t>& counts);

  VocabularyView vocabulary() const { return model_.vocabulary.view(); }

  // Adds a unigram; all of them come first.
  WordId add_word(std::string_view word, float log10_prob, float log10_backoff);

  // Adds an n-gram of order >= 2, of words that were added; orders must not fall.
  void add(const WordId* words, int order, float log10_prob, float log10_backoff);

  // Gives the model away. Contexts that cannot matter are replaced by shorter ones, which merges more hypotheses.
  NgramStorage finish();

 private:
  // While building, every n-gram below the highest order is a context: word w alone is 1 + w.
  static ContextId context_of(WordId word) { return 1 + word; }
  ContextId context_of(const WordId* words, int length) const;
  ContextId longest_suffix(ContextId context, WordId word) const;
  NgramEntry& slot_for(ContextId context, WordId word);

  NgramStorage model_;
  int max_order_;
  std::vector<bool> is_extended_;  // per context: some longer n-gram starts with it
  std::vector<WordId> last_words_;  // the context looked up last; files list n-grams of one context together
  ContextId last_context_ = kEmptyContext;
};

}  // namespace asrkit
