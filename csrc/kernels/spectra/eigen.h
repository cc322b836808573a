// Eigenvalues and vectors of real symmetric matrices. Any thread, no GIL. Work is shared among
// threads; results do not depend on how many.
#pragma once
#include <cstdint>

namespace flambeau {

/// Of matrices (n, n) by columns, of which one triangle counts, n > 1. Squares of their numbers and
/// sums of these must be finite. T: float, double.
template <class T>
class SymmetricEigen {
 public:
  explicit SymmetricEigen(int64_t n);
  /// Brings a matrix to tridiagonal form.
  void reduce(const T* A, bool upper);
  /// Its diagonals, n and n - 1 numbers.
  T* diagonal() { return d_; }
  T* beside() { return e_; }
  /// The reduced matrix's eigenvalues (n), ascending, and vectors V (n, n) by columns. Gives how
  /// many numbers beside the diagonal did not become 0.
  int vectors(T* values, T* V);

 private:
  int64_t n_, rows_;
  bool turned_ = false;
  T *matrix_, *Q_, *d_, *e_, *tau_;
};

}  // namespace flambeau
