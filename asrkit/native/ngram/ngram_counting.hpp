// Text to n-gram counts in bounded memory: windows are sorted in runs, full runs go to disk, a merge makes the trie.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ngram/ngram_trie.hpp"

namespace asrkit {

// Counts the n-grams of sentences. Each position of `<s> words </s>` opens a window of N words, filled up with kPad at
// the end of the sentence, so that the prefixes of the sorted windows are the n-grams of all orders.
class NgramCounter {
 public:
  virtual ~NgramCounter() = default;
  virtual void add_sentence(const std::vector<std::uint32_t>& tokens) = 0;  // <s> and </s> included
  virtual void build(NgramTrie& trie) = 0;                                 // the levels with words and raw counts

  static std::unique_ptr<NgramCounter> make(std::size_t order, std::string folder, std::size_t memory_bytes);

 protected:
  static constexpr std::uint32_t kPad = kUnknownId;  // <unk> never stands in a text
};

template <std::size_t N>
class NgramCounterOf final : public NgramCounter {
 public:
  NgramCounterOf(std::string folder, std::size_t memory_bytes)
      : folder_(std::move(folder)),
        window_limit_(std::max<std::size_t>(std::min<std::size_t>(memory_bytes / 4 / sizeof(Gram), 1u << 23), 256)),
        run_bytes_limit_(memory_bytes / 2) {}

  ~NgramCounterOf() override {
    for (File& file : files_) {
      std::fclose(file.stream);
      std::remove(file.path.c_str());
    }
  }

  void add_sentence(const std::vector<std::uint32_t>& tokens) override {
    for (std::size_t start = 0; start < tokens.size(); ++start) {
      Gram gram{};
      for (std::size_t i = 0; i < N; ++i) gram[i] = start + i < tokens.size() ? tokens[start + i] : kPad;
      if (windows_.size() == window_limit_) finish_run();
      windows_.push_back(gram);
    }
  }

  void build(NgramTrie& trie) override {
    finish_run();
    std::vector<Gram>().swap(windows_);
    trie.levels.assign(N, NgramLevel());
    push(trie, 0, kUnknownId, 0);  // position = word index at the first level
    Gram previous{};
    merge([&](const Record& record) {
      std::size_t same = 0;
      while (same < N && record.words[same] == previous[same] && record.words[same] != kPad) {
        trie.levels[same].counts.back() += record.count;
        ++same;
      }
      for (; same < N && record.words[same] != kPad; ++same) push(trie, same, record.words[same], record.count);
      previous = record.words;
    });
    for (std::size_t level = 0; level + 1 < N; ++level) {
      trie.levels[level].first_child.push_back(static_cast<std::uint32_t>(trie.levels[level + 1].size()));
    }
    runs_.clear();
  }

 private:
  using Gram = std::array<std::uint32_t, N>;
  struct Record {
    Gram words;
    std::uint32_t count;
  };
  using Run = std::vector<Record>;
  struct File {
    std::string path;
    std::FILE* stream;
  };

  // Reads one sorted run, from memory or piece by piece from its file.
  struct Cursor {
    const Record* next;
    const Record* end;
    std::FILE* stream;
    Run piece;

    explicit Cursor(const Run& run) : next(run.data()), end(run.data() + run.size()), stream(nullptr) {}
    explicit Cursor(std::FILE* file) : next(nullptr), end(nullptr), stream(file), piece(1u << 14) {
      std::rewind(stream);
      refill();
    }
    bool advance() { return ++next != end || (stream != nullptr && refill()); }
    bool refill() {
      const std::size_t got = std::fread(piece.data(), sizeof(Record), piece.size(), stream);
      if (got == 0 && std::ferror(stream)) throw std::runtime_error("cannot read back a temporary file");
      next = piece.data();
      end = next + got;
      return got > 0;
    }
  };

  static void push(NgramTrie& trie, std::size_t level, std::uint32_t word, std::uint64_t count) {
    NgramLevel& grams = trie.levels[level];
    if (grams.size() == std::numeric_limits<std::uint32_t>::max() - 1) {
      throw std::length_error("more than 4 billion n-grams of one order; use less text or a lower order");
    }
    grams.words.push_back(word);
    grams.counts.push_back(count);
    if (level + 1 < N) grams.first_child.push_back(static_cast<std::uint32_t>(trie.levels[level + 1].size()));
  }

