// Foreign memory through the buffer protocol.
#include "dispatch/foreign.h"
#include "dispatch/numbers.h"
#include "python/tensor/from_data.h"

namespace flambeau {

namespace {

struct Buffer {
  Py_buffer view{};
  bool open = false;
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  ~Buffer() {
    if (open) PyBuffer_Release(&view);
  }
  bool get(PyObject* o, int flags) {
    open = PyObject_GetBuffer(o, &view, flags) == 0;
    return open;
  }
};

ForeignMemory memory_of(const Py_buffer& v) {
  return {v.buf, v.itemsize, v.format, v.ndim, v.shape, v.strides, v.readonly != 0};
}

}  // namespace

void refuse_array(PyObject* array, const char* function) {
  Object dtype = Object::steal(PyObject_GetAttrString(array, "dtype"));
  Object text = dtype ? Object::steal(PyObject_Str(dtype.get())) : nullptr;
  const char* s = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  PyErr_Clear();
  throw TypeError(
      message(function, ": an array of ", s ? s : "this dtype", " has no counterpart here."));
}

TensorRef share_buffer(PyObject* o, const char* function) {
  // The memoryview asks for the buffer, which costs NumPy more than all else here, and keeps its
  // owner alive.
  Object owner = Object::steal(PyMemoryView_FromObject(o));
  if (!owner) {
    if (!is_array(o)) throw PythonError();
    PyErr_Clear();
    refuse_array(o, function);
  }
  Py_buffer& v = *PyMemoryView_GET_BUFFER(owner.get());
  check<TypeError>(!v.suboffsets, [&] {
    return message(function, ": a buffer of pointers to rows is no strided memory. Copy it first.");
  });
  return share_memory(memory_of(v), owner.get(), function);
}

TensorRef copy_buffer(PyObject* o, const char* function) {
  Buffer b;
  if (!b.get(o, PyBUF_STRIDED_RO | PyBUF_FORMAT)) {
    PyErr_Clear();
    return nullptr;
  }
  Py_buffer& v = b.view;
  if (TensorRef t = copy_memory(memory_of(v), function)) return t;
  Dims sizes;
  for (int d = 0; d < v.ndim; ++d) sizes.push(v.shape[d]);
  TensorRef t = empty(sizes, dtype_of_format(v.format ? v.format : "B", v.itemsize, function));
  if (PyBuffer_ToContiguous(t->data(), &v, v.len, 'C') != 0) throw PythonError();
  return t;
}

}  // namespace flambeau
