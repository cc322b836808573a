#include "kernels/elements/border.h"

#include <algorithm>
#include <cstring>

#include "kernels/elements/copy.h"
#include "kernels/elements/walk.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// fn(plane of the input, plane of the padded one), first elements, in threads.
template <class F>
void each_plane(const Border& b, F&& fn) {
  const int64_t inner = b.size[0] * b.size[1] * b.size[2];
  const int64_t outer =
      static_cast<int64_t>(b.source[0].size() * b.source[1].size() * b.source[2].size());
  // Rows are short, and their ends are put together one by one: twice the work of a copy.
  const int64_t grain = std::max<int64_t>(1, walk_grain / 2 / std::max<int64_t>(1, outer));
  parallel_shares(b.planes, grain, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) fn(p * inner, p * outer);
  });
}

/// fn(row of the input, row of the padded one) for every row of a plane.
template <class F>
void each_row(const Border& b, F&& fn) {
  const int64_t width = static_cast<int64_t>(b.source[2].size());
  int64_t row = 0;
  for (int64_t i : b.source[0])
    for (int64_t j : b.source[1]) fn((i * b.size[1] + j) * b.size[2], width * row++);
}

/// A call moves whole lines by the widest vectors there are, which pays from one line on.
template <class Item>
void copy_row(Item* to, const Item* from, int64_t n) {
  if (n * sizeof(Item) < 64)
    copy_short(to, from, n);
  else
    std::memcpy(to, from, n * sizeof(Item));
}

}  // namespace

void add_constant_border(const ConstantBorder& b, int64_t itemsize, const void* value,
                         const void* in, void* out) {
  with_item_type(itemsize, [&]<class Item>() {
    Item item;
    std::memcpy(&item, value, sizeof(Item));
    std::array<int64_t, 3> wide;
    for (int d = 0; d < 3; ++d) wide[d] = b.before[d] + b.size[d] + b.after[d];
    const int64_t inner = b.size[0] * b.size[1] * b.size[2], row = wide[2],
                  outer = wide[0] * wide[1] * row;
    auto fill = [&](Item*& to, int64_t n) {
      std::fill_n(to, n, item);
      to += n;
    };
    parallel_shares(b.planes, std::max<int64_t>(1, walk_grain / std::max<int64_t>(1, outer)),
                    [&](int64_t begin, int64_t end) {
                      const Item* from = static_cast<const Item*>(in) + begin * inner;
                      Item* to = static_cast<Item*>(out) + begin * outer;
                      for (int64_t p = begin; p < end; ++p) {
                        fill(to, b.before[0] * wide[1] * row);
                        for (int64_t i = 0; i < b.size[0]; ++i) {
                          fill(to, b.before[1] * row);
                          for (int64_t j = 0; j < b.size[1]; ++j) {
                            fill(to, b.before[2]);
                            copy_row(to, from, b.size[2]);
                            to += b.size[2];
                            from += b.size[2];
                            fill(to, b.after[2]);
                          }
                          fill(to, b.after[1] * row);
                        }
                        fill(to, b.after[0] * wide[1] * row);
                      }
                    });
  });
}

/// One plane. A function of its own, whose few numbers stay in registers.
template <class Item>
[[gnu::noinline]] static void add_border(const Border& b, const Item* in, Item* out) {
  const int64_t *source = b.source[2].data(), *last = source + b.source[2].size();
  const auto [before, length] = b.inside[2];
  const int64_t *inside = source + before, *after = inside + length;
  const int64_t shift = length ? *inside : 0;
  for (int64_t i : b.source[0])
    for (int64_t j : b.source[1]) {
      const Item* x = in + (i * b.size[1] + j) * b.size[2];
      for (const int64_t* k = source; k < inside; ++k) *out++ = x[*k];
      if (length) copy_row(out, x + shift, length);
      out += length;
      for (const int64_t* k = after; k < last; ++k) *out++ = x[*k];
    }
}

void add_border(const Border& b, int64_t itemsize, const void* in, void* out) {
  with_item_type(itemsize, [&]<class Item>() {
    each_plane(b, [&](int64_t from, int64_t to) {
      add_border(b, static_cast<const Item*>(in) + from, static_cast<Item*>(out) + to);
    });
  });
}

void fold_border(const Border& b, DType dtype, const void* in, void* out) {
  with_scalar_type(dtype, [&]<class T>() {
    if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, complex64> ||
                  std::is_same_v<T, complex128>) {
      const int64_t* source = b.source[2].data();
      const int64_t width = static_cast<int64_t>(b.source[2].size());
      const int64_t plane = b.size[0] * b.size[1] * b.size[2];
      const auto [first, length] = b.inside[2];
      each_plane(b, [&](int64_t to, int64_t from) {
        std::fill_n(static_cast<T*>(out) + to, plane, T(0));
        each_row(b, [&](int64_t to_row, int64_t from_row) {
          T* y = static_cast<T*>(out) + to + to_row;
          const T* x = static_cast<const T*>(in) + from + from_row;
          for (int64_t k = 0; k < first; ++k) y[source[k]] += x[k];
          T* middle = length ? y + source[first] : y;
          for (int64_t k = 0; k < length; ++k) middle[k] += x[first + k];
          for (int64_t k = first + length; k < width; ++k) y[source[k]] += x[k];
        });
      });
    }
  });
}

}  // namespace flambeau
