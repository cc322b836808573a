#include "dispatch/pointwise.h"

#include <Python.h>
#include <structmember.h>

#include <algorithm>
#include <unordered_map>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/promotion.h"
#include "python/guard.h"
#include "runtime/threads.h"

namespace flambeau {

// -------------------------------------------------------------------------------------------
// autograd

namespace {

constexpr int max_args = 8;

struct PointwiseNode {
  Node node;
  Pointwise* record;
  Saved saved[max_args + 1];  // the last one is the result
  Object numbers[max_args];
};

TensorRef run_derivative(PointwiseNode* self, int i, Tensor& grad) {
  auto& derivative = self->record->derivatives[i];
  using State = Pointwise::Derivative::State;
  if (derivative.state == State::identity) return TensorRef::borrow(&grad);
  if (derivative.state == State::zero) return full_like(grad, 0);
  Arg args[max_args + 2];
  TensorRef alive[max_args + 2];
  args[0].tensor = &grad;
  int n = 1;
  for (int use : derivative.uses) {
    if (use >= 0 && self->numbers[use]) {
      args[n].number = self->numbers[use].get();
    } else {
      alive[n] = self->saved[use < 0 ? max_args : use].unpack(&self->node, "input");
      args[n].tensor = alive[n].get();
    }
    ++n;
  }
  return apply(*derivative.record, args);
}

void pointwise_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto* self = reinterpret_cast<PointwiseNode*>(node);
  for (uint32_t i = 0; i < node->n_edges; ++i)
    if (node->edges[i].node)
      grad_inputs[i] = run_derivative(self, static_cast<int>(i), *grad_outputs[0]);
}

void pointwise_release(Node* node) {
  auto* self = reinterpret_cast<PointwiseNode*>(node);
  for (auto& s : self->saved) s.reset();
}

const NodeKind pointwise_kind = {pointwise_backward, pointwise_release, destroy_as<PointwiseNode>};

PyTypeObject* node_type_of(Pointwise& record) {
  if (!record.node_type) {
    // add -> AddBackward0
    std::string name;
    bool upper = true;
    for (char c : record.name) {
      if (c == '_') {
        upper = true;
        continue;
      }
      name += upper ? static_cast<char>(std::toupper(c)) : c;
      upper = false;
    }
    record.node_type = node_subtype(name + "Backward0");
  }
  return record.node_type;
}

/// Asks Python for the derivative with respect to argument i, once.
Pointwise::Derivative& find_derivative(Pointwise& record, int i) {
  auto& d = record.derivatives[i];
  using State = Pointwise::Derivative::State;
  if (d.state != State::unknown) return d;
  Object answer = Object::steal(PyObject_CallMethod(record.spec.get(), "derivative", "i", i));
  if (!answer) throw PythonError();
  if (answer.get() == Py_None) {
    d.state = State::zero;
  } else if (PyUnicode_Check(answer.get())) {
    d.state = State::identity;
  } else {
    PyObject* callable = PyTuple_GetItem(answer.get(), 0);
    Object uses = Object::steal(PySequence_Tuple(PyTuple_GetItem(answer.get(), 1)));
    if (!callable || !uses) throw PythonError();
    d.record = &record_of(callable);
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(uses.get()); ++k)
      d.uses.push_back(static_cast<int>(PyLong_AsLong(PyTuple_GET_ITEM(uses.get(), k))));
    d.state = State::kernel;
  }
  return d;
}

/// The node of a call; called before an in-place write to `overwritten`, whose values are saved in a copy.
Ref<PointwiseNode> record_call(Pointwise& record, const Arg* args, Tensor* overwritten = nullptr) {
  TensorRef before;
  Ref<PointwiseNode> node = make_node<PointwiseNode>(node_type_of(record), &pointwise_kind);
  node->record = &record;
  node->node.set_edges(static_cast<uint32_t>(record.n_inputs));
  for (int i = 0; i < record.n_inputs; ++i) {
    Tensor* t = args[i].tensor;
    if (!t || !is_differentiable(t->dtype) || !requires_grad(*t)) continue;
    set_edge(&node->node, static_cast<uint32_t>(i), t);
    for (int use : find_derivative(record, i).uses) {
      if (use < 0) continue;
      if (Tensor* used = args[use].tensor) {
        if (!node->saved[use].empty()) continue;
        if (used == overwritten && !before) before = clone(*used);
        node->saved[use].save(used == overwritten ? *before : *used);
      } else {
        node->numbers[use] = Object::borrow(args[use].number);
      }
    }
  }
  return node;
}

