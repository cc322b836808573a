// Runs of row kernels over tensors, without history: softmax and the norms, and their gradients.
// Needs the GIL.
#pragma once
#include "dispatch/rows.h"
#include "tensor/declared.h"

namespace flambeau::raw {

/// Along any dim; of another than the last a transposed copy is made.
TensorRef softmax(RowsKernel kernel, Tensor& input, int dim);
/// Of a contiguous result along its last dim.
TensorRef softmax_gradient(RowsKernel kernel, Tensor& grad, Tensor& result);

/// Whether softmax along `dim` of t is one down columns: no copy is made of it.
bool is_of_columns(const Tensor& t, int64_t dim);
TensorRef softmax_of_columns(Tensor& input, int64_t dim, bool log);
TensorRef softmax_of_columns_backward(Tensor& grad, Tensor& result, int64_t dim, bool log);

/// What a norm is made of: contiguous rows of `length`, a vector of that length or null each.
struct NormOf {
  Tensor* input;
  int64_t length;
  Tensor *weight, *bias;
  double eps;
};
/// With `rstd` the statistics of the rows are given out, and their means where `mean` is not null.
TensorRef norm(RowsKernel kernel, const NormOf& of, TensorRef* mean, TensorRef* rstd);

inline constexpr std::tuple row_functions{
    declare<is_of_columns>("_is_of_columns", "t, dim"),
    declare<softmax_of_columns>("_softmax_of_columns", "input, dim, log"),
    declare<softmax_of_columns_backward>("_softmax_of_columns_backward", "grad, result, dim, log")};

}  // namespace flambeau::raw
