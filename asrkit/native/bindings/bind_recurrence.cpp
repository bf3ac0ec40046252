// The Python face of the GRU's recurrence: conversions, checks of shapes, and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "recurrence/gru.hpp"

namespace nb = nanobind;

namespace {

using namespace asrkit;
template <int Dimensions>
using Input = nb::ndarray<const float, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<float, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using Lengths = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename Array>
void require_shape(const Array& array, const GruShape& shape, std::size_t size) {
  if (array.shape(0) != shape.batch || array.shape(1) != shape.steps || array.shape(2) != shape.directions ||
      array.shape(3) != size)
    throw std::invalid_argument("the arrays of a recurrence do not fit together");
}

template <typename Array>
GruShape shape_of(const Array& outputs, const Input<3>& recurrent, const Input<2>& bias, const Lengths& lengths) {
  GruShape shape;
  shape.batch = outputs.shape(0);
  shape.steps = outputs.shape(1);
  shape.directions = outputs.shape(2);
  shape.units = outputs.shape(3);
  if (recurrent.shape(0) != shape.directions || recurrent.shape(1) != shape.units ||
      recurrent.shape(2) != 3 * shape.units || bias.shape(0) != shape.directions ||
      bias.shape(1) != 3 * shape.units || lengths.shape(0) != shape.batch || shape.directions < 1 ||
      shape.directions > 2)
    throw std::invalid_argument("the weights or lengths of a recurrence do not fit its arrays");
  shape.recurrent = recurrent.data();
  shape.bias = bias.data();
  shape.lengths = lengths.data();
  return shape;
}

// By its place in the list of those that run here.
const GruKernels& kernels_at(std::size_t index) {
  const std::vector<const GruKernels*> usable = gru_kernels();
  if (index >= usable.size()) throw std::invalid_argument("this processor has no such instruction set");
  return *usable[index];
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const GruKernels* kernels : gru_kernels()) names.emplace_back(kernels->name);
  return names;
}

void forward(const Input<4>& projected, const Input<3>& recurrent, const Input<2>& bias, const Lengths& lengths,
             Output outputs, Output gates, std::size_t threads, std::size_t instructions) {
  const GruShape shape = shape_of(outputs, recurrent, bias, lengths);
  require_shape(projected, shape, 3 * shape.units);
  require_shape(gates, shape, 4 * shape.units);
  const GruForward arrays{projected.data(), outputs.data(), gates.data()};
  const GruKernels& kernels = kernels_at(instructions);
  nb::gil_scoped_release release;
  gru_forward(shape, arrays, kernels, threads);
}

void backward(const Input<3>& recurrent, const Input<2>& bias, const Lengths& lengths, const Input<4>& outputs,
              const Input<4>& gates, const Input<4>& output_gradient, Output projected_gradient,
              Output recurrent_gradient, std::size_t threads, std::size_t instructions) {
  const GruShape shape = shape_of(outputs, recurrent, bias, lengths);
  require_shape(gates, shape, 4 * shape.units);
  require_shape(output_gradient, shape, shape.units);
  require_shape(projected_gradient, shape, 3 * shape.units);
  require_shape(recurrent_gradient, shape, 3 * shape.units);
  const GruBackward arrays{outputs.data(), gates.data(), output_gradient.data(), projected_gradient.data(),
                           recurrent_gradient.data()};
  const GruKernels& kernels = kernels_at(instructions);
  nb::gil_scoped_release release;
  gru_backward(shape, arrays, kernels, threads);
}

}  // namespace

void bind_recurrence(nb::module_& module) {
  module.def("gru_instruction_sets", instruction_sets, "Name the instruction sets that run here, best first.");
  module.def("gru_forward", forward, nb::arg("projected"), nb::arg("recurrent"), nb::arg("bias"), nb::arg("lengths"),
             nb::arg("outputs"), nb::arg("gates"), nb::arg("threads"),
             nb::arg("instructions") = 0,
             "Run a GRU's recurrence over (batch, steps, directions, 3 units) into outputs and gates.");
  module.def("gru_backward", backward, nb::arg("recurrent"), nb::arg("bias"), nb::arg("lengths"), nb::arg("outputs"),
             nb::arg("gates"), nb::arg("output_gradient"), nb::arg("projected_gradient"),
             nb::arg("recurrent_gradient"), nb::arg("threads"),
             nb::arg("instructions") = 0,
             "Write the gradients by the projected inputs and by the recurrent products.");
}
