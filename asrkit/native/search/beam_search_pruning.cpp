// Which prefixes the search keeps, and the nodes it makes for new ones.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "search/beam_search.hpp"

namespace asrkit {

namespace {

std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Factors of absurd settings leave the range of a float; what is no number then has no mass.
float or_none(float mass) { return mass > 0.0f ? mass : 0.0f; }

std::size_t count_at_least(const float* values, std::size_t size, float limit) {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < size; ++i) count += values[i] >= limit ? 1 : 0;
  return count;
}

}  // namespace

// Drops what is below the threshold or beyond the beam, and makes nodes of the candidates that stay.
void BeamSearch::keep_best() {
  const std::size_t num_masses = next_.size + candidates_.size;
  if (masses_.size() < num_masses) masses_.resize(2 * num_masses);
  const float *blanks = next_.blank.data(), *others = next_.other.data(), *candidates = candidates_.masses.data();
  float *masses = masses_.data(), *candidate_masses = masses + next_.size;
  for (std::size_t i = 0; i < next_.size; ++i) masses[i] = or_none(blanks[i] + others[i]);
  for (std::size_t i = 0; i < candidates_.size; ++i) candidate_masses[i] = or_none(candidates[i]);
  // Something has a mass and the best stays, however wide or narrow the threshold and however sums were rounded.
  limit_ = std::max(std::min(limit_, 0.9999f * maximum_), std::numeric_limits<float>::min());
  const auto beam = static_cast<std::size_t>(model_.options.beam);
  const bool is_overfull = num_masses > beam && count_at_least(masses_.data(), num_masses, limit_) > beam;
  const float limit = is_overfull ? cutoff(num_masses) : limit_;
  std::swap(now_, before_);
  std::swap(now_.tails, next_.tails);
  now_.make_room(std::min(num_masses, beam) + 1);
  keep_prefixes(limit);
  keep_candidates(limit);
  if (now_.size == 0) std::swap(now_, before_);  // all of it was no number: the step is ignored
  if (must_relink_ && are_letters_) relink_parents();
}

// The mass of the last one in the beam. Masses are counted by the leading bits of their numbers, four buckets to an
// octave, so that only one bucket needs sorting out.
float BeamSearch::cutoff(std::size_t num_masses) {
  constexpr int kShift = 21;
  const std::uint32_t lowest = bits_of(limit_) >> kShift;
  const std::uint32_t highest = bits_of(maximum_) >> kShift;  // a sum in another order may be rounded up beyond it
  const auto bucket_of = [&](float mass) {
    return std::min(std::max(bits_of(mass) >> kShift, lowest), highest) - lowest;
  };
  buckets_.assign(highest - lowest + 1, 0);
  for (std::size_t i = 0; i < num_masses; ++i) ++buckets_[bucket_of(masses_[i])];
  const auto beam = static_cast<std::size_t>(model_.options.beam);
  std::size_t num_above = 0;
  std::size_t bucket = buckets_.size() - 1;
  for (; num_above + buckets_[bucket] < beam; --bucket) num_above += buckets_[bucket];
  if (bucket_.size() < num_masses) bucket_.resize(2 * num_masses);
  std::size_t size = 0;
  for (std::size_t i = 0; i < num_masses; ++i) {
    bucket_[size] = masses_[i];
    size += bucket_of(masses_[i]) == bucket ? 1 : 0;
  }
  const auto last = bucket_.begin() + static_cast<std::ptrdiff_t>(beam - num_above - 1);
  std::nth_element(bucket_.begin(), last, bucket_.begin() + static_cast<std::ptrdiff_t>(size), std::greater<float>());
  drop_ties(*last, num_masses);
  return *last;
}

// Of those that tie for the last places, the first ones stay.
void BeamSearch::drop_ties(float limit, std::size_t num_masses) {
  const auto beam = static_cast<std::size_t>(model_.options.beam);
  std::size_t surplus = count_at_least(masses_.data(), num_masses, limit) - beam;
  for (std::size_t i = num_masses; surplus > 0; --i) {
    if (masses_[i - 1] != limit) continue;
    masses_[i - 1] = 0.0f;
    --surplus;
  }
}

void BeamSearch::keep_prefixes(float limit) {
  const std::size_t num_old = before_.size;
  if (new_slots_.size() < num_old + 1) new_slots_.resize(2 * num_old + 2);
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < next_.size; ++i) {
    const bool is_kept = masses_[i] >= limit;
    if (i < num_old) new_slots_[i] = is_kept ? count : kNone;
    now_.blank[count] = next_.blank[i];
    now_.other[count] = next_.other[i];
    now_.symbols[count] = next_.symbols[i];
    now_.slots[count] = next_.slots[i];
    count += is_kept;
  }
  new_slots_[num_old] = kNone;
  for (std::uint32_t i = 0; are_letters_ && i < count; ++i) {
    Slot& slot = now_.slots[i];
    slot.link = new_slots_[std::min(slot.link, static_cast<std::uint32_t>(num_old))];
  }
  if (!are_starts_letters()) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!are_letters_ || now_.symbols[i] == num_symbols_) pool_.nodes[now_.slots[i].node].slot = i;
    }
  }
  now_.size = count;
}

