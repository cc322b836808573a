// Native ways into losses: of classes, and of squares. Need the GIL.
#pragma once
#include "dispatch/raw/class_losses.h"
#include "dispatch/ways/way.h"

namespace flambeau::ways {

/// What is kept as (smoothing, ignored, reduction, what counted).
struct ClassLossOptions {
  double smoothing;
  int64_t ignored;
  Reducing reduction;
  double counted;
};

/// cross_entropy of a matrix of scores and a vector of classes; kernels: forward, backward. Keeps
/// the scores, the classes, logsumexp and the options.
class CrossEntropyLoss {
 public:
  static constexpr const char* takes[] = {"target", "ignore_index", "reduction", "label_smoothing"};
  CrossEntropyLoss(const char* name, PyObject* compile, PyObject* backward);
  TensorRef take(Tensor& input, Plain target, int64_t ignored, Reducing reduction,
                 double smoothing);

 private:
  bool gradient(WayNode& node, Tensor& grad, TensorRef* gradients);
  RowKernels kernels_;
  WayBackward backward_;
};

/// nll_loss of such, with weights that are constants. Keeps the scores, the classes, the weights
/// and the options.
class NllLoss {
 public:
  static constexpr const char* takes[] = {"target", "weight", "ignore_index", "reduction"};
  NllLoss(const char* name, PyObject* backward);
  TensorRef take(Tensor& input, Plain target, Tensor* weight, int64_t ignored, Reducing reduction);

 private:
  WayBackward backward_;
};

/// mse_loss of two tensors of one shape and dtype. Keeps both, and 2 over what the sum is divided
/// by.
class MeanSquares {
 public:
  static constexpr const char* takes[] = {"target", "reduction"};
  /// The reductions of squared differences.
  MeanSquares(const char* name, Reduction& mean, Reduction& sum, PyObject* backward);
  TensorRef take(Tensor& input, Tensor& target, Reducing reduction);

 private:
  Ref<Reduction> mean_, sum_;
  WayBackward backward_;
};

inline constexpr std::tuple loss_ways{
    way<CrossEntropyLoss, PyObject*, PyObject*>("_cross_entropy_way",
                                                "operation, result_type, compile, backward"),
    way<NllLoss, PyObject*>("_nll_loss_way", "operation, result_type, backward"),
    way<MeanSquares, Reduction&, Reduction&, PyObject*>(
        "_mse_loss_way", "operation, result_type, mean, sum, backward")};

}  // namespace flambeau::ways
