#include "search/text_graph.hpp"

#include <algorithm>

namespace asrkit {

TextGraphBuilder::TextGraphBuilder(const SymbolSet& symbols, bool are_chains)
    : symbols_(symbols), are_chains_(are_chains) {
  if (are_chains_) return;
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

void TextGraphBuilder::build(const std::vector<WordSpelling>& spellings, TextGraph& graph) const {
  graph.clear();
  const bool are_divided = symbols_.has_space();
  graph.places.push_back({are_divided, kNoSymbol});
  if (!are_divided) {
    std::vector<Unit> text;
    for (const WordSpelling& word : spellings) text.insert(text.end(), word.units->begin(), word.units->end());
    const WordSpelling whole{0, &text};
    if (!text.empty()) add_word(&whole, &whole + 1, kNoSymbol, graph);
  }
  std::uint32_t word_end = kNoSymbol;
  const WordSpelling* const end = spellings.data() + spellings.size();
  for (const WordSpelling* begin = spellings.data(); are_divided && begin != end;) {
    const std::uint32_t word = begin->word;
    const WordSpelling* const next = std::find_if(begin, end, [&](const auto& way) { return way.word != word; });
    add_word(begin, next, word_end, graph);
    word_end = static_cast<std::uint32_t>(graph.places.size() - 1);
    graph.places.push_back({true, word_end});
    begin = next;
  }
  if (are_chains_) return;
  std::stable_sort(graph.arcs.begin(), graph.arcs.end(), [](const auto& a, const auto& b) { return a.to < b.to; });
}

// Adds the ways to spell a word that starts in the last place, or in `word_end` by an output that opens it.
void TextGraphBuilder::add_word(const WordSpelling* begin, const WordSpelling* end, std::uint32_t word_end,
                                TextGraph& graph) const {
  const auto start = static_cast<std::uint32_t>(graph.places.size() - 1);
  std::uint32_t last = start + 1;
  for (const WordSpelling* way = begin; way != end; ++way) last += static_cast<std::uint32_t>(way->units->size() - 1);
  std::uint32_t before = start;  // the place before those of this way
  for (const WordSpelling* way = begin; way != end; ++way) {
    const std::vector<Unit>& units = *way->units;
    for (std::uint32_t i = 0; i < units.size(); ++i) {
      TextGraph::Arc arc{units[i], before + i + 1, i == 0 ? start : before + i, kNoSymbol, way->word};
      if (are_chains_) {
        graph.arcs.push_back(arc);
        continue;
      }
      add_arcs(*continuing_, units, i, last, arc, graph);
      arc.other_from = word_end;
      if (i == 0) add_arcs(*opening_, units, i, last, arc, graph);
    }
    before += static_cast<std::uint32_t>(units.size() - 1);
  }
  graph.places.resize(last + 1);
}

// Adds the outputs that spell the word on from `begin`; `arc` leads to the place after one unit, `last` is that after all.
void TextGraphBuilder::add_arcs(const Lexicon& pieces, const std::vector<Unit>& word, std::size_t begin,
                                std::uint32_t last, TextGraph::Arc arc, TextGraph& graph) const {
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
      TextGraph::Arc added = arc;
      added.symbol = symbol;
      if (is_last) added.to = piece.closes ? last + 1 : last;
      graph.arcs.push_back(added);
    });
  }
}

}  // namespace asrkit
