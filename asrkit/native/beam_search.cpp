#include "beam_search.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace asrkit {

namespace {

constexpr std::size_t kBlock = 8;   // symbols looked at together
constexpr std::size_t kChunk = 64;  // likely symbols that fit the bits of one word
// A step whose best prefix falls so far below the last one's would soon leave the range of a float.
constexpr float kLeastMaximum = 1e-30f;

}  // namespace

BeamSearch::BeamSearch(const SearchModel& model)
    : model_(model),
      prune_factor_(std::exp(-model.options.beam_threshold)),
      lm_weight_(static_cast<float>(model.options.lm_weight)),
      word_bonus_(static_cast<float>(model.options.word_bonus)),
      num_symbols_(model.symbols.size()) {
  likely_bit_.resize(num_symbols_ + 1);
  block_highest_.resize((num_symbols_ + kBlock - 1) / kBlock);
  emission_.resize(num_symbols_ + 1);
  reset();
}

void BeamSearch::reset() {
  pool_.reset();
  start_table_.assign(64, kNone);
  num_in_table_ = 0;
  maximum_ = carry_ = 1.0f;
  log_offset_ = 0.0;
  is_settled_ = must_relink_ = false;
  collect_above_ = kMinCollected;
  step_ = 0;
  const NodeId root = start_for(model_.words ? model_.words->start() : kEmptyContext,
                                model_.hotwords ? model_.hotwords->start() : 0);
  slots_.assign(1, Slot{1.0f, 0.0f, root, kEmptyHistory, static_cast<Symbol>(num_symbols_), kNone, 1.0f,
                        pool_.nodes[root].trie});
}

void BeamSearch::push(const float* log_probs) {
  find_likely_symbols(log_probs, -model_.options.symbol_threshold);
  if (likely_.empty()) {
    skip_blank_step(log_probs[model_.symbols.blank]);
  } else if (!advance()) {
    // Pruning left no way on, as a closed vocabulary can, or only a desperate one, as the end of a long known word
    // in an unknown one can: look at all symbols. If even that fails, ignore the step.
    find_likely_symbols(log_probs, -std::numeric_limits<float>::infinity());
    advance();
  }
  ++step_;
  if (pool_.nodes.size() + pool_.histories.size() > collect_above_) collect_garbage();
}

// Only the blank is likely. It ends all open symbols once; further blank steps change nothing.
void BeamSearch::skip_blank_step(float log_blank) {
  if (!is_settled_) {
    for (Slot& slot : slots_) {
      slot.blank += slot.other;
      slot.other = 0.0f;
    }
    is_settled_ = true;
  }
  log_offset_ += log_blank;
}

// Collects the symbols at or above the threshold; the best one always counts.
void BeamSearch::find_likely_symbols(const float* log_probs, float threshold) {
  const Symbol blank = model_.symbols.blank;
  // The highest of each block first: most blocks hold nothing likely.
  for (std::size_t block = 0; block < block_highest_.size(); ++block) {
    const std::size_t begin = block * kBlock, end = std::min(begin + kBlock, num_symbols_);
    float highest = log_probs[begin];
    for (std::size_t i = begin + 1; i < end; ++i) highest = log_probs[i] > highest ? log_probs[i] : highest;
    block_highest_[block] = highest;
  }
  threshold = std::min(threshold, *std::max_element(block_highest_.begin(), block_highest_.end()));
  likely_.clear();
  highest_emission_ = 0.0f;
  for (std::size_t block = 0; block < block_highest_.size(); ++block) {
    if (block_highest_[block] < threshold) continue;
    const std::size_t begin = block * kBlock, end = std::min(begin + kBlock, num_symbols_);
    for (std::size_t i = begin; i < end; ++i) {
      if (log_probs[i] < threshold || i == blank) continue;
      likely_.push_back(static_cast<Symbol>(i));
      emission_[i] = std::exp(log_probs[i]) * carry_;
      highest_emission_ = std::max(highest_emission_, emission_[i]);
    }
  }
  blank_emission_ = log_probs[blank] >= threshold ? std::exp(log_probs[blank]) * carry_ : 0.0f;
  if (model_.symbols.has_space()) emission_[num_symbols_] = emission_[model_.symbols.space];
}

