#include "runtime/cuda_driver.h"

#include <dlfcn.h>
#include <pthread.h>

#include <cstdlib>
#include <cstring>

#include "runtime/cuda_simulated.h"
#include "tensor/error.h"

namespace flambeau::cuda {
namespace {

constexpr int least_version = 11040;  // of the driver: what the entries below need

std::string version_text(int version) { return message(version / 1000, ".", version % 1000 / 10); }

/// Fills one entry; false where the library lacks it.
template <class F>
bool find(void* library, const char* symbol, F& entry) {
  entry = reinterpret_cast<F>(dlsym(library, symbol));
  return entry != nullptr;
}

/// The first symbol that is missing, or null.
const char* fill(void* library, Driver& d) {
  const char* missing = nullptr;
  auto need = [&](const char* symbol, auto& entry) {
    if (!find(library, symbol, entry) && !missing) missing = symbol;
  };
  need("cuInit", d.init);
  need("cuDriverGetVersion", d.version);
  need("cuGetErrorName", d.error_name);
  need("cuGetErrorString", d.error_string);
  need("cuDeviceGetCount", d.device_count);
  need("cuDeviceGet", d.device_get);
  need("cuDeviceGetName", d.device_name);
  need("cuDeviceGetAttribute", d.device_attribute);
  need("cuDeviceTotalMem_v2", d.device_memory);
  need("cuDeviceGetUuid", d.device_uuid);
  need("cuDeviceCanAccessPeer", d.can_access_peer);
  need("cuDevicePrimaryCtxRetain", d.context_retain);
  need("cuCtxSetCurrent", d.context_set);
  need("cuCtxSynchronize", d.context_synchronize);
  need("cuCtxEnablePeerAccess", d.enable_peer);
  need("cuMemGetInfo_v2", d.memory_info);
  need("cuMemAlloc_v2", d.allocate);
  need("cuMemFree_v2", d.free);
  need("cuMemAllocHost_v2", d.allocate_host);
  need("cuMemFreeHost", d.free_host);
  need("cuMemHostRegister_v2", d.register_host);
  need("cuMemHostUnregister", d.unregister_host);
  need("cuMemcpyHtoDAsync_v2", d.copy_to_device);
  need("cuMemcpyDtoHAsync_v2", d.copy_to_host);
  need("cuMemcpyDtoDAsync_v2", d.copy_on_device);
  need("cuMemcpyPeerAsync", d.copy_to_peer);
  need("cuMemsetD8Async", d.fill_bytes);
  need("cuStreamCreateWithPriority", d.stream_create);
  need("cuStreamDestroy_v2", d.stream_destroy);
  need("cuStreamSynchronize", d.stream_synchronize);
  need("cuStreamQuery", d.stream_query);
  need("cuStreamWaitEvent", d.stream_wait);
  need("cuEventCreate", d.event_create);
  need("cuEventDestroy_v2", d.event_destroy);
  need("cuEventRecord", d.event_record);
  need("cuEventSynchronize", d.event_synchronize);
  need("cuEventQuery", d.event_query);
  need("cuEventElapsedTime", d.event_elapsed);
  need("cuModuleLoadDataEx", d.module_load);
  need("cuModuleUnload", d.module_unload);
  need("cuModuleGetFunction", d.module_function);
  need("cuFuncGetAttribute", d.function_attribute);
  need("cuFuncSetAttribute", d.function_set);
  need("cuLaunchKernel", d.launch);
  need("cuStreamBeginCapture_v2", d.capture_begin);
  need("cuStreamEndCapture", d.capture_end);
  need("cuStreamIsCapturing", d.is_capturing);
  need("cuGraphInstantiateWithFlags", d.graph_instantiate);
  need("cuGraphLaunch", d.graph_launch);
  need("cuGraphDestroy", d.graph_destroy);
  need("cuGraphExecDestroy", d.executable_destroy);
  return missing;
}

/// The driver of the machine into `d`; on failure a sentence.
std::string open_library(Driver& d, Opened& o) {
  void* library = nullptr;
  const char* names[] = {"libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1"};
  for (const char* name : names)
    if (!library) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return "NVIDIA's driver is not installed here (there is no libcuda.so.1), so there is no CUDA "
           "device.";
  Result (*version)(int*);
  if (!find(library, "cuDriverGetVersion", version) || version(&o.version) != result::success)
    return "libcuda.so.1 does not tell its version, so it is no driver that can be used.";
  const char* missing = fill(library, d);
  if (o.version < least_version || missing)
    return message("the driver installed here is of CUDA ", version_text(o.version), ", and ",
                   version_text(least_version), " or newer is needed",
                   missing ? message(" (it lacks ", missing, ")") : std::string(), ".");
  Result started = d.init(0);
  if (started != result::success) {
    const char* name = nullptr;
    d.error_name(started, &name);
    return message("the driver of CUDA ", version_text(o.version), " did not start: cuInit gave ",
                   name ? name : "an unknown error", " (", started, ").");
  }
  return "";
}

bool tried = false, forked = false;

Opened open_driver() {
  tried = true;
  static Driver table{};
  Opened o;
  const char* asked = std::getenv("FLAMBEAU_CUDA");
  std::string_view choice = asked ? asked : "";
  if (choice == "off") {
    o.reason = "FLAMBEAU_CUDA=off keeps the driver closed.";
    return o;
  }
  if (choice == "simulated" || choice.starts_with("simulated:")) {
    int count = choice.size() > 10 ? std::atoi(asked + 10) : 1;
    table = simulated_driver(count);
    o.simulated = true;
    table.init(0);
    table.version(&o.version);
  } else if (!choice.empty() && choice != "on") {
    o.reason = message("FLAMBEAU_CUDA=", choice, ": choose on, off or simulated.");
    return o;
  } else {
    o.reason = open_library(table, o);
    if (!o.reason.empty()) return o;
  }
  Result counted = table.device_count(&o.devices);
  if (counted != result::success || o.devices == 0) {
    o.devices = 0;
    o.reason = message("the driver of CUDA ", version_text(o.version), " knows no device.");
    return o;
  }
  o.driver = &table;
  pthread_atfork(nullptr, nullptr, [] { forked = true; });
  return o;
}

}  // namespace

const Opened& opened() {
  static const Opened one = open_driver();
  return one;
}

bool was_opened() { return tried; }
bool was_forked() { return forked; }

const Driver& driver() {
  const Opened& o = opened();
  check<NoSuchDevice>(o.driver != nullptr, [&] { return message("cuda: ", o.reason); });
  check(!forked, [] {
    return message(
        "cuda: this process was forked from one that uses a GPU, which no driver takes. Begin it "
        "by "
        "multiprocessing's 'spawn' or 'forkserver', or let only the new process use the GPU.");
  });
  return *o.driver;
}

void throw_result(Result code, const std::string& what) {
  const Driver& d = driver();
  std::string fault = d.take_fault ? d.take_fault() : "";
  if (!fault.empty()) throw Error(message("cuda: ", fault));
  const char *name = nullptr, *text = nullptr;
  d.error_name(code, &name);
  d.error_string(code, &text);
  std::string said = message("cuda: ", what, " failed with ", name ? name : "an unknown error",
                             " (", code, text ? std::string(": ") + text : std::string(), ").");
  if (code == result::illegal_address)
    said += " A kernel reached outside of its memory; the process can't use this device any more.";
  throw Error(said);
}

}  // namespace flambeau::cuda
