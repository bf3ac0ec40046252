// The Python face of the fast paths for plain text: conversions and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <cstring>
#include <string>
#include <string_view>

#include "text/ascii_text.hpp"

namespace nb = nanobind;

namespace {

using namespace asrkit;
using Texts = nb::typed<nb::list, nb::str>;

// Shows an ASCII string as it lies in memory; false for any other object.
bool view_ascii(nb::handle text, std::string_view& view) {
  if (!PyUnicode_Check(text.ptr()) || !PyUnicode_IS_ASCII(text.ptr())) return false;
  view = {reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(text.ptr())),
          static_cast<std::size_t>(PyUnicode_GET_LENGTH(text.ptr()))};
  return true;
}

nb::object make_ascii(std::string_view text) {
  PyObject* made = PyUnicode_New(static_cast<Py_ssize_t>(text.size()), 127);
  if (made == nullptr) throw nb::python_error();
  std::memcpy(PyUnicode_1BYTE_DATA(made), text.data(), text.size());
  return nb::steal(made);
}

nb::list normalize_texts(const Texts& texts) {
  nb::list results;
  std::string_view view;
  std::string normal;
  for (const nb::handle text : texts) {
    if (!view_ascii(text, view) || !normalize_plain(view, normal))
      results.append(nb::none());
    else if (normal == view)
      results.append(text);
    else
      results.append(make_ascii(normal));
  }
  return results;
}

nb::list compose_plain(const Texts& texts) {
  nb::list results;
  std::string_view view;
  for (const nb::handle text : texts)
    results.append(view_ascii(text, view) && has_single_spaces(view) ? nb::object(nb::borrow(text)) : nb::none());
  return results;
}

nb::tuple count_signs(const Texts& texts) {
  SignCounts counts;
  std::string_view view;
  for (const nb::handle text : texts) {
    if (!view_ascii(text, view)) throw nb::value_error("texts must be ASCII");
    counts.add(view);
  }
  return nb::make_tuple(counts.capitals, counts.punctuation, counts.digits, counts.backquotes, counts.others);
}

}  // namespace

void bind_text(nb::module_& module) {
  module.def("normalize_plain", &normalize_texts, nb::arg("texts"),
             nb::sig("def normalize_plain(texts: list[str]) -> list[str | None]"),
             "Bring plain ASCII texts into the standard form; None where a text needs more thought.");
  module.def("compose_plain", &compose_plain, nb::arg("texts"),
             nb::sig("def compose_plain(texts: list[str]) -> list[str | None]"),
             "Return the ASCII texts with single spaces between words as they are; None for all others.");
  module.def("count_signs", &count_signs, nb::arg("texts"),
             nb::sig("def count_signs(texts: list[str]) -> tuple[int, int, int, int, int]"),
             "Count the ASCII texts with capitals, punctuation, digits, backquotes, and with none of these.");
}
