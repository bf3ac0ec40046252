// The Python face of the alignment: conversions and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <stdexcept>

#include "alignment.hpp"
#include "error_counting.hpp"

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

template <typename Character, typename IsSpace>
void copy_characters(const Character* from, std::size_t length, IsSpace is_space, std::u32string& to) {
  to.resize(length);
  for (std::size_t i = 0; i < length; ++i) to[i] = is_space(from[i]) ? U' ' : static_cast<char32_t>(from[i]);
}

std::array<bool, 256> latin_spaces() {
  std::array<bool, 256> spaces{};
  for (Py_UCS4 character = 0; character < 256; ++character) spaces[character] = Py_UNICODE_ISSPACE(character);
  return spaces;
}

// Copies a Python string; every white space becomes U+0020 unless code points are mere symbols.
void decode(nb::handle text, Unit unit, std::u32string& decoded) {
  PyObject* object = text.ptr();
  if (!PyUnicode_Check(object)) throw std::invalid_argument("texts must be strings");
  const auto length = static_cast<std::size_t>(PyUnicode_GET_LENGTH(object));
  const bool joins_spaces = unit != Unit::kSymbol;
  static const std::array<bool, 256> kLatinSpaces = latin_spaces();
  const auto is_space = [joins_spaces](Py_UCS4 character) { return joins_spaces && Py_UNICODE_ISSPACE(character); };
  const auto is_latin_space = [joins_spaces](Py_UCS1 character) { return joins_spaces && kLatinSpaces[character]; };
  switch (PyUnicode_KIND(object)) {
    case PyUnicode_1BYTE_KIND: return copy_characters(PyUnicode_1BYTE_DATA(object), length, is_latin_space, decoded);
    case PyUnicode_2BYTE_KIND: return copy_characters(PyUnicode_2BYTE_DATA(object), length, is_space, decoded);
    default: return copy_characters(PyUnicode_4BYTE_DATA(object), length, is_space, decoded);
  }
}

using Counts = nb::ndarray<std::int64_t, nb::shape<-1, 5>, nb::c_contig, nb::device::cpu>;

using Texts = nb::typed<nb::list, nb::str>;

void count_errors(const Texts& hypotheses, const Texts& references, int unit, bool nist, std::int64_t long_cells,
                  const Counts& counts) {
  if (hypotheses.size() != references.size() || counts.shape(0) != references.size())
    throw std::invalid_argument("as many hypotheses as references and rows of counts are needed");
  PairCounter counter(static_cast<Unit>(unit), nist, long_cells);
  std::u32string hypothesis, reference;
  for (std::size_t i = 0; i < references.size(); ++i) {
    decode(hypotheses[i], static_cast<Unit>(unit), hypothesis);
    decode(references[i], static_cast<Unit>(unit), reference);
    const PairCounts pair = counter.count(hypothesis, reference);
    std::int64_t* row = counts.data() + 5 * i;
    row[0] = pair.errors;
    row[1] = pair.substitutions;
    row[2] = pair.num_reference;
    row[3] = pair.num_hypothesis;
    row[4] = pair.is_long;
  }
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
  module.def("count_errors", &count_errors, nb::arg("hypotheses"), nb::arg("references"), nb::arg("unit"),
             nb::arg("nist"), nb::arg("long_cells"), nb::arg("counts"),
             "Write errors, substitutions, lengths and whether it was too long to count into a row for each pair.");
}
