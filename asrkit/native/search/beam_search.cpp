#include "search/beam_search.hpp"

#include <algorithm>
#include <cmath>

#include "machine/bits.hpp"

namespace asrkit {

namespace {

constexpr std::size_t kBlock = 64;  // symbols looked at together
constexpr std::size_t kChunk = 64;  // likely symbols that fit the bits of one word
// A step whose best prefix falls so far below the last one's may have been left without the right symbols.
constexpr float kDesperate = 1e-30f;
// Masses that paid or were paid so much more leave the range of a float when that comes again.
constexpr float kSmallestMaximum = 1e-3f, kLargestMaximum = 1e6f;
// What a word start keeps in a step in which neither blank nor space is likely.
constexpr float kLeastSilence = 1e-6f;
// Logarithms cost time, so factors are gathered as they are until they might leave the range of a double.
constexpr double kSmall = 1e-200;

template <class T>
void make_room(std::vector<T>& values, std::size_t least) {
  if (values.size() < least) values.resize(2 * least);
}

// Several maxima side by side, as a single one would wait for itself at each step.
float largest(const float* values, std::size_t size) {
  constexpr std::size_t kLanes = 16;
  float most[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) most[k] = values[i + k] > most[k] ? values[i + k] : most[k];
  }
  for (std::size_t k = 0; i < size; ++i, ++k) most[k] = std::max(most[k], values[i]);
  return *std::max_element(most, most + kLanes);
}

}  // namespace

BeamSearch::BeamSearch(const SearchModel& model)
    : model_(model),
      prune_factor_(std::exp(-model.options.beam_threshold)),
      lm_weight_(static_cast<float>(model.options.lm_weight)),
      word_bonus_(static_cast<float>(model.options.word_bonus)),
      num_symbols_(model.symbols.size()),
      are_letters_(model.are_letters),
      is_plain_(model.rule == WordRule::kPlain && !model.hotwords),
      is_shared_(model.options.recombine && model.symbols.has_space()) {
  likely_bit_.resize(num_symbols_ + 1);
  emission_.resize(num_symbols_ + 1);
  for (Symbol symbol = 0; symbol < num_symbols_; ++symbol) {
    is_written_.push_back(model.symbols.pieces[symbol].is_written());
    if (model.symbols.pieces[symbol].separates) spaces_.push_back(symbol);
  }
  reset();
}

void BeamSearch::reset() {
  pool_.reset();
  start_table_.assign(64, kNone);
  num_in_table_ = 0;
  maximum_ = highest_total_ = carry_ = 1.0f;
  offset_ = 1.0;
  log_offset_ = 0.0;
  silence_ = 1.0;
  log_silence_ = 0.0;
  is_settled_ = must_relink_ = false;
  collect_above_ = kMinCollected;
  step_ = 0;
  // The first word start is shared with no history: the empty one has no last word that could be its rival.
  const NodeId root = pool_.add_start(model_.start,
                                      model_.hotwords ? model_.hotwords->start() : 0, model_.lexicon != nullptr);
  now_.make_room(1);
  now_.size = 1;
  now_.blank[0] = 1.0f;
  now_.other[0] = 0.0f;
  now_.symbols[0] = static_cast<Symbol>(num_symbols_);
  now_.slots[0] = {root, kEmptyHistory, kNone, 1.0f, pool_.nodes[root].trie, kUnbounded, 0};
}

void BeamSearch::push(const float* log_probs) {
  find_likely_symbols(log_probs, -model_.options.symbol_threshold);
  if (likely_.empty()) {
    skip_blank_step(log_probs[model_.symbols.blank]);
  } else if (!advance(kDesperate)) {
    // Pruning left no way on, as a closed vocabulary can, or only a desperate one, as the end of a long known word
    // in an unknown one can: look at all symbols. If even that fails, ignore the step.
    find_likely_symbols(log_probs, -std::numeric_limits<float>::infinity());
    advance(std::numeric_limits<float>::min());
  }
  ++step_;
  if (pool_.nodes.size() + pool_.histories.size() > collect_above_) collect_garbage();
}

