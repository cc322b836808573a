// Images of bytes in another size, each new pixel a weighted mean of the old ones that it covers.
// Planes as raw pointers; any thread may call, the GIL is not touched. Planes are shared out to
// threads.
#pragma once
#include <cstdint>

namespace flambeau {

enum class Filter { triangle, cubic };

/// out (planes, out_height, out_width) from in (planes, height, width). A filter is as wide as a
/// new pixel where the image becomes smaller. Weights have 14 bits; each direction rounds once.
/// Source: Keys, "Cubic convolution interpolation", 1981, with a = -1/2, for the cubic filter.
void resample(const uint8_t* in, int64_t planes, int64_t height, int64_t width, uint8_t* out,
              int64_t out_height, int64_t out_width, Filter filter);

}  // namespace flambeau
