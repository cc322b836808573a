// The door: one word that every call of an operator tests. While it is 0 a call does nothing more;
// each bit says that somebody, in some thread, wants to know of calls. Needs the GIL.
#pragma once
#include <Python.h>

#include <cstdint>

namespace flambeau {

enum Watcher : uint32_t {
  watch_function_modes = 1,  // a TorchFunctionMode is in force
  watch_devices = 2,         // there are tensors off the CPU, or new ones go there (other_devices)
};
extern constinit uint32_t watchers;

inline void set_watcher(Watcher watcher, bool on) {
  watchers = on ? watchers | watcher : watchers & ~static_cast<uint32_t>(watcher);
}

}  // namespace flambeau
