// Counts the errors of many short pairs of texts: splits, numbers the units, measures, splits the errors.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace asrkit {

enum class Unit { kWord, kCharacter, kCharacterNoSpace, kSymbol };

struct PairCounts {
  std::int64_t errors = 0, substitutions = 0, num_reference = 0, num_hypothesis = 0;
  bool is_long = false;  // too long to be counted here; errors and substitutions are not set
};

// Levenshtein distance, 64 cells at a time (Myers, JACM 1999; Hyyrö 2003 for the distance of whole strings).
class BitParallelDistance {
 public:
  std::int64_t operator()(const std::int32_t* pattern, std::size_t m, const std::int32_t* text, std::size_t n,
                          std::size_t num_ids) {
    const std::size_t blocks = (m + 63) / 64;
    matches_.assign(num_ids * blocks, 0);
    for (std::size_t i = 0; i < m; ++i)
      matches_[static_cast<std::size_t>(pattern[i]) * blocks + i / 64] |= std::uint64_t{1} << (i % 64);
    plus_.assign(blocks, ~std::uint64_t{0});
    minus_.assign(blocks, 0);
    const std::uint64_t last = std::uint64_t{1} << ((m - 1) % 64);
    auto distance = static_cast<std::int64_t>(m);
    for (std::size_t j = 0; j < n; ++j) {
      const std::uint64_t* equal_row = &matches_[static_cast<std::size_t>(text[j]) * blocks];
      std::uint64_t plus_in = 1, minus_in = 0;  // the row above the table grows by one per column
      for (std::size_t b = 0; b < blocks; ++b) {
        const std::uint64_t equal = equal_row[b] | minus_in, plus = plus_[b], minus = minus_[b];
        const std::uint64_t vertical = equal_row[b] | minus;
        const std::uint64_t horizontal = (((equal & plus) + plus) ^ plus) | equal;
        std::uint64_t plus_out = minus | ~(horizontal | plus), minus_out = plus & horizontal;
        if (b + 1 == blocks) distance += (plus_out & last ? 1 : 0) - (minus_out & last ? 1 : 0);
        const std::uint64_t plus_carry = plus_out >> 63, minus_carry = minus_out >> 63;
        plus_out = plus_out << 1 | plus_in;
        minus_out = minus_out << 1 | minus_in;
        plus_[b] = minus_out | ~(vertical | plus_out);
        minus_[b] = plus_out & vertical;
        plus_in = plus_carry;
        minus_in = minus_carry;
      }
    }
    return distance;
  }

 private:
  std::vector<std::uint64_t> matches_, plus_, minus_;
};

// Gives equal units of one pair equal numbers, counted from 0.
class Numbering {
 public:
  void start(std::size_t most_units) {
    ++generation_;
    size_ = 0;
    std::size_t slots = 64;
    while (slots < 2 * most_units) slots *= 2;
    if (slots > slots_.size()) slots_.assign(slots, Slot{});
    mask_ = slots_.size() - 1;
  }

  std::int32_t number(std::u32string_view unit) {
    if (unit.size() == 1 && unit[0] < latin_.size()) {
      Known& known = latin_[unit[0]];
      if (known.generation != generation_) known = {generation_, size_++};
      return known.number;
    }
    std::uint64_t hash = 1469598103934665603u;  // FNV-1a
    for (const char32_t character : unit) hash = (hash ^ character) * 1099511628211u;
    for (std::size_t at = (hash ^ hash >> 32) & mask_;; at = (at + 1) & mask_) {
      Slot& slot = slots_[at];
      if (slot.generation != generation_) {
        slot = {unit, hash, generation_, size_};
        return size_++;
      }
      if (slot.hash == hash && slot.unit == unit) return slot.number;
    }
  }

  std::size_t size() const { return static_cast<std::size_t>(size_); }

 private:
  struct Slot {
    std::u32string_view unit;
    std::uint64_t hash = 0;
    std::uint64_t generation = 0;  // of another pair: free
    std::int32_t number = 0;
  };
  struct Known {
    std::uint64_t generation = 0;
    std::int32_t number = 0;
  };
  std::vector<Slot> slots_;
  std::array<Known, 256> latin_;  // units of one common character need no search
  std::size_t mask_ = 0;
  std::uint64_t generation_ = 0;
  std::int32_t size_ = 0;
};

// Counts pairs one after the other and keeps its buffers. In the texts U+0020 separates words, in any number.
//
// Canonical weights: fewest errors E, then fewest substitutions S (most hits). NIST weights: least 4S + 3D + 3I, then
// fewest errors. Time O(R M / 64 + R E) for a pair of R and M units.
class PairCounter {
 public:
  PairCounter(Unit unit, bool nist, std::int64_t long_cells) : unit_(unit), nist_(nist), long_cells_(long_cells) {}

  PairCounts count(std::u32string_view hypothesis, std::u32string_view reference) {
    PairCounts counts;
    if (hypothesis == reference) {
      counts.num_reference = counts.num_hypothesis = count_units(reference);
      return counts;
    }
    numbering_.start(hypothesis.size() + reference.size());
    read(reference, reference_);
    read(hypothesis, hypothesis_);
    counts.num_reference = static_cast<std::int64_t>(reference_.size());
    counts.num_hypothesis = static_cast<std::int64_t>(hypothesis_.size());
    compare(counts);
    return counts;
  }

