// Copies, casts, sizes, item and tolist, sum and mean, and other operators that must be quick.
#include <cmath>
#include <vector>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/join.h"
#include "dispatch/pointwise.h"
#include "dispatch/reduce.h"
#include "dispatch/rows.h"
#include "dispatch/views.h"
#include "python/args.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

PyObject* integers(const int64_t* values, int n) {
  PyObject* tuple = PyTuple_New(n);
  for (int i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple, i, PyLong_FromLongLong(values[i]));
  return tuple;
}

// ------------------------------------------------------------------------------------------------
// facts

PyObject* py_size(const Call& call) {
  Args a("size", call, {"input", "dim"});
  Tensor& t = a.tensor(0);
  if (!a.given(1)) return make_size(t.sizes, t.ndim);
  check<IndexError>(t.ndim > 0, [] {
    return message("size: Dimension specified as 0 but tensor has no dimensions.");
  });
  return PyLong_FromLongLong(t.sizes[wrap_dim(a.integer(1), t.ndim, "size")]);
}
PyObject* py_stride(const Call& call) {
  Args a("stride", call, {"input", "dim"});
  Tensor& t = a.tensor(0);
  if (!a.given(1)) return integers(t.strides, t.ndim);
  check<IndexError>(t.ndim > 0, [] {
    return message("stride: Dimension specified as 0 but tensor has no dimensions.");
  });
  return PyLong_FromLongLong(t.strides[wrap_dim(a.integer(1), t.ndim, "stride")]);
}
PyObject* py_dim(const Call& call) {
  return PyLong_FromLong(Args("dim", call, {"input"}).tensor(0).ndim);
}
PyObject* py_numel(const Call& call) {
  return PyLong_FromLongLong(Args("numel", call, {"input"}).tensor(0).numel);
}
PyObject* py_storage_offset(const Call& call) {
  return PyLong_FromLongLong(Args("storage_offset", call, {"input"}).tensor(0).offset);
}
PyObject* py_data_ptr(const Call& call) {
  Tensor& t = Args("data_ptr", call, {"input"}).tensor(0);
  return PyLong_FromUnsignedLongLong(t.numel ? reinterpret_cast<uint64_t>(t.data()) : 0);
}
PyObject* py_storage_ptr(const Call& call) {
  return PyLong_FromUnsignedLongLong(
      reinterpret_cast<uint64_t>(Args("_storage_ptr", call, {"input"}).tensor(0).storage->data));
}
PyObject* py_storage_nbytes(const Call& call) {
  return PyLong_FromLongLong(Args("_storage_nbytes", call, {"input"}).tensor(0).storage->nbytes);
}
PyObject* py_element_size(const Call& call) {
  return PyLong_FromLongLong(itemsize(Args("element_size", call, {"input"}).tensor(0).dtype));
}
PyObject* py_is_contiguous(const Call& call) {
  Args a("is_contiguous", call, {"input", "memory_format"});
  Tensor& t = a.tensor(0);
  if (a.given(1)) {
    Object text = Object::steal(PyObject_Str(a[1]));
    if (text && strstr(PyUnicode_AsUTF8(text.get()), "channels_last")) {
      // Dimensions 1 (channels) moves fastest, then the spatial ones from last to first, then the
      // batch.
      int64_t step = 1;
      bool ok = t.ndim >= 3;
      auto visit = [&](int d) {
        if (t.sizes[d] != 1 && t.strides[d] != step) ok = false;
        step *= t.sizes[d];
      };
      if (ok) {
        visit(1);
        for (int d = t.ndim - 1; d >= 2; --d) visit(d);
        visit(0);
      }
      return PyBool_FromLong(ok);
    }
  }
  return PyBool_FromLong(t.contiguous);
}
PyObject* py_is_floating_point(const Call& call) {
  return PyBool_FromLong(is_floating(Args("is_floating_point", call, {"input"}).tensor(0).dtype));
}
PyObject* py_is_complex(const Call& call) {
  return PyBool_FromLong(is_complex(Args("is_complex", call, {"input"}).tensor(0).dtype));
}
PyObject* py_is_dense(const Call& call) {
  return PyBool_FromLong(is_dense(Args("_is_dense", call, {"input"}).tensor(0)));
}

// ------------------------------------------------------------------------------------------ to
// Python

PyObject* py_item(const Call& call) {
  Tensor& t = Args("item", call, {"input"}).tensor(0);
  check(t.numel == 1, [&] {
    return message("item: a Tensor with ", t.numel,
                   " elements cannot be converted to Scalar; shape ", shape(t), ".");
  });
  return load_number(t.data(), t.dtype);
}

