// Foreign memory through the buffer protocol.
#include "dispatch/foreign.h"
#include "dispatch/iterate.h"
#include "dispatch/numbers.h"
#include "python/bind.h"
#include "python/tensor/from_data.h"
#include "runtime/checksum.h"

namespace flambeau {

namespace {

ForeignMemory memory_of(const Py_buffer& v) {
  return {v.buf, v.itemsize, v.format, v.ndim, v.shape, v.strides, v.readonly != 0};
}

/// The CRC-32 of the bytes of a buffer behind others.
int64_t checksum(PyObject* o, int64_t before) {
  Buffer b;
  if (!b.get(o, PyBUF_SIMPLE)) throw PythonError();
  LongWork unlocked(b.view.len > (1 << 16));
  return crc32(b.view.buf, static_cast<size_t>(b.view.len), static_cast<uint32_t>(before));
}

const NativeEntry entries[] = {bind<checksum>("_crc32", "bytes, before=0"), {}};
const Functions functions(entries);

}  // namespace

void refuse_array(PyObject* array, const char* function) {
  Object dtype = attribute_of(array, "dtype"), text = owned(PyObject_Str(dtype.get()));
  throw TypeError(
      message(function, ": an array of ", text_of(text.get()), " has no counterpart here."));
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
  if (!b.get(o, PyBUF_STRIDED_RO | PyBUF_FORMAT)) return nullptr;
  Py_buffer& v = b.view;
  if (TensorRef t = copy_memory(memory_of(v), function)) return t;
  Dims sizes(v.shape, v.ndim);
  TensorRef t = empty(sizes, dtype_of_format(v.format ? v.format : "B", v.itemsize, function));
  if (PyBuffer_ToContiguous(t->data(), &v, v.len, 'C') != 0) throw PythonError();
  return t;
}

}  // namespace flambeau
