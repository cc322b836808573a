// Kernels run from Python without history: what operators written in Python are made of.
#include "dispatch/pointwise.h"
#include "dispatch/rows.h"
#include "python/args.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

Tensor& tensor_at(PyObject* sequence, Py_ssize_t i, const char* function) {
  PyObject* o = PySequence_Fast_GET_ITEM(sequence, i);
  check<TypeError>(is_tensor(o), [&] {
    return message(function, ": takes Tensors, not ", Py_TYPE(o)->tp_name, ".");
  });
  return *as_tensor(o);
}

/// _map(pointwise, outputs, inputs, dtype=None): fills outputs (of one shape) from inputs (tensors
/// or numbers, broadcast), computing in dtype (the first output's by default). No history; bumps
/// versions.
PyObject* py_map(const Call& call) {
  Args a(call);
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
  for (int i = 0; i < n_out; ++i) outputs[i] = &tensor_at(outs.get(), i, record.name.c_str());
  for (int i = 0; i < n_in; ++i) {
    PyObject* o = PySequence_Fast_GET_ITEM(ins.get(), i);
    if (is_tensor(o))
      inputs[i].tensor = as_tensor(o);
    else
      inputs[i].number = o;
  }
  check_map(record, outputs, n_out, inputs, n_in);
  run_map(record, outputs, n_out, inputs, n_in,
          a.given(3) ? to_dtype_value(a[3], "_map") : outputs[0]->dtype);
  for (int i = 0; i < n_out; ++i) outputs[i]->bump_version(record.name.c_str());
  Py_RETURN_NONE;
}

/// _map_lists(pointwise, outputs, inputs): the same for lists of tensors side by side: outputs and
/// inputs are sequences whose items are lists of tensors of one length, or numbers shared by all.
PyObject* py_map_lists(const Call& call) {
  Args a(call);
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
    check<TypeError>(PyList_Check(list),
                     [] { return message("_map_lists(): outputs must be lists."); });
    for (Py_ssize_t k = 0; k < count; ++k)
      outputs[k * n_out + i] = &tensor_at(list, k, record.name.c_str());
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
      check<TypeError>(input.tensor || is_number(item), [&] {
        return message(record.name, ": takes Tensors and numbers, not ", Py_TYPE(item)->tp_name,
                       ".");
      });
    }
  }
  run_map_lists(record, outputs.data(), n_out, inputs.data(), n_in, count);
  for (Tensor* output : outputs) output->bump_version(record.name.c_str());
  Py_RETURN_NONE;
}

/// _rows(address, outputs, inputs, kinds): runs a row kernel; operands contiguous, kinds 'v' (rows
/// of row_len) or 'x' (a value for each row; one element: shared), outputs first.
PyObject* py_rows(const Call& call) {
  Args a(call);
  auto kernel = reinterpret_cast<RowsKernel>(PyLong_AsVoidPtr(a[0]));
  Object outs = Object::steal(PySequence_Fast(a[1], "_rows(): outputs")),
         ins = Object::steal(PySequence_Fast(a[2], "_rows(): inputs"));
  std::string_view kinds = text_of(a[3]);
  if (!outs || !ins || !kernel) throw PythonError();
  int64_t n_rows = a.integer(4), row_len = a.integer(5);
  RowOperands operands;
  const bool meta = device_for_results() == on_meta;
  auto add = [&](PyObject* sequence) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); ++i) {
      int n = operands.n;
      check(n < max_operands && n < static_cast<int>(kinds.size()),
            [] { return message("_rows(): too many operands."); });
      Tensor& t = tensor_at(sequence, i, "_rows()");
      check(t.contiguous, [] { return message("_rows(): operands must be contiguous."); });
      int64_t width = kinds[n] == 'v' ? row_len : 1;
      check(t.numel == width * n_rows || t.numel == width, [&] {
        return message("_rows(): operand ", n, " has shape ", shape(t), " for ", n_rows,
                       " rows of ", row_len, ".");
      });
      bool own_rows = t.numel == width * n_rows && n_rows > 1;
      operands.add(meta ? nullptr : t.data(), own_rows ? width * itemsize(t.dtype) : 0);
    }
  };
  add(outs.get());
  add(ins.get());
  if (!meta) run_rows(kernel, operands, n_rows, row_len);
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(outs.get()); ++i)
    tensor_at(outs.get(), i, "_rows()").bump_version("rows");
  Py_RETURN_NONE;
}

const NativeEntry entries[] = {{"_map", "pointwise, outputs, inputs, dtype=None", py_map,
                                "Runs a map kernel without history."},
                               {"_map_lists", "pointwise, outputs, inputs", py_map_lists,
                                "Runs a map kernel over lists of tensors without history."},
                               {"_rows", "address, outputs, inputs, kinds, n_rows, row_len",
                                py_rows, "Runs a row kernel without history."},
                               {}};

}  // namespace

void initialize_raw_kernels(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