PyObject* to_list(const Tensor& t, int dim, const char* at) {
  if (dim == t.ndim) return load_number(at, t.dtype);
  PyObject* list = PyList_New(t.sizes[dim]);
  for (int64_t i = 0; i < t.sizes[dim]; ++i)
    PyList_SET_ITEM(list, i, to_list(t, dim + 1, at + i * t.strides[dim] * itemsize(t.dtype)));
  return list;
}
PyObject* py_tolist(const Call& call) {
  Tensor& t = Args("tolist", call, {"input"}).tensor(0);
  return to_list(t, 0, t.as<char>());
}

// ---------------------------------------------------------------------------------- copies and
// casts

PyObject* py_contiguous(const Call& call) {
  Args a("contiguous", call, {"input", "memory_format"});
  if (a.given(1)) {
    Object text = Object::steal(PyObject_Str(a[1]));
    if (text && strstr(PyUnicode_AsUTF8(text.get()), "channels_last"))
      return call_bound("channels_last", {a[0], a[1]}).release_py();
  }
  return contiguous(a.tensor(0)).release_py();
}
PyObject* py_clone(const Call& call) {
  Args a("clone", call, {"input", "memory_format"});
  if (a.given(1)) {
    Object text = Object::steal(PyObject_Str(a[1]));
    const char* s = PyUnicode_AsUTF8(text.get());
    if (strstr(s, "channels_last"))
      return call_bound("channels_last", {clone(a.tensor(0)).py(), a[1]}).release_py();
    if (strstr(s, "contiguous_format")) {
      Tensor& t = a.tensor(0);
      return (t.contiguous ? clone(t) : contiguous(t)).release_py();
    }
  }
  return clone(a.tensor(0)).release_py();
}

/// to(dtype), to(device), to(other), in any mixture; copy=True makes a copy anyway.
PyObject* py_to(const Call& call) {
  check<TypeError>(call.n >= 1 && is_tensor(call.args[0]),
                   [] { return message("to(): argument 'self' must be Tensor."); });
  Tensor& t = *as_tensor(call.args[0]);
  DType dtype = t.dtype;
  bool copy = false;
  PyObject* format = nullptr;
  int flags = 0;
  for (Py_ssize_t i = 1; i < call.n + call.n_named(); ++i) {
    PyObject* o = call.args[i];
    const char* key = i >= call.n ? PyUnicode_AsUTF8(PyTuple_GET_ITEM(call.names, i - call.n)) : "";
    if (strcmp(key, "copy") == 0) {
      copy = PyObject_IsTrue(o);
    } else if (strcmp(key, "non_blocking") == 0) {
    } else if (strcmp(key, "memory_format") == 0) {
      format = o;
    } else if (o == Py_None) {
    } else if (is_dtype(o)) {
      dtype = to_dtype_value(o, "to");
    } else if (is_tensor(o)) {
      dtype = as_tensor(o)->dtype;
    } else if (PyBool_Check(o)) {
      if (flags++ == 1) copy = o == Py_True;  // (non_blocking, copy) by position
    } else if (PyUnicode_Check(o) || is_device(o)) {
      check_device(o, "to");
    } else {
      dtype = to_dtype_value(o, "to");
    }
  }
  TensorRef out = dtype != t.dtype ? to_dtype(t, dtype) : copy ? clone(t) : TensorRef::borrow(&t);
  if (format && format != Py_None) {
    Object text = Object::steal(PyObject_Str(format));
    if (strstr(PyUnicode_AsUTF8(text.get()), "channels_last"))
      return call_bound("channels_last", {out.py(), format}).release_py();
    if (strstr(PyUnicode_AsUTF8(text.get()), "contiguous")) return contiguous(*out).release_py();
  }
  return out.release_py();
}

PyObject* py_copy_(const Call& call) {
  Args a("copy_", call, {"input", "src", "non_blocking"}, 2);
  Tensor& t = a.tensor(0);
  if (is_tensor(a[1])) {
    copy_(t, a.tensor(1));
  } else {
    check<TypeError>(is_number(a[1]), [&] {
      return message("copy_(): argument 'other' must be Tensor, not ", Py_TYPE(a[1])->tp_name, ".");
    });
    TensorRef number = empty({}, number_dtype(a[1]));
    fill_number(*number, a[1]);
    copy_(t, *number);
  }
  return TensorRef::borrow(&t).release_py();
}

