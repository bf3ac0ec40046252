#include "search/decoder.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "machine/worker_threads.hpp"

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

std::string text_of(const PrefixPool& pool, NodeId word, const SymbolSet& symbols) {
  std::vector<Symbol> spelling;
  pool.spell(word, spelling);
  std::string text;
  for (const Symbol symbol : spelling) text += symbols.texts[symbol];
  return text;
}

std::string text_of(const PrefixPool& pool, const WordPath& path, const SymbolSet& symbols) {
  std::string text;
  for (auto id = path.words.rbegin(); id != path.words.rend(); ++id) {
    if (!text.empty() && symbols.has_space()) text += symbols.texts[symbols.space];
    text += text_of(pool, pool.histories[*id].word, symbols);
  }
  return text;
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
      aligner_(model_->symbols, std::exp(-std::max<double>(model_->options.beam_threshold, kAlignmentThreshold))) {}

std::vector<Decoded> Decoder::decode(const Emissions& emissions) {
  run_search(emissions);
  return finish(search_, emissions);
}

std::string Decoder::decode_text(const Emissions& emissions) {
  run_search(emissions);
  const std::vector<WordPath> paths = find_paths(search_, std::max(n_best(), kMaxCloseCalls));
  if (paths.empty()) return {};
  if (count_contenders(paths, n_best()) == 1) return text_of(search_.pool(), paths[0], model_->symbols);
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
  return find_best_paths(search.pool(), finals, count);
}

std::vector<Decoded> Decoder::finish(BeamSearch& search, const Emissions& emissions) {
  const std::vector<WordPath> paths = find_paths(search, std::max(n_best(), kJudges));
  std::vector<Decoded> best;
  for (auto& [result, i] : rank(search.pool(), paths, emissions)) {
    const Confidences confidences =
        judge_words(search.pool(), paths, kJudges, paths[i], static_cast<std::uint32_t>(emissions.num_steps));
    result.confidence = confidences.path;
    // The path runs backward; a path of one-symbol words is one entry.
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
  return results;
}

Decoded Decoder::describe(const PrefixPool& pool, const WordPath& path, const Emissions& emissions) {
  const bool are_symbols_words = model_->rule == WordRule::kOneSymbol;
  std::vector<std::vector<Symbol>> words;
  std::vector<TrieId> tries;
  for (auto id = path.words.rbegin(); id != path.words.rend(); ++id) {
    std::vector<Symbol> spelling;
    pool.spell(pool.histories[*id].word, spelling);
    if (are_symbols_words) {
      for (const Symbol symbol : spelling) words.push_back({symbol});
    } else {
      words.push_back(std::move(spelling));
      tries.push_back(pool.nodes[pool.histories[*id].word].trie);
    }
  }
  Decoded result;
  result.text = text_of(pool, path, model_->symbols);
  const Alignment alignment = aligner_.align(emissions.log_probs, emissions.num_steps, words);
  result.acoustic_score = alignment.log_prob;
  result.lm_score = score_words(tries, words);
  if (model_->hotwords) result.hotword_score = model_->hotwords->score(words);
  const double num_scored_words = model_->words ? static_cast<double>(words.size()) : 0.0;
  result.score = result.acoustic_score + model_->options.lm_weight * result.lm_score +
                 model_->options.word_bonus * num_scored_words + result.hotword_score;
  for (std::size_t i = 0; i < words.size(); ++i) {
    DecodedWord word;
    for (const Symbol symbol : words[i]) word.text += model_->symbols.texts[symbol];
    word.steps = alignment.words[i];
    result.words.push_back(std::move(word));
  }
  return result;
}

double Decoder::score_words(const std::vector<TrieId>& tries, const std::vector<std::vector<Symbol>>& words) const {
  if (!model_->words) return 0.0;
  double total = 0.0;
  ContextId context = model_->words->start();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool is_symbol = model_->rule == WordRule::kOneSymbol;
    const WordId word = is_symbol                ? model_->symbol_words[words[i][0]]
                        : tries[i] == kOutside ? kNoWord
                                               : model_->lexicon->word(tries[i]);
    ContextId next;
    if (word != kNoWord) {
      total += model_->words->score(context, word, next);
    } else {
      total += is_symbol ? model_->unknown_log_prob(context, next) : score_unknown(words[i], context, next);
    }
    context = next;
  }
  return total + model_->words->finish(context);
}

float Decoder::score_unknown(const std::vector<Symbol>& spelling, ContextId context, ContextId& next) const {
  const float unknown = model_->unknown_log_prob(context, next);
  if (!model_->spelling) return unknown;
  ContextId place = model_->spelling->start();
  float spelled = 0.0f;
  for (const Symbol symbol : spelling) spelled += model_->spelling->score(place, symbol, place);
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
    words.push_back(text_of(search_.pool(), search_.pool().histories[id].word, model_->symbols));
  }
  return words;
}

std::string DecodingStream::text() const {
  const PrefixPool& pool = search_.pool();
  auto [history, node] = search_.best_prefix();
  std::vector<std::string> words{text_of(pool, node, model_->symbols)};
  for (; history != kEmptyHistory; history = pool.histories[history].previous) {
    words.push_back(text_of(pool, pool.histories[history].word, model_->symbols));
  }
  std::string text;
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    if (word->empty()) continue;
    if (!text.empty()) text += model_->symbols.texts[model_->symbols.space];
    text += *word;
  }
  return text;
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

std::vector<std::vector<Decoded>> DecoderPool::decode(const std::vector<Emissions>& batch, int num_threads) {
  return run(&Decoder::decode, batch, num_threads);
}

std::vector<std::string> DecoderPool::decode_texts(const std::vector<Emissions>& batch, int num_threads) {
  return run(&Decoder::decode_text, batch, num_threads);
}

template <class Result>
std::vector<Result> DecoderPool::run(Result (Decoder::*decode)(const Emissions&), const std::vector<Emissions>& batch,
                                     int num_threads) {
  std::vector<Result> results(batch.size());
  std::atomic<std::size_t> next{0};
  const std::size_t num_workers = std::min<std::size_t>(static_cast<std::size_t>(num_threads), batch.size());
  work_on_threads(num_workers, [&] {
    std::unique_ptr<Decoder> decoder = take();
    for (std::size_t i = next++; i < batch.size(); i = next++) results[i] = (decoder.get()->*decode)(batch[i]);
    give_back(std::move(decoder));
  });
  return results;
}

}  // namespace asrkit
