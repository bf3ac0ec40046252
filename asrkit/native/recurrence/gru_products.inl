// The matrix products of gru_kernel.inl with vector registers, in float32.

// The right factor of a product, cut into panels that are read from front to back: element (k, j) of the matrix, at
// source[k * row_stride + j * column_stride], goes to panel j / kPanel. The last panel is filled up with 0.
void pack(const float* source, std::size_t depth, std::size_t width, std::size_t row_stride, std::size_t column_stride,
          float* target) {
  for (std::size_t first = 0; first < width; first += kPanel)
    for (std::size_t k = 0; k < depth; ++k)
      for (std::size_t j = first; j < first + kPanel; ++j)
        *target++ = j < width ? source[k * row_stride + j * column_stride] : 0.0f;
}

// kRows rows of the left factor times one panel, all sums in registers.
void multiply_tile(const float* left, std::size_t depth, const float* panel, float* result, std::size_t result_stride) {
  Vector sums[kRows][TILE_VECTORS] = {};
  for (std::size_t k = 0; k < depth; ++k, panel += kPanel) {
    Vector right[TILE_VECTORS];
    for (int j = 0; j < TILE_VECTORS; ++j) right[j] = load(panel + j * kLanes);
    for (std::size_t i = 0; i < kRows; ++i) {
      const Vector factor = Vector{} + left[i * depth + k];
      for (int j = 0; j < TILE_VECTORS; ++j) sums[i][j] += factor * right[j];
    }
  }
  for (std::size_t i = 0; i < kRows; ++i)
    for (int j = 0; j < TILE_VECTORS; ++j) store(result + i * result_stride + j * kLanes, sums[i][j]);
}

// result (rows, round_up(width, kPanel)) = left (rows, depth) times a packed matrix; rows is a multiple of kRows.
void multiply(const float* left, std::size_t rows, std::size_t depth, const float* packed, std::size_t width,
              float* result, float*) {
  const std::size_t stride = round_up(width, kPanel);
  for (std::size_t first = 0; first < stride; first += kPanel)
    for (std::size_t row = 0; row < rows; row += kRows)
      multiply_tile(left + row * depth, depth, packed + first * depth, result + row * stride + first, stride);
}

void begin_products() {}
void end_products() {}