void fill_recorded(Tensor& t, PyObject* number, const char* op) {
  if (needs_record(t)) {
    TensorRef value = empty({}, t.dtype);
    fill_number(*value, number);
    copy_(t, *value);
    return;
  }
  if (t.autograd || t.inference) check_inplace(t, op);
  fill_number(t, number);
  t.bump_version(op);
}

PyObject* py_fill_(const Call& call) {
  Args a("fill_", call, {"input", "value"}, 2);
  Tensor& t = a.tensor(0);
  if (is_tensor(a[1])) {
    check(a.tensor(1).ndim == 0, [&] {
      return message("fill_: only supports 0-dimension value tensor but got tensor with ",
                     static_cast<int>(a.tensor(1).ndim), " dimensions.");
    });
    copy_(t, a.tensor(1));
  } else {
    check<TypeError>(is_number(a[1]), [&] {
      return message("fill_(): argument 'value' must be a number, not ", Py_TYPE(a[1])->tp_name,
                     ".");
    });
    fill_recorded(t, a[1], "fill_");
  }
  return TensorRef::borrow(&t).release_py();
}
PyObject* py_zero_(const Call& call) {
  Tensor& t = Args("zero_", call, {"input"}).tensor(0);
  Object zero = Object::steal(PyLong_FromLong(0));
  fill_recorded(t, zero.get(), "zero_");
  return TensorRef::borrow(&t).release_py();
}

// ------------------------------------------------------------------------------------- layout in
// place

PyObject* py_resize_(const Call& call) {
  Tensor& t = first_tensor(call, "resize_");
  Call plain = call;
  if (plain.n_named() == 1 &&
      PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(call.names, 0), "memory_format") == 0) {
    Object text = Object::steal(PyObject_Str(call.args[call.n]));
    check<NotImplementedError>(!strstr(PyUnicode_AsUTF8(text.get()), "channels_last"), [] {
      return message("resize_: memory_format=channels_last is not supported; permute the result.");
    });
    plain.names = nullptr;
  }
  Dims sizes = rest_as_dims(plain, 1, "resize_", "size");
  check(!requires_grad(t),
        [] { return message("resize_: cannot resize variables that require grad."); });
  int64_t nbytes, elements = reach(sizes, contiguous_strides(sizes), t.offset, "resize_");
  if (__builtin_mul_overflow(elements, itemsize(t.dtype), &nbytes)) throw_too_large(sizes);
  resize_storage(t.storage, nbytes);
  if (!(sizes_of(t) == sizes)) set_layout(t, sizes, contiguous_strides(sizes), t.offset);
  return TensorRef::borrow(&t).release_py();
}
/// _set_layout(t, source, offset, sizes, strides): t looks at source's storage from now on.
PyObject* py_set_layout(const Call& call) {
  Args a("set_", call, {"input", "source", "storage_offset", "size", "stride"}, 5);
  Tensor &t = a.tensor(0), &source = a.tensor(1);
  Dims sizes = to_dims(a[3], "set_"), strides = to_dims(a[4], "set_");
  check(sizes.n == strides.n, [&] {
    return message("set_: sizes ", to_string(sizes), " and strides ", to_string(strides),
                   " differ in length.");
  });
  int64_t need, offset = a.integer(2);
  if (__builtin_mul_overflow(reach(sizes, strides, offset, "set_"), itemsize(t.dtype), &need))
    throw_too_large(sizes);
  check_inplace(t, "set_");
  if (need > source.storage->nbytes) resize_storage(source.storage, need);
  retain(source.storage);
  release(t.storage);
  t.storage = source.storage;
  set_layout(t, sizes, strides, offset);
  t.bump_version("set_");
  return TensorRef::borrow(&t).release_py();
}
/// _take_layout(t, other): an in-place view operator (t_, squeeze_ ...): t becomes what other, a
/// view of it, shows.
PyObject* py_take_layout(const Call& call) {
  Args a("_take_layout", call, {"input", "view"}, 2);
  Tensor &t = a.tensor(0), &v = a.tensor(1);
  check_inplace(t, "in-place view");
  set_layout(t, sizes_of(v), strides_of(v), v.offset);
  t.bump_version("in-place view");
  if (Node* fn = v.autograd ? v.autograd->grad_fn.get() : nullptr) {
    t.requires_grad_leaf = false;
    set_history(t, fn, v.autograd->output_nr);
    if (t.autograd->base) t.autograd->view_version = t.version().value;
  }
  return TensorRef::borrow(&t).release_py();
}

