#include "search/search_model.hpp"

#include <algorithm>

namespace asrkit {

namespace {

// The words of a vocabulary that can be spelled, but for markers. Of those spelled alike, the one that most likely
// begins a sentence.
std::vector<Lexicon::Entry> spell_words(const SymbolSet& symbols, const VocabularyView& vocabulary,
                                        const WordModel& words) {
  const Speller speller(symbols);
  std::vector<Lexicon::Entry> spelled;
  std::vector<Unit> spelling;
  for (WordId id = 0; id < vocabulary.num_words; ++id) {
    const std::string_view word = vocabulary.word(id);
    const bool is_marker = word == "<s>" || word == "</s>" || word == "<unk>" || word == "<UNK>";
    if (!is_marker && speller.spell(word, spelling)) spelled.emplace_back(spelling, id);
  }
  std::sort(spelled.begin(), spelled.end());
  const auto log_prob = [&](WordId word) {
    ContextId next;
    return words.score(words.start(), word, next);
  };
  std::size_t kept = 0;
  for (std::size_t i = 0; i < spelled.size(); ++i) {
    if (kept == 0 || spelled[kept - 1].first != spelled[i].first) {
      if (kept != i) spelled[kept] = std::move(spelled[i]);
      ++kept;
    } else if (log_prob(spelled[i].second) > log_prob(spelled[kept - 1].second)) {
      spelled[kept - 1].second = spelled[i].second;
    }
  }
  spelled.resize(kept);
  return spelled;
}

WordId find_word(const UnitText& unit, const VocabularyView& vocabulary) {
  for (const std::string& name : unit.names) {
    const WordId word = vocabulary.find(name);
    if (word != kNoWord) return word;
  }
  return kNoWord;
}

}  // namespace

std::shared_ptr<const SearchModel> SearchModel::make(SymbolSet symbols, const SearchOptions& options,
                                                     std::shared_ptr<const WordModel> words,
                                                     const VocabularyView& vocabulary) {
  auto model = std::make_shared<SearchModel>();
  model->symbols = std::move(symbols);
  model->are_letters = model->symbols.are_letters();
  model->options = options;
  model->words = std::move(words);
  if (!model->words) return model;
  if (model->symbols.has_space()) {
    model->rule = WordRule::kSpelled;
    model->lexicon = std::make_shared<const Lexicon>(model->symbols.units.size(),
                                                     spell_words(model->symbols, vocabulary, *model->words));
    if (!options.is_closed_vocabulary) model->spelling = model->make_spelling();
  } else {
    model->rule = WordRule::kOneUnit;
    for (const UnitText& unit : model->symbols.units) model->unit_words.push_back(find_word(unit, vocabulary));
  }
  return model;
}

std::shared_ptr<const SearchModel> SearchModel::with(const SearchOptions& other_options,
                                                     const std::vector<Hotwords::Phrase>& phrases) const {
  auto model = std::make_shared<SearchModel>(*this);
  model->options = other_options;
  model->hotwords = phrases.empty() ? nullptr : std::make_shared<const Hotwords>(phrases, symbols);
  if (lexicon && !spelling && !other_options.is_closed_vocabulary) model->spelling = make_spelling();
  return model;
}

std::shared_ptr<const SpellingModel> SearchModel::make_spelling() const {
  return std::make_shared<const SpellingModel>(symbols.units.size(), *lexicon);
}

}  // namespace asrkit
