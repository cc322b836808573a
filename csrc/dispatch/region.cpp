#include "dispatch/region.h"

#include <algorithm>

#include "dispatch/batched.h"
#include "dispatch/bound.h"
#include "dispatch/kept_sizes.h"
#include "dispatch/views.h"
#include "runtime/cuda.h"

namespace flambeau {

namespace {

struct RegionNode {
  Node node;
  Sizes base_sizes, base_strides, sizes, strides;
  int64_t offset;
  void set(const Region& r) {
    base_sizes = keep(r.base_sizes);
    base_strides = keep(r.base_strides);
    sizes = keep(r.sizes);
    strides = keep(r.strides);
    offset = r.offset;
  }
  Region get() const {
    return {dims(base_sizes), dims(base_strides), dims(sizes), dims(strides), offset};
  }
};

void take_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  grad_inputs[0] = region_embed(*grad_outputs[0], reinterpret_cast<RegionNode*>(node)->get());
}
void embed_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  grad_inputs[0] = region_take(*grad_outputs[0], reinterpret_cast<RegionNode*>(node)->get());
}
const NodeKind take_kind = {take_backward, nothing, destroy_as<RegionNode>};
const NodeKind embed_kind = {embed_backward, nothing, destroy_as<RegionNode>};

Ref<RegionNode> make_region_node(PyTypeObject* type, const NodeKind* kind, const Region& region,
                                 Tensor& source) {
  Ref<RegionNode> node = make_node<RegionNode>(type, kind);
  node->set(region);
  node->node.set_edges(1);
  set_edge(&node->node, 0, &source);
  return node;
}

/// out[...] += part[...] element by element in index order, for parts that overlap themselves.
void add_elements(Tensor& out, Tensor& part) {
  if (out.is_meta()) return;
  if (out.is_cuda()) {
    // The whole memory travels: elements of the view share theirs.
    TensorRef all = raw_view(out, {out.storage->nbytes / itemsize(out.dtype)}, {1}, 0);
    TensorRef here = to_device(*all, on_cpu);
    add_elements(*raw_view(*here, sizes_of(out), strides_of(out), out.offset),
                 *to_device(part, on_cpu));
    return copy_bytes(*all, *here);
  }
  with_scalar_type(out.dtype, [&]<class T>() {
    if constexpr (!std::is_same_v<T, Truth>) {
      int64_t index[max_ndim] = {};
      T* to = out.as<T>();
      const T* from = part.as<T>();
      for (int64_t left = part.numel; left > 0; --left) {
        *to = static_cast<T>(*to + *from);
        for (int d = part.ndim - 1; d >= 0; --d) {
          to += out.strides[d];
          from += part.strides[d];
          if (++index[d] < part.sizes[d]) break;
          to -= out.strides[d] * part.sizes[d];
          from -= part.strides[d] * part.sizes[d];
          index[d] = 0;
        }
      }
    }
  });
}

/// Zeros that hold both the container and the part of a region that is no part of its container's
/// own elements, as as_strided makes them: it may show what lies before, between and behind those.
struct Surroundings {
  TensorRef memory, base, part;

  Surroundings(const Region& r, DType dtype) {
    const int64_t base_end = reach(r.base_sizes, r.base_strides, 0, "as_strided"),
                  part_end = r.offset + reach(r.sizes, r.strides, 0, "as_strided");
    const int64_t begin = std::min<int64_t>(0, r.offset);
    memory = zeros({std::max(base_end, part_end) - begin}, dtype);
    base = raw_view(*memory, r.base_sizes, r.base_strides, -begin);
    part = raw_view(*memory, r.sizes, r.strides, r.offset - begin);
  }

  static bool needed(const Region& r) {
    const int64_t numel = r.base_sizes.product();
    return r.offset < 0 || reach(r.base_sizes, r.base_strides, 0, "as_strided") > numel ||
           r.offset + reach(r.sizes, r.strides, 0, "as_strided") > numel;
  }
};

}  // namespace

void record_region(Tensor& view, Tensor& t, PyTypeObject* type, const Region& region) {
  set_history(view, &make_region_node(type, &take_kind, region, t)->node);
}

/// The same region of each slice of a batched tensor; `apart`: elements from slice to slice.
static Region region_of_slices(const Region& region, const Tensor& value, int n) {
  int64_t step = std::max(reach(region.base_sizes, region.base_strides, 0, "as_strided"),
                          region.offset + reach(region.sizes, region.strides, 0, "as_strided"));
  Dims base_sizes(value.sizes, n), base_strides = base_sizes;
  for (int d = n - 1; d >= 0; --d) {
    base_strides[d] = step;
    step *= base_sizes[d];
  }
  Region all{base_sizes, base_strides, base_sizes, base_strides, region.offset};
  for (int d = 0; d < region.base_sizes.n; ++d) {
    all.base_sizes.push(region.base_sizes[d]);
    all.base_strides.push(region.base_strides[d]);
  }
  for (int d = 0; d < region.sizes.n; ++d) {
    all.sizes.push(region.sizes[d]);
    all.strides.push(region.strides[d]);
  }
  return all;
}

