// Traces the best alignment of two sequences of word ids.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace asrkit {

// What to align, and at which price. Prices are integers so large that one price can hold several goals, the first
// in the high bits.
struct AlignmentProblem {
  const std::int32_t* reference = nullptr;
  std::int64_t num_reference = 0;
  const std::int32_t* hypothesis = nullptr;
  std::int64_t num_hypothesis = 0;
  std::int64_t substitution = 1;  // price of a substitution, before its extra price
  std::int64_t gap = 1;           // price of a deletion or an insertion
  std::int64_t most_gaps = 0;     // no best path has more deletions and insertions together; bounds the band
  const std::int32_t* extra = nullptr;  // (num_reference, num_hypothesis) extra price of each substitution, or null
};

// Finds a path of least price and spells it with one letter per step: '=' hit, 'S', 'D', 'I'.
//
// Time O(R * band) where the band follows from most_gaps; memory O(R + M + table_cells): a problem whose table of
// directions would be larger is cut in two at a row that the best path crosses (Hirschberg, CACM 1975).
class Aligner {
 public:
  explicit Aligner(const AlignmentProblem& problem, std::int64_t table_cells = std::int64_t{1} << 25)
      : p_(problem), table_cells_(table_cells) {}

  std::string trace() {
    steps_.clear();
    steps_.reserve(static_cast<std::size_t>(p_.num_reference + p_.num_hypothesis));
    solve(0, p_.num_reference, 0, p_.num_hypothesis, p_.most_gaps);
    return steps_;
  }

  // The price of the best path alone: one pass, memory O(M).
  std::int64_t price() {
    set_band(0, p_.num_reference, 0, p_.num_hypothesis, p_.most_gaps);
    return prices_from_start(0, p_.num_reference, 0, p_.num_hypothesis).back();
  }

 private:
  using Row = std::vector<std::int64_t>;
  static constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max() / 4;

  // The diagonals (column minus row) that a path with so many gaps can reach.
  void set_band(std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1, std::int64_t most_gaps) {
    const std::int64_t longer = (j1 - j0) - (i1 - i0);
    const std::int64_t gaps = std::max(most_gaps, longer < 0 ? -longer : longer);
    lowest_ = j0 - i0 - (gaps - longer) / 2;
    highest_ = j0 - i0 + (gaps + longer) / 2;
  }

  std::int64_t first_column(std::int64_t i, std::int64_t j0) const { return std::max(j0, i + lowest_); }
  std::int64_t last_column(std::int64_t i, std::int64_t j1) const { return std::min(j1, i + highest_); }

  std::int64_t pair_price(std::int64_t i, std::int64_t j) const {
    if (p_.reference[i] == p_.hypothesis[j]) return 0;
    return p_.substitution + (p_.extra ? p_.extra[i * p_.num_hypothesis + j] : 0);
  }

  // Aligns reference[i0, i1) with hypothesis[j0, j1).
  void solve(std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1, std::int64_t most_gaps) {
    // Equal ends belong to some best path: any other use of these words can be exchanged at no price.
    while (i0 < i1 && j0 < j1 && p_.reference[i0] == p_.hypothesis[j0]) ++i0, ++j0, steps_ += '=';
    std::size_t tail = 0;
    while (i0 < i1 && j0 < j1 && p_.reference[i1 - 1] == p_.hypothesis[j1 - 1]) --i1, --j1, ++tail;

    set_band(i0, i1, j0, j1, most_gaps);
    const std::int64_t width = std::min(j1 - j0 + 1, highest_ - lowest_ + 1);
    if (i0 == i1) {
      steps_.append(static_cast<std::size_t>(j1 - j0), 'I');
    } else if (j0 == j1) {
      steps_.append(static_cast<std::size_t>(i1 - i0), 'D');
    } else if (i1 - i0 == 1 || (i1 - i0 + 1) * width <= table_cells_) {
      trace_table(i0, i1, j0, j1);
    } else {
      const std::int64_t middle = i0 + (i1 - i0) / 2;
      const Crossing crossing = find_crossing(i0, middle, i1, j0, j1);
      solve(i0, middle, j0, crossing.column, crossing.price_before / p_.gap);
      solve(middle, i1, crossing.column, j1, crossing.price_after / p_.gap);
    }
    steps_.append(tail, '=');
  }

