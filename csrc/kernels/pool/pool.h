// Max and average pooling over 1 to 3 spatial dimensions, plain and adaptive, forward and backward.
// Contiguous planes as raw pointers; any thread may call, the GIL is not touched. A plane is one
// unit of work or more, never the number of threads: bits do not depend on it.
#pragma once
#include <cstdint>
#include <vector>

#include "tensor/dtype.h"

namespace flambeau {

/// The inputs that one output index of a dimension covers: begin, begin + step, ... below end.
struct PoolWindow {
  int64_t begin, end, step;
  int64_t extent;  // how many positions the window has when padding counts
  int64_t count() const { return (end - begin + step - 1) / step; }
};

/// One dimension of a pooling: its input size and a window for each output.
struct PoolAxis {
  int64_t size;
  std::vector<PoolWindow> windows;
};

/// Windows of a fixed kernel. The last may reach past the end (ceil_mode): it is cut there.
PoolAxis pool_axis(int64_t size, int64_t n_windows, int64_t kernel, int64_t stride, int64_t padding,
                   int64_t dilation);

/// Windows of adaptive pooling: output i covers [floor(i size / n), ceil((i + 1) size / n)).
PoolAxis adaptive_pool_axis(int64_t size, int64_t n_windows);

/// A pooling of n_planes planes (D, H, W); absent dimensions come first with size 1 and one window.
struct PoolShape {
  DType dtype = DType::float32;
  int64_t n_planes = 0;
  PoolAxis axis[3];
};

/// What the sum of each window of a plane is divided by: see avg_pool_forward.
std::vector<double> pool_divisors(const PoolShape& shape, bool count_include_pad,
                                  int64_t divisor_override);

/// output = the largest element of each window, a NaN if it has one; indices = its position in the
/// flattened plane, the first of equals. Every window must hold an element. indices may be null.
void max_pool_forward(const PoolShape& shape, const void* input, void* output, int64_t* indices);

/// grad_input[indices] += grad_output, plane by plane, from zero. False where an index leaves the
/// plane; its gradient goes nowhere.
bool max_pool_backward(const PoolShape& shape, const void* grad_output, const int64_t* indices,
                       void* grad_input);

/// output = sum of each window / divisor: divisor_override if not 0, else the extents if
/// count_include_pad, else the number of elements. Halves are summed in float32.
void avg_pool_forward(const PoolShape& shape, bool count_include_pad, int64_t divisor_override,
                      const void* input, void* output);

void avg_pool_backward(const PoolShape& shape, bool count_include_pad, int64_t divisor_override,
                       const void* grad_output, void* grad_input);

}  // namespace flambeau