 private:
  using Ids = std::vector<std::int32_t>;
  static constexpr std::int64_t kFirst = std::int64_t{1} << 32;

  // Calls `found` with each unit of a text.
  template <typename Found>
  void split(std::u32string_view text, Found found) const {
    std::size_t i = 0;
    bool is_first = true;
    while (i < text.size()) {
      if (unit_ != Unit::kSymbol && text[i] == U' ') {
        ++i;
        continue;
      }
      std::size_t end = i + 1;
      if (unit_ == Unit::kWord)
        while (end < text.size() && text[end] != U' ') ++end;
      // One space stands between words, whatever separates them in the text.
      if (unit_ == Unit::kCharacter && !is_first && text[i - 1] == U' ') found(text.substr(i - 1, 1));
      found(text.substr(i, end - i));
      is_first = false;
      i = end;
    }
  }

  std::int64_t count_units(std::u32string_view text) const {
    std::int64_t number = 0;
    split(text, [&](std::u32string_view) { ++number; });
    return number;
  }

  void read(std::u32string_view text, Ids& ids) {
    ids.clear();
    split(text, [&](std::u32string_view unit) { ids.push_back(numbering_.number(unit)); });
  }

  void compare(PairCounts& counts) {
    const std::int32_t *ref = reference_.data(), *hyp = hypothesis_.data();
    std::size_t num_ref = reference_.size(), num_hyp = hypothesis_.size();
    // Equal ends belong to some best alignment.
    while (num_ref && num_hyp && *ref == *hyp) ++ref, ++hyp, --num_ref, --num_hyp;
    while (num_ref && num_hyp && ref[num_ref - 1] == hyp[num_hyp - 1]) --num_ref, --num_hyp;
    const auto longer = static_cast<std::int64_t>(std::max(num_ref, num_hyp));
    const auto shorter = static_cast<std::int64_t>(std::min(num_ref, num_hyp));
    if (longer * shorter > long_cells_) {
      counts.is_long = true;
      return;
    }
    if (shorter == 0) {
      counts.errors = longer;
      return;
    }
    const std::int64_t errors = num_ref <= num_hyp ? distance_(ref, num_ref, hyp, num_hyp, numbering_.size())
                                                   : distance_(hyp, num_hyp, ref, num_ref, numbering_.size());
    counts.errors = errors;
    if (errors == longer - shorter) return;  // gaps alone
    if (nist_) {
      // 4S + 3D + 3I <= 4E bounds the gaps.
      const std::int64_t price = least_price(ref, num_ref, hyp, num_hyp, 4 * errors / 3, 4 * kFirst + 1, 3 * kFirst + 1);
      counts.errors = price % kFirst;
      counts.substitutions = price / kFirst - 3 * counts.errors;
    } else if (errors == 1) {
      counts.substitutions = 1;
    } else {
      counts.substitutions = least_price(ref, num_ref, hyp, num_hyp, errors, kFirst + 1, kFirst) % kFirst;
    }
  }

  // The price of the best path, in a band as wide as so many gaps can reach; one row, no traceback.
  std::int64_t least_price(const std::int32_t* ref, std::size_t num_ref, const std::int32_t* hyp, std::size_t num_hyp,
                           std::int64_t most_gaps, std::int64_t substitution, std::int64_t gap) {
    constexpr std::int64_t kFar = std::int64_t{1} << 60;
    const auto rows = static_cast<std::int64_t>(num_ref), columns = static_cast<std::int64_t>(num_hyp);
    const std::int64_t longer = columns - rows;
    const std::int64_t left = (most_gaps - longer) / 2, right = (most_gaps + longer) / 2;
    // row_[d] is the cell on diagonal d - left - 1 (column minus row); the ends stay far.
    const auto width = static_cast<std::size_t>(left + right + 1);
    row_.assign(width + 2, kFar);
    for (std::int64_t d = 0; d <= right && d <= columns; ++d) row_[static_cast<std::size_t>(d + left + 1)] = d * gap;
    for (std::int64_t i = 1; i <= rows; ++i) {
      const std::int64_t from = std::max<std::int64_t>(i - left, 0), to = std::min(i + right, columns);
      std::int64_t before = kFar;
      const std::int32_t word = ref[i - 1];
      std::int64_t* cell = &row_[static_cast<std::size_t>(from - i + left + 1)];
      std::int64_t j = from;
      if (j == 0) {
        before = *cell++ = i * gap;
        ++j;
      }
      for (; j <= to; ++j, ++cell) {
        // On its diagonal the old cell is the one up left, its right neighbor the one above.
        // What does not wait for the cell before is computed first: the chain from cell to cell stays short.
        const std::int64_t diagonal = *cell + (hyp[j - 1] == word ? 0 : substitution);
        before = *cell = std::min(std::min(diagonal, cell[1] + gap), before + gap);
      }
      if (to == columns) *cell = kFar;  // beyond the last column from here on
    }
    return row_[static_cast<std::size_t>(columns - rows + left + 1)];
  }

  Unit unit_;
  bool nist_;
  std::int64_t long_cells_;
  Numbering numbering_;
  Ids reference_, hypothesis_;
  std::vector<std::int64_t> row_;
  BitParallelDistance distance_;
};

}  // namespace asrkit
