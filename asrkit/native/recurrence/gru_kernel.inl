// Included by gru_baseline.cpp, gru_avx2.cpp and gru_avx512.cpp, each compiled for its instruction set. Before the
// inclusion they define NAME, LANES (floats per register), TILE_ROWS and TILE_VECTORS (accumulators held in registers),
// PRODUCTS (the file with the matrix products) and KERNELS (the table that is made). Nothing here may be an inline function with external linkage, such as those of the
// standard library's templates: the linker keeps one copy of those, maybe one that the processor cannot run.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "recurrence/gru.hpp"

namespace asrkit {
namespace {

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));
typedef std::int32_t Integers __attribute__((vector_size(LANES * sizeof(std::int32_t))));

constexpr std::size_t kLanes = LANES;
constexpr std::size_t kRows = TILE_ROWS;
constexpr std::size_t kPanel = TILE_VECTORS * LANES;
constexpr std::size_t kDepth = 32;  // depths of products are rounded up to this where the products need it

std::size_t round_up(std::size_t size, std::size_t multiple) { return (size + multiple - 1) / multiple * multiple; }

Vector load(const float* source) {
  Vector result;
  std::memcpy(&result, source, sizeof result);
  return result;
}

// Loads and stores that stop at the end of a row whose size is no multiple of the register's.
Vector load(const float* source, std::size_t count) {
  if (count >= kLanes) return load(source);
  Vector result = {};
  std::memcpy(&result, source, count * sizeof(float));
  return result;
}

void store(float* target, Vector value, std::size_t count = kLanes) {
  if (count >= kLanes)
    std::memcpy(target, &value, sizeof value);
  else
    std::memcpy(target, &value, count * sizeof(float));
}

// exp by 2^n times a polynomial; relative error below 3e-7, arguments limited to what float32 can hold.
Vector exponential(Vector x) {
  x = x > 88.0f ? Vector{} + 88.0f : x;
  x = x < -87.0f ? Vector{} - 87.0f : x;
  const Vector shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: the sum is rounded to an integer
  const Vector whole = shifted - 12582912.0f;
  const Vector rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;  // ln 2 in two parts
  Vector sum = rest * 1.9875691500e-4f + 1.3981999507e-3f;
  sum = sum * rest + 8.3334519073e-3f;
  sum = sum * rest + 4.1665795894e-2f;
  sum = sum * rest + 1.6666665459e-1f;
  sum = sum * rest + 5.0000001201e-1f;
  sum = sum * rest * rest + rest + 1.0f;
  const Integers power = (__builtin_convertvector(whole, Integers) + 127) << 23;
  Vector scale;
  std::memcpy(&scale, &power, sizeof scale);
  return sum * scale;
}

Vector sigmoid(Vector x) { return 1.0f / (1.0f + exponential(-x)); }
Vector hyperbolic_tangent(Vector x) { return 2.0f / (1.0f + exponential(-2.0f * x)) - 1.0f; }

// pack, multiply, begin_products and end_products
#include PRODUCTS

// Where a row of the batch lies in arrays of (batch, steps, directions, size).
std::size_t offset(const GruShape& shape, const GruTask& task, std::size_t row, std::size_t step, std::size_t size) {
  return (((task.first_row + row) * shape.steps + step) * shape.directions + task.direction) * size;
}

std::size_t length_of(const GruShape& shape, const GruTask& task, std::size_t row) {
  const std::int32_t length = shape.lengths[task.first_row + row];
  if (length < 0) return 0;
  return static_cast<std::size_t>(length) < shape.steps ? static_cast<std::size_t>(length) : shape.steps;
}

// One step of one row: reads x and s, moves the state and keeps what the backward pass needs.
void forward_row(std::size_t units, const float* x, const float* s, const float* bias, float* state, float* outputs,
                 float* gates) {
  for (std::size_t i = 0; i < units; i += kLanes) {
    const std::size_t n = units - i;
    const Vector z = sigmoid(load(x + i, n) + load(s + i, n) + load(bias + i, n));
    const Vector r = sigmoid(load(x + units + i, n) + load(s + units + i, n) + load(bias + units + i, n));
    const Vector s_c = load(s + 2 * units + i, n) + load(bias + 2 * units + i, n);
    const Vector candidate = hyperbolic_tangent(load(x + 2 * units + i, n) + r * s_c);
    const Vector h = candidate + z * (load(state + i, n) - candidate);
    store(state + i, h, n);
    store(outputs + i, h, n);
    store(gates + i, z, n);
    store(gates + units + i, r, n);
    store(gates + 2 * units + i, candidate, n);
    store(gates + 3 * units + i, s_c, n);
  }
}

void store_gates(float* target, std::size_t units, std::size_t count, Vector z, Vector r, Vector candidate) {
  store(target, z, count);
  store(target + units, r, count);
  store(target + 2 * units, candidate, count);
}

