#include "search_model.hpp"

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
    model->lexicon = std::make_unique<const Lexicon>(model->symbols, vocabulary);
    if (!options.is_closed_vocabulary) {
      model->spelling = std::make_unique<const SpellingModel>(model->symbols, *model->lexicon);
    }
  } else {
    model->rule = WordRule::kOneSymbol;
    for (const std::string& text : model->symbols.texts) model->symbol_words.push_back(vocabulary.find(text));
  }
  return model;
}

}  // namespace asrkit
