// Planes in another size, each element that of the nearest old place, and the gradient of that. Raw
// contiguous memory; any thread may call, the GIL is not touched.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "tensor/dtype.h"

namespace flambeau {

/// place[d][i] is the old place of the new one i, which never goes back.
struct NearestPlaces {
  int64_t planes;
  std::array<int64_t, 3> size;
  std::array<std::vector<int64_t>, 3> place;

  int64_t old_plane() const { return size[0] * size[1] * size[2]; }
  int64_t new_plane() const {
    return static_cast<int64_t>(place[0].size() * place[1].size() * place[2].size());
  }
};

void nearest(const NearestPlaces& places, int64_t itemsize, const void* in, void* out);

/// The same of pixels of so many bytes instead of numbers, each behind the one before it.
void nearest_pixels(const NearestPlaces& places, int64_t pixel_bytes, const void* in, void* out);

/// grad_in sums what was taken of each element. float32, float64 and complex.
void nearest_backward(const NearestPlaces& places, DType dtype, const void* grad_out,
                      void* grad_in);

}  // namespace flambeau
