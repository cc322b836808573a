#include "dispatch/batched.h"

#include <algorithm>

#include "dispatch/basics.h"
#include "dispatch/join.h"
#include "dispatch/matmul.h"
#include "dispatch/pointwise_launch.h"
#include "dispatch/promotion.h"
#include "dispatch/views.h"

namespace flambeau {

Dims shifted(const Dims& dims, int n) {
  Dims moved = dims;
  for (int i = 0; i < moved.n; ++i) moved[i] += n;
  return moved;
}

Levels joint_levels(const Tensor* const* tensors, size_t n) {
  Levels all;
  for (size_t i = 0; i < n; ++i) {
    if (!tensors[i] || !tensors[i]->batched) continue;
    const Levels& own = batch_in(*tensors[i]).levels;
    if (own == all) continue;
    int64_t merged[2 * max_levels];
    auto end = std::set_union(all.v, all.v + all.n, own.v, own.v + own.n, merged);
    all.n = static_cast<int>(end - merged);
    check(all.n <= max_levels,
          [] { return message("vmap: nested more than ", max_levels, " levels deep."); });
    std::copy(merged, end, all.v);
  }
  return all;
}

Dims sizes_of_levels(const Tensor* const* tensors, size_t n, const Levels& levels) {
  Dims sizes;
  sizes.n = levels.n;
  for (int k = 0; k < levels.n; ++k) {
    sizes[k] = 1;
    for (size_t i = 0; i < n; ++i) {
      if (!tensors[i] || !tensors[i]->batched) continue;
      const Batch& batch = batch_in(*tensors[i]);
      for (int own = 0; own < batch.levels.n; ++own)
        if (batch.levels.v[own] == levels.v[k]) sizes[k] = batch.value->sizes[own];
    }
  }
  return sizes;
}

TensorRef in_front(Tensor& t, const Levels& levels, int ndim, bool broadcasts) {
  if (!t.batched && broadcasts) return TensorRef::borrow(&t);
  Tensor& value = t.batched ? *batch_in(t).value : t;
  const Levels none{}, &own = t.batched ? batch_in(t).levels : none;
  if (own == levels && t.ndim >= ndim) return TensorRef::borrow(&value);
  Dims sizes;
  int at = 0;
  for (int k = 0; k < levels.n; ++k)
    sizes.push(at < own.n && own.v[at] == levels.v[k] ? value.sizes[at++] : 1);
  for (int d = t.ndim; d < ndim; ++d) sizes.push(1);
  for (int d = 0; d < t.ndim; ++d) sizes.push(t.sizes[d]);
  return view(value, sizes);
}

TensorRef expanded_in_front(Tensor& t, const Levels& levels, const Dims& sizes, int ndim) {
  TensorRef value = in_front(t, levels, ndim, false);
  Dims wanted = sizes_of(*value);
  for (int k = 0; k < levels.n; ++k) wanted[k] = sizes[k];
  return wanted == sizes_of(*value) ? value : expand(*value, wanted);
}

void check_written_levels(const Tensor& written, const Levels& levels, const char* op) {
  Levels own;
  if (written.batched) own = batch_in(written).levels;
  check(std::includes(own.v, own.v + own.n, levels.v, levels.v + levels.n), [&] {
    return message("vmap: ", op,
                   ": writes in place what differs from slice to slice into a tensor, ",
                   describe(written),
                   ", that all slices share. Use the out-of-place form, or make the tensor inside "
                   "the function from a mapped one (new_zeros, zeros_like).");
  });
}

void check_written(const std::vector<const Tensor*>& tensors, const char* op) {
  const std::string_view text = op;
  if (!text.ends_with('_') || text.ends_with("__")) return;
  check_written_levels(*tensors[0], joint_levels(tensors.data(), tensors.size()), op);
}

// ------------------------------------------------------------------------------------------------
// pointwise

namespace {

/// The arguments in front of which the batches stand; `alive` keeps them.
void align(Pointwise& record, const Arg* args, const Levels& levels, Arg* aligned,
           TensorRef* alive) {
  int ndim = 0;
  bool number_like = false, mixed = false;
  DType dtype = DType::bool_;
  bool first = true;
  for (int i = 0; i < record.n_args; ++i) {
    const Tensor* t = args[i].tensor;
    if (!t) continue;
    ndim = std::max<int>(ndim, t->ndim);
    if (record.keep >> i & 1) continue;
    number_like |= t->batched && t->ndim == 0;
    mixed |= !first && t->dtype != dtype;
    dtype = t->dtype;
    first = false;
  }
  // What is 0-dim in a slice counts less in promotion; in front of its value are more dims.
  const bool casts = number_like && mixed;
  if (casts) dtype = promoted_dtype(record, args);
  for (int i = 0; i < record.n_args; ++i) {
    aligned[i] = args[i];
    Tensor* t = args[i].tensor;
    if (!t) continue;
    alive[i] = in_front(*t, levels, ndim);
    if (casts && t->ndim == 0 && i < record.n_inputs && !(record.keep >> i & 1))
      alive[i] = to_dtype_unwarned(*alive[i], dtype);
    aligned[i].tensor = alive[i].get();
  }
}

Levels levels_of(const Pointwise& record, const Arg* args) {
  const Tensor* tensors[max_args];
  for (int i = 0; i < record.n_args; ++i) tensors[i] = args[i].tensor;
  return joint_levels(tensors, static_cast<size_t>(record.n_args));
}

}  // namespace

TensorRef apply_batched(Pointwise& record, const Arg* args) {
  check(!record.uses_index, [&] {
    return message("vmap: ", record.name, " looks at places of elements and has no rule.");
  });
  const Levels levels = levels_of(record, args);
  Arg aligned[max_args];
  TensorRef alive[max_args];
  align(record, args, levels, aligned, alive);
  return make_batched(apply(record, aligned), levels);
}

void apply_inplace_batched(Pointwise& record, const Arg* args, const char* op) {
  const Levels levels = levels_of(record, args);
  check_written_levels(*args[0].tensor, levels, op);
  Arg aligned[max_args];
  TensorRef alive[max_args];
  align(record, args, levels, aligned, alive);
  aligned[0].tensor = batch_in(*args[0].tensor).value.get();
  apply_inplace(record, aligned, op);
}

// ------------------------------------------------------------------------------------------------
// products

TensorRef matmul_batched(Tensor& a, Tensor& b) {
  if (a.ndim == 1 && b.ndim == 1) {
    TensorRef product = matmul(*unsqueeze(a, 0), *unsqueeze(b, 1));
    return select(*select(*product, 0, 0), 0, 0);
  }
  if (a.ndim == 1) return squeeze(*matmul(*unsqueeze(a, 0), b), {b.ndim - 2});
  if (b.ndim == 1) return squeeze(*matmul(a, *unsqueeze(b, 1)), {a.ndim - 1});
  const Tensor* both[] = {&a, &b};
  const Levels levels = joint_levels(both, 2);
  const int ndim = std::max(a.ndim, b.ndim);
  TensorRef left = in_front(a, levels, ndim), right = in_front(b, levels, ndim);
  return make_batched(matmul(*left, *right), levels);
}

TensorRef linear_batched(Tensor& input, Tensor& weight, Tensor* bias) {
  if (!weight.batched && !(bias && bias->batched))
    return on_value(input, [&](Tensor& value, int) { return linear(value, weight, bias); });
  if (!input.batched && (!bias || bias->batched)) {
    // The same rows for all: the weights stand beside each other.
    const Tensor* both[] = {&weight, bias};
    const Levels levels = joint_levels(both, 2);
    const Dims counts = sizes_of_levels(both, 2, levels);
    const int64_t N = weight.sizes[0];
    int64_t n_rows = N;
    for (int d = 0; d < counts.n; ++d) n_rows *= counts[d];
    TensorRef rows =
        reshape(*expanded_in_front(weight, levels, counts, 2), {n_rows, weight.sizes[1]});
    TensorRef shifts =
        bias ? reshape(*expanded_in_front(*bias, levels, counts, 1), {n_rows}) : nullptr;
    TensorRef all = linear(input, *rows, shifts.get());
    Dims apart(all->sizes, all->ndim - 1), order;
    for (int d = 0; d < counts.n; ++d) apart.push(counts[d]);
    apart.push(N);
    const int lead = all->ndim - 1;
    for (int d = 0; d < counts.n; ++d) order.push(lead + d);
    for (int d = 0; d < lead; ++d) order.push(d);
    order.push(lead + counts.n);
    return make_batched(permute(*view(*all, apart), order), levels);
  }
  if (bias && input.ndim <= 2 && (input.dtype == DType::float32 || input.dtype == DType::float64)) {
    const Tensor* all[] = {&input, &weight, bias};
    const Levels levels = joint_levels(all, 3);
    if (levels.n == 1) {
      const Dims counts = sizes_of_levels(all, 3, levels);
      TensorRef x = expanded_in_front(input, levels, counts, 2);
      TensorRef w = expanded_in_front(weight, levels, counts, 2);
      TensorRef shift = in_front(*bias, levels, 2, false);
      TensorRef made = make_batched(addmm(*shift, *x, *transpose(*w, 1, 2), 1, 1), levels);
      return input.ndim == 1 ? select(*made, 0, 0) : made;
    }
  }
  TensorRef product = matmul(input, *transpose(weight, 0, 1));
  return bias ? add(*product, *bias) : product;
}

// ------------------------------------------------------------------------------------------------
// copies

void copy_batched(Tensor& dst, Tensor& src) {
  const Tensor* both[] = {&dst, &src};
  const Levels levels = joint_levels(both, 2);
  check_written_levels(dst, levels, "copy_");
  TensorRef from = TensorRef::borrow(&src);
  while (from->ndim > dst.ndim && from->sizes[0] == 1) from = select(*from, 0, 0);
  check(from->ndim <= dst.ndim, [&] {
    return message("copy_: source ", shape(src), " does not broadcast to the destination ",
                   shape(dst), ".");
  });
  copy_(*batch_in(dst).value, *in_front(*from, levels, dst.ndim));
}

TensorRef join_batched(const std::vector<TensorRef>& tensors, int dim, int ndim, bool stacked) {
  std::vector<const Tensor*> all;
  for (auto& t : tensors) all.push_back(t.get());
  const Levels levels = joint_levels(all.data(), all.size());
  const Dims sizes = sizes_of_levels(all.data(), all.size(), levels);
  std::vector<TensorRef> values;
  DType dtype = tensors[0]->dtype;
  bool mixed = false;
  Promotion promotion;
  for (auto& t : tensors) {
    promotion.tensor(*t);
    mixed |= t->dtype != dtype;
  }
  for (auto& t : tensors) {
    if (!stacked && ndim != 1 && t->ndim == 1 && t->sizes[0] == 0) continue;
    TensorRef value = expanded_in_front(*t, levels, sizes, 0);
    values.push_back(mixed ? to_dtype_unwarned(*value, promotion.result()) : value);
  }
  TensorRef joined = stacked ? stack(values, dim + levels.n) : cat(values, dim + levels.n);
  return make_batched(std::move(joined), levels);
}

}  // namespace flambeau
