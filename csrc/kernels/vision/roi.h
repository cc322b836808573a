// Features of regions of an image: each region is cut into bins, each bin becomes one number for
// each channel. Contiguous planes as raw pointers; any thread may call, the GIL is not touched.
// Bits do not depend on the number of threads.
#pragma once
#include <cstdint>

namespace flambeau {

struct RoiShape {
  int64_t n = 0, channels = 0, height = 0, width = 0;  // of the input (n, channels, height, width)
  int64_t regions = 0, rows = 0, columns = 0;          // regions, and bins of each
  double scale = 1;                                    // from coordinates of boxes to pixels
  int64_t sampling = 0;  // samples along a bin; 0 or less: one a pixel
  bool aligned = false;  // pixels are centred on half coordinates
  /// Channel (c * rows + row) * columns + column is read for bin (row, column) of result channel c.
  bool by_position = false;
  bool bilinear = true;  // means of samples, or of the pixels that a bin touches

  int64_t bins() const { return rows * columns; }
  int64_t out_channels() const { return by_position ? channels / bins() : channels; }
};

/// output (regions, out_channels, rows, columns) from input; a region is (image, x1, y1, x2, y2)
/// with an image below n.
template <class T>
void roi_mean(const RoiShape& shape, const T* input, const T* regions, T* output);

/// The transpose: grad_input, which is zero at first, from grad_output.
template <class T>
void roi_mean_backward(const RoiShape& shape, const T* grad_output, const T* regions,
                       T* grad_input);

/// The largest element of each bin and its place in the flattened plane; 0 and -1 where a bin is
/// empty.
template <class T>
void roi_max(const RoiShape& shape, const T* input, const T* regions, T* output, int64_t* places);

}  // namespace flambeau