  void trace_table(std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1) {
    std::vector<std::size_t> offsets(static_cast<std::size_t>(i1 - i0 + 1));
    std::vector<char> table;
    Row row(static_cast<std::size_t>(j1 - j0 + 1), kFar), last(row);
    for (std::int64_t i = i0; i <= i1; ++i) {
      const std::int64_t from = first_column(i, j0), to = last_column(i, j1);
      offsets[static_cast<std::size_t>(i - i0)] = table.size();
      turn(row, last, from - 1 - j0, to + 1 - j0);
      for (std::int64_t j = from; j <= to; ++j) {
        char step = ' ';
        std::int64_t best = i == i0 && j == j0 ? 0 : kFar;
        if (i > i0 && j > j0) {
          const std::int64_t price = pair_price(i - 1, j - 1);
          consider(last[static_cast<std::size_t>(j - 1 - j0)] + price, price == 0 ? '=' : 'S', best, step);
        }
        if (i > i0) consider(last[static_cast<std::size_t>(j - j0)] + p_.gap, 'D', best, step);
        if (j > from) consider(row[static_cast<std::size_t>(j - 1 - j0)] + p_.gap, 'I', best, step);
        row[static_cast<std::size_t>(j - j0)] = best;
        table.push_back(step);
      }
    }
    const std::size_t start = steps_.size();
    for (std::int64_t i = i1, j = j1; i > i0 || j > j0;) {
      const char step = table[offsets[static_cast<std::size_t>(i - i0)] + static_cast<std::size_t>(j - first_column(i, j0))];
      steps_ += step;
      i -= step != 'I';
      j -= step != 'D';
    }
    std::reverse(steps_.begin() + static_cast<std::ptrdiff_t>(start), steps_.end());
  }

  // Starts a row in the older buffer. The next row reads at most one cell beyond the band, so these two are cleared.
  static void turn(Row& row, Row& last, std::int64_t before, std::int64_t behind) {
    last.swap(row);
    if (before >= 0) row[static_cast<std::size_t>(before)] = kFar;
    if (behind < static_cast<std::int64_t>(row.size())) row[static_cast<std::size_t>(behind)] = kFar;
  }

  static void consider(std::int64_t price, char step, std::int64_t& best, char& best_step) {
    if (price < best) best = price, best_step = step;
  }

  // Where some best path crosses a row, and what its two parts cost.
  struct Crossing {
    std::int64_t column, price_before, price_after;
  };

  Crossing find_crossing(std::int64_t i0, std::int64_t middle, std::int64_t i1, std::int64_t j0, std::int64_t j1) const {
    const Row before = prices_from_start(i0, middle, j0, j1);
    const Row after = prices_to_end(middle, i1, j0, j1);
    Crossing best{j0, kFar, kFar};
    for (std::int64_t j = first_column(middle, j0); j <= last_column(middle, j1); ++j) {
      const auto at = static_cast<std::size_t>(j - j0);
      if (before[at] + after[at] < best.price_before + best.price_after) best = {j, before[at], after[at]};
    }
    return best;
  }

  Row prices_from_start(std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1) const {
    Row row(static_cast<std::size_t>(j1 - j0 + 1), kFar), last(row);
    for (std::int64_t i = i0; i <= i1; ++i) {
      const std::int64_t from = first_column(i, j0), to = last_column(i, j1);
      turn(row, last, from - 1 - j0, to + 1 - j0);
      for (std::int64_t j = from; j <= to; ++j) {
        const auto at = static_cast<std::size_t>(j - j0);
        std::int64_t best = i == i0 && j == j0 ? 0 : kFar;
        if (i > i0 && j > j0) best = std::min(best, last[at - 1] + pair_price(i - 1, j - 1));
        if (i > i0) best = std::min(best, last[at] + p_.gap);
        if (j > from) best = std::min(best, row[at - 1] + p_.gap);
        row[at] = best;
      }
    }
    return row;
  }

  Row prices_to_end(std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1) const {
    Row row(static_cast<std::size_t>(j1 - j0 + 1), kFar), last(row);
    for (std::int64_t i = i1; i >= i0; --i) {
      const std::int64_t from = first_column(i, j0), to = last_column(i, j1);
      turn(row, last, from - 1 - j0, to + 1 - j0);
      for (std::int64_t j = to; j >= from; --j) {
        const auto at = static_cast<std::size_t>(j - j0);
        std::int64_t best = i == i1 && j == j1 ? 0 : kFar;
        if (i < i1 && j < j1) best = std::min(best, last[at + 1] + pair_price(i, j));
        if (i < i1) best = std::min(best, last[at] + p_.gap);
        if (j < to) best = std::min(best, row[at + 1] + p_.gap);
        row[at] = best;
      }
    }
    return row;
  }

  AlignmentProblem p_;
  std::int64_t table_cells_;
  std::int64_t lowest_ = 0, highest_ = 0;  // the band: columns minus rows
  std::string steps_;
};

}  // namespace asrkit
