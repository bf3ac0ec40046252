#include "ngram_builder.hpp"

#include <algorithm>

namespace asrkit {

namespace {

// KenLM gives an unlisted <unk> this probability; models without one then score alike.
constexpr float kMissingUnknownLog10Prob = -100.0f;

std::uint64_t num_slots_for(std::uint64_t num_entries) { return num_entries + num_entries * 2 / 3 + 2; }

}  // namespace

NgramView NgramStorage::view() const {
  NgramView view;
  view.order = static_cast<int>(counts.size());
  view.vocabulary = vocabulary.view();
  view.unigrams = unigrams.data();
  view.entries = entries.data();
  view.contexts = contexts.data();
  view.num_slots = entries.size();
  view.num_contexts = static_cast<std::uint32_t>(contexts.size());
  view.begin_word = begin_word;
  view.end_word = end_word;
  view.unknown_word = unknown_word;
  return view;
}

NgramBuilder::NgramBuilder(const std::vector<std::uint64_t>& counts)
    : max_order_(static_cast<int>(counts.size())) {
  std::uint64_t num_entries = 0, num_contexts = 2;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (i > 0) num_entries += counts[i];
    if (i + 1 < counts.size() || i == 0) num_contexts += counts[i];
  }
  if (num_slots_for(num_entries) >= 0xFFFFFFFFull) throw NgramError("more n-grams than 32-bit numbers can count");
  model_.vocabulary = Vocabulary(counts[0]);
  model_.counts.assign(counts.size(), 0);
  model_.unigrams.reserve(counts[0] + 1);
  model_.contexts.reserve(num_contexts);
  model_.contexts.push_back({0.0f, kEmptyContext});
  model_.entries.assign(num_slots_for(num_entries), {kEmptyContext, kNoWord, 0.0f, kEmptyContext});
  is_extended_.push_back(true);
}

WordId NgramBuilder::add_word(std::string_view word, float log10_prob, float log10_backoff) {
  const WordId id = model_.vocabulary.add(word);
  if (id == kNoWord) throw NgramError("the word '" + std::string(word) + "' is listed twice");
  if (word == "<s>") model_.begin_word = id;
  if (word == "</s>") model_.end_word = id;
  if (word == "<unk>" || word == "<UNK>") model_.unknown_word = id;
  model_.unigrams.push_back({log10_prob, context_of(id)});
  model_.contexts.push_back({log10_backoff, kEmptyContext});
  is_extended_.push_back(false);
  ++model_.counts[0];
  return id;
}

void NgramBuilder::add(const WordId* words, int order, float log10_prob, float log10_backoff) {
  if (model_.unknown_word == kNoWord) {
    add_word("<unk>", kMissingUnknownLog10Prob, 0.0f);
    --model_.counts[0];
  }
  const bool same_context = static_cast<int>(last_words_.size()) == order - 1 &&
                            std::equal(last_words_.begin(), last_words_.end(), words);
  if (!same_context) {
    last_context_ = context_of(words, order - 1);
    last_words_.assign(words, words + order - 1);
  }
  const ContextId context = last_context_;
  const WordId word = words[order - 1];
  const ContextId suffix = longest_suffix(context, word);
  NgramEntry& entry = slot_for(context, word);
  if (entry.word != kNoWord) throw NgramError("the n-gram is listed twice");
  entry = {context, word, log10_prob, suffix};
  is_extended_[context] = true;
  if (order < max_order_) {
    entry.next = static_cast<ContextId>(model_.contexts.size());
    model_.contexts.push_back({log10_backoff, suffix});
    is_extended_.push_back(false);
  }
  ++model_.counts[order - 1];
}

ContextId NgramBuilder::context_of(const WordId* words, int length) const {
  const NgramView view = model_.view();
  ContextId context = context_of(words[0]);
  for (int i = 1; i < length; ++i) {
    const NgramEntry* entry = view.find(context, words[i]);
    if (entry == nullptr) {
      throw NgramError("its first " + std::to_string(length) + " words are not listed as an n-gram of their own");
    }
    context = entry->next;
  }
  return context;
}

// The context of the longest n-gram that ends in `word` and is shorter than (context, word).
ContextId NgramBuilder::longest_suffix(ContextId context, WordId word) const {
  const NgramView view = model_.view();
  while (context != kEmptyContext) {
    context = view.contexts[context].suffix;
    if (context == kEmptyContext) break;
    if (const NgramEntry* entry = view.find(context, word)) return entry->next;
  }
  return context_of(word);
}

NgramEntry& NgramBuilder::slot_for(ContextId context, WordId word) {
  std::vector<NgramEntry>& entries = model_.entries;
  std::uint64_t slot = slot_of(NgramView::hash(context, word), entries.size());
  while (entries[slot].word != kNoWord && (entries[slot].word != word || entries[slot].context != context)) {
    slot = slot + 1 == entries.size() ? 0 : slot + 1;
  }
  return entries[slot];
}

NgramStorage NgramBuilder::finish() {
  if (model_.begin_word == kNoWord || model_.end_word == kNoWord) {
    throw NgramError("<s> or </s> is not among the 1-grams; build the model with sentence markers");
  }
  if (model_.unknown_word == kNoWord) {
    add_word("<unk>", kMissingUnknownLog10Prob, 0.0f);
    --model_.counts[0];
  }
  // A context without extensions and with back-off 1 scores every word as its suffix does.
  std::vector<NgramContext>& contexts = model_.contexts;
  std::vector<ContextId> minimal(contexts.size(), kEmptyContext);
  for (ContextId id = 1; id < contexts.size(); ++id) {
    contexts[id].suffix = minimal[contexts[id].suffix];  // suffixes have smaller numbers
    const bool matters = is_extended_[id] || contexts[id].log10_backoff != 0.0f;
    minimal[id] = matters ? id : contexts[id].suffix;
  }
  for (UnigramEntry& unigram : model_.unigrams) unigram.next = minimal[unigram.next];
  for (NgramEntry& entry : model_.entries) {
    if (entry.word != kNoWord) entry.next = minimal[entry.next];
  }
  return std::move(model_);
}

}  // namespace asrkit
