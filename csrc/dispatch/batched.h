// Operators of batched tensors (autograd/batch.h) in the core: on their values, with dimensions
// shifted by those of the batches in front. All need the GIL.
#pragma once
#include <initializer_list>
#include <vector>

#include "autograd/door.h"
#include "autograd/meta.h"
#include "dispatch/pointwise.h"

namespace flambeau {

/// Whether t is batched; the word first, for it is 0 while no vmap runs.
inline bool is_batched(const Tensor& t) { return (watchers & watch_batches) && t.batched; }

/// f(value, n) of a batched tensor with n dimensions of batches in front, as a batched tensor.
template <class F>
TensorRef on_value(const Tensor& t, F f) {
  Batch& batch = batch_in(t);
  return make_batched(f(*batch.value, batch.levels.n), batch.levels);
}
/// Numbers of dimensions, behind n more.
Dims shifted(const Dims& dims, int n);

/// The levels that any of the tensors depends on; null ones are passed over.
Levels joint_levels(const Tensor* const* tensors, size_t n);
/// t's value with a dimension for each of levels (of size 1 where it does not depend on it) and
/// then ndim dimensions, of size 1 where t has fewer. What is not batched comes back as it is if it
/// broadcasts, else in the same form.
TensorRef in_front(Tensor& t, const Levels& levels, int ndim, bool broadcasts = true);
/// The same where dimensions of size 1 for levels are expanded to `sizes`.
TensorRef expanded_in_front(Tensor& t, const Levels& levels, const Dims& sizes, int ndim);
/// The sizes of levels, as the tensors have them.
Dims sizes_of_levels(const Tensor* const* tensors, size_t n, const Levels& levels);
/// Raises unless `written`, a tensor that is written in place, depends on all levels.
void check_written_levels(const Tensor& written, const Levels& levels, const char* operator_name);
/// The same of a call of an operator, if its name says that it writes its first tensor: it ends in
/// _.
void check_written(const std::vector<const Tensor*>& tensors, const char* operator_name);

/// record(args...) where an argument is batched.
TensorRef apply_batched(Pointwise& record, const Arg* args);
void apply_inplace_batched(Pointwise& record, const Arg* args, const char* operator_name);
inline bool any_batched(const Pointwise& record, const Arg* args) {
  if (watchers & watch_batches) [[unlikely]]
    for (int i = 0; i < record.n_args; ++i)
      if (args[i].tensor && args[i].tensor->batched) return true;
  return false;
}
inline bool any_batched(std::initializer_list<const Tensor*> tensors) {
  if (watchers & watch_batches) [[unlikely]]
    for (const Tensor* t : tensors)
      if (t && t->batched) return true;
  return false;
}
inline bool any_batched(const std::vector<TensorRef>& tensors) {
  if (watchers & watch_batches) [[unlikely]]
    for (auto& t : tensors)
      if (t->batched) return true;
  return false;
}
TensorRef matmul_batched(Tensor& a, Tensor& b);
TensorRef linear_batched(Tensor& input, Tensor& weight, Tensor* bias);
void copy_batched(Tensor& dst, Tensor& src);
/// cat or stack along `dim`, counted from the front.
TensorRef join_batched(const std::vector<TensorRef>& tensors, int dim, int ndim, bool stacked);

}  // namespace flambeau
