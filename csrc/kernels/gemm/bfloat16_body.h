// Products of bfloat16 with few rows or columns, for the vector that the including file sets,
// behind kernels/gemm/simd_body.h: widened in registers, so that a matrix is read once and as it
// lies. A product of two bfloat16 is exact in float32, and rounding apart gives two that overflow
// to opposite infinities a NaN. No include guard.

typedef Vec<uint32_t>::type BfloatPairs;

inline __attribute__((always_inline)) Vec<float>::type first_of(BfloatPairs pairs) {
  return (Vec<float>::type)(pairs << 16);
}
inline __attribute__((always_inline)) Vec<float>::type second_of(BfloatPairs pairs) {
  return (Vec<float>::type)(pairs & 0xffff0000u);
}

template <int rows>
void bfloat16_dots_of(int64_t K, const uint16_t* a, const uint16_t* b, int64_t b_row, float* out) {
  constexpr int lanes = 2 * Vec<float>::lanes;
  Vec<float>::type sums[rows][2] = {};
  auto add = [&](const uint16_t* x, const uint16_t* y, int64_t y_row)
                 __attribute__((always_inline)) {
                   const auto one = (BfloatPairs)load(x);
                   const auto first = first_of(one), second = second_of(one);
#pragma GCC unroll 4
                   for (int r = 0; r < rows; ++r) {
                     const auto other = (BfloatPairs)load(y + r * y_row);
                     sums[r][0] = sums[r][0] + first * first_of(other);
                     sums[r][1] = sums[r][1] + second * second_of(other);
                   }
                 };
  int64_t k = 0;
  for (; k + lanes <= K; k += lanes) add(a + k, b + k, b_row);
  if (k < K) {
    uint16_t rest[rows + 1][lanes] = {};
    for (int64_t i = 0; k + i < K; ++i) {
      rest[rows][i] = a[k + i];
      for (int r = 0; r < rows; ++r) rest[r][i] = b[r * b_row + k + i];
    }
    add(rest[rows], rest[0], lanes);
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) out[r] = sum_of_lanes<float>(sums[r][0] + sums[r][1]);
}

void bfloat16_dots(int64_t N, int64_t K, const uint16_t* a, const uint16_t* b, int64_t b_row,
                   float* out) {
  int64_t j = 0;
  for (; j + 4 <= N; j += 4) bfloat16_dots_of<4>(K, a, b + j * b_row, b_row, out + j);
  for (; j < N; ++j) bfloat16_dots_of<1>(K, a, b + j * b_row, b_row, out + j);
}

void bfloat16_sum_of_rows(int64_t N, int64_t K, const uint16_t* a, const uint16_t* b, int64_t b_row,
                          float* out) {
  auto wide = [](uint16_t bits) {
    const uint32_t word = static_cast<uint32_t>(bits) << 16;
    float value;
    __builtin_memcpy(&value, &word, sizeof value);
    return value;
  };
  for (int64_t j = 0; j < N; ++j) out[j] = 0;
  int64_t k = 0;
  for (; k + 4 <= K; k += 4) {
    const float a0 = wide(a[k]), a1 = wide(a[k + 1]), a2 = wide(a[k + 2]), a3 = wide(a[k + 3]);
    const uint16_t *b0 = b + k * b_row, *b1 = b0 + b_row, *b2 = b1 + b_row, *b3 = b2 + b_row;
#pragma GCC ivdep
    for (int64_t j = 0; j < N; ++j)
      out[j] =
          (((out[j] + a0 * wide(b0[j])) + a1 * wide(b1[j])) + a2 * wide(b2[j])) + a3 * wide(b3[j]);
  }
  for (; k < K; ++k) {
    const float factor = wide(a[k]);
    const uint16_t* row = b + k * b_row;
#pragma GCC ivdep
    for (int64_t j = 0; j < N; ++j) out[j] += factor * wide(row[j]);
  }
}

extern const Bfloat16Loops bfloat16_loops = {bfloat16_dots, bfloat16_sum_of_rows};
