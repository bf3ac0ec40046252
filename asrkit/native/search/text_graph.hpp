// All ways in which the outputs of a model can write a sequence of words, for the aligner.
#pragma once

#include <memory>
#include <vector>

#include "alignment/ctc_alignment.hpp"
#include "search/lexicon.hpp"

namespace asrkit {

// One way to spell a word of a text. The ways of a word follow each other.
struct WordSpelling {
  std::uint32_t word;  // its number in the text
  const std::vector<Unit>* units;
};

// The places of a word are after each of its units; between two words lies one more. The ways to spell a word lie side
// by side and share their end. Text whose words are not divided is one chain of units.
class TextGraphBuilder {
 public:
  // are_chains: outputs are letters, and each word has one spelling.
  TextGraphBuilder(const SymbolSet& symbols, bool are_chains);

  void build(const std::vector<WordSpelling>& spellings, TextGraph& graph) const;

 private:
  void add_word(const WordSpelling* begin, const WordSpelling* end, std::uint32_t word_end, TextGraph& graph) const;
  void add_arcs(const Lexicon& pieces, const std::vector<Unit>& word, std::size_t begin, std::uint32_t last,
                TextGraph::Arc arc, TextGraph& graph) const;

  const SymbolSet& symbols_;
  const bool are_chains_;
  std::unique_ptr<const Lexicon> opening_, continuing_;  // the outputs by what they spell; one that may do both is in both
};

}  // namespace asrkit
