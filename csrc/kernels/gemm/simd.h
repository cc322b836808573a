// Register-blocked inner loops of matrix products in float32 and float64, compiled once for each
// instruction set and chosen by the machine's. Pure loops over raw memory: any thread, no GIL, no
// allocation.
//
// A tile of C, m rows of v vectors, stays in registers while k runs:
//
//              v vectors of row k of B
//   A[i, k] x [ 0..L | L..2L | .. ]  added to row i of the tile, i < m
//
// so A is read one element at a time, with any strides, and B in whole vectors. B is either packed
// (panels of v vectors, each K rows without gaps) or any matrix whose rows are contiguous.
#pragma once
#include <cstdint>

namespace flambeau {

/// n things cut into as few parts as `most` allows, of sizes that differ by one at most.
struct Spread {
  int64_t n_parts, size, n_longer;
  bool mixed = false;
  Spread(int64_t n, int64_t most)
      : n_parts((n + most - 1) / most),
        size(n_parts ? n / n_parts : 0),
        n_longer(n_parts ? n % n_parts : 0) {}

  /// The same in tasks for threads: rather a few parts more than a number that two or four threads
  /// cannot share evenly, and the longer parts not all among the first, which one thread takes.
  static Spread shared(int64_t n, int64_t most) {
    Spread spread(n, most);
    const int64_t parts = spread.n_parts, unit = parts <= 1    ? 1
                                                 : parts <= 8  ? 2
                                                 : parts <= 32 ? 4
                                                               : 1;
    spread.n_parts = (parts + unit - 1) / unit * unit;
    if (spread.n_parts > n) spread.n_parts = n;
    if (n > 0) spread.size = n / spread.n_parts, spread.n_longer = n % spread.n_parts;
    spread.mixed = true;
    return spread;
  }
  /// As few parts as possible, the longer ones between the others.
  static Spread even(int64_t n, int64_t most) {
    Spread spread(n, most);
    spread.mixed = true;
    return spread;
  }
  int64_t begin(int64_t part) const {
    if (mixed && n_longer > 0) return part * size + part * n_longer / n_parts;
    return part * size + (part < n_longer ? part : n_longer);
  }
  int64_t length(int64_t part) const {
    if (mixed) return begin(part + 1) - begin(part);
    return size + (part < n_longer ? 1 : 0);
  }
};

/// Memory that will be needed after a block: rows of lines of the cache, fetched a few at a time
/// between the block's own work.
struct Fetch {
  const char* at = nullptr;
  int64_t row_bytes = 0;  // from row to row
  int64_t lines = 0;      // of a row
  int64_t n_left = 0;     // lines in all
  int64_t at_once = 0;    // lines for each 64 bytes of k
  int64_t line = 0;       // of the row that `at` is in
};

/// C = relu(alpha * A B + bias + beta * C) over one block whose operands fit in cache. beta = 0
/// ignores what C holds.
template <class T>
struct GemmBlock {
  int64_t M, N, K;
  const T* a;
  int64_t a_row, a_column;  // ignored if packed_a
  const T* b;
  int64_t b_row;  // ignored if packed_b
  T* c;
  int64_t c_row;
  bool packed_a, packed_b;
  T alpha, beta;
  const T* column_bias;  // N values, or none
  const T* row_bias;     // M values, or none
  bool relu;
  bool large;       // worth fetching the tiles of C before they are needed
  const T* next_a;  // the A of the block that follows, or none: fetched meanwhile
  Fetch* fetch;     // what else is fetched, or none
};

template <class T>
struct GemmKernels {
  int lanes;       // elements of a vector
  int panel;       // vectors of a packed panel of B, at most
  int panel_rows;  // rows of a packed panel of A, at most
  int dot_rows;    // rows of A that `dots` takes at most

  void (*block)(const GemmBlock<T>& block);

  /// Packs rows [first, last) of B (K, N), whose element (k, j) is b[k * row + j * column]. A panel
  /// begins at packed + (its first column) * K; columns that fill up the last vector are 0.
  void (*pack_b_rows)(int64_t K, int64_t N, const T* b, int64_t row, int64_t column, int64_t first,
                      int64_t last, T* packed);
  /// Packs panels [first, last) of B, whose element (k, j) is b[k + j * column].
  void (*pack_b_columns)(int64_t K, int64_t N, const T* b, int64_t column, int64_t first,
                         int64_t last, T* packed);
  /// Packs panels [first, last) of B (K, N), real, from complex (K / 2, N / 2), whose rows are
  /// `row` apart if column is 1, and else its columns `column`: row 2k as it lies, and i times it
  /// behind.
  void (*pack_b_pairs)(int64_t K, int64_t N, const T* b, int64_t row, int64_t column, int64_t first,
                       int64_t last, T* packed);
  /// Packs A (M, K), whose element (i, k) is a[i + k * column], into panels of rows side by side.
  void (*pack_a)(int64_t M, int64_t K, const T* a, int64_t column, T* packed);

  /// out[i * out_row + j * out_column] = sum over k of a[i * a_row + k] * b[j * b_row + k], for i <
  /// M <= dot_rows, j < N: both operands contiguous along k.
  void (*dots)(int64_t M, int64_t N, int64_t K, const T* a, int64_t a_row, const T* b,
               int64_t b_row, T* out, int64_t out_row, int64_t out_column);

  /// c[i * c_row + j] = a[i * a_row] * b[j] for i < M, j < N, row after row.
  void (*outer)(int64_t M, int64_t N, const T* a, int64_t a_row, const T* b, T* c, int64_t c_row);
};

/// The kernels for this machine. T: float, double.
template <class T>
const GemmKernels<T>& gemm_kernels();

// One set a translation unit: gemm_*.cpp. A set for another architecture is empty (lanes 0).
namespace gemm_avx512 {
extern const GemmKernels<float> float_kernels;
extern const GemmKernels<double> double_kernels;
}  // namespace gemm_avx512
namespace gemm_avx2 {
extern const GemmKernels<float> float_kernels;
extern const GemmKernels<double> double_kernels;
}  // namespace gemm_avx2
namespace gemm_base {
extern const GemmKernels<float> float_kernels;
extern const GemmKernels<double> double_kernels;
}  // namespace gemm_base

}  // namespace flambeau
