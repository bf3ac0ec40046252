// Fast paths of the text normalizers for plain ASCII; whatever needs more thought is left to Python.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace asrkit {

// What an ASCII character means to the standard normalizer.
enum class Sign : unsigned char {
  kSpace,       // spaces, punctuation and controls separate words
  kLetter,      // small letters, kept
  kCapital,     // lowered
  kApostrophe,  // kept between letters; elsewhere Python decides
  kCare,        // digits and the signs that are read out
};

constexpr Sign sign_of(unsigned char character) {
  if (character >= 'a' && character <= 'z') return Sign::kLetter;
  if (character >= 'A' && character <= 'Z') return Sign::kCapital;
  if (character == '\'') return Sign::kApostrophe;
  constexpr std::string_view kCare = "0123456789`&%@+=#";
  return kCare.find(static_cast<char>(character)) == std::string_view::npos ? Sign::kSpace : Sign::kCare;
}

struct SignTable {
  constexpr SignTable() : signs{} {
    for (unsigned code = 0; code < 256; ++code) signs[code] = sign_of(static_cast<unsigned char>(code));
  }
  constexpr Sign operator[](char character) const { return signs[static_cast<unsigned char>(character)]; }
  std::array<Sign, 256> signs;
};

inline constexpr SignTable kSigns;

inline bool is_letter(char character) {
  return kSigns[character] == Sign::kLetter || kSigns[character] == Sign::kCapital;
}

// Words that some version of the standard normalizer changes, or that it may fold with their neighbors.
inline bool needs_thought(std::string_view word) {
  constexpr std::string_view kWords[] = {"mr",   "mrs",     "dr",       "prof",    "vs",       "jr",
                                         "ok",   "per",     "hundred",  "thousand", "million", "billion",
                                         "trillion", "dollar", "dollars", "pound", "pounds",   "euro", "euros"};
  for (const std::string_view known : kWords) {
    if (word == known) return true;
  }
  return false;
}

// Writes the standard form: small letters, single spaces. False where numbers, signs, titles, quotes or words that mean
// the same need care.
inline bool normalize_plain(std::string_view text, std::string& normal) {
  normal.resize(text.size());
  char* const begin = normal.data();
  char *to = begin, *word = begin;
  char letter_before = 0;  // the word before, if it is a single letter
  const auto needs_care = [&] {
    const std::string_view last(word, static_cast<std::size_t>(to - word));
    if (last == "m" && (letter_before == 'a' || letter_before == 'p')) return true;
    letter_before = last.size() == 1 ? last[0] : 0;
    return last.size() <= 8 && needs_thought(last);
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (kSigns[text[i]]) {
      case Sign::kLetter: *to++ = text[i]; break;
      case Sign::kCapital: *to++ = static_cast<char>(text[i] | 0x20); break;
      case Sign::kSpace:
        if (to == word) break;
        // letters with points, as in U.S.A., may be one word
        if (text[i] == '.' && to == word + 1 && i + 1 < text.size() && is_letter(text[i + 1])) return false;
        if (needs_care()) return false;
        *to++ = ' ';
        word = to;
        break;
      case Sign::kApostrophe:
        if (i == 0 || i + 1 == text.size() || !is_letter(text[i - 1]) || !is_letter(text[i + 1])) return false;
        *to++ = '\'';
        break;
      case Sign::kCare: return false;
    }
  }
  if (to > word && needs_care()) return false;
  if (to > begin && to[-1] == ' ') --to;
  normal.resize(static_cast<std::size_t>(to - begin));
  return true;
}

// Whether words are separated by single spaces already, with nothing around them.
inline bool has_single_spaces(std::string_view text) {
  bool was_space = true;
  for (const char character : text) {
    const auto code = static_cast<unsigned char>(character);
    if ((code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x1f)) return false;
    if (code == ' ' && was_space) return false;
    was_space = code == ' ';
  }
  return text.empty() || !was_space;
}

// How many ASCII texts hold what a normalizer changes; one text may count several times.
struct SignCounts {
  std::int64_t capitals = 0, punctuation = 0, digits = 0, backquotes = 0, others = 0;

  void add(std::string_view text) {
    bool has_capital = false, has_punctuation = false, has_digit = false, has_backquote = false;
    for (const char character : text) {
      has_capital |= character >= 'A' && character <= 'Z';
      has_digit |= character >= '0' && character <= '9';
      has_backquote |= character == '`';
      has_punctuation |= (character > ' ' && character < '0' && character != '\'') ||
                         (character > '9' && character < 'A') || (character > 'Z' && character < 'a') ||
                         (character > 'z' && character < 0x7f);
    }
    capitals += has_capital;
    punctuation += has_punctuation;
    digits += has_digit;
    backquotes += has_backquote;
    others += !(has_capital || has_punctuation || has_digit || has_backquote);
  }
};

}  // namespace asrkit
