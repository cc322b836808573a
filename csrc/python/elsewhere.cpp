#include "python/elsewhere.h"

#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/device_rules.h"
#include "python/args.h"
#include "runtime/program.h"

namespace flambeau {

namespace {

/// Arguments of a call with their copies on the CPU.
class Copies {
 public:
  /// Another object for o, with the tensors on a GPU in it replaced.
  Object of(PyObject* o, int depth = 4) {
    if (is_tensor(o)) {
      Tensor& t = *as_tensor(o);
      if (!t.is_cuda()) return Object::borrow(o);
      for (Moved& m : moved_)
        if (m.original.get() == &t) return Object::borrow(m.copy.py());
      Moved m{TensorRef::borrow(&t), to_device(t, on_cpu), nullptr};
      {
        const DeviceScope here("clone", on_cpu);
        GradModeGuard off(false);
        m.before = clone(*m.copy);
      }
      moved_.push_back(m);
      return Object::borrow(m.copy.py());
    }
    if (is_device(o)) return Object::borrow(device_object(on_cpu));
    if (depth == 0 || !(PyTuple_CheckExact(o) || PyList_CheckExact(o))) return Object::borrow(o);
    auto item = [&](Py_ssize_t i) { return of(PySequence_Fast_GET_ITEM(o, i), depth - 1); };
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    return PyTuple_Check(o) ? tuple_of(n, item) : list_of(n, item);
  }

  /// What the call has written into the copies goes into the arguments.
  void put_back(const char* name) {
    for (Moved& m : moved_) {
      Tensor& copy = *m.copy;
      const bool resized = !(sizes_of(copy) == sizes_of(*m.before));
      bool same = !resized;
      if (same) {
        const DeviceScope here(name, on_cpu);
        GradModeGuard off(false);
        TensorRef now = contiguous(copy), then = contiguous(*m.before);
        same = copy.numel == 0 ||
               std::memcmp(now->data(), then->data(), static_cast<size_t>(now->nbytes())) == 0;
      }
      if (same) continue;
      Tensor& to = *m.original;
      if (resized) resize_to(to, sizes_of(copy), contiguous_strides(sizes_of(copy)));
      if (requires_grad(copy) && grad_mode_enabled) {
        copy_(to, copy);
      } else {
        check_written_once(to, name);
        copy_bytes(to, copy);
        to.bump_version(name);
      }
    }
  }

  /// The result with its tensors on the GPU; copies stand for the arguments that they are of.
  Object result(PyObject* o, Device device, int depth = 4) {
    if (is_tensor(o)) {
      Tensor& t = *as_tensor(o);
      for (Moved& m : moved_)
        if (m.copy.get() == &t) return Object::borrow(m.original.py());
      return t.on_cpu() ? Object::steal(to_device(t, device).release_py()) : Object::borrow(o);
    }
    if (depth == 0) return Object::borrow(o);
    if (!PyList_CheckExact(o) && !PyTuple_Check(o)) return Object::borrow(o);
    auto item = [&](Py_ssize_t i) {
      return result(PySequence_Fast_GET_ITEM(o, i), device, depth - 1);
    };
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    if (PyList_CheckExact(o)) return list_of(n, item);
    Object made = tuple_of(n, item);
    if (PyTuple_CheckExact(o)) return made;
    // A named tuple, or one of its kind.
    PyObject* type = reinterpret_cast<PyObject*>(Py_TYPE(o));
    Object maker = Object::steal(PyObject_GetAttrString(type, "_make"));
    PyErr_Clear();
    return called(maker ? maker.get() : type, made.get());
  }

 private:
  struct Moved {
    TensorRef original, copy, before;
  };
  std::vector<Moved> moved_;
};

bool falls_back() {
  static const bool on = [] {
    const char* asked = std::getenv("FLAMBEAU_CUDA_FALLBACK");
    return !asked || std::strcmp(asked, "0") != 0;
  }();
  return on;
}

void warn_once(const char* name, Device device) {
  static auto* told = new std::set<std::string>;
  if (!told->insert(name).second) return;
  std::string text = message(name, ": has no kernel on ", to_string(device),
                             " yet and runs on the CPU, with copies of its tensors there and back. "
                             "FLAMBEAU_CUDA_FALLBACK=0 makes this an error.");
  warn(text);
}

Object by_way_of_cpu(const char* name, PyObject* const* args, Py_ssize_t n, PyObject* keys,
                     const Behind& again) {
  const Device device = device_of_call.device;
  const Py_ssize_t all = n + count_of(keys);
  Copies copies;
  std::vector<Object> held;
  std::vector<PyObject*> given;
  for (Py_ssize_t i = 0; i < all; ++i) {
    held.push_back(copies.of(args[i]));
    given.push_back(held.back().get());
  }
  warn_once(name, device);
  Object made;
  {
    DeviceScope scope(name, on_cpu);
    made = owned(again(given.data(), n, keys));
  }
  copies.put_back(name);
  return copies.result(made.get(), device);
}

}  // namespace

TensorRef within_reach(Tensor& t) {
  if (!t.is_cuda()) return TensorRef::borrow(&t);
  if (!falls_back()) throw_unreachable(t);
  warn_once(name_of_call().c_str(), t.device());
  return to_device(t, on_cpu);
}

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
