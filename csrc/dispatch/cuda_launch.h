// Kernels on a GPU: what the kernel language compiled for the CPU, found again for a device by the
// address of the CPU's form, and launches in the order of the current stream. Needs the GIL.
#pragma once
#include <string_view>

#include "runtime/cuda.h"
#include "tensor/tensor.h"

namespace flambeau::cuda {

/// The function on device `index` that computes what the CPU's kernel at `address` does; `letters`
/// (up to 24) choose among its forms, as flambeau/kernels/gpu tells. Compiled when first asked for.
Handle kernel_of(const void* address, std::string_view letters, int index);

/// The kernel of a PTX text, loaded on a device; `shared_bytes`: the most that a launch asks for.
Handle load_function(const char* ptx, int index, int shared_bytes = 0);

struct Shape {
  int64_t blocks = 1, rows_of_blocks = 1;
  unsigned threads = 128, shared_bytes = 0;
};
void launch(Handle function, int index, const Shape& shape, void** parameters, const char* what);

/// Blocks of `threads` for n elements, each thread taking several where there are very many.
int64_t blocks_for(int64_t n, unsigned threads, int index);

}  // namespace flambeau::cuda
