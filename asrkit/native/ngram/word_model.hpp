// What the search asks of a language model. Probabilities are natural logarithms here and above.
#pragma once

#include <algorithm>
#include <memory>

#include "ngram/ngram_model.hpp"

namespace asrkit {

constexpr float kLn10 = 2.302585092994046f;

class WordModel {
 public:
  virtual ~WordModel() = default;

  // The context at the start of a sentence. Equal contexts have equal futures.
  virtual ContextId start() const = 0;

  // ln p(word | context), and the context that follows. Never positive: what a model's back-offs make more than
  // certain is certain, and no mass of the search can grow out of the range of a float by it.
  virtual float score(ContextId context, WordId word, ContextId& next) const = 0;

  // Announces that score(context, word) may be asked soon.
  virtual void ask_for(ContextId, WordId) const {}

  // ln p(end of sentence | context).
  virtual float finish(ContextId context) const = 0;

  // The word that stands for all words outside the vocabulary.
  virtual WordId unknown_word() const = 0;
};

class NgramWordModel final : public WordModel {
 public:
  // The owner keeps the viewed arrays alive.
  NgramWordModel(const NgramView& view, std::shared_ptr<const void> owner) : view_(view), owner_(std::move(owner)) {}

  ContextId start() const override { return view_.start(); }
  float score(ContextId context, WordId word, ContextId& next) const override {
    return std::min(kLn10 * view_.score(context, word, next), 0.0f);
  }
  void ask_for(ContextId context, WordId word) const override { view_.ask_for(context, word); }
  float finish(ContextId context) const override { return std::min(kLn10 * view_.finish(context), 0.0f); }
  WordId unknown_word() const override { return view_.unknown_word; }

 private:
  NgramView view_;
  std::shared_ptr<const void> owner_;
};

}  // namespace asrkit
