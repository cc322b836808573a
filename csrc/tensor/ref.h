// An owning reference to a Python object (or a struct that begins with one).
// Copying and releasing need the GIL.
#pragma once
#include <Python.h>

#include <utility>

namespace flambeau {

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  Ref(const Ref& other) : object_(other.object_) {
    Py_XINCREF(reinterpret_cast<PyObject*>(object_));
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { Py_XDECREF(reinterpret_cast<PyObject*>(object_)); }

  /// Takes over a reference that the caller owns.
  static Ref steal(T* object) {
    Ref r;
    r.object_ = object;
    return r;
  }
  /// Adds a reference of its own.
  static Ref borrow(T* object) {
    Py_XINCREF(reinterpret_cast<PyObject*>(object));
    return steal(object);
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  PyObject* py() const { return reinterpret_cast<PyObject*>(object_); }
  T* release() { return std::exchange(object_, nullptr); }
  PyObject* release_py() { return reinterpret_cast<PyObject*>(release()); }

 private:
  T* object_ = nullptr;
};

using Object = Ref<PyObject>;

}  // namespace flambeau
