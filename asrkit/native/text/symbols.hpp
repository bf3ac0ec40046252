// The outputs of a CTC model, and the units that texts are spelled with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace asrkit {

using Symbol = std::uint32_t;  // an output of the model
using Unit = std::uint32_t;    // what words are spelled with: a character, a byte, or an output as a whole
constexpr std::uint32_t kNoSymbol = 0xFFFFFFFFu;

// What an output adds to a text.
struct Piece {
  std::vector<Unit> units;  // none: it only separates words, or adds nothing at all
  bool opens = false;       // a word may end before it and another start
  bool continues = false;   // it may go on with a word
  bool closes = false;      // a word ends after it
  bool separates = false;   // it is a space

  bool is_written() const { return !units.empty() || separates; }
};

// What a unit looks like in a text.
struct UnitText {
  std::string text;                // UTF-8, or a byte of it
  std::vector<std::string> names;  // what a language model writes for it, as "A" and "a"; the surest first
  Unit alike = 0;                  // the first unit that the language model does not tell from this one
  bool opens = false;              // where units are outputs: a word starts before it, or ends after it
  bool closes = false;
};

struct SymbolSet {
  std::vector<Piece> pieces;  // one per output; the blank's and the skipped ones' are not written
  std::vector<UnitText> units;
  Symbol blank = 0;
  Unit space = kNoSymbol;  // the unit between words, where words are divided; its text is not used
  bool is_bytewise = false;

  std::size_t size() const { return pieces.size(); }
  bool has_space() const { return space != kNoSymbol; }

  // Whether outputs and units are the same, so that there is one way to spell a text: then the space of words that are
  // divided is an output, too, and the only one that separates.
  bool are_letters() const {
    if (has_space() && (space >= size() || !pieces[space].separates)) return false;
    for (Symbol symbol = 0; symbol < size(); ++symbol) {
      const Piece& piece = pieces[symbol];
      if (!piece.is_written()) continue;
      if (piece.separates ? symbol != space : piece.units.size() > 1 || piece.units[0] != symbol) return false;
      if (piece.opens || piece.closes || units[symbol].alike != symbol) return false;
    }
    return true;
  }
};

// Turns words into units: those alike are one.
class Speller {
 public:
  explicit Speller(const SymbolSet& symbols) : is_bytewise_(symbols.is_bytewise) {
    for (const bool is_first : {true, false}) {
      for (Unit unit = 0; unit < symbols.units.size(); ++unit) {
        if (unit == symbols.space) continue;
        const std::vector<std::string>& names = symbols.units[unit].names;
        for (std::size_t i = 0; i < names.size(); ++i) {
          if ((i == 0) == is_first) by_name_.emplace(names[i], symbols.units[unit].alike);
        }
      }
    }
  }

  // Replaces `spelling`; false when the units cannot spell the word.
  bool spell(std::string_view word, std::vector<Unit>& spelling) const {
    spelling.clear();
    for (std::size_t begin = 0; begin < word.size();) {
      std::size_t end = begin + 1;
      while (!is_bytewise_ && end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) ++end;
      const auto found = by_name_.find(std::string(word.substr(begin, end - begin)));
      if (found == by_name_.end()) return false;
      spelling.push_back(found->second);
      begin = end;
    }
    return !spelling.empty();
  }

 private:
  std::unordered_map<std::string, Unit> by_name_;
  bool is_bytewise_;
};

}  // namespace asrkit
