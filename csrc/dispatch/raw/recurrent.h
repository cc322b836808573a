// Sequences of a long short-term memory and of a gated recurrent unit, of checked arguments and
// without history: what flambeau/nn/modules/lstm.py and gru.py declare the derivatives for. Needs
// the GIL.
#pragma once
#include <optional>
#include <tuple>
#include <vector>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

/// The rows of each step of a packed sequence, or none: all of the batch; the last step first?
struct SequenceOrder {
  std::optional<std::vector<int64_t>> counts;
  bool backwards;
  using Arguments = std::tuple<std::optional<std::vector<int64_t>>, bool>;
};

/// output, h_n, c_n of projected inputs (all rows, 4 H) from the state h, c (B, H), with weight (4
/// H, H) and bias (4 H,) or null; and, if `keep`, the gates and h and c before each step, else
/// nulls.
using LstmResults = std::tuple<TensorRef, TensorRef, TensorRef, TensorRef, TensorRef, TensorRef>;
LstmResults lstm(Tensor& inputs, Tensor& h, Tensor& c, Tensor& weight, Tensor* bias,
                 const SequenceOrder& order, bool keep);

/// The gradients of the projected inputs, which are those of the gates, of h and of c.
std::tuple<TensorRef, TensorRef, TensorRef> lstm_backward(Tensor& grad_output, Tensor& grad_h,
                                                          Tensor& grad_c, Tensor& weight,
                                                          Tensor& gates, Tensor& had_c,
                                                          const SequenceOrder& order);

/// output and h_n of projected inputs (all rows, 3 H) from the state h (B, H), with weight (3 H, H)
/// and bias (3 H,) or null; and, if `keep`, the gates and h before each step, else nulls.
using GruResults = std::tuple<TensorRef, TensorRef, TensorRef, TensorRef>;
GruResults gru(Tensor& inputs, Tensor& h, Tensor& weight, Tensor* bias, const SequenceOrder& order,
               bool keep);

/// The gradients of the projected inputs, of what the state gives to the gates, and of h.
std::tuple<TensorRef, TensorRef, TensorRef> gru_backward(Tensor& grad_output, Tensor& grad_h,
                                                         Tensor& weight, Tensor& gates,
                                                         Tensor& had_h, const SequenceOrder& order);

inline constexpr std::tuple recurrent_functions{
    declare<gru>("_gru", "inputs, h, weight, bias, counts, backwards, keep"),
    declare<gru_backward>("_gru_backward",
                          "grad_output, grad_h, weight, gates, had_h, counts, backwards"),
    declare<lstm>("_lstm", "inputs, h, c, weight, bias, counts, backwards, keep"),
    declare<lstm_backward>("_lstm_backward",
                           "grad_output, grad_h, grad_c, weight, gates, had_c, counts, backwards")};

}  // namespace flambeau::raw
