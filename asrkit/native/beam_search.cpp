#include "beam_search.hpp"

#include <algorithm>
#include <cmath>

namespace asrkit {

namespace {

constexpr std::size_t kChunk = 64;  // likely symbols that fit the bits of one word
constexpr float kNotANumber = std::numeric_limits<float>::quiet_NaN();

}  // namespace

BeamSearch::BeamSearch(const SearchModel& model)
    : model_(model),
      prune_factor_(std::exp(-model.options.beam_threshold)),
      lm_weight_(static_cast<float>(model.options.lm_weight)),
      word_bonus_(static_cast<float>(model.options.word_bonus)),
      num_symbols_(model.symbols.size()) {
  likely_bit_.resize(num_symbols_ + 1);
  emission_.resize(num_symbols_ + 1);
  reset();
}

void BeamSearch::reset() {
  pool_.reset();
  start_table_.assign(64, {0, kNone});
  num_in_table_ = 0;
  maximum_ = carry_ = 1.0f;
  log_offset_ = 0.0;
  is_settled_ = must_relink_ = false;
  step_ = 0;
  const NodeId root = start_for(model_.words ? model_.words->start() : kEmptyContext);
  slots_.assign(1, Slot{1.0f, 0.0f, root, kEmptyHistory, static_cast<Symbol>(num_symbols_), kNone, 1.0f,
                        pool_.nodes[root].trie});
}

void BeamSearch::push(const float* log_probs) {
  find_likely_symbols(log_probs, -model_.options.symbol_threshold);
  if (likely_.empty()) {
    skip_blank_step(log_probs[model_.symbols.blank]);
  } else if (!advance()) {
    // Pruning left no way on, as a closed vocabulary can: look at all symbols. If even that fails, ignore the step.
    find_likely_symbols(log_probs, -std::numeric_limits<float>::infinity());
    advance();
  }
  ++step_;
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
  float highest = log_probs[0];
  for (std::size_t i = 1; i < num_symbols_; ++i) highest = std::max(highest, log_probs[i]);
  threshold = std::min(threshold, highest);
  likely_.clear();
  for (std::size_t i = 0; i < num_symbols_; ++i) {
    if (log_probs[i] >= threshold && i != blank) likely_.push_back(static_cast<Symbol>(i));
  }
  blank_emission_ = log_probs[blank] >= threshold ? std::exp(log_probs[blank]) * carry_ : 0.0f;
  for (const Symbol symbol : likely_) emission_[symbol] = std::exp(log_probs[symbol]) * carry_;
  if (model_.symbols.has_space()) emission_[num_symbols_] = emission_[model_.symbols.space];
}

// Moves all active prefixes one step on; false, and nothing changed, when none survives.
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
  if (maximum_ <= 0.0f) return false;
  keep_best();
  carry_ = 1.0f / maximum_;
  log_offset_ += std::log(static_cast<double>(maximum_));
  is_settled_ = false;
  return true;
}

void BeamSearch::raise_maximum(float mass) {
  if (mass > maximum_) {
    maximum_ = mass;
    limit_ = mass * prune_factor_;
  }
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

// "a" becomes "ab", which is not active yet.
void BeamSearch::propose_candidates() {
  const std::size_t count = std::min(kChunk, likely_.size() - chunk_begin_);
  const std::uint64_t all = count == kChunk ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    for (std::uint64_t left = all & ~merged_[i]; left != 0; left &= left - 1) {
      const Symbol symbol = likely_[chunk_begin_ + static_cast<std::size_t>(lowest_bit(left))];
      const float base = slot.symbol == symbol ? slot.blank : slot.total();
      const float mass = base * emission_[symbol];
      if (mass < limit_ || mass <= 0.0f) continue;
      if (symbol == model_.symbols.space) {
        if (slot.symbol != num_symbols_) close_word(i, mass);  // at a word start it stayed already
      } else {
        propose(i, symbol, mass);
      }
    }
  }
}

void BeamSearch::propose(std::uint32_t slot, Symbol symbol, float mass) {
  const NodeId parent = slots_[slot].node;
  Candidate candidate;
  candidate.slot = slot;
  candidate.node.symbol = symbol;
  candidate.node.context = pool_.nodes[parent].context;
  if (model_.rule == WordRule::kSpelled) {
    if (!extend_lexicon(slot, symbol, mass, candidate.node)) return;
  } else if (model_.rule == WordRule::kOneSymbol) {
    extend_one_symbol_word(parent, symbol, candidate.node);
  }
  candidate.mass = mass * candidate.node.edge_factor;
  if (candidate.mass < limit_ || candidate.mass <= 0.0f) return;
  raise_maximum(candidate.mass);
  candidates_.push_back(candidate);
}