void save_result_if_used(Pointwise& record, PointwiseNode* node, Tensor& result) {
  for (int i = 0; i < record.n_inputs; ++i)
    if (node->node.edges[i].node)
      for (int use : record.derivatives[i].uses)
        if (use < 0 && node->saved[max_args].empty()) node->saved[max_args].save_result(result, 0);
}

bool wants_history(const Pointwise& record, const Arg* args) {
  if (!grad_mode_enabled || !record.differentiable) return false;
  for (int i = 0; i < record.n_inputs; ++i)
    if (args[i].tensor && requires_grad(*args[i].tensor) &&
        is_differentiable(args[i].tensor->dtype))
      return true;
  return false;
}

// --------------------------------------------------------------------------------------------
// kernels

Object dtype_names(const DType* dtypes, int n) {
  Object tuple = Object::steal(PyTuple_New(n));
  for (int i = 0; i < n; ++i)
    PyTuple_SET_ITEM(tuple.get(), i, PyUnicode_FromString(name(dtypes[i])));
  return tuple;
}

MapKernel find_kernel(Pointwise& record, const Mode* modes, const DType* dtypes, int n_out, int n,
                      DType compute) {
  uint64_t key = 0, layout = static_cast<uint64_t>(compute) << 32;
  for (int i = 0; i < n; ++i) {
    key = key << 4 | static_cast<uint64_t>(dtypes[i]);
    layout |= static_cast<uint64_t>(modes[i]) << (2 * i);
  }
  auto& kernels = record.kernels;
  if (record.last_kernel < kernels.size()) {
    auto& k = kernels[record.last_kernel];
    if (k.dtypes == key && k.layout == layout) return k.function;
  }
  for (size_t i = 0; i < kernels.size(); ++i)
    if (kernels[i].dtypes == key && kernels[i].layout == layout) {
      record.last_kernel = i;
      return kernels[i].function;
    }
  DType as[max_operands];
  for (int i = n_out; i < n; ++i)
    as[i - n_out] = record.keep >> (i - n_out) & 1 ? dtypes[i] : compute;
  char letters[max_operands + 1] = {};
  for (int i = 0; i < n; ++i) letters[i] = mode_letters[static_cast<int>(modes[i])];
  Object ins = dtype_names(dtypes + n_out, n - n_out), outs = dtype_names(dtypes, n_out),
         casts = dtype_names(as, n - n_out);
  Object address = Object::steal(PyObject_CallMethod(record.spec.get(), "compile", "OOOs",
                                                     ins.get(), casts.get(), outs.get(), letters));
  if (!address) throw PythonError();
  auto function = reinterpret_cast<MapKernel>(PyLong_AsVoidPtr(address.get()));
  if (!function) throw PythonError();
  kernels.push_back({key, layout, function});
  record.last_kernel = kernels.size() - 1;
  return function;
}

/// The dtype in which a number joins a computation: half precision is computed in float32.
DType scalar_dtype(DType compute) {
  return compute == DType::float16 || compute == DType::bfloat16 ? DType::float32 : compute;
}

struct Scalars {
  alignas(16) char bytes[max_operands][16];
};

/// Puts number i of a call into `scalars`; returns its dtype.
DType place_number(const Pointwise& record, int i, PyObject* number, DType compute, char* to) {
  DType d = record.keep >> i & 1 ? number_dtype(number) : scalar_dtype(compute);
  store_number(number, d, to);
  return d;
}

