// N-gram models for Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "ngram/arpa_reader.hpp"
#include "ngram/ngram_file.hpp"
#include "ngram/ngram_handle.hpp"
#include "ngram/text_score.hpp"
#include "ngram/trie_builder.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace asrkit {
namespace {

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::string_view view_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

NgramHandle read_arpa_bytes(const Bytes& bytes) {
  nb::gil_scoped_release release;
  return NgramHandle::of(read_arpa(view_of(bytes)));
}

// The model views the bytes, so it keeps the Python object behind them alive; the last user may be any thread.
NgramHandle open_binary_bytes(const Bytes& bytes) {
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 != 0) throw NgramFileError("the bytes are not aligned");
  const auto release = [](Bytes* kept) {
    nb::gil_scoped_acquire acquire;
    delete kept;
  };
  return open_ngram_file(view_of(bytes), std::shared_ptr<const Bytes>(new Bytes(bytes), release));
}

void check_binary_bytes(const Bytes& bytes) {
  nb::gil_scoped_release release;
  check_ngram_file(view_of(bytes));
}

// The log10 probability of each word, and whether the model knows it; the end of the sentence last if asked for.
std::vector<std::pair<double, bool>> score_words(const NgramHandle& model, const std::vector<std::string>& words,
                                                 bool bos, bool eos) {
  const NgramView& view = model.tables();
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

// A damaged file may hold anything; what is not UTF-8 is replaced.
nb::object to_python(std::string_view text, const char* errors) {
  return nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), errors));
}

// A model that Python answers for. Python hands out the numbers of contexts; each answer is asked for once.
class PythonWordModel final : public WordModel {
 public:
  // scorer(context, word) returns (log10 probability, number of the context that follows); `start` is a context.
  PythonWordModel(nb::object scorer, ContextId start, WordId unknown, WordId end)
      : scorer_(new nb::object(std::move(scorer)), Release()), start_(start), unknown_(unknown), end_(end) {}

  ContextId start() const override { return start_; }
  WordId unknown_word() const override { return unknown_; }

  float finish(ContextId context) const override {
    ContextId ignored;
    return score(context, end_, ignored);
  }

  float score(ContextId context, WordId word, ContextId& next) const override {
    const std::uint64_t key = std::uint64_t{context} << 32 | word;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto known = answers_.find(key);
      if (known != answers_.end()) {
        next = known->second.context;
        return known->second.log10_value;
      }
    }
    // Never waits for Python while holding the mutex: another thread may hold Python and want the mutex.
    FoundNgram answer;
    {
      nb::gil_scoped_acquire acquire;
      const auto [log10_prob, after] = nb::cast<std::pair<float, ContextId>>((*scorer_)(context, word));
      answer = {std::min(kLn10 * log10_prob, 0.0f), after};
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    answers_.emplace(key, answer);
    next = answer.context;
    return answer.log10_value;
  }

 private:
  struct Release {
    void operator()(nb::object* object) const {
      nb::gil_scoped_acquire acquire;
      delete object;
    }
  };

  std::unique_ptr<nb::object, Release> scorer_;
  ContextId start_;
  WordId unknown_, end_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::uint64_t, FoundNgram> answers_;  // ln here
};

NgramHandle make_elsewhere(const std::vector<std::string>& words, std::vector<std::uint64_t> counts, nb::object scorer,
                           ContextId start) {
  auto vocabulary = std::make_shared<Vocabulary>(words.size());
  for (const std::string& word : words) {
    if (vocabulary->add(word) == kNoWord) throw nb::value_error("the word list names a word twice");
  }
  NgramHandle handle;
  handle.view.order = static_cast<int>(counts.size());
  handle.view.vocabulary = vocabulary->view();
  handle.view.begin_word = handle.view.vocabulary.find("<s>");
  handle.view.end_word = handle.view.vocabulary.find("</s>");
  handle.view.unknown_word = handle.view.vocabulary.find("<unk>");
  if (std::max({handle.view.begin_word, handle.view.end_word, handle.view.unknown_word}) == kNoWord) {
    throw nb::value_error("the word list lacks <s>, </s> or <unk>");
  }
  handle.counts = std::move(counts);
  handle.elsewhere = std::make_shared<const PythonWordModel>(std::move(scorer), start, handle.view.unknown_word,
                                                             handle.view.end_word);
  handle.owner = std::move(vocabulary);
  return handle;
}

