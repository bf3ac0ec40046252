// One model from several: linear interpolation of their probabilities.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "ngram/backoff_weights.hpp"
#include "ngram/trie_builder.hpp"

namespace asrkit {

// What one model says about the n-grams of a sorted walk. It keeps the contexts of the words it has just seen.
class WalkingReader {
 public:
  WalkingReader(const NgramView& model, const Vocabulary& words) : model_(model) {
    const VocabularyView all = words.view();
    for (WordId word = 0; word < all.num_words; ++word) {
      ids_.push_back(word == kUnknownId ? model.unknown_word : model.vocabulary.find(all.word(word)));
    }
  }

  // p(last word | words before); 0 for a word that the model does not have.
  double probability(const std::vector<std::uint32_t>& words) {
    std::size_t same = 0;
    while (same + 1 < words.size() && same < last_.size() && last_[same] == words[same]) ++same;
    contexts_.resize(words.size() + 1, kEmptyContext);
    for (std::size_t i = same; i + 1 < words.size(); ++i) {
      const WordId id = ids_[words[i]];
      contexts_[i + 1] = kEmptyContext;  // a word that is missing here ends all contexts
      if (id != kNoWord) model_.score(contexts_[i], id, contexts_[i + 1]);
    }
    last_.assign(words.begin(), words.end() - 1);
    const WordId id = ids_[words.back()];
    ContextId ignored;
    return id == kNoWord ? 0.0 : linear(model_.score(contexts_[words.size() - 1], id, ignored));
  }

 private:
  const NgramView& model_;
  std::vector<WordId> ids_;             // of the mixture's words in this model
  std::vector<std::uint32_t> last_;     // the context words of the n-gram before
  std::vector<ContextId> contexts_;     // after 0, 1, ... of them
};

// Has all n-grams of all models. The weights must be positive and sum to one.
inline NgramTrie interpolate(const std::vector<const NgramHandle*>& models, const std::vector<double>& weights) {
  if (models.empty() || models.size() != weights.size()) throw std::invalid_argument("each model needs a weight");
  TrieBuilder builder;
  for (const NgramHandle* model : models) builder.add_model(*model);
  NgramTrie trie = builder.finish();
  std::vector<WalkingReader> readers;
  for (const NgramHandle* model : models) readers.emplace_back(model->tables(), trie.vocabulary);
  for (std::size_t level = 0; level < trie.order(); ++level) {
    NgramLevel& grams = trie.levels[level];
    for (NgramWalk walk(trie, level); !walk.done(); walk.next()) {
      double mixed = 0.0;
      for (std::size_t i = 0; i < readers.size(); ++i) mixed += weights[i] * readers[i].probability(walk.words());
      grams.log10_probs[walk.node()] = mixed > 0.0 ? static_cast<float>(std::log10(std::min(mixed, 1.0))) : kLog10Zero;
    }
    if (level > 0) renormalize_backoffs(trie, level);
  }
  return trie;
}

}  // namespace asrkit
