// Complex products, as products of real matrices; tiles for the library, or plain loops while none
// is loaded, for those of a few columns and for complex factors.
#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/elements/clones.h"
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

/// The product in real numbers: A as it lies is a real matrix of twice as many columns, and so is
/// the result; B is packed with a row of i times each of its rows.
template <class Real>
void product_of_pairs(const Gemm<std::complex<Real>>& p) {
  auto parts = [](const std::complex<Real>* from) { return reinterpret_cast<const Real*>(from); };
  Gemm<Real> q;
  q.pairs = true;
  q.M = p.M, q.N = 2 * p.N, q.K = 2 * p.K;
  q.a = parts(p.a), q.lda = 2 * p.lda, q.trans_a = p.trans_a, q.step_a = p.trans_a ? 2 : 1;
  q.b = parts(p.b), q.ldb = 2 * p.ldb, q.trans_b = p.trans_b;
  q.c = reinterpret_cast<Real*>(p.c), q.ldc = 2 * p.ldc;
  q.alpha = p.alpha.real(), q.beta = p.beta.real();
  q.batch = p.batch;
  q.batch_stride_a = 2 * p.batch_stride_a;
  q.batch_stride_b = 2 * p.batch_stride_b;
  q.batch_stride_c = 2 * p.batch_stride_c;
  if (!p.epilogue.bias_per_row) q.epilogue.bias = p.epilogue.bias;
  gemm(q);
  if (p.epilogue.bias && p.epilogue.bias_per_row)
    for (int64_t item = 0; item < p.batch; ++item)
      apply_epilogue(p.epilogue, 0, 0, p.M, p.N, p.c + item * p.batch_stride_c, p.ldc);
}

/// Rows X times a matrix B that is read once and as it lies, in real numbers: C or C^T of a product
/// with few rows or columns.
template <class Real>
struct ThinProduct {
  using T = std::complex<Real>;
  int64_t rows, N, K;
  const T* x;
  int64_t x_row, x_column;
  const T* b;
  int64_t b_line;  // from row to row of B, or from column to column
  bool by_columns;

  explicit ThinProduct(const Gemm<T>& p)
      : rows(p.M),
        N(p.N),
        K(p.K),
        x(p.a),
        x_row(p.trans_a ? 1 : p.lda),
        x_column(p.trans_a ? p.lda : 1),
        b(p.b),
        b_line(p.ldb),
        by_columns(p.trans_b) {
    if (p.M <= p.N) return;
    rows = p.N, N = p.M;
    x = p.b, x_row = p.trans_b ? p.ldb : 1, x_column = p.trans_b ? 1 : p.ldb;
    b = p.a, b_line = p.lda, by_columns = !p.trans_a;
  }

  /// Calls put(i, j, number) for each number of the result.
  template <class Put>
  void run(Put&& put) const {
    if (K <= few_terms) return run_short(put);
    const int64_t depth = by_columns ? 2 * K : K, width = by_columns ? N : 2 * N;
    std::vector<Real> factors(2 * rows * depth), sums(2 * rows * width);
    for (int64_t i = 0; i < rows; ++i) {
      Real *first = &factors[2 * i * depth], *second = first + depth;
      for (int64_t k = 0; k < K; ++k) {
        const T value = x[i * x_row + k * x_column];
        if (by_columns) {
          first[2 * k] = second[2 * k + 1] = value.real();
          first[2 * k + 1] = -value.imag(), second[2 * k] = value.imag();
        } else {
          first[k] = value.real(), second[k] = value.imag();
        }
      }
    }
    Gemm<Real> q;
    q.M = 2 * rows, q.N = width, q.K = depth;
    q.a = factors.data(), q.lda = depth;
    q.b = reinterpret_cast<const Real*>(b), q.ldb = 2 * b_line, q.trans_b = by_columns;
    q.c = sums.data(), q.ldc = width;
    gemm(q);
    for (int64_t i = 0; i < rows; ++i) {
      const Real *first = &sums[2 * i * width], *second = first + width;
      for (int64_t j = 0; j < N; ++j)
        put(i, j,
            by_columns ? T(first[j], second[j])
                       : T(first[2 * j] - second[2 * j + 1], first[2 * j + 1] + second[2 * j]));
    }
  }

 private:
  static constexpr int64_t few_terms = 4;

  /// Sums of so few terms that a product of matrices takes longer.
  template <class Put>
  void run_short(Put&& put) const {
    const int64_t column = 2 * (by_columns ? b_line : 1), row = 2 * (by_columns ? 1 : b_line);
    for (int64_t i = 0; i < rows; ++i) {
      T factors[few_terms];
      for (int64_t k = 0; k < K; ++k) factors[k] = x[i * x_row + k * x_column];
      const auto* from = reinterpret_cast<const Real*>(b);
      for (int64_t j = 0; j < N; ++j, from += column) {
        Real real = 0, imaginary = 0;
        for (int64_t k = 0; k < K; ++k) {
          const Real *part = from + k * row, re = factors[k].real(), im = factors[k].imag();
          real += re * part[0] - im * part[1];
          imaginary += re * part[1] + im * part[0];
        }
        put(i, j, T(real, imaginary));
      }
    }
  }
};