void BeamSearch::keep_candidates(float limit) {
  static const Extension kPlainExtension;
  if (picked_.size() < candidates_.size) picked_.resize(2 * candidates_.size);
  std::size_t num_picked = 0;
  for (std::uint32_t i = 0; i < candidates_.size; ++i) {
    picked_[num_picked] = i;
    num_picked += masses_[next_.size + i] >= limit ? 1 : 0;
  }
  for (std::size_t k = 0; k < num_picked; ++k) {
    const std::uint32_t i = picked_[k];
    if (!are_letters_) {
      keep_piece(i);
      continue;
    }
    const std::uint32_t from = candidates_.slots[i];
    // A merge may have given the parent another history meanwhile.
    const Slot& parent = before_.slots[from];
    const Extension& extension = is_plain_ ? kPlainExtension : extensions_[i];
    const std::size_t place = now_.size++;
    const Symbol symbol = candidates_.symbols[i];
    now_.blank[place] = 0.0f;
    now_.other[place] = candidates_.masses[i];
    now_.symbols[place] = symbol;
    Slot& slot = now_.slots[place];
    const std::uint32_t begin_step = begin_step_after(before_, from);
    slot = {parent.node,    parent.history,                  new_slots_[from], extension.edge_factor,
            extension.trie, next_.slots[from].most_to_leave, begin_step};
    if (symbol == model_.symbols.space) {
      now_.symbols[place] = static_cast<Symbol>(num_symbols_);
      open_word(slot);
    } else {
      slot.node = node_of(parent.node, symbol, extension);
    }
  }
}

// Moves a slot from the end of a word to the start of the next, where nothing is scored.
void BeamSearch::open_word(Slot& slot) {
  const NodeId word = slot.node;
  slot.history = pool_.extend_history(slot.history, word, kNoWord);
  History& history = pool_.histories[slot.history];
  if (history.first_step == kNone) history.arrive(step_, slot.begin_step, 1.0, 0.0);
  Ending& ending = pool_.ending(word);
  if (ending.boundary == kNone) ending.boundary = pool_.add_start(kEmptyContext, 0, false);
  slot.node = ending.boundary;
  must_relink_ = must_relink_ || pool_.nodes[slot.node].first_child != kNone;
}

// The node of a candidate: a new one, or one that was active before.
NodeId BeamSearch::node_of(NodeId parent, Symbol symbol, const Extension& extension) {
  const NodeId known = pool_.find_child(parent, symbol);
  if (known == kNone) return add_node(parent, symbol, extension);
  must_relink_ = must_relink_ || pool_.nodes[known].first_child != kNone ||
                 (are_starts_letters() && pool_.nodes[known].ending != kNone);
  return known;
}

NodeId BeamSearch::add_node(NodeId parent, Symbol symbol, const Extension& extension) {
  const NodeId id = pool_.add_child(parent, symbol);
  if (is_plain_) return id;
  Node& node = pool_.nodes[id];
  node.trie = extension.trie;
  if (model_.rule == WordRule::kOneUnit) node.context = extension.context;
  node.spelling_context = extension.spelling_context;
  node.hotword_state = extension.hotword_state;
  if (extension.trie != kOutside && !model_.has_meanings()) {
    const WordId word = model_.lexicon->word(extension.trie);
    if (word != kNoWord) model_.words->ask_for(node.context, word);
  }
  return id;
}

// Prefixes that became active again may have active children.
void BeamSearch::relink_parents() {
  const auto size = static_cast<std::uint32_t>(now_.size);
  for (std::uint32_t i = 0; i < size; ++i) pool_.nodes[now_.slots[i].node].slot = i;
  for (std::uint32_t i = 0; are_letters_ && i < size; ++i) {
    Slot& slot = now_.slots[i];
    slot.link = kNone;
    const bool is_start = now_.symbols[i] == num_symbols_;
    const NodeId parent = is_start && are_starts_letters() ? pool_.histories[slot.history].word : pool_.nodes[slot.node].parent;
    if (parent == kNone) continue;
    const std::uint32_t place = pool_.nodes[parent].slot;
    if (place < size && now_.slots[place].node == parent) slot.link = place;
  }
  must_relink_ = false;
}

}  // namespace asrkit
