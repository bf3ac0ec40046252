// Included by gru_baseline.cpp, gru_avx2.cpp and gru_avx512.cpp, each compiled for its instruction set. Before the
// inclusion they define NAME, LANES (floats per register), TILE_ROWS and TILE_VECTORS (accumulators held in registers)
// and KERNELS (the table that is made). Nothing here may be an inline function with external linkage, such as those of the
// standard library's templates: the linker keeps one copy of those, maybe one that the processor cannot run.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "gru.hpp"

namespace asrkit {
namespace {

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));
typedef std::int32_t Integers __attribute__((vector_size(LANES * sizeof(std::int32_t))));

constexpr std::size_t kLanes = LANES;
constexpr std::size_t kRows = TILE_ROWS;
constexpr std::size_t kPanel = TILE_VECTORS * LANES;

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

// The right factor of a product, cut into panels that are read from front to back: element (k, j) of the matrix, at
// source[k * row_stride + j * column_stride], goes to panel j / kPanel. The last panel is filled up with 0.
void pack(const float* source, std::size_t depth, std::size_t width, std::size_t row_stride, std::size_t column_stride,
          float* target) {
  for (std::size_t first = 0; first < width; first += kPanel)
    for (std::size_t k = 0; k < depth; ++k)
      for (std::size_t j = first; j < first + kPanel; ++j)
        *target++ = j < width ? source[k * row_stride + j * column_stride] : 0.0f;
}

// kRows rows of the left factor times one panel, all sums in registers.
void multiply_tile(const float* left, std::size_t depth, const float* panel, float* result, std::size_t result_stride) {
  Vector sums[kRows][TILE_VECTORS] = {};
  for (std::size_t k = 0; k < depth; ++k, panel += kPanel) {
    Vector right[TILE_VECTORS];
    for (int j = 0; j < TILE_VECTORS; ++j) right[j] = load(panel + j * kLanes);
    for (std::size_t i = 0; i < kRows; ++i) {
      const Vector factor = Vector{} + left[i * depth + k];
      for (int j = 0; j < TILE_VECTORS; ++j) sums[i][j] += factor * right[j];
    }
  }
  for (std::size_t i = 0; i < kRows; ++i)
    for (int j = 0; j < TILE_VECTORS; ++j) store(result + i * result_stride + j * kLanes, sums[i][j]);
}

// result (rows, round_up(width, kPanel)) = left (rows, depth) times a packed matrix; rows is a multiple of kRows.
void multiply(const float* left, std::size_t rows, std::size_t depth, const float* packed, std::size_t width,
              float* result) {
  const std::size_t stride = round_up(width, kPanel);
  for (std::size_t first = 0; first < stride; first += kPanel)
    for (std::size_t row = 0; row < rows; row += kRows)
      multiply_tile(left + row * depth, depth, packed + first * depth, result + row * stride + first, stride);
}

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
  const std::size_t packed = units * forward > 3 * units * backward ? units * forward : 3 * units * backward;
  return packed + rows * (forward + backward + 4 * units);
}

void forward(const GruShape& shape, const GruForward& arrays, const GruTask& task, float* scratch) {
  const std::size_t units = shape.units, rows = round_up(task.num_rows, kRows), width = round_up(3 * units, kPanel);
  float* const packed = scratch;
  float* const s = packed + units * width;
  float* const state = s + rows * width;
  const float* const bias = shape.bias + task.direction * 3 * units;
  pack(shape.recurrent + task.direction * 3 * units * units, units, 3 * units, 3 * units, 1, packed);
  std::memset(state, 0, rows * units * sizeof(float));
  for (std::size_t done = 0; done < shape.steps; ++done) {
    const std::size_t step = task.direction == 0 ? done : shape.steps - 1 - done;
    multiply(state, rows, units, packed, 3 * units, s);
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
}

void backward(const GruShape& shape, const GruBackward& arrays, const GruTask& task, float* scratch) {
  const std::size_t units = shape.units, rows = round_up(task.num_rows, kRows), width = round_up(units, kPanel);
  float* const packed = scratch;
  float* const product = packed + 3 * units * width;
  float* const by_s = product + rows * width;
  float* const carried = by_s + rows * 3 * units;
  // The transposed recurrent matrix: (3 units, units).
  pack(shape.recurrent + task.direction * 3 * units * units, 3 * units, units, 1, 3 * units, packed);
  std::memset(by_s, 0, rows * 4 * units * sizeof(float));
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
    multiply(by_s, rows, 3 * units, packed, units, product);
    for (std::size_t row = 0; row < task.num_rows; ++row)
      for (std::size_t i = 0; i < units; i += kLanes) {
        float* const target = carried + row * units + i;
        store(target, load(target, units - i) + load(product + row * width + i), units - i);
      }
  }
}

}  // namespace

const GruKernels KERNELS = {NAME, forward, backward, scratch_size};

}  // namespace asrkit
