#include "dispatch/views.h"

#include <algorithm>
#include <bitset>
#include <vector>

#include "autograd/meta.h"
#include "dispatch/batched.h"
#include "dispatch/bound.h"
#include "dispatch/kept_sizes.h"
#include "dispatch/region.h"

namespace flambeau {

TensorRef raw_view(Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset) {
  TensorRef v = make_tensor(t.storage, t.dtype, sizes, strides, offset);
  v->inference = t.inference;
  if (t.version_override) {
    v->version_override = t.version_override;
    ++t.version_override->references;
  }
  return v;
}

namespace {

// ------------------------------------------------------------------------------- reshape and
// permute

struct SizesNode {
  Node node;
  int64_t few[6];
  Sizes many;
  int n;
  void set(const Dims& d) {
    n = d.n;
    if (n <= 6)
      std::copy(d.v, d.v + n, few);
    else
      many = keep(d);
  }
  Dims get() const { return {n <= 6 ? few : many.data(), n}; }
};

void reshape_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  grad_inputs[0] = reshape(*grad_outputs[0], reinterpret_cast<SizesNode*>(node)->get());
}
void permute_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  grad_inputs[0] = permute(*grad_outputs[0], reinterpret_cast<SizesNode*>(node)->get());
}
void pass_backward(Node*, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  grad_inputs[0] = grad_outputs[0];
}
void as_complex_backward(Node*, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  grad_inputs[0] = view_as_real(*grad_outputs[0]);
}
void as_real_backward(Node*, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  grad_inputs[0] = view_as_complex(*contiguous(*grad_outputs[0]));
}

const NodeKind reshape_kind = {reshape_backward, nothing, destroy_as<SizesNode>};
const NodeKind permute_kind = {permute_backward, nothing, destroy_as<SizesNode>};
const NodeKind pass_kind = {pass_backward, nothing, destroy_as<SizesNode>};
const NodeKind as_complex_kind = {as_complex_backward, nothing, destroy_as<SizesNode>};
const NodeKind as_real_kind = {as_real_backward, nothing, destroy_as<SizesNode>};

/// The history of v, made from t, if t has one.
void record(Tensor& v, Tensor& t, PyTypeObject* type, const NodeKind* kind, const Dims& saved) {
  if (!needs_view_record(t) || !is_differentiable(v.dtype)) return;
  Ref<SizesNode> node = make_node<SizesNode>(type, kind);
  node->set(saved);
  node->node.set_edges(1);
  set_edge(&node->node, 0, &t);
  set_history(v, &node->node);
}

/// Links a fresh view to its source: base, and history if the source has one.
TensorRef link(TensorRef v, Tensor& t, PyTypeObject* type, const NodeKind* kind,
               const Dims& saved) {
  set_view(*v, t);
  record(*v, t, type, kind, saved);
  return v;
}

}  // namespace

TensorRef alias_view(Tensor& t) {
  if (is_batched(t)) return on_value(t, [](Tensor& v, int) { return alias_view(v); });
  static PyTypeObject* type = node_subtype("AliasBackward0");
  return link(raw_view(t, sizes_of(t), strides_of(t), t.offset), t, type, &pass_kind, {});
}

// -------------------------------------------------------------------------------------- other
// layouts

void infer_sizes(Dims& sizes, int64_t numel, const char* op) {
  int unknown = -1;
  int64_t known = 1;
  for (int d = 0; d < sizes.n; ++d) {
    if (sizes[d] == -1) {
      check(unknown < 0, [&] {
        return message(op, ": sizes ", to_string(sizes),
                       " hold -1 more than once; only one size can be worked out from the others.");
      });
      unknown = d;
    } else {
      check(sizes[d] >= 0, [&] {
        return message(op, ": sizes ", to_string(sizes), " hold ", sizes[d],
                       "; each must be 0 or more, or -1 to be worked out.");
      });
      // A product that overflows is too large for any number of elements.
      if (__builtin_mul_overflow(known, sizes[d], &known)) throw_too_large(sizes);
    }
  }
  if (unknown >= 0) {
    check(known != 0, [&] {
      return message(op, ": an empty tensor fits ", to_string(sizes),
                     " for any value of the -1. Write the size out.");
    });
    if (numel % known == 0) {
      sizes[unknown] = numel / known;
      return;
    }
  }
  check(unknown < 0 && known == numel, [&] {
    return message(op, ": a tensor of ", numel, " elements has no shape ", to_string(sizes),
                   ". The product of the sizes must be ", numel, "; one of them may be -1.");
  });
}

