// Norms of rows, of checked arguments and without history: what flambeau/ops/group_norm.py and
// rows.py declare derivatives for. Needs the GIL.
#pragma once
#include <tuple>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

/// (result, mean, rstd) of x (N, C, *) in groups of channels; weight and bias (C,) or null.
std::tuple<TensorRef, TensorRef, TensorRef> group_norm(Tensor& x, int64_t groups, Tensor* weight,
                                                       Tensor* bias, double eps);

/// Whether group_norm goes over the pixels of x, also of halves: its channels lie side by side.
bool norms_pixels(const Tensor& x);

/// Which of the gradients of x, weight and bias.
struct NormWants {
  bool x, weight, bias;
  using Arguments = std::tuple<bool, bool, bool>;
};
using NormGradients = std::tuple<TensorRef, TensorRef, TensorRef>;
NormGradients group_norm_backward(Tensor& grad, Tensor& x, Tensor& mean, Tensor& rstd,
                                  Tensor* weight, int64_t groups, const NormWants& wants);
/// Of rows of `length` elements.
NormGradients layer_norm_backward(Tensor& grad, Tensor& x, Tensor& mean, Tensor& rstd,
                                  Tensor* weight, int64_t length, const NormWants& wants);
/// (result, mean, rstd) of x (N, C, *), each channel by its own mean and variance, towards which
/// the running ones move; all vectors (C,), contiguous and of x's dtype, may be null.
struct RunningMoments {
  Tensor *mean, *var;
  double momentum;
};
std::tuple<TensorRef, TensorRef, TensorRef> batch_norm(Tensor& x, Tensor* weight, Tensor* bias,
                                                       const RunningMoments& running, double eps);
/// x (N, C, *), each channel by a given mean and variance.
TensorRef batch_norm_by(Tensor& x, Tensor* weight, Tensor* bias, Tensor& mean, Tensor& var,
                        double eps);
NormGradients batch_norm_backward(Tensor& grad, Tensor& x, Tensor& mean, Tensor& rstd,
                                  Tensor* weight, const NormWants& wants);
/// The sums over each channel of grad and of grad * (x - mean); x (N, C, *), mean (C,).
std::tuple<TensorRef, TensorRef> channel_products(Tensor& grad, Tensor& x, Tensor& mean);
/// Distances of order p between x1 (*, P, M) and x2 (*, R, M); without x2 those of all pairs of
/// points of x1 (*, n, M). float32, float64.
TensorRef distances(Tensor& x1, Tensor* x2, double p);
/// Gradients of x1.
TensorRef distances_backward(Tensor& grad, Tensor& x1, Tensor* x2, Tensor& distance, double p);

inline constexpr std::tuple norm_functions{
    declare<distances>("_distances", "x1, x2, p"),
    declare<distances_backward>("_distances_backward", "grad, x1, x2, distance, p"),
    declare<channel_products>("_channel_products", "grad, x, mean"),
    declare<group_norm>("_group_norm", "x, groups, weight, bias, eps"),
    declare<group_norm_backward>(
        "_group_norm_backward",
        "grad, x, mean, rstd, weight, groups, wants_x, wants_weight, wants_bias"),
    declare<layer_norm_backward>(
        "_layer_norm_backward",
        "grad, x, mean, rstd, weight, length, wants_x, wants_weight, wants_bias")};

}  // namespace flambeau::raw
