// Which of the compiled instruction sets this process uses: the machine's best, or the lower one
// that FLAMBEAU_CPU (avx512, avx2 or portable) asks for, as kernels made at run time do too.
#pragma once
#include <cstdint>

namespace flambeau {

enum class CpuLevel { portable, avx2, avx512 };

/// Decided at the first call. A name that is not known is left to the kernel language to refuse.
CpuLevel cpu_level();

/// The bytes of the largest cache, as the system tells, or 32 MB where it does not.
int64_t last_cache_bytes();

/// Of three sets of kernels, one compiled for each level, the one this process uses.
template <class Kernels>
const Kernels& for_cpu(const Kernels& portable, const Kernels& avx2, const Kernels& avx512) {
  switch (cpu_level()) {
    case CpuLevel::avx512: return avx512;
    case CpuLevel::avx2: return avx2;
    default: return portable;
  }
}

}  // namespace flambeau
