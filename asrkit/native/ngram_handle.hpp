// An n-gram model as Python holds it: a view, and whatever keeps the viewed memory alive.
#pragma once

#include <memory>

#include "ngram_builder.hpp"

namespace asrkit {

struct NgramHandle {
  NgramView view;
  std::vector<std::uint64_t> counts;  // n-grams of order 1, 2, ...
  std::shared_ptr<const void> owner;

  static NgramHandle of(NgramStorage&& storage) {
    auto owner = std::make_shared<const NgramStorage>(std::move(storage));
    return {owner->view(), owner->counts, owner};
  }
};

}  // namespace asrkit
