// N-gram models for Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <cstring>

#include "arpa_reader.hpp"
#include "ngram_handle.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace asrkit {
namespace {

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

NgramHandle read_arpa_bytes(const Bytes& bytes) {
  nb::gil_scoped_release release;
  return NgramHandle::of(read_arpa({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
}

// The log10 probability of each word, and whether the model knows it; the end of the sentence last if asked for.
std::vector<std::pair<double, bool>> score_words(const NgramHandle& model, const std::vector<std::string>& words,
                                                 bool bos, bool eos) {
  const NgramView& view = model.view;
  ContextId context = bos ? view.start() : kEmptyContext;
  std::vector<std::pair<double, bool>> scores;
  for (const std::string& word : words) {
    const WordId id = view.vocabulary.find(word);
    const bool is_known = id != kNoWord && id != view.unknown_word;
    scores.emplace_back(view.score(context, is_known ? id : view.unknown_word, context), is_known);
  }
  if (eos) scores.emplace_back(view.finish(context), true);
  return scores;
}

std::vector<std::string> words_of(const NgramHandle& model) {
  std::vector<std::string> words;
  const VocabularyView& vocabulary = model.view.vocabulary;
  words.reserve(vocabulary.num_words);
  for (WordId id = 0; id < vocabulary.num_words; ++id) words.emplace_back(vocabulary.word(id));
  return words;
}

}  // namespace
}  // namespace asrkit

void bind_language_model(nb::module_& module) {
  using namespace asrkit;

  // Raised as ArpaError(message, line).
  static nb::object arpa_error = nb::exception<ArpaError>(module, "ArpaError", PyExc_ValueError);
  nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
    try {
      std::rethrow_exception(pointer);
    } catch (const ArpaError& error) {
      // the message may quote bytes of a damaged file that are no UTF-8
      const auto length = static_cast<Py_ssize_t>(std::strlen(error.what()));
      const nb::object message = nb::steal(PyUnicode_DecodeUTF8(error.what(), length, "backslashreplace"));
      PyErr_SetObject(arpa_error.ptr(), nb::make_tuple(message, error.line).ptr());
    }
  });

  nb::class_<NgramHandle>(module, "NgramModel")
      .def_static("read_arpa", &read_arpa_bytes, "bytes"_a)
      .def_prop_ro("order", [](const NgramHandle& model) { return model.view.order; })
      .def_prop_ro("counts", [](const NgramHandle& model) { return model.counts; })
      .def_prop_ro("words", &words_of)
      .def("score_words", &score_words, "words"_a, "bos"_a = true, "eos"_a = true);
}
