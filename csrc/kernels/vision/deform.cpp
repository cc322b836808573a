#include "kernels/vision/deform.h"

#include <cmath>
#include <vector>

#include "runtime/threads.h"

namespace flambeau {

namespace {

/// One tap at one place: its four neighbours, -1 for one outside, and the shares of the lower
/// right.
template <class T>
struct Corner {
  int64_t at[4];  // upper left, upper right, lower left, lower right
  T down, right;

  Corner(const DeformShape& shape, int64_t tap, int64_t place, const T* offset) {
    const int64_t i = place / shape.out[1], j = place % shape.out[1];
    const int64_t ki = tap / shape.kernel[1], kj = tap % shape.kernel[1];
    const T y = static_cast<T>(i * shape.stride[0] - shape.padding[0] + ki * shape.dilation[0]) +
                offset[place];
    const T x = static_cast<T>(j * shape.stride[1] - shape.padding[1] + kj * shape.dilation[1]) +
                offset[shape.places() + place];
    at[0] = at[1] = at[2] = at[3] = -1;
    down = right = 0;
    const auto height = static_cast<T>(shape.height), width = static_cast<T>(shape.width);
    if (!(y > -1 && y < height && x > -1 && x < width)) return;
    const auto top = static_cast<int64_t>(std::floor(y)),
               left = static_cast<int64_t>(std::floor(x));
    down = y - static_cast<T>(top);
    right = x - static_cast<T>(left);
    for (int64_t a = 0; a < 2; ++a)
      for (int64_t b = 0; b < 2; ++b) {
        const int64_t row = top + a, column = left + b;
        if (row >= 0 && row < shape.height && column >= 0 && column < shape.width)
          at[2 * a + b] = row * shape.width + column;
      }
  }

  T weight(int corner) const {
    return (corner & 2 ? down : 1 - down) * (corner & 1 ? right : 1 - right);
  }
  T value(const T* plane, int corner) const { return at[corner] < 0 ? T(0) : plane[at[corner]]; }
  T bilinear(const T* plane) const {
    T sum = 0;
    for (int c = 0; c < 4; ++c) sum += weight(c) * value(plane, c);
    return sum;
  }
  /// By y and by x.
  T slope_down(const T* plane) const {
    return right * (value(plane, 3) - value(plane, 1)) +
           (1 - right) * (value(plane, 2) - value(plane, 0));
  }
  T slope_right(const T* plane) const {
    return down * (value(plane, 3) - value(plane, 2)) +
           (1 - down) * (value(plane, 1) - value(plane, 0));
  }
};

/// Calls body(image and group, tap, corners of all places, mask of the tap or null).
template <class T, class Body>
void over_taps(const DeformShape& shape, const T* offset, const T* mask, Body&& body) {
  const int64_t taps = shape.taps(), places = shape.places();
  parallel_for(shape.n * shape.groups * taps, [&](int64_t chunk) {
    std::vector<Corner<T>> corners;
    corners.reserve(static_cast<size_t>(places));
    for (int64_t p = 0; p < places; ++p)
      corners.emplace_back(shape, chunk % taps, p, offset + chunk * 2 * places);
    body(chunk / taps, chunk % taps, corners.data(), mask ? mask + chunk * places : nullptr);
  });
}

}  // namespace

template <class T>
void deform_columns(const DeformShape& shape, const T* input, const T* offset, const T* mask,
                    T* columns) {
  const int64_t taps = shape.taps(), places = shape.places(), own = shape.channels / shape.groups;
  const int64_t plane = shape.height * shape.width;
  over_taps(shape, offset, mask,
            [&](int64_t group, int64_t tap, const Corner<T>* corners, const T* factor) {
              for (int64_t c = group * own; c < (group + 1) * own; ++c) {
                const T* from = input + c * plane;  // c counts the channels of all images
                T* to = columns + (c * taps + tap) * places;
                for (int64_t p = 0; p < places; ++p)
                  to[p] = corners[p].bilinear(from) * (factor ? factor[p] : T(1));
              }
            });
}

template <class T>
void deform_columns_backward(const DeformShape& shape, const T* grad, const T* input,
                             const T* offset, const T* mask, T* grad_input, T* grad_offset,
                             T* grad_mask) {
  const int64_t taps = shape.taps(), places = shape.places(), own = shape.channels / shape.groups;
  const int64_t plane = shape.height * shape.width;
  over_taps(shape, offset, mask,
            [&](int64_t group, int64_t tap, const Corner<T>* corners, const T* factor) {
              T* to = grad_offset + (group * taps + tap) * 2 * places;
              T* to_mask = grad_mask ? grad_mask + (group * taps + tap) * places : nullptr;
              for (int64_t p = 0; p < places; ++p) {
                T down = 0, right = 0, value = 0;
                for (int64_t c = group * own; c < (group + 1) * own; ++c) {
                  const T g = grad[(c * taps + tap) * places + p];
                  const T* from = input + c * plane;
                  down += g * corners[p].slope_down(from);
                  right += g * corners[p].slope_right(from);
                  value += g * corners[p].bilinear(from);
                }
                to[p] = down * (factor ? factor[p] : T(1));
                to[places + p] = right * (factor ? factor[p] : T(1));
                if (to_mask) to_mask[p] = value;
              }
            });
  // A plane of the input is written by one thread alone.
  parallel_for(shape.n * shape.channels, [&](int64_t c) {
    const int64_t group = c / own;
    T* to = grad_input + c * plane;
    for (int64_t tap = 0; tap < taps; ++tap) {
      const T* from = grad + (c * taps + tap) * places;
      const T* factor = mask ? mask + (group * taps + tap) * places : nullptr;
      for (int64_t p = 0; p < places; ++p) {
        Corner<T> corner(shape, tap, p, offset + (group * taps + tap) * 2 * places);
        for (int k = 0; k < 4; ++k)
          if (corner.at[k] >= 0)
            to[corner.at[k]] += from[p] * corner.weight(k) * (factor ? factor[p] : T(1));
      }
    }
  });
}

template void deform_columns(const DeformShape&, const float*, const float*, const float*, float*);
template void deform_columns(const DeformShape&, const double*, const double*, const double*,
                             double*);
template void deform_columns_backward(const DeformShape&, const float*, const float*, const float*,
                                      const float*, float*, float*, float*);
template void deform_columns_backward(const DeformShape&, const double*, const double*,
                                      const double*, const double*, double*, double*, double*);

}  // namespace flambeau
