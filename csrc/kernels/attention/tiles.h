// Products of tiles of queries with keys and values, which both attentions share. Raw memory, no
// GIL, any thread.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/gemm/simd.h"
#include "runtime/rounding.h"

namespace flambeau::attention {

/// Slots of the workspace: scores, packed keys, packed values, what belongs to the rows of a tile.
enum Slot { scores_slot = 0, keys_slot = 1, values_slot = 2, rows_slot = 3 };

/// A product over keys is cut so that its part of V stays in the first-level cache's reach.
constexpr int64_t most_depth = 384;

/// C = alpha A B + beta C by the tiles of gemm.
template <class T>
void multiply(int64_t M, int64_t N, int64_t K, const T* a, int64_t a_row, int64_t a_column,
              const T* b, int64_t b_row, bool packed, T* c, int64_t c_row, T alpha, T beta) {
  GemmBlock<T> g{};
  g.M = M, g.N = N, g.K = K;
  g.a = a, g.a_row = a_row, g.a_column = a_column;
  g.b = b, g.b_row = b_row, g.packed_b = packed;
  g.c = c, g.c_row = c_row;
  g.alpha = alpha, g.beta = beta;
  gemm_kernels<T>().block(g);
}

/// A matrix with a row for each key, transposed and packed for products with its columns, some keys
/// (`together`) at a time.
template <class T>
struct PackedKeys {
  int64_t n_keys, together;

  int64_t group_size(int64_t width) const {
    return round_up(together, gemm_kernels<T>().lanes) * width;
  }
  /// Numbers that pack() fills for rows of `width`.
  int64_t n_packed(int64_t width) const {
    return group_size(width) * ((n_keys + together - 1) / together);
  }
  void pack(const T* matrix, int64_t row, int64_t width, T* packed) const {
    const auto& gemm = gemm_kernels<T>();
    for (int64_t j = 0; j < n_keys; j += together, packed += group_size(width)) {
      const int64_t n = std::min(together, n_keys - j);
      const Spread panels((n + gemm.lanes - 1) / gemm.lanes, gemm.panel);
      gemm.pack_b_columns(width, n, matrix + j * row, row, 0, panels.n_parts, packed);
    }
  }
  /// How many of a group's n columns are multiplied where the first `used` are asked for: panels
  /// that lie as they would without the rest.
  int64_t columns(int64_t n, int64_t used) const {
    const int64_t panel = gemm_kernels<T>().panel * gemm_kernels<T>().lanes;
    return n % panel ? n : std::min(n, round_up(used, panel));
  }
  /// to[i, j - begin] = alpha * from[i] . matrix[j] for keys j of begin ... end in whole panels.
  void products(const T* from, int64_t from_row, int64_t n_rows, const T* packed, int64_t width,
                int64_t begin, int64_t end, T alpha, T* to, int64_t to_row) const {
    packed += begin / together * group_size(width);
    for (int64_t j = begin; j < end; j += together, packed += group_size(width))
      multiply(n_rows, columns(std::min(together, n_keys - j), end - j), width, from, from_row,
               int64_t{1}, packed, int64_t{0}, true, to + j - begin, to_row, alpha, T(0));
  }
};

/// to = alpha * weights times n rows of a matrix with a row for each key, + beta * to.
template <class T>
void combine(const T* weights, int64_t weights_row, int64_t n_rows, int64_t n, const T* matrix,
             int64_t row, int64_t width, T* to, int64_t to_row, T alpha, T beta) {
  for (int64_t k = 0; k < n; k += most_depth)
    multiply(n_rows, width, std::min(most_depth, n - k), weights + k, weights_row, int64_t{1},
             matrix + k * row, row, false, to, to_row, alpha, k == 0 ? beta : T(1));
}

}  // namespace flambeau::attention
