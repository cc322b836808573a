// Losses of classes, without history: scores and targets to the reduced loss. Needs the GIL.
#pragma once
#include "dispatch/rows.h"
#include "tensor/declared.h"

namespace flambeau {

enum class Reducing : int64_t { none, mean, sum };

struct CrossEntropy {
  TensorRef loss,
      logsumexp;   // (2, N): the largest score of each row, and log(sum(exp(scores - it)))
  double counted;  // rows; NaN if a target is no class
};
/// Scores (N, C) and int64 classes (N,), contiguous; `kernel` is counted_cross_entropy for the
/// dtype.
CrossEntropy cross_entropy(RowsKernel kernel, Tensor& input, Tensor& target, int64_t ignored,
                           double smoothing, Reducing reduction);

/// The gradient of its scores: `factor` times grad, one number or one for each row; by the kernel
/// for that.
TensorRef cross_entropy_gradient(RowsKernel kernel, Tensor& grad, Tensor& input, Tensor& target,
                                 Tensor& logsumexp, int64_t ignored, double smoothing,
                                 double factor);

struct Nll {
  TensorRef loss;
  double weight;  // of what counted
  int64_t wrong;  // the first place whose target is no class, or -1
};
/// Scores (C,), (N, C) or (N, C, *S) and contiguous int64 classes; `weight` may be null.
Nll nll_loss(Tensor& input, Tensor& target, Tensor* weight, int64_t ignored, Reducing reduction);
/// The gradient of its scores: `scale` times grad, one number or one for each target.
TensorRef nll_gradient(Tensor& grad, Tensor& input, Tensor& target, Tensor* weight, int64_t ignored,
                       double scale);

/// The same, and what the losses count, as tuples.
std::tuple<TensorRef, TensorRef, double> cross_entropy_of(RowsKernel kernel, Tensor& input,
                                                          Tensor& target, int64_t ignored,
                                                          double smoothing, Reducing reduction);
std::tuple<TensorRef, double, int64_t> nll_of(Tensor& input, Tensor& target, Tensor* weight,
                                              int64_t ignored, Reducing reduction);

/// Margins between classes: of one class a sample, targets (N,), where `how` says by how much; or
/// of targets (N, C) that list classes up to the first -1.
struct Margins {
  Tensor *input, *target, *weight;  // scores (N, C); weight (C,) or null
  bool listed, squared;
  double margin;
  using Arguments = std::tuple<Tensor*, Tensor*, Tensor*, bool, bool, double>;
};
/// The loss, and the first place whose target is no class, or -1.
std::tuple<TensorRef, int64_t> margins(const Margins& of, Reducing reduction);
/// The gradient of the scores: `scale` times grad, one number or one for each sample.
TensorRef margins_backward(Tensor& grad, const Margins& of, double scale);

inline constexpr std::tuple class_loss_functions{
    declare<margins>("_margins", "input, target, weight, listed, squared, margin, reduction"),
    declare<margins_backward>("_margins_backward",
                              "grad, input, target, weight, listed, squared, margin, scale"),
    declare<cross_entropy_of>("_cross_entropy",
                              "address, input, target, ignored, smoothing, reduction"),
    declare<nll_of>("_nll", "input, target, weight, ignored, reduction"),
    declare<nll_gradient>("_nll_backward", "grad, input, target, weight, ignored, scale")};

}  // namespace flambeau
