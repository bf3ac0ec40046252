#include "search/search_model.hpp"

namespace asrkit {

std::shared_ptr<const SearchModel> SearchModel::make(SymbolSet symbols, const SearchOptions& options,
                                                     std::shared_ptr<const WordModel> words,
                                                     const VocabularyView& vocabulary) {
  auto model = std::make_shared<SearchModel>();
  model->symbols = std::move(symbols);
  model->options = options;
  model->words = std::move(words);
  if (!model->words) return model;
  if (model->symbols.has_space()) {
    model->rule = WordRule::kSpelled;
    model->lexicon = std::make_shared<const Lexicon>(model->symbols, vocabulary);
    if (!options.is_closed_vocabulary) {
      model->spelling = std::make_shared<const SpellingModel>(model->symbols, *model->lexicon);
    }
  } else {
    model->rule = WordRule::kOneSymbol;
    for (const std::string& text : model->symbols.texts) model->symbol_words.push_back(vocabulary.find(text));
  }
  return model;
}

std::shared_ptr<const SearchModel> SearchModel::with(const SearchOptions& other_options,
                                                     const std::vector<Hotwords::Phrase>& phrases) const {
  auto model = std::make_shared<SearchModel>(*this);
  model->options = other_options;
  model->hotwords = phrases.empty() ? nullptr : std::make_shared<const Hotwords>(phrases, symbols);
  if (lexicon && !spelling && !other_options.is_closed_vocabulary) {
    model->spelling = std::make_shared<const SpellingModel>(symbols, *lexicon);
  }
  return model;
}

}  // namespace asrkit
