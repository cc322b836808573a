#include "tensor/device_scope.h"

namespace flambeau {

namespace {

/// Walks over the tensors of a call; the first that is no number tells the device.
struct Survey {
  Mixing mixing;
  Tensor* first = nullptr;
  bool any = false;
  int budget = 1 << 16;  // items of lists that are looked at: a list may hold itself

  void see(PyObject* o, bool listed = false, int depth = 0) {
    if (is_tensor(o)) {
      any = true;
      tensor(*as_tensor(o), listed);
    } else if ((PyTuple_Check(o) || PyList_Check(o)) && depth < max_ndim) {
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o) && --budget > 0; ++i)
        see(PySequence_Fast_GET_ITEM(o, i), true, depth + 1);
    }
  }

  void tensor(Tensor& t, bool listed) {
    if (t.ndim == 0 && t.device() == on_cpu) return;
    if (!first) {
      first = &t;
      return;
    }
    if (t.device() == first->device() || mixing == Mixing::all ||
        (mixing != Mixing::numbers && listed && t.device() == on_cpu))
      return;
    throw DeviceError(message(name_of_call(),
                              ": its tensors lie on different devices: ", describe(*first), " on ",
                              to_string(first->device()), " and ", describe(t), " on ",
                              to_string(t.device()), ". Move one of them with .to(device)."));
  }
};

}  // namespace

Device common_device(PyObject* const* args, Py_ssize_t n, Mixing mixing) {
  Survey survey{mixing};
  for (Py_ssize_t i = 0; i < n; ++i) survey.see(args[i], mixing == Mixing::second && i == 1);
  if (survey.first) return survey.first->device();
  return survey.any ? on_cpu : default_device;
}

void DeviceScope::enter(DeviceOfCall call, PyObject* const* args, Py_ssize_t n, Mixing mixing) {
  outer_ = device_of_call;
  device_of_call = call;
  entered_ = true;
  if (n < 0) return;
  try {
    device_of_call.device = common_device(args, n, mixing);
  } catch (...) {
    device_of_call = outer_;
    throw;
  }
}

}  // namespace flambeau
