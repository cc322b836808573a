// Nearest places in other sizes and the points of grids of tensors, without history.
#include "dispatch/raw/resampling.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/memory_format.h"
#include "dispatch/raw/precision.h"
#include "kernels/pool/boxes.h"
#include "kernels/vision/nearest.h"
#include "runtime/threads.h"

namespace flambeau::raw {

/// Places of the new sizes in the old ones, of the last dims of t.
static NearestPlaces nearest_places(const Tensor& t, const Dims& old_sizes, const Dims& new_sizes,
                                    const NearestSteps& steps) {
  const int n = old_sizes.n;
  check(n >= 1 && n <= 3 && n <= t.ndim && new_sizes.n == n && t.numel != 0 &&
            new_sizes.product() > 0 && old_sizes.product() > 0,
        [&] {
          return message("nearest: ", describe(t), " between sizes ", to_string(old_sizes), " and ",
                         to_string(new_sizes), ".");
        });
  NearestPlaces p;
  p.planes = 1;
  for (int d = 0; d < t.ndim - n; ++d) p.planes *= t.sizes[d];
  for (int d = 0; d < 3; ++d) {
    const int own = d - (3 - n);
    const int64_t old_size = own < 0 ? 1 : old_sizes[own];
    p.size[d] = old_size;
    p.place[d].resize(own < 0 ? 1 : new_sizes[own]);
    for (size_t i = 0; i < p.place[d].size(); ++i) {
      // In float32, as PyTorch has it: at a border the rounding decides which place is meant.
      const float at = (static_cast<float>(i) + static_cast<float>(steps.shift)) *
                       static_cast<float>(steps.ratio[d]);
      p.place[d][i] = own < 0 ? 0 : std::clamp(static_cast<int64_t>(at), int64_t{0}, old_size - 1);
    }
  }
  return p;
}

/// t's sizes with the last ones replaced.
static Dims with_last(const Tensor& t, const Dims& last) {
  Dims sizes(t.sizes, t.ndim - last.n);
  for (int d = 0; d < last.n; ++d) sizes.push(last[d]);
  return sizes;
}

static Dims last_of(const Tensor& t, int n) {
  check(n <= t.ndim, [&] { return message("nearest: ", describe(t), " has no ", n, " dims."); });
  return {t.sizes + t.ndim - n, n};
}

TensorRef nearest(Tensor& given, const Dims& sizes, const NearestSteps& steps) {
  if (const Format format = format_shown(given); is_channels_last(format) &&
                                                 given.ndim == sizes.n + 2 && given.on_cpu() &&
                                                 given.numel > 0 && is_in_format(given, format)) {
    NearestPlaces places = nearest_places(given, last_of(given, sizes.n), sizes, steps);
    const int64_t channels = given.sizes[1];
    places.planes /= channels;
    const Dims made = with_last(given, sizes);
    TensorRef result =
        empty_strided(made, channels_last_strides(made, format, "nearest"), given.dtype);
    const void* from = given.data();
    void* to = result->data();
    LongWork unlocked(result->numel > long_work);
    nearest_pixels(places, channels * itemsize(given.dtype), from, to);
    return result;
  }
  TensorRef input = contiguous(given);
  const NearestPlaces places = nearest_places(given, last_of(given, sizes.n), sizes, steps);
  TensorRef result = empty(with_last(given, sizes), given.dtype);
  if (given.is_meta()) return result;
  const void* from = input->data();
  void* to = result->data();
  LongWork unlocked(result->numel > long_work);
  flambeau::nearest(places, itemsize(given.dtype), from, to);
  return result;
}

TensorRef nearest_backward(Tensor& given, const Dims& sizes, const NearestSteps& steps) {
  const NearestPlaces places = nearest_places(given, sizes, last_of(given, sizes.n), steps);
  const Format format = format_shown(given);
  if (format == Format::channels_last && sizes.n == 2 && given.on_cpu() &&
      is_floating(given.dtype) && itemsize(given.dtype) > 1 && is_in_format(given, format)) {
    const Dims made = with_last(given, sizes);
    TensorRef result =
        empty_strided(made, channels_last_strides(made, format, "nearest"), given.dtype);
    BoxAxis axis[3];
    for (int d = 0; d < 3; ++d) axis[d] = places_taken(places.place[d], places.size[d]);
    LongWork unlocked(given.numel > long_work);
    sum_boxes(given.dtype, given.sizes[0], given.sizes[1], axis, {}, given.data(), result->data());
    return result;
  }
  if (is_half(given.dtype) && given.on_cpu()) {
    TensorRef wide = to_dtype(given, DType::float32);
    return to_dtype(*nearest_backward(*wide, sizes, steps), given.dtype);
  }
  TensorRef grad = contiguous(given);
  check<NotImplementedError>(itemsize(given.dtype) > 1 && given.dtype != DType::complex32 &&
                                 (is_floating(given.dtype) || is_complex(given.dtype)),
                             [&] { return message("nearest_backward: ", name(given.dtype), "."); });
  TensorRef result = empty(with_last(given, sizes), given.dtype);
  if (given.is_meta()) return result;
  const void* from = grad->data();
  void* to = result->data();
  LongWork unlocked(grad->numel > long_work);
  flambeau::nearest_backward(places, given.dtype, from, to);
  return result;
}

/// The places of so many pixels from -1 to 1: those of their centres, of which with `corners` the
/// outer ones are at the ends.
template <class T>
static std::vector<T> line_of(int64_t count, bool corners) {
  std::vector<T> line(count);
  const auto n = static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i)
    line[i] = static_cast<T>(count == 1 ? 0
                             : corners  ? 2 * static_cast<double>(i) / (n - 1) - 1
                                        : (2 * static_cast<double>(i) + 1) / n - 1);
  return line;
}

