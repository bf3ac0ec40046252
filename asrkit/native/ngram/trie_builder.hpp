// Collects n-grams in any order and makes a trie of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "ngram/ngram_file.hpp"
#include "ngram/ngram_trie.hpp"

namespace asrkit {

class TrieBuilder {
 public:
  TrieBuilder() {
    for (const char* word : {"<unk>", "<s>", "</s>"}) word_id(word);
  }

  // Adds all n-grams of a model; those that are there already stay as they are.
  void add_model(const NgramHandle& model);

  // Gives the trie away, its suffixes linked.
  NgramTrie finish();

 private:
  struct Rows {
    std::vector<std::uint32_t> words;  // level + 1 of them for each row
    std::vector<float> log10_probs, log10_backoffs;
  };

  std::uint32_t word_id(std::string_view word) { return trie_.vocabulary.intern(word); }
  void make_level(std::size_t level);

  NgramTrie trie_;
  std::vector<Rows> rows_;  // of order 2 and more
};

// Lists the n-grams of a query table. Contexts are numbered by order, those of one word first, so the number of a
// context tells its length; the entry that leads to a context tells its words.
class NgramLister {
 public:
  explicit NgramLister(const NgramHandle& model) : view_(model.tables()), parents_(view_.num_contexts) {
    first_context_ = {0, 1, std::uint64_t{1} + view_.vocabulary.num_words};
    for (std::size_t order = 2; order < model.counts.size(); ++order) {
      first_context_.push_back(first_context_.back() + model.counts[order - 1]);
    }
    if (first_context_.back() > view_.num_contexts) throw NgramFileError("the model is damaged; convert it again");
    first_context_.back() = view_.num_contexts;
    for (std::uint32_t id = 0; id < view_.vocabulary.num_words; ++id) parents_[id + 1] = {kEmptyContext, id};
    for_each_entry([&](ContextId context, WordId word, const FoundNgram& found) {
      if (is_own_context(context, found.context)) parents_[found.context] = {context, word};
    });
  }

  // Calls visit(words, order, log10_prob, log10_backoff) for each n-gram of order 2 and more.
  template <class Visit>
  void list(Visit visit) const {
    std::vector<WordId> words;
    for_each_entry([&](ContextId context, WordId word, const FoundNgram& found) {
      words.assign(1, word);
      std::size_t length = length_of(context);
      ContextId at = context;
      for (; length > 0 && parents_[at].word < view_.vocabulary.num_words; --length) {
        words.push_back(parents_[at].word);
        at = parents_[at].context;
      }
      if (at != kEmptyContext || words.size() > static_cast<std::size_t>(view_.order)) {
        throw NgramFileError("the model is damaged; convert it again");
      }
      std::reverse(words.begin(), words.end());
      const bool is_context = is_own_context(context, found.context);
      visit(words, found.log10_value, is_context ? view_.shorten(found.context).log10_value : 0.0f);
    });
  }

 private:
  struct Parent {
    ContextId context = kEmptyContext;
    WordId word = kNoWord;
  };

  // How many words a context has; one more than any has for a number out of range.
  std::size_t length_of(ContextId context) const {
    const auto above = std::upper_bound(first_context_.begin(), first_context_.end(), std::uint64_t{context});
    return static_cast<std::size_t>(above - first_context_.begin()) - 1;
  }

  // A context that does not matter is replaced by a shorter one.
  bool is_own_context(ContextId context, ContextId next) const {
    return next < view_.num_contexts && length_of(next) == length_of(context) + 1;
  }

  template <class Visit>
  void for_each_entry(Visit visit) const {
    for (std::uint64_t slot = 0; slot < view_.num_slots; ++slot) {
      NgramEntry entry;
      if (!view_.entry_at(slot, entry)) continue;
      if (entry.word >= view_.vocabulary.num_words || entry.context >= view_.num_contexts) {
        throw NgramFileError("the model is damaged; convert it again");
      }
      visit(entry.context, entry.word, FoundNgram{entry.log10_prob, entry.next});
    }
  }

