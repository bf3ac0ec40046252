// Python's face of n-gram estimation: conversions and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "ngram_estimator.hpp"

namespace nb = nanobind;
using namespace nb::literals;

void bind_estimation(nb::module_& module) {
  using namespace asrkit;

  nb::class_<NgramEstimator>(module, "NgramEstimator", "Counts text and estimates a Kneser-Ney model of it.")
      .def(nb::init<std::size_t, std::string, std::size_t>(), "order"_a, "folder"_a, "memory_bytes"_a)
      .def(
          "add_text",
          [](NgramEstimator& self, const nb::bytes& text) {
            const std::string_view view(text.c_str(), text.size());
            nb::gil_scoped_release release;
            self.add_text(view);
          },
          "text"_a)
      .def(
          "estimate",
          [](NgramEstimator& self, std::vector<std::uint64_t> prune, std::vector<std::string> words,
             std::size_t max_words, bool discount_fallback) {
            nb::gil_scoped_release release;
            std::vector<std::vector<double>> amounts;
            for (const Discounts& d :
                 self.estimate(std::move(prune), {std::move(words), max_words}, discount_fallback)) {
              amounts.push_back({d.amounts[1], d.amounts[2], d.amounts[3]});
            }
            return amounts;
          },
          "prune"_a, "words"_a, "max_words"_a, "discount_fallback"_a)
      .def(
          "next_arpa_text",
          [](NgramEstimator& self, std::size_t num_bytes) {
            std::string text;
            {
              nb::gil_scoped_release release;
              text = self.next_arpa_text(num_bytes);
            }
            return nb::bytes(text.data(), text.size());
          },
          "num_bytes"_a)
      .def_prop_ro("num_sentences", &NgramEstimator::num_sentences)
      .def_prop_ro("num_words", &NgramEstimator::num_words)
      .def_prop_ro("vocabulary", &NgramEstimator::words)
      .def_prop_ro("num_ngrams", &NgramEstimator::num_ngrams);
}
