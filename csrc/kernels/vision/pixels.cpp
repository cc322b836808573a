#include "kernels/vision/pixels.h"

#include <bit>
#include <cstring>

#include "kernels/elements/clones.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

static_assert(std::endian::native == std::endian::little,
              "byte c of a pixel is bits 8 c to 8 c + 7");

// Overloads, not a template: those have no clones.
FLAMBEAU_CLONES void plane_row(const uint8_t* in, int64_t channel, int64_t width, uint8_t* out) {
  for (int64_t x = 0; x < width; ++x) {
    uint32_t pixel;
    std::memcpy(&pixel, in + 4 * x, sizeof pixel);
    out[x] = static_cast<uint8_t>(pixel >> (8 * channel));
  }
}

FLAMBEAU_CLONES void plane_row(const uint8_t* in, int64_t channel, int64_t width, float* out) {
  for (int64_t x = 0; x < width; ++x) {
    int32_t pixel;
    std::memcpy(&pixel, in + 4 * x, sizeof pixel);
    out[x] = static_cast<float>(pixel >> (8 * channel) & 255) / 255.0F;
  }
}

template <class T>
void each_row(const uint8_t* in, int64_t row, int64_t channels, int64_t height, int64_t width,
              T* out) {
  constexpr int64_t grain = 64;  // rows of a piece of work
  parallel_ranges(height, grain, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y)
      for (int64_t c = 0; c < channels; ++c)
        plane_row(in + y * row, c, width, out + (c * height + y) * width);
  });
}

}  // namespace

void planes(const uint8_t* in, int64_t row, int64_t channels, int64_t height, int64_t width,
            uint8_t* out) {
  each_row(in, row, channels, height, width, out);
}

void planes(const uint8_t* in, int64_t row, int64_t channels, int64_t height, int64_t width,
            float* out) {
  each_row(in, row, channels, height, width, out);
}

}  // namespace flambeau
