// Complex products: tiles for the library, or plain loops while none is loaded.
#include <algorithm>
#include <vector>

#include "kernels/gemm/gemm.h"
#include "runtime/blas.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"

namespace flambeau {
namespace {

enum CblasOrder : int { row_major = 101 };
enum CblasTranspose : int { no_trans = 111, trans = 112 };

constexpr int64_t int_max = 0x7fffffff;

template <class T>
void apply_epilogue(const Epilogue& epilogue, int64_t row0, int64_t col0, int64_t rows,
                    int64_t cols, T* c, int64_t ldc) {
  const T* bias = static_cast<const T*>(epilogue.bias);
  for (int64_t i = 0; i < rows; ++i) {
    T* row = c + i * ldc;
    if (bias && epilogue.bias_per_row) {
      T add = bias[row0 + i];
      for (int64_t j = 0; j < cols; ++j) row[j] += add;
    } else if (bias) {
      const T* add = bias + col0;
      for (int64_t j = 0; j < cols; ++j) row[j] += add[j];
    }
  }
}

/// How a product is cut, from its shape alone: tiles of the result, or slices of K if it is small.
struct Cut {
  int64_t tile_m, tile_n, slice_k;
};

// A tile of 2 MFLOP takes about 15 us, against 1 us to hand it to another thread. The library packs
// A and B anew for each tile, so few and large ones are best.
constexpr double least_tile_flop = 2e6;
constexpr int64_t most_tiles = 256;

Cut cut(int64_t M, int64_t N, int64_t K, int64_t batch) {
  Cut result{M, N, K};
  double flop = 8 * static_cast<double>(M) * static_cast<double>(N) * static_cast<double>(K);
  // A long sum into a small result: slices of K, added in order.
  if (batch == 1 && K >= 16384 && M * N <= 128 * 128 && flop > 4 * least_tile_flop) {
    result.slice_k = std::max<int64_t>(4096, round_up((K + 31) / 32, 256));
    return result;
  }
  int64_t tiles = batch;
  while (tiles < most_tiles && flop > 2 * least_tile_flop) {
    bool by_n = result.tile_n >= result.tile_m;
    int64_t& dim = by_n ? result.tile_n : result.tile_m;
    // Past two tiles, only long sides are cut.
    if (dim <= 32 || (tiles >= 2 && dim <= 512)) break;
    dim = round_up((dim + 1) / 2, by_n ? 16 : 8);
    flop /= 2;
    tiles *= 2;
  }
  return result;
}

template <class T>
void complex_tile(const Gemm<T>& p) {
  if (p.M == 0 || p.N == 0) return;
  const GemmRoutine<T> routine = gemm_routine<T>();
  const int64_t largest = std::max({p.M, p.N, p.K, p.lda, p.ldb, p.ldc});
  if (!routine || p.K == 0 || largest > int_max) return gemm_loops(p);
  // The library wants every leading dimension at least as long as a row, even of one element.
  auto ld = [](int64_t given, int64_t row) {
    return static_cast<int>(std::max({given, row, int64_t{1}}));
  };
  routine(row_major, p.trans_a ? trans : no_trans, p.trans_b ? trans : no_trans,
          static_cast<int>(p.M), static_cast<int>(p.N), static_cast<int>(p.K), &p.alpha, p.a,
          ld(p.lda, p.trans_a ? p.M : p.K), p.b, ld(p.ldb, p.trans_b ? p.K : p.N), &p.beta, p.c,
          ld(p.ldc, p.N));
}

template <class T>
void complex_product(const Gemm<T>& p) {
  if (p.M == 0 || p.N == 0 || p.batch == 0) return;
  const Cut c = cut(p.M, p.N, p.K, p.batch);
  const bool finish = p.epilogue.bias != nullptr;

  if (c.slice_k < p.K) {
    int64_t n_slices = (p.K + c.slice_k - 1) / c.slice_k;
    std::vector<T> partial(n_slices * p.M * p.N);
    parallel_for(n_slices, [&](int64_t slice) {
      int64_t k0 = slice * c.slice_k;
      Gemm<T> part = p;
      part.K = std::min(c.slice_k, p.K - k0);
      part.a += p.trans_a ? k0 * p.lda : k0;
      part.b += p.trans_b ? k0 : k0 * p.ldb;
      part.c = partial.data() + slice * p.M * p.N;
      part.ldc = p.N;
      part.beta = T(0);
      complex_tile(part);
    });
    for (int64_t i = 0; i < p.M; ++i)
      for (int64_t j = 0; j < p.N; ++j) {
        T sum = p.beta == T(0) ? T(0) : p.beta * p.c[i * p.ldc + j];
        for (int64_t slice = 0; slice < n_slices; ++slice)
          sum += partial[(slice * p.M + i) * p.N + j];
        p.c[i * p.ldc + j] = sum;
      }
    if (finish) apply_epilogue(p.epilogue, 0, 0, p.M, p.N, p.c, p.ldc);
    return;
  }

  const int64_t tiles_m = (p.M + c.tile_m - 1) / c.tile_m,
                tiles_n = (p.N + c.tile_n - 1) / c.tile_n;
  auto one_tile = [&](int64_t index) {
    int64_t n0 = index % tiles_n * c.tile_n, m0 = index / tiles_n % tiles_m * c.tile_m;
    int64_t item = index / (tiles_n * tiles_m);
    Gemm<T> tile = p;
    tile.M = std::min(c.tile_m, p.M - m0);
    tile.N = std::min(c.tile_n, p.N - n0);
    tile.a += item * p.batch_stride_a + (p.trans_a ? m0 : m0 * p.lda);
    tile.b += item * p.batch_stride_b + (p.trans_b ? n0 * p.ldb : n0);
    tile.c += item * p.batch_stride_c + m0 * p.ldc + n0;
    complex_tile(tile);
    if (finish) apply_epilogue(p.epilogue, m0, n0, tile.M, tile.N, tile.c, tile.ldc);
  };
  // Many small products of a batch make one chunk together.
  double tile_flop = 2.0 * static_cast<double>(c.tile_m) * static_cast<double>(c.tile_n) *
                         static_cast<double>(std::max<int64_t>(p.K, 1)) +
                     500;
  int64_t per_chunk = std::max<int64_t>(1, static_cast<int64_t>(least_tile_flop / tile_flop));
  parallel_ranges(tiles_m * tiles_n * p.batch, per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) one_tile(index);
  });
}

}  // namespace

template <>
void gemm(const Gemm<complex64>& problem) {
  complex_product(problem);
}
template <>
void gemm(const Gemm<complex128>& problem) {
  complex_product(problem);
}

}  // namespace flambeau
