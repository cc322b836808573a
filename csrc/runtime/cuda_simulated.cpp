#include "runtime/cuda_simulated.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "runtime/cuda_simulated_parts.h"

namespace flambeau::cuda {
namespace simulated {

Machine& machine() {
  static Machine* one = new Machine;
  return *one;
}

thread_local int current = 0;

Result outcome() { return machine().fault.empty() ? result::success : result::illegal_address; }

void fault(std::string text) {
  if (machine().fault.empty()) machine().fault = std::move(text);
}

namespace {

void run_device(int device) {
  for (auto& s : machine().streams)
    if (s->device == device) run_all(*s);
}

Result ok(unsigned) { return result::success; }

Result get_count(int* n) {
  *n = static_cast<int>(machine().memories.size());
  return result::success;
}
Result get_device(DeviceNumber* device, int ordinal) {
  if (ordinal < 0 || ordinal >= static_cast<int>(machine().memories.size()))
    return result::invalid_device;
  *device = ordinal;
  return result::success;
}
Result get_name(char* name, int length, DeviceNumber) {
  strncpy(name, "Simulated GPU", static_cast<size_t>(length));
  return result::success;
}
Result get_attribute(int* value, int which, DeviceNumber) {
  switch (which) {
    case attribute::max_threads: *value = 1024; break;
    case attribute::multiprocessors: *value = 4; break;
    case attribute::capability_major: *value = 8; break;
    case attribute::shared_bytes: *value = 48 << 10; break;
    case attribute::shared_bytes_optin: *value = most_shared_bytes; break;
    case attribute::warp: *value = 32; break;
    case attribute::threads_per_multiprocessor: *value = 2048; break;
    case attribute::registers: *value = 65536; break;
    case attribute::l2_bytes: *value = 4 << 20; break;
    default: *value = 0;
  }
  return result::success;
}
Result get_memory(size_t* nbytes, DeviceNumber) {
  *nbytes = machine().limit;
  return result::success;
}
Result get_uuid(unsigned char* uuid, DeviceNumber device) {
  memset(uuid, 0, 16);
  uuid[15] = static_cast<unsigned char>(device);
  return result::success;
}
Result can_access(int* can, DeviceNumber, DeviceNumber) {
  *can = 1;
  return result::success;
}
Result retain_context(Handle* context, DeviceNumber device) {
  *context = reinterpret_cast<Handle>(static_cast<intptr_t>(device) + 1);
  return result::success;
}
Result set_context(Handle context) {
  current = static_cast<int>(reinterpret_cast<intptr_t>(context)) - 1;
  return result::success;
}
Result synchronize() {
  Locked locked;
  run_device(current);
  return outcome();
}
Result enable_peer(Handle, unsigned) { return result::success; }

Result error_name(Result code, const char** name) {
  *name = code == result::out_of_memory     ? "CUDA_ERROR_OUT_OF_MEMORY"
          : code == result::illegal_address ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : code == result::invalid_image   ? "CUDA_ERROR_INVALID_IMAGE"
          : code == result::not_found       ? "CUDA_ERROR_NOT_FOUND"
          : code == result::not_ready       ? "CUDA_ERROR_NOT_READY"
                                            : "CUDA_ERROR_INVALID_VALUE";
  return result::success;
}
Result error_string(Result, const char** text) {
  *text = "of the simulated driver";
  return result::success;
}

std::string take_fault() {
  Locked locked;
  return std::exchange(machine().fault, "");
}

}  // namespace
}  // namespace simulated

Driver simulated_driver(int devices) {
  using namespace simulated;
  Machine& m = machine();
  if (const char* asked = std::getenv("FLAMBEAU_CUDA_SIMULATED_BYTES"))
    m.limit = std::strtoull(asked, nullptr, 10);
  for (int i = 0; i < devices; ++i) {
    auto memory = std::make_unique<Memory>();
    if (!reserve(*memory, m.limit + m.limit / 2)) break;
    m.memories.push_back(std::move(memory));
    m.streams.push_back(std::make_unique<Stream>());
    m.streams.back()->device = i;
  }
  Driver d{};
  d.init = ok;
  d.version = [](int* version) { return *version = 13000, result::success; };
  d.error_name = error_name;
  d.error_string = error_string;
  d.device_count = get_count;
  d.device_get = get_device;
  d.device_name = get_name;
  d.device_attribute = get_attribute;
  d.device_memory = get_memory;
  d.device_uuid = get_uuid;
  d.can_access_peer = can_access;
  d.context_retain = retain_context;
  d.context_set = set_context;
  d.context_synchronize = synchronize;
  d.enable_peer = enable_peer;
  d.take_fault = take_fault;
  fill_memory(d);
  fill_streams(d);
  fill_launches(d);
  return d;
}

}  // namespace flambeau::cuda