// Only the blank is likely. It ends all open symbols once; further blank steps change nothing.
void BeamSearch::skip_blank_step(float log_blank) {
  if (!is_settled_) {
    for (std::size_t i = 0; i < now_.size; ++i) {
      now_.blank[i] += now_.other[i];
      now_.other[i] = 0.0f;
    }
    forget_tails();
    is_settled_ = true;
  }
  log_offset_ += log_blank;
}

// Collects the symbols at or above the threshold; the best one always counts.
void BeamSearch::find_likely_symbols(const float* log_probs, float threshold) {
  likely_.clear();
  for (std::size_t begin = 0; begin < num_symbols_; begin += kBlock) {
    std::uint64_t bits = bits_at_least(log_probs + begin, std::min(kBlock, num_symbols_ - begin), threshold);
    for (; bits != 0; bits &= bits - 1) {
      const std::size_t symbol = begin + static_cast<std::size_t>(lowest_bit(bits));
      add_likely_symbol(static_cast<Symbol>(symbol), log_probs[symbol]);
    }
  }
  const Symbol blank = model_.symbols.blank;
  const bool is_blank_likely = log_probs[blank] >= threshold;
  if (likely_.empty() && !is_blank_likely) {
    float most = log_probs[blank];
    for (Symbol symbol = 0; symbol < num_symbols_; ++symbol) {
      if (is_written_[symbol]) most = std::max(most, log_probs[symbol]);
    }
    return find_likely_symbols(log_probs, most);
  }
  if (likely_.empty()) return;
  blank_emission_ = is_blank_likely ? std::exp(log_probs[blank]) * carry_ : 0.0f;
  for (const Symbol space : spaces_) emission_[num_symbols_] += emission_[space];
  if (!are_letters_ || !model_.symbols.has_space()) return;
  const auto space = std::find(likely_.begin(), likely_.end(), model_.symbols.space);
  if (space != likely_.end()) std::swap(*space, likely_.back());
}

void BeamSearch::add_likely_symbol(Symbol symbol, float log_prob) {
  if (!is_written_[symbol]) return;
  likely_.push_back(symbol);
  emission_[symbol] = std::exp(log_prob) * carry_;
}

// Moves all active prefixes one step on; false, and nothing changed, when none survives with that much.
bool BeamSearch::advance(float least_maximum) {
  candidates_.size = 0;
  next_silence_ = silence_ * std::max(blank_emission_ + emission_[num_symbols_], kLeastSilence);
  stay();
  if (are_letters_) {
    spread();
  } else {
    stay_tails();
    propose_pieces();
  }
  for (const Symbol symbol : likely_) emission_[symbol] = 0.0f;
  emission_[num_symbols_] = 0.0f;
  if (maximum_ < least_maximum) return false;
  keep_best();
  carry_ = 1.0f / maximum_;
  highest_total_ = maximum_;
  offset_ *= static_cast<double>(maximum_);
  if (offset_ < kSmall || offset_ > 1.0 / kSmall) {
    log_offset_ += std::log(offset_);
    offset_ = 1.0;
  }
  silence_ = next_silence_;
  if (silence_ < kSmall) {
    silence_ /= kSmall;
    log_silence_ += std::log(kSmall);
  }
  is_settled_ = false;
  if (maximum_ < kSmallestMaximum || maximum_ > kLargestMaximum) rescale();
  return true;
}

// Does at once what the next step's emissions would do, before anything else is multiplied with such masses.
void BeamSearch::rescale() {
  for (std::size_t i = 0; i < now_.size; ++i) {
    now_.blank[i] *= carry_;
    now_.other[i] *= carry_;
  }
  for (Tail& tail : now_.tails) tail.mass *= carry_;
  carry_ = highest_total_ = 1.0f;
}

