// Eigenvalues and singular values of stacks of little matrices, a matrix in each lane of a vector,
// compiled for each instruction set (as conv/simd.h). By Jacobi's rotations: what a matrix gets
// does not depend on those beside it. Pure loops over raw memory: any thread, no GIL, no
// allocation.
#pragma once
#include <cstdint>

namespace flambeau {

/// Of a shorter side up to this and a longer one up to twice as much.
inline constexpr int64_t most_in_lanes = 16;

/// Up to `lanes` matrices (m, n) that follow each other without gaps; element (i, j) of one is at
/// i * row_step + j * column_step, counted in elements, which are pairs of T where `complex`.
template <class T>
struct LittleStack {
  const T* matrices;
  bool complex;
  int64_t count, m, n, row_step, column_step;
  int64_t numbers() const { return m * n * (complex ? 2 : 1); }  // of a matrix
};

/// `room` has numbers() * lanes of T. Bit l of a result says that matrix l is not finite, or that
/// those it went with did not converge, and that it has no values.
template <class T>
struct StackKernels {
  int lanes;
  /// The singular values, n <= m of each matrix, descending.
  uint32_t (*singular_values)(const LittleStack<T>& stack, T* values, T* room);
  /// The eigenvalues, n = m of each Hermitian matrix, ascending, from the elements with i >= j.
  uint32_t (*eigenvalues)(const LittleStack<T>& stack, T* values, T* room);
};

/// The kernels for this machine. T: float, double.
template <class T>
const StackKernels<T>& stack_kernels();

namespace simd_avx512 {
extern const StackKernels<float> float_stacks;
extern const StackKernels<double> double_stacks;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const StackKernels<float> float_stacks;
extern const StackKernels<double> double_stacks;
}  // namespace simd_avx2
namespace simd_base {
extern const StackKernels<float> float_stacks;
extern const StackKernels<double> double_stacks;
}  // namespace simd_base

}  // namespace flambeau
