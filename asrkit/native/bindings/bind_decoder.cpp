// The beam search for Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/decoder.hpp"
#include "ngram/ngram_handle.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace asrkit {
namespace {

using EmissionsArray = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

using PoolPointer = std::unique_ptr<DecoderPool>;

// A word of a lexicon, what a language model may call it, and the units it is spelled with.
using LexiconTuple = std::tuple<std::string, std::vector<std::string>, std::vector<Unit>>;

PoolPointer make_decoder(const SymbolSet& symbols, const SearchOptions& options, const NgramHandle* language_model,
                         const std::vector<LexiconTuple>& lexicon) {
  std::vector<LexiconLine> lines;
  for (const auto& [text, names, spelling] : lexicon) lines.push_back({text, names, spelling});
  const NgramHandle none;
  const NgramHandle& handle = language_model == nullptr ? none : *language_model;
  std::shared_ptr<const WordModel> words = language_model == nullptr ? nullptr : handle.word_model();
  nb::gil_scoped_release release;
  return std::make_unique<DecoderPool>(SearchModel::make(symbols, options, std::move(words), handle.view.vocabulary, lines));
}

std::vector<nb::bytes> sample_words(const NgramHandle& language_model, std::size_t count) {
  const VocabularyView& vocabulary = language_model.view.vocabulary;
  std::vector<nb::bytes> words;
  const auto stride = static_cast<WordId>(vocabulary.num_words / std::max<std::size_t>(count, 1) + 1);
  for (std::uint64_t id = 0; id < vocabulary.num_words; id += stride) {
    const std::string_view word = vocabulary.word(static_cast<WordId>(id));
    words.emplace_back(word.data(), word.size());
  }
  return words;
}

std::size_t count_known(const NgramHandle& language_model, const std::vector<std::string>& words) {
  return static_cast<std::size_t>(std::count_if(words.begin(), words.end(), [&](const std::string& word) {
    return language_model.view.vocabulary.find(word) != kNoWord;
  }));
}

// The same decoder with other settings and hotwords, after some words; a phrase is a list of words.
PoolPointer derive_decoder(const DecoderPool& decoder, const SearchOptions& options,
                           const std::vector<SearchModel::Phrase>& phrases, const std::vector<std::string>& said) {
  return std::make_unique<DecoderPool>(decoder.model()->with(options, phrases, said));
}

std::vector<std::vector<Unit>> spell_all(const SymbolSet& symbols, const std::vector<nb::bytes>& texts) {
  const Speller speller(symbols);
  std::vector<std::vector<Unit>> spellings(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!speller.spell({texts[i].c_str(), texts[i].size()}, spellings[i])) spellings[i].clear();
  }
  return spellings;
}

Emissions view_of(const EmissionsArray& array, const SearchModel& model) {
  if (array.shape(1) != model.symbols.size()) throw nb::value_error("wrong number of symbols");
  return {array.data(), array.shape(0)};
}

// The first step whose row holds NaN or a value above the limit, or nothing above minus infinity; -1 if there is none.
std::int64_t find_faulty_step(const EmissionsArray& array, float limit) {
  const std::size_t num_symbols = array.shape(1);
  for (std::size_t step = 0; step < array.shape(0); ++step) {
    const float* row = array.data() + step * num_symbols;
    int is_bad = 0, is_possible = 0;
    for (std::size_t i = 0; i < num_symbols; ++i) {
      is_bad |= !(row[i] <= limit);
      is_possible |= row[i] >= std::numeric_limits<float>::lowest();
    }
    if (is_bad || !is_possible) return static_cast<std::int64_t>(step);
  }
  return -1;
}

// Of a few steps from the first to the last, how many they are, and which has the largest sum of exponentials.
std::tuple<std::size_t, std::int64_t, float> sample_sums(const EmissionsArray& array) {
  constexpr std::size_t kLeast = 4, kMost = 16, kValues = 4096;
  constexpr float kNothing = -18.0f;  // e to this is nothing, however many there are
  const std::size_t num_steps = array.shape(0), num_symbols = array.shape(1);
  const std::size_t wanted = std::clamp(kValues / std::max<std::size_t>(num_symbols, 1), kLeast, kMost);
  const std::size_t count = std::min(wanted, num_steps);
  std::int64_t largest = -1;
  float most = 0.0f;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t step = count == 1 ? 0 : k * (num_steps - 1) / (count - 1);
    const float* row = array.data() + step * num_symbols;
    float sum = 0.0f;
    for (std::size_t i = 0; i < num_symbols; ++i) sum += row[i] > kNothing ? std::exp(row[i]) : 0.0f;
    if (sum <= most) continue;
    most = sum;
    largest = static_cast<std::int64_t>(step);
  }
  return {count, largest, most};
}

// Text, first step, one past the last step, and confidence of each word.
std::vector<std::tuple<std::string, std::uint32_t, std::uint32_t, double>> words_of(const Decoded& decoded) {
  std::vector<std::tuple<std::string, std::uint32_t, std::uint32_t, double>> words;
  for (const DecodedWord& word : decoded.words) {
    words.emplace_back(word.text, word.steps.begin, word.steps.end, word.confidence);
  }
  return words;
}