// Moves on by the likely symbols, so many at a time as the bits of a word can tell apart.
void BeamSearch::spread() {
  for (chunk_begin_ = 0; chunk_begin_ < likely_.size(); chunk_begin_ += kChunk) {
    const std::size_t chunk_end = std::min(chunk_begin_ + kChunk, likely_.size());
    for (std::size_t i = chunk_begin_; i < chunk_end; ++i) {
      likely_bit_[likely_[i]] = static_cast<std::uint8_t>(i - chunk_begin_ + 1);
    }
    if (model_.symbols.has_space()) likely_bit_[num_symbols_] = likely_bit_[model_.symbols.space];
    merge_extensions();
    propose_candidates();
    for (std::size_t i = chunk_begin_; i < chunk_end; ++i) likely_bit_[likely_[i]] = 0;
  }
}

// "ab" stays "ab" by a blank, or by its last symbol again; a word start stays by a blank or another space.
void BeamSearch::stay() {
  const std::size_t size = next_.size = now_.size;
  num_active_ = static_cast<std::uint32_t>(size);
  next_.make_room(size);
  make_room(totals_, size);
  std::copy_n(now_.slots.begin(), size, next_.slots.begin());
  std::copy_n(now_.symbols.begin(), size, next_.symbols.begin());
  const auto start = static_cast<Symbol>(num_symbols_);
  const float blank = blank_emission_;
  const float *blanks = now_.blank.data(), *others = now_.other.data(), *emission = emission_.data();
  const Symbol* symbols = now_.symbols.data();
  float *next_blanks = next_.blank.data(), *next_others = next_.other.data(), *totals = totals_.data();
  make_room(masses_, size);
  float* masses = masses_.data();
  for (std::size_t i = 0; i < size; ++i) {
    const float total = blanks[i] + others[i];
    const float repeated = (symbols[i] == start ? total : others[i]) * emission[symbols[i]];
    totals[i] = total;
    next_blanks[i] = total * blank;
    next_others[i] = repeated;
    masses[i] = total * blank + repeated;
  }
  maximum_ = largest(masses, size);
  limit_ = maximum_ * prune_factor_;
}

// "a" becomes "ab", and "ab" is active already: the mass joins it.
void BeamSearch::merge_extensions() {
  const std::size_t size = now_.size;
  make_room(merged_, size);
  make_room(picked_, size);
  // At a word start another space changes nothing.
  const std::uint8_t space_bit = likely_bit_[num_symbols_];
  const std::uint64_t start_mask = space_bit == 0 ? 0 : std::uint64_t{1} << (space_bit - 1);
  std::size_t num_picked = 0;
  for (std::uint32_t i = 0; i < size; ++i) {
    const Symbol symbol = now_.symbols[i];
    merged_[i] = symbol == num_symbols_ ? start_mask : 0;
    picked_[num_picked] = i;
    num_picked += (now_.slots[i].link != kNone) & (likely_bit_[symbol] != 0);
  }
  for (std::size_t i = 0; i < num_picked; ++i) merge_into(picked_[i]);
}

void BeamSearch::merge_into(std::uint32_t i) {
  const std::uint32_t parent = now_.slots[i].link;
  const Symbol symbol = now_.symbols[i];
  merged_[parent] |= std::uint64_t{1} << (likely_bit_[symbol] - 1);
  // "a" + "a" needs a blank between the two.
  const float base = now_.symbols[parent] == symbol ? now_.blank[parent] : totals_[parent];
  const float mass = paid(base * emission_[symbol], now_.slots[i].edge_factor);
  const HistoryId history = now_.slots[parent].history;
  Slot& slot = next_.slots[i];
  const bool is_better = mass > next_.blank[i] + next_.other[i];
  if (is_better) slot.begin_step = now_.symbols[parent] == num_symbols_ ? step_ : now_.slots[parent].begin_step;
  if (are_starts_letters() || slot.history == history) {
    next_.other[i] += mass;
  } else if (is_better) {
    next_.blank[i] = 0.0f;
    next_.other[i] = mass;
    slot.history = history;
  }
  raise_maximum(next_.blank[i] + next_.other[i]);
}

