#include "kernels/vision/png.h"

#include <cstdlib>
#include <vector>

namespace flambeau {

namespace {

/// Which of left, above and their corner is nearest to left + above - corner.
int nearest(int left, int above, int corner) {
  const int guess = left + above - corner;
  const int to_left = std::abs(guess - left), to_above = std::abs(guess - above),
            to_corner = std::abs(guess - corner);
  if (to_left <= to_above && to_left <= to_corner) return left;
  return to_above <= to_corner ? above : corner;
}

}  // namespace

int64_t png_lines(const uint8_t* lines, int64_t rows, int64_t bytes, int64_t step, uint8_t* out) {
  const std::vector<uint8_t> blank(static_cast<size_t>(bytes), 0);
  const uint8_t* above = blank.data();
  for (int64_t row = 0; row < rows; ++row) {
    const uint8_t* from = lines + row * (bytes + 1);
    const int filter = *from++;
    if (filter > 4) return row;
    uint8_t* to = out + row * bytes;
    for (int64_t i = 0; i < bytes; ++i) {
      const int left = i < step ? 0 : to[i - step], corner = i < step ? 0 : above[i - step];
      int guess = 0;
      switch (filter) {
        case 1: guess = left; break;
        case 2: guess = above[i]; break;
        case 3: guess = (left + above[i]) / 2; break;
        case 4: guess = nearest(left, above[i], corner); break;
        default: break;
      }
      to[i] = static_cast<uint8_t>(from[i] + guess);
    }
    above = to;
  }
  return -1;
}

}  // namespace flambeau
