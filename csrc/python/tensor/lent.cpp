// A tensor's memory as a NumPy array, or as a buffer of bytes.
#include <memory>

#include "dispatch/storages.h"
#include "python/attributes.h"
#include "runtime/arrow.h"
#include "runtime/dlpack.h"

namespace flambeau {

namespace {

/// What an array over a tensor's memory keeps alive: a buffer of the bytes that the tensor spans.
struct Lent {
  struct Release {
    void operator()(Storage* s) const { release(s); }
  };
  PyObject_HEAD std::unique_ptr<Storage, Release> storage;
  void* data;
  int64_t n_bytes;
};

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  Lent& lent = as<Lent>(self);
  return PyBuffer_FillInfo(view, self, lent.data, lent.n_bytes, 0, flags);
}

/// The bytes that a tensor spans, from its first element on.
Object lend(Tensor& t, int64_t n_bytes) {
  static PyTypeObject* type =
      new_type("flambeau._core.LentMemory", sizeof(Lent), Py_TPFLAGS_DISALLOW_INSTANTIATION,
               {slot(Py_tp_dealloc, destroy_object<Lent>), slot(Py_bf_getbuffer, get_buffer)});
  Object lent = owned(type->tp_alloc(type, 0));
  Lent& memory = as<Lent>(lent.get());
  memory.data = lent_address(t);
  memory.n_bytes = n_bytes;
  retain(t.storage);
  memory.storage.reset(t.storage);
  return lent;
}

/// NumPy's dtype of that name, or null where there is none.
PyObject* numpy_dtype(DType dtype) {
  static PyObject* dtypes[dtype_count] = {};
  PyObject*& known = dtypes[static_cast<int>(dtype)];
  if (!known)
    known = called(imported<"numpy", "dtype">(), owned(give_back(name(dtype))).get()).release();
  return known;
}

/// A NumPy array over a tensor's memory, of a dtype that NumPy knows.
Object as_array(Tensor& t) {
  PyObject* dtype = numpy_dtype(t.dtype);
  const int64_t size = itemsize(t.dtype);
  int64_t n_items = t.numel ? 1 : 0;
  for (int d = 0; n_items && d < t.ndim; ++d) n_items += (t.sizes[d] - 1) * t.strides[d];
  Object shape = tuple_of_integers(t.sizes, t.ndim),
         strides = tuple_of(t.ndim,
                            [&](Py_ssize_t d) { return PyLong_FromLongLong(t.strides[d] * size); });
  return called(imported<"numpy", "ndarray">(), shape.get(), dtype, lend(t, n_items * size).get(),
                owned(PyLong_FromLong(0)).get(), strides.get());
}

/// The memory of a contiguous tensor, for those who take buffers.
Object lent_bytes(Tensor& t) {
  check(t.contiguous, [&] {
    return message("_lent_bytes: ", describe(t), " is not contiguous. Use contiguous().");
  });
  return lend(t, t.numel * itemsize(t.dtype));
}

const NativeEntry entries[] = {
    bind<as_array>("_as_array", "input"), bind<lent_bytes>("_lent_bytes", "input"), {}};
const Functions functions(entries),
    typed(entries_of<storage_functions, dlpack::functions, arrow::functions>.data());

}  // namespace

}  // namespace flambeau
