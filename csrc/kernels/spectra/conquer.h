// Eigenvalues and vectors of symmetric tridiagonal matrices by divide and conquer. Any thread, no
// GIL. Halves, roots and products are shared among threads; results do not depend on how many.
#pragma once
#include <cstdint>
#include <vector>

namespace flambeau {

/// Sources: Cuppen, "A divide and conquer method for the symmetric tridiagonal eigenproblem",
/// Numer. Math. 36 (1981) 177; Gu, Eisenstat, SIAM J. Matrix Anal. Appl. 16 (1995) 172. Leaves are
/// of LAPACK's sizes, and so are the vectors' signs. T: float, double.
template <class T>
class DivideAndConquer {
 public:
  explicit DivideAndConquer(int64_t n);
  /// Of the matrix with d (n) on its diagonal and e (n - 1) beside it, which are lost: d becomes
  /// the eigenvalues, Q (n, n), columns `step` apart, the vectors, both in any order. Gives how
  /// many elements of e did not become 0.
  int run(T* d, T* e, T* Q, int64_t step);
  /// Place i in ascending order holds the number of the value in d.
  const std::vector<int64_t>& order() const { return order_; }

 private:
  void leaf(int64_t part);
  void merge(int64_t part, int64_t parts);

  int64_t n_, step_ = 0;
  T *d_ = nullptr, *e_ = nullptr, *Q_ = nullptr, *room_ = nullptr;
  std::vector<int64_t> begins_;  // where leaves begin, and n
  std::vector<int64_t> order_;
  std::vector<int> failed_;  // of each leaf
};

}  // namespace flambeau