  void finish_run() {
    if (windows_.empty()) return;
    std::sort(windows_.begin(), windows_.end());
    std::size_t distinct = 1;
    for (std::size_t i = 1; i < windows_.size(); ++i) distinct += windows_[i] != windows_[i - 1];
    Run run;
    run.reserve(distinct);
    for (const Gram& gram : windows_) {
      if (run.empty() || run.back().words != gram) run.push_back({gram, 0});
      ++run.back().count;
    }
    windows_.clear();
    run_bytes_ += run.size() * sizeof(Record);
    runs_.push_back(std::move(run));
    if (run_bytes_ > run_bytes_limit_) spill();
  }

  // Merges the runs in memory into one file.
  void spill() {
    const std::string path = folder_ + "/ngrams-" + std::to_string(files_.size());
    std::FILE* stream = std::fopen(path.c_str(), "w+b");
    if (stream == nullptr) throw std::runtime_error("cannot create the temporary file " + path);
    std::vector<File> older;
    older.swap(files_);  // merge() would read them too
    Run piece;
    const auto write = [&] {
      const std::size_t done = std::fwrite(piece.data(), sizeof(Record), piece.size(), stream);
      if (done != piece.size()) throw std::runtime_error("cannot write the temporary file " + path + "; is the disk full?");
      piece.clear();
    };
    older.push_back({path, stream});
    try {
      merge([&](const Record& record) {
        piece.push_back(record);
        if (piece.size() == 1u << 14) write();
      });
      write();
      if (std::fflush(stream) != 0) {
        throw std::runtime_error("cannot write the temporary file " + path + "; is the disk full?");
      }
    } catch (...) {
      files_.swap(older);
      throw;
    }
    files_.swap(older);
    runs_.clear();
    run_bytes_ = 0;
  }

  // Calls visit(record) for all records in sorted order; equal n-grams of different runs follow one another.
  template <class Visit>
  void merge(Visit visit) {
    std::vector<Cursor> cursors;
    for (const Run& run : runs_) cursors.emplace_back(run);
    for (const File& file : files_) cursors.emplace_back(file.stream);
    const auto after = [&](std::size_t a, std::size_t b) { return cursors[b].next->words < cursors[a].next->words; };
    std::vector<std::size_t> heap;
    for (std::size_t i = 0; i < cursors.size(); ++i) {
      if (cursors[i].next != cursors[i].end) heap.push_back(i);
    }
    std::make_heap(heap.begin(), heap.end(), after);
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), after);
      Cursor& cursor = cursors[heap.back()];
      visit(*cursor.next);
      if (cursor.advance()) {
        std::push_heap(heap.begin(), heap.end(), after);
      } else {
        heap.pop_back();
      }
    }
  }

  std::string folder_;             // for the runs that memory cannot hold
  std::size_t window_limit_;       // windows sorted at a time
  std::size_t run_bytes_limit_;    // sorted runs kept in memory
  std::size_t run_bytes_ = 0;
  std::vector<Gram> windows_;
  std::vector<Run> runs_;
  std::vector<File> files_;
};

inline std::unique_ptr<NgramCounter> NgramCounter::make(std::size_t order, std::string folder,
                                                        std::size_t memory_bytes) {
  switch (order) {
    case 1: return std::make_unique<NgramCounterOf<1>>(std::move(folder), memory_bytes);
    case 2: return std::make_unique<NgramCounterOf<2>>(std::move(folder), memory_bytes);
    case 3: return std::make_unique<NgramCounterOf<3>>(std::move(folder), memory_bytes);
    case 4: return std::make_unique<NgramCounterOf<4>>(std::move(folder), memory_bytes);
    case 5: return std::make_unique<NgramCounterOf<5>>(std::move(folder), memory_bytes);
    case 6: return std::make_unique<NgramCounterOf<6>>(std::move(folder), memory_bytes);
    default: throw std::invalid_argument("the order must lie between 1 and 6, not " + std::to_string(order));
  }
}

}  // namespace asrkit