/// The kernel over flat memory: every tensor contiguous and of one shape.
void launch_flat(Pointwise& record, Tensor& out, const Arg* args, DType compute) {
  Scalars scalars;
  DType dtypes[max_operands];
  Mode modes[max_operands];
  char* data[max_operands];
  int64_t strides[max_operands];
  int n = 1;
  dtypes[0] = out.dtype;
  modes[0] = Mode::contiguous;
  data[0] = out.as<char>();
  strides[0] = itemsize(out.dtype);
  for (int i = 0; i < record.n_args; ++i, ++n) {
    if (Tensor* t = args[i].tensor) {
      dtypes[n] = t->dtype;
      modes[n] = Mode::contiguous;
      data[n] = t->as<char>();
      strides[n] = itemsize(t->dtype);
    } else {
      dtypes[n] = place_number(record, i, args[i].number, compute, scalars.bytes[n]);
      modes[n] = Mode::scalar;
      data[n] = scalars.bytes[n];
      strides[n] = 0;
    }
  }
  int64_t numel = out.numel;
  if (numel == 0) return;
  if (out.nbytes() >= streamed_bytes && reinterpret_cast<uintptr_t>(data[0]) % 64 == 0) {
    bool in_place = false;
    for (int i = 1; i < n; ++i) in_place |= data[i] == data[0];
    if (!in_place) modes[0] = Mode::streamed;
  }
  MapKernel kernel = find_kernel(record, modes, dtypes, 1, n, compute);
  static constexpr int64_t none[max_operands] = {};
  if (numel < 2 * grain) {
    kernel(numel, 1, 0, data, strides, none);
    return;
  }
  LongWork unlocked(true);
  parallel_ranges(numel, grain, [&](int64_t begin, int64_t end) {
    char* at[max_operands];
    for (int k = 0; k < n; ++k) at[k] = data[k] + begin * strides[k];
    kernel(end - begin, 1, begin, at, strides, none);
  });
}

/// The kernel over anything: fills outputs from args, all broadcast to sizes.
void launch(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* args, int n_args,
            const Dims& sizes, DType compute) {
  Scalars scalars;
  Operand operands[max_operands];
  DType dtypes[max_operands];
  int n = 0;
  for (int i = 0; i < n_out; ++i, ++n) {
    dtypes[n] = outputs[i]->dtype;
    operands[n] = {outputs[i]->data(), itemsize(outputs[i]->dtype), strides_of(*outputs[i])};
  }
  for (int i = 0; i < n_args; ++i, ++n) {
    if (Tensor* t = args[i].tensor) {
      dtypes[n] = t->dtype;
      operands[n] = {t->data(), itemsize(t->dtype), broadcast_strides(*t, sizes)};
      continue;
    }
    dtypes[n] = place_number(record, i, args[i].number, compute, scalars.bytes[n]);
    operands[n].data = scalars.bytes[n];
    operands[n].itemsize = itemsize(dtypes[n]);
    operands[n].strides.n = sizes.n;
    std::fill_n(operands[n].strides.v, sizes.n, 0);
  }
  Loop loop(sizes, operands, n, record.uses_index);
  if (loop.numel() == 0) return;
  loop.run(find_kernel(record, loop.modes(), dtypes, n_out, n, compute));
}

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
  Promotion promotion;
  for (int i = 0; i < record.n_inputs; ++i) {
    if (record.keep >> i & 1) continue;
    if (args[i].tensor)
      promotion.tensor(*args[i].tensor);
    else
      promotion.number(args[i].number);
  }
  DType d = promotion.result();
  return record.compute == Pointwise::Compute::floating && !is_differentiable(d) ? default_dtype
                                                                                 : d;
}