// Moves all active prefixes one step on; false, and nothing changed, when none survives in good order.
bool BeamSearch::advance() {
  next_.clear();
  candidates_.clear();
  maximum_ = 0.0f;
  stay();
  for (chunk_begin_ = 0; chunk_begin_ < likely_.size(); chunk_begin_ += kChunk) {
    const std::size_t chunk_end = std::min(chunk_begin_ + kChunk, likely_.size());
    for (std::size_t i = chunk_begin_; i < chunk_end; ++i) {
      likely_bit_[likely_[i]] = static_cast<std::uint8_t>(i - chunk_begin_ + 1);
    }
    merge_extensions();
    propose_candidates();
    for (std::size_t i = chunk_begin_; i < chunk_end; ++i) likely_bit_[likely_[i]] = 0;
  }
  for (const Symbol symbol : likely_) emission_[symbol] = 0.0f;
  emission_[num_symbols_] = 0.0f;
  if (maximum_ < kLeastMaximum) return false;
  keep_best();
  carry_ = 1.0f / maximum_;
  log_offset_ += std::log(static_cast<double>(maximum_));
  is_settled_ = false;
  return true;
}

// "ab" stays "ab" by a blank, or by its last symbol again; a word start stays by a blank or another space.
void BeamSearch::stay() {
  next_.resize(slots_.size());
  float most = 0.0f;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    Slot& next = next_[i];
    next = slot;
    const float repeated = slot.symbol == num_symbols_ ? slot.total() : slot.other;
    next.blank = slot.total() * blank_emission_;
    next.other = repeated * emission_[slot.symbol];
    most = std::max(most, next.total());
  }
  maximum_ = most;
  limit_ = most * prune_factor_;
}

// "a" becomes "ab", and "ab" is active already: the mass joins it.
void BeamSearch::merge_extensions() {
  merged_.assign(slots_.size(), 0);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.parent_slot == kNone || likely_bit_[slot.symbol] == 0) continue;
    const Slot& parent = slots_[slot.parent_slot];
    merged_[slot.parent_slot] |= std::uint64_t{1} << (likely_bit_[slot.symbol] - 1);
    // "a" + "a" needs a blank between the two.
    const float base = parent.symbol == slot.symbol ? parent.blank : parent.total();
    const float mass = base * emission_[slot.symbol] * slot.edge_factor;
    Slot& next = next_[i];
    if (next.history == parent.history) {
      next.other += mass;
    } else if (mass > next.total()) {
      next.blank = 0.0f;
      next.other = mass;
      next.history = parent.history;
    }
    raise_maximum(next.total());
  }
}

// Fills in a candidate; false when it is too unlikely.
inline bool BeamSearch::propose(Candidate& candidate, float mass) {
  const Slot& slot = slots_[candidate.slot];
  if (model_.rule == WordRule::kSpelled) {
    if (slot.trie != kOutside) candidate.trie = model_.lexicon->child(slot.trie, candidate.symbol);
    if (candidate.trie == kOutside && !extend_spelled_word(slot.node, mass, candidate)) return false;
  } else if (model_.rule == WordRule::kOneSymbol) {
    extend_one_symbol_word(slot.node, candidate);
  }
  if (model_.hotwords) {
    const HotwordState state = pool_.nodes[slot.node].hotword_state;
    candidate.hotword_state = model_.hotwords->next(state, candidate.symbol);
    const float step = model_.hotwords->step(state, candidate.hotword_state);
    if (step != 0.0f) candidate.edge_factor *= std::exp(step);
  }
  candidate.mass = mass * candidate.edge_factor;
  if (candidate.mass < limit_ || candidate.mass <= 0.0f) return false;
  raise_maximum(candidate.mass);
  return true;
}

