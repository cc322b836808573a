// Convolutions of tensors, without history.
#include <algorithm>
#include <array>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/raw/layers.h"
#include "kernels/conv/conv.h"

namespace flambeau::raw {

namespace {

/// 1 to 3 integers as the last entries of three; those before are `otherwise`.
void read_three(const char* op, const Dims& dims, int64_t otherwise, int64_t (&to)[3]) {
  check(dims.n >= 1 && dims.n <= 3,
        [&] { return message(op, ": convolves over 1 to 3 dims, not ", dims.n, "."); });
  std::fill(to, to + 3, otherwise);
  std::copy(dims.v, dims.v + dims.n, to + 3 - dims.n);
}

void read_sizes(const Tensor& t, int64_t (&to)[3]) {
  std::fill(to, to + 3, 1);
  std::copy(t.sizes + 2, t.sizes + t.ndim, to + 3 - (t.ndim - 2));
}

void read_window(const char* op, const ConvWindow& window, ConvShape& shape) {
  read_three(op, window.stride, 1, shape.stride);
  read_three(op, window.padding, 0, shape.padding);
  read_three(op, window.dilation, 1, shape.dilation);
  shape.groups = window.groups;
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

}  // namespace

TensorRef conv_forward(Tensor& given_input, Tensor& given_weight, Tensor* given_bias,
                       const Dims& out_sizes, const ConvWindow& window, bool relu) {
  const char* op = "conv_forward";
  TensorRef input = contiguous(given_input), weight = contiguous(given_weight);
  check_pair(op, *input, *weight);
  ConvShape shape;
  shape.dtype = input->dtype;
  shape.N = input->sizes[0], shape.C = input->sizes[1], shape.O = weight->sizes[0];
  read_sizes(*input, shape.in);
  read_sizes(*weight, shape.kernel);
  read_three(op, out_sizes, 1, shape.out);
  read_window(op, window, shape);
  TensorRef bias = checked_bias(op, given_bias, shape.dtype, shape.O);
  TensorRef output = empty(result_sizes(shape.N, shape.O, shape.out, input->ndim), shape.dtype);
  if (!output->is_meta()) {
    LongWork unlocked(flop_of(shape) > 20000);
    flambeau::conv_forward(shape, input->data(), weight->data(), bias ? bias->data() : nullptr,
                           relu, output->data());
  }
  return output;
}

TensorRef conv_backward_input(Tensor& grad_output, Tensor& given_weight, Tensor* given_bias,
                              const Dims& in_sizes, const ConvWindow& window) {
  const char* op = "conv_backward_input";
  TensorRef grad = contiguous(grad_output), weight = contiguous(given_weight);
  check_pair(op, *grad, *weight);
  ConvShape shape;
  shape.dtype = grad->dtype;
  read_sizes(*grad, shape.out);
  read_sizes(*weight, shape.kernel);
  read_three(op, in_sizes, 1, shape.in);
  read_window(op, window, shape);
  shape.N = grad->sizes[0], shape.O = grad->sizes[1], shape.C = weight->sizes[1] * shape.groups;
  TensorRef bias = checked_bias(op, given_bias, shape.dtype, shape.C);
  TensorRef result = empty(result_sizes(shape.N, shape.C, shape.in, grad->ndim), shape.dtype);
  if (!result->is_meta()) {
    LongWork unlocked(flop_of(shape) > 20000);
    flambeau::conv_backward_input(shape, grad->data(), weight->data(),
                                  bias ? bias->data() : nullptr, result->data());
  }
  return result;
}

TensorRef conv_backward_weight(Tensor& grad_output, Tensor& given_input, const Dims& kernel_sizes,
                               const ConvWindow& window) {
  const char* op = "conv_backward_weight";
  TensorRef grad = contiguous(grad_output), input = contiguous(given_input);
  check_pair(op, *grad, *input);
  ConvShape shape;
  shape.dtype = input->dtype;
  read_sizes(*grad, shape.out);
  read_sizes(*input, shape.in);
  read_three(op, kernel_sizes, 1, shape.kernel);
  read_window(op, window, shape);
  shape.N = input->sizes[0], shape.C = input->sizes[1], shape.O = grad->sizes[1];
  TensorRef result =
      empty(result_sizes(shape.O, shape.C / shape.groups, shape.kernel, input->ndim), shape.dtype);
  if (!result->is_meta()) {
    LongWork unlocked(flop_of(shape) > 20000);
    flambeau::conv_backward_weight(shape, grad->data(), input->data(), result->data());
  }
  return result;
}

TensorRef conv_backward_bias(Tensor& grad_output) {
  TensorRef grad = contiguous(grad_output);
  ConvShape shape;
  shape.dtype = grad->dtype;
  shape.N = grad->sizes[0], shape.O = grad->sizes[1];
  read_sizes(*grad, shape.out);
  TensorRef result = empty({shape.O}, shape.dtype);
  if (!result->is_meta()) {
    LongWork unlocked(grad->numel > 20000);
    flambeau::conv_backward_bias(shape, grad->data(), result->data());
  }
  return result;
}

}  // namespace flambeau::raw
