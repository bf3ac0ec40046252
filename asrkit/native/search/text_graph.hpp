// All ways in which the outputs of a model can write a sequence of words, for the aligner.
#pragma once

#include <memory>
#include <vector>

#include "alignment/ctc_alignment.hpp"
#include "search/lexicon.hpp"

namespace asrkit {

// The places of a word are after each of its units; between two words lies one more. Text whose words are not divided
// is one chain of units.
class TextGraphBuilder {
 public:
  explicit TextGraphBuilder(const SymbolSet& symbols);

  void build(const std::vector<std::vector<Unit>>& words, TextGraph& graph) const;

 private:
  void add_word(const std::vector<Unit>& word, std::uint32_t index, std::uint32_t word_end, TextGraph& graph) const;
  void add_arcs(const Lexicon& pieces, const std::vector<Unit>& word, std::size_t begin, TextGraph::Arc arc,
                TextGraph& graph) const;

  const SymbolSet& symbols_;
  const bool are_letters_;
  std::unique_ptr<const Lexicon> opening_, continuing_;  // the outputs by what they spell; one that may do both is in both
};

}  // namespace asrkit
