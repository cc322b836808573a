#include "runtime/cpu.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace flambeau {
namespace {

CpuLevel of_machine() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return CpuLevel::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CpuLevel::avx2;
#endif
  return CpuLevel::portable;
}

CpuLevel asked_for() {
  const char* name = std::getenv("FLAMBEAU_CPU");
  if (name && std::string_view(name) == "portable") return CpuLevel::portable;
  if (name && std::string_view(name) == "avx2") return CpuLevel::avx2;
  return CpuLevel::avx512;
}

int64_t read_last_cache_bytes() {
  // sysconf() tells the sum over all sockets of some virtual machines.
  int64_t bytes = 0;
  for (int i = 0; i < 8; ++i) {
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/size");
    int64_t number = 0;
    char unit = 0;
    if (file >> number >> unit)
      bytes = std::max(bytes, unit == 'M' ? number << 20 : unit == 'K' ? number << 10 : number);
  }
  return bytes > 0 ? bytes : int64_t{32} << 20;
}

}  // namespace

int64_t last_cache_bytes() {
  static const int64_t bytes = read_last_cache_bytes();
  return bytes;
}

CpuLevel cpu_level() {
  static const CpuLevel level = std::min(of_machine(), asked_for());
  return level;
}

}  // namespace flambeau