// "a" becomes "ab", which is not active yet.
void BeamSearch::propose_candidates() {
  const std::size_t count = std::min(kChunk, likely_.size() - chunk_begin_);
  const std::uint64_t all = count == kChunk ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.total() * highest_emission_ < limit_) continue;
    for (std::uint64_t left = all & ~merged_[i]; left != 0; left &= left - 1) {
      const Symbol symbol = likely_[chunk_begin_ + static_cast<std::size_t>(lowest_bit(left))];
      const float base = slot.symbol == symbol ? slot.blank : slot.total();
      const float mass = base * emission_[symbol];
      if (mass < limit_ || mass <= 0.0f) continue;
      if (symbol == model_.symbols.space) {
        if (slot.symbol != num_symbols_) close_word(i, mass);  // at a word start it stayed already
      } else {
        // Built where it stays: most candidates do, and copying what was just written stalls the processor.
        if (!propose(candidates_.emplace_back(i, symbol), mass)) candidates_.pop_back();
      }
    }
  }
}

// "ab" becomes "ab ": the word is complete.
void BeamSearch::close_word(std::uint32_t slot, float mass) {
  const NodeId word = slots_[slot].node;
  mass *= find_close(word).close_factor;
  if (mass < limit_ || mass <= 0.0f) return;
  const NodeId start = boundary_after(word);
  arrive(start, pool_.extend_history(slots_[slot].history, word), mass);
}

void BeamSearch::arrive(NodeId start, HistoryId history_id, float mass) {
  History& history = pool_.histories[history_id];
  if (history.first_step == kNone) {
    history.first_step = step_;
    history.log_offset = log_offset_;
  }
  history.mass += mass * std::exp(log_offset_ - history.log_offset);

  Node& node = pool_.nodes[start];
  const bool is_active = node.slot < next_.size() && next_[node.slot].node == start;
  if (!is_active) {
    node.slot = static_cast<std::uint32_t>(next_.size());
    next_.push_back({0.0f, mass, start, history_id, static_cast<Symbol>(num_symbols_), kNone, 1.0f, node.trie});
    must_relink_ = must_relink_ || node.first_child != kNone;
    raise_maximum(mass);
    return;
  }
  Slot& slot = next_[node.slot];
  if (slot.history != history_id) pool_.add_rivals(slot.history, history_id);
  if (slot.history == history_id) {
    slot.other += mass;
  } else if (mass > slot.total()) {
    slot.blank = 0.0f;
    slot.other = mass;
    slot.history = history_id;
  }
  raise_maximum(slot.total());
}

// Drops what is below the threshold or beyond the beam, and makes nodes of the candidates that stay.
void BeamSearch::keep_best() {
  const float limit = cutoff(limit_);
  std::size_t room = static_cast<std::size_t>(model_.options.beam);
  for (const Slot& slot : next_) room -= slot.total() > limit ? 1 : 0;
  for (const Candidate& candidate : candidates_) room -= candidate.mass > limit ? 1 : 0;
  // Ties at the limit stay in order while there is room.
  const auto stays = [&](float mass) {
    if (mass > limit) return true;
    if (mass < limit || room == 0) return false;
    --room;
    return true;
  };
  const std::size_t num_old = slots_.size();
  new_slots_.assign(num_old, kNone);
  slots_.resize(std::min(next_.size() + candidates_.size(), static_cast<std::size_t>(model_.options.beam)));
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < next_.size(); ++i) {
    if (!stays(next_[i].total())) continue;
    if (i < num_old) new_slots_[i] = count;
    if (next_[i].symbol == num_symbols_) pool_.nodes[next_[i].node].slot = count;
    slots_[count++] = next_[i];
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (slots_[i].parent_slot != kNone) slots_[i].parent_slot = new_slots_[slots_[i].parent_slot];
  }
  for (const Candidate& candidate : candidates_) {
    if (!stays(candidate.mass)) continue;
    const HistoryId history = next_[candidate.slot].history;
    Slot& slot = slots_[count++];
    slot.blank = 0.0f;
    slot.other = candidate.mass;
    slot.node = node_of(candidate);
    slot.history = history;
    slot.symbol = candidate.symbol;
    slot.parent_slot = new_slots_[candidate.slot];
    slot.edge_factor = candidate.edge_factor;
    slot.trie = candidate.trie;
  }
  slots_.resize(count);
  if (must_relink_) relink_parents();
}

