#include "ngram/ngram_file.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "text/utf8.hpp"

namespace asrkit {

namespace {

// Filled slots in a row. Tables four fifths full have a few hundred in a row, however large they are.
constexpr std::uint64_t kLongestRun = 4096;

void require(bool holds, const char* fault) {
  if (!holds) throw NgramFileError(std::string("the file is damaged: ") + fault + "; convert the model again");
}

class RunLength {
 public:
  void add(bool is_filled) {
    length_ = is_filled ? length_ + 1 : 0;
    require(length_ <= kLongestRun, "a hash table is overfull");
  }

 private:
  std::uint64_t length_ = 0;
};

// What the ARPA format can hold between two spaces.
bool is_word(std::string_view text) {
  return !text.empty() && text.find_first_of(" \t\r\n") == std::string_view::npos && is_utf8(text);
}

void check_words(const NgramView& view) {
  const VocabularyView& words = view.vocabulary;
  RunLength run;
  for (std::uint64_t slot = 0; slot < words.num_slots; ++slot) run.add(words.slots[slot] < words.num_words);
  for (WordId id = 0; id < words.num_words; ++id) {
    require(words.offsets[id] < words.offsets[id + 1] && words.offsets[id + 1] <= words.text_size,
            "a word lies outside the word list");
    require(is_word(words.word(id)), "a word is no UTF-8 text without spaces");
    require(words.find(words.word(id)) == id, "a word is listed twice or cannot be found");
  }
  const std::string_view unknown = words.word(view.unknown_word);
  require(words.word(view.begin_word) == "<s>" && words.word(view.end_word) == "</s>" &&
              (unknown == "<unk>" || unknown == "<UNK>"),
          "its <s>, </s> or <unk> is another word");
}

void check_contexts(const NgramView& view) {
  for (std::uint32_t id = 0; id < view.num_contexts; ++id) {
    const FoundNgram shorter = view.shorten(id);
    require(is_log10_backoff(shorter.log10_value), "a back-off is out of range");
    require(shorter.context < std::max(id, 1u), "a context is longer than the one it shortens");
  }
}

// The codes of quantized values, of which some may be unused.
void check_codes(const NgramView& view) {
  if (!view.is_quantized()) return;
  require(std::all_of(view.log10_probs, view.log10_probs + kNumCodes, is_log10_prob), "a probability is out of range");
  require(std::all_of(view.log10_backoffs, view.log10_backoffs + kNumCodes, is_log10_backoff),
          "a back-off is out of range");
}

void check_ngrams(const NgramView& view, const std::vector<std::uint64_t>& counts) {
  for (WordId word = 0; word < view.vocabulary.num_words; ++word) {
    require(is_log10_prob(view.unigrams[word].log10_prob), "a probability is out of range");
    require(view.unigrams[word].next < view.num_contexts, "a context does not exist");
  }
  RunLength run;
  std::uint64_t num_entries = 0;
  for (std::uint64_t slot = 0; slot < view.num_slots; ++slot) {
    NgramEntry entry;
    const bool is_filled = view.entry_at(slot, entry);
    run.add(is_filled);
    if (!is_filled) continue;
    ++num_entries;
    require(is_log10_prob(entry.log10_prob), "a probability is out of range");
    require(entry.word < view.vocabulary.num_words, "a word does not exist");
    require(std::max(entry.context, entry.next) < view.num_contexts, "a context does not exist");
  }
  // an <unk> that the source of the model did not list is not counted
  const bool are_words_counted = view.vocabulary.num_words - counts[0] <= 1;
  require(are_words_counted && num_entries == std::accumulate(counts.begin() + 1, counts.end(), std::uint64_t{0}),
          "it has not as many n-grams as its header says");
}

}  // namespace

void check_ngram_tables(const NgramHandle& model) {
  check_words(model.view);
  check_codes(model.view);
  check_contexts(model.view);
  check_ngrams(model.view, model.counts);
}

}  // namespace asrkit
