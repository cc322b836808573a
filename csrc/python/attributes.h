// Attributes and methods of the core's own types, by the C++ type of what a function takes:
// getters, methods and slots in a line each. Need the GIL.
//
//   getter<[](Node& n) { return n.name(); }>("name", "...")
#pragma once
#include <Python.h>
#include <structmember.h>

#include "python/bind.h"

namespace flambeau {

template <class F>
using First = std::remove_cvref_t<std::tuple_element_t<0, typename Signature<F>::Parameters>>;

/// The object as what the function takes first.
template <auto fn>
auto& self_as(PyObject* o) {
  return *reinterpret_cast<First<decltype(fn)>*>(o);
}

template <auto fn>
PyObject* get_by(PyObject* o, void*) {
  return guarded([&] {
    auto& self = self_as<fn>(o);
    return Made<decltype(fn(self))>(fn, self).give();
  });
}
/// An attribute to be read: fn(self).
template <auto fn>
constexpr PyGetSetDef getter(const char* name, const char* doc = nullptr) {
  return {name, get_by<fn>, nullptr, doc, nullptr};
}

/// A method: fn(self), or fn(self, argument).
template <auto fn>
constexpr PyMethodDef method_by(const char* name, const char* doc = nullptr) {
  if constexpr (std::is_invocable_v<decltype(fn), First<decltype(fn)>&>)
    return {name, [](PyObject* o, PyObject*) { return get_by<fn>(o, nullptr); }, METH_NOARGS, doc};
  else
    return {name,
            [](PyObject* o, PyObject* argument) {
              return guarded([&] {
                auto& self = self_as<fn>(o);
                return Made<decltype(fn(self, argument))>(fn, self, argument).give();
              });
            },
            METH_O, doc};
}

/// The object as a T, a struct that begins as Python's do.
template <class T>
T& as(PyObject* o) {
  return *reinterpret_cast<T*>(o);
}
/// tp_dealloc of such.
template <class T>
void destroy_object(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  if (PyType_IS_GC(type)) PyObject_GC_UnTrack(o);
  as<T>(o).~T();
  type->tp_free(o);
  Py_DECREF(type);
}

inline PyType_Slot slot(int number, const void* what) { return {number, const_cast<void*>(what)}; }
template <class R, class... P>
PyType_Slot slot(int number, R (*function)(P...)) {
  return {number, reinterpret_cast<void*>(function)};
}

/// A new type of the core; as `name` in the module where one is given.
inline PyTypeObject* new_type(const char* full_name, size_t size, unsigned long flags,
                              std::vector<PyType_Slot> slots, PyObject* module = nullptr,
                              const char* name = nullptr) {
  slots.push_back({0, nullptr});
  PyType_Spec spec = {full_name, static_cast<int>(size), 0,
                      static_cast<unsigned>(Py_TPFLAGS_DEFAULT | flags), slots.data()};
  Object type = owned(PyType_FromSpec(&spec));
  if (name && PyModule_AddObjectRef(module, name, type.get()) < 0) throw PythonError();
  return reinterpret_cast<PyTypeObject*>(type.release());
}

}  // namespace flambeau
