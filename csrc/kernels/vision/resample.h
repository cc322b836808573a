// Images of bytes in another size, each new pixel a weighted mean of the old ones that it covers.
// Raw pointers; any thread may call, the GIL is not touched. Planes, or rows of pixels, are shared
// out to threads.
#pragma once
#include <cstdint>

namespace flambeau {

enum class Filter { triangle, cubic };

/// out (planes, out_height, out_width) from in (planes, height, width). A filter is as wide as a
/// new pixel where the image becomes smaller. Weights have 14 bits; each direction rounds once.
/// Source: Keys, "Cubic convolution interpolation", 1981, with a = -1/2, for the cubic filter.
void resample(const uint8_t* in, int64_t planes, int64_t height, int64_t width, uint8_t* out,
              int64_t out_height, int64_t out_width, Filter filter);

/// The same of pixels of four bytes, (height, width, 4), whose rows are `row` bytes apart: Pillow's
/// result to the last bit (weights of 22 bits, rounded after each direction), if it takes height
/// and width in the same order.
void resample_pixels(const uint8_t* in, int64_t row, int64_t height, int64_t width, uint8_t* out,
                     int64_t out_height, int64_t out_width, Filter filter, bool height_first);

}  // namespace flambeau
