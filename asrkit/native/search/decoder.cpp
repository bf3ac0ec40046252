#include "search/decoder.hpp"

#include <algorithm>
#include <cmath>

#include "text/utf8.hpp"

namespace asrkit {

namespace {

// Alignments that fall this far below the best one, in nats, do not count, so that scores are exact to eight digits,
// however narrow the search was.
constexpr double kAlignmentThreshold = 19.0;
// Paths that confidences are judged by.
constexpr std::size_t kJudges = 20;
// The search's masses rank hypotheses up to what pruning lost; those this close (in nats) are ranked by exact scores.
constexpr double kCloseCall = 0.2;
constexpr std::size_t kMaxCloseCalls = 4;
// Steps that a word must be old to be called stable.
constexpr std::uint32_t kSettlingSteps = 25;

// The units of a word, those that the language model does not tell apart as one.
std::vector<Unit> alike(std::vector<Unit> units, const SymbolSet& symbols) {
  for (Unit& unit : units) unit = symbols.units[unit].alike;
  return units;
}

// Puts a text together from words and units.
class TextWriter {
 public:
  explicit TextWriter(const SymbolSet& symbols) : symbols_(symbols) {}

  void start_word() { is_apart_ = symbols_.has_space(); }

  void add(Unit unit) {
    const UnitText& added = symbols_.units[unit];
    if ((is_apart_ || added.opens) && !text_.empty() && text_.back() != ' ') text_ += ' ';
    text_ += added.text;
    is_apart_ = added.closes;
  }

  void add(const std::string& word) {
    if (!text_.empty()) text_ += ' ';
    text_ += word;
  }

  // UTF-8, whatever the units were.
  std::string finish() {
    if (!text_.empty() && text_.back() == ' ') text_.pop_back();
    return symbols_.is_bytewise ? valid_utf8(text_) : std::move(text_);
  }

