// The matrix products of gru_kernel.inl with the tile registers of AMX: factors rounded to bfloat16, sums in float32.

typedef std::uint16_t Half;

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

void begin_products() {
  const TileConfig config;
  _tile_loadconfig(&config);
}

void end_products() { _tile_release(); }

Half rounded(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<Half>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// The right factor as tiles of 32 rows and 16 columns, pairs of rows side by side; four tiles make a panel's block.
// Element (k, j) of the matrix is at source[k * row_stride + j * column_stride]; what lies outside is 0.
void pack(const float* source, std::size_t depth, std::size_t width, std::size_t row_stride, std::size_t column_stride,
          float* target) {
  Half* out = reinterpret_cast<Half*>(target);
  for (std::size_t panel = 0; panel < width; panel += kPanel)
    for (std::size_t block = 0; block < depth; block += kDepth)
      for (std::size_t first = panel; first < panel + kPanel; first += kLanes)
        for (std::size_t k = block; k < block + kDepth; k += 2)
          for (std::size_t j = first; j < first + kLanes; ++j)
            for (std::size_t row = k; row < k + 2; ++row)
              *out++ = row < depth && j < width ? rounded(source[row * row_stride + j * column_stride]) : Half{0};
}

// Rows of the left factor in bfloat16, their ends filled up with 0.
void narrow(const float* left, std::size_t rows, std::size_t depth, Half* target) {
  const std::size_t stride = round_up(depth, kDepth);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t k = 0; k < stride; k += kLanes) {
      const Vector values = k < depth ? load(left + row * depth + k, depth - k) : Vector{};
      const __m256bh halves = _mm512_cvtneps_pbh(reinterpret_cast<__m512>(values));
      std::memcpy(target + row * stride + k, &halves, sizeof halves);
    }
}

// result (rows, round_up(width, kPanel)) = left (rows, depth) times a packed matrix; rows is a multiple of kRows.
void multiply(const float* left, std::size_t rows, std::size_t depth, const float* packed, std::size_t width,
              float* result, float* workspace) {
  constexpr std::size_t kTile = 512;  // halves in a tile
  const std::size_t padded = round_up(depth, kDepth), stride = round_up(width, kPanel);
  Half* const halves = reinterpret_cast<Half*>(workspace);
  narrow(left, rows, depth, halves);
  for (std::size_t row = 0; row < rows; row += kRows) {
    const Half* right = reinterpret_cast<const Half*>(packed);
    for (std::size_t panel = 0; panel < stride; panel += kPanel) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (std::size_t block = 0; block < padded; block += kDepth, right += 4 * kTile) {
        _tile_loadd(4, halves + row * padded + block, padded * sizeof(Half));
        _tile_loadd(5, right, 64);
        _tile_dpbf16ps(0, 4, 5);
        _tile_loadd(6, right + kTile, 64);
        _tile_dpbf16ps(1, 4, 6);
        _tile_loadd(7, right + 2 * kTile, 64);
        _tile_dpbf16ps(2, 4, 7);
        _tile_loadd(5, right + 3 * kTile, 64);
        _tile_dpbf16ps(3, 4, 5);
      }
      float* const target = result + row * stride + panel;
      _tile_stored(0, target, stride * sizeof(float));
      _tile_stored(1, target + 16, stride * sizeof(float));
      _tile_stored(2, target + 32, stride * sizeof(float));
      _tile_stored(3, target + 48, stride * sizeof(float));
    }
  }
}
