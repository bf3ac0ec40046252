// The Python face of the alignment: conversions and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include "alignment/alignment.hpp"
#include "alignment/error_counting.hpp"

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

// Shows Latin-1 text as it lies in memory, unless white space other than U+0020 must be replaced in a copy.
std::string_view view_latin(PyObject* text, Unit unit, std::string& copy) {
  const Py_UCS1* data = PyUnicode_1BYTE_DATA(text);
  const auto length = static_cast<std::size_t>(PyUnicode_GET_LENGTH(text));
  bool may_have_spaces = false;
  for (std::size_t i = 0; i < length; ++i) may_have_spaces |= data[i] < 0x20 || data[i] == 0x85 || data[i] == 0xa0;
  const std::string_view view(reinterpret_cast<const char*>(data), length);
  if (!may_have_spaces || unit == Unit::kSymbol) return view;
  copy = view;
  for (char& character : copy)
    if (Py_UNICODE_ISSPACE(static_cast<unsigned char>(character))) character = ' ';
  return copy;
}

// Copies a Python string; every white space becomes U+0020 unless code points are mere symbols.
std::u32string_view view_wide(PyObject* text, Unit unit, std::u32string& copy) {
  const auto length = static_cast<std::size_t>(PyUnicode_GET_LENGTH(text));
  const int kind = PyUnicode_KIND(text);
  const void* data = PyUnicode_DATA(text);
  copy.resize(length);
  for (std::size_t i = 0; i < length; ++i) {
    const Py_UCS4 character = PyUnicode_READ(kind, data, static_cast<Py_ssize_t>(i));
    copy[i] = unit != Unit::kSymbol && Py_UNICODE_ISSPACE(character) ? U' ' : static_cast<char32_t>(character);
  }
  return copy;
}

// Latin-1 texts, which most are, stay where they are, and their characters need no numbers.
class TextCounter {
 public:
  TextCounter(Unit unit, bool nist, std::int64_t long_cells)
      : unit_(unit), latin_(unit, nist, long_cells), wide_(unit, nist, long_cells) {}

  PairCounts count(nb::handle hypothesis, nb::handle reference) {
    PyObject *hyp = hypothesis.ptr(), *ref = reference.ptr();
    if (!PyUnicode_Check(hyp) || !PyUnicode_Check(ref)) throw std::invalid_argument("texts must be strings");
    if (PyUnicode_KIND(hyp) == PyUnicode_1BYTE_KIND && PyUnicode_KIND(ref) == PyUnicode_1BYTE_KIND)
      return latin_.count(view_latin(hyp, unit_, latin_hypothesis_), view_latin(ref, unit_, latin_reference_));
    return wide_.count(view_wide(hyp, unit_, wide_hypothesis_), view_wide(ref, unit_, wide_reference_));
  }

 private:
  Unit unit_;
  PairCounter<char> latin_;
  PairCounter<char32_t> wide_;
  std::string latin_hypothesis_, latin_reference_;
  std::u32string wide_hypothesis_, wide_reference_;
};

using Counts = nb::ndarray<std::int64_t, nb::shape<-1, 5>, nb::c_contig, nb::device::cpu>;

using Texts = nb::typed<nb::list, nb::str>;

void count_errors(const Texts& hypotheses, const Texts& references, int unit, bool nist, std::int64_t long_cells,
                  const Counts& counts) {
  if (hypotheses.size() != references.size() || counts.shape(0) != references.size())
    throw std::invalid_argument("as many hypotheses as references and rows of counts are needed");
  TextCounter counter(static_cast<Unit>(unit), nist, long_cells);
  for (std::size_t i = 0; i < references.size(); ++i) {
    const PairCounts pair = counter.count(hypotheses[i], references[i]);
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
