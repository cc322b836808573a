// Python capsules: something of C++'s under a name, ended with the capsule unless somebody took it
// over. Need the GIL.
#pragma once
#include "tensor/objects.h"

namespace flambeau {

/// Held<T>::name is what a capsule of a T is called, Held<T>::end(T*) gives it back.
template <class T>
struct Held;

template <class T>
T& held_by(PyObject* capsule) {
  auto* held = static_cast<T*>(PyCapsule_GetPointer(capsule, Held<T>::name));
  if (!held) throw PythonError();
  return *held;
}
/// The end of a capsule. One that bears another name is not the owner.
template <class T>
void end_capsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, Held<T>::name)) Held<T>::end(&held_by<T>(capsule));
}
template <class T>
Object capsule_of(T* held) {
  PyObject* capsule = PyCapsule_New(held, Held<T>::name, end_capsule<T>);
  if (!capsule) Held<T>::end(held);
  return owned(capsule);
}

}  // namespace flambeau
