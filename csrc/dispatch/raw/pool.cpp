// Pooling of tensors, without history.
#include <algorithm>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/memory_format.h"
#include "dispatch/raw/layers.h"
#include "kernels/pool/fractional.h"
#include "kernels/pool/pixels.h"
#include "kernels/pool/pool.h"

namespace flambeau::raw {

namespace {

void check_windows(const char* op, const PoolWindows& w) {
  check(w.in.n == w.out.n && w.in.n <= 3, [&] {
    return message(op, ": 1 to 3 spatial sizes, not ", to_string(w.in), " and ", to_string(w.out),
                   ".");
  });
}

/// A list of all windows, so made only after the result, which is larger where there is one.
PoolShape shape_of(const PoolWindows& w, const Tensor& t) {
  PoolShape shape;
  const int n = w.in.n;
  shape.dtype = t.dtype;
  shape.n_planes = 1;
  for (int d = 0; d < t.ndim - n; ++d) shape.n_planes *= t.sizes[d];
  for (int d = 0; d < 3; ++d) {
    const int i = d - (3 - n);
    if (i < 0)
      shape.axis[d] = adaptive_pool_axis(1, 1);
    else if (!w.kernel)
      shape.axis[d] = adaptive_pool_axis(w.in[i], w.out[i]);
    else
      shape.axis[d] = pool_axis(w.in[i], w.out[i], (*w.kernel)[i], (*w.stride)[i], (*w.padding)[i],
                                (*w.dilation)[i]);
  }
  return shape;
}

/// t's sizes with the spatial ones replaced.
Dims with_space(const Tensor& t, const Dims& space) {
  Dims sizes(t.sizes, t.ndim - space.n);
  for (int d = 0; d < space.n; ++d) sizes.push(space[d]);
  return sizes;
}

/// The channels-last order of t, if it lies in one and kernels for it are there; else contiguous.
Format order_of_pixels(const Tensor& t, const PoolWindows& w) {
  const Format format = format_shown(t);
  const bool fits = is_channels_last(format) && t.ndim == w.in.n + 2 && t.on_cpu() && t.numel > 0 &&
                    is_in_format(t, format);
  return fits ? format : Format::contiguous;
}

TensorRef empty_in(const Dims& sizes, DType dtype, Format format) {
  if (!is_channels_last(format)) return empty(sizes, dtype);
  return empty_strided(sizes, channels_last_strides(sizes, format, "pool"), dtype);
}

/// Runs what finds saved indices inside their planes, or not.
template <class Run>
void check_inside(const PoolWindows& w, Run&& run) {
  const bool inside = run();
  check<IndexError>(inside, [&] {
    return message("max_pool_backward: the saved indices leave the planes ", to_string(w.in),
                   " of the input; something wrote to them after the forward pass.");
  });
}

}  // namespace

std::tuple<TensorRef, TensorRef> max_pool(Tensor& given_input, bool with_indices,
                                          const PoolWindows& w) {
  check_windows("max_pool", w);
  if (const Format format = order_of_pixels(given_input, w); is_channels_last(format)) {
    const Dims sizes = with_space(given_input, w.out);
    TensorRef output = empty_in(sizes, given_input.dtype, format), indices;
    if (with_indices) indices = empty_in(sizes, DType::int64, format);
    PoolShape windows = shape_of(w, given_input);
    if (pools_pixels(windows)) {
      LongWork unlocked(output->numel > 2000);
      max_pool_pixels(windows, sizes[1], given_input.data(), output->data(),
                      indices ? indices->as<int64_t>() : nullptr);
      return {output, indices};
    }
  }
  TensorRef input = contiguous(given_input);
  TensorRef output = empty(with_space(*input, w.out), input->dtype), indices;
  if (with_indices) indices = empty(sizes_of(*output), DType::int64);
  if (output->numel && !output->is_meta()) {
    check(input->numel > 0, [&] {
      return message("max_pool: no maximum of no elements, input ", shape(*input), ".");
    });
    PoolShape windows = shape_of(w, *input);
    LongWork unlocked(output->numel > 2000);
    max_pool_forward(windows, input->data(), output->data(),
                     indices ? indices->as<int64_t>() : nullptr);
  }
  return {output, indices};
}

TensorRef max_pool_backward(Tensor& grad_output, Tensor& given_indices, const PoolWindows& w) {
  check_windows("max_pool_backward", w);
  if (const Format format = order_of_pixels(given_indices, w);
      is_channels_last(format) && sizes_of(given_indices) == sizes_of(grad_output) &&
      given_indices.dtype == DType::int64 && grad_output.on_cpu()) {
    const PoolShape windows = shape_of(w, grad_output);
    if (pools_pixels(windows)) {
      const Dims sizes = with_space(grad_output, w.in);
      TensorRef result = empty_in(sizes, grad_output.dtype, format);
      const TensorRef grad = in_format(grad_output, format, "max_pool_backward");
      check_inside(w, [&] {
        LongWork unlocked(result->numel > 8000);
        return max_pool_backward_pixels(windows, sizes[1], grad->data(),
                                        given_indices.as<int64_t>(), result->data());
      });
      return result;
    }
  }
  TensorRef grad = contiguous(grad_output), indices = contiguous(given_indices);
  check(sizes_of(*indices) == sizes_of(*grad) && indices->dtype == DType::int64, [&] {
    return message("max_pool_backward: indices ", describe(*indices), " do not fit a gradient of ",
                   shape(*grad), ".");
  });
  TensorRef result = empty(with_space(*grad, w.in), grad->dtype);
  if (result->numel && !result->is_meta()) {
    PoolShape windows = shape_of(w, *grad);
    check_inside(w, [&] {
      LongWork unlocked(result->numel > 8000);
      return flambeau::max_pool_backward(windows, grad->data(), indices->as<int64_t>(),
                                         result->data());
    });
  }
  return result;
}

std::tuple<TensorRef, TensorRef> fractional_max_pool(Tensor& given_input, Tensor& given_samples,
                                                     const Dims& kernel, const Dims& out_sizes) {
  const int dims = static_cast<int>(kernel.n);
  check(dims >= 1 && dims <= 3 && out_sizes.n == kernel.n && given_input.ndim == dims + 2 &&
            is_floating(given_input.dtype) && given_samples.dtype == given_input.dtype &&
            sizes_of(given_samples) ==
                Dims{given_input.sizes[0], given_input.sizes[1], int64_t{dims}},
        [&] {
          return message("fractional_max_pool: input ", describe(given_input), " and samples ",
                         describe(given_samples), " do not fit.");
        });
  TensorRef input = contiguous(given_input), samples = contiguous(given_samples);
  const Dims sizes = with_space(*input, out_sizes);
  TensorRef output = empty(sizes, input->dtype), indices = empty(sizes, DType::int64);
  if (output->numel == 0 || output->is_meta()) return {output, indices};
  FractionalShape shape{input->dtype, input->sizes[0] * input->sizes[1], dims, {1, 1, 1}, {1, 1, 1},
                        {1, 1, 1}};
  for (int d = 0; d < dims; ++d) {
    const int to = 3 - dims + d;
    shape.in[to] = input->sizes[2 + d];
    shape.out[to] = out_sizes[d];
    shape.kernel[to] = kernel[d];
    check(kernel[d] >= 1 && kernel[d] <= shape.in[to], [&] {
      return message("fractional_max_pool: windows of ", to_string(kernel),
                     " do not fit into an input ", flambeau::shape(*input), ".");
    });
  }
  bool inside;
  {
    LongWork unlocked(output->numel > 2000);
    inside = flambeau::fractional_max_pool(shape, input->data(), samples->data(), output->data(),
                                           indices->as<int64_t>());
  }
  check(inside, [&] {
    return message("fractional_max_pool", dims,
                   "d: _random_samples must be from 0 to 1, where windows lie inside the input.");
  });
  return {output, indices};
}

template <auto pool>
static TensorRef average(const char* op, Tensor& given, bool include_pad, int64_t divisor,
                         const PoolWindows& w, const Dims& to) {
  check_windows(op, w);
  TensorRef from = contiguous(given);
  TensorRef result = empty(with_space(*from, to), from->dtype);
  if (result->numel && !result->is_meta()) {
    PoolShape windows = shape_of(w, *from);
    LongWork unlocked(result->numel > 4000);
    pool(windows, include_pad, divisor, from->data(), result->data());
  }
  return result;
}

TensorRef avg_pool(Tensor& input, bool include_pad, std::optional<int64_t> divisor,
                   const PoolWindows& w) {
  check_windows("avg_pool", w);
  if (const Format format = order_of_pixels(input, w); is_channels_last(format)) {
    TensorRef output = empty_in(with_space(input, w.out), input.dtype, format);
    PoolShape windows = shape_of(w, input);
    if (pools_pixels(windows)) {
      LongWork unlocked(output->numel > 4000);
      avg_pool_pixels(windows, include_pad, divisor.value_or(0), input.sizes[1], input.data(),
                      output->data());
      return output;
    }
  }
  return average<avg_pool_forward>("avg_pool", input, include_pad, divisor.value_or(0), w, w.out);
}
TensorRef avg_pool_backward(Tensor& grad_output, bool include_pad, std::optional<int64_t> divisor,
                            const PoolWindows& w) {
  check_windows("avg_pool_backward", w);
  if (const Format format = order_of_pixels(grad_output, w); is_channels_last(format)) {
    const PoolShape windows = shape_of(w, grad_output);
    if (pools_pixels(windows)) {
      const Dims sizes = with_space(grad_output, w.in);
      TensorRef result = empty_in(sizes, grad_output.dtype, format);
      LongWork unlocked(result->numel > 4000);
      avg_pool_backward_pixels(windows, include_pad, divisor.value_or(0), sizes[1],
                               grad_output.data(), result->data());
      return result;
    }
  }
  return average<flambeau::avg_pool_backward>("avg_pool_backward", grad_output, include_pad,
                                              divisor.value_or(0), w, w.in);
}

}  // namespace flambeau::raw