DType result_dtype(const Pointwise& record, DType compute) {
  switch (record.result) {
    case Pointwise::Result::boolean: return DType::bool_;
    case Pointwise::Result::real: return to_real(compute);
    case Pointwise::Result::int64: return DType::int64;
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

/// The result's tensor: laid out as the first input that has the full shape and is not contiguous.
TensorRef make_result(const Pointwise& record, const Arg* args, const Dims& sizes, DType dtype) {
  for (int i = 0; i < record.n_inputs; ++i) {
    Tensor* t = args[i].tensor;
    if (t && t->ndim == sizes.n && sizes_of(*t) == sizes) {
      if (t->contiguous) break;
      return empty_like(*t, dtype);
    }
  }
  return empty(sizes, dtype);
}

}  // namespace

void check_castable(DType from, DType to, const char* op) {
  auto rank = [](DType d) {
    return is_complex(d) ? 3 : is_floating(d) ? 2 : d == DType::bool_ ? 0 : 1;
  };
  check(rank(from) <= rank(to), [&] {
    return message(op, ": result type ", name(from), " can't be cast to the desired output type ",
                   name(to), ".");
  });
}

void prepare_out(Tensor& out, const Dims& sizes, DType result, const char* op) {
  check_castable(result, out.dtype, op);
  check(!needs_record(out), [&] {
    return message(op,
                   "(): functions with out=... arguments don't support automatic differentiation, "
                   "but the out tensor requires grad.");
  });
  if (sizes_of(out) == sizes) return;
  if (out.numel != 0) {
    std::string text =
        message("An output with one or more elements was resized since it had shape ", shape(out),
                ", which does not match the required output shape ", to_string(sizes), ".");
    if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) throw PythonError();
  }
  resize_storage(out.storage, (out.offset + sizes.product()) * itemsize(out.dtype));
  set_layout(out, sizes, contiguous_strides(sizes), out.offset);
}

TensorRef without_overlap(Tensor& t, Tensor& out) {
  if (t.storage != out.storage || t.numel == 0 || out.numel == 0) return TensorRef::borrow(&t);
  bool same = t.offset == out.offset && t.dtype == out.dtype && sizes_of(t) == sizes_of(out) &&
              strides_of(t) == strides_of(out);
  if (same) return TensorRef::borrow(&t);
  auto span = [](const Tensor& x) {
    int64_t last = x.offset;
    for (int d = 0; d < x.ndim; ++d) last += (x.sizes[d] - 1) * x.strides[d];
    return std::pair{x.offset * itemsize(x.dtype), (last + 1) * itemsize(x.dtype)};
  };
  auto [a, b] = span(t);
  auto [c, d] = span(out);
  if (b <= c || d <= a) return TensorRef::borrow(&t);
  TensorRef copy = empty(sizes_of(t), t.dtype);
  copy_bytes(*copy, t);
  return copy;
}

TensorRef apply(Pointwise& record, const Arg* args, Tensor* out) {
  bool history = wants_history(record, args);
  TensorRef result;
  DType compute = compute_dtype(record, args);
  Tensor* model = out ? nullptr : flat_model(record, args);
  if (model) {
    result = empty(sizes_of(*model), result_dtype(record, compute));
    launch_flat(record, *result, args, compute);
  } else {
    DType dtype = result_dtype(record, compute);
    Dims sizes = common_sizes(record, args);
    TensorRef copies[max_args];
    Arg safe[max_args];
    if (out) {
      prepare_out(*out, sizes, dtype, record.name.c_str());
      std::copy(args, args + record.n_args, safe);
      for (int i = 0; i < record.n_inputs; ++i)
        if (args[i].tensor) {
          copies[i] = without_overlap(*args[i].tensor, *out);
          safe[i].tensor = copies[i].get();
        }
      result = TensorRef::borrow(out);
    } else {
      result = make_result(record, args, sizes, dtype);
    }
    Tensor* outputs[] = {result.get()};
    launch(record, outputs, 1, out ? safe : args, record.n_args, sizes, compute);
  }
  if (out) {
    check(!history, [&] {
      return message(record.name,
                     "(): functions with out=... arguments don't support automatic "
                     "differentiation, but one of the "
                     "arguments requires grad.");
    });
    out->bump_version(record.name.c_str());
    return result;
  }
  if (history && is_differentiable(result->dtype)) {
    Ref<PointwiseNode> node = record_call(record, args);
    set_history(*result, &node->node);
    save_result_if_used(record, node.get(), *result);
  }
  if (inference_mode_enabled) result->inference = true;
  return result;
}

