#include "kernels/elements/unfold.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/elements/copy.h"
#include "kernels/elements/walk.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// The windows [begin, end) of one dim whose tap k lies inside, and where that of the first does.
struct Reach {
  int64_t begin, end, at;

  Reach(const Unfolding& u, int d, int64_t k) {
    const int64_t shift = k * u.dilation[d] - u.padding[d];
    begin = std::clamp<int64_t>(ceil_div(-shift, u.stride[d]), 0, u.count[d]);
    end = std::clamp<int64_t>(ceil_div(u.size[d] - shift, u.stride[d]), begin, u.count[d]);
    at = begin * u.stride[d] + shift;
  }
};

/// row(first element of the plane's row, first of the column's, windows) for each row of tap (y,
/// x).
template <class Row>
void each_row(const Unfolding& u, const Reach& y, const Reach& x, Row&& row) {
  for (int64_t i = y.begin; i < y.end; ++i)
    row((y.at + (i - y.begin) * u.stride[0]) * u.size[1] + x.at, i * u.count[1] + x.begin,
        x.end - x.begin);
}

}  // namespace

void unfold(const Unfolding& u, int64_t itemsize, const void* images, void* columns) {
  const int64_t windows = u.count[0] * u.count[1], taps = u.kernel[0] * u.kernel[1];
  const int64_t plane = u.size[0] * u.size[1];
  with_item_type(itemsize, [&]<class Item>() {
    const auto grain = std::max<int64_t>(1, walk_grain / std::max<int64_t>(1, windows));
    parallel_shares(u.planes * taps, grain, [&](int64_t begin, int64_t end) {
      for (int64_t column = begin; column < end; ++column) {
        const int64_t tap = column % taps;
        const Reach y(u, 0, tap / u.kernel[1]), x(u, 1, tap % u.kernel[1]);
        const Item* from = static_cast<const Item*>(images) + column / taps * plane;
        Item* to = static_cast<Item*>(columns) + column * windows;
        if (x.end - x.begin < u.count[1] || y.end - y.begin < u.count[0])
          std::memset(static_cast<void*>(to), 0, windows * sizeof(Item));
        const int64_t step = u.stride[1];
        if (step == 1)
          each_row(u, y, x,
                   [&](int64_t at, int64_t i, int64_t n) { copy_short(to + i, from + at, n); });
        else
          each_row(u, y, x, [&](int64_t at, int64_t i, int64_t n) {
            for (int64_t j = 0; j < n; ++j) to[i + j] = from[at + j * step];
          });
      }
    });
  });
}

void fold(const Unfolding& u, DType dtype, const void* columns, void* images) {
  const int64_t windows = u.count[0] * u.count[1], taps = u.kernel[0] * u.kernel[1];
  const int64_t plane = u.size[0] * u.size[1];
  with_scalar_type(dtype, [&]<class T>() {
    if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, complex64> ||
                  std::is_same_v<T, complex128>) {
      const auto grain = std::max<int64_t>(1, walk_grain / std::max<int64_t>(1, windows * taps));
      parallel_shares(u.planes, grain, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          T* __restrict to = static_cast<T*>(images) + p * plane;
          std::fill_n(to, plane, T(0));
          for (int64_t tap = 0; tap < taps; ++tap) {
            const Reach y(u, 0, tap / u.kernel[1]), x(u, 1, tap % u.kernel[1]);
            const T* from = static_cast<const T*>(columns) + (p * taps + tap) * windows;
            const int64_t step = u.stride[1];
            if (step == 1)
              each_row(u, y, x, [&](int64_t at, int64_t i, int64_t n) {
                for (int64_t j = 0; j < n; ++j) to[at + j] += from[i + j];
              });
            else
              each_row(u, y, x, [&](int64_t at, int64_t i, int64_t n) {
                for (int64_t j = 0; j < n; ++j) to[at + j * step] += from[i + j];
              });
          }
        }
      });
    }
  });
}

}  // namespace flambeau
