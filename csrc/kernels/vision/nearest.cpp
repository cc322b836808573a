#include "kernels/vision/nearest.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/elements/copy.h"
#include "kernels/elements/walk.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// How often each place of a row stands in the new one, where that is the same for all; else 0.
int64_t repeats_of(const NearestPlaces& p) {
  const auto& place = p.place[2];
  const auto n = static_cast<int64_t>(place.size());
  if (n % p.size[2] != 0) return 0;
  const int64_t repeats = n / p.size[2];
  for (int64_t j = 0; j < n; ++j)
    if (place[j] != j / repeats) return 0;
  return repeats;
}

template <class Body>
void each_plane(const NearestPlaces& p, Body&& body) {
  const int64_t work = std::max<int64_t>({1, p.old_plane(), p.new_plane()});
  parallel_shares(p.planes, std::max<int64_t>(1, walk_grain / work),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t plane = begin; plane < end; ++plane) body(plane);
                  });
}

}  // namespace

void nearest(const NearestPlaces& p, int64_t itemsize, const void* in, void* out) {
  const auto width = static_cast<int64_t>(p.place[2].size());
  const int64_t repeats = repeats_of(p), *column = p.place[2].data();
  with_item_type(itemsize, [&]<class Item>() {
    auto widen = [&](const Item* __restrict from, Item* __restrict to) {
      if (repeats == 1)
        std::copy_n(from, width, to);
      else if (repeats == 2)
        for (int64_t j = 0; j < width / 2; ++j) to[2 * j] = to[2 * j + 1] = from[j];
      else
        for (int64_t j = 0; j < width; ++j) to[j] = from[column[j]];
    };
    each_plane(p, [&](int64_t plane) {
      const Item* from = static_cast<const Item*>(in) + plane * p.old_plane();
      Item* to = static_cast<Item*>(out) + plane * p.new_plane();
      const Item *made = nullptr, *of = nullptr;  // the row made last, and what of
      for (int64_t d : p.place[0])
        for (int64_t h : p.place[1]) {
          const Item* row = from + (d * p.size[1] + h) * p.size[2];
          if (row == of)
            std::copy_n(made, width, to);
          else
            widen(row, to);
          made = to, of = row;
          to += width;
        }
    });
  });
}

void nearest_pixels(const NearestPlaces& p, int64_t pixel_bytes, const void* in, void* out) {
  const int64_t width = static_cast<int64_t>(p.place[2].size()), row_bytes = width * pixel_bytes;
  const int64_t work = std::max<int64_t>({1, p.old_plane(), p.new_plane()}) * pixel_bytes;
  parallel_shares(
      p.planes, std::max<int64_t>(1, 4 * walk_grain / work), [&](int64_t begin, int64_t end) {
        for (int64_t plane = begin; plane < end; ++plane) {
          const char* from = static_cast<const char*>(in) + plane * p.old_plane() * pixel_bytes;
          char* to = static_cast<char*>(out) + plane * p.new_plane() * pixel_bytes;
          const char* of = nullptr;  // what the row before was made of
          for (int64_t d : p.place[0])
            for (int64_t h : p.place[1]) {
              const char* row = from + (d * p.size[1] + h) * p.size[2] * pixel_bytes;
              if (row == of)
                std::memcpy(to, to - row_bytes, static_cast<size_t>(row_bytes));
              else
                for (int64_t j = 0; j < width; ++j)
                  copy_short(to + j * pixel_bytes,
                             row + p.place[2][static_cast<size_t>(j)] * pixel_bytes, pixel_bytes);
              of = row;
              to += row_bytes;
            }
        }
      });
}

void nearest_backward(const NearestPlaces& p, DType dtype, const void* grad_out, void* grad_in) {
  const auto width = static_cast<int64_t>(p.place[2].size());
  const int64_t repeats = repeats_of(p), *column = p.place[2].data();
  with_scalar_type(dtype, [&]<class T>() {
    if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, complex64> ||
                  std::is_same_v<T, complex128>) {
      auto narrow = [&](const T* __restrict from, T* __restrict to) {
        if (repeats == 1)
          for (int64_t j = 0; j < width; ++j) to[j] += from[j];
        else if (repeats == 2)
          for (int64_t j = 0; j < width / 2; ++j) to[j] += from[2 * j] + from[2 * j + 1];
        else
          for (int64_t j = 0; j < width; ++j) to[column[j]] += from[j];
      };
      each_plane(p, [&](int64_t plane) {
        T* to = static_cast<T*>(grad_in) + plane * p.old_plane();
        const T* from = static_cast<const T*>(grad_out) + plane * p.new_plane();
        std::fill_n(to, p.old_plane(), T(0));
        for (int64_t d : p.place[0])
          for (int64_t h : p.place[1]) {
            narrow(from, to + (d * p.size[1] + h) * p.size[2]);
            from += width;
          }
      });
    }
  });
}

}  // namespace flambeau
