#include "kernels/gemm/symmetric.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/elements/clones.h"
#include "kernels/gemm/dots.h"
#include "kernels/gemm/reflections.h"

namespace flambeau {

namespace {

/// What one reflection leaves to be done: columns lose v w^T + w v^T.
template <class T>
struct Pending {
  const T *v, *w;
};

/// Columns j, j + 1, ... of A from row `first` to n lose what is pending; sums: their products with
/// x.
template <int columns, class T>
[[gnu::always_inline]] inline void change_and_multiply(int64_t first, int64_t n, int64_t j, T* A,
                                                       const Pending<T>& pending, const T* x,
                                                       T* sums) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count;
  V parts[columns] = {};
  int64_t i = first;
  for (; i + lanes <= n; i += lanes) {
    const V v = *reinterpret_cast<const V*>(pending.v + i),
            w = *reinterpret_cast<const V*>(pending.w + i),
            factor = *reinterpret_cast<const V*>(x + i);
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      V* to = reinterpret_cast<V*>(A + (j + c) * n + i);
      const V value = *to - v * pending.w[j + c] - w * pending.v[j + c];
      *to = value;
      parts[c] += value * factor;
    }
  }
  for (int c = 0; c < columns; ++c) {
    T sum = 0;
    for (int l = 0; l < lanes; ++l) sum += parts[c][l];
    for (int64_t r = i; r < n; ++r) {
      T& value = A[(j + c) * n + r];
      value -= pending.v[r] * pending.w[j + c] + pending.w[r] * pending.v[j + c];
      sum += value * x[r];
    }
    sums[c] = sum;
  }
}

template <class T>
[[gnu::always_inline]] inline void by_columns(int64_t n, T* A, T* d, T* e, T* tau, T* work) {
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = j + 1; i < n; ++i) A[i * n + j] = A[j * n + i];
  T *v = work, *w = v + n, *x = w + n, *products = x + n;
  for (int64_t k = 0; k < n; ++k) {
    T* column = A + k * n;
    for (int64_t i = k; i < n; ++i) column[i] -= v[i] * w[k] + w[i] * v[k];
    d[k] = column[k];
    if (k == n - 1) return;
    const int64_t first = k + 1;
    tau[k] = reflection_of(n - first, column + first);
    e[k] = column[first];
    x[first] = T(1);
    std::copy(column + first + 1, column + n, x + first + 1);
    int64_t j = first;
    for (; j + 4 <= n; j += 4) change_and_multiply<4>(first, n, j, A, {v, w}, x, products + j);
    for (; j < n; ++j) change_and_multiply<1>(first, n, j, A, {v, w}, x, products + j);
    T along;
    dot_rows<1>(n - first, products + first, x + first, 0, &along);
    const T back = T(-0.5) * tau[k] * tau[k] * along;
    for (int64_t i = first; i < n; ++i) w[i] = tau[k] * products[i] + back * x[i];
    std::swap(v, x);
  }
}

// A clone for each instruction set cannot be a template.
FLAMBEAU_CLONES void run(int64_t n, float* A, float* d, float* e, float* tau, float* work) {
  by_columns(n, A, d, e, tau, work);
}
FLAMBEAU_CLONES void run(int64_t n, double* A, double* d, double* e, double* tau, double* work) {
  by_columns(n, A, d, e, tau, work);
}

}  // namespace

template <class T>
void make_tridiagonal(int64_t n, T* A, T* d, T* e, T* tau) {
  std::vector<T> work(static_cast<size_t>(4 * n));
  run(n, A, d, e, tau, work.data());
}
template void make_tridiagonal(int64_t, float*, float*, float*, float*);
template void make_tridiagonal(int64_t, double*, double*, double*, double*);

}  // namespace flambeau
