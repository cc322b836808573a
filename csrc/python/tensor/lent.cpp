// A tensor's memory as a NumPy array, or as a buffer of bytes.
#include "dispatch/promotion.h"
#include "python/bind.h"

namespace flambeau {

namespace {

/// What an array over a tensor's memory keeps alive: a buffer of the bytes that the tensor spans.
struct Lent {
  PyObject_HEAD Storage* storage;
  void* data;
  int64_t n_bytes;
};

void destroy(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  release(reinterpret_cast<Lent*>(self)->storage);
  type->tp_free(self);
  Py_DECREF(type);
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  auto* lent = reinterpret_cast<Lent*>(self);
  return PyBuffer_FillInfo(view, self, lent->data, lent->n_bytes, 0, flags);
}

PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
                       {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
                       {0, nullptr}};
PyType_Spec spec = {"flambeau._core.LentMemory", sizeof(Lent), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
PyTypeObject* lent_type = nullptr;

/// The bytes that a tensor spans, from its first element on.
Object lend(Tensor& t, int64_t n_bytes) {
  Object lent = Object::steal(lent_type->tp_alloc(lent_type, 0));
  if (!lent) throw PythonError();
  auto* memory = reinterpret_cast<Lent*>(lent.get());
  memory->storage = t.storage;
  retain(t.storage);
  t.storage->lent = true;
  memory->data = t.data();
  memory->n_bytes = n_bytes;
  return lent;
}

/// NumPy's array type and its dtypes, looked up at the first call.
struct Numpy {
  PyObject* array = nullptr;
  PyObject* dtypes[dtype_count] = {};
};

/// NumPy's dtype of that name, or null where there is none.
PyObject* numpy_dtype(Numpy& numpy, DType dtype) {
  PyObject*& known = numpy.dtypes[static_cast<int>(dtype)];
  if (known) return known;
  Object module = Object::steal(PyImport_ImportModule("numpy"));
  if (!module) throw PythonError();
  if (!numpy.array) numpy.array = PyObject_GetAttrString(module.get(), "ndarray");
  if (!numpy.array) throw PythonError();
  known = PyObject_CallMethod(module.get(), "dtype", "s", name(dtype));
  if (!known) throw PythonError();
  return known;
}

/// A NumPy array over a tensor's memory, of a dtype that NumPy knows.
PyObject* as_array(Tensor& t) {
  static Numpy numpy;
  check<TypeError>(!t.is_meta(), [&] {
    return message("numpy: ", describe(t), " is on the meta device and has no memory to share.");
  });
  check<TypeError>(!t.is_cuda(), [&] {
    return message("numpy: ", describe(t), " is on ", to_string(t.device()),
                   ", which NumPy can't reach. Copy it with .cpu() first.");
  });
  PyObject* dtype = numpy_dtype(numpy, t.dtype);
  const int64_t size = itemsize(t.dtype);
  int64_t n_items = t.numel ? 1 : 0;
  Object shape = Object::steal(PyTuple_New(t.ndim)), strides = Object::steal(PyTuple_New(t.ndim));
  if (!shape || !strides) throw PythonError();
  for (int d = 0; d < t.ndim; ++d) {
    if (n_items) n_items += (t.sizes[d] - 1) * t.strides[d];
    PyObject* n = PyLong_FromLongLong(t.sizes[d]);
    PyObject* step = PyLong_FromLongLong(t.strides[d] * size);
    if (n) PyTuple_SET_ITEM(shape.get(), d, n);
    if (step) PyTuple_SET_ITEM(strides.get(), d, step);
    if (!n || !step) throw PythonError();
  }
  Object lent = lend(t, n_items * size);
  Object zero = Object::steal(PyLong_FromLong(0));
  PyObject* arguments[] = {shape.get(), dtype, lent.get(), zero.get(), strides.get()};
  PyObject* array = PyObject_Vectorcall(numpy.array, arguments, 5, nullptr);
  if (!array) throw PythonError();
  return array;
}

/// The memory of a contiguous tensor, for those who take buffers.
Object lent_bytes(Tensor& t) {
  check(t.contiguous, [&] {
    return message("_lent_bytes: ", describe(t), " is not contiguous. Use contiguous().");
  });
  return lend(t, t.numel * itemsize(t.dtype));
}

const NativeEntry entries[] = {
    bind<as_array>("_as_array", "input", "A NumPy array over a tensor's memory."),
    bind<lent_bytes>("_lent_bytes", "input", "The bytes of a contiguous tensor, as a buffer."),
    {}};

}  // namespace

void initialize_lent(PyObject* module) {
  lent_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!lent_type) throw PythonError();
  add_functions(module, entries);
}

}  // namespace flambeau