void apply_inplace(Pointwise& record, const Arg* args, const char* op) {
  Tensor& self = *args[0].tensor;
  bool history = wants_history(record, args);
  if (history || self.autograd || self.inference)
    check_inplace(self, op);
  else if (grad_mode_enabled && requires_grad(self))
    check_inplace(self, op);
  DType compute = compute_dtype(record, args);
  check_castable(result_dtype(record, compute), self.dtype, op);
  bool shares =
      false;  // another operand in the same memory: may overlap without being the same elements
  for (int i = 1; i < record.n_inputs; ++i)
    shares |= args[i].tensor && args[i].tensor->storage == self.storage;
  if (!history && !shares && flat_model(record, args) == &self) {
    launch_flat(record, self, args, compute);
    self.bump_version(op);
    return;
  }
  Dims sizes = common_sizes(record, args);
  check(sizes_of(self) == sizes, [&] {
    return message(op, ": output with shape ", shape(self), " doesn't match the broadcast shape ",
                   to_string(sizes), ".");
  });
  check(self.contiguous || !may_overlap_itself(sizes_of(self), strides_of(self)), [&] {
    return message(op,
                   ": unsupported operation: more than one element of the written-to tensor refers "
                   "to a single memory "
                   "location. Please clone() the tensor before performing the operation.");
  });
  TensorRef copies[max_args];
  Arg safe[max_args];
  std::copy(args, args + record.n_args, safe);
  for (int i = 1; i < record.n_inputs; ++i)
    if (args[i].tensor) {
      copies[i] = without_overlap(*args[i].tensor, self);
      safe[i].tensor = copies[i].get();
    }
  // History first: what is saved must be saved with the version before the write, so that backward
  // notices.
  Ref<PointwiseNode> node;
  if (history) node = record_call(record, args, &self);
  Tensor* outputs[] = {&self};
  launch(record, outputs, 1, safe, record.n_args, sizes, compute);
  self.bump_version(op);
  if (node) {
    save_result_if_used(record, node.get(), self);
    rebase_history(self, &node->node);
  }
}

void run_map(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* inputs, int n_in,
             DType compute) {
  launch(record, outputs, n_out, inputs, n_in, sizes_of(*outputs[0]), compute);
}

namespace {

/// One call of run_map_lists over flat memory; false where a tensor is not contiguous or of another
/// shape. `scalars` holds the numbers, as dtypes of n_out + i tell.
bool run_flat(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* inputs, int n_in,
              DType compute, Scalars& scalars, DType* dtypes) {
  const Tensor& first = *outputs[0];
  Mode modes[max_operands];
  char* data[max_operands];
  int64_t strides[max_operands];
  for (int i = 0; i < n_out + n_in; ++i) {
    Tensor* t = i < n_out ? outputs[i] : inputs[i - n_out].tensor;
    if (!t) {
      modes[i] = Mode::scalar;
      data[i] = scalars.bytes[i];
      strides[i] = 0;
      continue;
    }
    if (!t->contiguous || !(sizes_of(*t) == sizes_of(first))) return false;
    dtypes[i] = t->dtype;
    modes[i] = Mode::contiguous;
    data[i] = t->as<char>();
    strides[i] = itemsize(t->dtype);
  }
  int n = n_out + n_in;
  int64_t numel = first.numel;
  if (numel == 0) return true;
  MapKernel kernel = find_kernel(record, modes, dtypes, n_out, n, compute);
  static constexpr int64_t none[max_operands] = {};
  if (numel < 2 * grain) {
    kernel(numel, 1, 0, data, strides, none);
    return true;
  }
  LongWork unlocked(true);
  parallel_ranges(numel, grain, [&](int64_t begin, int64_t end) {
    char* at[max_operands];
    for (int k = 0; k < n; ++k) at[k] = data[k] + begin * strides[k];
    kernel(end - begin, 1, begin, at, strides, none);
  });
  return true;
}

}  // namespace

