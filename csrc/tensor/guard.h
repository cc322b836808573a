// The border between C++ exceptions and Python errors. Needs the GIL.
#pragma once
#include <Python.h>

#include <new>

#include "tensor/error.h"

namespace flambeau {

/// The classes of flambeau/types.py, once it has handed them over.
extern PyObject *out_of_memory_type, *device_error_type, *no_such_device_type;

/// Sets the Python error for the C++ exception being handled; operator_name goes before a text that
/// lacks it.
void translate_exception(const char* operator_name) noexcept;

/// body() with C++ exceptions turned into a Python error and a null result.
template <class Body>
auto guarded(Body&& body, const char* operator_name = nullptr) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (...) {
    translate_exception(operator_name);
    using Result = decltype(body());
    if constexpr (std::is_pointer_v<Result>)
      return nullptr;
    else
      return Result(-1);
  }
}

}  // namespace flambeau
