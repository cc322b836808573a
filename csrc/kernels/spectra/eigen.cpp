#include "kernels/spectra/eigen.h"

#include <algorithm>
#include <cmath>

#include "kernels/gemm/qr.h"
#include "kernels/spectra/conquer.h"
#include "kernels/spectra/slots.h"
#include "kernels/spectra/symmetric.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

template <class T>
SymmetricEigen<T>::SymmetricEigen(int64_t n) : n_(n), rows_(padded_rows<T>(n)) {
  matrix_ = Workspace::get<T>(matrices_slot, rows_ * (2 * rows_ + 3));
  Q_ = matrix_ + rows_ * rows_;
  d_ = Q_ + rows_ * rows_, e_ = d_ + rows_, tau_ = e_ + rows_;
}

/// The upper triangle is the lower one of the matrix whose rows and columns go backwards.
template <class T>
void SymmetricEigen<T>::reduce(const T* A, bool upper) {
  turned_ = upper;
  std::fill(matrix_ + n_ * rows_, matrix_ + rows_ * rows_, T(0));
  for (int64_t j = 0; j < n_; ++j) {
    T* column = matrix_ + j * rows_;
    if (upper)
      std::reverse_copy(A + (n_ - 1 - j) * n_, A + (n_ - 1 - j) * n_ + n_ - j, column + j);
    else
      std::copy(A + j * n_ + j, A + (j + 1) * n_, column + j);
    std::fill(column + n_, column + rows_, T(0));
  }
  constexpr int64_t block = 16;
  for (int64_t i0 = 0; i0 < n_; i0 += block)
    for (int64_t j0 = 0; j0 <= i0; j0 += block)
      for (int64_t i = i0; i < std::min(n_, i0 + block); ++i)
        for (int64_t j = j0; j < std::min(i, j0 + block); ++j)
          matrix_[i * rows_ + j] = matrix_[j * rows_ + i];
  make_tridiagonal(n_, matrix_, d_, e_, tau_);
}

template <class T>
int SymmetricEigen<T>::vectors(T* values, T* V) {
  T size = 0;
  for (int64_t i = 0; i < n_; ++i) size = std::max(size, std::abs(d_[i]));
  for (int64_t i = 0; i + 1 < n_; ++i) size = std::max(size, std::abs(e_[i]));
  // By a power of 2, so that nothing is rounded.
  const int power = size > 0 ? -std::ilogb(size) : 0;
  for (int64_t i = 0; i < n_; ++i) d_[i] = std::scalbn(d_[i], power);
  for (int64_t i = 0; i + 1 < n_; ++i) e_[i] = std::scalbn(e_[i], power);
  if (turned_) {
    std::reverse(d_, d_ + n_);
    std::reverse(e_, e_ + n_ - 1);
  }
  for (int64_t j = 0; j < n_; ++j) std::fill_n(Q_ + j * rows_, n_, T(0));
  DivideAndConquer<T> conquer(n_);
  const int failed = conquer.run(d_, e_, Q_, rows_);
  if (turned_)
    for (int64_t j = 0; j < n_; ++j) std::reverse(Q_ + j * rows_, Q_ + j * rows_ + n_);
  // The reflections leave the first row alone.
  BlockedQr<T> reflections(n_ - 1, n_ - 1, rows_);
  reflections.take(matrix_ + 1, tau_);
  reflections.multiply(matrix_ + 1, Q_ + 1, n_);
  for (int64_t i = 0; i < n_; ++i) {
    const int64_t from = conquer.order()[i];
    values[i] = std::scalbn(d_[from], -power);
    const T* column = Q_ + from * rows_;
    if (turned_)
      std::reverse_copy(column, column + n_, V + i * n_);
    else
      std::copy_n(column, n_, V + i * n_);
  }
  return failed;
}

template class SymmetricEigen<float>;
template class SymmetricEigen<double>;

}  // namespace flambeau
