// For x86-64 processors with AMX on Linux, which lets a process use the tiles only after it has asked.
#include "recurrence/gru.hpp"

#if defined(ASRKIT_AMX)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME "AMX"
#define LANES 16
#define TILE_ROWS 16
#define TILE_VECTORS 4
#define KERNELS kGruAmx
#define PRODUCTS "gru_products_amx.inl"
#include "recurrence/gru_kernel.inl"

namespace asrkit {

bool has_amx() {
  constexpr unsigned kTiles = 1u << 24, kBfloat16Tiles = 1u << 22, kBfloat16 = 1u << 5;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & kTiles) || !(d & kBfloat16Tiles)) return false;
  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & kBfloat16)) return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace asrkit
#endif
