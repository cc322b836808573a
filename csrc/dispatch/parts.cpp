// Several views at once: split and unbind, whose gradients are joined again by one node.
#include "autograd/meta.h"
#include "dispatch/batched.h"
#include "dispatch/bound.h"
#include "dispatch/views.h"
#include "tensor/objects.h"

namespace flambeau {

namespace {

struct PartsNode {
  Node node;
  DType dtype;
  int dim;
  bool stacked;  // unbind: the parts lack the dimension
};

void parts_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto* self = reinterpret_cast<PartsNode*>(node);
  Object list = owned(PyList_New(node->n_results));
  for (uint32_t i = 0; i < node->n_results; ++i) {
    TensorRef g = grad_outputs[i] ? grad_outputs[i] : zeros(node->results[i].dims(), self->dtype);
    PyList_SET_ITEM(list.get(), i, g.release_py());
  }
  Object dim = owned(PyLong_FromLong(self->dim));
  grad_inputs[0] = call_bound(self->stacked ? "stack" : "cat", {list.get(), dim.get()});
}
const NodeKind parts_kind = {parts_backward, nothing, destroy_as<PartsNode>};

void link_parts(std::vector<TensorRef>& parts, Tensor& t, int dim, bool stacked) {
  Ref<PartsNode> node;
  if (needs_view_record(t) && is_differentiable(t.dtype) && !parts.empty()) {
    static PyTypeObject* types[2] = {node_subtype("SplitBackward0"),
                                     node_subtype("UnbindBackward0")};
    node = make_node<PartsNode>(types[stacked], &parts_kind);
    node->dtype = t.dtype;
    node->dim = dim;
    node->stacked = stacked;
    node->node.set_results(static_cast<uint32_t>(parts.size()));
    node->node.set_edges(1);
    set_edge(&node->node, 0, &t);
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    set_view(*parts[i], t, Creation::multiple);
    if (node) set_history(*parts[i], &node->node, static_cast<uint32_t>(i));
  }
}

/// A place for each of n tensors, if there is memory for the tensors themselves.
std::vector<TensorRef> room_for(int64_t n) {
  int64_t nbytes;
  if (__builtin_mul_overflow(n, static_cast<int64_t>(sizeof(Tensor) + sizeof(TensorRef)), &nbytes))
    nbytes = INT64_MAX;
  check_room(nbytes);
  std::vector<TensorRef> parts;
  parts.reserve(static_cast<size_t>(n));
  return parts;
}

}  // namespace

/// The parts of a batched tensor's value, batched.
template <class Parts>
std::vector<TensorRef> parts_of_value(Tensor& t, Parts parts) {
  Batch& batch = batch_in(t);
  std::vector<TensorRef> made = parts(*batch.value, batch.levels.n);
  for (TensorRef& part : made) part = make_batched(std::move(part), batch.levels);
  return made;
}

std::vector<TensorRef> split(Tensor& t, const std::vector<int64_t>& sizes, int64_t dim) {
  check(t.ndim > 0,
        [] { return message("split: a 0-dim tensor cannot be split; it needs 1 dim or more."); });
  int d = wrap_dim(dim, t.ndim, "split");
  if (is_batched(t))
    return parts_of_value(t, [&](Tensor& v, int n) { return split(v, sizes, d + n); });
  // Before any view is made: no part may lie outside the memory.
  int64_t left = t.sizes[d];
  for (int64_t size : sizes) {
    check(size >= 0, [&] {
      return message("split: a part cannot have ", size, " elements; give sizes of 0 and more.");
    });
    check(size <= left, [&] {
      return message("split: the sizes add up to more than the ", t.sizes[d],
                     " elements of dimension ", d, " of input ", shape(t), ".");
    });
    left -= size;
  }
  check(left == 0, [&] {
    return message("split: the sizes add up to ", t.sizes[d] - left, ", but dimension ", d,
                   " of input ", shape(t), " has ", t.sizes[d], " elements.");
  });
  std::vector<TensorRef> parts = room_for(static_cast<int64_t>(sizes.size()));
  int64_t at = 0;
  for (int64_t size : sizes) {
    Dims s = sizes_of(t);
    s[d] = size;
    parts.push_back(raw_view(t, s, strides_of(t), t.offset + at * t.strides[d]));
    at += size;
  }
  link_parts(parts, t, d, false);
  return parts;
}

std::vector<TensorRef> unbind(Tensor& t, int64_t dim) {
  check<IndexError>(t.ndim > 0, [&] {
    return message("unbind: a 0-dim tensor has no dim ", dim, " to take apart.");
  });
  int d = wrap_dim(dim, t.ndim, "unbind");
  if (is_batched(t)) return parts_of_value(t, [&](Tensor& v, int n) { return unbind(v, d + n); });
  Dims sizes = sizes_of(t), strides = strides_of(t);
  drop(sizes, d);
  drop(strides, d);
  std::vector<TensorRef> parts = room_for(t.sizes[d]);
  for (int64_t i = 0; i < t.sizes[d]; ++i)
    parts.push_back(raw_view(t, sizes, strides, t.offset + i * t.strides[d]));
  link_parts(parts, t, d, true);
  return parts;
}

}  // namespace flambeau
