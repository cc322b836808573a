#include "kernels/gemm/qr.h"

#include <algorithm>

#include "kernels/elements/clones.h"
#include "kernels/gemm/dots.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/reflections.h"

namespace flambeau {

namespace {

/// Reflects columns `step` apart by the vector v (n), whose first number stands for 1.
template <int columns, class T>
[[gnu::always_inline]] inline void reflect(int64_t n, const T* v, T tau, T* C, int64_t step) {
  T sums[columns];
  dot_rows<columns>(n - 1, v + 1, C + 1, step, sums);
  for (int c = 0; c < columns; ++c) {
    sums[c] = -tau * (sums[c] + C[c * step]);
    C[c * step] += sums[c];
  }
  add_to_rows<columns>(n - 1, v + 1, sums, C + 1, step);
}

template <class T>
[[gnu::always_inline]] inline void panel_of(int64_t rows, int64_t columns, int64_t step, T* A,
                                            T* tau) {
  for (int64_t j = 0; j < std::min(rows, columns); ++j) {
    T* x = A + j * step + j;
    const int64_t n = rows - j;
    tau[j] = reflection_of(n, x);
    if (tau[j] == T(0)) continue;
    int64_t c = j + 1;
    for (; c + 4 <= columns; c += 4) reflect<4>(n, x, tau[j], A + c * step + j, step);
    for (; c < columns; ++c) reflect<1>(n, x, tau[j], A + c * step + j, step);
  }
}

// A clone for each instruction set cannot be a template.
FLAMBEAU_CLONES void panel(int64_t rows, int64_t columns, int64_t step, float* A, float* tau) {
  panel_of(rows, columns, step, A, tau);
}
FLAMBEAU_CLONES void panel(int64_t rows, int64_t columns, int64_t step, double* A, double* tau) {
  panel_of(rows, columns, step, A, tau);
}

}  // namespace

template <class T>
BlockedQr<T>::BlockedQr(int64_t m, int64_t n, int64_t step)
    : m_(m),
      n_(n),
      k_(std::min(m, n)),
      step_(step),
      vectors_(static_cast<size_t>(block * m)),
      factors_(static_cast<size_t>((k_ + 2 * block - 1) / block * block * block)),
      work_(static_cast<size_t>(2 * block * std::max({m, n, block}))) {}

template <class T>
int64_t BlockedQr<T>::width_of(int64_t first) const {
  return std::min(first == 0 ? first_block_ : block, k_ - first);
}

/// Where the last block begins.
template <class T>
int64_t BlockedQr<T>::last_block() const {
  return k_ <= first_block_ ? 0 : (k_ - first_block_ - 1) / block * block + first_block_;
}

/// Where the block in front begins, below 0 in front of the first.
template <class T>
int64_t BlockedQr<T>::before(int64_t first) const {
  return first == 0 ? -1 : std::max<int64_t>(0, first - block);
}

template <class T>
T* BlockedQr<T>::factor_of(int64_t first) {
  return factors_.data() + (first + block - first_block_) / block * block * block;
}

template <class T>
void BlockedQr<T>::copy_vectors(const T* A, int64_t first) {
  const int64_t width = width_of(first), height = m_ - first;
  for (int64_t j = 0; j < width; ++j) {
    const T* column = A + (first + j) * step_ + first;
    T* row = vectors_.data() + j * height;
    std::fill_n(row, j, T(0));
    row[j] = T(1);
    std::copy(column + j + 1, column + height, row + j + 1);
  }
}

/// The upper triangular factor F of I - V F V^T, the product of a block's reflections in order.
template <class T>
void BlockedQr<T>::make_factor(const T* tau, int64_t first) {
  const int64_t width = width_of(first), height = m_ - first;
  T *factor = factor_of(first), *products = work_.data();
  Gemm<T> gram;
  gram.M = gram.N = width, gram.K = height;
  gram.a = gram.b = vectors_.data(), gram.c = products;
  gram.lda = gram.ldb = height, gram.ldc = block, gram.trans_b = true;
  gemm(gram);
  std::fill_n(factor, block * block, T(0));
  for (int64_t j = 0; j < width; ++j) {
    for (int64_t i = 0; i < j; ++i) {
      T sum = 0;
      for (int64_t l = i; l < j; ++l) sum += factor[i * block + l] * products[l * block + j];
      factor[i * block + j] = -tau[j] * sum;
    }
    factor[j * block + j] = tau[j];
  }
}

/// C, columns from row `first` on and step_ apart, is multiplied by the product of a block's
/// reflections, or by its transpose.
template <class T>
void BlockedQr<T>::apply(int64_t first, T* C, int64_t columns, bool transposed) {
  if (columns == 0) return;
  const int64_t width = width_of(first), height = m_ - first;
  T *products = work_.data(), *turned = products + block * columns;
  Gemm<T> onto;  // rows of C^T are columns
  onto.M = columns, onto.N = width, onto.K = height;
  onto.a = C, onto.b = vectors_.data(), onto.c = products;
  onto.lda = step_, onto.ldb = height, onto.ldc = block, onto.trans_b = true;
  gemm(onto);
  Gemm<T> turn;
  turn.M = columns, turn.N = width, turn.K = width;
  turn.a = products, turn.b = factor_of(first), turn.c = turned;
  turn.lda = turn.ldb = turn.ldc = block, turn.trans_b = !transposed;
  gemm(turn);
  Gemm<T> change;
  change.M = columns, change.N = height, change.K = width;
  change.a = turned, change.b = vectors_.data(), change.c = C;
  change.lda = block, change.ldb = height, change.ldc = step_;
  change.alpha = T(-1), change.beta = T(1);
  gemm(change);
}

template <class T>
void BlockedQr<T>::factor(T* A, T* taus) {
  T tau[block];
  for (int64_t first = 0; first < k_; first += width_of(first)) {
    const int64_t width = width_of(first);
    panel(m_ - first, width, step_, A + first * (step_ + 1), tau);
    if (taus) std::copy_n(tau, width, taus + first);
    copy_vectors(A, first);
    make_factor(tau, first);
    apply(first, A + (first + width) * step_ + first, n_ - first - width, true);
  }
}

template <class T>
void BlockedQr<T>::take(const T* A, const T* tau) {
  for (int64_t first = 0; first < k_; first += width_of(first)) {
    copy_vectors(A, first);
    make_factor(tau + first, first);
  }
}

template <class T>
void BlockedQr<T>::form(const T* A, T* Q, int64_t width) {
  make_room(width);
  for (int64_t j = 0; j < width; ++j) {
    std::fill_n(Q + j * step_, m_, T(0));
    Q[j * step_ + j] = T(1);
  }
  for (int64_t first = k_ ? last_block() : -1; first >= 0; first = before(first)) {
    copy_vectors(A, first);
    apply(first, Q + first * (step_ + 1), width - first, false);
  }
}

template <class T>
void BlockedQr<T>::make_room(int64_t columns) {
  const size_t room = static_cast<size_t>(2 * block * columns);
  if (work_.size() < room) work_.resize(room);
}

template <class T>
void BlockedQr<T>::multiply(const T* A, T* B, int64_t k) {
  make_room(k);
  for (int64_t first = last_block(); first >= 0; first = before(first)) {
    copy_vectors(A, first);
    apply(first, B + first, k, false);
  }
}

template <class T>
void BlockedQr<T>::multiply_transposed(const T* A, T* B, int64_t k) {
  make_room(k);
  for (int64_t first = 0; first < k_; first += width_of(first)) {
    copy_vectors(A, first);
    apply(first, B + first, k, true);
  }
}

template class BlockedQr<float>;
template class BlockedQr<double>;

}  // namespace flambeau