TensorRef affine_grid(Tensor& given, const Dims& sizes, bool corners) {
  const int n = sizes.n;
  check((n == 2 || n == 3) && given.ndim == 3 && given.sizes[1] == n && given.sizes[2] == n + 1,
        [&] {
          return message("affine_grid: theta ", describe(given), " does not fit sizes ",
                         to_string(sizes), ".");
        });
  TensorRef theta = contiguous(given);
  Dims wanted{given.sizes[0]};
  for (int d = 0; d < n; ++d) wanted.push(sizes[d]);
  wanted.push(n);
  TensorRef result = empty(wanted, given.dtype);
  if (result->numel == 0 || result->is_meta()) return result;
  in_precision("affine_grid", given, [&]<class T>(T*) {
    const T* maps = theta->as<T>();
    T* to = result->as<T>();
    LongWork unlocked(result->numel > long_work);
    const std::vector<T> xs = line_of<T>(sizes[n - 1], corners),
                         ys = line_of<T>(sizes[n - 2], corners),
                         zs = n == 3 ? line_of<T>(sizes[0], corners) : std::vector<T>(1);
    const auto width = static_cast<int64_t>(xs.size()), height = static_cast<int64_t>(ys.size()),
               depth = static_cast<int64_t>(zs.size());
    const int64_t rows = given.sizes[0] * depth * height;
    parallel_ranges(rows, std::max<int64_t>(1, 8192 / width), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T* map = maps + row / (depth * height) * n * (n + 1);
        T slope[3], start[3];
        for (int c = 0; c < n; ++c) {
          const T* line = map + c * (n + 1);
          slope[c] = line[0];
          start[c] = line[1] * ys[row % height] + line[n];
          if (n == 3) start[c] += line[2] * zs[row / height % depth];
        }
        T* __restrict at = to + row * width * n;
        if (n == 2)
          for (int64_t x = 0; x < width; ++x) {
            at[2 * x] = slope[0] * xs[x] + start[0];
            at[2 * x + 1] = slope[1] * xs[x] + start[1];
          }
        else
          for (int64_t x = 0; x < width; ++x)
            for (int c = 0; c < 3; ++c) at[3 * x + c] = slope[c] * xs[x] + start[c];
      }
    });
  });
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
