// Dropout of contiguous float32, written by hand where the language gives each element a counter of
// its own: two share one here. Compiled for each instruction set (as conv/simd.h); any thread, no
// GIL.
#pragma once
#include <cstdint>

namespace flambeau {

struct DropoutKernels {
  /// A map kernel (flambeau/kernels/schedules/map.py) of out, input, seed, call and p: float32, the
  /// numbers int64; of out and input, which lie side by side, and one value of the others a row.
  void (*run)(int64_t n_inner, int64_t n_outer, int64_t index0, char* const* ptrs,
              const int64_t* inner_strides, const int64_t* outer_strides);
  /// The same of n elements side by side, of which the first is number `index`; out may be input.
  void (*row)(int64_t n, uint64_t index, const float* input, uint64_t seed, uint64_t call, float p,
              float* out);
};

/// The kernel for this machine.
const DropoutKernels& dropout_kernels();

namespace simd_avx512 {
extern const DropoutKernels float_dropout;
}
namespace simd_avx2 {
extern const DropoutKernels float_dropout;
}
namespace simd_base {
extern const DropoutKernels float_dropout;
}

}  // namespace flambeau
