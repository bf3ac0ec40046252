// The Levenshtein distance of two sequences, and the fewest substitutions among the alignments that reach it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace asrkit {

// Distances, 64 cells at a time (Myers, JACM 1999; Hyyrö 2003 for the distance of whole strings). Every column leaves
// three bits per cell: from those the alignments of least errors can be followed backward without the table itself.
//
// Time O(R M / 64) for the distance; the walk visits only cells that lie on some best alignment. Memory 3 R M / 8 bytes.
class BitParallelTable {
 public:
  // Returns the distance; the pattern may not be empty, and ids are below num_ids.
  template <typename Id>
  std::int64_t distance(const Id* pattern, std::size_t m, const Id* text, std::size_t n, std::size_t num_ids) {
    blocks_ = (m + 63) / 64;
    matches_.assign(num_ids * blocks_, 0);
    for (std::size_t i = 0; i < m; ++i)
      matches_[static_cast<std::size_t>(pattern[i]) * blocks_ + i / 64] |= std::uint64_t{1} << (i % 64);
    plus_.assign(blocks_, ~std::uint64_t{0});
    minus_.assign(blocks_, 0);
    if (cells_.size() < n * blocks_) cells_.resize(n * blocks_);
    const std::uint64_t last = std::uint64_t{1} << ((m - 1) % 64);
    auto distance = static_cast<std::int64_t>(m);
    Cells* cells = cells_.data();
    for (std::size_t j = 0; j < n; ++j) {
      const std::uint64_t* equal_row = &matches_[static_cast<std::size_t>(text[j]) * blocks_];
      std::uint64_t plus_in = 1, minus_in = 0;  // the row above the table grows by one per column
      for (std::size_t b = 0; b < blocks_; ++b) {
        const std::uint64_t equal = equal_row[b] | minus_in, plus = plus_[b], minus = minus_[b];
        const std::uint64_t vertical = equal_row[b] | minus;
        const std::uint64_t horizontal = (((equal & plus) + plus) ^ plus) | equal;
        std::uint64_t plus_out = minus | ~(horizontal | plus), minus_out = plus & horizontal;
        if (b + 1 == blocks_) distance += (plus_out & last ? 1 : 0) - (minus_out & last ? 1 : 0);
        cells->left_is_less = plus_out;
        cells->diagonal_is_equal = horizontal | minus;
        const std::uint64_t plus_carry = plus_out >> 63, minus_carry = minus_out >> 63;
        plus_out = plus_out << 1 | plus_in;
        minus_out = minus_out << 1 | minus_in;
        plus_[b] = minus_out | ~(vertical | plus_out);
        minus_[b] = plus_out & vertical;
        cells++->above_is_less = plus_[b];
        plus_in = plus_carry;
        minus_in = minus_carry;
      }
    }
    return distance;
  }

  // Walks the best alignments of the same pair from their ends, all at once, and counts their substitutions.
  // Where two units are equal, some alignment of fewest errors, then most hits, pairs them: no other way is tried.
  template <typename Id>
  std::int64_t fewest_substitutions(const Id* pattern, std::size_t m, const Id* text, std::size_t n) {
    here_.assign(m + 1, kNowhere);
    next_.assign(m + 1, kNowhere);
    std::int32_t fewest = kNowhere;
    auto low = static_cast<std::int64_t>(m), high = low;
    here_[m] = 0;
    for (auto j = static_cast<std::int64_t>(n); low <= high; --j) {
      std::int64_t next_low = high + 1, next_high = -1;
      const auto reach = [&](std::int64_t i, std::int32_t substitutions) {
        auto& cell = next_[static_cast<std::size_t>(i)];
        cell = std::min(cell, substitutions);
        next_low = std::min(next_low, i);
        next_high = std::max(next_high, i);
      };
      const Cells* column = j > 0 ? &cells_[static_cast<std::size_t>(j - 1) * blocks_] : nullptr;
      for (std::int64_t i = high; i >= low; --i) {
        const std::int32_t so_far = std::exchange(here_[static_cast<std::size_t>(i)], kNowhere);
        if (so_far == kNowhere) continue;
        if (i == 0 || j == 0) {  // gaps alone from here on
          fewest = std::min(fewest, so_far);
        } else if (pattern[i - 1] == text[j - 1]) {
          reach(i - 1, so_far);
        } else {
          const Cells& cells = column[(i - 1) / 64];
          const std::uint64_t bit = std::uint64_t{1} << ((i - 1) % 64);
          if (cells.above_is_less & bit) {
            auto& above = here_[static_cast<std::size_t>(i - 1)];
            above = std::min(above, so_far);
            low = std::min(low, i - 1);
          }
          if (cells.left_is_less & bit) reach(i, so_far);
          if (!(cells.diagonal_is_equal & bit)) reach(i - 1, so_far + 1);
        }
      }
      std::swap(here_, next_);
      low = next_low;
      high = next_high;
    }
    return fewest;
  }

 private:
  static constexpr std::int32_t kNowhere = std::numeric_limits<std::int32_t>::max();

  // How the distance of 64 cells of one column differs from that of their neighbors.
  struct Cells {
    std::uint64_t above_is_less, left_is_less, diagonal_is_equal;
  };

  std::size_t blocks_ = 0;
  std::vector<std::uint64_t> matches_, plus_, minus_;
  std::vector<Cells> cells_;
  std::vector<std::int32_t> here_, next_;  // fewest substitutions after each cell of a column
};

}  // namespace asrkit
