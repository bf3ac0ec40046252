// Written once for vectors of 16 numbers, and compiled for several instruction sets, the best of which is taken at run
// time. What an instruction set has no such registers for is done by narrower ones.
#include "emissions/softmax.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace asrkit {
namespace {

#ifdef _MSC_VER  // has no vector types
#define ASRKIT_INLINED inline
using Floats = float;
using Bits = std::int32_t;

float exponential(float x) { return std::exp(x); }
float logarithm(float x) { return std::log(x); }
float at_least(float x, float least) { return std::max(x, least); }
double sum_of(float sums) { return sums; }
float least_of(float values) { return values; }
#else
#define ASRKIT_INLINED inline __attribute__((always_inline))
using Floats = float __attribute__((vector_size(64)));
using Bits = std::int32_t __attribute__((vector_size(64)));

ASRKIT_INLINED Floats from_bits(const Bits& bits) {
  Floats values;
  std::memcpy(&values, &bits, sizeof values);
  return values;
}

ASRKIT_INLINED Bits bits_of(const Floats& values) {
  Bits bits;
  std::memcpy(&bits, &values, sizeof bits);
  return bits;
}

ASRKIT_INLINED Floats at_least(const Floats& x, float least) { return x < least ? Floats{} + least : x; }

ASRKIT_INLINED double sum_of(const Floats& sums) {
  double sum = 0.0;
  for (std::size_t lane = 0; lane < sizeof(Floats) / sizeof(float); ++lane) sum += sums[lane];
  return sum;
}

ASRKIT_INLINED float least_of(const Floats& values) {
  float least = values[0];
  for (std::size_t lane = 1; lane < sizeof(Floats) / sizeof(float); ++lane) least = std::min(least, values[lane]);
  return least;
}

constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;

// For x <= 0, by Cephes' polynomials: exp(x) = 2^n exp(r) with |r| < 0.35.
ASRKIT_INLINED Floats exponential(const Floats& given) {
  constexpr float kWhole = 12582912.0f;  // 1.5 * 2^23: what is added to it is rounded, and stands in its last bits
  const Floats x = at_least(given, -87.0f);  // less would leave the normal numbers, and adds nothing to a sum
  const Floats whole = x * 1.44269504f + kWhole;
  const Floats n = whole - kWhole;
  const Floats r = x - n * kLn2High - n * kLn2Low;
  Floats y = r * 1.9875691500e-4f + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.0f;
  return y * from_bits((bits_of(whole) + 127) << 23);
}

// For normal x > 0, by Cephes' polynomials: log(x) = n log 2 + log(1 + r) with 1 + r between the root of 1/2 and its double.
ASRKIT_INLINED Floats logarithm(const Floats& x) {
  constexpr std::int32_t kRootHalf = 0x3f3504f3;
  const Bits exponent = (bits_of(x) - kRootHalf) >> 23;
  const Floats n = __builtin_convertvector(exponent, Floats);
  const Floats r = from_bits(bits_of(x) - (exponent << 23)) - 1.0f;
  Floats y = r * 7.0376836292e-2f - 1.1514610310e-1f;
  y = y * r + 1.1676998740e-1f;
  y = y * r - 1.2420140846e-1f;
  y = y * r + 1.4249322787e-1f;
  y = y * r - 1.6668057665e-1f;
  y = y * r + 2.0000714765e-1f;
  y = y * r - 2.4999993993e-1f;
  y = y * r + 3.3333331174e-1f;
  const Floats square = r * r;
  return n * kLn2High + (r + (n * kLn2Low + (y * r * square - 0.5f * square)));
}
#endif

constexpr std::size_t kLanes = sizeof(Floats) / sizeof(float);
constexpr std::size_t kBlock = 32 * kLanes;  // summed in single precision

ASRKIT_INLINED Floats load(const float* values, std::size_t size, float rest) {
  Floats loaded = Floats{} + rest;
  std::memcpy(&loaded, values, std::min(size, kLanes) * sizeof(float));
  return loaded;
}

ASRKIT_INLINED void store(const Floats& values, float* out, std::size_t size) {
  std::memcpy(out, &values, std::min(size, kLanes) * sizeof(float));
}

struct Exponential {
  float peak;
  ASRKIT_INLINED Floats operator()(const Floats& x) const { return exponential(x - peak); }
};

struct Difference {
  float total;
  ASRKIT_INLINED Floats operator()(const Floats& x) const { return x - total; }
};

struct Share {
  float least;
  Floats& lowest;  // of all that it was asked for
  ASRKIT_INLINED Floats operator()(const Floats& x) const {
    lowest = x < lowest ? x : lowest;
    return at_least(x, least);
  }
};

struct LogOfShare {
  float least, factor;
  ASRKIT_INLINED Floats operator()(const Floats& x) const { return logarithm(at_least(x, least) * factor); }
};

// The sum of a function of all values; `rest` fills the last vector, and the function of it is 0 or as good as that.
template <typename Function>
ASRKIT_INLINED double sum(const float* values, std::size_t size, float rest, const Function& function) {
  double total = 0.0;
  for (std::size_t first = 0; first < size; first += kBlock) {
    Floats sums{};
    const std::size_t end = std::min(size, first + kBlock);
    std::size_t i = first;
    for (; i + kLanes <= end; i += kLanes) sums += function(load(values + i, kLanes, rest));
    if (i < end) sums += function(load(values + i, end - i, rest));
    total += sum_of(sums);
  }
  return total;
}

template <typename Function>
ASRKIT_INLINED void transform(const float* values, float* out, std::size_t size, float rest, const Function& function) {
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) store(function(load(values + i, kLanes, rest)), out + i, kLanes);
  if (i < size) store(function(load(values + i, size - i, rest)), out + i, size - i);
}

