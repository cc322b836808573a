#include "kernels/gemm/little.h"

#include <algorithm>
#include <type_traits>

#include "kernels/gemm/small_matrix.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// Sums that are worth a task.
constexpr int64_t task_size = 1 << 14;

/// Element (i, j) of an operand's matrix is at i * row + j * column.
struct Steps {
  int64_t row, column;
  Steps(bool transposed, int64_t ld, int64_t step)
      : row(transposed ? step : ld), column(transposed ? ld : step) {}
};

template <int N, class T>
void products(const AnyGemm& g, const T* a, const T* b, T* c, int64_t begin, int64_t end) {
  const Steps in_a(g.trans_a, g.lda, g.step_a), in_b(g.trans_b, g.ldb, g.step_b);
  const int64_t M = g.M, K = g.K;
  for (int64_t p = begin; p < end; ++p) {
    const T *left = a + p * g.batch_stride_a, *right = b + p * g.batch_stride_b;
    T* to = c + p * g.batch_stride_c;
    for (int64_t i = 0; i < M; ++i) {
      T sums[N];
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) sums[j] = product(left[i * in_a.row], right[j * in_b.column]);
      for (int64_t k = 1; k < K; ++k) {
        const T factor = left[i * in_a.row + k * in_a.column];
        const T* row = right + k * in_b.row;
#pragma GCC unroll 4
        for (int j = 0; j < N; ++j) sums[j] += product(factor, row[j * in_b.column]);
      }
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) to[i * g.ldc + j] = sums[j];
    }
  }
}

template <class T>
void all_products(const AnyGemm& g) {
  const T *a = static_cast<const T*>(g.a), *b = static_cast<const T*>(g.b);
  T* c = static_cast<T*>(g.c);
  parallel_ranges(g.batch, task_size / (g.M * g.N * g.K), [&](int64_t begin, int64_t end) {
    switch (g.N) {
      case 1: return products<1>(g, a, b, c, begin, end);
      case 2: return products<2>(g, a, b, c, begin, end);
      case 3: return products<3>(g, a, b, c, begin, end);
      default: return products<4>(g, a, b, c, begin, end);
    }
  });
}

}  // namespace

bool are_little_products(const AnyGemm& g) {
  const bool little = g.batch > 1 && g.M <= 4 && g.N <= 4 && g.K >= 1 && g.K <= 8;
  return little && g.alpha == 1 && g.beta == 0 && !g.epilogue.bias && !g.epilogue.relu &&
         (g.dtype == DType::float32 || g.dtype == DType::float64 || g.dtype == DType::complex64 ||
          g.dtype == DType::complex128);
}

void little_products(const AnyGemm& g) {
  switch (g.dtype) {
    case DType::float32: return all_products<float>(g);
    case DType::float64: return all_products<double>(g);
    case DType::complex64: return all_products<complex64>(g);
    default: return all_products<complex128>(g);
  }
}

}  // namespace flambeau
