// For x86-64 processors with AVX-512.
#if defined(__x86_64__)
#define NAME "AVX-512"
#define LANES 16
#define TILE_ROWS 8
#define TILE_VECTORS 3
#define KERNELS kGruAvx512
#define PRODUCTS "gru_products.inl"
#include "recurrence/gru_kernel.inl"
#endif
