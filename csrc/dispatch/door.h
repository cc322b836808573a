// The door: one word that every call of an operator tests. While it is 0 a call does nothing more;
// each bit says that somebody, in some thread, wants to know of calls. Needs the GIL.
#pragma once
#include <Python.h>

#include <cstdint>

namespace flambeau {

enum Watcher : uint32_t {
  watch_function_modes = 1,  // a TorchFunctionMode is in force
  watch_devices = 2,         // a tensor outside of the CPU's memory has been made
};
extern constinit uint32_t watchers;

inline void set_watcher(Watcher watcher, bool on) {
  watchers = on ? watchers | watcher : watchers & ~static_cast<uint32_t>(watcher);
}

/// Raises unless all tensors among the arguments lie on one device; called while watch_devices is
/// set.
void check_devices(const char* operator_name, PyObject* const* args, Py_ssize_t n);

}  // namespace flambeau
