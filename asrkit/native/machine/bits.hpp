// Bits on every compiler; std::popcount needs C++20.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef _MSC_VER
#include <intrin.h>
#endif
#if defined(__SSE2__) || defined(_M_X64)
#define ASRKIT_HAS_SSE2
#include <emmintrin.h>
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

// A bit for each of up to 64 values that is at least as large as the limit, the first value's lowest.
inline std::uint64_t bits_at_least(const float* values, std::size_t size, float limit) {
  std::uint64_t bits = 0;
  std::size_t i = 0;
#ifdef ASRKIT_HAS_SSE2
  const __m128 limits = _mm_set1_ps(limit);
  for (; i + 4 <= size; i += 4) {
    const int four = _mm_movemask_ps(_mm_cmpge_ps(_mm_loadu_ps(values + i), limits));
    bits |= static_cast<std::uint64_t>(four) << i;
  }
#endif
  for (; i < size; ++i) bits |= static_cast<std::uint64_t>(values[i] >= limit) << i;
  return bits;
}

}  // namespace asrkit
