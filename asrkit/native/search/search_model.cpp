#include "search/search_model.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

namespace asrkit {

namespace {

// A prefix may go on for long before a phrase that it was paid for in advance fails. Were that more than the beam keeps,
// nothing else would be left by then.
constexpr float kAdvance = 0.5f;

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

WordId find_word(const std::vector<std::string>& names, const VocabularyView& vocabulary) {
  for (const std::string& name : names) {
    const WordId word = vocabulary.find(name);
    if (word != kNoWord) return word;
  }
  return kNoWord;
}

// Whether different units look the same in a text, or parts of them may.
bool may_repeat(const SymbolSet& symbols) {
  std::unordered_set<std::string> texts;
  for (const UnitText& unit : symbols.units) {
    if (unit.opens || unit.closes || (!unit.text.empty() && !texts.insert(unit.text).second)) return true;
  }
  return symbols.is_bytewise;
}

// Finds every word as likely as any other: what there is where a lexicon has no language model.
class EvenWordModel final : public WordModel {
 public:
  ContextId start() const override { return kEmptyContext; }
  float score(ContextId, WordId, ContextId& next) const override {
    next = kEmptyContext;
    return 0.0f;
  }
  float finish(ContextId) const override { return 0.0f; }
  WordId unknown_word() const override { return 0; }
};

}  // namespace

std::shared_ptr<const SearchModel> SearchModel::make(SymbolSet symbols, const SearchOptions& options,
                                                     std::shared_ptr<const WordModel> words,
                                                     const VocabularyView& vocabulary,
                                                     const std::vector<LexiconLine>& lines) {
  auto model = std::make_shared<SearchModel>();
  model->symbols = std::move(symbols);
  model->are_letters = model->are_texts_chains = model->symbols.are_letters();
  model->options = options;
  model->words = std::move(words);
  if (model->words) model->start = model->words->start();
  model->may_texts_repeat = !lines.empty() || may_repeat(model->symbols);
  if (!lines.empty()) {
    model->read_lexicon(lines, vocabulary);
    return model;
  }
  if (!model->words) return model;
  if (model->symbols.has_space()) {
    model->rule = WordRule::kSpelled;
    model->lexicon = std::make_shared<const Lexicon>(model->symbols.units.size(),
                                                     spell_words(model->symbols, vocabulary, *model->words));
    if (!options.is_closed_vocabulary) model->spelling = model->make_spelling();
  } else {
    model->rule = WordRule::kOneUnit;
    for (const UnitText& unit : model->symbols.units) model->unit_words.push_back(find_word(unit.names, vocabulary));
  }
  return model;
}

// Makes the words of a lexicon the only ones there are. A word has a line for each way to say it.
void SearchModel::read_lexicon(const std::vector<LexiconLine>& lines, const VocabularyView& vocabulary) {
  rule = WordRule::kSpelled;
  std::unordered_map<std::string, WordId> ids;
  std::vector<Lexicon::Entry> entries;
  for (const LexiconLine& line : lines) {
    const auto [place, is_new] = ids.emplace(line.text, static_cast<WordId>(meanings.size()));
    if (is_new) meanings.push_back({line.text, words ? find_word(line.names, vocabulary) : 0, {}});
    std::vector<std::vector<Unit>>& ways = meanings[place->second].spellings;
    if (std::find(ways.begin(), ways.end(), line.spelling) != ways.end()) continue;
    ways.push_back(line.spelling);
    entries.emplace_back(line.spelling, place->second);
    are_texts_chains = are_texts_chains && ways.size() == 1;
  }
  lexicon = std::make_shared<const Lexicon>(symbols.units.size(), std::move(entries));
  if (!words) words = std::make_shared<const EvenWordModel>();
  look_ahead();
}

// Finds ln p of the likeliest word, whatever came before it, that begins like each prefix, beside the likeliest of all.
// Paid while a word is spelled and taken back at its end, it lets a narrow beam keep the words that are worth it.
// A word that left the lexicon would owe all of it, so it is nothing where words may.
void SearchModel::look_ahead() {
  ahead.clear();
  if (!is_closed()) return;
  ahead.assign(lexicon->num_prefixes(), -std::numeric_limits<float>::infinity());
  for (TrieId prefix = lexicon->num_prefixes(); prefix-- > 0;) {
    if (lexicon->word(prefix) != kNoWord) {
      lexicon->visit_words(prefix, [&](WordId meaning) {
        ContextId next;
        ahead[prefix] = std::max(ahead[prefix], meaning_log_prob(kEmptyContext, meaning, next));
      });
    }
    lexicon->visit_children(prefix, [&](Unit, TrieId child) { ahead[prefix] = std::max(ahead[prefix], ahead[child]); });
  }
  const float most = ahead[kTrieRoot];
  for (float& log_prob : ahead) log_prob -= most;
}

std::shared_ptr<const SearchModel> SearchModel::with(const SearchOptions& other_options,
                                                     const std::vector<Phrase>& phrases,
                                                     const std::vector<std::string>& said) const {
  auto model = std::make_shared<SearchModel>(*this);
  model->options = other_options;
  if (words) model->start = said.empty() ? words->start() : context_after(said);
  const bool are_unknown_words_alike = options.unknown_bonus == other_options.unknown_bonus;
  if (has_meanings() && !(are_unknown_words_alike && is_closed() == model->is_closed())) model->look_ahead();
  model->hotwords = nullptr;
  if (!phrases.empty()) has_meanings() ? model->find_hot_meanings(phrases) : model->find_hotwords(phrases);
  if (lexicon && !spelling && !model->is_closed()) model->spelling = make_spelling();
  return model;
}

void SearchModel::find_hotwords(const std::vector<Phrase>& phrases) {
  const Speller speller(symbols);
  std::vector<Unit> units;
  std::vector<Hotwords::Phrase> spelled;
  for (const auto& [text, weight] : phrases) {
    Hotwords::Phrase& phrase = spelled.emplace_back(Hotwords::Phrase{{}, weight});
    for (const std::string& word : text) {
      const bool can_be_written = speller.spell(word, units) &&
                                  (rule != WordRule::kSpelled || !is_closed() || find_spelled(word, speller) != kNoWord);
      if (!can_be_written) throw std::invalid_argument(word);
      if (!phrase.units.empty() && symbols.has_space()) phrase.units.push_back(symbols.space);
      phrase.units.insert(phrase.units.end(), units.begin(), units.end());
    }
  }
  hotwords = std::make_shared<const Hotwords>(spelled, symbols.units.size(), symbols.space,
                                              kAdvance * options.beam_threshold);
}

// Where words are those of a lexicon, each that is part of a phrase is a unit.
void SearchModel::find_hot_meanings(const std::vector<Phrase>& phrases) {
  std::unordered_map<std::string, Unit> units;
  std::vector<Hotwords::Phrase> spelled;
  Unit num_units = kSpaceOfMeanings + 1;
  for (const auto& [text, weight] : phrases) {
    Hotwords::Phrase& phrase = spelled.emplace_back(Hotwords::Phrase{{}, weight});
    for (const std::string& word : text) {
      const auto [place, is_new] = units.emplace(word, num_units);
      num_units += is_new ? 1 : 0;
      if (!phrase.units.empty()) phrase.units.push_back(kSpaceOfMeanings);
      phrase.units.push_back(place->second);
    }
  }
  std::vector<bool> is_known(num_units);
  hotword_units.clear();
  for (const Meaning& meaning : meanings) {
    const auto found = units.find(meaning.text);
    hotword_units.push_back(found == units.end() ? kOtherMeaning : found->second);
    is_known[hotword_units.back()] = true;
  }
  for (const auto& [word, unit] : units) {
    if (!is_known[unit]) throw std::invalid_argument(word);
  }
  hotwords = std::make_shared<const Hotwords>(spelled, num_units, kSpaceOfMeanings, kAdvance * options.beam_threshold);
}

// What the language model knows after words, each as texts have it.
ContextId SearchModel::context_after(const std::vector<std::string>& said) const {
  const Speller speller(symbols);
  ContextId context = words->start();
  for (const std::string& text : said) {
    const std::vector<WordId> found =
        rule == WordRule::kOneUnit ? find_units(text) : std::vector<WordId>{find_spelled(text, speller)};
    for (const WordId word : found) words->score(context, word != kNoWord ? word : words->unknown_word(), context);
  }
  return context;
}

WordId SearchModel::find_spelled(const std::string& word, const Speller& speller) const {
  if (has_meanings()) {
    const auto is_it = [&](const Meaning& meaning) { return meaning.text == word; };
    const auto found = std::find_if(meanings.begin(), meanings.end(), is_it);
    return found == meanings.end() ? kNoWord : found->word;
  }
  std::vector<Unit> spelling;
  if (!speller.spell(word, spelling)) return kNoWord;
  TrieId prefix = kTrieRoot;
  for (std::size_t i = 0; i < spelling.size() && prefix != kOutside; ++i) prefix = lexicon->child(prefix, spelling[i]);
  return prefix == kOutside ? kNoWord : lexicon->word(prefix);
}

// The words of the longest units that write a text one after the other, those with the marks of their place first.
std::vector<WordId> SearchModel::find_units(const std::string& text) const {
  std::vector<WordId> found;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t best = 0, end = text.size();
    WordId word = kNoWord;
    for (Unit unit = 0; unit < symbols.units.size(); ++unit) {
      const UnitText& written = symbols.units[unit];
      const std::size_t size = written.text.size();
      if (size == 0 || text.compare(begin, size, written.text) != 0) continue;
      const bool opens = begin == 0, closes = begin + size == text.size();
      const std::size_t fit = 4 * size + (written.opens == opens ? 2 : 0) + (written.closes == closes ? 1 : 0);
      if (fit <= best) continue;
      best = fit;
      end = begin + size;
      word = unit_words[unit];
    }
    found.push_back(word);
    begin = end;
  }
  return found;
}

std::shared_ptr<const SpellingModel> SearchModel::make_spelling() const {
  return std::make_shared<const SpellingModel>(symbols.units.size(), *lexicon);
}

}  // namespace asrkit
