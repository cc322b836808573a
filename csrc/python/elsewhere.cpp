#include "python/door.h"

#include <cstring>
#include <vector>

#include "dispatch/basics.h"
#include "dispatch/device_rules.h"
#include "python/args.h"

namespace flambeau {

namespace {

/// With copies of what lies on a GPU.
Object moved(CpuCopies& copies, PyObject* o) {
  return mapped(o, [&](PyObject* leaf) {
    if (is_tensor(leaf)) return Object::borrow(copies.of(*as_tensor(leaf)).py());
    return Object::borrow(is_device(leaf) ? device_object(on_cpu) : leaf);
  });
}

/// With tensors on the GPU; copies stand for the arguments that they are of.
Object moved_back(const CpuCopies& copies, PyObject* o, Device device) {
  return mapped(o, [&](PyObject* leaf) {
    if (!is_tensor(leaf)) return Object::borrow(leaf);
    Tensor& t = *as_tensor(leaf);
    if (Tensor* original = copies.original_of(t)) return Object::borrow(original->py());
    return t.on_cpu() ? Object::steal(to_device(t, device).release_py()) : Object::borrow(leaf);
  });
}

Object by_way_of_cpu(const char* name, PyObject* const* args, Py_ssize_t n, PyObject* keys,
                     const Behind& again) {
  const Device device = device_of_call.device;
  const Py_ssize_t all = n + count_of(keys);
  CpuCopies copies;
  std::vector<Object> held;
  std::vector<PyObject*> given;
  for (Py_ssize_t i = 0; i < all; ++i) {
    held.push_back(moved(copies, args[i]));
    given.push_back(held.back().get());
  }
  warn_of_fallback(name, device);
  Object made;
  {
    DeviceScope scope(name, on_cpu);
    made = owned(again(given.data(), n, keys));
  }
  copies.put_back(name);
  return moved_back(copies, made.get(), device);
}

}  // namespace

PyObject* call_on_device(const char* name, bool has_rules, PyObject* const* args, Py_ssize_t n,
                         PyObject* keys, const Behind& run) {
  PyObject* rule =
      has_rules ? PyDict_GetItemString(imported<"flambeau.ops.cuda", "RULES">(), name) : nullptr;
  if (rule) {
    PyObject* result = PyObject_Vectorcall(rule, args, static_cast<size_t>(n), keys);
    if (result != Py_NotImplemented) return result;
    Py_DECREF(result);
  }
  unreachable_on_device = false;
  PyObject* result = run(args, n, keys);
  // A backward that has begun can't begin again.
  if (result || !unreachable_on_device || !falls_back() ||
      std::strcmp(name, "_run_backward") == 0 || !PyErr_ExceptionMatches(PyExc_NotImplementedError))
    return result;
  unreachable_on_device = false;
  PyErr_Clear();
  return by_way_of_cpu(name, args, n, keys, run).release();
}

}  // namespace flambeau
