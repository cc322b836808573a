// Fused: several operators as one kernel, made by flambeau/compiled. A callable of tensors and
// numbers. Needs the GIL, which long runs give up.
#include "dispatch/fused.h"

#include <Python.h>
#include <structmember.h>

#include <algorithm>

#include "python/args.h"

namespace flambeau {

namespace {

struct Fused {
  PyObject_HEAD vectorcallfunc vectorcall;
  Fusion* fusion;
};

void place(PyObject* number, DType dtype, char* to) {
  if (dtype == DType::float64) {
    double value = PyFloat_AsDouble(number);
    if (value == -1 && PyErr_Occurred()) throw PythonError();
    std::memcpy(to, &value, sizeof value);
  } else if (dtype == DType::int64) {
    int64_t value = PyLong_AsLongLong(number);
    if (value == -1 && PyErr_Occurred()) throw PythonError();
    std::memcpy(to, &value, sizeof value);
  } else {
    *to = static_cast<char>(truth_of(number));
  }
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
        Fusion& self = *reinterpret_cast<Fused*>(o)->fusion;
        FusedInputs inputs;
        take_inputs(self, args, PyVectorcall_NARGS(nargsf), inputs);
        TensorRef outputs[max_operands];
        run_fused(self, inputs, outputs);
        if (self.n_out == 1) return outputs[0].release_py();
        Object tuple = Object::steal(PyTuple_New(self.n_out));
        if (!tuple) throw PythonError();
        for (int i = 0; i < self.n_out; ++i)
          PyTuple_SET_ITEM(tuple.get(), i, outputs[i].release_py());
        return tuple.release();
      },
      "fused");
}

/// Fused(spec, n_out, dtypes, kinds, reads): kinds is "" for a map; reads has a mask of inputs for
/// each output.
PyObject* fused_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *spec, *dtypes, *reads;
  int n_out;
  const char* kinds;
  if (!PyArg_ParseTuple(args, "OiO!sO!", &spec, &n_out, &PyTuple_Type, &dtypes, &kinds,
                        &PyTuple_Type, &reads))
    return nullptr;
  return guarded(
      [&]() -> PyObject* {
        Py_ssize_t n = PyTuple_GET_SIZE(dtypes);
        check<ValueError>(
            n_out >= 1 && n_out <= n && n <= max_operands && PyTuple_GET_SIZE(reads) == n_out,
            [&] { return message("Fused: ", n, " operands, at most ", max_operands, "."); });
        Object made = Object::steal(type->tp_alloc(type, 0));
        if (!made) throw PythonError();
        auto* object = reinterpret_cast<Fused*>(made.get());
        object->vectorcall = fused_call;
        object->fusion = new Fusion;
        Fusion& self = *object->fusion;
        self.spec = Object::borrow(spec);
        self.n_out = n_out;
        self.n = static_cast<int>(n);
        self.rows = *kinds != 0;
        for (Py_ssize_t i = 0; i < n; ++i)
          self.dtypes[i] = to_dtype_value(PyTuple_GET_ITEM(dtypes, i), "Fused");
        check<ValueError>(!self.rows || strlen(kinds) == static_cast<size_t>(n),
                          [] { return message("Fused: kinds must tell of each operand."); });
        std::copy_n(kinds, self.rows ? n : 0, self.kinds);
        for (int k = 0; k < n_out; ++k)
          self.reads[k] = static_cast<uint32_t>(PyLong_AsUnsignedLong(PyTuple_GET_ITEM(reads, k)));
        if (PyErr_Occurred()) throw PythonError();
        return made.release();
      },
      "Fused");
}

void fused_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  delete reinterpret_cast<Fused*>(o)->fusion;
  type->tp_free(o);
  Py_DECREF(type);
}

int fused_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  if (Fusion* fusion = reinterpret_cast<Fused*>(o)->fusion) Py_VISIT(fusion->spec.get());
  return 0;
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Fused, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyObject* get_spec(PyObject* o, void*) {
  return Py_NewRef(reinterpret_cast<Fused*>(o)->fusion->spec.get());
}
PyGetSetDef attributes[] = {{"spec", get_spec, nullptr, nullptr, nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(fused_new)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(fused_dealloc)},
                       {Py_tp_traverse, reinterpret_cast<void*>(fused_traverse)},
                       {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                       {Py_tp_members, members},
                       {Py_tp_getset, attributes},
                       {0, nullptr}};
PyType_Spec type_spec = {"flambeau._core.Fused", sizeof(Fused), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
                         slots};

}  // namespace

void initialize_fused(PyObject* module) {
  PyObject* type = PyType_FromSpec(&type_spec);
  if (!type || PyModule_AddObjectRef(module, "Fused", type) < 0) throw PythonError();
}

}  // namespace flambeau
