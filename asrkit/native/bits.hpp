// Bit counting on every compiler; std::popcount needs C++20.
#pragma once

#include <cstdint>

#ifdef _MSC_VER
#include <intrin.h>
#endif

namespace asrkit {

inline int count_bits(std::uint64_t bits) {
#ifdef _MSC_VER
  return static_cast<int>(__popcnt64(bits));
#else
  return __builtin_popcountll(bits);
#endif
}

// Index of the lowest bit that is set; bits must not be 0.
inline int lowest_bit(std::uint64_t bits) {
#ifdef _MSC_VER
  unsigned long index;
  _BitScanForward64(&index, bits);
  return static_cast<int>(index);
#else
  return __builtin_ctzll(bits);
#endif
}

}  // namespace asrkit
