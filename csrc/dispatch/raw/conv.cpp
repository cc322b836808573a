// Convolutions of tensors, without history.
#include <algorithm>
#include <array>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/memory_format.h"
#include "dispatch/raw/layers.h"
#include "kernels/conv/channels.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/lines.h"
#include "kernels/conv/pixel_pairs.h"
#include "kernels/conv/pixels.h"
#include "kernels/conv/windows.h"

namespace flambeau::raw {

namespace {

/// 1 to 3 integers as the last entries of three; those before are `otherwise`.
void read_three(const char* op, const Dims& dims, int64_t otherwise, int64_t (&to)[3]) {
  check(dims.n >= 1 && dims.n <= 3,
        [&] { return message(op, ": convolves over 1 to 3 dims, not ", dims.n, "."); });
  std::fill(to, to + 3, otherwise);
  std::copy(dims.v, dims.v + dims.n, to + 3 - dims.n);
}

void read_window(const char* op, const ConvWindow& window, ConvShape& shape) {
  read_three(op, window.stride, 1, shape.stride);
  read_three(op, window.padding, 0, shape.padding);
  read_three(op, window.dilation, 1, shape.dilation);
  shape.groups = window.groups;
}

/// Of C channels in N images to O channels, all spatial sizes and the window.
ConvShape shape_of(const char* op, DType dtype, int64_t N, int64_t C, int64_t O, const Dims& in,
                   const Dims& kernel, const Dims& out, const ConvWindow& window) {
  ConvShape shape;
  shape.dtype = dtype;
  shape.N = N, shape.C = C, shape.O = O;
  read_three(op, in, 1, shape.in);
  read_three(op, kernel, 1, shape.kernel);
  read_three(op, out, 1, shape.out);
  read_window(op, window, shape);
  return shape;
}

TensorRef checked_bias(const char* op, Tensor* bias, DType dtype, int64_t n) {
  if (!bias) return {};
  check(bias->dtype == dtype && bias->ndim == 1 && bias->numel == n, [&] {
    return message(op, ": bias must be ", name(dtype), " (", n, ",), but it is ", describe(*bias),
                   ".");
  });
  return contiguous(*bias);
}

/// Both arguments of a convolution: of one dtype and rank, which a hook of saved tensors may
/// change.
void check_pair(const char* op, const Tensor& first, const Tensor& second) {
  check(first.dtype == second.dtype && first.ndim == second.ndim && first.ndim >= 3 &&
            first.ndim <= 5,
        [&] {
          return message(op, ": ", describe(first), " and ", describe(second),
                         " are no pair of batches with 1 to 3 spatial dims.");
        });
}

/// Empty spatial sizes keep the rank of `like`.
Dims result_sizes(int64_t n, int64_t channels, const int64_t (&space)[3], int ndim) {
  Dims sizes{n, channels};
  for (int d = 5 - ndim; d < 3; ++d) sizes.push(space[d]);
  return sizes;
}

int64_t flop_of(const ConvShape& s) {
  return s.N * s.O * s.out[0] * s.out[1] * s.out[2] * (s.C / s.groups) * s.kernel[0] * s.kernel[1] *
         s.kernel[2];
}

Dims space_of(const Tensor& t) { return Dims(t.sizes + 2, t.ndim - 2); }

/// Whether windows of one element, without borders, meet `out` pixels of these sizes.
bool is_pixelwise(const Tensor& images, const Dims& in, const Dims& kernel, const Dims& out,
                  const ConvWindow& window) {
  bool is = images.on_cpu() && in.n == kernel.n && out.n == kernel.n &&
            window.stride.n == kernel.n && window.padding.n == kernel.n;
  for (int d = 0; is && d < kernel.n; ++d)
    is = kernel[d] == 1 && window.padding[d] == 0 && (out[d] - 1) * window.stride[d] < in[d];
  return is;
}

/// Whether kernels get another form of these images in any case.
bool is_moved_anyway(const Tensor& images) { return !images.contiguous || is_half(images.dtype); }

/// The pixels that windows of one element meet, `out` of them, as a view.
TensorRef met_by(Tensor& images, const Dims& out, const ConvWindow& window) {
  if (space_of(images) == out) return TensorRef::borrow(&images);
  Dims sizes = sizes_of(images), strides = strides_of(images);
  for (int d = 0; d < out.n; ++d) {
    sizes[d + 2] = out[d];
    if (out[d] > 1) strides[d + 2] *= window.stride[d];
  }
  return raw_view(images, sizes, strides, images.offset);
}

/// The same windows one pixel apart.
ConvWindow side_by_side(ConvWindow window) {
  for (int d = 0; d < window.stride.n; ++d) window.stride[d] = 1;
  return window;
}

/// Whether images lie pixel after pixel, the channels of each side by side.
bool lies_by_pixels(const Tensor& t) {
  bool lies = !t.contiguous && t.strides[1] == 1;
  int64_t step = t.sizes[1];
  for (int d = t.ndim - 1; d >= 2; --d) {
    lies = lies && (t.sizes[d] == 1 || t.strides[d] == step);
    step *= t.sizes[d];
  }
  return lies && (t.sizes[0] == 1 || t.strides[0] == step);
}

/// The same, or one channel of which programs see that order.
bool shows_pixels(const Tensor& t) {
  return lies_by_pixels(t) ||
         (t.contiguous && t.sizes[1] == 1 && is_channels_last(format_shown(t)));
}

/// The images themselves, or what of them is met, if they lie by pixels or, where programs see that
/// order, a copy that does; null for others.
TensorRef by_pixels(Tensor& images, Tensor& met, int64_t groups, int64_t others) {
  if (!has_few_groups(images.sizes[1], others, groups) || met.numel == 0 ||
      images.dtype == DType::bool_ || images.dtype == DType::complex32)
    return {};
  if (lies_by_pixels(met)) return TensorRef::borrow(&met);
  const Format format = format_shown(images);
  return is_channels_last(format) ? in_format(met, format, "convolution") : TensorRef{};
}

ImageOrder order_of(const Tensor& t) {
  return t.contiguous ? ImageOrder::by_channels : ImageOrder::by_pixels;
}

/// A result in the order that the results of `source` have.
TensorRef empty_beside(const Tensor& source, const Dims& sizes) {
  const Format format = format_shown(source);
  if (!is_channels_last(format)) return empty(sizes, source.dtype);
  return empty_strided(sizes, channels_last_strides(sizes, format, "convolution"), source.dtype);
}

/// The weight as it lies, where it may and the loops of `shape` read it so; else contiguous.
TensorRef weight_met(Tensor& weight, ConvShape& shape, bool may, bool backward) {
  shape.weight_by_pixels =
      may && weight.on_cpu() && lies_by_pixels(weight) && reads_weight_by_pixels(shape, backward);
  return shape.weight_by_pixels ? TensorRef::borrow(&weight) : contiguous(weight);
}

/// Whether pixels of these images are multiplied channel by channel as they lie.
bool multiplies_channels(const Tensor& images, const ConvShape& shape) {
  return images.on_cpu() && shape.C == shape.groups && lies_by_pixels(images) &&
         fits_channels(shape);
}

/// Whether pairs of halves are multiplied as these images lie.
bool multiplies_pixel_pairs(const Tensor& images, const ConvShape& shape, bool backward) {
  return images.on_cpu() && lies_by_pixels(images) && is_channels_last(format_shown(images)) &&
         fits_pixel_pairs(shape, backward);
}

/// Whether gradients of weights are products of the pixels of a line as they lie.
bool multiplies_lines(const Tensor& images, const Tensor& grads, const ConvShape& shape) {
  auto lies = [](const Tensor& t) {
    return lies_by_pixels(t) || (t.contiguous && t.sizes[1] == 1);
  };
  return images.on_cpu() && lies_by_pixels(images) && lies(grads) && outer_fits_lines(shape);
}

}  // namespace

TensorRef conv_forward(Tensor& given_input, Tensor& given_weight, Tensor* given_bias,
                       const Dims& out_sizes, const ConvWindow& given_window, bool relu) {
  const char* op = "conv_forward";
  check_pair(op, given_input, given_weight);
  const bool pixelwise =
      is_moved_anyway(given_input) && is_pixelwise(given_input, space_of(given_input),
                                                   space_of(given_weight), out_sizes, given_window);
  const ConvWindow window = pixelwise ? side_by_side(given_window) : given_window;
  TensorRef met =
      pixelwise ? met_by(given_input, out_sizes, given_window) : TensorRef::borrow(&given_input);
  TensorRef input =
      pixelwise ? by_pixels(given_input, *met, window.groups, given_weight.sizes[0]) : TensorRef{};
  const bool in_place = static_cast<bool>(input);
  ConvShape shape =
      shape_of(op, given_input.dtype, given_input.sizes[0], given_input.sizes[1],
               given_weight.sizes[0], space_of(*met), space_of(given_weight), out_sizes, window);
  const bool copies_windows =
      !in_place && met->on_cpu() && lies_by_pixels(*met) && fits_windows(shape);
  TensorRef bias = checked_bias(op, given_bias, shape.dtype, shape.O);
  const Dims sizes = result_sizes(shape.N, shape.O, shape.out, given_input.ndim);
  if (!in_place && multiplies_pixel_pairs(*met, shape, false)) {
    TensorRef output = empty_beside(*met, sizes);
    TensorRef by_pixel = in_format(given_weight, format_shown(*met), op);
    LongWork unlocked(flop_of(shape) > 20000);
    if (pixel_pairs_forward(shape, met->data(), by_pixel->data(), bias ? bias->data() : nullptr,
                            relu, output->data()))
      return output;
  }
  TensorRef weight = weight_met(given_weight, shape, !copies_windows, false);
  if (!in_place && multiplies_channels(*met, shape)) {
    TensorRef output = empty_beside(*met, sizes);
    LongWork unlocked(flop_of(shape) > 20000);
    if (channels_forward(shape, met->data(), weight->data(), bias ? bias->data() : nullptr, relu,
                         output->data()))
      return output;
  }
  if (!in_place && !copies_windows && met->on_cpu() && lies_by_pixels(*met) && fits_lines(shape)) {
    TensorRef output = empty_beside(*met, sizes);
    LongWork unlocked(flop_of(shape) > 20000);
    if (lines_forward(shape, met->data(), weight->data(), bias ? bias->data() : nullptr, relu,
                      output->data()))
      return output;
  }
  if (copies_windows) {
    TensorRef output = empty_beside(*met, sizes);
    LongWork unlocked(flop_of(shape) > 20000);
    if (windows_forward(shape, met->data(), weight->data(), bias ? bias->data() : nullptr, relu,
                        output->data()))
      return output;
  }
  if (!in_place) input = contiguous(*met);
  TensorRef output = in_place ? empty_beside(*input, sizes) : empty(sizes, shape.dtype);
  if (!output->is_meta() && output->numel) {
    LongWork unlocked(flop_of(shape) > 20000);
    const void* add = bias ? bias->data() : nullptr;
    if (in_place)
      pixels_forward(shape, input->data(), ImageOrder::by_pixels, weight->data(), add, relu,
                     output->data(), order_of(*output));
    else
      flambeau::conv_forward(shape, input->data(), weight->data(), add, relu, output->data());
  }
  return output;
}

TensorRef conv_backward_input(Tensor& grad_output, Tensor& given_weight, Tensor* given_bias,
                              const Dims& in_sizes, const ConvWindow& window) {
  const char* op = "conv_backward_input";
  check_pair(op, grad_output, given_weight);
  ConvShape shape = shape_of(op, grad_output.dtype, grad_output.sizes[0],
                             given_weight.sizes[1] * window.groups, grad_output.sizes[1], in_sizes,
                             space_of(given_weight), space_of(grad_output), window);
  TensorRef bias = checked_bias(op, given_bias, shape.dtype, shape.C);
  const Dims sizes = result_sizes(shape.N, shape.C, shape.in, grad_output.ndim);
  const bool pixelwise =
      is_pixelwise(grad_output, in_sizes, space_of(given_weight), space_of(grad_output), window);
  if (!pixelwise && multiplies_pixel_pairs(grad_output, shape, true)) {
    TensorRef result = empty_beside(grad_output, sizes);
    TensorRef by_pixel = in_format(given_weight, format_shown(grad_output), op);
    LongWork unlocked(flop_of(shape) > 20000);
    if (pixel_pairs_backward_input(shape, grad_output.data(), by_pixel->data(),
                                   bias ? bias->data() : nullptr, result->data()))
      return result;
  }
  TensorRef weight = weight_met(given_weight, shape, true, true);
  if (multiplies_channels(grad_output, shape)) {
    TensorRef result = empty_beside(grad_output, sizes);
    LongWork unlocked(flop_of(shape) > 20000);
    if (channels_backward_input(shape, grad_output.data(), weight->data(),
                                bias ? bias->data() : nullptr, result->data()))
      return result;
  }
  const bool leaves_gaps = !std::equal(shape.in, shape.in + 3, shape.out);
  TensorRef grad;
  if (!(bias && leaves_gaps) && pixelwise)
    grad = by_pixels(grad_output, grad_output, shape.groups, shape.C);
  if (grad) {
    TensorRef result = empty_beside(*grad, sizes), met = result;
    if (leaves_gaps) met = empty_beside(*grad, result_sizes(shape.N, shape.C, shape.out, sizes.n));
    read_window(op, side_by_side(window), shape);
    std::copy(shape.out, shape.out + 3, shape.in);
    {
      LongWork unlocked(flop_of(shape) > 20000);
      pixels_backward_input(shape, grad->data(), ImageOrder::by_pixels, weight->data(),
                            bias ? bias->data() : nullptr, met->data(), order_of(*met));
    }
    if (leaves_gaps) {
      fill_bytes(*result, 0);
      copy_bytes(*met_by(*result, space_of(*grad), window), *met);
    }
    return result;
  }
  if (grad_output.on_cpu() && shows_pixels(grad_output) && fits_lines_back(shape)) {
    TensorRef result = empty_beside(grad_output, sizes);
    LongWork unlocked(flop_of(shape) > 20000);
    if (lines_backward_input(shape, grad_output.data(), weight->data(),
                             bias ? bias->data() : nullptr, result->data()))
      return result;
  }
  grad = contiguous(grad_output);
  TensorRef result = empty(sizes, shape.dtype);
  if (!result->is_meta() && result->numel) {
    LongWork unlocked(flop_of(shape) > 20000);
    flambeau::conv_backward_input(shape, grad->data(), weight->data(),
                                  bias ? bias->data() : nullptr, result->data());
  }
  return result;
}

TensorRef conv_backward_weight(Tensor& grad_output, Tensor& given_input, const Dims& kernel_sizes,
                               const ConvWindow& given_window) {
  const char* op = "conv_backward_weight";
  check_pair(op, grad_output, given_input);
  const bool pixelwise =
      is_moved_anyway(given_input) && is_pixelwise(given_input, space_of(given_input), kernel_sizes,
                                                   space_of(grad_output), given_window);
  const ConvWindow window = pixelwise ? side_by_side(given_window) : given_window;
  TensorRef input = TensorRef::borrow(&given_input), grad;
  if (pixelwise) {
    input = met_by(given_input, space_of(grad_output), given_window);
    if (TensorRef pixels = by_pixels(given_input, *input, window.groups, grad_output.sizes[1]))
      if ((grad = by_pixels(grad_output, grad_output, window.groups, given_input.sizes[1])))
        input = pixels;
  }
  const bool in_place = static_cast<bool>(grad);
  const ConvShape shape =
      shape_of(op, input->dtype, input->sizes[0], input->sizes[1], grad_output.sizes[1],
               space_of(*input), kernel_sizes, space_of(grad_output), window);
  const Dims sizes = result_sizes(shape.O, shape.C / shape.groups, shape.kernel, input->ndim);
  if (!in_place && multiplies_channels(*input, shape) && lies_by_pixels(grad_output)) {
    TensorRef result = empty(sizes, shape.dtype);
    LongWork unlocked(flop_of(shape) > 20000);
    channels_backward_weight(shape, grad_output.data(), input->data(), result->data());
    return result;
  }
  if (!in_place && multiplies_pixel_pairs(*input, shape, false) && lies_by_pixels(grad_output)) {
    TensorRef result = empty_beside(*input, sizes);
    LongWork unlocked(flop_of(shape) > 20000);
    if (pixel_pairs_backward_weight(shape, grad_output.data(), input->data(), result->data()))
      return result;
  }
  if (!in_place && multiplies_lines(*input, grad_output, shape)) {
    TensorRef result = empty(sizes, shape.dtype);
    LongWork unlocked(flop_of(shape) > 20000);
    lines_backward_weight(shape, grad_output.data(), input->data(), result->data());
    return result;
  }
  if (!in_place) grad = contiguous(grad_output), input = contiguous(*input);
  TensorRef result = empty(sizes, shape.dtype);
  if (!result->is_meta() && (!grad->numel || !input->numel)) {
    fill_bytes(*result, 0);
  } else if (!result->is_meta()) {
    LongWork unlocked(flop_of(shape) > 20000);
    if (in_place)
      pixels_backward_weight(shape, grad->data(), input->data(), result->data());
    else
      flambeau::conv_backward_weight(shape, grad->data(), input->data(), result->data());
  }
  return result;
}

bool conv_reads_pixels(const Tensor& grad, const Tensor& input, const Tensor& weight,
                       const ConvWindow& window, bool transposed) {
  const char* op = "conv_reads_pixels";
  if (!grad.on_cpu() || !shows_pixels(grad)) return false;
  check_pair(op, grad, weight);
  const Tensor &images = transposed ? grad : input, &results = transposed ? input : grad;
  const ConvShape shape =
      shape_of(op, grad.dtype, images.sizes[0], images.sizes[1], results.sizes[1], space_of(images),
               space_of(weight), space_of(results), window);
  if (multiplies_lines(images, results, shape)) return true;
  return transposed ? fits_windows(shape) || fits_lines(shape) : fits_lines_back(shape);
}

TensorRef conv_backward_bias(Tensor& grad_output) {
  TensorRef grad = contiguous(grad_output);
  ConvShape shape;
  shape.dtype = grad->dtype;
  shape.N = grad->sizes[0], shape.O = grad->sizes[1];
  read_three("conv_backward_bias", space_of(*grad), 1, shape.out);
  TensorRef result = empty({shape.O}, shape.dtype);
  if (!result->is_meta()) {
    LongWork unlocked(grad->numel > 20000);
    flambeau::conv_backward_bias(shape, grad->data(), result->data());
  }
  return result;
}

}  // namespace flambeau::raw
