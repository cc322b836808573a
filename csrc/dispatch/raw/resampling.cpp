// Other sizes and the points of grids of tensors, without history.
#include "dispatch/raw/resampling.h"

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/raw/precision.h"
#include "kernels/vision/resize.h"

namespace flambeau::raw {

TensorRef resize(Tensor& given, int64_t wanted_dim, int64_t size, double ratio, Resampling kind,
                 bool corners, bool back) {
  TensorRef input = contiguous(given);
  const int dim = wrap_dim(wanted_dim, input->ndim, "resize");
  const int64_t had = input->sizes[dim];
  Dims sizes = sizes_of(*input);
  sizes[dim] = size;
  TensorRef result = empty(sizes, input->dtype);
  if (!result->numel || result->is_meta()) return result;
  int64_t outer = 1, inner = 1;
  for (int d = 0; d < input->ndim; ++d)
    if (d != dim) (d < dim ? outer : inner) *= input->sizes[d];
  auto run = [&]<class T>(T*) {
    const T* from = input->as<T>();
    T* to = result->as<T>();
    LongWork unlocked(result->numel > long_work);
    Windows windows = back ? windows_of(kind, size, had, ratio, corners).transposed()
                           : windows_of(kind, had, size, ratio, corners);
    const int bits = std::is_same_v<T, uint8_t> ? windows.to_multiples() : 0;
    flambeau::resize(windows, bits, outer, inner, from, to);
  };
  if (input->dtype == DType::uint8)
    run(static_cast<uint8_t*>(nullptr));
  else
    in_precision("resize", *input, run);
  return result;
}

static GridShape grid_shape(const Tensor& input, const Tensor& grid, const GridOptions& options) {
  check(input.dtype == grid.dtype && (input.ndim == 4 || input.ndim == 5), [&] {
    return message("grid_sample: input ", describe(input), " and grid ", describe(grid),
                   " do not fit.");
  });
  GridShape shape;
  shape.ndim = input.ndim - 2;
  for (int d = 0; d < shape.ndim; ++d) shape.sizes[d] = input.sizes[2 + d];
  shape.n = input.sizes[0], shape.channels = input.sizes[1];
  shape.points = 1;
  for (int d = 1; d + 1 < grid.ndim; ++d) shape.points *= grid.sizes[d];
  shape.mode = options.mode, shape.padding = options.padding, shape.corners = options.corners;
  return shape;
}

TensorRef grid_sample(Tensor& given, Tensor& given_grid, const GridOptions& options) {
  TensorRef input = contiguous(given), grid = contiguous(given_grid);
  const GridShape shape = grid_shape(*input, *grid, options);
  Dims sizes{shape.n, shape.channels};
  for (int d = 1; d + 1 < grid->ndim; ++d) sizes.push(grid->sizes[d]);
  TensorRef output = empty(sizes, input->dtype);
  if (output->numel && !output->is_meta())
    in_precision("grid_sample", *input, [&]<class T>(T*) {
      const T *from = input->as<T>(), *at = grid->as<T>();
      T* to = output->as<T>();
      LongWork unlocked(output->numel > long_work);
      flambeau::grid_sample(shape, from, at, to);
    });
  return output;
}

std::tuple<TensorRef, TensorRef> grid_sample_backward(Tensor& given_grad, Tensor& given,
                                                      Tensor& given_grid,
                                                      const GridOptions& options, bool wants_input,
                                                      bool wants_grid) {
  TensorRef grad = contiguous(given_grad), input = contiguous(given), grid = contiguous(given_grid),
            grad_input, grad_grid;
  const GridShape shape = grid_shape(*input, *grid, options);
  if (wants_input) grad_input = empty(sizes_of(*input), input->dtype);
  if (wants_grid) grad_grid = empty(sizes_of(*grid), grid->dtype);
  if (grad->is_meta()) return {grad_input, grad_grid};
  if (grad->numel == 0) {
    for (TensorRef* result : {&grad_input, &grad_grid})
      if (*result) fill_bytes(**result, 0);
    return {grad_input, grad_grid};
  }
  in_precision("grid_sample", *input, [&]<class T>(T*) {
    const T *g = grad->as<T>(), *from = input->as<T>(), *at = grid->as<T>();
    T *to_input = data_of<T>(grad_input), *to_grid = data_of<T>(grad_grid);
    LongWork unlocked(grad->numel > long_work);
    flambeau::grid_sample_backward(shape, g, from, at, to_input, to_grid);
  });
  return {grad_input, grad_grid};
}

}  // namespace flambeau::raw
