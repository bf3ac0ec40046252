// Builds the arrays of an n-gram model from its n-grams, lowest order first.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "machine/huge_pages.hpp"
#include "ngram/ngram_model.hpp"

namespace asrkit {

// An n-gram that does not fit to those before it; what() says why.
struct NgramError : std::runtime_error {
  explicit NgramError(const std::string& message, std::size_t index = 0) : std::runtime_error(message), index(index) {}
  std::size_t index;  // which n-gram of a batch
};

// N-grams of one order.
struct NgramBatch {
  int order = 0;
  std::vector<WordId> words;  // `order` of them for each n-gram
  std::vector<float> log10_probs;
  std::vector<float> log10_backoffs;

  std::size_t size() const { return log10_probs.size(); }
  const WordId* gram(std::size_t index) const { return words.data() + index * static_cast<std::size_t>(order); }

  void add(const WordId* gram, float log10_prob, float log10_backoff) {
    words.insert(words.end(), gram, gram + order);
    log10_probs.push_back(log10_prob);
    log10_backoffs.push_back(log10_backoff);
  }

  void clear() {
    words.clear();
    log10_probs.clear();
    log10_backoffs.clear();
  }
};

// Owns the arrays of a model.
struct NgramStorage {
  Vocabulary vocabulary;
  std::vector<UnigramEntry> unigrams;
  HugeVector<NgramEntry> entries;
  HugeVector<NgramContext> contexts;
  std::vector<std::uint64_t> counts;  // n-grams of order 1, 2, ...
  WordId begin_word = kNoWord, end_word = kNoWord, unknown_word = kNoWord;

  NgramView view() const;
};

class NgramBuilder {
 public:
  // counts: how many n-grams of order 1, 2, ... will come, at most.
  void begin(const std::vector<std::uint64_t>& counts);
  VocabularyView vocabulary() const { return model_.vocabulary.view(); }
  WordId add_word(std::string_view word, float log10_prob, float log10_backoff);

  // Adds n-grams of order >= 2, or one, of words that were added; orders never fall.
  void add(const NgramBatch& batch);
  void add(const WordId* words, int order, float log10_prob, float log10_backoff);

  // Gives the model away. Contexts that cannot matter are replaced by shorter ones, which merges more hypotheses.
  NgramStorage finish();

 private:
  // While building, every n-gram below the highest order is a context: word w alone is 1 + w.
  static ContextId context_of(WordId word) { return 1 + word; }
  void find_contexts(const NgramBatch& batch);
  void find_suffixes(const NgramBatch& batch);
  ContextId longest_suffix(ContextId context, WordId word) const;
  void insert(const NgramBatch& batch, std::size_t index);
  void add_missing_unknown();
  const NgramEntry* first_slot(ContextId context, WordId word) const;
  NgramEntry& slot_for(ContextId context, WordId word);

  NgramStorage model_;
  NgramView view_;  // of the arrays as they are while n-grams are added
  int max_order_ = 0;
  std::vector<bool> is_extended_;     // per context: some longer n-gram starts with it
  std::vector<ContextId> contexts_;   // of the n-grams of a batch
  std::vector<ContextId> suffixes_;
  std::vector<bool> is_same_context_;  // as that of the n-gram before
};

}  // namespace asrkit
