// What the search hands out: the prefixes of the moment and the hypotheses of the end; and what it forgets.
#include <algorithm>
#include <cmath>
#include <limits>

#include "search/beam_search.hpp"

namespace asrkit {

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

}  // namespace

// Keeps the memory of long utterances down. When it happens depends on the steps alone, so streams stay repeatable.
void BeamSearch::collect_garbage() {
  std::vector<NodeId> nodes;
  for (std::size_t i = 0; i < now_.size; ++i) nodes.push_back(now_.slots[i].node);
  const PoolMove move = pool_.collect(nodes, active_histories());
  for (std::size_t i = 0; i < now_.size; ++i) {
    Slot& slot = now_.slots[i];
    slot.node = move.nodes[slot.node];
    slot.history = move.histories[slot.history];
  }
  for (NodeId& start : start_table_) {
    if (start != kNone) start = move.nodes[start];
  }
  rebuild_start_table(start_table_.size());
  relink_parents();
  collect_above_ = std::max(kMinCollected, 2 * (pool_.nodes.size() + pool_.histories.size()));
}

std::vector<HistoryId> BeamSearch::active_histories() const {
  std::vector<HistoryId> histories;
  for (std::size_t i = 0; i < now_.size; ++i) histories.push_back(now_.slots[i].history);
  return histories;
}

std::vector<HistoryId> BeamSearch::possible_histories() const {
  std::vector<HistoryId> histories = active_histories();
  for (std::size_t i = 0; i < now_.size; ++i) {
    const NodeId node = now_.slots[i].node;
    for (EndingId id = pool_.nodes[node].ending; id != kNone; id = pool_.endings[id].next) {
      const WordId meaning = pool_.endings[id].meaning;
      const std::vector<Unit>* spelling = model_.shared_spelling(meaning);
      const NodeId word = spelling == nullptr ? node : pool_.find_path(pool_.start_of(node), *spelling);
      const HistoryId closed = word == kNone ? kNone : pool_.find_history(now_.slots[i].history, word, meaning);
      if (closed != kNone && pool_.histories[closed].first_step != kNone) histories.push_back(closed);
    }
  }
  return histories;
}

std::pair<HistoryId, NodeId> BeamSearch::best_prefix() const {
  std::size_t best = 0;
  for (std::size_t i = 1; i < now_.size; ++i) {
    if (now_.blank[i] + now_.other[i] > now_.blank[best] + now_.other[best]) best = i;
  }
  return {now_.slots[best].history, now_.slots[best].node};
}

std::vector<FinalHistory> BeamSearch::finish() {
  const double log_offset = log_offset_ + std::log(offset_);
  std::vector<FinalHistory> finals;
  for (std::size_t i = 0; i < now_.size; ++i) {
    const Slot& slot = now_.slots[i];
    const Node node = pool_.nodes[slot.node];
    const double log_mass = std::log(static_cast<double>(now_.blank[i] + now_.other[i])) + log_offset;
    const auto add = [&](HistoryId history, double log_end, ContextId next, bool is_open) {
      if (model_.words) log_end += lm_weight_ * model_.words->finish(next);
      if (log_end > kNever) finals.push_back({history, log_end, is_open ? kNever : log_end});
    };
    if (now_.symbols[i] == num_symbols_) {
      const double refund = model_.hotwords ? model_.hotwords->advance(node.hotword_state) : 0.0;
      add(slot.history, log_mass - refund, node.context, false);
      continue;
    }
    model_.visit_meanings(node.trie, [&](WordId meaning) {
      ContextId next = node.context;
      const double log_close = log_mass + close_log(slot.node, meaning, next);
      const HistoryId history = pool_.extend_history(slot.history, shared_node(slot.node, meaning), meaning);
      History& ended = pool_.histories[history];
      if (ended.first_step == kNone) ended.begin_step = slot.begin_step;
      add(history, log_close + close_hotwords(node.hotword_state, meaning), next, true);
    });
  }
  // A closed vocabulary may find itself inside a word: then the complete words must do.
  for (std::size_t i = 0; finals.empty() && i < now_.size; ++i) {
    const double log_mass = std::log(static_cast<double>(now_.blank[i] + now_.other[i])) + log_offset;
    finals.push_back({now_.slots[i].history, log_mass, kNever});
  }
  // "ab" and "ab " are one text.
  std::sort(finals.begin(), finals.end(), [](const auto& a, const auto& b) { return a.history < b.history; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < finals.size(); ++i) {
    if (kept > 0 && finals[kept - 1].history == finals[i].history) {
      const double high = std::max(finals[kept - 1].log_mass, finals[i].log_mass);
      const double low = std::min(finals[kept - 1].log_mass, finals[i].log_mass);
      finals[kept - 1].log_mass = high + std::log1p(std::exp(low - high));
      finals[kept - 1].log_closed_mass = std::max(finals[kept - 1].log_closed_mass, finals[i].log_closed_mass);
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