// The node of a candidate: a new one, or one that was active before.
NodeId BeamSearch::node_of(const Candidate& candidate) {
  const NodeId parent = next_[candidate.slot].node;
  const NodeId known = pool_.find_child(parent, candidate.symbol);
  if (known != kNone) {
    must_relink_ = must_relink_ || pool_.nodes[known].first_child != kNone;
    return known;
  }
  const NodeId id = pool_.add_child(parent);
  Node& node = pool_.nodes[id];
  node.symbol = candidate.symbol;
  node.trie = candidate.trie;
  if (model_.rule == WordRule::kOneSymbol) node.context = candidate.context;
  node.spelling_context = candidate.spelling_context;
  node.hotword_state = candidate.hotword_state;
  if (candidate.trie != kOutside) {
    const WordId word = model_.lexicon->word(candidate.trie);
    if (word != kNoWord) model_.words->ask_for(node.context, word);
  }
  return id;
}

// The least mass that stays: the given limit, or that of the last one in the beam. Masses are counted by the leading
// bits of their numbers, eight buckets to an octave, so that only one bucket needs sorting out.
float BeamSearch::cutoff(float limit) {
  masses_.clear();
  for (const Slot& slot : next_) {
    if (slot.total() >= limit) masses_.push_back(slot.total());
  }
  for (const Candidate& candidate : candidates_) {
    if (candidate.mass >= limit) masses_.push_back(candidate.mass);
  }
  const auto beam = static_cast<std::size_t>(model_.options.beam);
  if (masses_.size() <= beam) return limit;
  const auto bucket_of = [](float mass) {
    std::uint32_t bits;
    std::memcpy(&bits, &mass, sizeof bits);
    return bits >> 20;
  };
  const std::uint32_t lowest = bucket_of(limit);
  buckets_.assign(bucket_of(maximum_) - lowest + 1, 0);
  for (const float mass : masses_) ++buckets_[bucket_of(mass) - lowest];
  std::size_t num_above = 0;
  std::size_t bucket = buckets_.size();
  while (num_above + buckets_[bucket - 1] < beam) num_above += buckets_[--bucket];
  --bucket;
  std::size_t num_inside = 0;
  for (const float mass : masses_) {
    if (bucket_of(mass) - lowest == bucket) masses_[num_inside++] = mass;
  }
  const auto last = masses_.begin() + static_cast<std::ptrdiff_t>(beam - num_above - 1);
  std::nth_element(masses_.begin(), last, masses_.begin() + static_cast<std::ptrdiff_t>(num_inside),
                   std::greater<float>());
  return *last;
}

// Prefixes that became active again may have active children.
void BeamSearch::relink_parents() {
  for (std::uint32_t i = 0; i < slots_.size(); ++i) pool_.nodes[slots_[i].node].slot = i;
  for (Slot& slot : slots_) {
    slot.parent_slot = kNone;
    const NodeId parent = pool_.nodes[slot.node].parent;
    if (parent == kNone) continue;
    const std::uint32_t place = pool_.nodes[parent].slot;
    if (place < slots_.size() && slots_[place].node == parent) slot.parent_slot = place;
  }
  must_relink_ = false;
}

}  // namespace asrkit
