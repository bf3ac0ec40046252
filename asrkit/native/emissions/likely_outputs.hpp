// What is kept of the emissions of a large vocabulary: likely outputs in 16 bits, all others as one number.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "machine/bits.hpp"

namespace asrkit {

// A float rounded to 16 bits, ties to even, as numpy does it.
inline float round_to_half(float value) {
  const float size = std::fabs(value);
  if (std::isnan(value)) return value;
  if (size >= 65520.0f) return std::copysign(std::numeric_limits<float>::infinity(), value);
  // below the least normal number of 16 bits there are multiples of 2^-24; so are the floats from 0.5 to 1
  if (size < 6.103515625e-05f) return std::copysign((size + 0.5f) - 0.5f, value);
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits += 0xfffu + ((bits >> 13) & 1u);
  bits &= ~0x1fffu;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

// Values below `least` become `rare`, all others, also NaN, are rounded; `out` may be the values themselves.
inline void keep_likely(const float* values, float* out, std::size_t size, float least, float rare) {
  constexpr std::size_t kBlock = 16;
  std::size_t i = 0;
  for (; i + kBlock <= size; i += kBlock) {
    std::uint32_t likely = 0;
#ifdef ASRKIT_HAS_SSE2
    const __m128 limits = _mm_set1_ps(least), rares = _mm_set1_ps(rare);
    __m128i below[4];
    for (int j = 0; j < 4; ++j) {
      const __m128 four = _mm_loadu_ps(values + i + 4 * j);
      const __m128 is_below = _mm_cmplt_ps(four, limits);
      below[j] = _mm_castps_si128(is_below);
      _mm_storeu_ps(out + i + 4 * j, _mm_or_ps(_mm_and_ps(is_below, rares), _mm_andnot_ps(is_below, four)));
    }
    const __m128i bytes = _mm_packs_epi16(_mm_packs_epi32(below[0], below[1]), _mm_packs_epi32(below[2], below[3]));
    likely = 0xffffu ^ static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
#else
    for (std::size_t j = 0; j < kBlock; ++j) {
      const bool is_below = values[i + j] < least;
      likely |= static_cast<std::uint32_t>(!is_below) << j;
      out[i + j] = is_below ? rare : values[i + j];
    }
#endif
    for (; likely != 0; likely &= likely - 1) {
      float& value = out[i + static_cast<std::size_t>(lowest_bit(likely))];
      value = round_to_half(value);
    }
  }
  for (; i < size; ++i) out[i] = values[i] < least ? rare : round_to_half(values[i]);
}

}  // namespace asrkit
