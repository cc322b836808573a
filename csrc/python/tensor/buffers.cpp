// Foreign memory through the buffer protocol.
#include "dispatch/basics.h"
#include "dispatch/numbers.h"
#include "python/tensor/from_data.h"
#include "runtime/program.h"

namespace flambeau {

namespace {

/// The dtype of a format of Python's struct module, of one item of `size` bytes.
DType dtype_of_format(const char* format, int64_t size, const char* function) {
  auto refuse = [&]() {
    return TypeError(
        message(function, ": an array of format '", format,
                "' has no dtype here. Convert it to a bool, integer, floating or complex type "
                "with array.astype first."));
  };
  const char* f = format;
  check<ValueError>(*f != '>' && *f != '!', [&] {
    return message(function,
                   ": the array's byte order is not this machine's. Convert it first: "
                   "array.astype(array.dtype.newbyteorder('=')).");
  });
  if (*f == '=' || *f == '<' || *f == '@' || *f == '|') ++f;
  char code = *f++;
  bool is_complex_code = code == 'Z' && *f;
  if (is_complex_code) code = *f++;
  if (*f) throw refuse();  // several items in one, or a structure
  auto integer = [&](bool is_signed) {
    switch (size) {
      case 1: return is_signed ? DType::int8 : DType::uint8;
      case 2: return is_signed ? DType::int16 : DType::uint16;
      case 4: return is_signed ? DType::int32 : DType::uint32;
      default: return is_signed ? DType::int64 : DType::uint64;
    }
  };
  DType dtype;
  switch (code) {
    case '?': dtype = DType::bool_; break;
    case 'e': dtype = DType::float16; break;
    case 'f': dtype = is_complex_code ? DType::complex64 : DType::float32; break;
    case 'd': dtype = is_complex_code ? DType::complex128 : DType::float64; break;
    case 'c': dtype = DType::uint8; break;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n': dtype = integer(true); break;
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N': dtype = integer(false); break;
    default: throw refuse();
  }
  if (itemsize(dtype) != size || (is_complex_code && !is_complex(dtype))) throw refuse();
  return dtype;
}

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

DType dtype_of(const Py_buffer& view, const char* function) {
  return dtype_of_format(view.format ? view.format : "B", view.itemsize, function);
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
  DType dtype = dtype_of(v, function);
  Dims sizes, strides;
  int64_t span = 1;
  for (int d = 0; d < v.ndim; ++d) {
    check<ValueError>(v.strides[d] >= 0 || v.shape[d] <= 1, [&] {
      return message(function, ": dimension ", d, " of the array has a negative stride (",
                     v.strides[d], " bytes), which tensors do not have. Pass array.copy().");
    });
    check<ValueError>(v.strides[d] % v.itemsize == 0 || v.shape[d] <= 1, [&] {
      return message(function, ": dimension ", d, " of the array has a stride of ", v.strides[d],
                     " bytes, no multiple of its elements' ", v.itemsize, ". Pass array.copy().");
    });
    sizes.push(v.shape[d]);
    strides.push(v.shape[d] <= 1 ? 1 : v.strides[d] / v.itemsize);
    if (v.shape[d] == 0) span = 0;
    if (span) span += (v.shape[d] - 1) * strides[d];
  }
  if (v.readonly)
    warn(
        "The given NumPy array is not writable, and a write to the tensor would change it all "
        "the same: pass array.copy(), or do not write.");
  Storage* s = wrap_storage(v.buf, span * v.itemsize, owner.get());
  TensorRef t = make_tensor(s, dtype, sizes, strides, 0);
  release(s);
  return t;
}

TensorRef copy_buffer(PyObject* o, const char* function) {
  Buffer b;
  if (!b.get(o, PyBUF_STRIDED_RO | PyBUF_FORMAT)) {
    PyErr_Clear();
    return nullptr;
  }
  Py_buffer& v = b.view;
  DType dtype = dtype_of(b.view, function);
  Dims sizes, strides;
  bool fits = true;  // the strides are what a tensor can have
  for (int d = 0; d < v.ndim; ++d) {
    sizes.push(v.shape[d]);
    fits &= v.strides[d] >= 0 && v.strides[d] % v.itemsize == 0;
    strides.push(v.strides[d] / v.itemsize);
  }
  TensorRef t = empty(sizes, dtype);
  if (!fits) {
    if (PyBuffer_ToContiguous(t->data(), &v, v.len, 'C') != 0) throw PythonError();
    return t;
  }
  Storage* s = wrap_storage(v.buf, INT64_MAX, nullptr);
  TensorRef seen = make_tensor(s, dtype, sizes, strides, 0);
  release(s);
  copy_bytes(*t, *seen);
  return t;
}

}  // namespace flambeau
