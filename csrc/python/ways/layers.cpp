// Convolution, pooling, borders, attention, norms, recurrences, losses of classes and what vision
// needs, as functions without history: flambeau/ops and flambeau/vision/ops declare their
// derivatives.
#include "dispatch/raw/layers.h"
#include "dispatch/raw/class_losses.h"
#include "dispatch/raw/ctc.h"
#include "dispatch/raw/flex.h"
#include "dispatch/raw/norms.h"
#include "dispatch/raw/recurrent.h"
#include "dispatch/raw/resampling.h"
#include "dispatch/raw/rows.h"
#include "dispatch/raw/vision.h"
#include "python/bind.h"

namespace flambeau {

using raw::AttentionOf, raw::ConvWindow, raw::CtcLosses, raw::DeformTaps, raw::FlexOf,
    raw::GridOptions, raw::NearestSteps, raw::NormWants, raw::PlaneWindows, raw::PoolWindows,
    raw::RoiBins, raw::SequenceOrder;

template <>
struct Argument<ConvWindow> : Members<ConvWindow, Dims, Dims, Dims, int64_t> {};
template <>
struct Argument<PoolWindows>
    : Members<PoolWindows, Dims, Dims, std::optional<Dims>, std::optional<Dims>,
              std::optional<Dims>, std::optional<Dims>> {};
template <>
struct Argument<AttentionOf>
    : Members<AttentionOf, Tensor&, Tensor&, Tensor&, Tensor*, bool, double> {};
template <>
struct Argument<FlexOf> : Members<FlexOf, Tensor&, Tensor&, Tensor&, Tensor*, std::vector<int64_t>,
                                  double, std::vector<Tensor*>> {};
template <>
struct Argument<RoiBins> : Members<RoiBins, Dims, Dims, double, int64_t, int64_t> {};
template <>
struct Argument<DeformTaps> : Members<DeformTaps, Dims, Dims, Dims, Dims, Dims, int64_t> {};
template <>
struct Argument<CtcLosses> : Members<CtcLosses, Reducing, bool> {};
template <>
struct Argument<GridOptions> : Members<GridOptions, GridMode, GridPadding, bool> {};
template <>
struct Argument<PlaneWindows> : Members<PlaneWindows, Dims, Dims, Dims, Dims> {};
template <>
struct Argument<NearestSteps> : Members<NearestSteps, double, double, double, double> {};
template <>
struct Argument<NormWants> : Members<NormWants, bool, bool, bool> {};
template <>
struct Argument<SequenceOrder> : Members<SequenceOrder, std::optional<std::vector<int64_t>>, bool> {
};
namespace {

std::tuple<TensorRef, TensorRef, double> cross_entropy_of(RowsKernel kernel, Tensor& input,
                                                          Tensor& target, int64_t ignored,
                                                          double smoothing, Reducing reduction) {
  CrossEntropy made = cross_entropy(kernel, input, target, ignored, smoothing, reduction);
  return {made.loss, made.logsumexp, made.counted};
}
std::tuple<TensorRef, double, int64_t> nll_of(Tensor& input, Tensor& target, Tensor* weight,
                                              int64_t ignored, Reducing reduction) {
  Nll made = nll_loss(input, target, weight, ignored, reduction);
  return {made.loss, made.weight, made.wrong};
}

const NativeEntry entries[] = {
    bind<raw::conv_forward>(
        "_conv_forward",
        "input, weight, bias, out_sizes, stride, padding, dilation, groups, relu=False"),
    bind<raw::conv_backward_input>(
        "_conv_backward_input",
        "grad_output, weight, bias, sizes, stride, padding, dilation, groups"),
    bind<raw::conv_backward_weight>(
        "_conv_backward_weight", "grad_output, input, kernel, stride, padding, dilation, groups"),
    bind<raw::conv_backward_bias>("_conv_backward_bias", "grad_output"),

    bind<raw::max_pool>("_max_pool",
                        "input, with_indices, sizes, out_sizes, kernel, stride, padding, dilation"),
    bind<raw::max_pool_backward>(
        "_max_pool_backward",
        "grad_output, indices, sizes, out_sizes, kernel, stride, padding, dilation"),
    bind<raw::avg_pool>(
        "_avg_pool",
        "tensor, include_pad, divisor, sizes, out_sizes, kernel, stride, padding, dilation"),
    bind<raw::avg_pool_backward>(
        "_avg_pool_backward",
        "tensor, include_pad, divisor, sizes, out_sizes, kernel, stride, padding, dilation"),

    bind<raw::add_border>("_add_border", "input, mode, pad"),
    bind<raw::add_constant_border>("_add_constant_border", "input, pad, value"),
    bind<raw::fold_border>("_fold_border", "input, mode, pad"),

    bind<raw::attend>("_attend", "query, key, value, mask, causal, scale"),
    bind<raw::attend_backward>("_attend_backward",
                               "query, key, value, mask, causal, scale, result, norms, gradient"),

    bind<raw::flex_attend>("_flex_attend", "query, key, value, states, numbers, scale, arrays"),
    bind<raw::flex_backward>("_flex_backward",
                             "query, key, value, states, numbers, scale, arrays, result, norms, "
                             "gradient, lse_gradient, wanted"),
    bind<raw::flex_states>("_flex_states", "sizes, visible, arrays"),

    bind<cross_entropy_of>("_cross_entropy",
                           "address, input, target, ignored, smoothing, reduction"),
    bind<nll_of>("_nll", "input, target, weight, ignored, reduction"),
    bind<nll_gradient>("_nll_backward", "grad, input, target, weight, ignored, scale"),

    bind<raw::ctc>("_ctc",
                   "log_probs, targets, input_lengths, target_lengths, blank, reduction, finite"),
    bind<raw::ctc_backward>("_ctc_backward",
                            "grad, log_probs, losses, alpha, lengths, blank, reduction, finite"),

    bind<raw::is_of_columns>("_is_of_columns", "t, dim"),
    bind<raw::softmax_of_columns>("_softmax_of_columns", "input, dim, log"),
    bind<raw::softmax_of_columns_backward>("_softmax_of_columns_backward",
                                           "grad, result, dim, log"),

    bind<raw::group_norm>("_group_norm", "x, groups, weight, bias, eps"),
    bind<raw::group_norm_backward>(
        "_group_norm_backward",
        "grad, x, mean, rstd, weight, groups, wants_x, wants_weight, wants_bias"),
    bind<raw::layer_norm_backward>(
        "_layer_norm_backward",
        "grad, x, mean, rstd, weight, length, wants_x, wants_weight, wants_bias"),

    bind<raw::lstm>("_lstm", "inputs, h, c, weight, bias, counts, backwards, keep"),
    bind<raw::lstm_backward>(
        "_lstm_backward", "grad_output, grad_h, grad_c, weight, gates, had_c, counts, backwards"),

    bind<raw::unfold>("_unfold", "input, kernel, dilation, padding, stride"),
    bind<raw::fold>("_fold", "columns, sizes, kernel, dilation, padding, stride"),

    bind<raw::nearest>("_nearest", "input, sizes, depth, height, width, shift"),
    bind<raw::nearest_backward>("_nearest_backward", "grad, sizes, depth, height, width, shift"),
    bind<raw::affine_grid>("_affine_grid", "theta, sizes, corners"),
    bind<raw::resize>("_resize", "input, dim, size, ratio, kind, corners, back"),
    bind<raw::resize_windows>("_resize_windows", "kind, had, size, ratio, corners, back"),
    bind<raw::grid_sample>("_grid_sample", "input, grid, mode, padding, corners"),
    bind<raw::grid_sample_backward>(
        "_grid_sample_backward",
        "grad, input, grid, mode, padding, corners, wants_input, wants_grid"),

    bind<raw::resample>("_resample", "images, height, width, cubic"),
    bind<raw::resample_pixels>("_resample_pixels", "pixels, height, width, cubic, height_first"),
    bind<raw::planes>("_planes", "pixels, channels, floating"),
    bind<raw::png_lines>("_png_lines", "lines, step"),
    bind<raw::nms>("_nms", "boxes, order, threshold"),
    bind<raw::roi_mean>("_roi_mean", "input, boxes, sizes, bins, scale, sampling, flags"),
    bind<raw::roi_mean_backward>("_roi_mean_backward",
                                 "grad_output, boxes, sizes, bins, scale, sampling, flags"),
    bind<raw::roi_max>("_roi_max", "input, boxes, sizes, bins, scale, sampling, flags"),
    bind<raw::deform_columns>(
        "_deform_columns", "input, offset, mask, kernel, stride, padding, dilation, out, groups"),
    bind<raw::deform_columns_backward>(
        "_deform_columns_backward",
        "grad, input, offset, mask, kernel, stride, padding, dilation, out, groups"),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
