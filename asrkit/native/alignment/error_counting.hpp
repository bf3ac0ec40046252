// Counts the errors of many short pairs of texts: splits, numbers the units, measures, splits the errors.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "alignment/bit_parallel.hpp"
#include "text/numbering.hpp"

namespace asrkit {

enum class Unit { kWord, kCharacter, kCharacterNoSpace, kSymbol };

struct PairCounts {
  std::int64_t errors = 0, substitutions = 0, num_reference = 0, num_hypothesis = 0;
  bool is_long = false;  // too long to be counted here; errors and substitutions are not set
};

// Counts pairs one after the other and keeps its buffers. In the texts U+0020 separates words, in any number.
// Characters are bytes (Latin-1) or code points.
//
// Canonical weights: fewest errors E, then fewest substitutions S (most hits). NIST weights: least 4S + 3D + 3I, then
// fewest errors. Time O(R M / 64 + R E) for a pair of R and M units.
template <typename Character>
class PairCounter {
 public:
  using View = std::basic_string_view<Character>;

  PairCounter(Unit unit, bool nist, std::int64_t long_cells) : unit_(unit), nist_(nist), long_cells_(long_cells) {}

  PairCounts count(View hypothesis, View reference) {
    PairCounts counts;
    if (hypothesis == reference) {
      counts.num_reference = counts.num_hypothesis = count_units(reference);
      return counts;
    }
    if constexpr (sizeof(Character) == 1) {
      if (unit_ != Unit::kWord) {  // bytes are small numbers already
        read_characters(reference, reference_characters_);
        read_characters(hypothesis, hypothesis_characters_);
        compare(reference_characters_, hypothesis_characters_, 256, counts);
        return counts;
      }
    }
    const std::int64_t equal = unit_ == Unit::kWord ? drop_equal_words(hypothesis, reference) : 0;
    const std::size_t length = hypothesis.size() + reference.size();
    numbering_.start(unit_ == Unit::kWord ? length / 2 + 1 : length);
    read(reference, reference_);
    read(hypothesis, hypothesis_);
    compare(reference_, hypothesis_, numbering_.size(), counts);
    counts.num_reference += equal;
    counts.num_hypothesis += equal;
    return counts;
  }

 private:
  using Ids = std::vector<std::int32_t>;
  static constexpr std::int64_t kFirst = std::int64_t{1} << 32;

  // Calls `found` with each unit of a text.
  template <typename Found>
  void split(View text, Found found) const {
    std::size_t i = 0;
    bool is_first = true;
    while (i < text.size()) {
      if (unit_ != Unit::kSymbol && text[i] == ' ') {
        ++i;
        continue;
      }
      std::size_t end = i + 1;
      if (unit_ == Unit::kWord)
        while (end < text.size() && text[end] != ' ') ++end;
      // One space stands between words, whatever separates them in the text.
      if (unit_ == Unit::kCharacter && !is_first && text[i - 1] == ' ') found(text.substr(i - 1, 1));
      found(text.substr(i, end - i));
      is_first = false;
      i = end;
    }
  }

  std::int64_t count_units(View text) const {
    std::int64_t number = 0;
    split(text, [&](View) { ++number; });
    return number;
  }

  void read(View text, Ids& ids) {
    ids.clear();
    split(text, [&](View unit) { ids.push_back(numbering_.number(unit)); });
  }

  // Cuts equal words off both ends, as far as the texts agree in every character, and returns their number.
  std::int64_t drop_equal_words(View& one, View& other) const {
    const std::size_t shorter = std::min(one.size(), other.size());
    std::size_t same = static_cast<std::size_t>(
        std::mismatch(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(shorter), other.begin()).first -
        one.begin());
    while (same > 0 && one[same - 1] != ' ') --same;
    std::int64_t number = count_units(one.substr(0, same));
    one.remove_prefix(same);
    other.remove_prefix(same);
    const std::size_t left = shorter - same;
    same = 0;
    while (same < left && one[one.size() - 1 - same] == other[other.size() - 1 - same]) ++same;
    while (same > 0 && one[one.size() - same] != ' ') --same;
    number += count_units(one.substr(one.size() - same));
    one.remove_suffix(same);
    other.remove_suffix(same);
    return number;
  }

  // Keeps one space between words, or none.
  void read_characters(View text, std::vector<unsigned char>& characters) const {
    if (unit_ == Unit::kSymbol) {
      characters.assign(text.begin(), text.end());
      return;
    }
    const bool keeps_spaces = unit_ == Unit::kCharacter;
    characters.resize(text.size());
    unsigned char* to = characters.data();
    bool is_space = true;
    for (const Character character : text) {
      const bool was_space = is_space;
      is_space = character == ' ';
      *to = static_cast<unsigned char>(character);
      to += !is_space || (keeps_spaces && !was_space);
    }
    if (keeps_spaces && is_space && to != characters.data()) --to;
    characters.resize(static_cast<std::size_t>(to - characters.data()));
  }

  template <typename Id>
  void compare(const std::vector<Id>& reference, const std::vector<Id>& hypothesis, std::size_t num_ids,
               PairCounts& counts) {
    const Id *ref = reference.data(), *hyp = hypothesis.data();
    std::size_t num_ref = reference.size(), num_hyp = hypothesis.size();
    counts.num_reference = static_cast<std::int64_t>(num_ref);
    counts.num_hypothesis = static_cast<std::int64_t>(num_hyp);
    // Equal ends belong to some best alignment.
    while (num_ref && num_hyp && *ref == *hyp) ++ref, ++hyp, --num_ref, --num_hyp;
    while (num_ref && num_hyp && ref[num_ref - 1] == hyp[num_hyp - 1]) --num_ref, --num_hyp;
    // Unit weights know no sides: the shorter one is the pattern.
    if (num_ref > num_hyp && !nist_) std::swap(ref, hyp), std::swap(num_ref, num_hyp);
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
    const std::int64_t errors = counts.errors = table_.distance(ref, num_ref, hyp, num_hyp, num_ids);
    if (errors == longer - shorter) return;  // gaps alone
    if (nist_) {
      // 4S + 3D + 3I <= 4E bounds the gaps.
      const std::int64_t price = least_price(ref, num_ref, hyp, num_hyp, 4 * errors / 3, 4 * kFirst + 1, 3 * kFirst + 1);
      counts.errors = price % kFirst;
      counts.substitutions = price / kFirst - 3 * counts.errors;
    } else if (errors == 1) {
      counts.substitutions = 1;
    } else {
      counts.substitutions = table_.fewest_substitutions(ref, num_ref, hyp, num_hyp);
    }
  }

  // The price of the best path, in a band as wide as so many gaps can reach; one row, no traceback.
  template <typename Id>
  std::int64_t least_price(const Id* ref, std::size_t num_ref, const Id* hyp, std::size_t num_hyp,
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
      const Id word = ref[i - 1];
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
  Numbering<Character> numbering_;
  Ids reference_, hypothesis_;
  std::vector<unsigned char> reference_characters_, hypothesis_characters_;
  std::vector<std::int64_t> row_;
  BitParallelTable table_;
};

}  // namespace asrkit
