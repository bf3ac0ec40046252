// How the search scores words: lexicon, unknown words, ends of words, and where the next word starts.
#include <limits>

#include "search/beam_search.hpp"

namespace asrkit {

// Spells on outside the lexicon, or leaves it; false when the result is too unlikely.
bool BeamSearch::extend_spelled_word(std::uint32_t slot, Symbol symbol, float mass, Extension& extension) {
  if (model_.is_closed()) return false;
  const Slot& before = now_.slots[slot];
  ContextId context;
  if (before.trie != kOutside) {
    // An unknown word whose spelling leaves the lexicon owes all of its score so far.
    if (!may_leave_lexicon(slot, mass)) return false;
    extension.edge_factor = next_.slots[slot].most_to_leave;
    context = model_.spelling->spelled(before.trie).context;
  } else {
    context = pool_.nodes[before.node].spelling_context;
  }
  const float log_prob = model_.spelling->score(context, symbol, extension.spelling_context);
  const float spelled = factor_of(lm_weight_ * model_.options.unknown_weight * log_prob);
  extension.edge_factor = paid(extension.edge_factor, spelled);
  return true;
}

// What a prefix owes is a bound for its extensions, so most attempts end with one comparison.
bool BeamSearch::may_leave_lexicon(std::uint32_t slot, float mass) {
  float& most = slot < num_active_ ? next_.slots[slot].most_to_leave : now_.slots[slot].most_to_leave;
  if (mass * most < limit_) return false;
  const float spelling = model_.spelling->spelled(now_.slots[slot].trie).log_prob;
  const float unknown = unknown_log(pool_.nodes[now_.slots[slot].node].start);
  most = factor_of(unknown + lm_weight_ * model_.options.unknown_weight * spelling);
  return mass * most >= limit_;
}

// What a unit that is a word costs, in nats, and the context after it.
float BeamSearch::one_unit_log(ContextId context, Unit unit, ContextId& next) const {
  const WordId word = model_.unit_words[unit];
  if (word == kNoWord && model_.options.is_closed_vocabulary) return -std::numeric_limits<float>::infinity();
  const float log_prob =
      word != kNoWord ? model_.words->score(context, word, next) : model_.unknown_log_prob(context, next);
  return lm_weight_ * log_prob + word_bonus_;
}

// What an unknown word adds, in nats, before its spelling.
float BeamSearch::unknown_log(StartId id) {
  WordStart& start = pool_.starts[id];
  if (start.unknown_log == WordStart::kNotYet) {
    const ContextId context = pool_.nodes[start.node].context;
    start.unknown_log = lm_weight_ * model_.unknown_log_prob(context, start.unknown_next);
  }
  return start.unknown_log;
}

// What the end of a word costs, and the states after it: for each word that is spelled so.
EndingId BeamSearch::find_close(NodeId id) {
  if (pool_.ending(id).close_factor >= 0.0f) return pool_.nodes[id].ending;
  EndingId ending = pool_.nodes[id].ending;
  model_.visit_meanings(pool_.nodes[id].trie, [&](WordId meaning) {
    if (pool_.endings[ending].close_factor >= 0.0f) {
      const auto next = static_cast<EndingId>(pool_.endings.size());
      pool_.endings.emplace_back();
      pool_.endings[ending].next = next;
      ending = next;
    }
    price_close(id, meaning, ending);
  });
  return pool_.nodes[id].ending;
}

void BeamSearch::price_close(NodeId id, WordId meaning, EndingId ending_id) {
  ContextId next = kEmptyContext;
  const HotwordState state = pool_.nodes[id].hotword_state;
  float log_factor = close_log(id, meaning, next);
  HotwordState next_state = 0;
  if (model_.hotwords) {
    next_state = model_.hotwords_after(state, meaning);
    log_factor += model_.hotwords->step(state, next_state);
  }
  Ending& ending = pool_.endings[ending_id];
  ending.meaning = meaning;
  ending.close_factor = factor_of(log_factor);
  // Of no weight, a language model tells no histories apart.
  ending.next_context = lm_weight_ == 0.0f ? kEmptyContext : next;
  ending.next_hotword_state = next_state;
}

// What the language model says about the end of a word, in nats, and the context after it.
float BeamSearch::close_log(NodeId id, WordId meaning, ContextId& next) {
  const Node node = pool_.nodes[id];
  const SearchOptions& options = model_.options;
  next = node.context;
  if (model_.rule != WordRule::kSpelled || node.parent == kNone) return 0.0f;
  if (meaning != kNoWord) {
    const float promised = model_.ahead.empty() ? 0.0f : model_.ahead[node.trie];
    return lm_weight_ * (model_.meaning_log_prob(node.context, meaning, next) - promised) + word_bonus_;
  }
  const bool is_inside = node.trie != kOutside;
  const WordId word = is_inside && !model_.has_meanings() ? model_.lexicon->word(node.trie) : kNoWord;
  if (word != kNoWord) return lm_weight_ * model_.words->score(node.context, word, next) + word_bonus_;
  if (model_.is_closed()) return -std::numeric_limits<float>::infinity();
  const float unknown = unknown_log(node.start);
  next = pool_.starts[node.start].unknown_next;
  // Outside the lexicon, all but the end of the spelling is paid already.
  float log_prob = options.unknown_weight *
                   model_.spelling->finish(is_inside ? model_.spelling->spelled(node.trie).context : node.spelling_context);
  if (is_inside) log_prob += options.unknown_weight * model_.spelling->spelled(node.trie).log_prob;
  return lm_weight_ * log_prob + (is_inside ? unknown : 0.0f) + word_bonus_;
}

void BeamSearch::close_words(std::size_t begin) {
  for (std::size_t i = begin; i < candidates_.size; ++i) {
    const Slot& slot = now_.slots[candidates_.slots[i]];
    close_word(slot.node, slot.history, candidates_.masses[i], slot.begin_step, static_cast<Symbol>(num_symbols_));
  }
  candidates_.size = begin;
}

// "ab" becomes "ab ": the word is complete. The output that ends it is `tail`; num_symbols: a space.
void BeamSearch::close_word(NodeId word, HistoryId history, float mass, std::uint32_t begin_step, Symbol tail) {
  if (mass < limit_ || mass <= 0.0f) return;
  for (EndingId id = find_close(word); id != kNone; id = pool_.endings[id].next) {
    const float closed = paid(mass, pool_.endings[id].close_factor);
    if (closed < limit_ || closed <= 0.0f) continue;
    NodeId node = word;
    const NodeId start = boundary_after(shared_ending(node, id));
    arrive(start, pool_.extend_history(history, node, pool_.endings[id].meaning), closed, begin_step, tail);
  }
}

// Word starts all stay alike, so masses that arrive at different times compare by what a silence would have kept.
void BeamSearch::arrive(NodeId start, HistoryId history_id, float mass, std::uint32_t begin_step, Symbol tail) {
  pool_.histories[history_id].arrive(step_, begin_step, mass / next_silence_, -log_silence_);
  Node& node = pool_.nodes[start];
  if (!is_active(next_, start)) {
    node.slot = static_cast<std::uint32_t>(next_.size++);
    next_.make_room(next_.size);
    next_.blank[node.slot] = next_.other[node.slot] = 0.0f;
    next_.symbols[node.slot] = static_cast<Symbol>(num_symbols_);
    next_.slots[node.slot] = {start, history_id, kNone, 1.0f, node.trie, kUnbounded, step_};
    must_relink_ = must_relink_ || node.first_child != kNone;
    add_mass(next_, node.slot, tail, mass);
    raise_maximum(mass);
    return;
  }
  const std::uint32_t i = node.slot;
  if (next_.slots[i].history != history_id) pool_.add_rivals(next_.slots[i].history, history_id);
  join(next_, i, history_id, tail, mass, step_);
  raise_maximum(next_.blank[i] + next_.other[i]);
}

// Adds mass to an active prefix; of two histories it keeps the one with more.
void BeamSearch::join(Prefixes& prefixes, std::uint32_t i, HistoryId history, Symbol symbol, float mass,
                      std::uint32_t begin_step) {
  Slot& slot = prefixes.slots[i];
  const bool is_better = mass > prefixes.blank[i] + prefixes.other[i];
  if (slot.history != history) {
    if (!is_better) return;
    prefixes.blank[i] = prefixes.other[i] = 0.0f;
    if (!are_letters_) slot.link = kNone;
    slot.history = history;
  }
  if (is_better) slot.begin_step = begin_step;
  add_mass(prefixes, i, symbol, mass);
}

// Takes back what was paid in advance for phrases that the end of the utterance cuts off, and pays complete ones.
float BeamSearch::close_hotwords(HotwordState state, WordId meaning) const {
  if (!model_.hotwords) return 0.0f;
  const float advance = model_.hotwords->advance(state);
  if (!model_.symbols.has_space()) return -advance;
  return model_.hotwords->reward(model_.hotwords_after(state, meaning)) - advance;
}

// The node that histories of a word end in, however it was spelled: then all its spellings are one hypothesis.
NodeId BeamSearch::shared_node(NodeId word, WordId meaning) {
  const std::vector<Unit>* spelling = model_.shared_spelling(meaning);
  return spelling == nullptr ? word : make_path(pool_.start_of(word), *spelling);
}

// The same for an ending; the node takes the place of `word`.
EndingId BeamSearch::shared_ending(NodeId& word, EndingId id) {
  const WordId meaning = pool_.endings[id].meaning;
  const NodeId shared = shared_node(word, meaning);
  if (shared == word) return id;
  word = shared;
  id = find_close(word);
  while (pool_.endings[id].meaning != meaning) id = pool_.endings[id].next;
  return id;
}

// The word start that follows a complete word.
NodeId BeamSearch::boundary_after(EndingId id) {
  const Ending ending = pool_.endings[id];
  if (ending.boundary != kNone) return ending.boundary;
  const NodeId start = is_shared_ ? start_for(ending.next_context, ending.next_hotword_state)
                                  : pool_.add_start(ending.next_context, ending.next_hotword_state,
                                                    model_.lexicon != nullptr);
  return pool_.endings[id].boundary = start;
}

// Where the one word start of a context and hotword state is in the table, or is to be put.
std::size_t BeamSearch::place_of_start(ContextId context, HotwordState hotword_state) const {
  const std::size_t mask = start_table_.size() - 1;
  std::size_t place = mix_bits((std::uint64_t{hotword_state} << 32) | context) & mask;
  for (; start_table_[place] != kNone; place = (place + 1) & mask) {
    const Node& node = pool_.nodes[start_table_[place]];
    if (node.context == context && node.hotword_state == hotword_state) break;
  }
  return place;
}

NodeId BeamSearch::start_for(ContextId context, HotwordState hotword_state) {
  const std::size_t place = place_of_start(context, hotword_state);
  if (start_table_[place] != kNone) return start_table_[place];
  const NodeId start = pool_.add_start(context, hotword_state, model_.lexicon != nullptr);
  if (model_.spelling) model_.words->ask_for(context, model_.words->unknown_word());
  start_table_[place] = start;
  if (++num_in_table_ * 2 > start_table_.size()) rebuild_start_table(start_table_.size() * 2);
  return start;
}

void BeamSearch::rebuild_start_table(std::size_t size) {
  std::vector<NodeId> old(size, kNone);
  old.swap(start_table_);
  num_in_table_ = 0;
  for (const NodeId start : old) {
    if (start == kNone) continue;
    const Node& node = pool_.nodes[start];
    start_table_[place_of_start(node.context, node.hotword_state)] = start;
    ++num_in_table_;
  }
}

}  // namespace asrkit
