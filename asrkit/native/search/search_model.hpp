// Everything the search reads and never changes; shared by all threads.
#pragma once

#include <memory>

#include "search/hotwords.hpp"
#include "search/lexicon.hpp"
#include "search/spelling_model.hpp"
#include "text/symbols.hpp"
#include "ngram/word_model.hpp"

namespace asrkit {

// One field per setting of asrkit.config.DecodingConfig that the search needs; the meaning is documented there.
struct SearchOptions {
  int beam = 50;
  float beam_threshold = 12.0f;
  float symbol_threshold = 7.0f;
  double lm_weight = 0.7;
  double word_bonus = 1.5;
  float unknown_weight = 0.6f;
  float unknown_bonus = 0.0f;
  bool is_closed_vocabulary = false;
  bool recombine = true;
  int n_best = 1;
};

// How words are made of symbols and scored.
enum class WordRule {
  kPlain,        // no language model: every symbol string is as good as any other
  kSpelled,      // words are spelled between spaces; known ones lie in the lexicon
  kOneSymbol,    // no space symbol: every symbol is a word of the language model
};

struct SearchModel {
  SymbolSet symbols;
  SearchOptions options;
  WordRule rule = WordRule::kPlain;
  std::shared_ptr<const WordModel> words;            // unless kPlain
  std::shared_ptr<const Lexicon> lexicon;            // if kSpelled
  std::shared_ptr<const SpellingModel> spelling;     // if kSpelled and the vocabulary is open
  std::vector<WordId> symbol_words;                  // if kOneSymbol: the word of each symbol
  std::shared_ptr<const Hotwords> hotwords;          // if there are any

  // Builds the lexicon and the spelling model from the vocabulary of the words, or the table of one-symbol words.
  static std::shared_ptr<const SearchModel> make(SymbolSet symbols, const SearchOptions& options,
                                                 std::shared_ptr<const WordModel> words,
                                                 const VocabularyView& vocabulary);

  // The same model with other settings and hotwords; the lexicon is shared.
  std::shared_ptr<const SearchModel> with(const SearchOptions& other_options,
                                          const std::vector<Hotwords::Phrase>& phrases) const;

  // Words of the language model that the symbols can spell.
  std::size_t num_spelled_words() const {
    if (lexicon) return lexicon->words().size();
    return symbol_words.size() - static_cast<std::size_t>(std::count(symbol_words.begin(), symbol_words.end(), kNoWord));
  }

  // ln p(word | context) of a word outside the vocabulary, without its spelling. Not for closed vocabularies.
  float unknown_log_prob(ContextId context, ContextId& next) const {
    return words->score(context, words->unknown_word(), next) + options.unknown_bonus;
  }
};

}  // namespace asrkit