bool view_strides(const Tensor& t, const Dims& sizes, Dims& strides) {
  if (t.contiguous) {
    strides = contiguous_strides(sizes);
    return true;
  }
  strides.n = sizes.n;
  // Runs of t's dimensions that are contiguous among themselves each take some of the new
  // dimensions.
  int to = sizes.n - 1;
  int64_t run_stride = t.ndim ? t.strides[t.ndim - 1] : 1, run = 1, taken = 1;
  for (int d = t.ndim - 1; d >= 0; --d) {
    run *= t.sizes[d];
    if (d > 0 && (t.sizes[d - 1] == 1 || t.strides[d - 1] == run * run_stride)) continue;
    while (to >= 0 && (taken < run || sizes[to] == 1)) {
      strides[to] = taken * run_stride;
      taken *= sizes[to];
      --to;
    }
    if (taken != run) return false;
    if (d > 0) {
      run_stride = t.strides[d - 1];
      run = taken = 1;
    }
  }
  return to == -1;
}

TensorRef view(Tensor& t, Dims sizes, const char* op) {
  infer_sizes(sizes, t.numel, op);
  if (is_batched(t))
    return on_value(t, [&](Tensor& v, int n) { return view(v, behind_batches(v, n, sizes), op); });
  Dims strides;
  check(view_strides(t, sizes, strides), [&] {
    return message(op, ": a tensor of shape ", shape(t), " and strides ", to_string(strides_of(t)),
                   " cannot be seen as ", to_string(sizes),
                   " without a copy. Use reshape(), which copies where it must.");
  });
  static PyTypeObject* type = node_subtype("ViewBackward0");
  return link(raw_view(t, sizes, strides, t.offset), t, type, &reshape_kind, sizes_of(t));
}

TensorRef reshape(Tensor& t, Dims sizes) {
  infer_sizes(sizes, t.numel, "reshape");
  if (is_batched(t))
    return on_value(t, [&](Tensor& v, int n) { return reshape(v, behind_batches(v, n, sizes)); });
  Dims strides;
  if (view_strides(t, sizes, strides)) return view(t, sizes, "reshape");
  // The copy is nobody else's, so the result is no view of it.
  TensorRef copy = contiguous(t);
  static PyTypeObject* type = node_subtype("UnsafeViewBackward0");
  TensorRef result = raw_view(*copy, sizes, contiguous_strides(sizes), 0);
  record(*result, *copy, type, &reshape_kind, sizes_of(t));
  return result;
}

TensorRef expand(Tensor& t, const Dims& requested) {
  Dims sizes = requested, strides;
  if (is_batched(t) && requested.n >= t.ndim) {
    TensorRef padded = TensorRef::borrow(&t);
    while (padded->ndim < requested.n) padded = unsqueeze(*padded, 0);
    for (int d = 0; d < requested.n - t.ndim; ++d)
      check(sizes[d] >= 0, [&] {
        return message("expand: dim ", d, " of ", to_string(requested),
                       " is new, so there is no size for -1 to keep. Write the size out.");
      });
    return on_value(*padded,
                    [&](Tensor& v, int n) { return expand(v, behind_batches(v, n, requested)); });
  }
  int lead = sizes.n - t.ndim;
  check(lead >= 0, [&] {
    return message("expand: ", to_string(requested), " has fewer dims than the tensor ", shape(t),
                   ". Give a size for each dim of the tensor at least; -1 keeps one.");
  });
  strides.n = sizes.n;
  for (int d = sizes.n - 1; d >= 0; --d) {
    if (d < lead) {
      check(sizes[d] >= 0, [&] {
        return message("expand: dim ", d, " of ", to_string(requested),
                       " is new, so there is no size for -1 to keep. Write the size out.");
      });
      int64_t next = 1;
      if (d + 1 < sizes.n && __builtin_mul_overflow(sizes[d + 1], strides[d + 1], &next)) next = 0;
      strides[d] = sizes[d] == 1 ? next : 0;
      continue;
    }
    int64_t own = t.sizes[d - lead];
    if (sizes[d] == -1) sizes[d] = own;
    check(sizes[d] >= 0 && (own == sizes[d] || own == 1), [&] {
      return message("expand: dim ", d, " has size ", own, " and cannot become ", sizes[d],
                     "; only size 1 expands. Tensor ", shape(t), ", wanted ", to_string(requested),
                     ".");
    });
    strides[d] = own == 1 && sizes[d] != 1 ? 0 : t.strides[d - lead];
  }
  static PyTypeObject* type = node_subtype("ExpandBackward0");
  return link(raw_view(t, sizes, strides, t.offset), t, type, &pass_kind, {});
}

