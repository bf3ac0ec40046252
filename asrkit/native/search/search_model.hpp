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

// How words are made of units and scored.
enum class WordRule {
  kPlain,    // no language model: every text is as good as any other
  kSpelled,  // words are spelled by units; known ones lie in the lexicon
  kOneUnit,  // words are not divided: every unit is a word of the language model
};

// A word of a lexicon that is not the language model's.
struct Meaning {
  std::string text;
  WordId word = kNoWord;                     // of the language model
  std::vector<std::vector<Unit>> spellings;  // all ways to say it
};

// A word of a lexicon as it is handed over: how it is written, also in a language model, and how it is spelled.
struct LexiconLine {
  std::string text;
  std::vector<std::string> names;
  std::vector<Unit> spelling;
};

struct SearchModel {
  SymbolSet symbols;
  bool are_letters = true;        // outputs and units are the same
  bool may_texts_repeat = false;  // different units may be the same text
  bool are_texts_chains = true;   // a text is written in one way, letter by letter
  SearchOptions options;
  WordRule rule = WordRule::kPlain;
  std::shared_ptr<const WordModel> words;            // unless kPlain
  ContextId start = kEmptyContext;                   // of the words, before the first one
  std::shared_ptr<const Lexicon> lexicon;            // if kSpelled
  std::shared_ptr<const SpellingModel> spelling;     // if kSpelled and the vocabulary is open
  std::vector<Meaning> meanings;                     // if the lexicon is not the language model's: its words
  std::vector<float> ahead;                          // if there are no other words: what a prefix of one promises
  std::vector<WordId> unit_words;                    // if kOneUnit: the word of each unit
  std::shared_ptr<const Hotwords> hotwords;          // if there are any
  std::vector<Unit> hotword_units;                   // if they are meanings: what each is to the hotwords

  // Builds the lexicon and the spelling model from the vocabulary of the words, or the table of one-unit words.
  static std::shared_ptr<const SearchModel> make(SymbolSet symbols, const SearchOptions& options,
                                                 std::shared_ptr<const WordModel> words,
                                                 const VocabularyView& vocabulary,
                                                 const std::vector<LexiconLine>& lines);

  // Words to prefer, in their order, and what they weigh.
  using Phrase = std::pair<std::vector<std::string>, float>;

  // The same model with other settings and hotwords, after words that were said before; the lexicon is shared. Throws
  // the first word of a phrase that cannot be written, as std::invalid_argument.
  std::shared_ptr<const SearchModel> with(const SearchOptions& other_options, const std::vector<Phrase>& phrases,
                                          const std::vector<std::string>& said) const;

  // Words of the language model that the units can spell.
  std::size_t num_spelled_words() const {
    if (has_meanings()) {
      return static_cast<std::size_t>(std::count_if(
          meanings.begin(), meanings.end(), [](const Meaning& meaning) { return meaning.word != kNoWord; }));
    }
    if (lexicon) return lexicon->words().size();
    return unit_words.size() - static_cast<std::size_t>(std::count(unit_words.begin(), unit_words.end(), kNoWord));
  }

  // Whether words are the meanings of a lexicon, and several may be spelled alike.
  bool has_meanings() const { return !meanings.empty(); }

  // Calls visit(meaning) for each word that a prefix of the lexicon may be; where spellings tell all, with kNoWord.
  template <class Visit>
  void visit_meanings(TrieId prefix, Visit visit) const {
    if (!has_meanings() || prefix == kOutside || lexicon->word(prefix) == kNoWord) return visit(kNoWord);
    lexicon->visit_words(prefix, visit);
  }

  // The spelling that stands for all of a word, or null where there is only one.
  const std::vector<Unit>* shared_spelling(WordId meaning) const {
    if (meaning == kNoWord || meanings[meaning].spellings.size() == 1) return nullptr;
    return &meanings[meaning].spellings[0];
  }

  // What hotwords are after a word that reached `state`: where spellings tell all, they were followed on the way.
  HotwordState hotwords_after(HotwordState state, WordId meaning) const {
    if (!has_meanings()) return hotwords->next(state, symbols.space);
    return hotwords->next(hotwords->next(state, hotword_unit(meaning)), kSpaceOfMeanings);
  }

  // What a word is to the hotwords, where words are meanings; kNoWord: one outside the lexicon.
  Unit hotword_unit(WordId meaning) const { return meaning == kNoWord ? kOtherMeaning : hotword_units[meaning]; }

  // Whether there are no words but those of the lexicon.
  bool is_closed() const { return options.is_closed_vocabulary; }

  // ln p(a word of the lexicon | context), and the context that follows.
  float meaning_log_prob(ContextId context, WordId meaning, ContextId& next) const {
    const WordId word = meanings[meaning].word;
    return word != kNoWord ? words->score(context, word, next) : unknown_log_prob(context, next);
  }

  // ln p(word | context) of a word outside the vocabulary, without its spelling. Not for closed vocabularies.
  float unknown_log_prob(ContextId context, ContextId& next) const {
    return words->score(context, words->unknown_word(), next) + options.unknown_bonus;
  }

 private:
  // What is no word of any phrase, and what stands between two words.
  static constexpr Unit kOtherMeaning = 0, kSpaceOfMeanings = 1;

  void read_lexicon(const std::vector<LexiconLine>& lines, const VocabularyView& vocabulary);
  void look_ahead();
  void find_hotwords(const std::vector<Phrase>& phrases);
  void find_hot_meanings(const std::vector<Phrase>& phrases);
  std::shared_ptr<const SpellingModel> make_spelling() const;
  ContextId context_after(const std::vector<std::string>& said) const;
  WordId find_spelled(const std::string& word, const Speller& speller) const;
  std::vector<WordId> find_units(const std::string& text) const;
};

}  // namespace asrkit
