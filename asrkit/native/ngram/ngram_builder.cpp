#include "ngram/ngram_builder.hpp"

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

void NgramBuilder::begin(const std::vector<std::uint64_t>& counts) {
  max_order_ = static_cast<int>(counts.size());
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
  if (id == kNoWord && word == "</s>") {
    // The recipe for wav2vec2 with n-grams puts a copy of the line of <s> before the one that is there.
    model_.unigrams[model_.end_word].log10_prob = log10_prob;
    model_.contexts[model_.end_word + 1].log10_backoff = log10_backoff;
    return model_.end_word;
  }
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
  NgramBatch batch;
  batch.order = order;
  batch.add(words, log10_prob, log10_backoff);
  add(batch);
}

// Each step asks for all its cache lines before it reads the first.
void NgramBuilder::add(const NgramBatch& batch) {
  add_missing_unknown();
  view_ = model_.view();
  find_contexts(batch);
  find_suffixes(batch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    prefetch(first_slot(contexts_[i], batch.gram(i)[batch.order - 1]));
  }
  for (std::size_t i = 0; i < batch.size(); ++i) insert(batch, i);
}

void NgramBuilder::add_missing_unknown() {
  if (model_.unknown_word != kNoWord) return;
  add_word("<unk>", kMissingUnknownLog10Prob, 0.0f);
  --model_.counts[0];
}

// The context of each n-gram: all its words but the last. Files list n-grams of one context together.
void NgramBuilder::find_contexts(const NgramBatch& batch) {
  const int length = batch.order - 1;
  contexts_.resize(batch.size());
  is_same_context_.assign(batch.size(), false);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    contexts_[i] = context_of(batch.gram(i)[0]);
    is_same_context_[i] = i > 0 && std::equal(batch.gram(i), batch.gram(i) + length, batch.gram(i - 1));
  }
  for (int step = 1; step < length; ++step) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!is_same_context_[i]) prefetch(first_slot(contexts_[i], batch.gram(i)[step]));
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      FoundNgram found;
      if (is_same_context_[i]) {
        contexts_[i] = contexts_[i - 1];
      } else if (view_.find(contexts_[i], batch.gram(i)[step], found)) {
        contexts_[i] = found.context;
      } else {
        throw NgramError("its first " + std::to_string(step + 1) + " words are not listed as an n-gram of their own", i);
      }
    }
  }
}

// The context of the longest n-gram that ends as each n-gram does and is shorter.
void NgramBuilder::find_suffixes(const NgramBatch& batch) {
  suffixes_.resize(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const ContextId shorter = view_.contexts[contexts_[i]].suffix;
    if (shorter != kEmptyContext) prefetch(first_slot(shorter, batch.gram(i)[batch.order - 1]));
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    suffixes_[i] = longest_suffix(contexts_[i], batch.gram(i)[batch.order - 1]);
  }
}

ContextId NgramBuilder::longest_suffix(ContextId context, WordId word) const {
  while (context != kEmptyContext) {
    context = view_.contexts[context].suffix;
    FoundNgram found;
    if (context != kEmptyContext && view_.find(context, word, found)) return found.context;
  }
  return context_of(word);
}

void NgramBuilder::insert(const NgramBatch& batch, std::size_t index) {
  const WordId word = batch.gram(index)[batch.order - 1];
  const ContextId context = contexts_[index];
  NgramEntry& entry = slot_for(context, word);
  if (entry.word != kNoWord) throw NgramError("the n-gram is listed twice", index);
  entry = {context, word, batch.log10_probs[index], suffixes_[index]};
  is_extended_[context] = true;
  if (batch.order < max_order_) {
    entry.next = static_cast<ContextId>(model_.contexts.size());
    model_.contexts.push_back({batch.log10_backoffs[index], suffixes_[index]});
    is_extended_.push_back(false);
  }
  ++model_.counts[batch.order - 1];
}

const NgramEntry* NgramBuilder::first_slot(ContextId context, WordId word) const {
  return model_.entries.data() + slot_of(NgramView::hash(context, word), model_.entries.size());
}

NgramEntry& NgramBuilder::slot_for(ContextId context, WordId word) {
  HugeVector<NgramEntry>& entries = model_.entries;
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
  add_missing_unknown();
  // A context without extensions and with back-off 1 scores every word as its suffix does.
  HugeVector<NgramContext>& contexts = model_.contexts;
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
