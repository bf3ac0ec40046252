// The recurrence of a GRU layer, forward and backward: what is left of it once the inputs are multiplied by the kernel.
//
// Gates stand in the order z (update), r (reset), candidate; the reset gate acts after the recurrent product, so that
//   z = sigmoid(x_z + s_z), r = sigmoid(x_r + s_r), candidate = tanh(x_c + r s_c), h = z h_before + (1 - z) candidate
// with x = input kernel + bias and s = h_before recurrent + recurrent bias (Cho et al. 2014, arXiv 1406.1078v1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace asrkit {

// A layer over a padded batch. All arrays are row-major float32; `directions` is 1 (forward in time) or 2 (the second
// runs backward from each utterance's own end). Beyond an utterance's length everything is 0.
struct GruShape {
  std::size_t batch = 0;
  std::size_t steps = 0;
  std::size_t directions = 0;
  std::size_t units = 0;
  const std::int32_t* lengths = nullptr;  // (batch)
  const float* recurrent = nullptr;       // (directions, units, 3 units)
  const float* bias = nullptr;            // (directions, 3 units)
};

struct GruForward {
  const float* projected = nullptr;  // (batch, steps, directions, 3 units): inputs times kernel, plus bias
  float* outputs = nullptr;          // (batch, steps, directions, units)
  float* gates = nullptr;            // (batch, steps, directions, 4 units): z, r, candidate, s_c
};

struct GruBackward {
  const float* outputs = nullptr;          // of the forward pass
  const float* gates = nullptr;            // of the forward pass
  const float* output_gradient = nullptr;  // (batch, steps, directions, units)
  float* projected_gradient = nullptr;     // (batch, steps, directions, 3 units): by x
  float* recurrent_gradient = nullptr;     // (batch, steps, directions, 3 units): by s
};

// What one thread does: some rows of the batch in one direction.
struct GruTask {
  std::size_t direction = 0;
  std::size_t first_row = 0;
  std::size_t num_rows = 0;
};

// The same code is compiled for several instruction sets, of which gru_kernels() lists those that run here: those that
// compute in float32, best first, then AMX, which rounds the factors of products to bfloat16.
using GruForwardKernel = void (*)(const GruShape&, const GruForward&, const GruTask&, float* scratch);
using GruBackwardKernel = void (*)(const GruShape&, const GruBackward&, const GruTask&, float* scratch);
struct GruKernels {
  const char* name;
  GruForwardKernel forward;
  GruBackwardKernel backward;
  std::size_t (*scratch_size)(const GruShape&, const GruTask&);  // in floats
};
extern const GruKernels kGruBaseline;
#if defined(__x86_64__)
extern const GruKernels kGruAvx2;
extern const GruKernels kGruAvx512;
#endif
#if defined(ASRKIT_AMX)
extern const GruKernels kGruAmx;
bool has_amx();
#endif
std::vector<const GruKernels*> gru_kernels();

void gru_forward(const GruShape& shape, const GruForward& arrays, const GruKernels& kernels, std::size_t threads);
void gru_backward(const GruShape& shape, const GruBackward& arrays, const GruKernels& kernels, std::size_t threads);

}  // namespace asrkit
