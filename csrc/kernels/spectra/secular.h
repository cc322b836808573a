// The eigenvalues and vectors of a diagonal matrix to which a multiple of z z^T is added. Pure
// arithmetic, any thread, no GIL, no allocation.
#pragma once
#include <cstdint>

namespace flambeau {

/// diag(d) + rho z z^T, rho > 0, with distinct d in any order and no z of 0. d and z (k) stand in
/// whole vectors: `rows` numbers, of which those from k on have a larger d than all others by more
/// than rho, and z of 0. order: the places of d, ascending. T: float, double. Sources: Li, "Solving
/// secular equations stably and efficiently", LAPACK Working Note 89 (1993); Gu, Eisenstat, "A
/// divide-and-conquer algorithm for the symmetric tridiagonal eigenproblem", SIAM J. Matrix Anal.
/// Appl. 16 (1995) 172.
template <class T>
struct Secular {
  int64_t k, rows;
  const T *d, *z;
  const int64_t* order;
  T rho;
};

/// The numbers that whole vectors of k have.
template <class T>
constexpr int64_t secular_rows(int64_t k) {
  constexpr int64_t group = 32 / sizeof(T);
  return (k + group - 1) / group * group;
}

/// Eigenvalues [begin, end), ascending, in values; column j of differences, `rows` numbers, is d
/// less eigenvalue j.
template <class T>
void secular_roots(const Secular<T>& s, int64_t begin, int64_t end, T* values, T* differences);

/// weights: of rows [begin, end), whole vectors, the z to which the roots that were found belong
/// exactly, with the signs of z.
template <class T>
void secular_weights(const Secular<T>& s, int64_t begin, int64_t end, const T* differences,
                     T* weights);

/// Columns [begin, end) of the differences become eigenvectors of length 1.
template <class T>
void secular_vectors(const Secular<T>& s, int64_t begin, int64_t end, const T* weights,
                     T* differences);

}  // namespace flambeau
