// Asks for a cache line ahead of its use. Random reads of a large table wait for memory; many asked for at once do not.
#pragma once

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace asrkit {

inline void prefetch(const void* address) {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(address);
  __asm__ volatile("");  // else GCC finds the function pure and drops its calls
#elif defined(_M_X64)
  _mm_prefetch(static_cast<const char*>(address), _MM_HINT_T0);
#else
  (void)address;
#endif
}

}  // namespace asrkit
