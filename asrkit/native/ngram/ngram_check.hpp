// What holds for every table of n-grams that is not damaged. A checksum does not tell: a stranger can compute one.
#pragma once

#include "ngram/ngram_handle.hpp"

namespace asrkit {

// Looks at every number once: words are distinct texts that look-ups find, numbers of words and contexts lie in their
// tables, no search in a hash table is long, probabilities and back-offs are finite and in range. Throws
// NgramFileError.
void check_ngram_tables(const NgramHandle& model);

}  // namespace asrkit
