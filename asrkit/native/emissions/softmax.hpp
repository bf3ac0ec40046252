// A step of thousands of outputs as natural logarithms of probabilities. The answer may lie where the values are. It is
// the same on all processors of a kind, whatever instructions they know.
#pragma once

#include <cstddef>

namespace asrkit {

// Of logits without NaN, the largest of which is `peak`, a finite number.
void normalize_logits(const float* values, float* out, std::size_t size, float peak);

// Of probabilities without NaN; what is below `least` counts as that. Whether none is negative.
bool normalize_shares(const float* values, float* out, std::size_t size, float least);

}  // namespace asrkit