// ------------------------------------------------------------------------------------------
// reductions

bool simple_out(Args& a, int at, Tensor*& out) {
  if (!a.given(at)) return false;
  out = &a.tensor(at);
  return true;
}

PyObject* finish_out(TensorRef result, Tensor* out, const char* op) {
  if (!out) return result.release_py();
  check(!grad_mode_enabled || !requires_grad(*out), [&] {
    return message(op,
                   "(): functions with out=... arguments don't support automatic differentiation, "
                   "but the out tensor requires grad.");
  });
  check(!requires_grad(*result), [&] {
    return message(op,
                   "(): functions with out=... arguments don't support automatic differentiation, "
                   "but one of the arguments requires grad.");
  });
  prepare_out(*out, sizes_of(*result), result->dtype, op);
  copy_bytes(*out, *result);
  out->bump_version(op);
  return TensorRef::borrow(out).release_py();
}

/// sum and mean take f(input, dims..., keepdim=, dtype=) in PyTorch's and NumPy's spellings.
struct ReduceArgs {
  Tensor* t;
  Dims dims;
  bool keepdim;
  bool has_dtype;
  DType dtype;
  Tensor* out = nullptr;
};

ReduceArgs reduce_args(const Call& call, const char* op) {
  Args a(op, call, {"input", "dim", "keepdim", "dtype", "out"});
  ReduceArgs r;
  r.t = &a.tensor(0);
  r.dims = to_reduced_dims(a[1], r.t->ndim, op);
  r.keepdim = a.truth(2);
  r.has_dtype = a.given(3);
  r.dtype = r.has_dtype ? to_dtype_value(a[3], op) : r.t->dtype;
  simple_out(a, 4, r.out);
  return r;
}

PyObject* py_sum(const Call& call) {
  ReduceArgs r = reduce_args(call, "sum");
  TensorRef t = TensorRef::borrow(r.t);
  // Converted first, as PyTorch does: 1.7 + 1.7 in int64 is 2.
  if (r.has_dtype && (is_differentiable(r.dtype) || is_differentiable(t->dtype)))
    t = to_dtype(*t, r.dtype);
  DType out = r.has_dtype ? r.dtype : is_differentiable(t->dtype) ? t->dtype : DType::int64;
  return finish_out(sum_like("sum_reduction", *t, r.dims, r.keepdim, out, 1), r.out, "sum");
}

PyObject* py_mean(const Call& call) {
  ReduceArgs r = reduce_args(call, "mean");
  TensorRef t = TensorRef::borrow(r.t);
  if (r.has_dtype) t = to_dtype(*t, r.dtype);
  check(is_differentiable(t->dtype), [&] {
    return message(
        "mean(): could not infer output dtype. Input dtype must be either a floating point or "
        "complex dtype. Got: ",
        name(t->dtype), ". Pass dtype=, for instance torch.float32.");
  });
  double count = 1;
  for (int i = 0; i < r.dims.n; ++i) count *= static_cast<double>(t->sizes[r.dims[i]]);
  return finish_out(sum_like("mean_reduction", *t, r.dims, r.keepdim, t->dtype, 1 / count), r.out,
                    "mean");
}

/// _reduce(reduction, inputs, dims, keepdim, out_dtypes, parameters=()) -> tuple; no history.
PyObject* py_reduce(const Call& call) {
  Args a("_reduce", call, {"reduction", "inputs", "dim", "keepdim", "dtypes", "parameters"}, 5);
  auto& reduction = *reinterpret_cast<Reduction*>(a[0]);
  check<TypeError>(Py_TYPE(a[0]) == reduction_type,
                   [] { return message("_reduce(): expected a Reduction."); });
  std::vector<TensorRef> inputs;
  Object list = Object::steal(PySequence_List(a[1]));
  if (!list) throw PythonError();
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.get()); ++i) {
    PyObject* o = PyList_GET_ITEM(list.get(), i);
    check<TypeError>(is_tensor(o), [] { return message("_reduce(): inputs must be Tensors."); });
    inputs.push_back(TensorRef::borrow(as_tensor(o)));
  }
  check(!inputs.empty(), [] { return message("_reduce(): no inputs."); });
  std::vector<DType> outs;
  Object dtypes = Object::steal(PySequence_List(a[4]));
  if (!dtypes) throw PythonError();
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(dtypes.get()); ++i)
    outs.push_back(to_dtype_value(PyList_GET_ITEM(dtypes.get(), i), "_reduce"));
  std::vector<double> parameters;
  if (a.given(5)) {
    Object values = Object::steal(PySequence_List(a[5]));
    if (!values) throw PythonError();
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); ++i)
      parameters.push_back(PyFloat_AsDouble(PyList_GET_ITEM(values.get(), i)));
    if (PyErr_Occurred()) throw PythonError();
  }
  return tensor_tuple(run_reduction(reduction, inputs,
                                    to_reduced_dims(a[2], inputs[0]->ndim, "_reduce"), a.truth(3),
                                    outs, parameters));
}

