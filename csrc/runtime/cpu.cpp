#include "runtime/cpu.h"

#include <algorithm>
#include <cstdlib>
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

}  // namespace

CpuLevel cpu_level() {
  static const CpuLevel level = std::min(of_machine(), asked_for());
  return level;
}

}  // namespace flambeau
