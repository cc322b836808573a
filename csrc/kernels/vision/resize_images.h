// Resampling of images along both dims at once: each new row is mixed of old ones, and its pixels
// of that row's while it is in cache. Raw dense memory; any thread may call, the GIL is not
// touched. Work is cut by sizes alone: the same bits for any number of threads.
#pragma once
#include "kernels/vision/resize.h"

namespace flambeau {

/// The windows of both dims; null leaves a dim as it is. T: what is summed, float or double.
template <class T>
struct ImageWindows {
  int64_t in_height, in_width;
  const ResizeWindows<T>*height, *width;

  int64_t out_height() const { return height ? height->windows.out_size : in_height; }
  int64_t out_width() const { return width ? width->windows.out_size : in_width; }
};

/// Images of pixels (height, width, channels). E: T, or a half that is rounded once.
template <class T, class E>
void resize_pixels(const ImageWindows<T>& windows, int64_t images, int64_t channels, const E* in,
                   E* out);

/// Planes, as many at a time as a vector has lanes, whose elements are turned into pixels.
template <class T, class E>
void resize_planes(const ImageWindows<T>& windows, int64_t planes, const E* in, E* out);

/// Whether so many planes go faster by resize_planes than along one dim after the other: there are
/// enough for a vector, and those of a vector stay in cache.
template <class T>
bool are_small_planes(const ImageWindows<T>& windows, int64_t planes);

}  // namespace flambeau