// Follows the lexicon, or leaves it for the spelling model; false when the result is too unlikely.
bool BeamSearch::extend_lexicon(std::uint32_t slot, Symbol symbol, float mass, Node& child) {
  const TrieId trie = slots_[slot].trie;
  if (trie != kOutside) {
    child.trie = model_.lexicon->child(trie, symbol);
    if (child.trie != kOutside) {
      child.spelling_log = kNotANumber;
      return true;
    }
  }
  return extend_spelling(slots_[slot].node, symbol, mass, child);
}

bool BeamSearch::extend_spelling(NodeId parent, Symbol symbol, float mass, Node& child) {
  if (model_.options.is_closed_vocabulary) return false;
  const float leaving = pool_.nodes[parent].trie == kOutside ? 1.0f : leave_factor(parent);
  if (mass * leaving < limit_) return false;
  find_spelling(parent);
  const Node& node = pool_.nodes[parent];
  const float log_prob = model_.spelling->score(node.spelling_context, symbol, child.spelling_context);
  child.spelling_log = node.spelling_log + log_prob;
  child.edge_factor = leaving * std::exp(lm_weight_ * model_.options.unknown_weight * log_prob);
  return true;
}

void BeamSearch::extend_one_symbol_word(NodeId parent, Symbol symbol, Node& child) {
  const WordId word = model_.symbol_words[symbol];
  const ContextId context = pool_.nodes[parent].context;
  if (word == kNoWord && model_.options.is_closed_vocabulary) {
    child.edge_factor = 0.0f;
    return;
  }
  const float log_prob = word != kNoWord ? model_.words->score(context, word, child.context)
                                         : model_.unknown_log_prob(context, child.context);
  child.edge_factor = std::exp(lm_weight_ * log_prob + word_bonus_);
}

// "ab" becomes "ab ": the word is complete.
void BeamSearch::close_word(std::uint32_t slot, float mass) {
  const NodeId word = slots_[slot].node;
  if (pool_.nodes[word].close_factor < 0.0f) {
    ContextId next = kEmptyContext;
    pool_.nodes[word].close_factor = std::exp(close_log(word, next));
    pool_.nodes[word].next_context = next;
  }
  mass *= pool_.nodes[word].close_factor;
  if (mass < limit_ || mass <= 0.0f) return;
  const NodeId start = boundary_after(word);
  arrive(start, pool_.extend_history(slots_[slot].history, word), mass);
}

void BeamSearch::arrive(NodeId start, HistoryId history_id, float mass) {
  History& history = pool_.histories[history_id];
  if (history.start == kNone) {
    WordStart& word_start = pool_.starts[pool_.nodes[start].start];
    history.start = pool_.nodes[start].start;
    history.next_arrival = word_start.first_arrival;
    word_start.first_arrival = history_id;
    history.first_step = step_;
    history.log_offset = log_offset_;
  }
  history.last_step = step_;
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
  slots_.clear();
  for (std::uint32_t i = 0; i < next_.size(); ++i) {
    if (!stays(next_[i].total())) continue;
    const auto place = static_cast<std::uint32_t>(slots_.size());
    if (i < num_old) new_slots_[i] = place;
    if (next_[i].symbol == num_symbols_) pool_.nodes[next_[i].node].slot = place;
    slots_.push_back(next_[i]);
  }
  for (Slot& slot : slots_) {
    if (slot.parent_slot != kNone) slot.parent_slot = new_slots_[slot.parent_slot];
  }
  for (const Candidate& candidate : candidates_) {
    if (!stays(candidate.mass)) continue;
    const Slot& parent = next_[candidate.slot];
    NodeId node = pool_.find_child(parent.node, candidate.node.symbol);
    if (node == kNone) {
      node = pool_.add_child(parent.node, candidate.node);
    } else {
      must_relink_ = must_relink_ || pool_.nodes[node].first_child != kNone;
    }
    slots_.push_back({0.0f, candidate.mass, node, parent.history, candidate.node.symbol, new_slots_[candidate.slot],
                      candidate.node.edge_factor, candidate.node.trie});
  }
  if (must_relink_) relink_parents();
}

// The least mass that stays: the given limit, or that of the last one in the beam.
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
  const auto last = masses_.begin() + static_cast<std::ptrdiff_t>(beam - 1);
  std::nth_element(masses_.begin(), last, masses_.end(), std::greater<float>());
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

float BeamSearch::unknown_log_prob(WordStart& start, ContextId context) {
  if (std::isnan(start.unknown_log_prob)) {
    start.unknown_log_prob = model_.unknown_log_prob(context, start.unknown_next);
  }
  return start.unknown_log_prob;
}

// Fills in the spelling probability of a node in the lexicon, where it is seldom needed.
void BeamSearch::find_spelling(NodeId id) {
  Node& node = pool_.nodes[id];
  if (!std::isnan(node.spelling_log)) return;
  if (node.parent == kNone) {
    node.spelling_log = 0.0f;
    node.spelling_context = model_.spelling->start();
    return;
  }
  find_spelling(node.parent);
  const Node& parent = pool_.nodes[node.parent];
  node.spelling_log =
      parent.spelling_log + model_.spelling->score(parent.spelling_context, node.symbol, node.spelling_context);
}