TensorRef permute(Tensor& t, const Dims& order) {
  check(order.n == t.ndim, [&] {
    return message("permute: ", to_string(order), " names ", order.n, " dims, but the tensor ",
                   shape(t), " has ", int{t.ndim}, ". Name each dim once.");
  });
  if (is_batched(t))
    return on_value(t, [&](Tensor& v, int n) {
      Dims all;
      for (int d = 0; d < n; ++d) all.push(d);
      for (int i = 0; i < order.n; ++i) all.push(n + wrap_dim(order[i], t.ndim, "permute"));
      return permute(v, all);
    });
  Dims sizes, strides, inverse = order;
  std::bitset<max_ndim> seen;
  for (int i = 0; i < order.n; ++i) {
    int d = wrap_dim(order[i], t.ndim, "permute");
    check(!seen[d], [&] {
      return message("permute: ", to_string(order), " names dim ", d,
                     " more than once. Name each dim once.");
    });
    seen[d] = true;
    sizes.push(t.sizes[d]);
    strides.push(t.strides[d]);
    inverse[d] = i;
  }
  static PyTypeObject* type = node_subtype("PermuteBackward0");
  return link(raw_view(t, sizes, strides, t.offset), t, type, &permute_kind, inverse);
}

TensorRef transpose(Tensor& t, int64_t dim0, int64_t dim1) {
  int a = wrap_dim(dim0, t.ndim, "transpose"), b = wrap_dim(dim1, t.ndim, "transpose");
  if (is_batched(t)) {
    if (t.ndim == 0) return alias_view(t);
    return on_value(t, [&](Tensor& v, int n) { return transpose(v, a + n, b + n); });
  }
  Dims sizes = sizes_of(t), strides = strides_of(t), order;
  for (int d = 0; d < t.ndim; ++d) order.push(d);
  if (t.ndim) {
    std::swap(sizes[a], sizes[b]);
    std::swap(strides[a], strides[b]);
    std::swap(order[a], order[b]);
  }
  static PyTypeObject* type = node_subtype("TransposeBackward0");
  return link(raw_view(t, sizes, strides, t.offset), t, type, &permute_kind, order);
}

TensorRef select(Tensor& t, int64_t dim, int64_t index) {
  check<IndexError>(t.ndim > 0, [] {
    return message("select: a 0-dim tensor has no dim to index. Use item() for its value.");
  });
  int d = wrap_dim(dim, t.ndim, "select");
  int64_t size = t.sizes[d];
  if (index < -size || index >= size) throw_outside(index, d, size, "select");
  if (index < 0) index += size;
  if (is_batched(t)) return on_value(t, [&](Tensor& v, int n) { return select(v, d + n, index); });
  static PyTypeObject* type = node_subtype("SelectBackward0");
  return region_view(t, type, [&](Dims& sizes, Dims& strides, int64_t& offset) {
    offset += index * strides[d];
    drop(sizes, d);
    drop(strides, d);
  });
}

static void clamp_slice(int64_t size, int64_t& start, int64_t& stop) {
  if (start < 0) start += size;
  if (stop < 0) stop += size;
  start = std::clamp<int64_t>(start, 0, size);
  stop = std::clamp<int64_t>(stop, start, size);
}