// ------------------------------------------------------------------------------------------ raw
// kernels

Tensor& tensor_at(PyObject* sequence, Py_ssize_t i, const char* function) {
  PyObject* o = PySequence_Fast_GET_ITEM(sequence, i);
  check<TypeError>(is_tensor(o), [&] {
    return message(function, ": expected a Tensor, not ", Py_TYPE(o)->tp_name, ".");
  });
  return *as_tensor(o);
}

/// _map(pointwise, outputs, inputs, dtype=None): fills outputs (of one shape) from inputs (tensors
/// or numbers, broadcast), computing in dtype (the first output's by default). No history; bumps
/// versions.
PyObject* py_map(const Call& call) {
  Args a("_map", call, {"pointwise", "outputs", "inputs", "dtype"}, 3);
  check<TypeError>(is_pointwise(a[0]), [] { return message("_map(): expected a Pointwise."); });
  Pointwise& record = record_of(a[0]);
  Object outs = Object::steal(PySequence_Fast(a[1], "_map(): outputs must be a sequence")),
         ins = Object::steal(PySequence_Fast(a[2], "_map(): inputs must be a sequence"));
  if (!outs || !ins) throw PythonError();
  int n_out = static_cast<int>(PySequence_Fast_GET_SIZE(outs.get())),
      n_in = static_cast<int>(PySequence_Fast_GET_SIZE(ins.get()));
  check(n_out >= 1 && n_out + n_in <= max_operands, [&] {
    return message("_map(): ", n_out + n_in, " operands, at most ", max_operands, ".");
  });
  Tensor* outputs[max_operands];
  Arg inputs[max_operands];
  for (int i = 0; i < n_out; ++i) {
    outputs[i] = &tensor_at(outs.get(), i, "_map()");
    check_written_once(*outputs[i], record.name.c_str());
  }
  for (int i = 0; i < n_in; ++i) {
    PyObject* o = PySequence_Fast_GET_ITEM(ins.get(), i);
    if (is_tensor(o))
      inputs[i].tensor = as_tensor(o);
    else
      inputs[i].number = o;
  }
  run_map(record, outputs, n_out, inputs, n_in,
          a.given(3) ? to_dtype_value(a[3], "_map") : outputs[0]->dtype);
  for (int i = 0; i < n_out; ++i) outputs[i]->bump_version(record.name.c_str());
  Py_RETURN_NONE;
}

/// _map_lists(pointwise, outputs, inputs): the same for lists of tensors side by side: outputs and
/// inputs are sequences whose items are lists of tensors of one length, or numbers shared by all.
PyObject* py_map_lists(const Call& call) {
  Args a("_map_lists", call, {"pointwise", "outputs", "inputs"}, 3);
  check<TypeError>(is_pointwise(a[0]),
                   [] { return message("_map_lists(): expected a Pointwise."); });
  Pointwise& record = record_of(a[0]);
  Object outs = Object::steal(PySequence_Fast(a[1], "_map_lists(): outputs")),
         ins = Object::steal(PySequence_Fast(a[2], "_map_lists(): inputs"));
  if (!outs || !ins) throw PythonError();
  int n_out = static_cast<int>(PySequence_Fast_GET_SIZE(outs.get())),
      n_in = static_cast<int>(PySequence_Fast_GET_SIZE(ins.get()));
  check(n_out >= 1 && n_out + n_in <= max_operands,
        [&] { return message("_map_lists(): too many operands."); });
  Py_ssize_t count = PyList_Size(PySequence_Fast_GET_ITEM(outs.get(), 0));
  if (count < 0) throw PythonError();
  auto column = [&](PyObject* columns, int i) {
    PyObject* o = PySequence_Fast_GET_ITEM(columns, i);
    check(!PyList_Check(o) || PyList_GET_SIZE(o) == count, [&] {
      return message("_map_lists(): list ", i, " has ", PyList_GET_SIZE(o), " items, expected ",
                     count, ".");
    });
    return o;
  };
  std::vector<Tensor*> outputs(static_cast<size_t>(count * n_out));
  std::vector<Arg> inputs(static_cast<size_t>(count * n_in));
  for (int i = 0; i < n_out; ++i) {
    PyObject* list = column(outs.get(), i);
    for (Py_ssize_t k = 0; k < count; ++k)
      outputs[k * n_out + i] = &tensor_at(list, k, "_map_lists()");
  }
  for (int i = 0; i < n_in; ++i) {
    PyObject* o = column(ins.get(), i);
    bool list = PyList_Check(o);
    for (Py_ssize_t k = 0; k < count; ++k) {
      PyObject* item = list ? PyList_GET_ITEM(o, k) : o;
      Arg& input = inputs[k * n_in + i];
      if (is_tensor(item))
        input.tensor = as_tensor(item);
      else
        input.number = item;
    }
  }
  run_map_lists(record, outputs.data(), n_out, inputs.data(), n_in, count);
  for (Tensor* output : outputs) output->bump_version(record.name.c_str());
  Py_RETURN_NONE;
}

