// The n best word sequences of a finished search.
//
// Where histories met in one word start, the search went on with the best of them only. The others are kept as rivals;
// taking one in place of the winner gives another hypothesis, whose mass differs by the ratio of the two arrivals.
// Paths are listed best first, each once.
#pragma once

#include <functional>
#include <vector>

#include "search/beam_search.hpp"

namespace asrkit {

struct WordPath {
  std::vector<HistoryId> words;  // last word first; each history stands for its last word
  double log_mass = 0.0;
};

// Paths with the same key are one text, of which the best is listed.
using PathKey = std::function<std::uint64_t(const WordPath&)>;

// The key of paths whose words are told by where they lie in the pool.
std::uint64_t hash_words(const PrefixPool& pool, const WordPath& path);

std::vector<WordPath> find_best_paths(const PrefixPool& pool, const std::vector<FinalHistory>& finals,
                                      std::size_t count, const PathKey& key);

// The first words that every hypothesis of the future will share, first word first: those before the place where the
// active histories part, as far as no alternative is close enough (in nats) to win in the end.
std::vector<HistoryId> find_stable_words(const PrefixPool& pool, const std::vector<HistoryId>& active,
                                         double close_call);

// How likely a path and each of its words are, judged by the masses of the first num_judges paths and its own: a word
// counts where another path has the same word at about the same time.
struct Confidences {
  double path = 1.0;
  std::vector<double> words;  // in the order of the path
};

Confidences judge_words(const PrefixPool& pool, const std::vector<WordPath>& paths, std::size_t num_judges,
                        const WordPath& path, std::uint32_t num_steps);

}  // namespace asrkit
