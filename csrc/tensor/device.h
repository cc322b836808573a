// Where a tensor's elements lie: a type of device, and a number where there are several of it.
// Pure values, and what the running call knows of devices. Needs the GIL.
#pragma once
#include <cstdint>
#include <string>

namespace flambeau {

/// meta: nowhere. Its tensors have sizes, strides and a dtype but no bytes, and nothing is
/// computed.
/// cuda: in the memory of a GPU, which the CPU cannot reach.
enum class DeviceType : uint8_t { cpu, meta, cuda };

struct Device {
  DeviceType type = DeviceType::cpu;
  int8_t index = -1;  // none: there is one device of the type
  bool operator==(const Device&) const = default;
};
inline constexpr Device on_cpu{DeviceType::cpu}, on_meta{DeviceType::meta};

/// "cpu", "meta", "cuda:0"
std::string to_string(Device device);

/// How many storages lie elsewhere than on the CPU, plus the threads whose default device is
/// another. While this is 0, as in most programs, no call asks where its tensors lie.
extern constinit int64_t other_devices;
/// Counts one more, or one less, and tells the floor above when it leaves 0 or is back there.
void count_other_devices(int change);
using TellOfDevices = void (*)(bool any);
extern constinit TellOfDevices tell_of_other_devices;

/// The running call, as far as devices go. Only meaningful while other_devices is not 0.
struct DeviceOfCall {
  Device device;               // where its new tensors lie
  const char* name = nullptr;  // of the operator, for errors
  void* callable = nullptr;    // or the Python object that knows its name
};
extern constinit thread_local DeviceOfCall device_of_call;

/// Where this thread's new tensors lie if nobody says so.
extern constinit thread_local Device default_device;

/// The name of the running operator.
std::string name_of_call();

/// Where a result of the running call lies.
inline Device device_for_results() { return other_devices ? device_of_call.device : on_cpu; }

}  // namespace flambeau
