// N-gram queries over flat arrays. All probabilities in this file are log10, as in the ARPA format.
//
// A context is the part of the history that can still matter, as one 32-bit number: equal numbers mean equal
// futures, so hypotheses with the same number may be merged. A query looks the n-gram (context, word) up; when it is
// missing, it pays the context's back-off and tries the next shorter context. Most queries end after one or two
// look-ups, each in one cache line or two.
#pragma once

#include <cstdint>

#include "vocabulary.hpp"

namespace asrkit {

using ContextId = std::uint32_t;
constexpr ContextId kEmptyContext = 0;

// An n-gram of order 2 and more, in an open hash table; empty where word == kNoWord.
struct NgramEntry {
  ContextId context;
  WordId word;
  float log10_prob;
  ContextId next;  // the context after this n-gram
};

struct UnigramEntry {
  float log10_prob;
  ContextId next;
};

struct NgramContext {
  float log10_backoff;
  ContextId suffix;  // the longest shorter context that exists
};

// The arrays of a model. They belong to someone else: a builder's result or a memory-mapped file.
struct NgramView {
  int order = 0;
  VocabularyView vocabulary;
  const UnigramEntry* unigrams = nullptr;   // one per word
  const NgramEntry* entries = nullptr;      // num_slots of them, at least one empty
  const NgramContext* contexts = nullptr;   // num_contexts of them; [0] is the empty one
  std::uint64_t num_slots = 0;
  std::uint32_t num_contexts = 0;
  WordId begin_word = kNoWord;    // <s>
  WordId end_word = kNoWord;      // </s>
  WordId unknown_word = kNoWord;  // <unk>

  static std::uint64_t hash(ContextId context, WordId word) {
    return mix_bits((std::uint64_t{context} << 32) | word);
  }

  const NgramEntry* find(ContextId context, WordId word) const {
    for (std::uint64_t slot = slot_of(hash(context, word), num_slots);; slot = slot + 1 == num_slots ? 0 : slot + 1) {
      const NgramEntry& entry = entries[slot];
      if (entry.word == word && entry.context == context) return &entry;
      if (entry.word == kNoWord) return nullptr;
    }
  }

  // The context at the start of a sentence.
  ContextId start() const { return unigrams[begin_word].next; }

  // log10 p(word | context), and the context that follows. The word must be in the vocabulary.
  float score(ContextId context, WordId word, ContextId& next) const {
    float total = 0.0f;
    while (context != kEmptyContext) {
      if (const NgramEntry* entry = find(context, word)) {
        next = entry->next;
        return total + entry->log10_prob;
      }
      total += contexts[context].log10_backoff;
      context = contexts[context].suffix;
    }
    next = unigrams[word].next;
    return total + unigrams[word].log10_prob;
  }

  // log10 p(</s> | context).
  float finish(ContextId context) const {
    ContextId ignored;
    return score(context, end_word, ignored);
  }
};

}  // namespace asrkit
