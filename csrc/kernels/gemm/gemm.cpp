#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/elements/arithmetic.h"
#include "kernels/elements/convert.h"
#include "kernels/gemm/words.h"
#include "runtime/threads.h"
#include "tensor/error.h"

namespace flambeau {
namespace {

template <class T>
Gemm<T> typed(const AnyGemm& p) {
  Gemm<T> q;
  q.M = p.M, q.N = p.N, q.K = p.K;
  q.a = static_cast<const T*>(p.a), q.b = static_cast<const T*>(p.b), q.c = static_cast<T*>(p.c);
  q.lda = p.lda, q.ldb = p.ldb, q.ldc = p.ldc;
  q.step_a = p.step_a, q.step_b = p.step_b;
  q.trans_a = p.trans_a, q.trans_b = p.trans_b;
  q.alpha = static_cast<T>(p.alpha), q.beta = static_cast<T>(p.beta);
  q.batch = p.batch;
  q.batch_stride_a = p.batch_stride_a, q.batch_stride_b = p.batch_stride_b,
  q.batch_stride_c = p.batch_stride_c;
  q.epilogue = p.epilogue;
  return q;
}

/// The rows of a strided matrix as contiguous float32 or complex64.
template <class Half>
std::unique_ptr<computed_t<Half>[]> widened(const Half* matrix, int64_t rows, int64_t cols,
                                            int64_t ld) {
  auto copy = std::make_unique_for_overwrite<computed_t<Half>[]>(rows * cols);
  if (ld == cols && rows > 1) {  // without gaps: one long row
    cols *= rows;
    rows = 1;
    parallel_ranges(cols, 65536, [&](int64_t begin, int64_t end) {
      convert(matrix + begin, copy.get() + begin, end - begin);
    });
    return copy;
  }
  int64_t grain = std::max<int64_t>(1, 65536 / std::max<int64_t>(cols, 1));
  parallel_ranges(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) convert(matrix + i * ld, copy.get() + i * cols, cols);
  });
  return copy;
}

/// float16, bfloat16 and complex32: operands widened, the product in float32 or complex64, rounded
/// once.
template <class Half>
void gemm_halves(const Gemm<Half>& p) {
  using Wide = computed_t<Half>;
  if (p.M == 0 || p.N == 0) return;
  if constexpr (std::is_same_v<Half, bfloat16>)
    if (gemm_bfloat16(p)) return;
  std::unique_ptr<Wide[]> bias;
  if (p.epilogue.bias) {
    int64_t n = p.epilogue.bias_per_row ? p.M : p.N;
    bias = widened(static_cast<const Half*>(p.epilogue.bias), 1, n, n);
  }
  std::unique_ptr<Wide[]> a, b;
  for (int64_t item = 0; item < p.batch; ++item) {
    int64_t a_rows = p.trans_a ? p.K : p.M, a_cols = p.trans_a ? p.M : p.K;
    int64_t b_rows = p.trans_b ? p.N : p.K, b_cols = p.trans_b ? p.K : p.N;
    if (item == 0 || p.batch_stride_a)
      a = widened(p.a + item * p.batch_stride_a, a_rows, a_cols, p.lda);
    if (item == 0 || p.batch_stride_b)
      b = widened(p.b + item * p.batch_stride_b, b_rows, b_cols, p.ldb);
    Half* out = p.c + item * p.batch_stride_c;
    auto c = p.beta == Half(0) ? std::make_unique_for_overwrite<Wide[]>(p.M * p.N)
                               : widened(out, p.M, p.N, p.ldc);
    Gemm<Wide> q;
    q.M = p.M, q.N = p.N, q.K = p.K;
    q.a = a.get(), q.lda = a_cols, q.trans_a = p.trans_a;
    q.b = b.get(), q.ldb = b_cols, q.trans_b = p.trans_b;
    q.c = c.get(), q.ldc = p.N;
    q.alpha = static_cast<Wide>(p.alpha), q.beta = static_cast<Wide>(p.beta);
    q.epilogue = p.epilogue;
    q.epilogue.bias = bias.get();
    gemm(q);
    parallel_ranges(p.M, std::max<int64_t>(1, 65536 / p.N), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) convert(c.get() + i * p.N, out + i * p.ldc, p.N);
    });
  }
}

}  // namespace

template <class T>
void gemm_loops(const Gemm<T>& p) {
  // Row by row of C over a block of K whose rows of B stay in cache; a transposed B is copied once.
  constexpr int64_t block_k = 256, block_n = 256;
  std::vector<T> panel(block_k * block_n);
  for (int64_t i = 0; i < p.M; ++i)
    for (int64_t j = 0; j < p.N; ++j) {
      T& value = p.c[i * p.ldc + j];
      value = p.beta == T(0) ? T(0) : static_cast<T>(p.beta * value);
    }
  for (int64_t k0 = 0; k0 < p.K; k0 += block_k) {
    int64_t depth = std::min(block_k, p.K - k0);
    for (int64_t n0 = 0; n0 < p.N; n0 += block_n) {
      int64_t width = std::min(block_n, p.N - n0);
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t j = 0; j < width; ++j)
          panel[k * block_n + j] =
              p.trans_b ? p.b[(n0 + j) * p.ldb + k0 + k] : p.b[(k0 + k) * p.ldb + n0 + j];
      for (int64_t i = 0; i < p.M; ++i) {
        T* row = p.c + i * p.ldc + n0;
        for (int64_t k = 0; k < depth; ++k) {
          T factor = p.trans_a ? p.a[(k0 + k) * p.lda + i] : p.a[i * p.lda + k0 + k];
          factor = static_cast<T>(p.alpha * factor);
          const T* source = panel.data() + k * block_n;
          for (int64_t j = 0; j < width; ++j) row[j] = multiply_add(row[j], factor, source[j]);
        }
      }
    }
  }
}

template void gemm_loops(const Gemm<complex64>&);
template void gemm_loops(const Gemm<complex128>&);

void gemm(const AnyGemm& p) {
  with_scalar_type(p.dtype, [&]<class T>() {
    if constexpr (std::is_same_v<T, Truth>) {
      check<NotImplementedError>(false, [] {
        return "matmul: bool input is not computed. Convert it with .float() or .int() first.";
      });
    } else if constexpr (std::is_integral_v<T>) {
      gemm_integers(typed<T>(p));
    } else if constexpr (is_widened_type<T>) {
      gemm_halves(typed<T>(p));
    } else {
      gemm(typed<T>(p));
    }
  });
}

}  // namespace flambeau