static int64_t steps_in(int64_t start, int64_t stop, int64_t step) {
  return stop > start ? (stop - start - 1) / step + 1 : 0;
}

/// stride * step; a step so long that this overflows leads to no second element.
static int64_t step_stride(int64_t stride, int64_t step) {
  int64_t longer;
  return __builtin_mul_overflow(stride, step, &longer) ? stride : longer;
}

TensorRef slice(Tensor& t, int64_t dim, int64_t start, int64_t stop, int64_t step) {
  check(t.ndim > 0, [] { return message("slice: a 0-dim tensor has no dim to slice."); });
  int d = wrap_dim(dim, t.ndim, "slice");
  check<ValueError>(step > 0, [&] {
    return message("slice: step is ", step, "; it must be 1 or more. torch.flip reverses a dim.");
  });
  clamp_slice(t.sizes[d], start, stop);
  if (is_batched(t))
    return on_value(t, [&](Tensor& v, int n) { return slice(v, d + n, start, stop, step); });
  static PyTypeObject* type = node_subtype("SliceBackward0");
  return region_view(t, type, [&](Dims& sizes, Dims& strides, int64_t& offset) {
    offset += start * strides[d];
    sizes[d] = steps_in(start, stop, step);
    strides[d] = step_stride(strides[d], step);
  });
}

TensorRef basic_index(Tensor& t, const IndexStep* steps, int n) {
  if (is_batched(t))
    return on_value(t, [&](Tensor& v, int batches) {
      std::vector<IndexStep> all(static_cast<size_t>(batches), {IndexStep::Kind::keep, 0, 0, 0});
      all.insert(all.end(), steps, steps + n);
      return basic_index(v, all.data(), static_cast<int>(all.size()));
    });
  static PyTypeObject* type = node_subtype("SliceBackward0");
  return region_view(t, type, [&](Dims& sizes, Dims& strides, int64_t& offset) {
    Dims new_sizes, new_strides;
    int d = 0;
    for (int i = 0; i < n; ++i) {
      IndexStep s = steps[i];
      switch (s.kind) {
        case IndexStep::Kind::insert:
          new_sizes.push(1);
          new_strides.push(d < sizes.n ? sizes[d] * strides[d] : 1);
          break;
        case IndexStep::Kind::keep:
          new_sizes.push(sizes[d]);
          new_strides.push(strides[d++]);
          break;
        case IndexStep::Kind::select: offset += s.start * strides[d++]; break;
        case IndexStep::Kind::slice:
          offset += s.start * strides[d];
          new_sizes.push(steps_in(s.start, s.stop, s.step));
          new_strides.push(step_stride(strides[d++], s.step));
          break;
      }
    }
    for (; d < sizes.n; ++d) {
      new_sizes.push(sizes[d]);
      new_strides.push(strides[d]);
    }
    sizes = new_sizes;
    strides = new_strides;
  });
}

TensorRef unsqueeze(Tensor& t, int64_t dim) {
  int d = wrap_new_dim(dim, t.ndim, "unsqueeze");
  if (is_batched(t)) return on_value(t, [&](Tensor& v, int n) { return unsqueeze(v, d + n); });
  Dims sizes, strides;
  for (int i = 0; i <= t.ndim; ++i) {
    if (i == d) {
      sizes.push(1);
      strides.push(i < t.ndim ? t.sizes[i] * t.strides[i] : 1);
    }
    if (i < t.ndim) {
      sizes.push(t.sizes[i]);
      strides.push(t.strides[i]);
    }
  }
  static PyTypeObject* type = node_subtype("UnsqueezeBackward0");
  return link(raw_view(t, sizes, strides, t.offset), t, type, &reshape_kind, sizes_of(t));
}

static TensorRef squeeze_where(Tensor& t, const bool* drop_dim) {
  if (is_batched(t))
    return on_value(t, [&](Tensor& v, int n) {
      bool all[max_ndim + max_levels] = {};
      std::copy_n(drop_dim, t.ndim, all + n);
      return squeeze_where(v, all);
    });
  Dims sizes, strides;
  for (int d = 0; d < t.ndim; ++d) {
    if (drop_dim[d] && t.sizes[d] == 1) continue;
    sizes.push(t.sizes[d]);
    strides.push(t.strides[d]);
  }
  static PyTypeObject* type = node_subtype("SqueezeBackward0");
  return link(raw_view(t, sizes, strides, t.offset), t, type, &reshape_kind, sizes_of(t));
}

