// For x86-64 processors with AVX2 and FMA.
#if defined(__x86_64__)
#define NAME "AVX2"
#define LANES 8
#define TILE_ROWS 4
#define TILE_VECTORS 3
#define KERNELS kGruAvx2
#define PRODUCTS "gru_products.inl"
#include "recurrence/gru_kernel.inl"
#endif
