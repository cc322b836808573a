#include "dispatch/join.h"

#include "autograd/meta.h"
#include "autograd/wanted.h"
#include "dispatch/basics.h"
#include "dispatch/batched.h"
#include "dispatch/iterate.h"
#include "dispatch/memory_format.h"
#include "dispatch/out.h"
#include "dispatch/overlap.h"
#include "dispatch/promotion.h"
#include "kernels/elements/join.h"

namespace flambeau {

namespace {

struct JoinNode {
  Node node;
  int dim;
  bool stacked;
  std::vector<int64_t> sizes;  // of each part along dim
};

void join_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto* self = reinterpret_cast<JoinNode*>(node);
  int64_t at = 0;
  for (uint32_t i = 0; i < node->n_edges; ++i) {
    int64_t size = self->sizes[i];
    if (wants_gradient(node, i) && size >= 0)
      grad_inputs[i] = self->stacked ? select(*grad_outputs[0], self->dim, at)
                                     : slice(*grad_outputs[0], self->dim, at, at + size, 1);
    else if (wants_gradient(node, i))
      grad_inputs[i] = zeros({0}, grad_outputs[0]->dtype);  // a skipped empty part
    at += std::max<int64_t>(size, 0);
  }
}
const NodeKind join_kind = {join_backward, nothing, destroy_as<JoinNode>};

bool is_skipped(const Tensor& t) { return t.ndim == 1 && t.sizes[0] == 0; }

void record(Tensor& out, const std::vector<TensorRef>& tensors, const std::vector<int64_t>& sizes,
            int dim, bool stacked) {
  bool wanted = false;
  for (auto& t : tensors) wanted |= needs_record(*t);
  if (!wanted || !is_differentiable(out.dtype)) return;
  static PyTypeObject* types[2] = {node_subtype("CatBackward0"), node_subtype("StackBackward0")};
  Ref<JoinNode> node = make_node<JoinNode>(types[stacked], &join_kind);
  node->dim = dim;
  node->stacked = stacked;
  node->sizes = sizes;
  node->node.set_edges(static_cast<uint32_t>(tensors.size()));
  for (size_t i = 0; i < tensors.size(); ++i)
    if (is_differentiable(tensors[i]->dtype))
      set_edge(&node->node, static_cast<uint32_t>(i), tensors[i].get());
  set_history(out, &node->node);
}

/// The channels-last order that all parts show, or contiguous.
Format common_format(const std::vector<TensorRef>& tensors) {
  Format format = Format::unsaid;
  for (auto& t : tensors) {
    if (is_skipped(*t)) continue;
    Format shown = format_shown(*t);
    if (shown == Format::contiguous || (format != Format::unsaid && shown != format))
      return Format::contiguous;
    format = shown;
  }
  return format;
}

TensorRef empty_in_format(const Dims& sizes, DType dtype, Format format) {
  if (!is_channels_last(format)) return empty(sizes, dtype);
  return empty_strided(sizes, channels_last_strides(sizes, format, "cat"), dtype);
}

/// Elements from one row of t, which is dims [dim, ndim), to the next where each row is contiguous
/// and all are as far apart; otherwise 0.
int64_t row_step(const Tensor& t, int dim) {
  int64_t length = 1;
  for (int d = t.ndim - 1; d >= dim; --d) {
    if (t.sizes[d] != 1 && t.strides[d] != length) return 0;
    length *= t.sizes[d];
  }
  int64_t step = 0, next = 0;
  for (int d = dim - 1; d >= 0; --d) {
    if (t.sizes[d] == 1) continue;
    if (step == 0) step = next = t.strides[d];
    if (t.strides[d] != next || next == 0) return 0;  // expanded rows are one row
    next *= t.sizes[d];
  }
  return step;
}

/// Fills `out` in one pass over its rows where the parts lie in memory as they will lie there;
/// false where they do not.
bool join_in_one_pass(Tensor& out, const std::vector<TensorRef>& tensors,
                      const std::vector<int64_t>& lengths, int dim) {
  int64_t rows = 1;
  for (int d = 0; d < dim; ++d) rows *= out.sizes[d];
  if (rows <= 1 || out.numel == 0 || !out.on_cpu() || !out.contiguous) return false;
  const int64_t inner = out.numel / rows / out.sizes[dim] * itemsize(out.dtype);
  if (inner * out.sizes[dim] > (1 << 14)) return false;  // long rows are copied part by part
  std::vector<JoinPart> parts;
  parts.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    Tensor& t = *tensors[i];
    if (lengths[i] <= 0) continue;
    const int64_t step = t.dtype == out.dtype && !t.is_meta() ? row_step(t, dim) : 0;
    if (step == 0) return false;
    parts.push_back({t.data(), lengths[i] * inner, step * itemsize(out.dtype)});
  }
  LongWork unlocked(out.numel > grain);
  join_rows(out.data(), parts.data(), static_cast<int64_t>(parts.size()), rows);
  return true;
}