 private:
  const SymbolSet& symbols_;
  std::string text_;
  bool is_apart_ = false;
};

std::string text_of(const SearchModel& model, const std::vector<Unit>& units, WordId meaning) {
  if (meaning != kNoWord) return model.meanings[meaning].text;
  TextWriter text(model.symbols);
  for (const Unit unit : units) text.add(unit);
  return text.finish();
}

std::string text_of(const SearchModel& model, const PrefixPool& pool, HistoryId history) {
  std::vector<Unit> units;
  pool.spell(pool.histories[history].word, units);
  return text_of(model, units, pool.histories[history].meaning);
}

std::string text_of(const SearchModel& model, const PrefixPool& pool, const WordPath& path) {
  TextWriter text(model.symbols);
  for (auto id = path.words.rbegin(); id != path.words.rend(); ++id) {
    const History& history = pool.histories[*id];
    text.start_word();
    if (history.meaning != kNoWord) {
      text.add(model.meanings[history.meaning].text);
      continue;
    }
    std::vector<Unit> units;
    pool.spell(history.word, units);
    for (const Unit unit : units) text.add(unit);
  }
  return text.finish();
}

// The search's masses are not exact: how many of the first paths must be compared by exact scores.
std::size_t count_contenders(const std::vector<WordPath>& paths, std::size_t n_best) {
  std::size_t count = std::min(n_best, paths.size());
  while (count < std::min(paths.size(), kMaxCloseCalls) &&
         paths[count].log_mass > paths[0].log_mass - kCloseCall) {
    ++count;
  }
  return count;
}

}  // namespace

Decoder::Decoder(std::shared_ptr<const SearchModel> model)
    : model_(std::move(model)),
      search_(*model_),
      graph_builder_(model_->symbols, model_->are_texts_chains),
      aligner_(model_->symbols, model_->are_texts_chains,
               std::exp(-std::max<double>(model_->options.beam_threshold, kAlignmentThreshold))) {}

std::vector<Decoded> Decoder::decode(const Emissions& emissions) {
  run_search(emissions);
  return finish(search_, emissions);
}

std::string Decoder::decode_text(const Emissions& emissions) {
  run_search(emissions);
  const std::vector<WordPath> paths = find_paths(search_, std::max(n_best(), kMaxCloseCalls));
  if (paths.empty()) return {};
  if (count_contenders(paths, n_best()) == 1) return text_of(*model_, search_.pool(), paths[0]);
  return rank(search_.pool(), paths, emissions).front().first.text;
}

void Decoder::run_search(const Emissions& emissions) {
  search_.reset();
  for (std::size_t step = 0; step < emissions.num_steps; ++step) {
    search_.push(emissions.log_probs + step * model_->symbols.size());
  }
}

// The first paths of a finished search. Which those are does not depend on how many are asked for.
std::vector<WordPath> Decoder::find_paths(BeamSearch& search, std::size_t count) const {
  const std::size_t num_ends = std::max(n_best(), kJudges);
  std::vector<FinalHistory> finals = search.finish();
  if (finals.size() > num_ends) finals.resize(num_ends);
  const PrefixPool& pool = search.pool();
  if (!model_->may_texts_repeat) {
    return find_best_paths(pool, finals, count, [&](const WordPath& path) { return hash_words(pool, path); });
  }
  return find_best_paths(pool, finals, count,
                         [&](const WordPath& path) { return hash_text(text_of(*model_, pool, path)); });
}

std::vector<Decoded> Decoder::finish(BeamSearch& search, const Emissions& emissions) {
  const std::vector<WordPath> paths = find_paths(search, std::max(n_best(), kJudges));
  std::vector<Decoded> best;
  for (auto& [result, i] : rank(search.pool(), paths, emissions)) {
    const Confidences confidences =
        judge_words(search.pool(), paths, kJudges, paths[i], static_cast<std::uint32_t>(emissions.num_steps));
    result.confidence = confidences.path;
    // The path runs backward; a path of one-unit words is one entry.
    const std::size_t num_judged = confidences.words.size();
    for (std::size_t k = 0; k < result.words.size() && num_judged > 0; ++k) {
      result.words[k].confidence = confidences.words[num_judged - 1 - std::min(k, num_judged - 1)];
    }
    best.push_back(std::move(result));
  }
  return best;
}

// The n best by exact scores, each with the path it came from, so that only those returned need confidences.
std::vector<std::pair<Decoded, std::size_t>> Decoder::rank(const PrefixPool& pool, const std::vector<WordPath>& paths,
                                                           const Emissions& emissions) {
  const std::size_t num_contenders = count_contenders(paths, n_best());
  std::vector<std::pair<Decoded, std::size_t>> results;
  for (std::size_t i = 0; i < num_contenders; ++i) {
    results.emplace_back(describe(pool, paths[i], emissions), i);
  }
  std::stable_sort(results.begin(), results.end(),
                   [](const auto& a, const auto& b) { return a.first.score > b.first.score; });
  if (results.size() > n_best()) results.resize(n_best());
  // An alternative word may have ended too late for what came after it.
  while (results.size() > 1 && std::isinf(results.back().first.acoustic_score)) results.pop_back();
  return results;
}

Decoded Decoder::describe(const PrefixPool& pool, const WordPath& path, const Emissions& emissions) {
  std::vector<PathWord> words;
  std::vector<std::vector<Unit>> hotword_units;
  for (auto id = path.words.rbegin(); id != path.words.rend(); ++id) {
    const History& history = pool.histories[*id];
    PathWord word{{}, pool.nodes[history.word].trie, history.meaning};
    pool.spell(history.word, word.units);
    if (model_->hotwords) {
      hotword_units.push_back(model_->has_meanings() ? std::vector<Unit>{model_->hotword_unit(word.meaning)}
                                                     : alike(word.units, model_->symbols));
    }
    words.push_back(std::move(word));
  }
  std::vector<WordSpelling> spellings;
  for (std::uint32_t i = 0; i < words.size(); ++i) {
    if (words[i].meaning == kNoWord) {
      spellings.push_back({i, &words[i].units});
    } else {
      for (const auto& spelling : model_->meanings[words[i].meaning].spellings) spellings.push_back({i, &spelling});
    }
  }
  Decoded result;
  result.text = text_of(*model_, pool, path);
  graph_builder_.build(spellings, graph_);
  const Alignment alignment = aligner_.align(emissions.log_probs, emissions.num_steps, graph_);
  result.acoustic_score = alignment.log_prob;
  result.lm_score = score_words(words);
  if (model_->hotwords) result.hotword_score = model_->hotwords->score(hotword_units);
  std::size_t num_scored_words = model_->words ? words.size() : 0;
  if (model_->rule == WordRule::kOneUnit) num_scored_words = words.empty() ? 0 : words[0].units.size();
  result.score = result.acoustic_score + model_->options.lm_weight * result.lm_score +
                 model_->options.word_bonus * static_cast<double>(num_scored_words) + result.hotword_score;
  find_words(words, alignment, result.words);
  return result;
}

// The words of a text with their times; where words are not divided, what each output wrote.
void Decoder::find_words(const std::vector<PathWord>& words, const Alignment& alignment,
                         std::vector<DecodedWord>& found) const {
  const SymbolSet& symbols = model_->symbols;
  if (symbols.has_space()) {
    found.resize(words.size());
    for (std::size_t i = 0; i < words.size(); ++i) found[i].text = text_of(*model_, words[i].units, words[i].meaning);
    for (const AlignedSymbol& aligned : alignment.symbols) {
      StepRange& steps = found[graph_.arcs[aligned.arc].word].steps;
      if (steps.end == 0) steps.begin = aligned.steps.begin;
      steps.end = aligned.steps.end;
    }
    return;
  }
  const bool are_grouped = std::any_of(symbols.units.begin(), symbols.units.end(),
                                       [](const UnitText& unit) { return unit.opens || unit.closes; });
  bool is_apart = true;
  for (const AlignedSymbol& aligned : alignment.symbols) {
    const std::vector<Unit>& units = symbols.pieces[graph_.arcs[aligned.arc].symbol].units;
    if (is_apart || symbols.units[units.front()].opens) {
      if (found.empty() || !found.back().text.empty()) found.emplace_back();
      found.back().steps.begin = aligned.steps.begin;
    }
    for (const Unit unit : units) found.back().text += symbols.units[unit].text;
    found.back().steps.end = aligned.steps.end;
    is_apart = !are_grouped || symbols.units[units.back()].closes;
  }
  if (!found.empty() && found.back().text.empty()) found.pop_back();
  for (DecodedWord& word : found) {
    if (symbols.is_bytewise) word.text = valid_utf8(word.text);
  }
}

double Decoder::score_words(const std::vector<PathWord>& words) const {
  if (!model_->words) return 0.0;
  double total = 0.0;
  ContextId context = model_->start;
  for (const PathWord& word : words) {
    ContextId next;
    if (model_->rule == WordRule::kSpelled) {
      total += score_word(word, context, next);
      context = next;
      continue;
    }
    for (const Unit unit : word.units) {
      const WordId id = model_->unit_words[unit];
      total += id != kNoWord ? model_->words->score(context, id, next) : model_->unknown_log_prob(context, next);
      context = next;
    }
  }
  return total + model_->words->finish(context);
}

float Decoder::score_word(const PathWord& word, ContextId context, ContextId& next) const {
  if (word.meaning != kNoWord) return model_->meaning_log_prob(context, word.meaning, next);
  const WordId id = word.trie == kOutside ? kNoWord : model_->lexicon->word(word.trie);
  return id != kNoWord ? model_->words->score(context, id, next)
                       : score_unknown(alike(word.units, model_->symbols), context, next);
}

float Decoder::score_unknown(const std::vector<Unit>& spelling, ContextId context, ContextId& next) const {
  const float unknown = model_->unknown_log_prob(context, next);
  if (!model_->spelling) return unknown;
  ContextId place = model_->spelling->start();
  float spelled = 0.0f;
  for (const Unit unit : spelling) spelled += model_->spelling->score(place, unit, place);
  return unknown + model_->options.unknown_weight * (spelled + model_->spelling->finish(place));
}

void DecodingStream::push(const Emissions& emissions) {
  const std::size_t num_symbols = model_->symbols.size();
  log_probs_.insert(log_probs_.end(), emissions.log_probs, emissions.log_probs + emissions.num_steps * num_symbols);
  for (std::size_t step = 0; step < emissions.num_steps; ++step) search_.push(emissions.log_probs + step * num_symbols);
}

std::vector<std::string> DecodingStream::stable_words() const {
  std::vector<std::string> words;
  for (const HistoryId id : find_stable_words(search_.pool(), search_.possible_histories(), kCloseCall)) {
    // What ended just now may end again, a little later, with another history.
    if (search_.pool().histories[id].first_step + kSettlingSteps > search_.num_steps()) break;
    words.push_back(text_of(*model_, search_.pool(), id));
  }
  return words;
}

std::string DecodingStream::text() const {
  const PrefixPool& pool = search_.pool();
  const auto [history, node] = search_.best_prefix();
  WordPath path;
  for (HistoryId id = history; id != kEmptyHistory; id = pool.histories[id].previous) path.words.push_back(id);
  std::vector<Unit> begun;
  pool.spell(node, begun);
  const std::string text = text_of(*model_, pool, path);
  // What a lexicon spells is no text before the word is complete.
  if (begun.empty() || (model_->has_meanings() && model_->is_closed())) return text;
  const std::string word = text_of(*model_, begun, kNoWord);
  return text.empty() || word.empty() ? text + word : text + ' ' + word;
}

std::vector<Decoded> DecodingStream::finish() {
  return decoder_.finish(search_, {log_probs_.data(), log_probs_.size() / model_->symbols.size()});
}

std::unique_ptr<Decoder> DecoderPool::take() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Decoder> decoder = std::move(idle_.back());
      idle_.pop_back();
      return decoder;
    }
  }
  return std::make_unique<Decoder>(model_);
}

void DecoderPool::give_back(std::unique_ptr<Decoder> decoder) {
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_.push_back(std::move(decoder));
}

}  // namespace asrkit
