// The Python face of emissions of large vocabularies: conversions, checks of shapes, and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <stdexcept>

#include "emissions/likely_outputs.hpp"
#include "emissions/softmax.hpp"

namespace nb = nanobind;

namespace {

using namespace asrkit;
using Values = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Peaks = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <typename Work>
void for_each_step(const Values& values, const Output& out, Work work) {
  const std::size_t steps = values.shape(0), size = values.shape(1);
  if (out.shape(0) != steps || out.shape(1) != size)
    throw std::invalid_argument("the arrays of emissions do not fit together");
  const nb::gil_scoped_release release;
  for (std::size_t step = 0; step < steps; ++step)
    work(step, values.data() + step * size, out.data() + step * size, size);
}

void logits_to_log(const Values& values, Output out, const Peaks& peaks) {
  if (peaks.shape(0) != values.shape(0)) throw std::invalid_argument("each step needs its peak");
  const float* of_steps = peaks.data();
  for_each_step(values, out, [&](std::size_t step, const float* from, float* to, std::size_t size) {
    normalize_logits(from, to, size, of_steps[step]);
  });
}

std::ptrdiff_t shares_to_log(const Values& values, Output out, float least) {
  std::ptrdiff_t negative = -1;
  for_each_step(values, out, [&](std::size_t step, const float* from, float* to, std::size_t size) {
    if (!normalize_shares(from, to, size, least) && negative < 0) negative = static_cast<std::ptrdiff_t>(step);
  });
  return negative;
}

void keep_likely_of(const Values& values, Output out, float least, float rare) {
  for_each_step(values, out, [&](std::size_t, const float* from, float* to, std::size_t size) {
    keep_likely(from, to, size, least, rare);
  });
}

}  // namespace

void bind_emissions(nb::module_& module) {
  module.def("normalize_logits", &logits_to_log, nb::arg("values"), nb::arg("out").noconvert(), nb::arg("peaks"),
             "Write the natural-log probabilities of (steps, outputs) of logits; peaks are the largest of each step.");
  module.def("normalize_shares", &shares_to_log, nb::arg("values"), nb::arg("out").noconvert(), nb::arg("least"),
             "Write those of (steps, outputs) of probabilities, of which none counts as less than the least. Return the "
             "first step with a negative one, or -1.");
  module.def("keep_likely", &keep_likely_of, nb::arg("values"), nb::arg("out").noconvert(), nb::arg("least"),
             nb::arg("rare"), "Write values rounded to 16 bits, and those below the least as rare.");
}
