// What blocked.cpp multiplies, and how it copies operands that the loops of gemm/simd.h cannot read
// in place. Any thread, no GIL, no allocation.
#pragma once
#include <algorithm>

#include "kernels/gemm/simd.h"
#include "runtime/rounding.h"

namespace flambeau {

/// One product without a batch, with every stride free but that of C's columns.
template <class T>
struct Product {
  int64_t M, N, K;
  const T* a;
  int64_t a_row, a_column;
  const T* b;
  int64_t b_row, b_column;
  T* c;
  int64_t c_row;
  T alpha, beta;
  const T* column_bias;
  const T* row_bias;
  bool relu;
  const T* next_a = nullptr;  // the operands of the product that follows, where they come from
  const T* next_b = nullptr;  // memory: small ones are fetched meanwhile
  bool pairs = false;  // as in Gemm; the stride across the lines of A and B is that of complex ones

  /// Where element (i, k) of A, and (k, j) of B, lies; of pairs, k and j are even.
  const T* a_at(int64_t i, int64_t k) const {
    return a + i * a_row + (pairs && a_column != 1 ? k / 2 : k) * a_column;
  }
  const T* b_at(int64_t k, int64_t j) const {
    if (pairs) return b + (b_column == 1 ? k / 2 * b_row + j : k + j / 2 * b_column);
    return b + k * b_row + j * b_column;
  }
};

/// How A is read: in place, or from panels of its columns, or, if neither its rows nor its columns
/// are contiguous, from a copy of its rows.
enum class SourceA { in_place, panels, rows };

template <class T>
SourceA source_a(const Product<T>& p) {
  if (p.a_column == 1) return SourceA::in_place;
  if (p.a_row != 1) return SourceA::rows;
  // Each line of a column serves two tiles; little is gained by a copy if few columns of B follow,
  // or where the lines of A are short.
  const bool small = p.M * p.K * static_cast<int64_t>(sizeof(T)) <= 256 << 10;
  return small || p.N <= 64 || (p.N <= 256 && p.M <= 256) ? SourceA::in_place : SourceA::panels;
}

/// The same of complex numbers; eight neighbours of a column share a line of the cache.
template <class T>
void copy_rows_of_pairs(const Product<T>& p, int64_t k0, int64_t depth, int64_t begin, int64_t end,
                        T* to, int64_t to_row) {
  for (int64_t i = begin; i < end; i += 8) {
    const int64_t n_rows = std::min<int64_t>(8, end - i);
    const T* from = p.a_at(i, k0);
    for (int64_t k = 0; k < depth; k += 2, from += p.a_column)
      for (int64_t row = 0; row < n_rows; ++row) {
        T* pair = to + (i - begin + row) * to_row + k;
        pair[0] = from[row * p.a_row];
        pair[1] = from[row * p.a_row + 1];
      }
  }
}

/// Rows [begin, end) of A, contiguous, for kernels that read them so.
template <class T>
void copy_rows(const Product<T>& p, int64_t k0, int64_t depth, int64_t begin, int64_t end, T* to,
               int64_t to_row) {
  if (p.pairs) return copy_rows_of_pairs(p, k0, depth, begin, end, to, to_row);
  for (int64_t i = begin; i < end; ++i, to += to_row) {
    const T* from = p.a_at(i, k0);
    for (int64_t k = 0; k < depth; ++k) to[k] = from[k * p.a_column];
  }
}

/// Copies of rows start on different sets of the cache.
constexpr int64_t copied_row(int64_t depth) { return round_up(depth, 16) + 16; }

/// Elements from one row of a packed A to the next, on average.
constexpr int64_t packed_row(SourceA source, int64_t depth) {
  return source == SourceA::rows ? copied_row(depth) : depth;
}

/// Packs rows [begin, end) of A for the depth from k0 on.
template <class T>
void pack_a(const Product<T>& p, SourceA source, int64_t begin, int64_t end, int64_t k0,
            int64_t depth, T* packed) {
  if (source == SourceA::panels)
    gemm_kernels<T>().pack_a(end - begin, depth, p.a + begin + k0 * p.a_column, p.a_column, packed);
  else if (source == SourceA::rows)
    copy_rows(p, k0, depth, begin, end, packed, copied_row(depth));
}

/// Whether B is packed by panels, not by rows.
template <class T>
bool packs_panels(const Product<T>& p) {
  return p.pairs || (p.b_row == 1 && p.b_column != 1);
}

/// Packs panels, or else rows, [first, last) of B, of the N columns from n0 and the depth from k0
/// on.
template <class T>
void pack_b(const Product<T>& p, int64_t k0, int64_t depth, int64_t n0, int64_t N, int64_t first,
            int64_t last, T* packed) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const T* b = p.b_at(k0, n0);
  if (p.pairs)
    kernels.pack_b_pairs(depth, N, b, p.b_row, p.b_column, first, last, packed);
  else if (packs_panels(p))
    kernels.pack_b_columns(depth, N, b, p.b_column, first, last, packed);
  else
    kernels.pack_b_rows(depth, N, b, p.b_row, p.b_column, first, last, packed);
}

/// Makes the block read A from what pack_a left.
template <class T>
void use_packed_a(GemmBlock<T>& g, SourceA source, const T* packed) {
  g.a = packed;
  g.packed_a = source == SourceA::panels;
  g.a_row = copied_row(g.K);
  g.a_column = 1;
}

/// Rows or columns of B that a later step packs, as lines of the cache to fetch during `n_tiles`
/// tiles of `depth`.
template <class T>
Fetch fetch_of(const Product<T>& p, int64_t k0, int64_t K, int64_t n0, int64_t N, int64_t n_tiles,
               int64_t depth) {
  const bool by_rows = p.b_column == 1;
  Fetch f;
  if (!by_rows && p.b_row != 1) return f;
  f.at = reinterpret_cast<const char*>(p.b_at(k0, n0));
  f.row_bytes = (by_rows ? p.b_row : p.b_column) * static_cast<int64_t>(sizeof(T));
  f.lines = ceil_div((by_rows ? N : K) * static_cast<int64_t>(sizeof(T)), 64);
  f.n_left = f.lines * (by_rows ? K : N) / (p.pairs ? 2 : 1);
  f.at_once = ceil_div(f.n_left, n_tiles * (depth * static_cast<int64_t>(sizeof(T)) / 64 + 1));
  return f;
}

/// Panels of B's columns, or rows of B, that one task packs: about as much as a task of the pool is
/// worth.
inline int64_t packed_at_once(bool columns, int64_t parts, int64_t depth, int64_t N) {
  return columns ? std::max<int64_t>(1, 16384 * parts / (depth * N))
                 : std::max<int64_t>(8, 65536 * parts / (depth * N) / 8 * 8);
}

}  // namespace flambeau
