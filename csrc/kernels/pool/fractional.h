// Maxima of windows at steps between two whole numbers, other ones for each plane. As pool.h: any
// thread, no GIL, bits that do not depend on the number of threads.
// Source: Graham, "Fractional max-pooling", 2014, arXiv:1412.6071.
#pragma once
#include <cstdint>

#include "tensor/dtype.h"

namespace flambeau {

/// Planes (D, H, W); of two dims D is absent, of size 1. `samples` has a number from 0 to 1 for
/// each dim of each plane: of two dims that of W first, else that of D.
struct FractionalShape {
  DType dtype;
  int64_t n_planes;
  int dims;
  int64_t in[3], out[3], kernel[3];
};

/// output = the largest element of each window, the first NaN if it has one; indices = its position
/// in the flattened plane, the first of equals. False where a sample puts a window beyond its
/// plane.
bool fractional_max_pool(const FractionalShape& shape, const void* input, const void* samples,
                         void* output, int64_t* indices);

}  // namespace flambeau
