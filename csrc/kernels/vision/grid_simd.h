// Samples at points, compiled for each instruction set (as conv/simd.h). Pure loops over raw
// memory: any thread, no GIL, no allocation.
//
// Channels are dealt with in groups of a vector's lanes or fewer. The pixels of a group are packed
// channels last, so that a neighbour of a point is one load, and behind them stands a pixel of
// zeros for the neighbours that lie outside.
#pragma once
#include "kernels/vision/grid.h"

namespace flambeau {

/// One group of channels of one image.
template <class T>
struct GridTask {
  const GridShape* shape;
  int group;           // lanes of the group, or 0
  int64_t channels;    // of them that exist
  const T* grid;       // (points, ndim)
  int64_t begin, end;  // of the points

  const T* packed;  // (pixels + 1, group)
  T* output;        // (channels, points), or null

  const T* grad_output;  // (channels, points)
  T* packed_grad;        // (pixels + 1, group), added to; or null
  T* grad_grid;          // (points, ndim), written; or null
};

template <class T>
struct GridKernels {
  int lanes;
  /// Pixels [begin, end) of channels planes of `pixels`, to (pixels, group); lanes beyond are 0.
  void (*pack)(int group, int64_t channels, int64_t pixels, int64_t begin, int64_t end,
               const T* from, T* to);
  /// And back.
  void (*unpack)(int group, int64_t channels, int64_t pixels, int64_t begin, int64_t end,
                 const T* from, T* to);
  void (*sample)(const GridTask<T>& task);
  void (*backward)(const GridTask<T>& task);
};

/// The kernels for this machine. T: float, double.
template <class T>
const GridKernels<T>& grid_kernels();

namespace simd_avx512 {
extern const GridKernels<float> float_grid;
extern const GridKernels<double> double_grid;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const GridKernels<float> float_grid;
extern const GridKernels<double> double_grid;
}  // namespace simd_avx2
namespace simd_base {
extern const GridKernels<float> float_grid;
extern const GridKernels<double> double_grid;
}  // namespace simd_base

}  // namespace flambeau
