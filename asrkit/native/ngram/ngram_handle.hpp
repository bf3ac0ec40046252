// An n-gram model as Python holds it: a view, and whatever keeps the viewed memory alive.
#pragma once

#include <memory>
#include <stdexcept>

#include "ngram/ngram_builder.hpp"
#include "ngram/word_model.hpp"

namespace asrkit {

struct NgramHandle {
  NgramView view;
  std::vector<std::uint64_t> counts;  // n-grams of order 1, 2, ...
  std::shared_ptr<const void> owner;
  std::shared_ptr<const WordModel> elsewhere;  // what answers the queries when the view has only a vocabulary

  // What a search asks.
  std::shared_ptr<const WordModel> word_model() const {
    if (elsewhere) return elsewhere;
    return std::make_shared<const NgramWordModel>(view, owner);
  }

  // The arrays; throws std::invalid_argument where there are none.
  const NgramView& tables() const {
    if (elsewhere) throw std::invalid_argument("a KenLM binary only answers queries; start from its ARPA file");
    return view;
  }

  static NgramHandle of(NgramStorage&& storage) {
    auto owner = std::make_shared<const NgramStorage>(std::move(storage));
    return {owner->view(), owner->counts, owner, nullptr};
  }
};

}  // namespace asrkit
