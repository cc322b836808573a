#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

/// What is copied at a time to be summed.
constexpr int64_t piece_of_dot = 1 << 10;

/// The sum of n products; fill(begin, length, left, right) puts the factors of a piece into rows of
/// T.
template <class T, class Fill>
T dot_of_pieces(int64_t n, Fill fill) {
  T left[piece_of_dot], right[piece_of_dot], sum = 0;
  for (int64_t begin = 0; begin < n; begin += piece_of_dot) {
    const int64_t length = std::min(piece_of_dot, n - begin);
    fill(begin, length, left, right);
    T part;
    Gemm<T> q;
    q.M = q.N = 1, q.K = length;
    q.a = left, q.lda = length, q.b = right, q.ldb = 1, q.c = &part, q.ldc = 1;
    gemm(q);
    sum += part;
  }
  return sum;
}

float dot_by_parts(const float16* x, const float16* y, int64_t n) {
  return dot_of_pieces<float>(n, [&](int64_t begin, int64_t length, float* left, float* right) {
    convert(x + begin, left, length);
    convert(y + begin, right, length);
  });
}

#if defined(__x86_64__)
const bool has_f16c = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("f16c");

/// Widened in registers.
__attribute__((target("avx2,fma,f16c"))) float dot_f16c(const float16* x, const float16* y,
                                                        int64_t n) {
  constexpr int64_t width = 8, parts = 4;
  auto wide = [&](const float16* from) __attribute__((always_inline, target("avx2,fma,f16c"))) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  };
  __m256 sums[parts] = {};
  int64_t i = 0;
  for (; i + parts * width <= n; i += parts * width)
    for (int64_t part = 0; part < parts; ++part)
      sums[part] =
          _mm256_fmadd_ps(wide(x + i + part * width), wide(y + i + part * width), sums[part]);
  const __m256 all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float sum = 0;
  for (int64_t lane = 0; lane < width; ++lane) sum += all[lane];
  return sum + dot_by_parts(x + i, y + i, n - i);
}

/// The same with a vector that is widened already.
__attribute__((target("avx2,fma,f16c"))) float dot_f16c(const float* x, const float16* y,
                                                        int64_t n) {
  constexpr int64_t width = 8, parts = 4;
  __m256 sums[parts] = {};
  int64_t i = 0;
  for (; i + parts * width <= n; i += parts * width)
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t at = i + part * width;
      const __m256 wide =
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(y + at)));
      sums[part] = _mm256_fmadd_ps(_mm256_loadu_ps(x + at), wide, sums[part]);
    }
  const __m256 all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float sum = 0;
  for (int64_t lane = 0; lane < width; ++lane) sum += all[lane];
  for (; i < n; ++i) sum += x[i] * static_cast<float>(y[i]);
  return sum;
}
#else
constexpr bool has_f16c = false;
float dot_f16c(const float16* x, const float16* y, int64_t n) { return dot_by_parts(x, y, n); }
float dot_f16c(const float*, const float16*, int64_t) { return 0; }  // never called
#endif

/// Whether up to three rows meet the transpose of a matrix, which is then read as it lies.
bool goes_by_dots(const Gemm<float16>& p) {
  return has_f16c && p.M <= 3 && p.trans_b && (p.M == 1 || !p.trans_a) && p.beta == float16(0);
}

/// One of a batch: rows (M, K) and bias widened.
void multiply_by_dots(const Gemm<float16>& p, const float* rows, const float16* b,
                      const float* bias, float16* out) {
  constexpr int64_t task_products = 1 << 16;
  const auto alpha = static_cast<float>(p.alpha);
  parallel_ranges(p.N, std::max<int64_t>(1, task_products / std::max<int64_t>(p.K * p.M, 1)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t j = begin; j < end; ++j)
                      for (int64_t i = 0; i < p.M; ++i) {
                        float value = alpha * dot_f16c(rows + i * p.K, b + j * p.ldb, p.K);
                        if (bias) value += bias[p.epilogue.bias_per_row ? i : j];
                        if (p.epilogue.relu && value < 0) value = 0;
                        out[i * p.ldc + j] = static_cast<float16>(value);
                      }
                  });
}

