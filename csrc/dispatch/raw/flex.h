// Attention with compiled functions of scores, of checked arguments and without history: what
// flambeau/nn/attention/fused.py declares a derivative for. Needs the GIL.
#pragma once
#include <tuple>
#include <vector>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

/// query (B, Hq, L, E), key (B, Hk, S, E), value (B, Hk, S, V) of one dtype; states (1 or B, 1 or
/// Hq, query blocks, key blocks) of uint8, or null; numbers: the addresses of the functions of full
/// blocks, of partly masked ones and of the gradient, each or 0, and queries and keys of a block;
/// arrays: the tensors that the functions read.
struct FlexOf {
  Tensor &query, &key, &value;
  Tensor* states;
  std::vector<int64_t> numbers;
  double scale;
  std::vector<Tensor*> arrays;
  using Arguments = std::tuple<Tensor&, Tensor&, Tensor&, Tensor*, std::vector<int64_t>, double,
                               std::vector<Tensor*>>;
};
/// (result, norms of the rows): the largest score of each, and the sum of exponentials.
std::tuple<TensorRef, TensorRef> flex_attend(const FlexOf& of);
/// The gradients of query, key and value, then those of the wanted arrays (one truth each) in parts
/// (parts, numel) to be added up. The gradient of the log-sum-exp may be null.
std::vector<TensorRef> flex_backward(const FlexOf& of, Tensor& result, Tensor& norms,
                                     Tensor& gradient, Tensor* lse_gradient,
                                     const std::vector<int64_t>& wanted);
/// What a mask leaves of each block of pairs, uint8 (batches, heads, query blocks, key blocks): 0
/// nothing, 1 a part, 2 all. sizes: batches, heads, queries, keys, queries and keys of a block.
TensorRef flex_states(const std::vector<int64_t>& sizes, int64_t visible,
                      const std::vector<Tensor*>& arrays);

inline constexpr std::tuple flex_functions{
    declare<flex_attend>("_flex_attend", "query, key, value, states, numbers, scale, arrays"),
    declare<flex_backward>("_flex_backward",
                           "query, key, value, states, numbers, scale, arrays, result, norms, "
                           "gradient, lse_gradient, wanted"),
    declare<flex_states>("_flex_states", "sizes, visible, arrays")};

}  // namespace flambeau::raw
