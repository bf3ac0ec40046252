// Reads n-gram models in the ARPA format.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "ngram/ngram_builder.hpp"

namespace asrkit {

// What is wrong with an ARPA text, and in which line, counted from 1.
struct ArpaError : std::runtime_error {
  ArpaError(const std::string& message, std::uint64_t line) : std::runtime_error(message), line(line) {}
  std::uint64_t line;
};

constexpr int kMaxNgramOrder = 16;

// Throws ArpaError. Back-offs may be missing; everything else must be as the header says.
NgramStorage read_arpa(std::string_view text);

}  // namespace asrkit
