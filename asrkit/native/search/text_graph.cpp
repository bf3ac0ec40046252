#include "search/text_graph.hpp"

namespace asrkit {

TextGraphBuilder::TextGraphBuilder(const SymbolSet& symbols) : symbols_(symbols), are_letters_(symbols.are_letters()) {
  if (are_letters_) return;
  std::vector<Lexicon::Entry> opening, continuing;
  for (Symbol symbol = 0; symbol < symbols.size(); ++symbol) {
    const Piece& piece = symbols.pieces[symbol];
    if (piece.units.empty()) continue;
    if (piece.opens) opening.emplace_back(piece.units, symbol);
    if (piece.continues) continuing.emplace_back(piece.units, symbol);
  }
  opening_ = std::make_unique<const Lexicon>(symbols.units.size(), std::move(opening));
  continuing_ = std::make_unique<const Lexicon>(symbols.units.size(), std::move(continuing));
}

void TextGraphBuilder::build(const std::vector<std::vector<Unit>>& words, TextGraph& graph) const {
  graph.clear();
  const bool are_divided = symbols_.has_space();
  graph.places.push_back({are_divided, kNoSymbol});
  if (!are_divided) {
    std::vector<Unit> text;
    for (const std::vector<Unit>& word : words) text.insert(text.end(), word.begin(), word.end());
    add_word(text, 0, kNoSymbol, graph);
  }
  std::uint32_t word_end = kNoSymbol;
  for (std::uint32_t i = 0; are_divided && i < words.size(); ++i) {
    add_word(words[i], i, word_end, graph);
    word_end = static_cast<std::uint32_t>(graph.places.size() - 1);
    graph.places.push_back({true, word_end});
  }
  if (are_letters_) return;
  std::stable_sort(graph.arcs.begin(), graph.arcs.end(), [](const auto& a, const auto& b) { return a.to < b.to; });
}

// Adds a word that starts in the last place, or in `word_end` by an output that opens it.
void TextGraphBuilder::add_word(const std::vector<Unit>& word, std::uint32_t index, std::uint32_t word_end,
                                TextGraph& graph) const {
  for (std::size_t begin = 0; begin < word.size(); ++begin) {
    const auto from = static_cast<std::uint32_t>(graph.places.size() - 1);
    TextGraph::Arc arc{word[begin], from + 1, from, kNoSymbol, index};
    if (are_letters_) {
      graph.arcs.push_back(arc);
    } else {
      add_arcs(*continuing_, word, begin, arc, graph);
      arc.other_from = word_end;
      if (begin == 0) add_arcs(*opening_, word, begin, arc, graph);
    }
    graph.places.emplace_back();
  }
}

// Adds the outputs that spell the word on from `begin`; `arc` leads to the place after one unit.
void TextGraphBuilder::add_arcs(const Lexicon& pieces, const std::vector<Unit>& word, std::size_t begin,
                                TextGraph::Arc arc, TextGraph& graph) const {
  TrieId spelled = kTrieRoot;
  for (std::size_t end = begin; end < word.size(); ++end, ++arc.to) {
    spelled = pieces.child(spelled, word[end]);
    if (spelled == kOutside) return;
    const bool is_last = end + 1 == word.size();
    pieces.visit_words(spelled, [&](Symbol symbol) {
      const Piece& piece = symbols_.pieces[symbol];
      // What may open and what may continue is in both lists: here it opens.
      if (begin == 0 && piece.opens && &pieces == continuing_.get()) return;
      if (piece.closes && !is_last) return;
      arc.symbol = symbol;
      TextGraph::Arc added = arc;
      added.to += piece.closes ? 1 : 0;
      graph.arcs.push_back(added);
    });
  }
}

}  // namespace asrkit
