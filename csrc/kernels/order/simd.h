// Exponentials and logarithms of running sums, compiled for each instruction set (as conv/simd.h).
// Pure loops over raw memory: any thread, no GIL, no allocation.
#pragma once
#include <cstdint>

namespace flambeau {

struct LogSumKernels {
  /// to = exp(x - most), for x <= most; 0 where that is below the normal numbers.
  void (*exponentials)(int64_t n, const double* x, double most, double* to);
  /// to = log(first + factor * sum) + most, where the sum in brackets is a positive normal number.
  void (*logarithms)(int64_t n, const double* sum, double factor, double first, double most,
                     double* to);
};

/// The kernels for this machine.
const LogSumKernels& log_sum_kernels();

namespace simd_avx512 {
extern const LogSumKernels log_sums;
}
namespace simd_avx2 {
extern const LogSumKernels log_sums;
}
namespace simd_base {
extern const LogSumKernels log_sums;
}

}  // namespace flambeau