ASRKIT_INLINED void logits_anyhow(const float* values, float* out, std::size_t size, float peak) {
  const double total = sum(values, size, -HUGE_VALF, Exponential{peak});
  transform(values, out, size, 0.0f, Difference{static_cast<float>(peak + std::log(total))});
}

ASRKIT_INLINED bool shares_anyhow(const float* values, float* out, std::size_t size, float least) {
  Floats lowest{};
  const double total = sum(values, size, 0.0f, Share{least, lowest});
  transform(values, out, size, 1.0f, LogOfShare{least, static_cast<float>(1.0 / total)});
  return least_of(lowest) >= 0.0f;
}

struct Kernels {
  void (*logits)(const float*, float*, std::size_t, float);
  bool (*shares)(const float*, float*, std::size_t, float);
};

void logits_baseline(const float* values, float* out, std::size_t size, float peak) {
  logits_anyhow(values, out, size, peak);
}

bool shares_baseline(const float* values, float* out, std::size_t size, float least) {
  return shares_anyhow(values, out, size, least);
}

#if !defined(_MSC_VER) && defined(__x86_64__)
#define ASRKIT_FOR(instructions) __attribute__((target(instructions)))

ASRKIT_FOR("avx2") void logits_avx2(const float* values, float* out, std::size_t size, float peak) {
  logits_anyhow(values, out, size, peak);
}

ASRKIT_FOR("avx2") bool shares_avx2(const float* values, float* out, std::size_t size, float least) {
  return shares_anyhow(values, out, size, least);
}

ASRKIT_FOR("avx512f") void logits_avx512(const float* values, float* out, std::size_t size, float peak) {
  logits_anyhow(values, out, size, peak);
}

ASRKIT_FOR("avx512f") bool shares_avx512(const float* values, float* out, std::size_t size, float least) {
  return shares_anyhow(values, out, size, least);
}

Kernels best_kernels() {
  if (__builtin_cpu_supports("avx512f")) return {logits_avx512, shares_avx512};
  if (__builtin_cpu_supports("avx2")) return {logits_avx2, shares_avx2};
  return {logits_baseline, shares_baseline};
}
#else
Kernels best_kernels() { return {logits_baseline, shares_baseline}; }
#endif

const Kernels& kernels() {
  static const Kernels best = best_kernels();
  return best;
}

}  // namespace

void normalize_logits(const float* values, float* out, std::size_t size, float peak) {
  kernels().logits(values, out, size, peak);
}

bool normalize_shares(const float* values, float* out, std::size_t size, float least) {
  return kernels().shares(values, out, size, least);
}

}  // namespace asrkit
