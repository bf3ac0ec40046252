// How the search goes on where outputs are no letters: one may spell several units or none, and open or close words.
//
// All spellings of a text are one prefix, found by following its units through the pool. An output cannot follow itself
// without a blank, so the mass of a prefix is kept by the output it ends in: `other` is what ends in `symbols`, the
// rest is in `blank`, and where that is more than the blank's, the tails say of what.
//
// An output that opens a word also ends the word before it. In each step, the words that may end are put behind the
// active prefixes as open words, of which only such an output makes anything.
#include <algorithm>
#include <cmath>
#include <limits>

#include "search/beam_search.hpp"

namespace asrkit {

namespace {

// Kinds of prefixes, as an output may not follow all.
constexpr std::uint64_t kInWord = 1, kAtStart = 2, kOpenWord = 4;

}  // namespace

void BeamSearch::forget_tails() {
  if (now_.tails.empty()) return;
  for (std::uint32_t i = 0; i < now_.size; ++i) now_.slots[i].link = kNone;
  now_.tails.clear();
}

// What ends in an output stays by the same output. After stay() the tails' mass is in the blank.
void BeamSearch::stay_tails() {
  next_.tails.clear();
  if (now_.tails.empty()) return;
  for (std::uint32_t i = 0; i < num_active_; ++i) {
    std::uint32_t tail = now_.slots[i].link;
    if (tail == kNone) continue;
    next_.slots[i].link = kNone;
    for (; tail != kNone; tail = now_.tails[tail].next) {
      const Tail& old = now_.tails[tail];
      const float mass = old.symbol == kNoSymbol ? 0.0f : old.mass * emission_[old.symbol];
      if (mass > 0.0f) add_mass(next_, i, old.symbol, mass);
    }
    raise_maximum(next_.blank[i] + next_.other[i]);
  }
}

// Adds mass that ends in another output than `other`.
void BeamSearch::add_tail(Prefixes& prefixes, std::uint32_t i, Symbol symbol, float mass) {
  std::uint32_t& first = prefixes.slots[i].link;
  if (first == kNone) {
    if (prefixes.other[i] == 0.0f && prefixes.symbols[i] != num_symbols_) {
      prefixes.symbols[i] = symbol;
      prefixes.other[i] = mass;
      return;
    }
    first = static_cast<std::uint32_t>(prefixes.tails.size());
    prefixes.tails.push_back({kNoSymbol, prefixes.blank[i], kNone});
  }
  prefixes.blank[i] += mass;
  std::uint32_t tail = first;
  while (tail != kNone && prefixes.tails[tail].symbol != symbol) tail = prefixes.tails[tail].next;
  if (tail != kNone) {
    prefixes.tails[tail].mass += mass;
  } else {
    prefixes.tails.push_back({symbol, mass, first});
    first = static_cast<std::uint32_t>(prefixes.tails.size() - 1);
  }
}

// The mass that an output can follow: all but what ends in it.
float BeamSearch::mass_without(std::uint32_t i, Symbol symbol) const {
  const Slot& slot = now_.slots[i];
  if (i >= num_active_) return paid(mass_without(slot.link, symbol), slot.edge_factor);
  if (slot.link == kNone) return now_.symbols[i] == symbol ? now_.blank[i] : totals_[i];
  float mass = now_.symbols[i] == symbol ? 0.0f : now_.other[i];
  for (std::uint32_t tail = slot.link; tail != kNone; tail = now_.tails[tail].next) {
    if (now_.tails[tail].symbol != symbol) mass += now_.tails[tail].mass;
  }
  return mass;
}

void BeamSearch::propose_pieces() {
  merged_.resize(2 * now_.slots.size());
  for (std::uint32_t i = 0; i < num_active_; ++i) merged_[i] = now_.symbols[i] == num_symbols_ ? kAtStart : kInWord;
  open_words();
  pool_.log_factors.resize(pool_.nodes.size());
  highest_total_ = *std::max_element(totals_.begin(), totals_.begin() + static_cast<std::ptrdiff_t>(now_.size));
  for (const Symbol symbol : likely_) {
    const Piece& piece = model_.symbols.pieces[symbol];
    const std::size_t begin = candidates_.size;
    // At a word start another space changes nothing.
    propose_symbol(symbol, piece.separates ? kAtStart | kOpenWord
                                           : (piece.continues ? 0 : kInWord) | (piece.opens ? 0 : kOpenWord));
    const std::size_t end = candidates_.size;
    candidates_.size = begin;  // those that stay are put back
    for (std::size_t i = begin; i < end; ++i) extend(candidates_.slots[i], symbol, candidates_.masses[i]);
  }
  now_.size = num_active_;
}

// Puts the word starts that follow the words of the active prefixes behind these, where an output may open a word.
void BeamSearch::open_words() {
  float highest = 0.0f, flow = 0.0f;
  for (const Symbol symbol : likely_) {
    if (!model_.symbols.pieces[symbol].opens) continue;
    highest = std::max(highest, emission_[symbol]);
    flow += emission_[symbol];
  }
  if (highest == 0.0f) return;
  const float least = std::max(limit_, std::numeric_limits<float>::min());
  now_.make_room(2 * num_active_);
  if (totals_.size() < now_.slots.size()) totals_.resize(now_.slots.size());
  if (merged_.size() < now_.slots.size()) merged_.resize(now_.slots.size());
  for (std::uint32_t i = 0; i < num_active_; ++i) {
    if (merged_[i] == kAtStart || totals_[i] * highest < least) continue;
    for (EndingId id = find_close(now_.slots[i].node); id != kNone; id = pool_.endings[id].next) {
      if (totals_[i] * pool_.endings[id].close_factor * highest >= least) open_word_after(i, id, flow);
    }
  }
}

// The flow is the mass of all outputs that open words.
void BeamSearch::open_word_after(std::uint32_t from, EndingId id, float flow) {
  const float factor = pool_.endings[id].close_factor;
  const float mass = paid(totals_[from], factor);
  const Slot slot = now_.slots[from];
  NodeId word = slot.node;
  const NodeId start = boundary_after(shared_ending(word, id));
  const HistoryId history = pool_.extend_history(slot.history, word, pool_.endings[id].meaning);
  // The word ended with the step before.
  pool_.histories[history].arrive(step_ - 1, slot.begin_step, mass * flow / next_silence_, -log_silence_);
  if (is_active(now_, start) && pool_.nodes[start].slot < num_active_) {
    const HistoryId other = now_.slots[pool_.nodes[start].slot].history;
    if (other != history) pool_.add_rivals(other, history);
  }
  std::uint32_t& place = pool_.starts[pool_.nodes[start].start].open_slot;
  const bool is_open = place >= num_active_ && place < now_.size && now_.slots[place].node == start;
  // Another way to spell the same word is one more to go on from.
  if (is_open && now_.slots[place].history != history) {
    pool_.add_rivals(now_.slots[place].history, history);
    if (mass <= totals_[place]) return;
  } else {
    place = static_cast<std::uint32_t>(now_.size++);
    now_.make_room(now_.size);
    if (totals_.size() < now_.slots.size()) totals_.resize(now_.slots.size());
    if (merged_.size() < now_.slots.size()) merged_.resize(now_.slots.size());
  }
  now_.blank[place] = paid(now_.blank[from], factor);
  now_.other[place] = paid(now_.other[from], factor);
  now_.symbols[place] = now_.symbols[from];
  now_.slots[place] = {start, history, from, factor, pool_.nodes[start].trie, kUnbounded, step_};
  totals_[place] = mass;
  merged_[place] = kOpenWord;
}

// Goes on from a prefix by an output; the mass does not know of tails yet.
void BeamSearch::extend(std::uint32_t i, Symbol symbol, float mass) {
  const Slot& slot = now_.slots[i];
  if (slot.link != kNone) mass = mass_without(i, symbol) * emission_[symbol];
  const Piece& piece = model_.symbols.pieces[symbol];
  const std::uint32_t begin_step = begin_step_after(now_, i);
  if (piece.separates) return close_word(slot.node, slot.history, mass, begin_step, static_cast<Symbol>(num_symbols_));
  NodeId node = pool_.find_path(slot.node, piece.units);
  if (node == kNone) {
    if (!spell(i, piece.units, mass)) return;
  } else if (pool_.log_factors[node] != pool_.log_factors[slot.node]) {
    mass = paid(mass, factor_of(pool_.log_factors[node] - pool_.log_factors[slot.node]));
  }
  if (mass < limit_ || mass <= 0.0f) return;
  if (piece.closes) {
    return close_word(make_path(slot.node, piece.units), slot.history, mass, begin_step, symbol);
  }
  if (node != kNone && is_active(next_, node)) {
    const std::uint32_t place = pool_.nodes[node].slot;
    join(next_, place, slot.history, symbol, mass, begin_step);
    return raise_maximum(next_.blank[place] + next_.other[place]);
  }
  candidates_.masses[candidates_.size] = mass;
  candidates_.slots[candidates_.size] = i;
  candidates_.symbols[candidates_.size++] = symbol;
  raise_maximum(mass);
}

// Takes what new units cost off the mass; false when that is too much.
bool BeamSearch::spell(std::uint32_t i, const std::vector<Unit>& units, float& mass) {
  const Slot& slot = now_.slots[i];
  if (model_.rule == WordRule::kSpelled && slot.trie != kOutside) {
    TrieId trie = slot.trie;
    for (std::size_t k = 0; k < units.size() && trie != kOutside; ++k) {
      trie = model_.lexicon->child(trie, model_.symbols.units[units[k]].alike);
    }
    if (trie == kOutside && (model_.is_closed() || !may_leave_lexicon(i, mass))) return false;
  }
  Place place = place_of(slot.node);
  const StartId start = pool_.nodes[slot.node].start;
  const float before = place.log_factor;
  for (const Unit unit : units) spell(start, unit, place);
  if (place.log_factor != before) mass = paid(mass, factor_of(place.log_factor - before));
  return true;
}

// Goes on by a unit; its cost may be infinite.
void BeamSearch::spell(StartId start, Unit surface, Place& place) {
  const Unit unit = model_.symbols.units[surface].alike;
  if (model_.rule == WordRule::kSpelled) {
    const float weight = lm_weight_ * model_.options.unknown_weight;
    const TrieId child = place.trie == kOutside ? kOutside : model_.lexicon->child(place.trie, unit);
    if (child == kOutside && place.trie != kOutside) {
      // An unknown word whose spelling leaves the lexicon owes all of its score so far.
      const SpellingModel::Spelled& spelled = model_.spelling->spelled(place.trie);
      place.log_factor += unknown_log(start) + weight * spelled.log_prob;
      place.spelling_context = spelled.context;
    }
    if (child == kOutside) {
      const float log_prob = model_.spelling->score(place.spelling_context, unit, place.spelling_context);
      place.log_factor += weight * log_prob;
    }
    if (!model_.ahead.empty() && child != kOutside) {
      place.log_factor += lm_weight_ * (model_.ahead[child] - model_.ahead[place.trie]);
    }
    place.trie = child;
  } else if (model_.rule == WordRule::kOneUnit) {
    place.log_factor += one_unit_log(place.context, unit, place.context);
  }
  if (model_.hotwords && !model_.has_meanings()) {
    const HotwordState next = model_.hotwords->next(place.hotword_state, unit);
    place.log_factor += model_.hotwords->step(place.hotword_state, next);
    place.hotword_state = next;
  }
}

BeamSearch::Place BeamSearch::place_of(NodeId id) const {
  const Node& node = pool_.nodes[id];
  return {node.trie, node.context, node.spelling_context, node.hotword_state, are_letters_ ? 0.0f : pool_.log_factors[id]};
}

// The node that units lead to, new or not.
NodeId BeamSearch::make_path(NodeId id, const std::vector<Unit>& units) {
  for (const Unit unit : units) {
    const NodeId known = pool_.find_child(id, unit);
    if (known != kNone) {
      id = known;
      continue;
    }
    Place place = place_of(id);
    spell(pool_.nodes[id].start, unit, place);
    id = pool_.add_child(id, unit);
    Node& node = pool_.nodes[id];
    node.trie = place.trie;
    node.context = place.context;
    node.spelling_context = place.spelling_context;
    node.hotword_state = place.hotword_state;
    if (!are_letters_) {
      pool_.log_factors.resize(pool_.nodes.size());
      pool_.log_factors[id] = place.log_factor;
    }
    node.slot = kNone;
    if (node.trie == kOutside || model_.has_meanings()) continue;
    const WordId word = model_.lexicon->word(node.trie);
    if (word != kNoWord) model_.words->ask_for(node.context, word);
  }
  return id;
}

// Makes a candidate an active prefix; another one may lead to the same.
void BeamSearch::keep_piece(std::uint32_t i) {
  const std::uint32_t from = candidates_.slots[i];
  const Slot& parent = before_.slots[from];
  const Symbol symbol = candidates_.symbols[i];
  const float mass = candidates_.masses[i];
  const std::uint32_t begin_step = begin_step_after(before_, from);
  const NodeId node = make_path(parent.node, model_.symbols.pieces[symbol].units);
  if (is_active(now_, node)) return join(now_, pool_.nodes[node].slot, parent.history, symbol, mass, begin_step);
  const auto place = static_cast<std::uint32_t>(now_.size++);
  now_.blank[place] = 0.0f;
  now_.other[place] = mass;
  now_.symbols[place] = symbol;
  const float most_to_leave = from < num_active_ ? next_.slots[from].most_to_leave : parent.most_to_leave;
  now_.slots[place] = {node, parent.history, kNone, 1.0f, pool_.nodes[node].trie, most_to_leave, begin_step};
  pool_.nodes[node].slot = place;
}

}  // namespace asrkit