// "a" becomes "ab", which is not active yet.
void BeamSearch::propose_candidates() {
  const std::size_t chunk_end = std::min(chunk_begin_ + kChunk, likely_.size());
  for (std::size_t i = chunk_begin_; i < chunk_end; ++i) {
    const std::size_t begin = candidates_.size;
    propose_symbol(likely_[i], std::uint64_t{1} << (i - chunk_begin_));
    if (likely_[i] == model_.symbols.space && !are_starts_letters()) {
      close_words(begin);
    } else if (is_plain_) {
      raise_maximum(largest(candidates_.masses.data() + begin, candidates_.size - begin));
    } else {
      score_candidates(begin);
    }
  }
}

// Proposes a symbol after all prefixes but those that have a bit of `excluded`.
void BeamSearch::propose_symbol(Symbol symbol, std::uint64_t excluded) {
  const float emission = emission_[symbol];
  const float least = std::max(limit_, std::numeric_limits<float>::min());
  if (highest_total_ * emission < least) return;
  const std::size_t size = now_.size;
  candidates_.make_room(candidates_.size + size);
  const float *blanks = now_.blank.data(), *totals = totals_.data();
  const Symbol* symbols = now_.symbols.data();
  float* masses = candidates_.masses.data();
  std::size_t count = candidates_.size;
  for (std::uint32_t i = 0; i < size; ++i) {
    const float mass = (symbols[i] == symbol ? blanks[i] : totals[i]) * emission;
    masses[count] = mass;
    candidates_.slots[count] = i;
    candidates_.symbols[count] = symbol;
    count += (mass >= least) & ((merged_[i] & excluded) == 0);
  }
  candidates_.size = count;
}

// Scores the candidates from `begin` on, and leaves those that are likely enough.
void BeamSearch::score_candidates(std::size_t begin) {
  const std::size_t end = candidates_.size;
  make_room(extensions_, end);
  std::size_t count = begin;
  for (std::size_t i = begin; i < end; ++i) {
    const std::uint32_t slot = candidates_.slots[i];
    const Symbol symbol = candidates_.symbols[i];
    float mass = candidates_.masses[i];
    if (mass < limit_) continue;
    if (score(slot, symbol, mass, extensions_[count])) {
      candidates_.slots[count] = slot;
      candidates_.symbols[count] = symbol;
      candidates_.masses[count++] = mass;
    }
  }
  candidates_.size = count;
}

// Fills in an extension and takes its cost off the mass; false when it is too unlikely.
inline bool BeamSearch::score(std::uint32_t slot, Symbol symbol, float& mass, Extension& extension) {
  extension = Extension();
  if (model_.rule == WordRule::kSpelled) {
    const TrieId trie = now_.slots[slot].trie;
    if (trie != kOutside) extension.trie = model_.lexicon->child(trie, symbol);
    if (!model_.ahead.empty() && extension.trie != kOutside) {
      extension.edge_factor = factor_of(lm_weight_ * (model_.ahead[extension.trie] - model_.ahead[trie]));
    }
    if (extension.trie == kOutside && !extend_spelled_word(slot, symbol, mass, extension)) return false;
  } else if (model_.rule == WordRule::kOneUnit) {
    const ContextId context = pool_.nodes[now_.slots[slot].node].context;
    extension.edge_factor = factor_of(one_unit_log(context, symbol, extension.context));
  }
  if (model_.hotwords) {
    const HotwordState state = pool_.nodes[now_.slots[slot].node].hotword_state;
    const bool are_letters = !model_.has_meanings();  // else whole words are what phrases are made of
    extension.hotword_state = are_letters ? model_.hotwords->next(state, symbol) : state;
    const float step = are_letters ? model_.hotwords->step(state, extension.hotword_state) : 0.0f;
    if (step != 0.0f) extension.edge_factor = paid(extension.edge_factor, factor_of(step));
  }
  mass = paid(mass, extension.edge_factor);
  if (mass < limit_ || mass <= 0.0f) return false;
  raise_maximum(mass);
  return true;
}

}  // namespace asrkit
