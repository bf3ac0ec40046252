// From emissions to finished hypotheses: search, n-best list, exact scores, times and confidences.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "alignment/ctc_alignment.hpp"
#include "machine/worker_threads.hpp"
#include "search/beam_search.hpp"
#include "search/nbest.hpp"
#include "search/text_graph.hpp"

namespace asrkit {

struct DecodedWord {
  std::string text;
  StepRange steps;
  double confidence = 1.0;
};

struct Decoded {
  std::string text;
  double acoustic_score = 0.0;  // ln of the sum over all alignments
  double lm_score = 0.0;        // ln
  double hotword_score = 0.0;   // weights of the phrases in the text
  std::vector<DecodedWord> words;
  double confidence = 1.0;
  double score = 0.0;           // acoustic_score + lm_weight * lm_score + word_bonus * number of words + hotword_score
};

struct Emissions {
  const float* log_probs = nullptr;  // (num_steps, num_symbols)
  std::size_t num_steps = 0;
};

// One utterance at a time; keeps its memory from one to the next. Not to be shared by threads.
class Decoder {
 public:
  explicit Decoder(std::shared_ptr<const SearchModel> model);

  std::vector<Decoded> decode(const Emissions& emissions);

  // The text of the first one. Nothing is aligned where n_best is 1 and one path is clearly the best.
  std::string decode_text(const Emissions& emissions);

  // The n best of a search that has seen these emissions, best first.
  std::vector<Decoded> finish(BeamSearch& search, const Emissions& emissions);

 private:
  std::size_t n_best() const { return static_cast<std::size_t>(model_->options.n_best); }
  void run_search(const Emissions& emissions);
  std::vector<WordPath> find_paths(BeamSearch& search, std::size_t count) const;
  std::vector<std::pair<Decoded, std::size_t>> rank(const PrefixPool& pool, const std::vector<WordPath>& paths,
                                                    const Emissions& emissions);
  Decoded describe(const PrefixPool& pool, const WordPath& path, const Emissions& emissions);
  // A word of a path: its units, where it lies in the lexicon, and which of the words spelled so it is.
  struct PathWord {
    std::vector<Unit> units;
    TrieId trie;
    WordId meaning;
  };
  void find_words(const std::vector<PathWord>& words, const Alignment& alignment, std::vector<DecodedWord>& found) const;
  double score_words(const std::vector<PathWord>& words) const;
  float score_word(const PathWord& word, ContextId context, ContextId& next) const;
  float score_unknown(const std::vector<Unit>& spelling, ContextId context, ContextId& next) const;

  std::shared_ptr<const SearchModel> model_;
  BeamSearch search_;
  TextGraphBuilder graph_builder_;
  TextGraph graph_;
  CtcAligner aligner_;
};

// An utterance that arrives bit by bit. The result is that of decoding it as a whole.
class DecodingStream {
 public:
  explicit DecodingStream(std::shared_ptr<const SearchModel> model)
      : model_(std::move(model)), decoder_(model_), search_(*model_) {}

  void push(const Emissions& emissions);

  // The words that will not change any more, and the most likely text so far.
  std::vector<std::string> stable_words() const;
  std::string text() const;

  // The hypotheses so far; more may be pushed afterwards.
  std::vector<Decoded> finish();

  const SearchModel& model() const { return *model_; }

 private:
  std::shared_ptr<const SearchModel> model_;
  Decoder decoder_;
  BeamSearch search_;
  std::vector<float> log_probs_;  // all steps, for the exact scores and times in the end
};

// Decodes utterances on threads. Keeps its decoders, and with them their memory, from call to call; any number of
// threads may call it at once.
class DecoderPool {
 public:
  explicit DecoderPool(std::shared_ptr<const SearchModel> model) : model_(std::move(model)) {}

  const std::shared_ptr<const SearchModel>& model() const { return model_; }

  // Decodes every utterance; the results do not depend on the number of threads.
  template <class Result>
  std::vector<Result> run(Result (Decoder::*decode)(const Emissions&), const std::vector<Emissions>& batch,
                          int num_threads) {
    std::vector<Result> results(batch.size());
    std::atomic<std::size_t> next{0};
    const std::size_t num_workers = std::min<std::size_t>(static_cast<std::size_t>(num_threads), batch.size());
    work_on_threads(num_workers, [&] {
      std::unique_ptr<Decoder> decoder = take();
      for (std::size_t i = next++; i < batch.size(); i = next++) results[i] = (decoder.get()->*decode)(batch[i]);
      give_back(std::move(decoder));
    });
    return results;
  }

 private:
  std::unique_ptr<Decoder> take();
  void give_back(std::unique_ptr<Decoder> decoder);

  std::shared_ptr<const SearchModel> model_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Decoder>> idle_;
};

}  // namespace asrkit