// One step back of one row; `carried` holds the gradient by h from later steps and gets its direct part for earlier
// ones, `by_s` the gradients by s for the product with the recurrent matrix.
void backward_row(std::size_t units, const float* gates, const float* before, const float* output_gradient,
                  float* carried, float* by_s, float* projected_gradient, float* recurrent_gradient) {
  for (std::size_t i = 0; i < units; i += kLanes) {
    const std::size_t n = units - i;
    const Vector z = load(gates + i, n), r = load(gates + units + i, n);
    const Vector candidate = load(gates + 2 * units + i, n), s_c = load(gates + 3 * units + i, n);
    const Vector by_h = load(output_gradient + i, n) + load(carried + i, n);
    const Vector h_before = before == nullptr ? Vector{} : load(before + i, n);
    const Vector by_candidate = by_h * (1.0f - z) * (1.0f - candidate * candidate);
    const Vector by_z = by_h * (h_before - candidate) * z * (1.0f - z);
    const Vector by_r = by_candidate * s_c * r * (1.0f - r);
    store(carried + i, by_h * z, n);
    store_gates(projected_gradient + i, units, n, by_z, by_r, by_candidate);
    store_gates(recurrent_gradient + i, units, n, by_z, by_r, by_candidate * r);
    store_gates(by_s + i, units, n, by_z, by_r, by_candidate * r);
  }
}

std::size_t scratch_size(const GruShape& shape, const GruTask& task) {
  const std::size_t rows = round_up(task.num_rows, kRows), units = shape.units;
  const std::size_t forward = round_up(3 * units, kPanel), backward = round_up(units, kPanel);
  const std::size_t depth = round_up(3 * units, kDepth);
  const std::size_t packed = depth * (forward > backward ? forward : backward);
  return packed + rows * (forward + backward + 4 * units + depth);
}

void forward(const GruShape& shape, const GruForward& arrays, const GruTask& task, float* scratch) {
  const std::size_t units = shape.units, rows = round_up(task.num_rows, kRows), width = round_up(3 * units, kPanel);
  float* const packed = scratch;
  float* const s = packed + round_up(units, kDepth) * width;
  float* const state = s + rows * width;
  float* const workspace = state + rows * units;
  const float* const bias = shape.bias + task.direction * 3 * units;
  pack(shape.recurrent + task.direction * 3 * units * units, units, 3 * units, 3 * units, 1, packed);
  std::memset(state, 0, rows * units * sizeof(float));
  begin_products();
  for (std::size_t done = 0; done < shape.steps; ++done) {
    const std::size_t step = task.direction == 0 ? done : shape.steps - 1 - done;
    multiply(state, rows, units, packed, 3 * units, s, workspace);
    for (std::size_t row = 0; row < task.num_rows; ++row) {
      float* const outputs = arrays.outputs + offset(shape, task, row, step, units);
      float* const gates = arrays.gates + offset(shape, task, row, step, 4 * units);
      if (step < length_of(shape, task, row)) {
        forward_row(units, arrays.projected + offset(shape, task, row, step, 3 * units), s + row * width, bias,
                    state + row * units, outputs, gates);
      } else {
        std::memset(state + row * units, 0, units * sizeof(float));
        std::memset(outputs, 0, units * sizeof(float));
        std::memset(gates, 0, 4 * units * sizeof(float));
      }
    }
  }
  end_products();
}

void backward(const GruShape& shape, const GruBackward& arrays, const GruTask& task, float* scratch) {
  const std::size_t units = shape.units, rows = round_up(task.num_rows, kRows), width = round_up(units, kPanel);
  float* const packed = scratch;
  float* const product = packed + round_up(3 * units, kDepth) * width;
  float* const by_s = product + rows * width;
  float* const carried = by_s + rows * 3 * units;
  float* const workspace = carried + rows * units;
  // The transposed recurrent matrix: (3 units, units).
  pack(shape.recurrent + task.direction * 3 * units * units, 3 * units, units, 1, 3 * units, packed);
  std::memset(by_s, 0, rows * 4 * units * sizeof(float));
  begin_products();
  for (std::size_t done = 0; done < shape.steps; ++done) {
    const bool is_forward = task.direction == 0;
    const std::size_t step = is_forward ? shape.steps - 1 - done : done;
    for (std::size_t row = 0; row < task.num_rows; ++row) {
      const std::size_t length = length_of(shape, task, row);
      float* const projected = arrays.projected_gradient + offset(shape, task, row, step, 3 * units);
      float* const recurrent = arrays.recurrent_gradient + offset(shape, task, row, step, 3 * units);
      if (step < length) {
        const bool has_before = is_forward ? step > 0 : step + 1 < length;
        const std::size_t before = is_forward ? step - 1 : step + 1;
        backward_row(units, arrays.gates + offset(shape, task, row, step, 4 * units),
                     has_before ? arrays.outputs + offset(shape, task, row, before, units) : nullptr,
                     arrays.output_gradient + offset(shape, task, row, step, units), carried + row * units,
                     by_s + row * 3 * units, projected, recurrent);
      } else {
        std::memset(by_s + row * 3 * units, 0, 3 * units * sizeof(float));
        std::memset(projected, 0, 3 * units * sizeof(float));
        std::memset(recurrent, 0, 3 * units * sizeof(float));
      }
    }
    multiply(by_s, rows, 3 * units, packed, units, product, workspace);
    for (std::size_t row = 0; row < task.num_rows; ++row)
      for (std::size_t i = 0; i < units; i += kLanes) {
        float* const target = carried + row * units + i;
        store(target, load(target, units - i) + load(product + row * width + i), units - i);
      }
  }
  end_products();
}

}  // namespace

const GruKernels KERNELS = {NAME, forward, backward, scratch_size};

}  // namespace asrkit