void run_map_lists(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* inputs,
                   int n_in, int64_t count) {
  Scalars scalars;
  DType dtypes[max_operands];
  DType placed{};  // the dtype the numbers were converted for
  bool any = false;
  for (int64_t k = 0; k < count; ++k, outputs += n_out, inputs += n_in) {
    DType compute = outputs[0]->dtype;
    if (!any || placed != compute) {
      for (int i = 0; i < n_in; ++i)
        if (!inputs[i].tensor)
          dtypes[n_out + i] =
              place_number(record, i, inputs[i].number, compute, scalars.bytes[n_out + i]);
      placed = compute;
      any = true;
    }
    if (!run_flat(record, outputs, n_out, inputs, n_in, compute, scalars, dtypes))
      run_map(record, outputs, n_out, inputs, n_in, compute);
  }
}

// ------------------------------------------------------------------------------------- the Python
// callable

PyTypeObject* pointwise_type = nullptr;

namespace {

[[noreturn]] void bad_argument(const Pointwise& record, int i, PyObject* got) {
  throw TypeError(message(record.name, "(): argument '",
                          PyUnicode_AsUTF8(record.arg_names[i].get()), "' (position ", i + 1,
                          ") must be Tensor", i >= record.n_inputs ? " or number" : "", ", not ",
                          Py_TYPE(got)->tp_name, "."));
}

/// Whether a type has a __torch_function__ other than Tensor's; asked of Python once for each type.
bool type_overrides(PyTypeObject* type) {
  static auto* known = new std::unordered_map<PyTypeObject*, bool>;
  auto [at, fresh] = known->try_emplace(type, false);
  if (fresh) {
    Py_INCREF(type);  // its address must not be another type's later
    PyObject* own = PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__torch_function__");
    PyObject* base =
        PyObject_GetAttrString(reinterpret_cast<PyObject*>(tensor_type), "__torch_function__");
    PyErr_Clear();
    auto function = [](PyObject* method) {
      return method && PyMethod_Check(method) ? PyMethod_GET_FUNCTION(method) : method;
    };
    at->second = own && function(own) != function(base);
    Py_XDECREF(own);
    Py_XDECREF(base);
  }
  return at->second;
}

/// A subclass with a __torch_function__ of its own takes the call over.
bool overrides(PyObject* o) {
  return !is_tensor_exact(o) && !PyFloat_CheckExact(o) && !PyLong_CheckExact(o) &&
         type_overrides(Py_TYPE(o));
}

PyObject* call_override(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  Object module = Object::steal(PyImport_ImportModule("flambeau.overrides"));
  Object handler =
      module ? Object::steal(PyObject_GetAttrString(module.get(), "dispatch")) : Object();
  if (!handler) return nullptr;
  Py_ssize_t n_named = names ? PyTuple_GET_SIZE(names) : 0;
  Object positional = Object::steal(PyTuple_New(n)), named = Object::steal(PyDict_New());
  for (Py_ssize_t i = 0; i < n; ++i) {
    Py_INCREF(args[i]);
    PyTuple_SET_ITEM(positional.get(), i, args[i]);
  }
  for (Py_ssize_t i = 0; i < n_named; ++i)
    PyDict_SetItem(named.get(), PyTuple_GET_ITEM(names, i), args[n + i]);
  return PyObject_CallFunctionObjArgs(handler.get(), self, positional.get(), named.get(), nullptr);
}

TensorRef call(PointwiseCallable* self, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  Pointwise& record = *self->record;
  PyObject* slots[max_args] = {};
  Tensor* out = nullptr;
  check<TypeError>(n <= record.n_args, [&] {
    return message(record.name, "() takes ", record.n_args, " positional arguments but ", n,
                   " were given.");
  });
  check(record.n_args <= max_args, [&] {
    return message(record.name, "() has more than ", max_args, " arguments: it runs by _map only.");
  });
  std::copy(args, args + n, slots);
  if (names) {
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(names); ++k) {
      PyObject* key = PyTuple_GET_ITEM(names, k);
      int at = -1;
      for (int i = 0; i < record.n_args && at < 0; ++i)
        if (record.arg_names[i].get() == key ||
            PyUnicode_Compare(record.arg_names[i].get(), key) == 0)
          at = i;
      if (at < 0 && PyUnicode_CompareWithASCIIString(key, "out") == 0 && !self->inplace) {
        if (args[n + k] == Py_None) continue;
        check<TypeError>(is_tensor(args[n + k]), [&] {
          return message(record.name, "(): argument 'out' must be Tensor, not ",
                         Py_TYPE(args[n + k])->tp_name, ".");
        });
        out = as_tensor(args[n + k]);
        continue;
      }
      if (at < 0) {  // NumPy's spellings
        if (PyUnicode_CompareWithASCIIString(key, "x") == 0 ||
            PyUnicode_CompareWithASCIIString(key, "x1") == 0)
          at = 0;
        if (PyUnicode_CompareWithASCIIString(key, "x2") == 0) at = 1;
        if (at >= record.n_inputs) at = -1;
      }
      check<TypeError>(at >= 0, [&] {
        return message(record.name, "() got an unexpected keyword argument '",
                       PyUnicode_AsUTF8(key), "'.");
      });
      check<TypeError>(!slots[at], [&] {
        return message(record.name, "() got multiple values for argument '", PyUnicode_AsUTF8(key),
                       "'.");
      });
      slots[at] = args[n + k];
    }
  }
  Arg parsed[max_args];
  bool any_tensor = false;
  for (int i = 0; i < record.n_args; ++i) {
    PyObject* o = slots[i] ? slots[i] : record.defaults[i].get();
    check<TypeError>(o != nullptr, [&] {
      return message(record.name, "() missing required argument '",
                     PyUnicode_AsUTF8(record.arg_names[i].get()), "' (position ", i + 1, ").");
    });
    if (is_tensor(o)) {
      parsed[i].tensor = as_tensor(o);
      any_tensor = true;
    } else if (is_number(o) && !(record.tensors >> i & 1)) {
      parsed[i].number = o;
    } else {
      bad_argument(record, i, o);
    }
  }
  if (!any_tensor || (self->inplace && !parsed[0].tensor))
    bad_argument(record, 0, slots[0] ? slots[0] : Py_None);
  if (self->inplace) {
    apply_inplace(record, parsed, record.inplace_name.c_str());
    return TensorRef::borrow(parsed[0].tensor);
  }
  return apply(record, parsed, out);
}

