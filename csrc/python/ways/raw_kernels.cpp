// Kernels run from Python without history: what operators written in Python are made of.
#include "autograd/door.h"
#include "autograd/meta.h"
#include "dispatch/pointwise.h"
#include "dispatch/rows.h"
#include "python/bind.h"

namespace flambeau {

namespace {

Tensor& tensor_in(PyObject* o, const char* function) {
  check<TypeError>(is_tensor(o), [&] {
    return message(function, ": takes Tensors, not ", Py_TYPE(o)->tp_name, ".");
  });
  return *as_tensor(o);
}
std::vector<Tensor*> tensors_in(PyObject* sequence, const char* function) {
  check<TypeError>(PyList_Check(sequence) || PyTuple_Check(sequence),
                   [&] { return message(function, ": takes lists or tuples of Tensors."); });
  std::vector<Tensor*> tensors;
  each_item(sequence, [&](PyObject* o) { tensors.push_back(&tensor_in(o, function)); });
  return tensors;
}
Arg tensor_or_number(PyObject* o) {
  return is_tensor(o) ? Arg{as_tensor(o), nullptr} : Arg{nullptr, o};
}

Pointwise& pointwise_of(Called op, PyObject* o) {
  check<TypeError>(is_pointwise(o), [&] { return message(op, ": expected a Pointwise."); });
  return record_of(o);
}
void check_operands(const char* op, size_t outputs, size_t inputs) {
  check(outputs >= 1 && outputs + inputs <= max_operands, [&] {
    return message(op, ": ", outputs + inputs, " operands, at most ", max_operands, ".");
  });
}

/// Fills outputs (of one shape) from inputs (tensors or numbers, broadcast), computing in dtype
/// (the first output's by default). No history; bumps versions.
void map(Called op, PyObject* pointwise, PyObject* outs, PyObject* ins,
         std::optional<DType> dtype) {
  Pointwise& record = pointwise_of(op, pointwise);
  const char* name = record.name.c_str();
  std::vector<Tensor*> outputs = tensors_in(outs, name);
  std::vector<Arg> inputs;
  each_item(ins, [&](PyObject* o) { inputs.push_back(tensor_or_number(o)); });
  check_operands(op, outputs.size(), inputs.size());
  const int n_out = static_cast<int>(outputs.size()), n_in = static_cast<int>(inputs.size());
  check_map(record, outputs.data(), n_out, inputs.data(), n_in);
  run_map(record, outputs.data(), n_out, inputs.data(), n_in, dtype.value_or(outputs[0]->dtype));
  for (Tensor* output : outputs) output->bump_version(name);
}

/// Fills a tensor with what maps (a Pointwise, or {32: of float32 and less, 64: of float64}) make
/// of the next state of a generator and of parameters; False, and nothing is done, where more has
/// to be seen to: history, vmap, other devices, no elements.
bool fill_random(Called op, Tensor& out, PyObject* maps, PyObject* generator, PyObject* parameters,
                 std::optional<DType> compute, const char* name) {
  if ((watchers & ~watch_classes) || !out.numel || !out.on_cpu() || out.batched ||
      needs_record(out))
    return false;
  check_inplace(out, name);
  if (PyDict_Check(maps)) {
    Object bits = Object::steal(PyLong_FromLong(out.dtype == DType::float64 ? 64 : 32));
    maps = PyDict_GetItemWithError(maps, bits.get());
    if (!maps) throw PythonError();
  }
  Pointwise& record = pointwise_of(op, maps);
  check<TypeError>(PyTuple_Check(parameters) && PyTuple_GET_SIZE(parameters) <= 4,
                   [&] { return message(op, ": takes a tuple of parameters."); });
  static PyObject* const next = PyUnicode_InternFromString("_next");
  Object state = Object::steal(PyObject_CallMethodNoArgs(generator, next));
  if (!state) throw PythonError();
  Arg inputs[6];
  int n = 0;
  for (PyObject* tuple : {state.get(), parameters})
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i)
      inputs[n++] = tensor_or_number(PyTuple_GET_ITEM(tuple, i));
  Tensor* outputs[] = {&out};
  check_map(record, outputs, 1, inputs, n);
  run_map(record, outputs, 1, inputs, n,
          compute.value_or(is_floating(out.dtype) ? out.dtype : DType::float32));
  out.bump_version(name);
  return true;
}

/// The same for lists of tensors side by side: outputs and inputs are sequences whose items are
/// lists of tensors of one length, or numbers shared by all.
void map_lists(Called op, PyObject* pointwise, PyObject* outs, PyObject* ins) {
  Pointwise& record = pointwise_of(op, pointwise);
  const char* name = record.name.c_str();
  std::vector<PyObject*> columns;
  auto add = [&](PyObject* o) { columns.push_back(o); };
  each_item(outs, add);
  const size_t n_out = columns.size();
  each_item(ins, add);
  const size_t n_in = columns.size() - n_out;
  check_operands(op, n_out, n_in);
  for (size_t i = 0; i < n_out; ++i)
    check<TypeError>(PyList_Check(columns[i]),
                     [&] { return message(op, ": outputs must be lists."); });
  const Py_ssize_t count = PyList_GET_SIZE(columns[0]);
  for (PyObject* column : columns)
    check(!PyList_Check(column) || PyList_GET_SIZE(column) == count, [&] {
      return message(op, ": a list has ", PyList_GET_SIZE(column), " items, expected ", count, ".");
    });
  std::vector<Tensor*> outputs;
  std::vector<Arg> inputs;
  for (Py_ssize_t k = 0; k < count; ++k) {
    for (size_t i = 0; i < n_out; ++i)
      outputs.push_back(&tensor_in(PyList_GET_ITEM(columns[i], k), name));
    for (size_t i = n_out; i < columns.size(); ++i) {
      PyObject* item = PyList_Check(columns[i]) ? PyList_GET_ITEM(columns[i], k) : columns[i];
      check<TypeError>(is_tensor(item) || is_number(item), [&] {
        return message(name, ": takes Tensors and numbers, not ", Py_TYPE(item)->tp_name, ".");
      });
      inputs.push_back(tensor_or_number(item));
    }
  }
  run_map_lists(record, outputs.data(), static_cast<int>(n_out), inputs.data(),
                static_cast<int>(n_in), count);
  for (Tensor* output : outputs) output->bump_version(name);
}

/// Runs the row kernel at `address`; operands contiguous, kinds 'v' (rows of row_len) or 'x' (a
/// value for each row; one element: shared), outputs first.
void rows(PyObject* address, PyObject* outs, PyObject* ins, std::string_view kinds, int64_t n_rows,
          int64_t row_len) {
  auto kernel = reinterpret_cast<RowsKernel>(PyLong_AsVoidPtr(address));
  if (!kernel) throw PythonError();
  RowOperands operands;
  const bool meta = device_for_results() == on_meta;
  auto add = [&](Tensor& t) {
    int n = operands.n;
    check(n < max_operands && n < static_cast<int>(kinds.size()),
          [] { return message("_rows(): too many operands."); });
    check(t.contiguous, [] { return message("_rows(): operands must be contiguous."); });
    int64_t width = kinds[n] == 'v' ? row_len : 1;
    check(t.numel == width * n_rows || t.numel == width, [&] {
      return message("_rows(): operand ", n, " has shape ", shape(t), " for ", n_rows, " rows of ",
                     row_len, ".");
    });
    bool own_rows = t.numel == width * n_rows && n_rows > 1;
    if (meta)
      ++operands.n;
    else
      operands.add(t, own_rows ? width * itemsize(t.dtype) : 0);
  };
  std::vector<Tensor*> outputs = tensors_in(outs, "_rows()");
  for (Tensor* t : outputs) add(*t);
  each_item(ins, [&](PyObject* o) { add(tensor_in(o, "_rows()")); });
  if (!meta) run_rows(kernel, operands, n_rows, row_len);
  for (Tensor* t : outputs) t->bump_version("rows");
}

const NativeEntry entries[] = {
    bind<map>("_map", "pointwise, outputs, inputs, dtype=None"),
    bind<fill_random>("_fill_random", "out, maps, generator, parameters, compute, name"),
    bind<map_lists>("_map_lists", "pointwise, outputs, inputs"),
    bind<rows>("_rows", "address, outputs, inputs, kinds, n_rows, row_len"),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
