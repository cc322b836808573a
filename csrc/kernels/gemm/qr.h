// QR factorization of real matrices by blocks of reflections, so that most of the work is products.
// Any thread, no GIL. Products are shared among threads; results do not depend on how many.
#pragma once
#include <cstdint>
#include <vector>

namespace flambeau {

/// Of matrices (m, n) by columns, whose squares and sums of squares are finite in float64. T:
/// float, double. Source: Schreiber, Van Loan, "A storage-efficient WY representation for products
/// of Householder transformations", SIAM J. Sci. Stat. Comput. 10 (1989) 53.
template <class T>
class BlockedQr {
 public:
  BlockedQr(int64_t m, int64_t n) : BlockedQr(m, n, m) {}
  /// The same of matrices whose columns are `step` apart; so are those of Q and B.
  BlockedQr(int64_t m, int64_t n, int64_t step);
  /// A becomes R on and above its diagonal and the vectors of the reflections below it, with the
  /// signs of LAPACK's geqrf; `taus`, unless null, their factors.
  void factor(T* A, T* taus = nullptr);
  /// The reflections that somebody else left in A, with their factors.
  void take(const T* A, const T* tau);
  /// Q (m, width), its first columns, by columns; from what factor left in A.
  void form(const T* A, T* Q, int64_t width);
  /// B (m, k) by columns becomes Q B.
  void multiply(const T* A, T* B, int64_t k);
  /// B (m, k) by columns becomes Q^T B.
  void multiply_transposed(const T* A, T* B, int64_t k);

 private:
  /// The first of several blocks is narrow: where few directions are far longer than the others,
  /// these are then reflected without the rounding of what a wide block takes away from them.
  static constexpr int64_t block = 32, narrow = 8;
  int64_t width_of(int64_t first) const;
  int64_t last_block() const;
  int64_t before(int64_t first) const;
  T* factor_of(int64_t first);
  void make_room(int64_t columns);
  void copy_vectors(const T* A, int64_t first);
  void make_factor(const T* tau, int64_t first);
  void apply(int64_t first, T* C, int64_t columns, bool transposed);

  int64_t m_, n_, k_, step_;
  int64_t first_block_ = k_ > block ? narrow : block;
  std::vector<T> vectors_;  // of one block: rows of what lies from its diagonal on, ones included
  std::vector<T> factors_;  // the triangular factor of each block
  std::vector<T> work_;
};

}  // namespace flambeau
