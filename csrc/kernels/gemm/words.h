// Products of bfloat16 and of integers on *words*: what a lane multiplies at once, one or several
// neighbours along k. Pairs of bfloat16 by AVX512-BF16, pairs of 16-bit and fours of 8-bit integers
// by the instructions for dot products, where the machine has them; 32 and 64 bits one by one.
// Pure loops over raw memory: any thread, no GIL, no allocation.
//
// Sums of integers wrap around, so their low bits are right whatever the order and the sign: all
// kernels take unsigned ones, and a sum may be wider than the result.
#pragma once
#include "kernels/gemm/problem.h"

namespace flambeau {

/// Computes the product and says true, or false where the general way is the better one (too small,
/// or neither thin nor pairs to multiply). Any thread, no GIL.
bool gemm_bfloat16(const Gemm<bfloat16>& problem);

/// T: integers, not bool.
template <class T>
void gemm_integers(const Gemm<T>& problem);

/// sums (M, N) of A (M, n_words) times pairs of rows of B, b_row values apart; of the last pair the
/// second row is missing if `odd`. Between the first part of a sum over k and the last one the sums
/// of 32 columns lie as they fall. sums_row is N or more, a multiple of rows_columns.
struct RowsTask {
  int64_t M, N, n_words;
  const void* a;
  int64_t a_row;  // words
  const uint16_t* b;
  int64_t b_row;
  bool odd, first, last;
  float* sums;
  int64_t sums_row;
};

/// sums (M, N) of A (M, K) times B^T, whose rows are the columns, in values.
struct DotsTask {
  int64_t M, N, K;
  const void* a;
  int64_t a_row;
  const void* b;
  int64_t b_row;
  float* sums;
  int64_t sums_row;
};

/// Columns of a result that `narrow` keeps in registers.
constexpr int narrow_columns = 64;

/// to (M, N) = the bfloat16 nearest to A B + bias, at least 0 with relu, of words A (M, n_words)
/// and B (n_words, N), whose rows, and bias unless it is null, are a multiple of narrow_columns
/// long.
struct NarrowTask {
  int64_t M, N, n_words;
  const uint32_t* a;
  int64_t a_row, a_word;  // from row to row, and from word to word
  const uint32_t* b;
  int64_t b_row;
  const float* bias;
  bool relu;
  uint16_t* to;
  int64_t to_row;
};

/// Columns that `few_rows` takes at a time.
constexpr int rows_columns = 64;

/// One level's loops over words. A tile is at most `rows` rows by `vectors` vectors of `lanes`
/// sums; a word holds `group` values of k, each in as many of its bits.
template <class Word, class Sum>
struct WordKernels {
  int lanes, vectors, rows, group;

  /// to (m rows of v vectors, to_row apart) = A B over n_words words of k, added to what it holds
  /// if `add`; m <= rows, v <= vectors. A has a_row words from row to row, aligned as values are; B
  /// v vectors of words for each word of k.
  void (*tile)(int m, int v, int64_t n_words, const void* a, int64_t a_row, const Word* b, bool add,
               Sum* to, int64_t to_row);

  /// to[w * to_row + j] = word w of row j < lanes, n_words of them, a multiple of lanes.
  void (*turn)(int64_t n_words, const void* from, int64_t row_bytes, Word* to, int64_t to_row);

  /// to[j] = the word of column j of `group` rows of values that are `row` apart.
  void (*join)(const void* rows, int64_t row, int64_t n, Word* to);

  /// to[i, j] = the bfloat16 nearest to sums[i, j] + bias[j] (bias may be null), at least 0 with
  /// relu, of n_rows rows `columns` apart; null where results are no bfloat16.
  void (*round)(int64_t n_rows, int64_t width, const Sum* sums, int64_t columns, const Sum* bias,
                bool relu, uint16_t* to, int64_t to_row) = nullptr;

  /// The same of a product that is not deep: see NarrowTask.
  void (*narrow)(const NarrowTask& task) = nullptr;

  /// The same of a few rows with B as it lies, which is read once: see RowsTask.
  void (*few_rows)(const RowsTask& task) = nullptr;
  void (*few_dots)(const DotsTask& task) = nullptr;
};

/// Loops for few rows or columns, where packing would cost what it saves.
template <class T>
struct IntegerLoops {
  /// out[j] = sum over k of a[k] * b[j * b_row + k].
  void (*dots)(int64_t N, int64_t K, const T* a, const T* b, int64_t b_row, T* out);
  /// out[j] = sum over k of a[k] * b[k * b_row + j].
  void (*sum_of_rows)(int64_t N, int64_t K, const T* a, const T* b, int64_t b_row, T* out);
};

/// The same of bfloat16, in float32.
struct Bfloat16Loops {
  void (*dots)(int64_t N, int64_t K, const uint16_t* a, const uint16_t* b, int64_t b_row,
               float* out);
  void (*sum_of_rows)(int64_t N, int64_t K, const uint16_t* a, const uint16_t* b, int64_t b_row,
                      float* out);
};

struct IntegerKernels {
  WordKernels<uint32_t, uint32_t> bits8, bits16, bits32;
  WordKernels<uint64_t, uint64_t> bits64;
  IntegerLoops<uint8_t> loops8;
  IntegerLoops<uint16_t> loops16;
  IntegerLoops<uint32_t> loops32;
  IntegerLoops<uint64_t> loops64;
};

// One set a translation unit; a set for another architecture is empty (lanes 0).
namespace gemm_avx512 {
extern const IntegerKernels integer_kernels;
extern const Bfloat16Loops bfloat16_loops;
}  // namespace gemm_avx512
namespace gemm_avx2 {
extern const IntegerKernels integer_kernels;
extern const Bfloat16Loops bfloat16_loops;
}  // namespace gemm_avx2
namespace gemm_base {
extern const IntegerKernels integer_kernels;
extern const Bfloat16Loops bfloat16_loops;
}  // namespace gemm_base

/// Pairs of bfloat16; lanes 0 where the machine lacks the instructions.
const WordKernels<uint32_t, float>& bfloat16_pairs();

/// Fours of 8 bits and pairs of 16; lanes 0 where the machine lacks the instructions.
struct IntegerDots {
  WordKernels<uint32_t, uint32_t> bits8, bits16;
};
const IntegerDots& integer_dots();

}  // namespace flambeau
