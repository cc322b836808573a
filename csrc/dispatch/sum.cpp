// sum and mean as programs call them.
#include "dispatch/basics.h"
#include "dispatch/reduce.h"

namespace flambeau {

TensorRef sum_as(Called, Tensor& input, const Dims& dims, bool keepdim,
                 std::optional<DType> dtype) {
  Tensor* t = &input;  // without a reference: one that waits shows by it that nobody else reads it
  TensorRef converted;
  // Converted first, as PyTorch does: 1.7 + 1.7 in int64 is 2.
  if (dtype && (is_differentiable(*dtype) || is_differentiable(t->dtype)))
    t = (converted = to_dtype(input, *dtype)).get();
  const DType made = dtype ? *dtype : is_differentiable(t->dtype) ? t->dtype : DType::int64;
  return sum_like("sum_reduction", *t, dims, keepdim, made, 1);
}

TensorRef mean_as(Called op, Tensor& input, const Dims& dims, bool keepdim,
                  std::optional<DType> dtype) {
  TensorRef converted;
  Tensor* t = dtype ? (converted = to_dtype(input, *dtype)).get() : &input;
  check(is_differentiable(t->dtype), [&] {
    return message(op, ": input is ", name(t->dtype),
                   ", and a mean is no integer. Pass dtype=torch.float32, or call .float() first.");
  });
  double count = 1;
  for (int i = 0; i < dims.n; ++i) count *= static_cast<double>(t->sizes[dims[i]]);
  return sum_like("mean_reduction", *t, dims, keepdim, t->dtype, 1 / count);
}

TensorRef sum_to_size_of(Tensor& t, const RestDims& sizes) {
  if (sizes.n == 0 && t.ndim == 0) return sum(t, Dims(), false);
  const bool sums = !(sizes_of(t) == sizes);
  if (is_differentiable(t.dtype) || !sums) return sum_to_size(t, sizes);
  return sum_to_size(*to_dtype(t, DType::int64), sizes);
}

std::vector<TensorRef> reduce(Called op, Reduction& reduction, const std::vector<TensorRef>& inputs,
                              const ReducedDims& dim, bool keepdim,
                              const std::vector<DType>& dtypes,
                              const std::optional<std::vector<double>>& parameters) {
  check(!inputs.empty(), [] { return message("_reduce(): inputs must be Tensors, one or more."); });
  return run_reduction(reduction, inputs, dim.of(inputs[0]->ndim, op), keepdim, dtypes,
                       parameters.value_or(std::vector<double>()));
}

}  // namespace flambeau