// Every so many-th of the longest n-grams, one a line.
nb::object sample_ngrams(const NgramHandle& model, std::size_t count) {
  std::string text;
  {
    nb::gil_scoped_release release;
    const std::size_t order = model.counts.size();
    const std::size_t step = std::max<std::size_t>(model.counts.back() / std::max<std::size_t>(count, 1), 1);
    std::size_t seen = 0;
    NgramLister(model).list([&](const std::vector<WordId>& words, float, float) {
      if (words.size() != order || seen++ % step != 0) return;
      for (const WordId word : words) {
        if (word == model.view.begin_word || word == model.view.end_word) continue;
        text += model.view.vocabulary.word(word);
        text += ' ';
      }
      text += '\n';
    });
  }
  return to_python(text, "replace");
}

nb::typed<nb::list, nb::str> words_of(const NgramHandle& model) {
  nb::typed<nb::list, nb::str> words;
  const VocabularyView& vocabulary = model.view.vocabulary;
  for (WordId id = 0; id < vocabulary.num_words; ++id) words.append(to_python(vocabulary.word(id), "replace"));
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
      // The message may quote a word that is not valid UTF-8.
      const nb::object text = to_python(error.what(), "backslashreplace");
      PyErr_SetObject(arpa_error.ptr(), nb::make_tuple(text, error.line).ptr());
    }
  });

  nb::exception<NgramFileError>(module, "NgramFileError", PyExc_ValueError);

  nb::class_<TextScore>(module, "TextScore")
      .def_ro("num_sentences", &TextScore::num_sentences)
      .def_ro("num_words", &TextScore::num_words)
      .def_ro("num_unknown", &TextScore::num_unknown)
      .def_ro("log10_prob", &TextScore::log10_prob)
      .def_ro("log10_prob_of_unknown", &TextScore::log10_prob_of_unknown);

  nb::class_<NgramImage>(module, "NgramImage")
      .def(nb::init<const NgramHandle&, bool>(), "model"_a, "quantize"_a, nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("num_pieces", [](const NgramImage& image) { return image.pieces().size(); })
      .def(
          "piece",
          [](const NgramImage& image, std::size_t index) {
            const std::string_view piece = image.pieces().at(index);
            return nb::ndarray<nb::numpy, const std::uint8_t, nb::ndim<1>>(piece.data(), {piece.size()}, nb::handle());
          },
          "index"_a, nb::rv_policy::reference_internal);

  nb::class_<NgramHandle>(module, "NgramModel")
      .def_static("read_arpa", &read_arpa_bytes, "bytes"_a)
      .def_static("open_binary", &open_binary_bytes, "bytes"_a)
      .def_static("elsewhere", &make_elsewhere, "words"_a, "counts"_a, "scorer"_a, "start"_a)
      .def_static("check_binary", &check_binary_bytes, "bytes"_a)
      .def_prop_ro("is_quantized", [](const NgramHandle& model) { return model.view.is_quantized(); })
      .def(
          "score_text",
          [](const NgramHandle& model, const nb::bytes& text) {
            const std::string_view view(text.c_str(), text.size());
            nb::gil_scoped_release release;
            return TextScorer(model.tables()).score(view);
          },
          "text"_a)
      .def_prop_ro("order", [](const NgramHandle& model) { return model.view.order; })
      .def_prop_ro("counts", [](const NgramHandle& model) { return model.counts; })
      .def_prop_ro("words", &words_of)
      .def("sample_ngrams", &sample_ngrams, "count"_a, nb::sig("def sample_ngrams(self, count: int) -> str"))
      .def("score_words", &score_words, "words"_a, "bos"_a = true, "eos"_a = true);
}