PyObject* pointwise_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf,
                               PyObject* names) {
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  Py_ssize_t all = n + (names ? PyTuple_GET_SIZE(names) : 0);
  for (Py_ssize_t i = 0; i < all; ++i)
    if (overrides(args[i])) return call_override(self, args, n, names);
  return guarded([&] {
    return call(reinterpret_cast<PointwiseCallable*>(self), args, n, names).release_py();
  });
}

PyObject* pointwise_get(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) {
    Py_INCREF(self);
    return self;
  }
  return PyMethod_New(self, instance);
}

std::string text_attribute(PyObject* spec, const char* attribute) {
  Object value = Object::steal(PyObject_GetAttrString(spec, attribute));
  const char* text = value ? PyUnicode_AsUTF8(value.get()) : nullptr;
  if (!text) throw PythonError();
  return text;
}

// Pointwise(spec, inplace_of=None): spec has name, args (names), n_inputs, defaults, keep, tensors,
// compute, result, differentiable, uses_index.
PyObject* pointwise_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *spec, *shared = nullptr;
  if (!PyArg_ParseTuple(args, "O|O", &spec, &shared)) return nullptr;
  return guarded([&]() -> PyObject* {
    auto* self = reinterpret_cast<PointwiseCallable*>(type->tp_alloc(type, 0));
    if (!self) throw PythonError();
    self->vectorcall = pointwise_vectorcall;
    self->dict = PyDict_New();
    self->inplace = shared != nullptr;
    if (shared) {
      self->record = &record_of(shared);
    } else {
      auto* record = new Pointwise;
      self->record = record;
      record->spec = Object::borrow(spec);
      record->name = text_attribute(spec, "name");
      record->inplace_name = record->name + "_";
      Object names = Object::steal(PyObject_GetAttrString(spec, "args"));
      Object defaults = Object::steal(PyObject_GetAttrString(spec, "defaults"));
      if (!names || !defaults) throw PythonError();
      auto integer = [&](const char* attribute) {
        Object v = Object::steal(PyObject_GetAttrString(spec, attribute));
        if (!v) throw PythonError();
        return static_cast<int>(PyLong_AsLong(v.get()));
      };
      record->n_inputs = integer("n_inputs");
      record->n_args = static_cast<int>(PyTuple_Size(names.get()));
      check(record->n_args < max_operands, [&] {
        return message("Pointwise: ", record->name, " has more than ", max_operands - 1,
                       " arguments.");
      });
      for (int i = 0; i < record->n_args; ++i) {
        PyObject* key = PyTuple_GET_ITEM(names.get(), i);
        Py_INCREF(key);
        PyUnicode_InternInPlace(&key);
        record->arg_names.push_back(Object::steal(key));
        PyObject* value = PyTuple_GetItem(defaults.get(), i);
        if (!value) throw PythonError();
        record->defaults.push_back(value == Py_None ? Object() : Object::borrow(value));
      }
      record->keep = static_cast<uint32_t>(integer("keep"));
      record->tensors = static_cast<uint32_t>(integer("tensors"));
      record->differentiable = integer("differentiable") != 0;
      record->uses_index = integer("uses_index") != 0;
      record->compute = text_attribute(spec, "compute") == "floating"
                            ? Pointwise::Compute::floating
                            : Pointwise::Compute::promoted;
      std::string result = text_attribute(spec, "result");
      record->result = result == "bool"    ? Pointwise::Result::boolean
                       : result == "real"  ? Pointwise::Result::real
                       : result == "int64" ? Pointwise::Result::int64
                                           : Pointwise::Result::same;
      if (record->result == Pointwise::Result::boolean ||
          record->result == Pointwise::Result::int64)
        record->differentiable = false;
    }
    return reinterpret_cast<PyObject*>(self);
  });
}

