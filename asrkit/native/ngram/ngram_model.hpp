// N-gram queries over flat arrays. All probabilities in this file are log10, as in the ARPA format.
//
// A context is the part of the history that can still matter, as one 32-bit number: equal numbers mean equal
// futures, so hypotheses with the same number may be merged. A query looks the n-gram (context, word) up; when it is
// missing, it pays the context's back-off and tries the next shorter context. Most queries end after one or two
// look-ups, each in one cache line or two.
//
// The arrays may lie in a memory-mapped file that changed since it was checked: whatever they hold, queries end and
// read nothing outside them. That costs a comparison for each context.
#pragma once

#include <cstdint>

#include "ngram/vocabulary.hpp"

namespace asrkit {

using ContextId = std::uint32_t;
constexpr ContextId kEmptyContext = 0;

// What log10 probabilities and back-offs lie between; no tool writes others. A sum of as many as an order has, or the
// number it is the logarithm of, fits a double. Not a number is neither.
constexpr float kLeastLog10 = -10000.0f, kMostLog10Backoff = 20.0f;
inline bool is_log10_prob(double value) { return value >= kLeastLog10 && value <= 0.0; }
inline bool is_log10_backoff(double value) { return value >= kLeastLog10 && value <= kMostLog10Backoff; }

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

// The same in fewer bytes: a context of 24 bits above the 8-bit code of a log10 value.
struct QuantizedEntry {
  ContextId context;
  WordId word;
  std::uint32_t packed;
};
constexpr std::uint32_t kMaxQuantizedContexts = 1u << 24;
constexpr std::size_t kNumCodes = 256;

// What a look-up finds.
struct FoundNgram {
  float log10_value;
  ContextId context;
};

// The arrays of a model. They belong to someone else: a builder's result or a memory-mapped file.
struct NgramView {
  int order = 0;
  VocabularyView vocabulary;
  const UnigramEntry* unigrams = nullptr;  // one per word
  const NgramEntry* entries = nullptr;     // num_slots of them
  const NgramContext* contexts = nullptr;  // num_contexts of them, at least one; [0] is the empty one
  std::uint64_t num_slots = 0;
  std::uint32_t num_contexts = 0;
  WordId begin_word = kNoWord;    // <s>
  WordId end_word = kNoWord;      // </s>
  WordId unknown_word = kNoWord;  // <unk>

  // A quantized model has these instead of entries and contexts; the tables have kNumCodes values each.
  const QuantizedEntry* quantized_entries = nullptr;
  const std::uint32_t* quantized_contexts = nullptr;
  const float* log10_probs = nullptr;
  const float* log10_backoffs = nullptr;

  bool is_quantized() const { return quantized_entries != nullptr; }

  static std::uint64_t hash(ContextId context, WordId word) {
    return mix_bits((std::uint64_t{context} << 32) | word);
  }

  // The context at the start of a sentence.
  ContextId start() const { return unigrams[begin_word].next; }

  // log10 p(word | context), and the context that follows. The word must be in the vocabulary.
  float score(ContextId context, WordId word, ContextId& next) const {
    float total = 0.0f;
    for (int left = order; context != kEmptyContext && left > 0; --left) {
      FoundNgram found;
      if (find(context, word, found)) {
        next = found.context;
        return total + found.log10_value;
      }
      const FoundNgram shorter = shorten(context);
      total += shorter.log10_value;
      context = shorter.context;
    }
    next = unigrams[word].next;
    return total + unigrams[word].log10_prob;
  }

  // log10 p(</s> | context).
  float finish(ContextId context) const {
    ContextId ignored;
    return score(context, end_word, ignored);
  }

  // Looks up one n-gram: its log10 probability and the context after it.
  bool find(ContextId context, WordId word, FoundNgram& found) const {
    if (is_quantized()) {
      const QuantizedEntry* entry = find_in(quantized_entries, context, word);
      if (entry == nullptr) return false;
      found = {log10_probs[entry->packed & 0xFFu], entry->packed >> 8};
      return true;
    }
    const NgramEntry* entry = find_in(entries, context, word);
    if (entry == nullptr) return false;
    found = {entry->log10_prob, entry->next};
    return true;
  }

  // The n-gram in a slot of the table; false where the slot is empty.
  bool entry_at(std::uint64_t slot, NgramEntry& entry) const {
    if (is_quantized()) {
      const QuantizedEntry& quantized = quantized_entries[slot];
      entry = {quantized.context, quantized.word, log10_probs[quantized.packed & 0xFFu], quantized.packed >> 8};
    } else {
      entry = entries[slot];
    }
    return entry.word != kNoWord;
  }

  // Asks for the cache lines that a query needs first.
  void ask_for(ContextId context, WordId word) const {
    const std::uint64_t slot = slot_of(hash(context, word), num_slots);
    if (context >= num_contexts) return;
    if (is_quantized()) {
      prefetch(quantized_entries + slot);
      prefetch(quantized_contexts + context);
    } else {
      prefetch(entries + slot);
      prefetch(contexts + context);
    }
  }

  // The log10 back-off of a context and the next shorter context.
  FoundNgram shorten(ContextId context) const {
    if (context >= num_contexts) return {0.0f, kEmptyContext};
    if (is_quantized()) {
      const std::uint32_t packed = quantized_contexts[context];
      return {log10_backoffs[packed & 0xFFu], packed >> 8};
    }
    return {contexts[context].log10_backoff, contexts[context].suffix};
  }

 private:
  template <class Entry>
  const Entry* find_in(const Entry* table, ContextId context, WordId word) const {
    std::uint64_t slot = slot_of(hash(context, word), num_slots);
    for (std::uint64_t left = num_slots; left > 0; --left) {
      const Entry& entry = table[slot];
      if (entry.word == word && entry.context == context) return &entry;
      if (entry.word == kNoWord) return nullptr;
      slot = slot + 1 == num_slots ? 0 : slot + 1;
    }
    return nullptr;
  }
};

}  // namespace asrkit
