// Numbers the units of a pair of texts.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

namespace asrkit {

// Gives equal units of one pair equal numbers, counted from 0.
template <typename Character>
class Numbering {
 public:
  using View = std::basic_string_view<Character>;

  void start(std::size_t most_units) {
    ++generation_;
    size_ = 0;
    std::size_t slots = 64;
    while (slots < 2 * most_units) slots *= 2;
    if (slots > slots_.size()) slots_.assign(slots, Slot{});
    mask_ = slots - 1;  // a part of the slots: fewer pages to touch
  }

  std::int32_t number(View unit) {
    if (unit.size() == 1 && code_of(unit[0]) < 256) {
      Known& known = latin_[code_of(unit[0])];
      if (known.generation != generation_) known = {generation_, size_++};
      return known.number;
    }
    std::uint64_t hash = 1469598103934665603u;  // FNV-1a
    for (const Character character : unit) hash = (hash ^ code_of(character)) * 1099511628211u;
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
  static std::uint64_t code_of(Character character) {
    return static_cast<std::make_unsigned_t<Character>>(character);
  }

  struct Slot {
    View unit;
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

}  // namespace asrkit