/// The sum of the products of two vectors, neither of which is copied.
float dot(const float16* x, const float16* y, int64_t n) {
  constexpr int64_t part = 1 << 15;
  const int64_t n_parts = (n + part - 1) / part;
  std::vector<float> sums(n_parts);
  parallel_for(n_parts, [&](int64_t i) {
    const int64_t begin = i * part, length = std::min(part, n - begin);
    sums[i] = has_f16c ? dot_f16c(x + begin, y + begin, length)
                       : dot_by_parts(x + begin, y + begin, length);
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0f);
}

bool is_dot(const Gemm<float16>& p) {
  const bool side_by_side = (!p.trans_a || p.lda == 1) && (p.trans_b || p.ldb == 1);
  return p.M == 1 && p.N == 1 && p.batch == 1 && side_by_side && p.alpha == float16(1) &&
         p.beta == float16(0) && !p.epilogue.bias && !p.epilogue.relu;
}

/// float16, bfloat16 and complex32: operands widened, the product in float32 or complex64, rounded
/// once.
template <class Half>
void gemm_halves(const Gemm<Half>& p) {
  using Wide = computed_t<Half>;
  if (p.M == 0 || p.N == 0) return;
  if constexpr (std::is_same_v<Half, bfloat16>)
    if (gemm_bfloat16(p)) return;
  if constexpr (std::is_same_v<Half, float16>)
    if (is_dot(p)) {
      *p.c = static_cast<Half>(dot(p.a, p.b, p.K));
      return;
    }
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
    Half* out = p.c + item * p.batch_stride_c;
    if constexpr (std::is_same_v<Half, float16>)
      if (goes_by_dots(p)) {
        multiply_by_dots(p, a.get(), p.b + item * p.batch_stride_b, bias.get(), out);
        continue;
      }
    if (item == 0 || p.batch_stride_b)
      b = widened(p.b + item * p.batch_stride_b, b_rows, b_cols, p.ldb);
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

namespace {

/// n elements side by side, widened.
template <class T>
void gather(int64_t n, const T* from, int64_t step, computed_t<T>* to) {
  T near[piece_of_dot];
  for (int64_t i = 0; i < n; ++i) near[i] = from[i * step];
  convert(near, to, n);
}

template <class T>
computed_t<T> strided_sum(int64_t n, const T* x, int64_t x_step, const T* y, int64_t y_step) {
  using Wide = computed_t<T>;
  if constexpr (std::is_integral_v<T>) {
    using Word = std::make_unsigned_t<T>;
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; ++i)
      sum += static_cast<uint64_t>(static_cast<Word>(x[i * x_step])) *
             static_cast<uint64_t>(static_cast<Word>(y[i * y_step]));
    return static_cast<T>(sum);
  } else if constexpr (is_complex_type<T> && !is_widened_type<T>) {
    using Real = typename T::value_type;
    Real real[2] = {}, imaginary[2] = {};
    for (int64_t i = 0; i < n; ++i) {
      const T a = x[i * x_step], b = y[i * y_step];
      real[0] += a.real() * b.real(), imaginary[0] += a.real() * b.imag();
      real[1] += a.imag() * b.imag(), imaginary[1] += a.imag() * b.real();
    }
    return T(real[0] - real[1], imaginary[0] + imaginary[1]);
  } else if constexpr (!is_widened_type<T>) {
    constexpr int64_t parts = 8;  // side by side: one would wait for itself
    T sums[parts] = {};
    int64_t i = 0;
    for (; i + parts <= n; i += parts)
      for (int64_t l = 0; l < parts; ++l)
        sums[l] = multiply_add(sums[l], x[(i + l) * x_step], y[(i + l) * y_step]);
    for (; i < n; ++i) sums[0] = multiply_add(sums[0], x[i * x_step], y[i * y_step]);
    return ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
           ((sums[2] + sums[6]) + (sums[3] + sums[7]));
  } else {
    return dot_of_pieces<Wide>(n, [&](int64_t begin, int64_t length, Wide* left, Wide* right) {
      gather(length, x + begin * x_step, x_step, left);
      gather(length, y + begin * y_step, y_step, right);
    });
  }
}

}  // namespace

void strided_dot(DType dtype, int64_t n, const void* x, int64_t x_step, const void* y,
                 int64_t y_step, void* sum) {
  with_scalar_type(dtype, [&]<class T>() {
    if constexpr (!std::is_same_v<T, Truth>) {
      constexpr int64_t part = 1 << 14;
      const int64_t n_parts = (n + part - 1) / part;
      std::vector<computed_t<T>> sums(n_parts);
      parallel_for(n_parts, [&](int64_t i) {
        const int64_t begin = i * part;
        sums[i] = strided_sum(std::min(part, n - begin), static_cast<const T*>(x) + begin * x_step,
                              x_step, static_cast<const T*>(y) + begin * y_step, y_step);
      });
      computed_t<T> all = sums[0];
      for (int64_t i = 1; i < n_parts; ++i) all = static_cast<computed_t<T>>(all + sums[i]);
      *static_cast<T*>(sum) = static_cast<T>(all);
    }
  });
}

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
