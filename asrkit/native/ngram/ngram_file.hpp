// The binary form of an n-gram model: its arrays behind a header, as they are in memory, so that a mapped file answers
// at once. Little-endian. Every section begins at a multiple of 64 bytes; its place follows from the header's sizes.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ngram/ngram_handle.hpp"

namespace asrkit {

// Bytes that are no usable model; what() says why.
struct NgramFileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct NgramFileHeader {
  char magic[16];
  std::uint32_t version;
  std::uint32_t order;
  std::uint64_t byte_order;
  std::uint64_t is_quantized;
  std::uint64_t counts[16];  // n-grams of order 1, 2, ...
  std::uint64_t num_words, text_size, num_word_slots, num_slots, num_contexts;
  std::uint64_t begin_word, end_word, unknown_word;
  std::uint64_t data_checksum;  // of all sections
  std::uint64_t checksum;       // of the header before this field
};

// Views a model in the bytes of a file. Checks the header and the sizes, not the data: that takes a read of all of it.
// The bytes must be aligned to 8 and outlive the view. Throws NgramFileError, as does the next.
NgramHandle open_ngram_file(std::string_view bytes, std::shared_ptr<const void> owner);

// Reads everything: compares checksums, then checks the tables.
void check_ngram_file(std::string_view bytes);

// What holds for every table of n-grams that is not damaged. A checksum does not tell: a stranger can compute one. Looks
// at every number once: words are distinct texts that look-ups find, numbers of words and contexts lie in their tables, no
// search in a hash table is long, probabilities and back-offs are finite and in range. Throws NgramFileError.
void check_ngram_tables(const NgramHandle& model);

// A model ready to be written: the pieces of its file, one after the other.
class NgramImage {
 public:
  // Quantizes a model that is not quantized yet if asked to; throws NgramFileError when it is too large for that.
  NgramImage(const NgramHandle& model, bool quantize);
  NgramImage(const NgramImage&) = delete;
  NgramImage& operator=(const NgramImage&) = delete;

  const std::vector<std::string_view>& pieces() const { return pieces_; }

 private:
  void quantize(const NgramView& view);

  std::shared_ptr<const void> owner_;
  NgramFileHeader header_{};
  std::vector<QuantizedEntry> quantized_entries_;
  std::vector<std::uint32_t> quantized_contexts_;
  std::vector<float> log10_probs_, log10_backoffs_;
  std::vector<std::string_view> pieces_;
};

}  // namespace asrkit