/// The tensors, with a dim of size 1 in front of `dim`.
std::vector<TensorRef> with_dim(const std::vector<TensorRef>& tensors, int dim) {
  std::vector<TensorRef> wide;
  wide.reserve(tensors.size());
  for (const TensorRef& t : tensors) {
    Dims sizes, strides;
    for (int d = 0; d <= t->ndim; ++d) {
      if (d == dim) sizes.push(1), strides.push(1);
      if (d < t->ndim) sizes.push(t->sizes[d]), strides.push(t->strides[d]);
    }
    wide.push_back(raw_view(*t, sizes, strides, t->offset));
  }
  return wide;
}

/// A stack of tensors that are all channels last lies as what they are joined to along that dim, as
/// in PyTorch; others are contiguous.
TensorRef empty_stack(const std::vector<TensorRef>& tensors, int dim, const Dims& sizes,
                      DType dtype) {
  const Format format = common_format(tensors);
  Dims joined = sizes_of(*tensors[0]);
  if (!is_channels_last(format) || dim >= joined.n) return empty(sizes, dtype);
  const int64_t length = joined[dim];
  joined[dim] *= static_cast<int64_t>(tensors.size());
  const Dims each = channels_last_strides(joined, format, "stack");
  Dims strides;
  for (int d = 0; d < joined.n; ++d) {
    if (d == dim) strides.push(length * each[d]);
    strides.push(each[d]);
  }
  return empty_strided(sizes, strides, dtype);
}

/// Whether the parts can be written into `given` at once: it is as the result will be. Checks then
/// what finish_out would.
bool takes_parts(Tensor* given, const std::vector<TensorRef>& tensors, const Dims& sizes,
                 DType dtype, const char* op) {
  if (!given || given->batched || given->dtype != dtype || sizes_of(*given) != sizes) return false;
  bool recorded = false;
  for (auto& t : tensors) recorded |= needs_record(*t);
  check_out_unrecorded(grad_mode_enabled && requires_grad(*given), recorded, op);
  prepare_out(*given, sizes, strides_of(*given), dtype, op);
  given->bump_version(op);
  return true;
}

}  // namespace

TensorRef cat(const std::vector<TensorRef>& tensors, int64_t wanted_dim, Tensor* given) {
  check<ValueError>(!tensors.empty(),
                    [] { return message("cat: needs at least one tensor; the list is empty."); });
  Promotion promotion;
  Tensor* model = nullptr;
  for (auto& t : tensors) {
    promotion.tensor(*t);
    check(t->ndim > 0, [] {
      return message(
          "cat: a 0-dim tensor has no dim to join along. Use stack, or unsqueeze(0) each "
          "tensor.");
    });
    if (!model && !is_skipped(*t)) model = t.get();
  }
  // Where all parts are skipped any dim is right, as in PyTorch.
  if (!model) wanted_dim = 0, model = tensors[0].get();
  int dim = wrap_dim(wanted_dim, model->ndim, "cat");
  Dims sizes = sizes_of(*model);
  std::vector<int64_t> lengths;
  int64_t total = 0;
  lengths.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    Tensor& t = *tensors[i];
    if (is_skipped(t) && model->ndim != 1) {
      lengths.push_back(-1);
      continue;
    }
    check(t.ndim == model->ndim, [&] {
      return message("cat: tensor ", i, " has ", static_cast<int>(t.ndim), " dims ", shape(t),
                     ", but the first has ", static_cast<int>(model->ndim), " ", shape(*model),
                     ". Give all the same number.");
    });
    for (int d = 0; d < t.ndim; ++d)
      check(d == dim || t.sizes[d] == model->sizes[d], [&] {
        return message("cat: tensor ", i, " ", shape(t), " has size ", t.sizes[d], " in dim ", d,
                       ", but the first ", shape(*model), " has ", model->sizes[d], ". Only dim ",
                       dim, ", the one joined along, may differ.");
      });
    lengths.push_back(t.sizes[dim]);
    total += t.sizes[dim];
  }
  if (any_batched(tensors))
    return finish_out(join_batched(tensors, dim, model->ndim, false), given, "cat");
  sizes[dim] = total;
  const DType dtype = promotion.result();
  const bool direct = takes_parts(given, tensors, sizes, dtype, "cat");
  TensorRef out =
      direct ? TensorRef::borrow(given) : empty_in_format(sizes, dtype, common_format(tensors));
  const bool joined = join_in_one_pass(*out, tensors, lengths, dim);
  int64_t at = 0;
  for (size_t i = 0; i < tensors.size() && !joined; ++i) {
    if (lengths[i] <= 0) continue;
    Dims part = sizes;
    part[dim] = lengths[i];
    TensorRef place = raw_view(*out, part, strides_of(*out), out->offset + at * out->strides[dim]);
    copy_bytes(*place, *tensors[i]);
    at += lengths[i];
  }
  if (direct) return out;
  record(*out, tensors, lengths, dim, false);
  return finish_out(out, given, "cat");
}

