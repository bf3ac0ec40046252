// The probability of a text under a model: what perplexities are made of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ngram/ngram_model.hpp"

namespace asrkit {

struct TextScore {
  std::uint64_t num_sentences = 0;
  std::uint64_t num_words = 0;         // ends of sentences not counted
  std::uint64_t num_unknown = 0;       // words outside the vocabulary
  double log10_prob = 0.0;             // of all words and ends of sentences
  double log10_prob_of_unknown = 0.0;  // the share of the unknown words in it
};

// Scores sentences. A large model is read at random places, so all places that a sentence may need are asked for
// before the first of them is used.
class TextScorer {
 public:
  explicit TextScorer(const NgramView& model) : model_(model) {}

  // Sentences one a line; empty lines are passed over.
  TextScore score(std::string_view text) {
    result_ = TextScore();
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      score_line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return result_;
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

  void score_line(std::string_view line) {
    read_words(line);
    if (words_.empty()) return;
    words_.push_back(model_.end_word);
    ask_ahead();
    ContextId context = model_.start();
    for (const WordId word : words_) {
      const double log10_prob = model_.score(context, word, context);
      result_.log10_prob += log10_prob;
      if (word != model_.unknown_word) continue;
      ++result_.num_unknown;
      result_.log10_prob_of_unknown += log10_prob;
    }
    ++result_.num_sentences;
    result_.num_words += words_.size() - 1;
  }

  void read_words(std::string_view line) {
    texts_.clear();
    words_.clear();
    std::size_t at = 0;
    while (true) {
      while (at < line.size() && is_space(line[at])) ++at;
      if (at == line.size()) break;
      const std::size_t begin = at;
      while (at < line.size() && !is_space(line[at])) ++at;
      texts_.push_back(line.substr(begin, at - begin));
      model_.vocabulary.ask_for(texts_.back());
    }
    for (const std::string_view text : texts_) {
      const WordId word = model_.vocabulary.find(text);
      words_.push_back(word == kNoWord ? model_.unknown_word : word);
    }
  }

  // Follows the contexts of 1, 2, ... words side by side for the whole sentence.
  void ask_ahead() {
    contexts_.assign(1, model_.start());
    for (const WordId word : words_) contexts_.push_back(model_.unigrams[word].next);
    for (int length = 1; length < model_.order; ++length) {
      for (std::size_t i = 0; i < words_.size(); ++i) model_.ask_for(contexts_[i], words_[i]);
      if (length + 1 == model_.order) break;
      for (std::size_t i = words_.size(); i-- > 0;) {  // from the end: each reads its predecessor's older value
        FoundNgram found;
        if (model_.find(contexts_[i], words_[i], found)) contexts_[i + 1] = found.context;
      }
    }
  }

  const NgramView& model_;
  TextScore result_;
  std::vector<std::string_view> texts_;
  std::vector<WordId> words_;
  std::vector<ContextId> contexts_;  // before each word
};

}  // namespace asrkit
