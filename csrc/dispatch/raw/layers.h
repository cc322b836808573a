// Convolution, pooling, borders and attention, of checked arguments and without history: what
// flambeau/ops/{conv,pool,padding,attention}.py declare derivatives for. Needs the GIL.
#pragma once
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

/// Over 1 to 3 spatial dims each; padding at the low end.
struct ConvWindow {
  Dims stride, padding, dilation;
  int64_t groups;
  using Arguments = std::tuple<Dims, Dims, Dims, int64_t>;
};
/// input (N, C, *in), weight (O, C / groups, *kernel) and bias (O,) or null -> (N, O, *out_sizes)
TensorRef conv_forward(Tensor& input, Tensor& weight, Tensor* bias, const Dims& out_sizes,
                       const ConvWindow& window, bool relu);
/// The gradient for the input, which is a transposed convolution; then with a bias (C,).
TensorRef conv_backward_input(Tensor& grad_output, Tensor& weight, Tensor* bias,
                              const Dims& in_sizes, const ConvWindow& window);
TensorRef conv_backward_weight(Tensor& grad_output, Tensor& input, const Dims& kernel_sizes,
                               const ConvWindow& window);
TensorRef conv_backward_bias(Tensor& grad_output);
/// Whether a gradient for the input or the weight of a convolution reads channels-last gradients of
/// its result as they lie.
bool conv_reads_pixels(const Tensor& grad_output, const Tensor& input, const Tensor& weight,
                       const ConvWindow& window, bool transposed);

/// Windows over planes, each pair of numbers that of rows and of columns.
struct PlaneWindows {
  Dims kernel, dilation, padding, stride;
  using Arguments = std::tuple<Dims, Dims, Dims, Dims>;
};
/// input (N, C, H, W) as (N, C * taps, windows)
TensorRef unfold(Tensor& input, const PlaneWindows& windows);
/// The sums (N, C, *sizes) of columns (N, C * taps, windows) laid back.
TensorRef fold(Tensor& columns, const Dims& sizes, const PlaneWindows& windows);

/// The spatial sizes of input and output, and the windows; without a kernel adaptive ones.
struct PoolWindows {
  Dims in, out;
  std::optional<Dims> kernel, stride, padding, dilation;
  using Taken = std::optional<Dims>;
  using Arguments = std::tuple<Dims, Dims, Taken, Taken, Taken, Taken>;
};
/// (values, indices): the indices are null unless asked for.
std::tuple<TensorRef, TensorRef> max_pool(Tensor& input, bool with_indices,
                                          const PoolWindows& windows);
TensorRef max_pool_backward(Tensor& grad_output, Tensor& indices, const PoolWindows& windows);
TensorRef avg_pool(Tensor& input, bool include_pad, std::optional<int64_t> divisor,
                   const PoolWindows& windows);
TensorRef avg_pool_backward(Tensor& grad_output, bool include_pad, std::optional<int64_t> divisor,
                            const PoolWindows& windows);
/// (values, indices) of windows at steps between whole numbers: input (N, C, *in), samples (N, C,
/// dims) of its dtype. RuntimeError where a sample is not from 0 to 1.
std::tuple<TensorRef, TensorRef> fractional_max_pool(Tensor& input, Tensor& samples,
                                                     const Dims& kernel, const Dims& out_sizes);

/// A border of what is inside; mode "replicate", "reflect" or "circular", pad (before, after) for
/// each of the last dims, the last one first.
TensorRef add_border(Tensor& input, std::string_view mode, const std::vector<int64_t>& pad);
/// Its adjoint: the border added to its source.
TensorRef fold_border(Tensor& grad, std::string_view mode, const std::vector<int64_t>& pad);
/// A border of one value; pad likewise, none below 0, for up to three dims.
TensorRef add_constant_border(Tensor& input, const std::vector<int64_t>& pad, PyObject* value);

/// query (*B, T, E), key (*B, S, E), value (*B, S, V) of one dtype, mask (*B, T, S) of it, of
/// bool, or null. `p`: of dropout, by the number `call` of `seed`; of float32.
struct AttentionOf {
  Tensor &query, &key, &value;
  Tensor* mask;
  bool causal;
  double scale, p;
  int64_t seed, call;
  using Arguments =
      std::tuple<Tensor&, Tensor&, Tensor&, Tensor*, bool, double, double, int64_t, int64_t>;
};
/// (result, norms of the rows), or nothing where a score is not finite.
std::optional<std::tuple<TensorRef, TensorRef>> attend(const AttentionOf& of);
/// The gradients of query, key and value.
std::tuple<TensorRef, TensorRef, TensorRef> attend_backward(const AttentionOf& of, Tensor& result,
                                                            Tensor& norms, Tensor& gradient);

inline constexpr std::tuple layer_functions{
    declare<conv_forward>(
        "_conv_forward",
        "input, weight, bias, out_sizes, stride, padding, dilation, groups, relu=False"),
    declare<conv_backward_input>(
        "_conv_backward_input",
        "grad_output, weight, bias, sizes, stride, padding, dilation, groups"),
    declare<conv_backward_weight>("_conv_backward_weight",
                                  "grad_output, input, kernel, stride, padding, dilation, groups"),
    declare<conv_backward_bias>("_conv_backward_bias", "grad_output"),
    declare<conv_reads_pixels>(
        "_conv_reads_pixels",
        "grad_output, input, weight, stride, padding, dilation, groups, transposed"),
    declare<max_pool>("_max_pool",
                      "input, with_indices, sizes, out_sizes, kernel, stride, padding, dilation"),
    declare<max_pool_backward>(
        "_max_pool_backward",
        "grad_output, indices, sizes, out_sizes, kernel, stride, padding, dilation"),
    declare<fractional_max_pool>("_fractional_max_pool", "input, samples, kernel, out_sizes"),
    declare<avg_pool>(
        "_avg_pool",
        "tensor, include_pad, divisor, sizes, out_sizes, kernel, stride, padding, dilation"),
    declare<avg_pool_backward>(
        "_avg_pool_backward",
        "tensor, include_pad, divisor, sizes, out_sizes, kernel, stride, padding, dilation"),
    declare<unfold>("_unfold", "input, kernel, dilation, padding, stride"),
    declare<fold>("_fold", "columns, sizes, kernel, dilation, padding, stride"),
    declare<add_border>("_add_border", "input, mode, pad"),
    declare<add_constant_border>("_add_constant_border", "input, pad, value"),
    declare<fold_border>("_fold_border", "input, mode, pad"),
    declare<attend>("_attend", "query, key, value, mask, causal, scale, p, seed, call"),
    declare<attend_backward>(
        "_attend_backward",
        "query, key, value, mask, causal, scale, p, seed, call, result, norms, "
        "gradient")};

}  // namespace flambeau::raw