TensorRef stack(const std::vector<TensorRef>& tensors, int64_t wanted_dim, Tensor* given) {
  check(!tensors.empty(),
        [] { return message("stack: needs at least one tensor; the list is empty."); });
  Tensor& model = *tensors[0];
  int dim = wrap_new_dim(wanted_dim, model.ndim, "stack");
  Promotion promotion;
  for (size_t i = 0; i < tensors.size(); ++i) {
    promotion.tensor(*tensors[i]);
    check(sizes_of(*tensors[i]) == sizes_of(model), [&] {
      return message("stack: tensor ", i, " has shape ", shape(*tensors[i]), ", but the first has ",
                     shape(model),
                     ". All must be equal; cat joins tensors that differ in one dim.");
    });
  }
  if (any_batched(tensors))
    return finish_out(join_batched(tensors, dim, model.ndim, true), given, "stack");
  Dims sizes;
  for (int d = 0; d <= model.ndim; ++d) {
    if (d == dim) sizes.push(static_cast<int64_t>(tensors.size()));
    if (d < model.ndim) sizes.push(model.sizes[d]);
  }
  const DType dtype = promotion.result();
  const bool direct = takes_parts(given, tensors, sizes, dtype, "stack");
  TensorRef out = direct  ? TensorRef::borrow(given)
                  : given ? empty(sizes, dtype)
                          : empty_stack(tensors, dim, sizes, dtype);
  const std::vector<int64_t> ones(tensors.size(), 1);
  if (join_in_one_pass(*out, with_dim(tensors, dim), ones, dim)) {
    if (direct) return out;
    record(*out, tensors, ones, dim, true);
    return finish_out(out, given, "stack");
  }
  Dims part = sizes_of(model), strides;
  for (int d = 0; d <= model.ndim; ++d)
    if (d != dim) strides.push(out->strides[d]);
  for (size_t i = 0; i < tensors.size(); ++i) {
    TensorRef place =
        raw_view(*out, part, strides, out->offset + static_cast<int64_t>(i) * out->strides[dim]);
    copy_bytes(*place, *tensors[i]);
  }
  if (direct) return out;
  record(*out, tensors, ones, dim, true);
  return finish_out(out, given, "stack");
}

static void check_apart_from_all(const std::vector<TensorRef>& tensors, Tensor* out,
                                 const char* op) {
  if (!out) return;
  for (const TensorRef& t : tensors) check_apart(*t, *out, op);
}

TensorRef cat_into(Called op, const std::vector<TensorRef>& tensors, int64_t dim, Tensor* out) {
  check_apart_from_all(tensors, out, op);
  return cat(tensors, dim, out);
}

TensorRef stack_into(Called op, const std::vector<TensorRef>& tensors, int64_t dim, Tensor* out) {
  check_apart_from_all(tensors, out, op);
  return stack(tensors, dim, out);
}

}  // namespace flambeau