/// _rows(address, outputs, inputs, kinds): runs a row kernel; operands contiguous, kinds 'v' (rows
/// of row_len) or 'x' (a value for each row; one element: shared), outputs first.
PyObject* py_rows(const Call& call) {
  Args a("_rows", call, {"address", "outputs", "inputs", "kinds", "n_rows", "row_len"}, 6);
  auto kernel = reinterpret_cast<RowsKernel>(PyLong_AsVoidPtr(a[0]));
  Object outs = Object::steal(PySequence_Fast(a[1], "_rows(): outputs")),
         ins = Object::steal(PySequence_Fast(a[2], "_rows(): inputs"));
  const char* kinds = PyUnicode_AsUTF8(a[3]);
  if (!outs || !ins || !kinds || !kernel) throw PythonError();
  int64_t n_rows = a.integer(4), row_len = a.integer(5);
  RowOperands operands;
  auto add = [&](PyObject* sequence) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); ++i) {
      int n = operands.n;
      check(n < max_operands, [] { return message("_rows(): too many operands."); });
      Tensor& t = tensor_at(sequence, i, "_rows()");
      check(t.contiguous, [] { return message("_rows(): operands must be contiguous."); });
      int64_t width = kinds[n] == 'v' ? row_len : 1;
      check(t.numel == width * n_rows || t.numel == width, [&] {
        return message("_rows(): operand ", n, " has shape ", shape(t), " for ", n_rows,
                       " rows of ", row_len, ".");
      });
      bool own_rows = t.numel == width * n_rows && n_rows > 1;
      operands.add(t.data(), own_rows ? width * itemsize(t.dtype) : 0);
    }
  };
  add(outs.get());
  add(ins.get());
  run_rows(kernel, operands, n_rows, row_len);
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(outs.get()); ++i)
    tensor_at(outs.get(), i, "_rows()").bump_version("rows");
  Py_RETURN_NONE;
}

/// _call_kernel(address, ...) helpers stay in Python; this one runs Python's finish of out=.
PyObject* py_finish_out(const Call& call) {
  Args a("_finish_out", call, {"result", "out", "name"}, 3);
  const char* op = PyUnicode_AsUTF8(a[2]);
  return finish_out(TensorRef::borrow(&a.tensor(0)), &a.tensor(1), op);
}

/// _check_out(out, dtype, inputs, name): raises unless out has this dtype and lies apart from
/// inputs.
PyObject* py_check_out(const Call& call) {
  Args a("_check_out", call, {"out", "dtype", "inputs", "name"}, 4);
  const Tensor& out = a.tensor(0);
  DType expected = to_dtype_value(a[1], "_check_out");
  const char* op = PyUnicode_AsUTF8(a[3]);
  check(out.dtype == expected, [&] {
    return message(op, ": Expected out tensor to have dtype ", name(expected), ", but got ",
                   name(out.dtype), " instead.");
  });
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a[2]); ++i)
    if (PyObject* input = PyTuple_GET_ITEM(a[2], i); is_tensor(input))
      check_apart(*as_tensor(input), out, op);
  Py_RETURN_NONE;
}

PyObject* py_check_inplace(const Call& call) {
  Args a("_check_inplace", call, {"input", "name"}, 2);
  check_inplace(a.tensor(0), PyUnicode_AsUTF8(a[1]));
  Py_RETURN_NONE;
}
PyObject* py_bump_version(const Call& call) {
  Args a("_bump_version", call, {"input", "name"}, 1);
  a.tensor(0).bump_version("an in-place operator");
  Py_RETURN_NONE;
}

