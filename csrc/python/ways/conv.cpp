// The native halves of flambeau/ops/conv.py: checked arguments in, results without history out.
#include <algorithm>
#include <array>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "kernels/conv/conv.h"
#include "python/args.h"

namespace flambeau {

namespace {

/// A tuple of 1 to 3 integers as the last entries of three; those before are `otherwise`.
void read_three(const Args& a, int i, int64_t otherwise, int64_t (&to)[3]) {
  Dims dims = to_dims(a[i], a.function());
  check(dims.n >= 1 && dims.n <= 3,
        [&] { return message(a.function(), ": convolves over 1 to 3 dims, not ", dims.n, "."); });
  std::fill(to, to + 3, otherwise);
  std::copy(dims.v, dims.v + dims.n, to + 3 - dims.n);
}

void read_sizes(const Tensor& t, int64_t (&to)[3]) {
  std::fill(to, to + 3, 1);
  std::copy(t.sizes + 2, t.sizes + t.ndim, to + 3 - (t.ndim - 2));
}

/// Arguments 3 to 6 of every function here: stride, padding (at the low end), dilation, groups.
void read_window(const Args& a, int first, ConvShape& shape) {
  read_three(a, first, 1, shape.stride);
  read_three(a, first + 1, 0, shape.padding);
  read_three(a, first + 2, 1, shape.dilation);
  shape.groups = a.integer(first + 3);
}

TensorRef bias_of(const Args& a, int i, DType dtype, int64_t n) {
  if (!a.given(i)) return {};
  Tensor& bias = a.tensor(i);
  check(bias.dtype == dtype && bias.ndim == 1 && bias.numel == n, [&] {
    return message(a.function(), ": bias must be ", name(dtype), " (", n, ",), but it is ",
                   describe(bias), ".");
  });
  return contiguous(bias);
}

/// Both arguments of a convolution: of one dtype and rank, which a hook of saved tensors may
/// change.
void check_pair(const Args& a, const Tensor& first, const Tensor& second) {
  check(first.dtype == second.dtype && first.ndim == second.ndim && first.ndim >= 3 &&
            first.ndim <= 5,
        [&] {
          return message(a.function(), ": ", describe(first), " and ", describe(second),
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

/// _conv_forward(input, weight, bias, out_sizes, stride, padding, dilation, groups, relu=False)
PyObject* py_forward(const Call& call) {
  Args a(call);
  TensorRef input = contiguous(a.tensor(0)), weight = contiguous(a.tensor(1));
  check_pair(a, *input, *weight);
  ConvShape shape;
  shape.dtype = input->dtype;
  shape.N = input->sizes[0], shape.C = input->sizes[1], shape.O = weight->sizes[0];
  read_sizes(*input, shape.in);
  read_sizes(*weight, shape.kernel);
  read_three(a, 3, 1, shape.out);
  read_window(a, 4, shape);
  TensorRef bias = bias_of(a, 2, shape.dtype, shape.O);
  const bool relu = a.truth(8);
  TensorRef output = empty(result_sizes(shape.N, shape.O, shape.out, input->ndim), shape.dtype);
  if (!output->is_meta()) {
    LongWork unlocked(flop_of(shape) > 20000);
    conv_forward(shape, input->data(), weight->data(), bias ? bias->data() : nullptr, relu,
                 output->data());
  }
  return output.release_py();
}

/// _conv_backward_input(grad_output, weight, bias, in_sizes, stride, padding, dilation, groups)
PyObject* py_backward_input(const Call& call) {
  Args a(call);
  TensorRef grad = contiguous(a.tensor(0)), weight = contiguous(a.tensor(1));
  check_pair(a, *grad, *weight);
  ConvShape shape;
  shape.dtype = grad->dtype;
  read_sizes(*grad, shape.out);
  read_sizes(*weight, shape.kernel);
  read_three(a, 3, 1, shape.in);
  read_window(a, 4, shape);
  shape.N = grad->sizes[0], shape.O = grad->sizes[1], shape.C = weight->sizes[1] * shape.groups;
  TensorRef bias = bias_of(a, 2, shape.dtype, shape.C);
  TensorRef result = empty(result_sizes(shape.N, shape.C, shape.in, grad->ndim), shape.dtype);
  if (!result->is_meta()) {
    LongWork unlocked(flop_of(shape) > 20000);
    conv_backward_input(shape, grad->data(), weight->data(), bias ? bias->data() : nullptr,
                        result->data());
  }
  return result.release_py();
}

/// _conv_backward_weight(grad_output, input, kernel_sizes, stride, padding, dilation, groups)
PyObject* py_backward_weight(const Call& call) {
  Args a(call);
  TensorRef grad = contiguous(a.tensor(0)), input = contiguous(a.tensor(1));
  check_pair(a, *grad, *input);
  ConvShape shape;
  shape.dtype = input->dtype;
  read_sizes(*grad, shape.out);
  read_sizes(*input, shape.in);
  read_three(a, 2, 1, shape.kernel);
  read_window(a, 3, shape);
  shape.N = input->sizes[0], shape.C = input->sizes[1], shape.O = grad->sizes[1];
  TensorRef result =
      empty(result_sizes(shape.O, shape.C / shape.groups, shape.kernel, input->ndim), shape.dtype);
  if (!result->is_meta()) {
    LongWork unlocked(flop_of(shape) > 20000);
    conv_backward_weight(shape, grad->data(), input->data(), result->data());
  }
  return result.release_py();
}

/// _conv_backward_bias(grad_output)
PyObject* py_backward_bias(const Call& call) {
  Args a(call);
  TensorRef grad = contiguous(a.tensor(0));
  ConvShape shape;
  shape.dtype = grad->dtype;
  shape.N = grad->sizes[0], shape.O = grad->sizes[1];
  read_sizes(*grad, shape.out);
  TensorRef result = empty({shape.O}, shape.dtype);
  if (!result->is_meta()) {
    LongWork unlocked(grad->numel > 20000);
    conv_backward_bias(shape, grad->data(), result->data());
  }
  return result.release_py();
}

const NativeEntry functions[] = {
    {"_conv_forward",
     "input, weight, bias, out_sizes, stride, padding, dilation, groups, relu=False", py_forward,
     "Convolution of checked arguments, without history."},
    {"_conv_backward_input", "grad_output, weight, bias, sizes, stride, padding, dilation, groups",
     py_backward_input, "Its gradient for the input: transposed convolution."},
    {"_conv_backward_weight", "grad_output, input, kernel, stride, padding, dilation, groups",
     py_backward_weight, "Its gradient for the weight."},
    {"_conv_backward_bias", "grad_output", py_backward_bias, "Its gradient for the bias."},
    {}};

}  // namespace

void initialize_conv(PyObject* module) { add_functions(module, functions); }

}  // namespace flambeau
