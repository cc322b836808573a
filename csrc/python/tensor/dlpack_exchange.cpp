// DLPack for C programs: the functions that a capsule on the type of tensors leads to. Whoever
// calls them holds the GIL. They return 0, or -1 with Python's error set.
#include "python/bind.h"
#include "runtime/cuda.h"
#include "runtime/dlpack.h"

namespace flambeau::dlpack {

namespace {

struct Exchange {  // DLPackExchangeAPI
  uint32_t major, minor;
  Exchange* earlier;
  int (*allocate)(Description* like, Versioned** out, void* context,
                  void (*tell)(void* context, const char* kind, const char* text));
  int (*from_object)(void* object, Versioned** out);
  int (*to_object)(Versioned* given, void** out);
  int (*describe)(void* object, Description* out);
  int (*current_stream)(int32_t device_type, int32_t device_id, void** out);
};

template <class Body>
int without_exceptions(Body&& body) {
  return guarded([&]() -> PyObject* {
    body();
    return Py_None;
  })
             ? 0
             : -1;
}

Tensor& tensor_in(void* object) {
  auto* o = static_cast<PyObject*>(object);
  check<TypeError>(is_tensor(o), [&] {
    return message("dlpack: takes a Tensor, not ", Py_TYPE(o)->tp_name, ".");
  });
  return *as_tensor(o);
}

int allocate(Description* like, Versioned** out, void* context,
             void (*tell)(void* context, const char* kind, const char* text)) {
  const int done = without_exceptions([&] {
    const Device device = like->device_type == 2 ? cuda::device_at(like->device_id) : on_cpu;
    *out = lend_versioned(*empty(Dims(like->shape, like->ndim), dtype_of(*like), device));
  });
  if (done != 0) {
    Unraised error;
    Object text = Object::steal(PyObject_Str(error.value()));
    const char* told = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
    tell(context, Py_TYPE(error.value())->tp_name, told ? told : "");
  }
  return done;
}

int from_object(void* object, Versioned** out) {
  return without_exceptions([&] { *out = lend_versioned(tensor_in(object)); });
}

int to_object(Versioned* given, void** out) {
  return without_exceptions([&] { *out = adopt_versioned(given).release_py(); });
}

int describe_object(void* object, Description* out) {
  return without_exceptions([&] { *out = describe_memory(tensor_in(object)); });
}

int current_stream(int32_t device_type, int32_t device_id, void** out) {
  const bool on_gpu = device_type == 2;
  *out = on_gpu ? reinterpret_cast<void*>(cuda::current_stream(device_id)) : nullptr;
  return 0;
}

Exchange api{1, 3, nullptr, allocate, from_object, to_object, describe_object, current_stream};

/// A capsule that leads to the functions.
Object exchange() { return owned(PyCapsule_New(&api, "dlpack_exchange_api", nullptr)); }

const NativeEntry entries[] = {bind<exchange>("_dlpack_exchange", ""), {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau::dlpack
