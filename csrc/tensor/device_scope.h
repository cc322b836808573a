// The devices of one call: its tensors share one, and there its results lie.
// A scope stands around each native call; while no tensor is on another device than the CPU it
// costs one test. Needs the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// Which arguments may lie on another device than the first: none but 0-dim tensors on the CPU,
/// which count as numbers; indices on the CPU as well: a list or tuple of them, or the second
/// argument; all.
enum class Mixing : uint8_t { numbers, indices, second, all };

/// The device that the tensors among `args` share (also those in lists and tuples); raises
/// DeviceError where they do not. Without a tensor it is the thread's default.
Device common_device(PyObject* const* args, Py_ssize_t n, Mixing mixing = Mixing::numbers);

/// While it lives, new tensors lie where the arguments do, and errors name the operator.
class DeviceScope {
 public:
  /// `callable` is asked for its __name__ when an error needs it.
  DeviceScope(PyObject* callable, PyObject* const* args, Py_ssize_t n,
              Mixing mixing = Mixing::numbers) {
    if (other_devices) [[unlikely]]
      enter({{}, nullptr, callable}, args, n, mixing);
  }
  DeviceScope(const char* name, PyObject* const* args, Py_ssize_t n,
              Mixing mixing = Mixing::numbers) {
    if (other_devices) [[unlikely]]
      enter({{}, name, nullptr}, args, n, mixing);
  }
  DeviceScope(const char* name, Device device) {
    if (other_devices) [[unlikely]]
      enter({device, name, nullptr}, nullptr, -1, Mixing::all);
  }
  ~DeviceScope() {
    if (entered_) [[unlikely]]
      device_of_call = outer_;
  }
  DeviceScope(const DeviceScope&) = delete;

 private:
  void enter(DeviceOfCall call, PyObject* const* args, Py_ssize_t n, Mixing mixing);
  DeviceOfCall outer_;
  bool entered_ = false;
};

}  // namespace flambeau
