// Text in, ARPA out: vocabulary, counting, estimation and writing behind one face.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ngram/arpa_writer.hpp"
#include "ngram/kneser_ney.hpp"
#include "ngram/ngram_counting.hpp"

namespace asrkit {

// Which words a model may hold. The three special words always stay.
struct VocabularyLimit {
  std::vector<std::string> words;  // the words to keep; empty: any
  std::size_t max_words = 0;       // the most frequent ones to keep; 0: all
};

// The order of calls is add_text (often), estimate, next_arpa_text (until it is empty).
class NgramEstimator {
 public:
  // Sorts in about `memory_bytes`; what does not fit goes to files in `folder`.
  NgramEstimator(std::size_t order, std::string folder, std::size_t memory_bytes)
      : counter_(NgramCounter::make(order, std::move(folder), memory_bytes)) {
    for (const char* word : {"<unk>", "<s>", "</s>"}) trie_.vocabulary.intern(word);
  }

  // Adds sentences, one a line; empty lines are passed over.
  void add_text(std::string_view text) {
    if (!counter_) throw std::logic_error("text came after estimation");
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      add_line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  // Returns the discounts of each order.
  std::vector<Discounts> estimate(std::vector<std::uint64_t> prune, const VocabularyLimit& limit,
                                  bool discount_fallback) {
    if (num_sentences_ == 0) throw std::invalid_argument("there is no text");
    if (!counter_) throw std::logic_error("the model is estimated already");
    KneserNeyOptions options{std::move(prune), kept_words(limit), discount_fallback};
    counter_->build(trie_);
    counter_.reset();
    std::vector<Discounts> discounts = KneserNey(trie_, options).estimate();
    writer_ = std::make_unique<ArpaWriter>(trie_);
    return discounts;
  }

  std::string next_arpa_text(std::size_t num_bytes) {
    if (!writer_) throw std::logic_error("there is no model yet");
    return writer_->next(num_bytes);
  }

  std::size_t num_sentences() const { return num_sentences_; }
  std::size_t num_words() const { return num_words_; }

  // The words of the text in the order of their first appearance.
  std::vector<std::string> words() const {
    const VocabularyView all = trie_.vocabulary.view();
    std::vector<std::string> result;
    for (WordId id = kNumSpecial; id < all.num_words; ++id) result.emplace_back(all.word(id));
    return result;
  }

  std::vector<std::size_t> num_ngrams() const { return trie_.counts(); }

 private:
  static constexpr std::uint32_t kNumSpecial = 3;

  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

  void add_line(std::string_view line) {
    tokens_.assign(1, kBeginId);
    std::size_t next = 0;
    while (true) {
      while (next < line.size() && is_space(line[next])) ++next;
      if (next == line.size()) break;
      std::size_t end = next;
      while (end < line.size() && !is_space(line[end])) ++end;
      const std::string_view word = line.substr(next, end - next);
      const std::uint32_t index = trie_.vocabulary.intern(word);
      if (index < kNumSpecial) throw std::invalid_argument(std::string(word) + " stands in the text");
      tokens_.push_back(index);
      next = end;
    }
    if (tokens_.size() == 1) return;
    tokens_.push_back(kEndId);
    word_counts_.resize(trie_.vocabulary.view().num_words, 0);
    for (const std::uint32_t word : tokens_) ++word_counts_[word];
    ++num_sentences_;
    num_words_ += tokens_.size() - 2;
    counter_->add_sentence(tokens_);
  }

  std::vector<bool> kept_words(const VocabularyLimit& limit) const {
    if (limit.words.empty() && limit.max_words == 0) return {};
    std::vector<bool> kept(trie_.vocabulary.view().num_words, false);
    for (std::uint32_t index = 0; index < kNumSpecial; ++index) kept[index] = true;
    for (const std::string& word : limit.words) {
      const std::uint32_t index = trie_.vocabulary.view().find(word);
      if (index != kNoWord) kept[index] = true;
    }
    std::vector<std::uint32_t> by_count(trie_.vocabulary.view().num_words - kNumSpecial);
    std::iota(by_count.begin(), by_count.end(), kNumSpecial);
    std::stable_sort(by_count.begin(), by_count.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return word_counts_[a] > word_counts_[b]; });
    by_count.resize(std::min(by_count.size(), limit.max_words));
    for (const std::uint32_t word : by_count) kept[word] = true;
    return kept;
  }

  NgramTrie trie_;
  std::unique_ptr<NgramCounter> counter_;
  std::unique_ptr<ArpaWriter> writer_;
  std::vector<std::uint32_t> tokens_;  // of the sentence at hand
  std::vector<std::uint64_t> word_counts_;
  std::size_t num_sentences_ = 0;
  std::size_t num_words_ = 0;
};

}  // namespace asrkit
