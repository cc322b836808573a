// Fused: several operators as one kernel, made by flambeau/compiled. A callable of tensors and
// numbers that runs a map or a rows kernel without history. Needs the GIL, which long runs give up.
#include <Python.h>
#include <structmember.h>

#include <algorithm>
#include <string>
#include <vector>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/rows.h"
#include "python/args.h"

namespace flambeau {

namespace {

struct Fused {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* spec;  // compile(modes) gives a kernel's address
  int n_out, n;    // outputs; all operands
  bool rows;
  DType dtypes[max_operands];    // outputs first; of a number the dtype in which it is handed over
  char kinds[max_operands];      // of rows: v or x
  uint32_t reads[max_operands];  // which inputs, a bit each, an output of several is made of
  struct Kernel {
    uint64_t modes;
    void* function;
  };
  std::vector<Kernel>* kernels;
};

/// What stands for one input: a tensor, or a number's bytes.
struct Inputs {
  Tensor* tensors[max_operands];
  TensorRef copies[max_operands];
  alignas(16) char numbers[max_operands][8];
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

void take_inputs(const Fused& self, PyObject* const* args, Py_ssize_t n, Inputs& inputs) {
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

Dims common_sizes(const Fused& self, const Inputs& inputs) {
  Dims sizes;
  bool first = true;
  for (int i = self.n_out; i < self.n; ++i) {
    const Tensor* t = inputs.tensors[i];
    if (!t) continue;
    if (first)
      sizes = sizes_of(*t);
    else if (!(sizes_of(*t) == sizes))
      sizes = broadcast_sizes(sizes, sizes_of(*t), "fused");
    first = false;
  }
  return sizes;
}

/// Results of one kernel have one shape: where an output is made of smaller inputs than another,
/// the operators would have given others.
void check_outputs(const Fused& self, const Inputs& inputs, const Dims& sizes) {
  for (int k = 0; k < self.n_out && self.n_out > 1; ++k) {
    Dims own;
    for (int i = self.n_out; i < self.n; ++i)
      if (inputs.tensors[i] && (self.reads[k] >> (i - self.n_out) & 1))
        own = broadcast_sizes(own, sizes_of(*inputs.tensors[i]), "fused");
    check(own == sizes || self.kinds[k] == 'x', [&] {
      return message("fused: output ", k, " has shape ", to_string(own), ", others ",
                     to_string(sizes), ".");
    });
  }
}

void* find_kernel(Fused& self, uint64_t key, const char* modes) {
  for (const Fused::Kernel& k : *self.kernels)
    if (k.modes == key) return k.function;
  Object address = Object::steal(PyObject_CallMethod(self.spec, "compile", "s", modes));
  if (!address) throw PythonError();
  void* function = PyLong_AsVoidPtr(address.get());
  if (!function) throw PythonError();
  self.kernels->push_back({key, function});
  return function;
}

MapKernel find_map(Fused& self, const Mode* modes) {
  char letters[max_operands + 1] = {};
  uint64_t key = 0;
  for (int i = 0; i < self.n; ++i) {
    letters[i] = mode_letters[static_cast<int>(modes[i])];
    key = key << 2 | static_cast<uint64_t>(modes[i]);
  }
  return reinterpret_cast<MapKernel>(find_kernel(self, key, letters));
}

/// All tensors contiguous and of one shape: no loop over dimensions.
bool run_flat(Fused& self, const Inputs& inputs, const Dims& sizes, TensorRef* outputs) {
  for (int i = self.n_out; i < self.n; ++i) {
    const Tensor* t = inputs.tensors[i];
    if (t && (!t->contiguous || !(sizes_of(*t) == sizes))) return false;
  }
  Mode modes[max_operands];
  char* data[max_operands];
  int64_t strides[max_operands];
  bool streamed = true;
  for (int i = 0; i < self.n; ++i) {
    modes[i] = Mode::contiguous;
    strides[i] = itemsize(self.dtypes[i]);
    if (i < self.n_out) {
      outputs[i] = empty(sizes, self.dtypes[i], on_cpu);
      data[i] = outputs[i]->as<char>();
      streamed = streamed && outputs[i]->nbytes() >= streamed_bytes &&
                 reinterpret_cast<uintptr_t>(data[i]) % 64 == 0;
    } else if (inputs.tensors[i]) {
      data[i] = inputs.tensors[i]->as<char>();
    } else {
      modes[i] = Mode::scalar;
      data[i] = const_cast<char*>(inputs.numbers[i]);
      strides[i] = 0;
    }
  }
  if (outputs[0]->numel == 0) return true;
  if (streamed) std::fill_n(modes, self.n_out, Mode::streamed);
  run_elements(find_map(self, modes), outputs[0]->numel, data, strides, self.n,
               streamed ? streamed_grain : grain);
  return true;
}

/// As those of a pointwise operator's result.
Dims result_strides(const Fused& self, const Inputs& inputs, const Dims& sizes) {
  const Tensor* tensors[max_operands];
  int n = 0;
  bool plain = true, alike = true;
  for (int i = self.n_out; i < self.n; ++i) {
    const Tensor* t = inputs.tensors[i];
    if (!t) continue;
    tensors[n++] = t;
    plain = plain && t->contiguous;
    alike = alike && sizes_of(*t) == sizes && strides_of(*t) == strides_of(*tensors[0]);
  }
  if (plain) return contiguous_strides(sizes);
  if (alike && is_dense(*tensors[0])) return strides_of(*tensors[0]);
  return dense_strides(tensors, n, sizes);
}

void run_map(Fused& self, Inputs& inputs, TensorRef* outputs) {
  Dims sizes = common_sizes(self, inputs);
  if (run_flat(self, inputs, sizes, outputs)) return;
  check_outputs(self, inputs, sizes);
  Dims strides = result_strides(self, inputs, sizes);
  Operand operands[max_operands];
  for (int i = 0; i < self.n; ++i) {
    operands[i].itemsize = itemsize(self.dtypes[i]);
    if (i < self.n_out) {
      outputs[i] = empty_strided(sizes, strides, self.dtypes[i], on_cpu);
      operands[i].data = outputs[i]->data();
      operands[i].strides = strides;
    } else if (Tensor* t = inputs.tensors[i]) {
      operands[i].data = t->data();
      operands[i].strides = broadcast_strides(*t, sizes);
    } else {
      operands[i].data = inputs.numbers[i];
      operands[i].strides.n = sizes.n;
      std::fill_n(operands[i].strides.v, sizes.n, 0);
    }
  }
  if (outputs[0]->numel == 0) return;
  Loop loop(sizes, operands, self.n);
  loop.run(find_map(self, loop.modes()));
}

/// Where rows of a tensor begin, and bytes from one to the next; a copy where they do not follow
/// each other.
void add_rows(Inputs& inputs, int i, bool wide, const Dims& sizes, RowOperands& operands) {
  Tensor* t = inputs.tensors[i];
  Dims shown = sizes;
  if (!wide) shown[shown.n - 1] = 1;
  int64_t width = wide ? sizes[sizes.n - 1] : 1;
  bool shared = t->numel == width && (t->ndim == 0 || t->sizes[t->ndim - 1] == width);
  if (!t->contiguous || !(shared || sizes_of(*t) == shown)) {
    GradModeGuard off(false);
    inputs.copies[i] = contiguous(*expand(*t, shown));
    t = inputs.copies[i].get();
    shared = false;
  }
  operands.add(t->data(), shared ? 0 : width * itemsize(t->dtype));
}

void run_row_kernel(Fused& self, Inputs& inputs, TensorRef* outputs) {
  Dims sizes = common_sizes(self, inputs), shown = sizes;
  check(sizes.n > 0 && sizes.product() > 0,
        [] { return message("fused: a row needs elements, and there are none."); });
  check_outputs(self, inputs, sizes);
  int64_t length = sizes[sizes.n - 1], n_rows = sizes.product() / length;
  shown[shown.n - 1] = 1;
  RowOperands operands;
  for (int i = 0; i < self.n; ++i) {
    bool wide = self.kinds[i] == 'v';
    if (i < self.n_out) {
      outputs[i] = empty(wide ? sizes : shown, self.dtypes[i], on_cpu);
      operands.add(outputs[i]->data(), (wide ? length : 1) * itemsize(self.dtypes[i]));
    } else if (inputs.tensors[i]) {
      add_rows(inputs, i, wide, sizes, operands);
    } else {
      operands.add(inputs.numbers[i], 0);
    }
  }
  run_rows(reinterpret_cast<RowsKernel>(find_kernel(self, 0, self.kinds)), operands, n_rows,
           length);
}

PyObject* fused_call(PyObject* o, PyObject* const* args, size_t nargsf, PyObject*) {
  return guarded(
      [&]() -> PyObject* {
        Fused& self = *reinterpret_cast<Fused*>(o);
        Inputs inputs;
        take_inputs(self, args, PyVectorcall_NARGS(nargsf), inputs);
        TensorRef outputs[max_operands];
        self.rows ? run_row_kernel(self, inputs, outputs) : run_map(self, inputs, outputs);
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
        Fused& self = *reinterpret_cast<Fused*>(made.get());
        self.vectorcall = fused_call;
        self.spec = Py_NewRef(spec);
        self.n_out = n_out;
        self.n = static_cast<int>(n);
        self.rows = *kinds != 0;
        self.kernels = new std::vector<Fused::Kernel>;
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
  Fused& self = *reinterpret_cast<Fused*>(o);
  Py_CLEAR(self.spec);
  delete self.kernels;
  type->tp_free(o);
  Py_DECREF(type);
}

int fused_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(reinterpret_cast<Fused*>(o)->spec);
  return 0;
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Fused, vectorcall), READONLY, nullptr},
    {"spec", T_OBJECT, offsetof(Fused, spec), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(fused_new)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(fused_dealloc)},
                       {Py_tp_traverse, reinterpret_cast<void*>(fused_traverse)},
                       {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                       {Py_tp_members, members},
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