  const NgramView& view_;
  std::vector<Parent> parents_;
  std::vector<std::uint64_t> first_context_;  // of each length, and one past the last context
};

inline void TrieBuilder::add_model(const NgramHandle& model) {
  const NgramView& view = model.tables();
  if (trie_.levels.size() < model.counts.size()) trie_.levels.resize(model.counts.size());
  rows_.resize(trie_.levels.size());
  NgramLevel& unigrams = trie_.levels[0];
  std::vector<std::uint32_t> ids(view.vocabulary.num_words);
  for (WordId word = 0; word < view.vocabulary.num_words; ++word) {
    ids[word] = word == view.unknown_word ? kUnknownId : word_id(view.vocabulary.word(word));
  }
  unigrams.log10_probs.resize(trie_.vocabulary.view().num_words, kLog10Zero);
  unigrams.log10_backoffs.resize(trie_.vocabulary.view().num_words, 0.0f);
  for (WordId word = 0; word < view.vocabulary.num_words; ++word) {
    unigrams.log10_probs[ids[word]] = view.unigrams[word].log10_prob;
    unigrams.log10_backoffs[ids[word]] = view.order > 1 ? view.shorten(word + 1).log10_value : 0.0f;
  }
  NgramLister(model).list([&](const std::vector<WordId>& words, float log10_prob, float log10_backoff) {
    Rows& rows = rows_[words.size() - 1];
    for (const WordId word : words) rows.words.push_back(ids[word]);
    rows.log10_probs.push_back(log10_prob);
    rows.log10_backoffs.push_back(log10_backoff);
  });
}

inline NgramTrie TrieBuilder::finish() {
  NgramLevel& unigrams = trie_.levels[0];
  unigrams.words.resize(trie_.vocabulary.view().num_words);
  std::iota(unigrams.words.begin(), unigrams.words.end(), 0u);
  for (std::size_t level = 1; level < trie_.levels.size(); ++level) make_level(level);
  link_suffixes(trie_);
  return std::move(trie_);
}

inline void TrieBuilder::make_level(std::size_t level) {
  const std::size_t order = level + 1;
  Rows rows = std::move(rows_[level]);
  const auto gram = [&](std::uint32_t row) { return rows.words.data() + row * order; };
  std::vector<std::uint32_t> sorted(rows.log10_probs.size());
  std::iota(sorted.begin(), sorted.end(), 0u);
  std::stable_sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::lexicographical_compare(gram(a), gram(a) + order, gram(b), gram(b) + order);
  });
  const auto is_same = [&](std::uint32_t a, std::uint32_t b) { return std::equal(gram(a), gram(a) + order, gram(b)); };
  sorted.erase(std::unique(sorted.begin(), sorted.end(), is_same), sorted.end());

  NgramLevel& grams = trie_.levels[level];
  std::vector<std::uint32_t>& first = trie_.levels[level - 1].first_child;
  NgramWalk parent(trie_, level - 1);
  const auto begin_children = [&] {
    if (first.size() == parent.node()) first.push_back(static_cast<std::uint32_t>(grams.size()));
  };
  for (const std::uint32_t row : sorted) {
    const auto is_before = [&] {
      return std::lexicographical_compare(parent.words().begin(), parent.words().end(), gram(row), gram(row) + level);
    };
    for (; !parent.done() && is_before(); parent.next()) begin_children();
    if (parent.done() || !std::equal(gram(row), gram(row) + level, parent.words().begin())) {
      throw NgramFileError("the model has an n-gram without its context");
    }
    begin_children();
    grams.words.push_back(gram(row)[level]);
    grams.log10_probs.push_back(rows.log10_probs[row]);
    grams.log10_backoffs.push_back(rows.log10_backoffs[row]);
  }
  first.resize(trie_.levels[level - 1].size() + 1, static_cast<std::uint32_t>(grams.size()));
}

}  // namespace asrkit
