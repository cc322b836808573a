// Lines of a PNG as they were before they were filtered. Any thread; no GIL; each line needs the
// one before. Source: RFC 2083, section 6.
#pragma once
#include <cstdint>

namespace flambeau {

/// lines: rows of 1 + bytes bytes, the first the filter's number; out: rows of `bytes`. step: the
/// bytes of a pixel. Returns the first line whose filter is none of the five, or -1.
int64_t png_lines(const uint8_t* lines, int64_t rows, int64_t bytes, int64_t step, uint8_t* out);

}  // namespace flambeau
