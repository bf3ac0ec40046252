// The outputs of a CTC model.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace asrkit {

using Symbol = std::uint32_t;
constexpr Symbol kNoSymbol = 0xFFFFFFFFu;

struct SymbolSet {
  std::vector<std::string> texts;  // one per output, UTF-8; the blank's is not used
  Symbol blank = 0;
  Symbol space = kNoSymbol;  // the word separator, if there is one

  std::size_t size() const { return texts.size(); }
  bool has_space() const { return space != kNoSymbol; }
};

// Turns words into symbols, one UTF-8 character each.
class Speller {
 public:
  explicit Speller(const SymbolSet& symbols) {
    for (Symbol symbol = 0; symbol < symbols.size(); ++symbol) {
      if (symbol != symbols.blank && symbol != symbols.space) by_text_.emplace(symbols.texts[symbol], symbol);
    }
  }

  // Like spell, for words with the space symbol between them.
  bool spell_phrase(const std::vector<std::string>& words, Symbol space, std::vector<Symbol>& spelling) const {
    spelling.clear();
    std::vector<Symbol> word_spelling;
    for (const std::string& word : words) {
      if (!spell(word, word_spelling)) return false;
      if (!spelling.empty() && space != kNoSymbol) spelling.push_back(space);
      spelling.insert(spelling.end(), word_spelling.begin(), word_spelling.end());
    }
    return !spelling.empty();
  }

  // Replaces `spelling`; false when the symbols cannot spell the word.
  bool spell(std::string_view word, std::vector<Symbol>& spelling) const {
    spelling.clear();
    for (std::size_t begin = 0; begin < word.size();) {
      std::size_t end = begin + 1;
      while (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) ++end;
      const auto found = by_text_.find(std::string(word.substr(begin, end - begin)));
      if (found == by_text_.end()) return false;
      spelling.push_back(found->second);
      begin = end;
    }
    return !spelling.empty();
  }

 private:
  std::unordered_map<std::string, Symbol> by_text_;
};

}  // namespace asrkit