// What an unknown word owes when its spelling leaves the lexicon: all of its score so far.
float BeamSearch::leave_factor(NodeId id) {
  Node& node = pool_.nodes[id];
  if (node.leave_factor < 0.0f) {
    find_spelling(id);
    const float unknown = unknown_log_prob(pool_.starts[node.start], node.context);
    node.leave_factor =
        std::exp(lm_weight_ * (unknown + model_.options.unknown_weight * node.spelling_log));
  }
  return node.leave_factor;
}

// What the end of a word costs, and the context after it.
float BeamSearch::close_log(NodeId id, ContextId& next) {
  const Node& node = pool_.nodes[id];
  const SearchOptions& options = model_.options;
  next = node.context;
  if (model_.rule != WordRule::kSpelled || node.parent == kNone) return 0.0f;
  const bool is_inside = node.trie != kOutside;
  const WordId word = is_inside ? model_.lexicon->word(node.trie) : kNoWord;
  if (word != kNoWord) return lm_weight_ * model_.words->score(node.context, word, next) + word_bonus_;
  if (options.is_closed_vocabulary) return -std::numeric_limits<float>::infinity();
  WordStart& start = pool_.starts[node.start];
  const float unknown = unknown_log_prob(start, node.context);
  next = start.unknown_next;
  find_spelling(id);
  float log_prob = options.unknown_weight * model_.spelling->finish(node.spelling_context);
  if (is_inside) log_prob += unknown + options.unknown_weight * node.spelling_log;
  return lm_weight_ * log_prob + word_bonus_;
}

// The word start that follows a complete word.
NodeId BeamSearch::boundary_after(NodeId word) {
  if (pool_.nodes[word].boundary == kNone) {
    const ContextId context = pool_.nodes[word].next_context;
    const bool shared = model_.rule == WordRule::kSpelled && model_.options.recombine && lm_weight_ != 0.0f;
    const NodeId start = shared ? start_for(context) : pool_.add_start(context, model_.lexicon != nullptr);
    pool_.nodes[word].boundary = start;
  }
  return pool_.nodes[word].boundary;
}

// The one word start of a context.
NodeId BeamSearch::start_for(ContextId context) {
  const std::size_t mask = start_table_.size() - 1;
  std::size_t place = mix_bits(context) & mask;
  while (start_table_[place].second != kNone && start_table_[place].first != context) place = (place + 1) & mask;
  if (start_table_[place].second != kNone) return start_table_[place].second;
  const NodeId start = pool_.add_start(context, model_.lexicon != nullptr);
  start_table_[place] = {context, start};
  if (++num_in_table_ * 2 > start_table_.size()) {
    std::vector<std::pair<ContextId, NodeId>> old(start_table_.size() * 2, {0, kNone});
    old.swap(start_table_);
    for (const auto& entry : old) {
      if (entry.second == kNone) continue;
      std::size_t free_place = mix_bits(entry.first) & (start_table_.size() - 1);
      while (start_table_[free_place].second != kNone) free_place = (free_place + 1) & (start_table_.size() - 1);
      start_table_[free_place] = entry;
    }
  }
  return start;
}

std::vector<FinalHistory> BeamSearch::finish() {
  std::vector<FinalHistory> finals;
  for (const Slot& slot : slots_) {
    ContextId next = pool_.nodes[slot.node].context;
    double log_mass = std::log(static_cast<double>(slot.total())) + log_offset_;
    HistoryId history = slot.history;
    if (slot.symbol != num_symbols_) {
      log_mass += close_log(slot.node, next);
      history = pool_.extend_history(slot.history, slot.node);
    }
    if (model_.words) log_mass += lm_weight_ * model_.words->finish(next);
    if (log_mass > -std::numeric_limits<double>::infinity()) finals.push_back({history, log_mass});
  }
  // "ab" and "ab " are one text.
  std::sort(finals.begin(), finals.end(), [](const auto& a, const auto& b) { return a.history < b.history; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < finals.size(); ++i) {
    if (kept > 0 && finals[kept - 1].history == finals[i].history) {
      const double high = std::max(finals[kept - 1].log_mass, finals[i].log_mass);
      const double low = std::min(finals[kept - 1].log_mass, finals[i].log_mass);
      finals[kept - 1].log_mass = high + std::log1p(std::exp(low - high));
    } else {
      finals[kept++] = finals[i];
    }
  }
  finals.resize(kept);
  std::stable_sort(finals.begin(), finals.end(),
                   [](const auto& a, const auto& b) { return a.log_mass > b.log_mass; });
  return finals;
}

}  // namespace asrkit