std::vector<TensorRef> tensors_of(PyObject* o, const char* function) {
  check<TypeError>(!is_tensor(o), [&] {
    return message(function,
                   "(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor.");
  });
  Object items =
      Object::steal(PySequence_Fast(o, "argument 'tensors' must be a sequence of Tensors"));
  if (!items) throw PythonError();
  std::vector<TensorRef> tensors;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(items.get(), i);
    check<TypeError>(is_tensor(item), [&] {
      return message(function, "(): expected Tensor as element ", i, " in argument 0, but got ",
                     Py_TYPE(item)->tp_name, ".");
    });
    tensors.push_back(TensorRef::borrow(as_tensor(item)));
  }
  return tensors;
}
PyObject* join(const Call& call, const char* function,
               TensorRef (*operation)(const std::vector<TensorRef>&, int64_t)) {
  Args a(function, call, {"tensors", "dim", "out"}, 1);
  std::vector<TensorRef> tensors = tensors_of(a[0], function);
  Tensor* out = a.given(2) ? &a.tensor(2) : nullptr;
  if (out)
    for (const TensorRef& t : tensors) check_apart(*t, *out, function);
  return finish_out(operation(tensors, a.integer(1, 0)), out, function);
}
PyObject* py_cat(const Call& call) { return join(call, "cat", cat); }
PyObject* py_stack(const Call& call) { return join(call, "stack", stack); }

PyObject* py_sum_to_size(const Call& call) {
  Tensor& t = first_tensor(call, "sum_to_size");
  Dims sizes = rest_as_dims(call, 1, "sum_to_size", "size");
  bool sums = !(sizes_of(t) == sizes);
  if (is_differentiable(t.dtype) || !sums) return sum_to_size(t, sizes).release_py();
  return sum_to_size(*to_dtype(t, DType::int64), sizes).release_py();
}

// -------------------------------------------------------------------------------------------
// promotion

PyObject* new_reference(PyObject* o) {
  Py_INCREF(o);
  return o;
}
PyObject* py_promote_types(const Call& call) {
  Args a("promote_types", call, {"type1", "type2"}, 2);
  return new_reference(dtype_object(
      promote_types(to_dtype_value(a[0], "promote_types"), to_dtype_value(a[1], "promote_types"))));
}
/// result_type of any number of tensors and numbers.
PyObject* py_result_type(const Call& call) {
  Promotion p;
  for (Py_ssize_t i = 0; i < call.n + call.n_named(); ++i) {
    PyObject* o = call.args[i];
    if (is_tensor(o))
      p.tensor(*as_tensor(o));
    else
      check<TypeError>(p.number(o), [&] {
        return message("result_type(): expected Tensor or number, not ", Py_TYPE(o)->tp_name, ".");
      });
  }
  return new_reference(dtype_object(p.result()));
}
PyObject* py_can_cast(const Call& call) {
  Args a("can_cast", call, {"from_", "to"}, 2);
  auto rank = [](DType d) {
    return is_complex(d) ? 3 : is_floating(d) ? 2 : d == DType::bool_ ? 0 : 1;
  };
  return PyBool_FromLong(rank(to_dtype_value(a[0], "can_cast")) <=
                         rank(to_dtype_value(a[1], "can_cast")));
}
PyObject* py_get_default_dtype(const Call&) { return new_reference(dtype_object(default_dtype)); }
PyObject* py_set_default_dtype(const Call& call) {
  Args a("set_default_dtype", call, {"d"});
  DType d = to_dtype_value(a[0], "set_default_dtype");
  check<TypeError>(is_floating(d), [&] {
    return message(
        "set_default_dtype: only floating-point types are supported as the default type, not ",
        name(d), ".");
  });
  default_dtype = d;
  Py_RETURN_NONE;
}

PyObject* py_bind(const Call& call) {
  Args a("_bind", call, {"name", "callable"}, 2);
  bind_operator(PyUnicode_AsUTF8(a[0]), a[1]);
  Py_RETURN_NONE;
}

PyObject* py_set_num_threads(const Call& call) {
  int64_t n = Args("set_num_threads", call, {"n"}).integer(0);
  check(n > 0, [&] { return message("set_num_threads: expects a positive number, not ", n, "."); });
  set_num_threads(static_cast<int>(n));
  Py_RETURN_NONE;
}
PyObject* py_get_num_threads(const Call&) { return PyLong_FromLong(get_num_threads()); }

