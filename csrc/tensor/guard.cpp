#include "tensor/guard.h"

#include <stdexcept>

namespace flambeau {

PyObject *out_of_memory_type = nullptr, *device_error_type = nullptr,
         *no_such_device_type = nullptr;

static void set_out_of_memory(const char* text) noexcept {
  PyErr_SetString(out_of_memory_type ? out_of_memory_type : PyExc_MemoryError, text);
}

void translate_exception(const char* operator_name) noexcept {
  try {
    throw;
  } catch (const PythonError&) {
  } catch (const TypeError& e) {
    PyErr_SetString(PyExc_TypeError, e.what());
  } catch (const ValueError& e) {
    PyErr_SetString(PyExc_ValueError, e.what());
  } catch (const IndexError& e) {
    PyErr_SetString(PyExc_IndexError, e.what());
  } catch (const UncomputedDType& e) {
    if (!operator_name) operator_name = "tensor";
    PyErr_Format(PyExc_NotImplementedError, "%s: %s", operator_name + (*operator_name == '_'),
                 e.what());
  } catch (const NoSuchDevice& e) {
    PyErr_SetString(no_such_device_type ? no_such_device_type : PyExc_NotImplementedError,
                    e.what());
  } catch (const NotImplementedError& e) {
    PyErr_SetString(PyExc_NotImplementedError, e.what());
  } catch (const DeviceError& e) {
    PyErr_SetString(device_error_type ? device_error_type : PyExc_RuntimeError, e.what());
  } catch (const OutOfMemoryError& e) {
    set_out_of_memory(e.what());
  } catch (const std::bad_alloc&) {
    set_out_of_memory(
        "out of memory: there is no room for what this call needs beside its tensors.");
  } catch (const std::length_error&) {
    set_out_of_memory(
        "out of memory: what this call needs has more entries than memory has places.");
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "an unknown C++ exception (a fault of flambeau's own).");
  }
}

}  // namespace flambeau