TensorRef squeeze(Tensor& t) {
  bool all[max_ndim];
  std::fill_n(all, max_ndim, true);
  return squeeze_where(t, all);
}

TensorRef squeeze(Tensor& t, const Dims& dims) {
  bool some[max_ndim] = {};
  for (int i = 0; i < dims.n; ++i) {
    int d = wrap_dim(dims[i], t.ndim, "squeeze");
    check(!some[d], [&] {
      return message("squeeze: dim ", dims[i], " is named more than once. Name each dim once.");
    });
    some[d] = true;
  }
  return squeeze_where(t, some);
}

TensorRef diagonal(Tensor& t, int64_t diagonal_offset, int64_t dim0, int64_t dim1) {
  check(t.ndim >= 2,
        [&] { return message("diagonal: input ", shape(t), " has fewer than 2 dims."); });
  int a = wrap_dim(dim0, t.ndim, "diagonal"), b = wrap_dim(dim1, t.ndim, "diagonal");
  check(a != b, [&] {
    return message("diagonal: dim1 and dim2 are the same dim (", dim0, " and ", dim1,
                   "); they must differ.");
  });
  if (is_batched(t))
    return on_value(t,
                    [&](Tensor& v, int n) { return diagonal(v, diagonal_offset, a + n, b + n); });
  static PyTypeObject* type = node_subtype("DiagonalBackward0");
  return region_view(t, type, [&](Dims& sizes, Dims& strides, int64_t& offset) {
    int64_t length = diagonal_offset >= 0 ? std::min(sizes[a], sizes[b] - diagonal_offset)
                                          : std::min(sizes[a] + diagonal_offset, sizes[b]);
    length = std::max<int64_t>(length, 0);
    if (length > 0)
      offset += diagonal_offset >= 0 ? diagonal_offset * strides[b] : -diagonal_offset * strides[a];
    int64_t step = strides[a] + strides[b];
    drop(sizes, std::max(a, b));
    drop(sizes, std::min(a, b));
    drop(strides, std::max(a, b));
    drop(strides, std::min(a, b));
    sizes.push(length);
    strides.push(step);
  });
}

TensorRef unfold(Tensor& t, int64_t dim, int64_t size, int64_t step) {
  int d = wrap_dim(dim, t.ndim, "unfold");
  int64_t own = t.ndim ? t.sizes[d] : 1;
  check(step > 0, [&] { return message("unfold: step is ", step, "; it must be 1 or more."); });
  check(size >= 0 && size <= own, [&] {
    return message("unfold: size ", size, " does not fit dim ", d, " of size ", own,
                   " (allowed are 0 to ", own, ").");
  });
  if (is_batched(t)) {
    if (t.ndim == 0) return size == 1 ? unsqueeze(t, 0) : slice(*unsqueeze(t, 0), 0, 0, size, 1);
    return on_value(t, [&](Tensor& v, int n) { return unfold(v, d + n, size, step); });
  }
  static PyTypeObject* type = node_subtype("UnfoldBackward0");
  return region_view(t, type, [&](Dims& sizes, Dims& strides, int64_t&) {
    if (sizes.n == 0) {
      sizes.push(size);
      strides.push(1);
      return;
    }
    sizes.push(size);
    strides.push(strides[d]);
    sizes[d] = (sizes[d] - size) / step + 1;
    strides[d] = step_stride(strides[d], step);
  });
}

void as_parts(Dims& sizes, Dims& strides, int64_t& offset) {
  for (int d = 0; d < strides.n; ++d) strides[d] *= 2;
  sizes.push(2);
  strides.push(1);
  offset *= 2;
}

