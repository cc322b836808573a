#include "dispatch/raw/rows.h"

#include "dispatch/basics.h"
#include "dispatch/raw/precision.h"
#include "kernels/norm/columns.h"

namespace flambeau::raw {

TensorRef softmax(RowsKernel kernel, Tensor& input, int d) {
  bool last = d == input.ndim - 1;
  int64_t length = input.sizes[d], step = length * itemsize(input.dtype);
  TensorRef source = last ? contiguous(input) : contiguous(*transpose(input, d, input.ndim - 1));
  // A transposed copy is ours, so its softmax may take its place.
  bool own = !last && source->storage != input.storage;
  TensorRef result = own ? source : empty(sizes_of(*source), input.dtype);
  if (!result->is_meta()) {
    RowOperands operands;
    operands.add(*result, step);
    operands.add(*source, step);
    run_rows(kernel, operands, input.numel / length, length);
  }
  return last ? result : contiguous(*transpose(*result, d, input.ndim - 1));
}

TensorRef softmax_gradient(RowsKernel kernel, Tensor& grad, Tensor& result) {
  TensorRef rows = contiguous(grad), made = empty(sizes_of(result), result.dtype);
  int64_t length = result.sizes[result.ndim - 1], step = length * itemsize(result.dtype);
  RowOperands operands;
  for (Tensor* t : {made.get(), rows.get(), &result}) operands.add(*t, step);
  run_rows(kernel, operands, result.numel / length, length);
  return made;
}

namespace {

/// in_precision, and halves.
template <class Body>
void in_any_precision(const char* op, const Tensor& t, Body&& body) {
  if (t.dtype == DType::float16) return body(static_cast<float16*>(nullptr));
  if (t.dtype == DType::bfloat16) return body(static_cast<bfloat16*>(nullptr));
  in_precision(op, t, body);
}

Columns columns_of(const Tensor& t, int64_t dim) {
  Columns shape = {1, t.sizes[dim], 1};
  for (int64_t d = 0; d < dim; ++d) shape.stacks *= t.sizes[d];
  for (int64_t d = dim + 1; d < t.ndim; ++d) shape.columns *= t.sizes[d];
  return shape;
}

}  // namespace

bool is_of_columns(const Tensor& t, int64_t dim) {
  return dim != t.ndim - 1 && t.on_cpu() && t.numel != 0 &&
         (t.dtype == DType::float32 || t.dtype == DType::float64 || is_half(t.dtype)) &&
         columns_of(t, dim).columns >= fewest_columns;
}

TensorRef softmax_of_columns(Tensor& given, int64_t dim, bool log) {
  TensorRef input = contiguous(given), result = empty(sizes_of(given), given.dtype);
  const Columns shape = columns_of(given, dim);
  in_any_precision(log ? "log_softmax" : "softmax", given, [&]<class T>(T*) {
    const T* from = input->as<T>();
    T* to = result->as<T>();
    LongWork unlocked(given.numel > long_work);
    flambeau::softmax_of_columns(shape, log, from, to);
  });
  return result;
}

TensorRef softmax_of_columns_backward(Tensor& grad, Tensor& given, int64_t dim, bool log) {
  const char* op = log ? "log_softmax_backward" : "softmax_backward";
  TensorRef gradients = operand(op, "grad", &grad, given.dtype, given.numel),
            result = contiguous(given), made = empty(sizes_of(given), given.dtype);
  const Columns shape = columns_of(given, dim);
  in_any_precision(op, given, [&]<class T>(T*) {
    const T *g = gradients->as<T>(), *r = result->as<T>();
    T* to = made->as<T>();
    LongWork unlocked(given.numel > long_work);
    flambeau::softmax_of_columns_backward(shape, log, g, r, to);
  });
  return made;
}

TensorRef norm(RowsKernel kernel, const NormOf& of, TensorRef* mean, TensorRef* rstd) {
  const DType dtype = of.input->dtype;
  const DType statistic = dtype == DType::float64 ? DType::float64 : DType::float32;
  const int64_t n_rows = of.input->numel / of.length, step = of.length * itemsize(dtype);
  TensorRef result = empty(sizes_of(*of.input), dtype);
  if (rstd) {
    if (mean) *mean = empty({n_rows}, statistic);
    *rstd = empty({n_rows}, statistic);
  }
  if (of.input->is_meta()) return result;
  RowOperands operands;
  operands.add(*result, step);
  if (rstd && mean) operands.add(**mean, itemsize(statistic));
  if (rstd) operands.add(**rstd, itemsize(statistic));
  operands.add(*of.input, step);
  if (of.weight) operands.add(*of.weight, 0);
  if (of.bias) operands.add(*of.bias, 0);
  const float single[2] = {static_cast<float>(of.eps), 0};
  operands.add_number(dtype == DType::float64 ? static_cast<const void*>(&of.eps) : single);
  run_rows(kernel, operands, n_rows, of.length);
  return result;
}

}  // namespace flambeau::raw
