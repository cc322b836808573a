// What the core's tests share: a count of failures, and an interpreter with the core in it.
#pragma once
#include <Python.h>

#include <cstdio>
#include <initializer_list>
#include <string>

#include "tensor/tensor.h"

extern "C" PyObject* PyInit__core();

namespace flambeau {

inline int failures = 0;

inline void expect(bool ok, const char* what) {
  if (ok) return;
  std::printf("FAILED: %s\n", what);
  ++failures;
}

/// body() must raise an E whose message has `text` in it.
template <class E = Error, class Body>
void expect_error(const char* text, Body&& body) {
  try {
    body();
  } catch (const E& error) {
    if (std::string(error.what()).find(text) == std::string::npos)
      expect(false, (std::string(text) + " not in: " + error.what()).c_str());
    return;
  }
  expect(false, (std::string("no error that says: ") + text).c_str());
}

/// Tensors are Python objects: their types must exist. No module of flambeau's Python is loaded.
class Interpreter {
 public:
  Interpreter() {
    PyImport_AppendInittab("_core", PyInit__core);
    Py_InitializeEx(0);
    core_ = PyImport_ImportModule("_core");
    if (!core_) PyErr_Print();
    expect(core_ != nullptr, "the core can be imported");
  }
  ~Interpreter() { Py_XDECREF(core_); }
  Interpreter(const Interpreter&) = delete;
  explicit operator bool() const { return core_ != nullptr; }

 private:
  PyObject* core_ = nullptr;
};

/// Runs the tests of one subject; how many of what they expect was not so.
inline int run_tests(const char* subject, std::initializer_list<void (*)()> tests) {
  Interpreter python;
  if (!python) return 1;
  for (auto* test : tests) test();
  if (failures == 0) std::printf("%s: all well\n", subject);
  std::fflush(stdout);
  return failures;
}

}  // namespace flambeau
