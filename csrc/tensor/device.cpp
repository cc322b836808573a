#include "tensor/device.h"

#include "tensor/gil.h"
#include "tensor/ref.h"

namespace flambeau {

constinit int64_t other_devices = 0;
constinit TellOfDevices tell_of_other_devices = nullptr;
constinit thread_local DeviceOfCall device_of_call;
constinit thread_local Device default_device;

void count_other_devices(int change) {
  bool before = other_devices != 0;
  other_devices += change;
  if (tell_of_other_devices && before != (other_devices != 0))
    tell_of_other_devices(other_devices != 0);
}

std::string name_of_call() {
  std::string name = device_of_call.name ? device_of_call.name : "";
  if (auto* callable = static_cast<PyObject*>(device_of_call.callable)) {
    ShortWork with_gil;  // long work that finds no elements has given it up
    Object text = Object::steal(PyObject_GetAttrString(callable, "__name__"));
    const char* own = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
    PyErr_Clear();
    if (own) name = own;
  }
  while (!name.empty() && name[0] == '_' && !name.ends_with("__")) name.erase(0, 1);
  return name.empty() ? "this operator" : name;
}

std::string to_string(Device device) {
  std::string text = device.type == DeviceType::meta   ? "meta"
                     : device.type == DeviceType::cuda ? "cuda"
                                                       : "cpu";
  return device.index < 0 ? text : text + ":" + std::to_string(device.index);
}

}  // namespace flambeau
