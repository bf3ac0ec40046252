// Python's face of n-gram estimation, pruning and interpolation: conversions and nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "ngram/entropy_pruning.hpp"
#include "ngram/interpolation.hpp"
#include "ngram/ngram_estimator.hpp"
#include "ngram/trie_builder.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace asrkit {
namespace {

// A model that is worked on, and its way out as ARPA text.
class EditableModel {
 public:
  explicit EditableModel(NgramTrie&& trie) : trie_(std::move(trie)), writer_(trie_) {}
  EditableModel(const EditableModel&) = delete;
  EditableModel& operator=(const EditableModel&) = delete;

  void prune(double threshold) { EntropyPruning(trie_, threshold).prune(); }
  std::string next_arpa_text(std::size_t num_bytes) { return writer_.next(num_bytes); }

  std::vector<std::size_t> num_ngrams() const { return trie_.counts(); }

 private:
  NgramTrie trie_;
  ArpaWriter writer_;
};

std::unique_ptr<EditableModel> edit(const NgramHandle& model) {
  TrieBuilder builder;
  builder.add_model(model);
  return std::make_unique<EditableModel>(builder.finish());
}

std::unique_ptr<EditableModel> mix(const std::vector<const NgramHandle*>& models, const std::vector<double>& weights) {
  return std::make_unique<EditableModel>(interpolate(models, weights));
}

template <class Model>
nb::bytes next_arpa_text(Model& model, std::size_t num_bytes) {
  std::string text;
  {
    nb::gil_scoped_release release;
    text = model.next_arpa_text(num_bytes);
  }
  return nb::bytes(text.data(), text.size());
}

}  // namespace
}  // namespace asrkit

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
      .def("next_arpa_text", &next_arpa_text<NgramEstimator>, "num_bytes"_a)
      .def_prop_ro("num_sentences", &NgramEstimator::num_sentences)
      .def_prop_ro("num_words", &NgramEstimator::num_words)
      .def_prop_ro("vocabulary", &NgramEstimator::words)
      .def_prop_ro("num_ngrams", &NgramEstimator::num_ngrams);

  nb::class_<EditableModel>(module, "EditableModel", "A model that can be pruned, mixed and written as ARPA text.")
      .def_static("of", &edit, "model"_a, nb::call_guard<nb::gil_scoped_release>())
      .def_static("mix", &mix, "models"_a, "weights"_a, nb::call_guard<nb::gil_scoped_release>())
      .def("prune", &EditableModel::prune, "threshold"_a, nb::call_guard<nb::gil_scoped_release>())
      .def("next_arpa_text", &next_arpa_text<EditableModel>, "num_bytes"_a)
      .def_prop_ro("num_ngrams", &EditableModel::num_ngrams);
}
