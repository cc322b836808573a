// Windows of planes as columns, and back. Raw contiguous memory; any thread may call, the GIL is
// not touched. Sums are in the order of a window's taps: the same bits for any number of threads.
#pragma once
#include <array>
#include <cstdint>

#include "tensor/dtype.h"

namespace flambeau {

/// Planes of `size`, over which go count[0] * count[1] windows of kernel[0] * kernel[1] taps.
struct Unfolding {
  int64_t planes;
  std::array<int64_t, 2> size, kernel, dilation, padding, stride, count;
};

/// columns (planes, kernel, windows) of images (planes, size), 0 for taps in the padding.
void unfold(const Unfolding& u, int64_t itemsize, const void* images, void* columns);

/// The adjoint: images sum what columns took of each element. float32, float64 and complex.
void fold(const Unfolding& u, DType dtype, const void* columns, void* images);

}  // namespace flambeau
