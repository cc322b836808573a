#include "dispatch/pointwise.h"

#include <algorithm>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/batched.h"
#include "dispatch/out.h"
#include "dispatch/overlap.h"
#include "dispatch/pointwise_history.h"
#include "dispatch/pointwise_launch.h"
#include "dispatch/promotion.h"
#include "dispatch/waiting.h"
#include "tensor/objects.h"

namespace flambeau {

DType promoted_dtype(const Pointwise& record, const Arg* args) {
  Promotion promotion;
  for (int i = 0; i < record.n_inputs; ++i) {
    if (record.keep >> i & 1) continue;
    if (args[i].tensor)
      promotion.tensor(*args[i].tensor);
    else
      promotion.number(args[i].number);
  }
  return promotion.result();
}
namespace {

/// The first tensor argument if all are contiguous and of its shape, else null.
Tensor* flat_model(const Pointwise& record, const Arg* args) {
  Tensor* model = nullptr;
  for (int i = 0; i < record.n_args; ++i) {
    Tensor* t = args[i].tensor;
    if (!t) continue;
    if (!t->contiguous) return nullptr;
    if (!model)
      model = t;
    else if (t->ndim != model->ndim || !std::equal(t->sizes, t->sizes + t->ndim, model->sizes))
      return nullptr;
  }
  return model;
}

DType compute_dtype(const Pointwise& record, const Arg* args) {
  const DType d = promoted_dtype(record, args);
  if (record.compute == Pointwise::Compute::promoted || is_differentiable(d)) return d;
  if (record.compute == Pointwise::Compute::counted) return d == DType::bool_ ? DType::int64 : d;
  check<NotImplementedError>(record.compute != Pointwise::Compute::smooth, [&] {
    return message(record.name, ": input is ", name(d),
                   ", but it must be floating. Convert it with .float() first.");
  });
  check(record.compute == Pointwise::Compute::floating, [&] {
    return message(record.name, ": divides, and its arguments are of ", name(d),
                   ". Convert one to a floating dtype.");
  });
  return default_dtype;
}

DType result_dtype(const Pointwise& record, DType compute) {
  switch (record.result) {
    case Pointwise::Result::boolean: return DType::bool_;
    case Pointwise::Result::real: return to_real(compute);
    case Pointwise::Result::int64: return DType::int64;
    case Pointwise::Result::complex: return to_complex(compute);
    case Pointwise::Result::same: break;
  }
  return compute;
}

Dims common_sizes(const Pointwise& record, const Arg* args) {
  Dims sizes;
  bool first = true;
  for (int i = 0; i < record.n_inputs; ++i) {
    Tensor* t = args[i].tensor;
    if (!t) continue;
    if (first) {
      sizes = sizes_of(*t);
      first = false;
    } else if (!(sizes.n == t->ndim && std::equal(sizes.v, sizes.v + sizes.n, t->sizes))) {
      sizes = broadcast_sizes(sizes, sizes_of(*t), record.name.c_str());
    }
  }
  return sizes;
}

/// The strides of a result: as the operands have them where all lie alike without gaps, else
/// without gaps in the order of the dims that the operands agree on, the first deciding (PyTorch's
/// order).
Dims result_strides(const Pointwise& record, const Arg* args, const Dims& sizes) {
  using RowMajor = Pointwise::RowMajor;
  if (record.row_major == RowMajor::always ||
      (record.row_major == RowMajor::of_number && args[0].number))
    return contiguous_strides(sizes);
  const Tensor* tensors[max_args];
  int n = 0;
  bool plain = true, alike = true;
  for (int i = 0; i < record.n_inputs; ++i) {
    const Tensor* t = args[i].tensor;
    if (!t) continue;
    plain = plain && t->contiguous;
    if (n == 0 && plain && sizes_of(*t) == sizes) return contiguous_strides(sizes);
    tensors[n++] = t;
    alike = alike && sizes_of(*t) == sizes && strides_of(*t) == strides_of(*tensors[0]);
  }
  if (plain) return contiguous_strides(sizes);
  if (alike && is_dense(*tensors[0])) return strides_of(*tensors[0]);
  return dense_strides(tensors, n, sizes);
}

}  // namespace

void check_castable(DType from, DType to, const char* op) {
  auto rank = [](DType d) {
    return is_complex(d) ? 3 : is_floating(d) ? 2 : d == DType::bool_ ? 0 : 1;
  };
  check(rank(from) <= rank(to), [&] {
    return message(op, ": its result is ", name(from), ", which out or self, ", name(to),
                   ", cannot hold. Convert it first, or write to a tensor of dtype ", name(from),
                   ".");
  });
}

/// Whether out= is to hold more digits than the result has: it is rounded all the same.
static bool widens_halves(const Pointwise& record, const Arg* args, const Tensor* out) {
  if (!out || !record.casts_out) return false;
  const DType dtype = result_dtype(record, compute_dtype(record, args));
  return (dtype == DType::float16 || dtype == DType::bfloat16) && out->dtype != dtype;
}

TensorRef apply(Pointwise& record, const Arg* args, Tensor* out, Tensor* spare) {
  if (any_batched(record, args)) {
    check(!out, [&] {
      return message("vmap: ", record.name, ": out= is not taken inside. Use the result.");
    });
    return apply_batched(record, args);
  }
  bool history = wants_history(record, args);
  if (out) check_out_unrecorded(false, history, record.name.c_str());
  if (widens_halves(record, args, out))
    return finish_out(apply(record, args, nullptr, nullptr), out, record.name.c_str());
  TensorRef result;
  DType compute = compute_dtype(record, args);
  Tensor* model = out ? nullptr : flat_model(record, args);
  if (model) {
    DType dtype = result_dtype(record, compute);
    if (model->numel >= waiting::least_numel)
      result =
          waiting::postpone(record, args, sizes_of(*model), compute, dtype, history, true, spare);
    if (!result) {
      result = spare && spare->dtype == dtype ? TensorRef::borrow(spare)
                                              : empty(sizes_of(*model), dtype);
      launch_flat(record, *result, args, compute);
    }
  } else {
    DType dtype = result_dtype(record, compute);
    Dims sizes = common_sizes(record, args);
    TensorRef copies[max_args];
    Arg safe[max_args];
    bool waits = false;
    if (out) {
      check(record.casts_out || out->dtype == dtype, [&] {
        return message(record.name, ": out is ", name(out->dtype), ", but the result is ",
                       name(dtype), ". Give a tensor of that dtype.");
      });
      prepare_out(*out, sizes, result_strides(record, args, sizes), dtype, record.name.c_str());
      std::copy(args, args + record.n_args, safe);
      for (int i = 0; i < record.n_inputs; ++i)
        if (args[i].tensor) {
          copies[i] = beside(*args[i].tensor, *out, record.name.c_str());
          safe[i].tensor = copies[i].get();
        }
      result = TensorRef::borrow(out);
    } else {
      Dims strides = result_strides(record, args, sizes);
      if (waiting::least_numel != INT64_MAX && sizes.product() >= waiting::least_numel &&
          strides == contiguous_strides(sizes))
        result = waiting::postpone(record, args, sizes, compute, dtype, history, false);
      waits = bool{result};
      if (!waits) result = empty_strided(sizes, strides, dtype);
    }
    Tensor* outputs[] = {result.get()};
    if (!waits) launch(record, outputs, 1, out ? safe : args, record.n_args, sizes, compute);
  }
  if (out) {
    out->bump_version(record.name.c_str());
    return result;
  }
  if (history && is_differentiable(result->dtype)) {
    Ref<PointwiseNode> node = record_call(record, args);
    set_history(*result, &node->node);
    save_result_if_used(record, node.get(), *result);
  }
  return result;
}

void apply_inplace(Pointwise& record, const Arg* args, const char* op) {
  Tensor& self = *args[0].tensor;
  if (any_batched(record, args)) return apply_inplace_batched(record, args, op);
  bool history = wants_history(record, args);
  // Comparisons and their like leave nothing of what was there to differentiate.
  const bool overwrites = !record.differentiable && needs_record(self);
  if (history || overwrites || self.autograd || self.inference)
    check_inplace(self, op, history || overwrites);
  DType compute = compute_dtype(record, args);
  const DType result = result_dtype(record, compute);
  check_castable(result, self.dtype, op);
  check(!is_complex(compute) || !is_floating(result), [&] {
    return message(op, ": its result is ", name(result), ", which self, ", name(self.dtype),
                   ", would hold as complex numbers. Use the out-of-place form.");
  });
  Ref<Node> overwritten = overwrites ? overwrite_node(self) : Ref<Node>{};
  bool shares =
      false;  // another operand in the same memory: may overlap without being the same elements
  for (int i = 1; i < record.n_inputs; ++i)
    shares |= args[i].tensor && args[i].tensor->storage == self.storage;
  if (!history && !shares && flat_model(record, args) == &self) {
    const bool withheld = !self.storage->data;
    if (!withheld || result_dtype(record, compute) != self.dtype ||
        !waiting::postpone_inplace(record, args, self, compute))
      launch_flat(record, self, args, compute);
    self.bump_version(op);
    if (overwritten) rebase_history(self, overwritten.get());
    return;
  }
  Dims sizes = common_sizes(record, args);
  check(sizes_of(self) == sizes, [&] {
    return message(op, ": the result has shape ", to_string(sizes),
                   ", which does not fit into self ", shape(self),
                   ". An in-place operator keeps self's shape; use the out-of-place form.");
  });
  check_written_once(self, op);
  TensorRef copies[max_args];
  Arg safe[max_args];
  std::copy(args, args + record.n_args, safe);
  for (int i = 1; i < record.n_inputs; ++i)
    if (args[i].tensor) {
      copies[i] = beside(*args[i].tensor, self, op);
      safe[i].tensor = copies[i].get();
    }
  // History first: what is saved must be saved with the version before the write, so that backward
  // notices.
  Ref<PointwiseNode> node;
  if (history) node = record_call(record, args, &self);
  Tensor* outputs[] = {&self};
  launch(record, outputs, 1, safe, record.n_args, sizes, compute);
  self.bump_version(op);
  if (overwritten) rebase_history(self, overwritten.get());
  if (node) {
    save_result_if_used(record, node.get(), self);
    rebase_history(self, &node->node);
  }
}

void take_number(const Pointwise& record, int i, Arg& arg, std::vector<Object>& numbers) {
  Tensor& t = *arg.tensor;
  check<TypeError>(t.ndim == 0, [&] {
    return message(record.name, ": ", PyUnicode_AsUTF8(record.arg_names[i].get()),
                   " takes a number, or a tensor of no dims, but got a tensor of shape ", shape(t),
                   ".");
  });
  if (t.is_meta()) return;
  numbers.push_back(Object::steal(number_of(t, record.name.c_str())));
  arg = {nullptr, numbers.back().get()};
}

void check_factors(const Pointwise& record, const Arg* args) {
  const Arg& last = args[record.n_args - 1];
  if (record.n_inputs == 2 && record.n_args == 3 && last.number && PyBool_Check(last.number)) {
    bool numbers = false;
    for (int i = 0; i < 2; ++i)
      numbers |=
          (args[i].tensor ? args[i].tensor->dtype : number_dtype(args[i].number)) != DType::bool_;
    check(!numbers || !is_text(record.arg_names[2].get(), "alpha"), [&] {
      return message(record.name, ": alpha is a bool, but the operands are numbers. Give an int.");
    });
  }
  for (int i = 0; i < record.n_inputs; ++i)
    if (args[i].tensor ? is_differentiable(args[i].tensor->dtype)
                       : is_differentiable(number_dtype(args[i].number)))
      return;
  for (int i = record.n_inputs; i < record.n_args; ++i)
    check(!args[i].number || !PyFloat_Check(args[i].number) ||
              PyUnicode_CompareWithASCIIString(record.arg_names[i].get(), "alpha") != 0,
          [&] {
            return message(record.name,
                           ": alpha is a float, but the tensors hold integers. Give an int, or "
                           "convert a tensor.");
          });
}

static void check_operands(const char* op, size_t outputs, size_t inputs) {
  check(outputs >= 1 && outputs + inputs <= max_operands, [&] {
    return message(op, ": ", outputs + inputs, " operands, at most ", max_operands, ".");
  });
}

void map_into(Called op, Pointwise& record, const std::vector<TensorRef>& outputs,
              const std::vector<Arg>& inputs, std::optional<DType> compute) {
  check_operands(op, outputs.size(), inputs.size());
  const int n_out = static_cast<int>(outputs.size()), n_in = static_cast<int>(inputs.size());
  Tensor* to[max_operands];
  for (int i = 0; i < n_out; ++i) to[i] = outputs[static_cast<size_t>(i)].get();
  check_map(record, to, n_out, inputs.data(), n_in);
  run_map(record, to, n_out, inputs.data(), n_in, compute.value_or(to[0]->dtype));
  for (const TensorRef& output : outputs) output->bump_version(record.name.c_str());
}

void map_lists(Called op, Pointwise& record, const std::vector<Column>& outputs,
               const std::vector<Column>& inputs) {
  check_operands(op, outputs.size(), inputs.size());
  const size_t count = outputs[0].items.size();
  for (const auto* columns : {&outputs, &inputs})
    for (const Column& column : *columns) {
      check<TypeError>(column.is_list || columns == &inputs,
                       [&] { return message(op, ": outputs must be lists."); });
      check(!column.is_list || column.items.size() == count, [&] {
        return message(op, ": a list has ", column.items.size(), " items, expected ", count, ".");
      });
    }
  std::vector<Tensor*> to;
  std::vector<Arg> from;
  for (size_t k = 0; k < count; ++k) {
    for (const Column& column : outputs) {
      check<TypeError>(column.items[k].tensor, [&] {
        return message(record.name, ": an output is a number, not a Tensor.");
      });
      to.push_back(column.items[k].tensor);
    }
    for (const Column& column : inputs) from.push_back(column.items[column.is_list ? k : 0]);
  }
  if (count == 0) return;
  run_map_lists(record, to.data(), static_cast<int>(outputs.size()), from.data(),
                static_cast<int>(inputs.size()), static_cast<int64_t>(count));
  for (Tensor* output : to) output->bump_version(record.name.c_str());
}

bool fills_at_once(Tensor& out) {
  return !(watchers & ~watch_classes) && out.numel && out.on_cpu() && !out.batched &&
         !needs_record(out);
}

void fill_by_map(Called op, Pointwise& record, Tensor& out, const std::vector<Arg>& inputs,
                 std::optional<DType> compute, const char* name) {
  check_inplace(out, name);
  check_operands(op, 1, inputs.size());
  Tensor* outputs[] = {&out};
  const int n = static_cast<int>(inputs.size());
  check_map(record, outputs, 1, inputs.data(), n);
  run_map(record, outputs, 1, inputs.data(), n,
          compute.value_or(is_floating(out.dtype) ? out.dtype : DType::float32));
  out.bump_version(name);
}

}  // namespace flambeau
