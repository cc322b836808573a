// Fused: several operators as one kernel, made by flambeau/compiled. A callable of tensors and
// numbers. Needs the GIL, which long runs give up.
#include "dispatch/fused.h"

#include <algorithm>

#include "python/attributes.h"

namespace flambeau {

namespace {

struct Fused {
  PyObject_HEAD vectorcallfunc vectorcall;
  std::unique_ptr<Fusion> fusion;
};

void place(PyObject* number, DType dtype, char* to) {
  auto put = [&](auto value) { std::memcpy(to, &value, sizeof value); };
  if (dtype == DType::float64)
    put(PyFloat_AsDouble(number));
  else if (dtype == DType::bool_)
    put(truth_of(number));
  else
    put(int64_t{PyLong_AsLongLong(number)});
  if (PyErr_Occurred()) throw PythonError();
}

void take_inputs(const Fusion& self, PyObject* const* args, Py_ssize_t n, FusedInputs& inputs) {
  check<TypeError>(n == self.n - self.n_out, [&] {
    return message("fused: takes ", self.n - self.n_out, " operands, not ", n, ".");
  });
  for (int i = self.n_out; i < self.n; ++i) {
    PyObject* o = args[i - self.n_out];
    inputs.tensors[i] = is_tensor(o) ? as_tensor(o) : nullptr;
    if (!inputs.tensors[i])
      place(o, self.dtypes[i], inputs.numbers[i]);
    else
      check(inputs.tensors[i]->dtype == self.dtypes[i], [&] {
        return message("fused: operand ", i - self.n_out, " is ", name(as_tensor(o)->dtype),
                       ", but it was ", name(self.dtypes[i]), " when the kernel was made.");
      });
  }
}

PyObject* fused_call(PyObject* o, PyObject* const* args, size_t nargsf, PyObject*) {
  return guarded(
      [&]() -> PyObject* {
        Fusion& self = *as<Fused>(o).fusion;
        FusedInputs inputs;
        take_inputs(self, args, PyVectorcall_NARGS(nargsf), inputs);
        TensorRef outputs[max_operands];
        run_fused(self, inputs, outputs);
        if (self.n_out == 1) return outputs[0].release_py();
        return tuple_of(self.n_out, [&](Py_ssize_t i) { return outputs[i].release_py(); })
            .release();
      },
      "fused");
}

/// kinds is "" for a map; reads has a mask of inputs for each output.
std::unique_ptr<Fusion> make_fusion(PyObject* spec, int n_out, PyObject* dtypes,
                                    std::string_view kinds, PyObject* reads) {
  const Py_ssize_t n = PyTuple_GET_SIZE(dtypes);
  check<ValueError>(
      n_out >= 1 && n_out <= n && n <= max_operands && PyTuple_GET_SIZE(reads) == n_out,
      [&] { return message("Fused: ", n, " operands, at most ", max_operands, "."); });
  check<ValueError>(kinds.empty() || kinds.size() == static_cast<size_t>(n),
                    [] { return message("Fused: kinds must tell of each operand."); });
  auto made = std::make_unique<Fusion>();
  made->spec = Object::borrow(spec);
  made->n_out = n_out;
  made->n = static_cast<int>(n);
  made->rows = !kinds.empty();
  std::copy(kinds.begin(), kinds.end(), made->kinds);
  for (Py_ssize_t i = 0; i < n; ++i)
    made->dtypes[i] = to_dtype_value(PyTuple_GET_ITEM(dtypes, i), "Fused");
  for (int k = 0; k < n_out; ++k)
    made->reads[k] = static_cast<uint32_t>(PyLong_AsUnsignedLong(PyTuple_GET_ITEM(reads, k)));
  if (PyErr_Occurred()) throw PythonError();
  return made;
}

/// Fused(spec, n_out, dtypes, kinds, reads)
PyObject* fused_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *spec, *dtypes, *reads;
  int n_out;
  const char* kinds;
  if (!PyArg_ParseTuple(args, "OiO!sO!", &spec, &n_out, &PyTuple_Type, &dtypes, &kinds,
                        &PyTuple_Type, &reads))
    return nullptr;
  return guarded([&] {
    Object made = owned(type->tp_alloc(type, 0));
    as<Fused>(made.get()).vectorcall = fused_call;
    as<Fused>(made.get()).fusion = make_fusion(spec, n_out, dtypes, kinds, reads);
    return made.release();
  });
}

int fused_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  if (as<Fused>(o).fusion) Py_VISIT(as<Fused>(o).fusion->spec.get());
  return 0;
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Fused, vectorcall), READONLY, nullptr}, {}};
PyGetSetDef attributes[] = {getter<[](Fused& self) { return self.fusion->spec; }>("spec"), {}};

}  // namespace

void initialize_fused(PyObject* module) {
  new_type("flambeau._core.Fused", sizeof(Fused), Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
           {slot(Py_tp_new, fused_new), slot(Py_tp_dealloc, destroy_object<Fused>),
            slot(Py_tp_traverse, fused_traverse), slot(Py_tp_call, PyVectorcall_Call),
            slot(Py_tp_members, members), slot(Py_tp_getset, attributes)},
           module, "Fused");
}

}  // namespace flambeau
