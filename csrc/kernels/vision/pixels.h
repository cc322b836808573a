// Pixels of four bytes as planes. Raw pointers; any thread may call, the GIL is not touched.
#pragma once
#include <cstdint>

namespace flambeau {

/// out (channels, height, width) from the first bytes of in (height, width, 4), whose rows are
/// `row` bytes apart: as they are, or divided by 255.
void planes(const uint8_t* in, int64_t row, int64_t channels, int64_t height, int64_t width,
            uint8_t* out);
void planes(const uint8_t* in, int64_t row, int64_t channels, int64_t height, int64_t width,
            float* out);

}  // namespace flambeau
