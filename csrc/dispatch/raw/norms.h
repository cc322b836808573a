// Norms of rows, of checked arguments and without history: what flambeau/ops/group_norm.py and
// rows.py declare derivatives for. Needs the GIL.
#pragma once
#include <tuple>

#include "tensor/tensor.h"

namespace flambeau::raw {

/// (result, mean, rstd) of x (N, C, *) in groups of channels; weight and bias (C,) or null.
std::tuple<TensorRef, TensorRef, TensorRef> group_norm(Tensor& x, int64_t groups, Tensor* weight,
                                                       Tensor* bias, double eps);

/// Which of the gradients of x, weight and bias.
struct NormWants {
  bool x, weight, bias;
};
using NormGradients = std::tuple<TensorRef, TensorRef, TensorRef>;
NormGradients group_norm_backward(Tensor& grad, Tensor& x, Tensor& mean, Tensor& rstd,
                                  Tensor* weight, int64_t groups, const NormWants& wants);
/// Of rows of `length` elements.
NormGradients layer_norm_backward(Tensor& grad, Tensor& x, Tensor& mean, Tensor& rstd,
                                  Tensor* weight, int64_t length, const NormWants& wants);

}  // namespace flambeau::raw
