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

inline __attribute__((always_inline)) float widened(uint16_t bits) {
  const uint32_t word = static_cast<uint32_t>(bits) << 16;
  float value;
  __builtin_memcpy(&value, &word, sizeof value);
  return value;
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

/// Dots of as many rows as a vector has lanes, whose sums are added up together. Behind whole
/// vectors a has a_rest, b the lanes that `there` has.
void bfloat16_dots_side_by_side(int64_t K, const uint16_t* a, const uint16_t* a_rest,
                                BfloatPairs there, const uint16_t* b, int64_t b_row, float* out) {
  constexpr int rows = Vec<float>::lanes, lanes = 2 * rows;
  Vec<float>::type sums[rows] = {};
  auto add = [&](BfloatPairs one, int64_t k, auto&& part) __attribute__((always_inline)) {
    const auto first = first_of(one), second = second_of(one);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const auto other = part((BfloatPairs)load(b + r * b_row + k));
      sums[r] = sums[r] + first * first_of(other);
      sums[r] = sums[r] + second * second_of(other);
    }
  };
  int64_t k = 0;
  for (; k + lanes <= K; k += lanes)
    add((BfloatPairs)load(a + k), k,
        [&](BfloatPairs all) __attribute__((always_inline)) { return all; });
  if (k < K)
    add((BfloatPairs)load(a_rest), k,
        [&](BfloatPairs all) __attribute__((always_inline)) { return all & there; });
  store(out, sums_of_vectors<float>(sums));
}

/// Dots of so few terms that they are no vectors.
template <int K>
void bfloat16_short_dots(int64_t N, const uint16_t* a, const uint16_t* b, int64_t b_row,
                         float* out) {
  float factors[K];
  for (int k = 0; k < K; ++k) factors[k] = widened(a[k]);
  for (int64_t j = 0; j < N; ++j, b += b_row) {
    float sum = 0;
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) sum += factors[k] * widened(b[k]);
    out[j] = sum;
  }
}

void bfloat16_dots(int64_t N, int64_t K, const uint16_t* a, const uint16_t* b, int64_t b_row,
                   float* out) {
  constexpr int most_short = 8;
  if (K > 0 && K <= most_short) {
    [&]<int... k>(std::integer_sequence<int, k...>) {
      ((K == k + 1 ? bfloat16_short_dots<k + 1>(N, a, b, b_row, out) : void()), ...);
    }(std::make_integer_sequence<int, most_short>{});
    return;
  }
  constexpr int64_t rows = Vec<float>::lanes, lanes = 2 * rows, most_vectors = 8;
  int64_t j = 0;
  if (N >= rows && K <= most_vectors * lanes) {
    const int64_t whole = K / lanes * lanes;
    uint16_t a_rest[lanes] = {}, there[lanes] = {};
    for (int64_t k = whole; k < K; ++k) a_rest[k - whole] = a[k], there[k - whole] = 0xffff;
    // A row's last vector is read whole, which ends within the last row.
    const int64_t beyond = whole < K ? whole + lanes - K : 0;
    for (; j + rows <= N && (N - j - rows) * b_row >= beyond; j += rows)
      bfloat16_dots_side_by_side(K, a, a_rest, (BfloatPairs)load(there), b + j * b_row, b_row,
                                 out + j);
  }
  for (; j + 4 <= N; j += 4) bfloat16_dots_of<4>(K, a, b + j * b_row, b_row, out + j);
  for (; j < N; ++j) bfloat16_dots_of<1>(K, a, b + j * b_row, b_row, out + j);
}

void bfloat16_sum_of_rows(int64_t N, int64_t K, const uint16_t* a, const uint16_t* b, int64_t b_row,
                          float* out) {
  for (int64_t j = 0; j < N; ++j) out[j] = 0;
  int64_t k = 0;
  for (; k + 4 <= K; k += 4) {
    const float a0 = widened(a[k]), a1 = widened(a[k + 1]), a2 = widened(a[k + 2]),
                a3 = widened(a[k + 3]);
    const uint16_t *b0 = b + k * b_row, *b1 = b0 + b_row, *b2 = b1 + b_row, *b3 = b2 + b_row;
#pragma GCC ivdep
    for (int64_t j = 0; j < N; ++j)
      out[j] = (((out[j] + a0 * widened(b0[j])) + a1 * widened(b1[j])) + a2 * widened(b2[j])) +
               a3 * widened(b3[j]);
  }
  for (; k < K; ++k) {
    const float factor = widened(a[k]);
    const uint16_t* row = b + k * b_row;
#pragma GCC ivdep
    for (int64_t j = 0; j < N; ++j) out[j] += factor * widened(row[j]);
  }
}

extern const Bfloat16Loops bfloat16_loops = {bfloat16_dots, bfloat16_sum_of_rows};
