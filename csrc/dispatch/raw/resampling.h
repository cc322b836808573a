// Other sizes and the points of grids, of checked arguments and without history: what
// flambeau/ops/resample.py and grid_sample.py declare derivatives for. Needs the GIL.
#pragma once
#include <tuple>

#include "kernels/vision/grid.h"
#include "kernels/vision/windows.h"
#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

/// For each of three dims how far one step of the new places goes among the old ones; below 0 the
/// dim stays as it is.
struct ResizeSteps {
  double ratio[3];
  using Arguments = std::tuple<double, double, double>;
};
/// A floating or uint8 `input` whose last dims have other sizes; or, going back, the gradient of an
/// input that had those. Halves are summed in float32. Channels-last images stay such.
TensorRef resize(Tensor& input, const Dims& sizes, const ResizeSteps& steps, Resampling kind,
                 bool corners, bool back);

/// How far one step of the new places goes in each of three dims, and where in a step a place
/// stands.
struct NearestSteps {
  double ratio[3];
  double shift;
  using Arguments = std::tuple<double, double, double, double>;
};
/// The last dims of input in other sizes, each element that of the nearest old place.
TensorRef nearest(Tensor& input, const Dims& sizes, const NearestSteps& steps);
/// The gradient of an input whose last dims had `sizes`.
TensorRef nearest_backward(Tensor& grad, const Dims& sizes, const NearestSteps& steps);

/// The points (N, *sizes, n) that theta (N, n, n + 1) takes those of a grid from -1 to 1 to, which
/// with `corners` are the centres of the outer pixels.
TensorRef affine_grid(Tensor& theta, const Dims& sizes, bool corners);

/// (begin, first, weights) of the same as Windows has them, on the CPU.
std::tuple<TensorRef, TensorRef, TensorRef> resize_windows(Resampling kind, int64_t had,
                                                           int64_t size, double ratio, bool corners,
                                                           bool back);

struct GridOptions {
  GridMode mode;
  GridPadding padding;
  bool corners;
  using Arguments = std::tuple<GridMode, GridPadding, bool>;
};
/// input (N, C, *S) at the points of grid (N, *P, len(S)): (N, C, *P).
TensorRef grid_sample(Tensor& input, Tensor& grid, const GridOptions& options);
/// The gradients of input and grid, as far as they are wanted.
std::tuple<TensorRef, TensorRef> grid_sample_backward(Tensor& grad, Tensor& input, Tensor& grid,
                                                      const GridOptions& options, bool wants_input,
                                                      bool wants_grid);

inline constexpr std::tuple resampling_functions{
    declare<nearest>("_nearest", "input, sizes, depth, height, width, shift"),
    declare<nearest_backward>("_nearest_backward", "grad, sizes, depth, height, width, shift"),
    declare<affine_grid>("_affine_grid", "theta, sizes, corners"),
    declare<resize>("_resize", "input, sizes, depth, height, width, kind, corners, back"),
    declare<resize_windows>("_resize_windows", "kind, had, size, ratio, corners, back"),
    declare<grid_sample>("_grid_sample", "input, grid, mode, padding, corners"),
    declare<grid_sample_backward>(
        "_grid_sample_backward",
        "grad, input, grid, mode, padding, corners, wants_input, wants_grid")};

}  // namespace flambeau::raw
