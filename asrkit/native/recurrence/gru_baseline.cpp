// For every processor: registers of four floats.
#define NAME "baseline"
#define LANES 4
#define TILE_ROWS 4
#define TILE_VECTORS 2
#define KERNELS kGruBaseline
#define PRODUCTS "gru_products.inl"
#include "recurrence/gru_kernel.inl"
