// Which of the compiled instruction sets this process uses: the machine's best, or the lower one
// that FLAMBEAU_CPU (avx512, avx2 or portable) asks for, as kernels made at run time do too.
#pragma once

namespace flambeau {

enum class CpuLevel { portable, avx2, avx512 };

/// Decided at the first call. A name that is not known is left to the kernel language to refuse.
CpuLevel cpu_level();

}  // namespace flambeau
