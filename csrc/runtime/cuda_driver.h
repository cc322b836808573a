// NVIDIA's driver as one table of functions, opened when first asked for; all of CUDA goes through
// it. FLAMBEAU_CUDA=simulated fills the table with a driver that computes on the CPU
// (cuda_simulated.h), FLAMBEAU_CUDA=off with none. Opening needs the GIL; entries may be called
// without it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>

namespace flambeau::cuda {

using Result = int;        // 0: success
using Address = uint64_t;  // in a device's memory
using Handle = void*;      // a context, stream, event, module, function or graph
using DeviceNumber = int;

namespace result {
inline constexpr Result success = 0, invalid_value = 1, out_of_memory = 2, no_device = 100,
                        invalid_device = 101, invalid_image = 200, not_found = 500, not_ready = 600,
                        illegal_address = 700, not_supported = 801;
}

/// The driver's own names are in cuda_driver.cpp; each does what NVIDIA's CUDA Driver API says.
struct Driver {
  Result (*init)(unsigned flags);
  Result (*version)(int* version);
  Result (*error_name)(Result code, const char** name);
  Result (*error_string)(Result code, const char** text);
  // devices and contexts
  Result (*device_count)(int* count);
  Result (*device_get)(DeviceNumber* device, int ordinal);
  Result (*device_name)(char* name, int length, DeviceNumber device);
  Result (*device_attribute)(int* value, int attribute, DeviceNumber device);
  Result (*device_memory)(size_t* nbytes, DeviceNumber device);
  Result (*device_uuid)(unsigned char* uuid, DeviceNumber device);
  Result (*can_access_peer)(int* can, DeviceNumber device, DeviceNumber peer);
  Result (*context_retain)(Handle* context, DeviceNumber device);
  Result (*context_set)(Handle context);
  Result (*context_synchronize)();
  Result (*enable_peer)(Handle context, unsigned flags);
  // memory
  Result (*memory_info)(size_t* free, size_t* total);
  Result (*allocate)(Address* address, size_t nbytes);
  Result (*free)(Address address);
  Result (*allocate_host)(void** data, size_t nbytes);
  Result (*free_host)(void* data);
  Result (*register_host)(void* data, size_t nbytes, unsigned flags);
  Result (*unregister_host)(void* data);
  Result (*copy_to_device)(Address to, const void* from, size_t nbytes, Handle stream);
  Result (*copy_to_host)(void* to, Address from, size_t nbytes, Handle stream);
  Result (*copy_on_device)(Address to, Address from, size_t nbytes, Handle stream);
  Result (*copy_to_peer)(Address to, Handle to_context, Address from, Handle from_context,
                         size_t nbytes, Handle stream);
  Result (*fill_bytes)(Address to, unsigned char value, size_t nbytes, Handle stream);
  // streams and events
  Result (*stream_create)(Handle* stream, unsigned flags, int priority);
  Result (*stream_destroy)(Handle stream);
  Result (*stream_synchronize)(Handle stream);
  Result (*stream_query)(Handle stream);
  Result (*stream_wait)(Handle stream, Handle event, unsigned flags);
  Result (*event_create)(Handle* event, unsigned flags);
  Result (*event_destroy)(Handle event);
  Result (*event_record)(Handle event, Handle stream);
  Result (*event_synchronize)(Handle event);
  Result (*event_query)(Handle event);
  Result (*event_elapsed)(float* milliseconds, Handle start, Handle end);
  // modules and launches
  Result (*module_load)(Handle* module, const void* image, unsigned n_options, int* options,
                        void** values);
  Result (*module_unload)(Handle module);
  Result (*module_function)(Handle* function, Handle module, const char* name);
  Result (*function_attribute)(int* value, int attribute, Handle function);
  Result (*function_set)(Handle function, int attribute, int value);
  Result (*launch)(Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                   Handle stream, void** parameters, void** extra);
  // graphs
  Result (*capture_begin)(Handle stream, int mode);
  Result (*capture_end)(Handle stream, Handle* graph);
  Result (*is_capturing)(Handle stream, int* status);
  Result (*graph_instantiate)(Handle* executable, Handle graph, uint64_t flags);
  Result (*graph_launch)(Handle executable, Handle stream);
  Result (*graph_destroy)(Handle graph);
  Result (*executable_destroy)(Handle executable);
  // Only of the simulated driver, null elsewhere: `nbytes` at an address are a tensor's from here
  // on in the stream's order (or nobody's), and the text of the last fault, which is forgotten
  // then.
  void (*note)(Address address, int64_t nbytes, bool live, Handle stream);
  std::string (*take_fault)();
};

namespace attribute {
inline constexpr int max_threads = 1, multiprocessors = 16, clock_khz = 13, l2_bytes = 38,
                     capability_major = 75, capability_minor = 76, shared_bytes = 8, warp = 10,
                     shared_bytes_optin = 97, threads_per_multiprocessor = 39, integrated = 18,
                     memory_clock_khz = 36, bus_width = 37, registers = 82, multi_gpu_board = 84,
                     pci_bus = 33, pci_device = 34, pci_domain = 50, compute_mode = 20;
}

namespace attribute {
inline constexpr int dynamic_shared_bytes = 8;  // of a function
}
/// Shared memory that a launch may ask for without that attribute.
inline constexpr int usual_shared_bytes = 48 << 10;

/// What opening came to: a driver with at least one device, or the sentence that says why not.
struct Opened {
  const Driver* driver = nullptr;
  int version = 0;  // 12040: 12.4
  int devices = 0;
  bool simulated = false;
  std::string reason;  // why there is none
  auto fields() const { return std::tie(devices, version, simulated, reason); }
};
/// Opens the driver when first called.
const Opened& opened();
/// Whether it has been opened, or tried to be.
bool was_opened();
/// Whether this process was forked from one that had opened it, whose contexts and memory are not
/// here: nothing may be called, and what is freed is forgotten.
bool was_forked();

/// The table; raises NoSuchDevice with the reason where there is none, Error in a forked process.
const Driver& driver();
/// Raises Error: `what` failed with a code, told by the driver's name and text for it.
[[noreturn]] void throw_result(Result code, const std::string& what);
inline void checked(Result code, const char* what) {
  if (code != result::success) [[unlikely]]
    throw_result(code, what);
}

}  // namespace flambeau::cuda
