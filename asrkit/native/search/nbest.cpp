#include "search/nbest.hpp"

#include <algorithm>
#include <cmath>
#include <queue>
#include <unordered_set>

namespace asrkit {

namespace {

// A path that follows `base` for its last words, then turns to `turn` and what came before it.
struct Deviation {
  double log_mass;
  double log_closed_mass;  // of that, what has left the last word
  std::size_t order;       // of creation: ties are broken by it
  std::size_t base;        // index of a listed path
  std::size_t num_shared;  // words shared with it
  HistoryId turn;
};

struct Worse {
  bool operator()(const Deviation& a, const Deviation& b) const {
    return a.log_mass != b.log_mass ? a.log_mass < b.log_mass : a.order > b.order;
  }
};

// The steps from the word before to the end of a word.
std::pair<std::uint32_t, std::uint32_t> span(const PrefixPool& pool, const WordPath& path, std::size_t i,
                                             std::uint32_t num_steps) {
  const std::uint32_t begin = i + 1 < path.words.size() ? pool.histories[path.words[i + 1]].first_step : 0;
  const std::uint32_t end = i == 0 ? num_steps : pool.histories[path.words[i]].first_step;
  return {begin, std::max(end, begin + 1)};
}

bool same_word(const PrefixPool& pool, HistoryId first, HistoryId second) {
  const History &one = pool.histories[first], &other = pool.histories[second];
  if (one.meaning != kNoWord || other.meaning != kNoWord) return one.meaning == other.meaning;
  NodeId a = one.word, b = other.word;
  while (a != b) {
    if (pool.nodes[a].unit != pool.nodes[b].unit) return false;
    a = pool.nodes[a].parent;
    b = pool.nodes[b].parent;
    if (a == kNone || b == kNone) return a == b;
  }
  return true;
}

// Adds the mass to each word of `path` that `other` has too, at about the same time.
void add_shared_words(const PrefixPool& pool, const WordPath& path, const WordPath& other, std::uint32_t num_steps,
                      double mass, std::vector<double>& confidences) {
  std::size_t first = 0;  // both lists run backward in time
  for (std::size_t i = 0; i < path.words.size(); ++i) {
    const auto [begin, end] = span(pool, path, i, num_steps);
    while (first < other.words.size() && span(pool, other, first, num_steps).first >= end) ++first;
    for (std::size_t k = first; k < other.words.size() && span(pool, other, k, num_steps).second > begin; ++k) {
      if (same_word(pool, path.words[i], other.words[k])) {
        confidences[i] += mass;
        break;
      }
    }
  }
}

}  // namespace

std::uint64_t hash_words(const PrefixPool& pool, const WordPath& path) {
  std::uint64_t hash = 0;
  for (const HistoryId id : path.words) hash = mix_bits(hash ^ (pool.histories[id].word + 1));
  return hash;
}

std::vector<WordPath> find_best_paths(const PrefixPool& pool, const std::vector<FinalHistory>& finals,
                                      std::size_t count, const PathKey& key) {
  std::priority_queue<Deviation, std::vector<Deviation>, Worse> queue;
  std::size_t order = 0;
  for (const FinalHistory& final : finals) {
    queue.push({final.log_mass, final.log_closed_mass, order++, 0, 0, final.history});
  }
  std::vector<WordPath> paths;
  std::unordered_set<std::uint64_t> seen;
  while (!queue.empty() && paths.size() < count) {
    const Deviation next = queue.top();
    queue.pop();
    WordPath path;
    path.log_mass = next.log_mass;
    if (next.num_shared > 0) {
      const std::vector<HistoryId>& base = paths[next.base].words;
      path.words.assign(base.begin(), base.begin() + static_cast<std::ptrdiff_t>(next.num_shared));
    }
    for (HistoryId id = next.turn; id != kEmptyHistory; id = pool.histories[id].previous) path.words.push_back(id);
    // The search may have kept apart what a turn joins: list each text once.
    if (!seen.insert(key(path)).second) continue;
    // Turn elsewhere, at the same word or an earlier one.
    for (std::size_t i = next.num_shared; i < path.words.size(); ++i) {
      const double log_path = i == 0 ? next.log_closed_mass : next.log_mass;
      if (std::isinf(log_path)) continue;
      const double log_rest = log_path - pool.histories[path.words[i]].log_arrival();
      // What arrived when the word after the turn had begun comes too late.
      const std::uint32_t next_begin = i == 0 ? kNone : pool.histories[path.words[i - 1]].begin_step;
      pool.visit_rivals(path.words[i], [&](HistoryId id) {
        if (pool.histories[id].best_step >= next_begin) return;
        const double log_mass = log_rest + pool.histories[id].log_arrival();
        queue.push({log_mass, log_mass, order++, paths.size(), i, id});
      });
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

std::vector<HistoryId> find_stable_words(const PrefixPool& pool, const std::vector<HistoryId>& active,
                                         double close_call) {
  // Walks all chains of words that may win, the youngest history first. Below the last place where there was more
  // than one chain, all is settled.
  std::priority_queue<HistoryId> queue;
  std::unordered_set<HistoryId> seen;
  const auto add = [&](HistoryId id) {
    if (seen.insert(id).second) queue.push(id);
  };
  for (const HistoryId id : active) add(id);
  std::vector<HistoryId> words;
  while (queue.top() != kEmptyHistory) {
    const HistoryId id = queue.top();
    queue.pop();
    if (queue.empty()) {
      words.push_back(id);
    } else {
      words.clear();
    }
    add(pool.histories[id].previous);
    pool.visit_rivals(id, [&](HistoryId other) {
      if (pool.histories[other].log_arrival() - pool.histories[id].log_arrival() > -close_call) add(other);
    });
    if (queue.size() > 1) words.clear();
  }
  std::reverse(words.begin(), words.end());
  return words;
}

Confidences judge_words(const PrefixPool& pool, const std::vector<WordPath>& paths, std::size_t num_judges,
                        const WordPath& path, std::uint32_t num_steps) {
  Confidences confidences;
  confidences.words.assign(path.words.size(), 0.0);
  double total = 0.0, own = 0.0;
  for (std::size_t judge = 0; judge < paths.size(); ++judge) {
    const WordPath& other = paths[judge];
    if (judge >= num_judges && &other != &path) continue;
    const double mass = std::exp(other.log_mass - paths.front().log_mass);
    total += mass;
    if (&other == &path) own = mass;
    add_shared_words(pool, path, other, num_steps, mass, confidences.words);
  }
  for (double& word : confidences.words) word = std::min(1.0, word / total);
  confidences.path = own / total;
  return confidences;
}

}  // namespace asrkit
