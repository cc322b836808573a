#include "dispatch/ways/indexing.h"

#include <algorithm>

#include "autograd/door.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "kernels/index/cells.h"
#include "tensor/sparse.h"

namespace flambeau::ways {

ByIndices::ByIndices(const char* name, PyObject* backward)
    : Moved(name, backward, {"shape", "index", "index", "index", "index", "index"}) {}

/// Whether a short vector names rows of input, counted from the front: they are read without the
/// plan of an index of several tensors, which costs more than to read a few rows.
static bool names_rows(const Tensor& index, const Tensor& input) {
  return index.ndim == 1 && index.numel <= 4096 && index.contiguous && !input.is_meta() &&
         input.ndim > 0 && !any_outside(index.as<int64_t>(), index.numel, input.sizes[0]);
}

TensorRef ByIndices::take(Tensor& input, const Indices& given) {
  const std::vector<Tensor*>& items = given.items;
  if (input.is_cuda() || items.size() >= size_t{most_kept}) return nullptr;
  TensorRef result;
  if (given.alone && items[0]->dtype == DType::bool_) {
    Tensor& mask = *items[0];
    if (input.ndim == 0 || mask.is_meta() || mask.device() != input.device() ||
        !(sizes_of(mask) == sizes_of(input)))
      return nullptr;
    result = raw::masked_select(input, mask);
  } else {
    for (const Tensor* t : items)
      if (t && (t->dtype != DType::int64 || t->ndim == 0 || t->device() != input.device()))
        return nullptr;
    size_t n = items.size();
    while (n > 0 && !items[n - 1]) --n;
    if (n == 0 || items.size() > static_cast<size_t>(input.ndim)) return nullptr;
    if (given.alone && names_rows(*items[0], input))
      result = raw::index_select(input, 0, *items[0]);
    else
      result = raw::index(input, n == items.size() ? items : std::vector(&items[0], &items[n]));
  }
  if (!records(input)) return result;
  Ref<WayNode> node = make_way_node(backward_, {&input});
  node->keep(sizes_of(input));
  for (Tensor* t : items) node->keep(t);
  set_history(*result, &node->node);
  return result;
}

/// Whether a dense gradient and the index, kept in that place, are for the loops alone.
static bool adds(WayNode& node, Tensor& grad, int place, TensorRef& index) {
  if (!grad.on_cpu() || is_sparse(grad) || watchers & watch_inside) return false;
  index = node.kept(place);
  return index->on_cpu() && !is_sparse(*index);
}

bool added_at_places(WayNode& node, Tensor& grad, TensorRef* gradients) {
  TensorRef index;
  const Dims sizes = node.numbers(0);
  if (!adds(node, grad, 2, index)) return false;
  gradients[0] = zeros(sizes, grad.dtype);
  raw::scatter_({"scatter_add"}, *gradients[0], node.integer(1), *index, grad, Combine::sum, true);
  return true;
}

bool added_at_slices(WayNode& node, Tensor& grad, TensorRef* gradients) {
  TensorRef index;
  const Dims sizes = node.numbers(0);
  if (sizes.n == 0 || !adds(node, grad, 2, index) || index->ndim != 1) return false;
  gradients[0] = zeros(sizes, grad.dtype);
  raw::index_write_({"index_add"}, *gradients[0], node.integer(1), *index, grad, Combine::sum,
                    true);
  return true;
}

bool added_rows(WayNode& node, Tensor& grad, TensorRef* gradients) {
  TensorRef index;
  const Dims sizes = node.numbers(0);
  if (!grad.contiguous || sizes.n != 2 || !adds(node, grad, 1, index) ||
      (node.n_kept > 2 && node.integer(2) >= 0) || grad.numel != index->numel * sizes[1])
    return false;
  index = contiguous(*index);
  TensorRef flat = raw_view(*index, {index->numel}, {1}, index->offset),
            rows = raw_view(grad, {index->numel, sizes[1]}, {sizes[1], 1}, grad.offset);
  gradients[0] = zeros(sizes, grad.dtype);
  raw::index_write_({"index_add"}, *gradients[0], 0, *flat, *rows, Combine::sum, true);
  return true;
}

TensorRef Embedding::take(Tensor& weight, Plain indices) {
  if (weight.is_cuda()) return nullptr;
  return with_history(raw::embedding(weight, *indices), weight, indices.tensor);
}

FunctionalEmbedding::FunctionalEmbedding(const char*, PyObject* backward, PyObject* sparse_backward)
    : Moved("embedding", backward, {"shape", "indices", "padding_idx"}),
      sparse_backward_("embedding", sparse_backward, backward_.names) {
  backward_.native = added_rows;
  sparse_backward_.native = sparse_rows;
}

/// The gradient of weight[indices] as the rows that it has, duplicates too.
bool FunctionalEmbedding::sparse_rows(WayNode& node, Tensor& grad, TensorRef* gradients) {
  TensorRef indices = node.kept(1);
  // What operators do with sparse tensors is loaded by the implementation.
  static bool loaded = false;
  if (!loaded && !(loaded = is_bound("sparse_rule"))) return false;
  const int64_t length = node.numbers(0)[1];
  if (node.integer(2) >= 0 || indices->dtype != DType::int64 || !grad.contiguous ||
      !grad.on_cpu() || is_sparse(grad) || grad.numel != indices->numel * length)
    return false;
  SparseParts parts;
  parts.dense_dim = 1;
  // A copy: what the caller writes into the indices later changes no gradient.
  parts.indices = empty({1, indices->numel}, DType::int64);
  TensorRef flat =
      raw_view(*parts.indices, sizes_of(*indices), contiguous_strides(sizes_of(*indices)), 0);
  copy_bytes(*flat, *indices);
  parts.values = raw_view(grad, {indices->numel, length}, {length, 1}, grad.offset);
  gradients[0] = make_sparse(std::move(parts), node.numbers(0));
  return true;
}

TensorRef FunctionalEmbedding::take(Plain indices, Tensor& weight, std::optional<int64_t> padding,
                                    Any, bool sparse) {
  if (weight.is_cuda() || weight.ndim != 2 ||
      (padding && (*padding < 0 || *padding >= weight.sizes[0])))
    return nullptr;
  return with_history(sparse ? sparse_backward_ : backward_, raw::embedding(weight, *indices),
                      weight, indices.tensor, padding.value_or(-1));
}

TensorRef Flip::take(Tensor& input, const Dims& given) {
  std::vector<int64_t> dims;
  for (int i = 0; i < given.n; ++i) {
    int64_t dim = given[i];
    if (!wrap(dim, input.ndim) || std::find(dims.begin(), dims.end(), dim) != dims.end())
      return nullptr;
    dims.push_back(dim);
  }
  if (input.is_cuda() || !input.contiguous) return nullptr;
  return with_history(raw::flip(input, dims), input, given);
}

TensorRef Roll::take(Tensor& input, int64_t shift, int64_t dim) {
  if (input.is_cuda() || !input.contiguous || !wrap(dim, input.ndim)) return nullptr;
  return with_history(raw::roll(input, {shift}, {dim}), input, shift, dim);
}

TensorRef Unflatten::take(Tensor& input, int64_t dim, const Dims& parts) {
  if (!wrap(dim, input.ndim) || parts.n == 0 || input.ndim + parts.n > max_ndim) return nullptr;
  Dims sizes = parts;
  infer_sizes(sizes, input.sizes[dim], "unflatten");
  Dims all;
  for (int d = 0; d < input.ndim; ++d) {
    if (d != dim) all.push(input.sizes[d]);
    for (int i = 0; d == dim && i < sizes.n; ++i) all.push(sizes[i]);
  }
  return view(input, all);
}

}  // namespace flambeau::ways
