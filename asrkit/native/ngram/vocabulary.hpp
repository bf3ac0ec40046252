// The word list of an n-gram model: words to ids and back.
//
// VocabularyView reads flat arrays that someone else owns, so that they may lie in a memory-mapped file.
// Vocabulary owns such arrays and grows.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "machine/prefetch.hpp"

namespace asrkit {

using WordId = std::uint32_t;
constexpr WordId kNoWord = 0xFFFFFFFFu;

// Spreads a 64-bit number over all its bits (the finalizer of MurmurHash3, Appleby 2011).
inline std::uint64_t mix_bits(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xFF51AFD7ED558CCDull;
  value ^= value >> 33;
  value *= 0xC4CEB9FE1A85EC53ull;
  return value ^ (value >> 33);
}

// The slot of a hash in a table of any size below 2^32, without a division.
inline std::uint64_t slot_of(std::uint64_t hash, std::uint64_t num_slots) { return ((hash >> 32) * num_slots) >> 32; }

// Hashes eight bytes at a time; reading an ARPA file is mostly this and the parsing of numbers.
inline std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = text.size() * 0x9E3779B97F4A7C15ull;
  const char* data = text.data();
  std::size_t left = text.size();
  for (; left >= 8; left -= 8, data += 8) {
    std::uint64_t block;
    std::memcpy(&block, data, 8);
    hash = (hash ^ block) * 0x9DDFEA08EB382D69ull;
    hash ^= hash >> 29;
  }
  std::uint64_t rest = 0;
  if (left > 0) std::memcpy(&rest, data, left);
  return mix_bits(hash ^ rest);
}

// Word i is text[offsets[i] .. offsets[i + 1]). Slots hold word ids, kNoWord where empty. The arrays may come from a
// damaged file: whatever they hold, nothing outside them is read.
struct VocabularyView {
  const char* text = nullptr;
  const std::uint64_t* offsets = nullptr;
  const WordId* slots = nullptr;
  std::uint64_t text_size = 0;
  std::uint64_t num_slots = 0;
  WordId num_words = 0;

  std::string_view word(WordId id) const {
    const std::uint64_t begin = offsets[id];
    const std::uint64_t end = offsets[id + 1];
    if (begin > end || end > text_size) return {};
    return {text + begin, static_cast<std::size_t>(end - begin)};
  }

  // Asks for the cache line that find() reads first.
  void ask_for(std::string_view wanted) const { prefetch(slots + slot_of(hash_text(wanted), num_slots)); }

  // The id of a word, or kNoWord.
  WordId find(std::string_view wanted) const {
    std::uint64_t slot = slot_of(hash_text(wanted), num_slots);
    for (std::uint64_t left = num_slots; left > 0; --left) {
      const WordId id = slots[slot];
      if (id >= num_words) break;
      if (word(id) == wanted) return id;
      slot = slot + 1 == num_slots ? 0 : slot + 1;
    }
    return kNoWord;
  }
};

class Vocabulary {
 public:
  explicit Vocabulary(std::uint64_t expected_words = 0) { grow(expected_words * 2 + 16); }

  VocabularyView view() const {
    return {text_.data(),  offsets_.data(), slots_.data(),
            text_.size(),  slots_.size(),   static_cast<WordId>(offsets_.size() - 1)};
  }

  // Adds a word and returns its id, or kNoWord when it is there already.
  WordId add(std::string_view word) {
    const WordId before = view().num_words;
    return intern(word) == before ? before : kNoWord;
  }

  // The id of a word, which is added when it is new.
  WordId intern(std::string_view word) {
    std::uint64_t slot = slot_of(hash_text(word), slots_.size());
    for (; slots_[slot] != kNoWord; slot = slot + 1 == slots_.size() ? 0 : slot + 1) {
      if (view().word(slots_[slot]) == word) return slots_[slot];
    }
    const auto id = static_cast<WordId>(offsets_.size() - 1);
    slots_[slot] = id;
    text_.append(word);
    offsets_.push_back(text_.size());
    if (offsets_.size() * 2 > slots_.size()) grow(slots_.size() * 2);
    return id;
  }

 private:
  void grow(std::uint64_t num_slots) {
    slots_.assign(num_slots, kNoWord);
    for (WordId id = 0; id + 1 < offsets_.size(); ++id) place(id);
  }

  void place(WordId id) {
    std::uint64_t slot = slot_of(hash_text(view().word(id)), slots_.size());
    while (slots_[slot] != kNoWord) slot = slot + 1 == slots_.size() ? 0 : slot + 1;
    slots_[slot] = id;
  }

  std::string text_;
  std::vector<std::uint64_t> offsets_{0};
  std::vector<WordId> slots_;
};

}  // namespace asrkit
