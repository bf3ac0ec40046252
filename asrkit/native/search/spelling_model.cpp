#include "search/spelling_model.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace asrkit {

namespace {

constexpr int kOrder = SpellingModel::kOrder;
using Gram = std::array<WordId, kOrder>;

struct CountedGram {
  Gram words;
  std::uint64_t count;
};

// The distinct n-grams of one order, sorted, with their counts.
std::vector<CountedGram> count_grams(const std::vector<std::vector<WordId>>& spellings, int order) {
  std::vector<Gram> grams;
  for (const std::vector<WordId>& spelling : spellings) {
    for (std::size_t end = std::max(order, 2); end <= spelling.size(); ++end) {  // the begin marker is never predicted
      Gram gram{};
      std::copy(spelling.begin() + (end - order), spelling.begin() + end, gram.begin());
      grams.push_back(gram);
    }
  }
  std::sort(grams.begin(), grams.end());
  std::vector<CountedGram> counted;
  for (const Gram& gram : grams) {
    if (counted.empty() || counted.back().words != gram) counted.push_back({gram, 0});
    ++counted.back().count;
  }
  return counted;
}

// Total count and number of different continuations of the first order - 1 words.
struct Context {
  std::uint64_t count = 0, types = 0;
  double backoff() const { return count == 0 ? 1.0 : static_cast<double>(types) / static_cast<double>(count + types); }
};

// Sums over neighbors with the same first `length` words.
std::vector<std::pair<Gram, Context>> sum_contexts(const std::vector<CountedGram>& grams, int length) {
  std::vector<std::pair<Gram, Context>> contexts;
  for (const CountedGram& gram : grams) {
    const bool is_new = contexts.empty() ||
                        !std::equal(gram.words.begin(), gram.words.begin() + length, contexts.back().first.begin());
    if (is_new) {
      Gram context{};
      std::copy(gram.words.begin(), gram.words.begin() + length, context.begin());
      contexts.emplace_back(context, Context{});
    }
    contexts.back().second.count += gram.count;
    contexts.back().second.types += 1;
  }
  return contexts;
}

const Context& find_context(const std::vector<std::pair<Gram, Context>>& contexts, const WordId* words, int length) {
  static const Context kNone;
  Gram wanted{};
  std::copy(words, words + length, wanted.begin());
  const auto found = std::lower_bound(contexts.begin(), contexts.end(), wanted,
                                      [](const auto& entry, const Gram& gram) { return entry.first < gram; });
  return found != contexts.end() && found->first == wanted ? found->second : kNone;
}

float to_log10(double value) { return static_cast<float>(std::log10(value)); }

}  // namespace

SpellingModel::SpellingModel(std::size_t num_units, const Lexicon& lexicon) {
  std::vector<std::vector<WordId>> spellings;
  for (const auto& [spelling, word] : lexicon.words()) {
    std::vector<WordId> marked{kBegin};
    for (const Unit unit : spelling) marked.push_back(word_of(unit));
    marked.push_back(kEnd);
    spellings.push_back(std::move(marked));
  }
  std::array<std::vector<CountedGram>, kOrder + 1> grams;
  std::array<std::vector<std::pair<Gram, Context>>, kOrder + 1> contexts;  // by length + 1
  std::vector<std::uint64_t> counts(kOrder);
  for (int order = 1; order <= kOrder; ++order) {
    grams[order] = count_grams(spellings, order);
    contexts[order] = sum_contexts(grams[order], order - 1);
    counts[order - 1] = order == 1 ? num_units + 3 : grams[order].size();
  }
  const auto backoff_of = [&](const WordId* words, int length) {
    return length < kOrder ? find_context(contexts[length + 1], words, length).backoff() : 1.0;
  };

  // Unigrams: every unit and the end, smoothed with the uniform distribution.
  NgramBuilder builder;
  builder.begin(counts);
  const Context& all = find_context(contexts[1], nullptr, 0);
  std::vector<std::uint64_t> unigram_counts(num_units + 3, 0);
  for (const CountedGram& gram : grams[1]) unigram_counts[gram.words[0]] = gram.count;
  const double uniform = 1.0 / static_cast<double>(num_units + 1);
  const auto unigram = [&](WordId word) {
    return all.count == 0 ? uniform
                          : (static_cast<double>(unigram_counts[word]) + static_cast<double>(all.types) * uniform) /
                                static_cast<double>(all.count + all.types);
  };
  for (WordId word = 0; word < num_units + 3; ++word) {
    const std::string name = word == kBegin ? "<s>" : word == kEnd ? "</s>" : word == kUnknown ? "<unk>" : std::to_string(word);
    builder.add_word(name, word == kBegin ? -99.0f : to_log10(unigram(word)), to_log10(backoff_of(&word, 1)));
  }

  // Higher orders interpolate with the probability of the next lower order, found by recursion.
  const auto probability = [&](const auto& self, const WordId* words, int order) -> double {
    if (order == 1) return unigram(words[0]);
    Gram wanted{};
    std::copy(words, words + order, wanted.begin());
    const auto found = std::lower_bound(grams[order].begin(), grams[order].end(), wanted,
                                        [](const CountedGram& gram, const Gram& other) { return gram.words < other; });
    const Context& context = find_context(contexts[order], words, order - 1);
    return (static_cast<double>(found->count) + static_cast<double>(context.types) * self(self, words + 1, order - 1)) /
           static_cast<double>(context.count + context.types);
  };
  for (int order = 2; order <= kOrder; ++order) {
    for (const CountedGram& gram : grams[order]) {
      const double value = probability(probability, gram.words.data(), order);
      builder.add(gram.words.data(), order, to_log10(value), to_log10(backoff_of(gram.words.data(), order)));
    }
  }
  storage_ = builder.finish();
  view_ = storage_.view();
  spell_prefixes(lexicon);
}

void SpellingModel::spell_prefixes(const Lexicon& lexicon) {
  spelled_.resize(lexicon.num_prefixes());
  spelled_[kTrieRoot] = {0.0f, start()};
  for (TrieId prefix = 0; prefix < spelled_.size(); ++prefix) {
    const Spelled before = spelled_[prefix];
    lexicon.visit_children(prefix, [&](Unit unit, TrieId child) {
      spelled_[child].log_prob = before.log_prob + score(before.context, unit, spelled_[child].context);
    });
  }
}

}  // namespace asrkit