template <auto kDecode>
auto decode_all(DecoderPool& decoder, const std::vector<EmissionsArray>& arrays, int threads) {
  std::vector<Emissions> batch;
  for (const EmissionsArray& array : arrays) batch.push_back(view_of(array, *decoder.model()));
  nb::gil_scoped_release release;
  return decoder.run(kDecode, batch, threads);
}

}  // namespace
}  // namespace asrkit

void bind_decoder(nb::module_& module) {
  using namespace asrkit;

  module.def("find_faulty_step", &find_faulty_step, "emissions"_a, "limit"_a,
             "Return the first step with NaN, a value above the limit, or no possible symbol; -1 if there is none.");

  module.def("sample_sums", &sample_sums, "emissions"_a,
             "Return how many steps were looked at, and where the exponentials sum to most, and to what.");

  module.def("sample_words", &sample_words, "language_model"_a, "count"_a,
             "Return about that many words of a language model, from all parts of its vocabulary.");
  module.def("count_known", &count_known, "language_model"_a, "words"_a,
             "Return how many of the words are in a language model's vocabulary.");

  nb::class_<Piece>(module, "Piece")
      .def(
          "__init__",
          [](Piece* piece, std::vector<Unit> units, bool opens, bool continues, bool closes, bool separates) {
            new (piece) Piece{std::move(units), opens, continues, closes, separates};
          },
          "units"_a, "opens"_a, "continues"_a, "closes"_a, "separates"_a);

  nb::class_<UnitText>(module, "UnitText")
      .def(
          "__init__",
          [](UnitText* unit, const nb::bytes& text, const std::vector<nb::bytes>& names, Unit alike, bool opens,
             bool closes) {
            new (unit) UnitText{std::string(text.c_str(), text.size()), {}, alike, opens, closes};
            for (const nb::bytes& name : names) unit->names.emplace_back(name.c_str(), name.size());
          },
          "text"_a, "names"_a, "alike"_a, "opens"_a, "closes"_a);

  nb::class_<SymbolSet>(module, "SymbolSet")
      .def(
          "__init__",
          [](SymbolSet* symbols, std::vector<Piece> pieces, std::vector<UnitText> units, Symbol blank,
             std::optional<Unit> space, bool is_bytewise) {
            new (symbols)
                SymbolSet{std::move(pieces), std::move(units), blank, space.value_or(kNoSymbol), is_bytewise};
          },
          "pieces"_a, "units"_a, "blank"_a, "space"_a.none(), "is_bytewise"_a)
      .def_prop_ro("are_letters", &SymbolSet::are_letters)
      .def("spell", &spell_all, "texts"_a, "Return the units of each text; none where they cannot spell it.");

  nb::class_<SearchOptions>(module, "SearchOptions")
      .def(nb::init<>())
      .def_rw("beam", &SearchOptions::beam)
      .def_rw("beam_threshold", &SearchOptions::beam_threshold)
      .def_rw("symbol_threshold", &SearchOptions::symbol_threshold)
      .def_rw("lm_weight", &SearchOptions::lm_weight)
      .def_rw("word_bonus", &SearchOptions::word_bonus)
      .def_rw("unknown_weight", &SearchOptions::unknown_weight)
      .def_rw("unknown_bonus", &SearchOptions::unknown_bonus)
      .def_rw("is_closed_vocabulary", &SearchOptions::is_closed_vocabulary)
      .def_rw("recombine", &SearchOptions::recombine)
      .def_rw("n_best", &SearchOptions::n_best);

  nb::class_<Decoded>(module, "Decoded")
      .def_ro("text", &Decoded::text)
      .def_ro("score", &Decoded::score)
      .def_ro("acoustic_score", &Decoded::acoustic_score)
      .def_ro("lm_score", &Decoded::lm_score)
      .def_ro("hotword_score", &Decoded::hotword_score)
      .def_prop_ro("words", &words_of)
      .def_ro("confidence", &Decoded::confidence);

  nb::class_<DecoderPool>(module, "Decoder")
      .def_static("make", &make_decoder, "symbols"_a, "options"_a, "language_model"_a.none(),
                  "lexicon"_a)
      .def("derive", &derive_decoder, "options"_a, "phrases"_a, "said"_a)
      .def_prop_ro("num_spelled_words", [](const DecoderPool& decoder) { return decoder.model()->num_spelled_words(); })
      .def("stream", [](const DecoderPool& decoder) { return std::make_unique<DecodingStream>(decoder.model()); })
      .def("decode_batch", &decode_all<&Decoder::decode>, "emissions"_a, "threads"_a = 1)
      .def("decode_texts", &decode_all<&Decoder::decode_text>, "emissions"_a, "threads"_a = 1);

  nb::class_<DecodingStream>(module, "DecodingStream")
      .def(
          "push",
          [](DecodingStream& stream, const EmissionsArray& array) {
            const Emissions emissions = view_of(array, stream.model());
            nb::gil_scoped_release release;
            stream.push(emissions);
          },
          "emissions"_a)
      .def_prop_ro("stable_words", &DecodingStream::stable_words)
      .def_prop_ro("text", &DecodingStream::text)
      .def("finish", &DecodingStream::finish, nb::call_guard<nb::gil_scoped_release>());
}
