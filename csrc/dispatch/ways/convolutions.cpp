#include "dispatch/ways/convolutions.h"

#include "autograd/door.h"

namespace flambeau::ways {

namespace {

/// The spatial sizes of a batch.
Dims space_of(const Tensor& t) { return Dims(t.sizes + 2, t.ndim - 2); }

constexpr int64_t most_elements = int64_t{1} << 40;  // of a result; what is larger Python refuses

/// Multiplies a count of elements; false where it would be too large.
bool multiply(int64_t& elements, int64_t size) {
  if (size > most_elements / elements) return false;
  elements *= size;
  return true;
}

/// The gradients from what the node keeps.
template <bool transposed>
bool gradient(WayNode& node, Tensor& grad, TensorRef* gradients) {
  TensorRef input = node.kept(0), weight = node.kept(1);
  if (!is_full_precision(grad) || !is_full_precision(*input) || !is_full_precision(*weight) ||
      grad.dtype != input->dtype || watchers & watch_inside)
    return false;
  const raw::ConvWindow window{node.numbers(2), node.numbers(3), node.numbers(4), node.integer(5)};
  if (node.wants(0))
    gradients[0] = transposed
                       ? raw::conv_forward(grad, *weight, nullptr, space_of(*input), window, false)
                       : raw::conv_backward_input(grad, *weight, nullptr, space_of(*input), window);
  if (node.wants(1))
    gradients[1] = raw::conv_backward_weight(transposed ? *input : grad, transposed ? grad : *input,
                                             space_of(*weight), window);
  if (node.wants(2)) gradients[2] = raw::conv_backward_bias(grad);
  return true;
}

}  // namespace

Convolving::Convolving(PyObject* backward, bool transposed)
    : backward_(transposed ? "_conv_transposed" : "_conv_forward", backward,
                {"input", "weight", "stride", "padding", "dilation", "groups"}) {
  backward_.native = transposed ? gradient<true> : gradient<false>;
}

bool Convolving::reads(Call& call, const DimOrDims& stride, const DimOrDims& padding,
                       const DimOrDims& dilation, int64_t inputs, int64_t outputs) {
  const Tensor &x = call.input, &w = call.weight;
  const int n = w.ndim - 2;
  const int64_t groups = call.window.groups;
  return !(watchers & watch_inside) && is_full_precision(x) && is_full_precision(w) &&
         x.dtype == w.dtype && n >= 1 && n <= 3 && x.ndim == w.ndim && groups >= 1 &&
         x.sizes[1] == inputs && w.sizes[0] % groups == 0 &&
         (!call.bias || (is_full_precision(*call.bias) && call.bias->dtype == x.dtype &&
                         call.bias->ndim == 1 && call.bias->numel == outputs)) &&
         spread(stride, n, 1, call.window.stride) && spread(padding, n, 0, call.window.padding) &&
         spread(dilation, n, 1, call.window.dilation);
}

TensorRef Convolving::with_history(TensorRef result, Call& call) {
  if (!records(call.input) && !records(call.weight) && !records(call.bias)) return result;
  Ref<WayNode> node = make_way_node(backward_, {&call.input, &call.weight, call.bias});
  node->keep(call.input);
  node->keep(call.weight);
  node->keep(call.window.stride);
  node->keep(call.window.padding);
  node->keep(call.window.dilation);
  node->keep(call.window.groups);
  set_history(*result, &node->node);
  return result;
}

TensorRef Convolution::take(Tensor& input, Tensor& weight, Tensor* bias, const DimOrDims& stride,
                            const DimOrDims& padding, const DimOrDims& dilation, int64_t groups) {
  if (weight.ndim < 3) return nullptr;
  Call call{input, weight, bias, {{}, {}, {}, groups}};
  if (!reads(call, stride, padding, dilation, weight.sizes[1] * groups, weight.sizes[0]))
    return nullptr;
  const Dims in = space_of(input), kernel = space_of(weight);
  const raw::ConvWindow& window = call.window;
  Dims out;
  int64_t elements = input.sizes[0] * weight.sizes[0];
  for (int d = 0; d < in.n; ++d) {
    const int64_t room = in[d] + 2 * window.padding[d] - window.dilation[d] * (kernel[d] - 1) - 1;
    if (room < 0) return nullptr;
    out.push(room / window.stride[d] + 1);
    if (!multiply(elements, out[d])) return nullptr;
  }
  return with_history(raw::conv_forward(input, weight, bias, out, window, false), call);
}

TensorRef TransposedConvolution::take(Tensor& input, Tensor& weight, Tensor* bias,
                                      const DimOrDims& stride, const DimOrDims& padding,
                                      const DimOrDims& given_extra, int64_t groups,
                                      const DimOrDims& dilation) {
  if (weight.ndim < 3) return nullptr;
  Call call{input, weight, bias, {{}, {}, {}, groups}};
  Dims extra;
  if (!reads(call, stride, padding, dilation, weight.sizes[0], weight.sizes[1] * groups) ||
      !spread(given_extra, weight.ndim - 2, 0, extra))
    return nullptr;
  const Dims in = space_of(input), kernel = space_of(weight);
  const raw::ConvWindow& window = call.window;
  Dims out;
  int64_t elements = input.sizes[0] * weight.sizes[1] * groups;
  for (int d = 0; d < in.n; ++d) {
    if (extra[d] >= window.stride[d] && extra[d] >= window.dilation[d]) return nullptr;
    const int64_t size = (in[d] - 1) * window.stride[d] - 2 * window.padding[d] +
                         window.dilation[d] * (kernel[d] - 1) + extra[d] + 1;
    if (size < 1) return nullptr;
    out.push(size);
    if (!multiply(elements, size)) return nullptr;
  }
  return with_history(raw::conv_backward_input(input, weight, bias, out, window), call);
}

}  // namespace flambeau::ways
