// Connectionist temporal classification, without history: what flambeau/ops/ctc.py declares a
// derivative for. Needs the GIL.
#pragma once
#include <tuple>
#include <vector>

#include "dispatch/raw/class_losses.h"
#include "tensor/declared.h"

namespace flambeau::raw {

/// What becomes of the losses of the samples: they are put together, a mean over samples of each
/// one over its number of labels; infinite ones count as 0 where `finite`.
struct CtcLosses {
  Reducing reduction;
  bool finite;
  using Arguments = std::tuple<Reducing, bool>;
};

/// (result, losses (n,), alpha, lengths) of log_probs (steps, n, classes); targets are (n, s), or
/// all labels in one vector. `lengths` holds those of inputs and of targets, then the labels.
std::tuple<TensorRef, TensorRef, TensorRef, TensorRef> ctc(
    Tensor& log_probs, Tensor& targets, const std::vector<int64_t>& input_lengths,
    const std::vector<int64_t>& target_lengths, int64_t blank, const CtcLosses& losses);

/// The gradient of log_probs, from that of the result and what ctc gave.
TensorRef ctc_backward(Tensor& grad, Tensor& log_probs, Tensor& losses, Tensor& alpha,
                       Tensor& lengths, int64_t blank, const CtcLosses& reduced);

inline constexpr std::tuple ctc_functions{
    declare<ctc>("_ctc",
                 "log_probs, targets, input_lengths, target_lengths, blank, reduction, finite"),
    declare<ctc_backward>("_ctc_backward",
                          "grad, log_probs, losses, alpha, lengths, blank, reduction, finite")};

}  // namespace flambeau::raw
