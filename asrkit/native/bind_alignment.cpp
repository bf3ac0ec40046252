// The Python face of the alignment: conversions and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "alignment.hpp"

namespace nb = nanobind;

namespace {

using namespace asrkit;
using Ids = std::vector<std::int32_t>;
using Extra = nb::ndarray<const std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

AlignmentProblem pose(const Ids& reference, const Ids& hypothesis, std::int64_t substitution, std::int64_t gap,
                      std::int64_t most_gaps) {
  AlignmentProblem problem;
  problem.reference = reference.data();
  problem.num_reference = static_cast<std::int64_t>(reference.size());
  problem.hypothesis = hypothesis.data();
  problem.num_hypothesis = static_cast<std::int64_t>(hypothesis.size());
  problem.substitution = substitution;
  problem.gap = gap;
  problem.most_gaps = most_gaps;
  return problem;
}

}  // namespace

void bind_alignment(nb::module_& module) {
  module.def(
      "trace_alignment",
      [](const Ids& reference, const Ids& hypothesis, std::int64_t substitution, std::int64_t gap,
         std::int64_t most_gaps, const Extra& extra, std::int64_t table_cells) {
        const bool has_extra = extra.size() > 0;
        if (has_extra && (extra.shape(0) != reference.size() || extra.shape(1) != hypothesis.size()))
          throw std::invalid_argument("extra must be (reference, hypothesis) or empty");
        AlignmentProblem problem = pose(reference, hypothesis, substitution, gap, most_gaps);
        problem.extra = has_extra ? extra.data() : nullptr;
        nb::gil_scoped_release release;
        return Aligner(problem, table_cells).trace();
      },
      nb::arg("reference"), nb::arg("hypothesis"), nb::arg("substitution"), nb::arg("gap"), nb::arg("most_gaps"),
      nb::arg("extra"), nb::arg("table_cells") = std::int64_t{1} << 25,
      "Spell the cheapest alignment of two id sequences with one letter per step: '=', 'S', 'D', 'I'.");
  module.def(
      "price_alignment",
      [](const Ids& reference, const Ids& hypothesis, std::int64_t substitution, std::int64_t gap,
         std::int64_t most_gaps) {
        nb::gil_scoped_release release;
        return Aligner(pose(reference, hypothesis, substitution, gap, most_gaps)).price();
      },
      nb::arg("reference"), nb::arg("hypothesis"), nb::arg("substitution"), nb::arg("gap"), nb::arg("most_gaps"),
      "Return the price of the cheapest alignment of two id sequences.");
}