PyObject* py_memory_stats(const Call&) {
  MemoryStats s = memory_stats();
  return Py_BuildValue("{s:L,s:L,s:L,s:L,s:L}", "allocated_bytes.current", s.allocated_bytes,
                       "allocated_bytes.peak", s.peak_allocated_bytes, "cached_bytes.current",
                       s.cached_bytes, "allocations", s.allocations, "cache_hits", s.cache_hits);
}
PyObject* py_reset_peak(const Call&) {
  reset_peak_memory();
  Py_RETURN_NONE;
}
PyObject* py_empty_cache(const Call&) {
  empty_cache();
  Py_RETURN_NONE;
}

const NativeEntry entries[] = {
    {"size", py_size, "The sizes, or the size of one dimension."},
    {"stride", py_stride, "The strides in elements, or the stride of one dimension."},
    {"dim", py_dim, "The number of dimensions."},
    {"numel", py_numel, "The number of elements."},
    {"storage_offset", py_storage_offset, "Where in its storage the tensor begins, in elements."},
    {"data_ptr", py_data_ptr, "The address of the first element."},
    {"_storage_ptr", py_storage_ptr, "The address of the storage."},
    {"_storage_nbytes", py_storage_nbytes, "The bytes of the storage."},
    {"element_size", py_element_size, "Bytes to an element."},
    {"is_contiguous", py_is_contiguous, "Whether the elements lie in order without gaps."},
    {"is_floating_point", py_is_floating_point, "Whether the dtype is floating."},
    {"is_complex", py_is_complex, "Whether the dtype is complex."},
    {"_is_dense", py_is_dense, "Whether the elements fill their memory without gaps or repeats."},
    {"item", py_item, "The only element as a Python number."},
    {"tolist", py_tolist, "Nested lists of Python numbers."},
    {"contiguous", py_contiguous, "The tensor itself if contiguous, else a copy that is."},
    {"clone", py_clone, "A copy, part of the graph."},
    {"to", py_to, "The tensor with another dtype or device; itself if nothing changes."},
    {"copy_", py_copy_, "Copies src into the tensor, broadcast and converted."},
    {"fill_", py_fill_, "Sets every element to value."},
    {"zero_", py_zero_, "Sets every element to 0."},
    {"resize_", py_resize_, "Other sizes in place; new elements are uninitialised."},
    {"_set_layout", py_set_layout, "Another storage, offset, sizes and strides in place."},
    {"_take_layout", py_take_layout, "The layout and history of a view of the tensor, in place."},
    {"sum", py_sum, "The sum of all elements or over dim."},
    {"mean", py_mean, "The mean of all elements or over dim."},
    {"_reduce", py_reduce, "Runs a reduction without history."},
    {"_map", py_map, "Runs a map kernel without history."},
    {"_map_lists", py_map_lists, "Runs a map kernel over lists of tensors without history."},
    {"_rows", py_rows, "Runs a row kernel without history."},
    {"_finish_out", py_finish_out, "Puts a result into out=."},
    {"_check_out", py_check_out,
     "Raises unless out= has the dtype and lies apart from the inputs."},
    {"_check_inplace", py_check_inplace, "Raises if a tensor may not be written in place."},
    {"_bump_version", py_bump_version, "Notes a write in place."},
    {"cat", py_cat, "Tensors one after the other along dim."},
    {"stack", py_stack, "Tensors of one shape along a new dimension."},
    {"sum_to_size", py_sum_to_size, "Summed over what broadcasting would have repeated."},
    {"promote_types", py_promote_types, "The dtype that holds both."},
    {"result_type", py_result_type, "The dtype an operator of these operands computes in."},
    {"can_cast", py_can_cast, "Whether a dtype converts to another under the promotion rules."},
    {"get_default_dtype", py_get_default_dtype, "The dtype of new floating tensors."},
    {"set_default_dtype", py_set_default_dtype, "Sets the dtype of new floating tensors."},
    {"_bind", py_bind, "Names an operator for the core."},
    {"set_num_threads", py_set_num_threads, "Sets the number of threads."},
    {"get_num_threads", py_get_num_threads, "The number of threads."},
    {"memory_stats", py_memory_stats, "Counters of the allocator, in bytes."},
    {"reset_peak_memory_stats", py_reset_peak, "Starts the peak anew."},
    {"_empty_cache", py_empty_cache, "Gives cached memory back to the system."},
    {nullptr, nullptr, nullptr}};

}  // namespace

void initialize_methods(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