PyObject* pointwise_repr(PyObject* self) {
  auto* p = reinterpret_cast<PointwiseCallable*>(self);
  return PyUnicode_FromFormat("<flambeau operator %s%s>", p->record->name.c_str(),
                              p->inplace ? "_" : "");
}

PyObject* pointwise_spec(PyObject* self, void*) {
  PyObject* spec = record_of(self).spec.get();
  Py_INCREF(spec);
  return spec;
}

void pointwise_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_CLEAR(reinterpret_cast<PointwiseCallable*>(self)->dict);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMemberDef pointwise_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PointwiseCallable, vectorcall), READONLY,
     nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(PointwiseCallable, dict), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyGetSetDef pointwise_getset[] = {
    {"spec", pointwise_spec, nullptr, "The declaration behind it.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot pointwise_slots[] = {{Py_tp_new, reinterpret_cast<void*>(pointwise_new)},
                                 {Py_tp_dealloc, reinterpret_cast<void*>(pointwise_dealloc)},
                                 {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                 {Py_tp_descr_get, reinterpret_cast<void*>(pointwise_get)},
                                 {Py_tp_repr, reinterpret_cast<void*>(pointwise_repr)},
                                 {Py_tp_members, pointwise_members},
                                 {Py_tp_getset, pointwise_getset},
                                 {0, nullptr}};

}  // namespace

void initialize_pointwise(PyObject* module) {
  static PyType_Spec spec = {
      "flambeau._core.Pointwise", sizeof(PointwiseCallable), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
      pointwise_slots};
  pointwise_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  PyModule_AddObjectRef(module, "Pointwise", reinterpret_cast<PyObject*>(pointwise_type));
}

}  // namespace flambeau