TensorRef region_embed(Tensor& part, const Region& region) {
  if (is_batched(part))
    return on_value(
        part, [&](Tensor& v, int n) { return region_embed(v, region_of_slices(region, v, n)); });
  if (Surroundings::needed(region)) {
    Surroundings around(region, part.dtype);
    if (may_overlap_itself(region.sizes, region.strides))
      add_elements(*around.part, part);
    else
      copy_bytes(*around.part, part);
    TensorRef out = empty(region.base_sizes, part.dtype);
    copy_bytes(*out, *around.base);
    if (needs_record(part)) {
      static PyTypeObject* type = node_subtype("EmbedBackward0");
      set_history(*out, &make_region_node(type, &embed_kind, region, part)->node);
    }
    return out;
  }
  TensorRef out = empty_strided(region.base_sizes, region.base_strides, part.dtype);
  if (out->is_cuda())
    cuda::fill(out->storage->address, out->device().index, 0, out->storage->nbytes);
  else if (!out->is_meta())
    std::memset(out->data(), 0, out->storage->nbytes);
  TensorRef hole = raw_view(*out, region.sizes, region.strides, region.offset);
  if (may_overlap_itself(region.sizes, region.strides))
    add_elements(*hole, part);
  else
    copy_bytes(*hole, part);
  if (needs_record(part)) {
    static PyTypeObject* type = node_subtype("EmbedBackward0");
    set_history(*out, &make_region_node(type, &embed_kind, region, part)->node);
  }
  return out;
}

TensorRef region_take(Tensor& t, const Region& region) {
  if (is_batched(t))
    return on_value(
        t, [&](Tensor& v, int n) { return region_take(v, region_of_slices(region, v, n)); });
  static PyTypeObject* type = node_subtype("AsStridedBackward0");
  if (Surroundings::needed(region)) {
    Surroundings around(region, t.dtype);
    copy_bytes(*around.base, t);
    TensorRef out = empty(region.sizes, t.dtype);
    copy_bytes(*out, *around.part);
    if (needs_record(t)) set_history(*out, &make_region_node(type, &take_kind, region, t)->node);
    return out;
  }
  TensorRef source = TensorRef::borrow(&t);
  if (!(strides_of(t) == region.base_strides)) {
    TensorRef packed = empty_strided(region.base_sizes, region.base_strides, t.dtype);
    copy_(*packed, t);
    source = packed;
  }
  return region_view(*source, type, [&](Dims& sizes, Dims& strides, int64_t& offset) {
    sizes = region.sizes;
    strides = region.strides;
    offset = region.offset;
  });
}

Ref<Node> region_node(Tensor& base, Tensor& view) {
  if (is_complex(view.dtype) && !is_complex(base.dtype)) {
    GradModeGuard on(true);
    Dims sizes = sizes_of(view), strides = strides_of(view);
    int64_t offset = view.offset;
    as_parts(sizes, strides, offset);
    TensorRef parts = as_strided(base, sizes, strides, offset);
    TensorRef seen = view_as_complex(*parts);
    return Ref<Node>::borrow(grad_fn_of(*seen));
  }
  if (view.dtype != base.dtype) {
    // A real view of complex memory: the region of view_as_real(base).
    GradModeGuard on(true);
    TensorRef real = view_as_real(base);
    static PyTypeObject* type = node_subtype("AsStridedBackward0");
    Region region{sizes_of(*real), strides_of(*real), sizes_of(view), strides_of(view),
                  view.offset - real->offset};
    auto node = make_region_node(type, &take_kind, region, *real);
    node->node.results[0].set(view);
    return Ref<Node>::steal(&node.release()->node);
  }
  static PyTypeObject* type = node_subtype("AsStridedBackward0");
  Region region{sizes_of(base), strides_of(base), sizes_of(view), strides_of(view),
                view.offset - base.offset};
  auto node = make_region_node(type, &take_kind, region, base);
  node->node.results[0].set(view);
  return Ref<Node>::steal(&node.release()->node);
}

TensorRef as_strided(Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset) {
  check(sizes.n == strides.n, [&] {
    return message("as_strided: sizes ", to_string(sizes), " and strides ", to_string(strides),
                   " differ in length; give one stride for each size.");
  });
  int64_t nbytes, elements = reach(sizes, strides, offset, "as_strided");
  bool overflow = __builtin_mul_overflow(elements, itemsize(t.dtype), &nbytes);
  check(!overflow && nbytes <= t.storage->nbytes, [&] {
    return message("as_strided: sizes ", to_string(sizes), " with strides ", to_string(strides),
                   " from offset ", offset, " reach beyond the tensor's storage of ",
                   t.storage->nbytes, " bytes.");
  });
  static PyTypeObject* type = node_subtype("AsStridedBackward0");
  TensorRef v = raw_view(t, sizes, strides, offset);
  set_view(*v, t);
  if (needs_view_record(t) && is_differentiable(t.dtype)) {
    Region region{sizes_of(t), strides_of(t), sizes, strides, offset - t.offset};
    if (may_overlap_itself(region.base_sizes, region.base_strides))
      region.base_strides = contiguous_strides(region.base_sizes);
    set_history(*v, &make_region_node(type, &take_kind, region, t)->node);
  }
  return v;
}

}  // namespace flambeau