/// The sum of K products. In so many parts side by side, real ones and those of a real and an
/// imaginary part apart, added up at the end.
template <class Real>
[[gnu::always_inline]] inline void dot_of_pairs(int64_t K, const Real* __restrict x,
                                                const Real* __restrict y, Real* sums) {
  constexpr int64_t width = 32;
  Real same[width] = {}, across[width] = {};
  int64_t k = 0;
  for (; k + width <= 2 * K; k += width)
    for (int64_t l = 0; l < width; l += 2) {
      same[l] += x[k + l] * y[k + l];
      same[l + 1] += x[k + l + 1] * y[k + l + 1];
      across[l] += x[k + l] * y[k + l + 1];
      across[l + 1] += x[k + l + 1] * y[k + l];
    }
  for (int64_t l = 0; k + l < 2 * K; ++l) {
    same[l] += x[k + l] * y[k + l];
    across[l] += x[k + l] * y[k + (l ^ 1)];
  }
  Real real = 0, imaginary = 0;
  for (int64_t l = 0; l < width; l += 2) {
    real += same[l] - same[l + 1];
    imaginary += across[l] + across[l + 1];
  }
  sums[0] = real, sums[1] = imaginary;
}

// A clone for each instruction set cannot be a template.
FLAMBEAU_CLONES void add_dots(int64_t K, const float* x, const float* y, float* sums) {
  dot_of_pairs(K, x, y, sums);
}
FLAMBEAU_CLONES void add_dots(int64_t K, const double* x, const double* y, double* sums) {
  dot_of_pairs(K, x, y, sums);
}

/// One number: neither vector is copied.
template <class Real>
std::complex<Real> dot(int64_t K, const std::complex<Real>* x, const std::complex<Real>* y) {
  constexpr int64_t part = 1 << 14;
  const int64_t n_parts = ceil_div(K, part);
  std::vector<Real> sums(2 * n_parts);
  parallel_for(n_parts, [&](int64_t i) {
    add_dots(std::min(part, K - i * part), reinterpret_cast<const Real*>(x + i * part),
             reinterpret_cast<const Real*>(y + i * part), &sums[2 * i]);
  });
  for (int64_t i = 1; i < n_parts; ++i) sums[0] += sums[2 * i], sums[1] += sums[2 * i + 1];
  return {sums[0], sums[1]};
}

/// A real factor leaves an infinite part alone.
template <class T>
T times(T factor, T value) {
  if (factor == T(1)) return value;
  return factor.imag() == 0 ? factor.real() * value : factor * value;
}

/// Rows or columns of which ThinProduct makes as many sums as the loops over dot products hold.
constexpr int64_t few = 2;

template <class T>
void thin_product(const Gemm<T>& p) {
  const T* bias = static_cast<const T*>(p.epilogue.bias);
  auto one = [&](int64_t item) {
    Gemm<T> q = p;
    q.a += item * p.batch_stride_a, q.b += item * p.batch_stride_b;
    q.c += item * p.batch_stride_c;
    auto put = [&](int64_t i, int64_t j, T value) {
      if (q.M > q.N) std::swap(i, j);
      T& to = q.c[i * q.ldc + j];
      value = times(p.alpha, value);
      if (p.beta != T(0)) value += times(p.beta, to);
      if (bias) value += bias[p.epilogue.bias_per_row ? i : j];
      to = value;
    };
    const bool lie_along = (!q.trans_a || q.lda == 1) && (q.trans_b || q.ldb == 1);
    if (q.M == 1 && q.N == 1 && lie_along)
      put(0, 0, dot(q.K, q.a, q.b));
    else
      ThinProduct<typename T::value_type>(q).run(put);
  };
  const int64_t work = p.M * p.N * p.K + 500;
  if (p.batch == 1 || work > 1 << 22) {
    for (int64_t item = 0; item < p.batch; ++item) one(item);
    return;
  }
  parallel_ranges(p.batch, std::max<int64_t>(1, (1 << 16) / work), [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) one(item);
  });
}

/// Columns of a result below which packing B costs more than the library does.
constexpr int64_t least_columns = 8;

template <class T>
void any_product(const Gemm<T>& p) {
  const bool real_factors = p.alpha.imag() == 0 && p.beta.imag() == 0;
  const int64_t thinnest = std::min(p.M, p.N);
  if (thinnest == 0 || p.batch == 0) return;
  if (thinnest <= few && p.K > 0)
    thin_product(p);
  else if (real_factors && p.N >= least_columns)
    product_of_pairs(p);
  else
    complex_product(p);
}

}  // namespace

template <>
void gemm(const Gemm<complex64>& problem) {
  any_product(problem);
}
template <>
void gemm(const Gemm<complex128>& problem) {
  any_product(problem);
}

}  // namespace flambeau