TensorRef view_as_real(Tensor& t) {
  check(is_complex(t.dtype), [&] {
    return message("view_as_real: input is ", describe(t),
                   ", which has no real and imaginary parts; it takes complex tensors.");
  });
  if (is_batched(t)) return on_value(t, [](Tensor& v, int) { return view_as_real(v); });
  Dims sizes = sizes_of(t), strides = strides_of(t);
  int64_t offset = t.offset;
  as_parts(sizes, strides, offset);
  TensorRef v = make_tensor(t.storage, to_real(t.dtype), sizes, strides, offset);
  static PyTypeObject* type = node_subtype("ViewAsRealBackward0");
  return link(v, t, type, &as_real_kind, {});
}

TensorRef view_as_complex(Tensor& t) {
  check(t.dtype == DType::float16 || t.dtype == DType::float32 || t.dtype == DType::float64, [&] {
    return message("view_as_complex: input is ", describe(t),
                   "; it takes float16, float32 and float64.");
  });
  check(t.ndim > 0 && t.sizes[t.ndim - 1] == 2, [&] {
    return message("view_as_complex: input is ", shape(t),
                   "; its last size must be 2, for real and imaginary part.");
  });
  if (is_batched(t))
    return on_value(t, [](Tensor& v, int) {
      // The slices may lie between each other where a slice alone would do.
      return view_as_complex(v.strides[v.ndim - 1] == 1 ? v : *contiguous(v));
    });
  check(t.strides[t.ndim - 1] == 1 && t.offset % 2 == 0, [&] {
    return message("view_as_complex: the last dim has stride ", t.strides[t.ndim - 1],
                   " and the storage offset is ", t.offset,
                   "; the stride must be 1 and the offset even. Call contiguous() first.");
  });
  Dims sizes(t.sizes, t.ndim - 1), strides(t.strides, t.ndim - 1);
  for (int d = 0; d < strides.n; ++d) {
    // The step of a dim of one place is never taken: NumPy's arrays have odd ones there.
    check(strides[d] % 2 == 0 || sizes[d] == 1, [&] {
      return message("view_as_complex: strides ", to_string(strides_of(t)),
                     " are not all even before the last. Call contiguous() first.");
    });
    strides[d] /= 2;
  }
  TensorRef v = make_tensor(t.storage, to_complex(t.dtype), sizes, strides, t.offset / 2);
  static PyTypeObject* type = node_subtype("ViewAsComplexBackward0");
  return link(v, t, type, &as_complex_kind, {});
}

TensorRef view_dtype(Tensor& t, DType dtype) {
  if (is_batched(t)) {
    check(t.ndim > 0 || itemsize(dtype) == itemsize(t.dtype), [&] {
      return message("view: to see ", describe(t), " as ", name(dtype), " takes 1 dim or more.");
    });
    return on_value(t, [&](Tensor& v, int) { return view_dtype(v, dtype); });
  }
  int64_t from = itemsize(t.dtype), to = itemsize(dtype);
  Dims sizes = sizes_of(t), strides = strides_of(t);
  int64_t offset = t.offset;
  if (from != to) {
    check(t.ndim > 0 && t.strides[t.ndim - 1] == 1, [&] {
      return message("view: to see ", describe(t), " as ", name(dtype),
                     " takes a last dim of stride 1. Call contiguous() first.");
    });
    int last = t.ndim - 1;
    int64_t bytes = sizes[last] * from;
    bool fits = bytes % to == 0 && offset * from % to == 0;
    for (int d = 0; d < last; ++d) fits &= strides[d] * from % to == 0;
    check(fits, [&] {
      return message("view: ", describe(t), " cannot be seen as ", name(dtype),
                     ": its last size, its strides or its offset do not divide by the ratio of the "
                     "item sizes.");
    });
    sizes[last] = bytes / to;
    for (int d = 0; d < last; ++d) strides[d] = strides[d] * from / to;
    offset = offset * from / to;
  }
  // Other numbers in the same bytes: no gradient leads there or back.
  TensorRef v = make_tensor(t.storage, dtype, sizes, strides, offset);
  v->inference = t.inference;
  return v;
}

TensorRef detach(Tensor& t) {
  if (is_batched(t)) return on_value(t, [](Tensor& v, int) { return detach(v); });
  TensorRef a = alias(t);
  a->inference = t.inference;
  return a;
}

}  // namespace flambeau
