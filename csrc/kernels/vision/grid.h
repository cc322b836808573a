// The values of images and volumes at points between their pixels, and the gradients for both. Raw
// contiguous memory; any thread may call, the GIL is not touched. Gradients of pixels are added up
// in the order of the points: the same bits for any number of threads.
#pragma once
#include <cstdint>

namespace flambeau {

enum class GridMode { linear, nearest, cubic };
/// What lies beyond the pixels: 0, the nearest pixel, or the image again, turned round.
enum class GridPadding { zeros, border, reflection };

/// Neighbours of a point along each dimension.
constexpr int taps_of(GridMode mode) {
  return mode == GridMode::nearest ? 1 : mode == GridMode::linear ? 2 : 4;
}

struct GridShape {
  int ndim;             // of an image: 2 or 3
  int64_t sizes[3];     // of its dims
  int64_t n, channels;  // images
  int64_t points;       // of each
  GridMode mode;
  GridPadding padding;
  bool corners;  // -1 and 1 are the centres of the corner pixels, not their outer edges

  int64_t pixels() const { return sizes[0] * sizes[1] * (ndim == 3 ? sizes[2] : 1); }
  int taps() const { return taps_of(mode); }
  int neighbours() const { return ndim == 2 ? taps() * taps() : taps() * taps() * taps(); }
};

/// output (n, channels, points) of input (n, channels, pixels) at grid (n, points, ndim), the last
/// dimension's coordinate first. T: float, double.
template <class T>
void grid_sample(const GridShape& shape, const T* input, const T* grid, T* output);

/// Either gradient may be null. grad_input is written, not added to.
template <class T>
void grid_sample_backward(const GridShape& shape, const T* grad_output, const T* input,
                          const T* grid, T* grad_input, T* grad_grid);

}  // namespace flambeau
