// Kernels run from Python without history: what operators written in Python are made of.
#include "autograd/door.h"
#include "autograd/meta.h"
#include "dispatch/pointwise.h"
#include "dispatch/rows.h"
#include "python/bind.h"

namespace flambeau {

namespace {

Arg tensor_or_number(const char* op, PyObject* o) {
  check<TypeError>(is_tensor(o) || is_number(o), [&] {
    return message(op, ": takes Tensors and numbers, not ", Py_TYPE(o)->tp_name, ".");
  });
  return is_tensor(o) ? Arg{as_tensor(o), nullptr} : Arg{nullptr, o};
}

Pointwise& pointwise_of(const char* op, PyObject* o) {
  check<TypeError>(is_pointwise(o), [&] { return message(op, ": expected a Pointwise."); });
  return record_of(o);
}

}  // namespace

static Pointwise& read_as(As<Pointwise&>, Reader& r) {
  return pointwise_of(r.args.function(), r.args[r.at++]);
}
static std::vector<Arg> read_as(As<std::vector<Arg>>, Reader& r) {
  std::vector<Arg> all;
  each_item(r.args[r.at++],
            [&](PyObject* o) { all.push_back(tensor_or_number(r.args.function(), o)); });
  return all;
}

namespace {

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
    Object bits = owned(PyLong_FromLong(out.dtype == DType::float64 ? 64 : 32));
    maps = PyDict_GetItemWithError(maps, bits.get());
    if (!maps) throw PythonError();
  }
  Pointwise& record = pointwise_of(op, maps);
  check<TypeError>(PyTuple_Check(parameters) && PyTuple_GET_SIZE(parameters) <= 4,
                   [&] { return message(op, ": takes a tuple of parameters."); });
  static PyObject* const next = PyUnicode_InternFromString("_next");
  Object state = owned(PyObject_CallMethodNoArgs(generator, next));
  Arg inputs[6];
  int n = 0;
  for (PyObject* tuple : {state.get(), parameters})
    for (PyObject* item : Items(tuple)) inputs[n++] = tensor_or_number(op, item);
  Tensor* outputs[] = {&out};
  check_map(record, outputs, 1, inputs, n);
  run_map(record, outputs, 1, inputs, n,
          compute.value_or(is_floating(out.dtype) ? out.dtype : DType::float32));
  out.bump_version(name);
  return true;
}

/// A map of lists of tensors side by side: outputs and inputs are sequences whose items are lists
/// of tensors of one length, or numbers shared by all.
void map_lists(Called op, Pointwise& record, PyObject* outs, PyObject* ins) {
  std::vector<PyObject*> columns;
  auto add = [&](PyObject* o) { columns.push_back(o); };
  each_item(outs, add);
  const size_t n_out = columns.size();
  each_item(ins, add);
  check<TypeError>(
      n_out && std::all_of(columns.begin(), columns.begin() + static_cast<Py_ssize_t>(n_out),
                           [](PyObject* o) { return PyList_Check(o); }),
      [&] { return message(op, ": outputs must be lists."); });
  const Py_ssize_t count = PyList_GET_SIZE(columns[0]);
  for (PyObject* column : columns)
    check(!PyList_Check(column) || PyList_GET_SIZE(column) == count, [&] {
      return message(op, ": a list has ", PyList_GET_SIZE(column), " items, expected ", count, ".");
    });
  std::vector<Tensor*> outputs;
  std::vector<Arg> inputs;
  for (Py_ssize_t k = 0; k < count; ++k)
    for (size_t i = 0; i < columns.size(); ++i) {
      PyObject* item = PyList_Check(columns[i]) ? PyList_GET_ITEM(columns[i], k) : columns[i];
      const Arg arg = tensor_or_number(record.name.c_str(), item);
      if (i >= n_out) inputs.push_back(arg);
      if (i >= n_out) continue;
      check<TypeError>(arg.tensor, [&] {
        return message(record.name, ": takes Tensors, not ", Py_TYPE(item)->tp_name, ".");
      });
      outputs.push_back(arg.tensor);
    }
  map_lists_into(op, record, outputs, inputs, static_cast<size_t>(count));
}

const NativeEntry entries[] = {
    bind<map_into>("_map", "pointwise, outputs, inputs, dtype=None"),
    bind<fill_random>("_fill_random", "out, maps, generator, parameters, compute, name"),
    bind<map_lists>("_map_lists", "pointwise, outputs, inputs"),
    bind<[](RowsKernel kernel, const std::vector<TensorRef>& outputs,
            const std::vector<TensorRef>& inputs, std::string_view kinds, int64_t n_rows,
            int64_t row_len) { run_rows(kernel, outputs, inputs, kinds, n_rows, row_len); }>(
        "_rows", "address, outputs, inputs, kinds, n_rows, row_len"),
    {}};
const Functions functions(entries);

}  // namespace

}  // namespace flambeau
