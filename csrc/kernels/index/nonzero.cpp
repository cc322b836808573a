#include "kernels/index/nonzero.h"

#include <bit>

#include "kernels/elements/walk.h"

namespace flambeau {
namespace {

/// Of halves by their bits: there is no instruction that compares float16.
template <class T>
[[gnu::always_inline]] inline bool is_nonzero(T x) {
  if constexpr (is_half_type<T>)
    return (std::bit_cast<uint16_t>(x) & 0x7fff) != 0;
  else
    return x != T(0);
}

/// Calls stretch(begin, end, first, last) for each counted stretch, in parallel: its results are
/// [first, last), and no more, though another thread may have written more since they were counted.
template <class Stretch>
void each_stretch(int64_t numel, const NonzeroCounts& counts, Stretch&& stretch) {
  parallel_ranges(numel, walk_grain, [&](int64_t begin, int64_t end) {
    int64_t chunk = begin / walk_grain;
    if (counts.before[chunk] != counts.before[chunk + 1])
      stretch(begin, end, counts.before[chunk], counts.before[chunk + 1]);
  });
}

/// How many of n elements, `step` apart, are not 0.
template <class T>
int64_t count(const T* p, int64_t n, int64_t step) {
  int64_t total = 0;
  if (sizeof(T) == 1 && step == 1) {
    // As many at a time as one byte counts.
    while (n > 0) {
      const int64_t some = std::min<int64_t>(n, 240);
      uint8_t part = 0;
      for (int64_t i = 0; i < some; ++i) part += is_nonzero(p[i]);
      total += part;
      p += some;
      n -= some;
    }
    return total;
  }
  if (step == 1)
    for (int64_t i = 0; i < n; ++i) total += is_nonzero(p[i]);
  else
    for (int64_t i = 0; i < n; ++i) total += is_nonzero(p[i * step]);
  return total;
}

/// The coordinates of one element after the other, of two dims and more.
class Coordinates {
 public:
  Coordinates(const Strided& self, int64_t linear) : sizes_(self.sizes), last_(self.ndim - 1) {
    for (int d = last_; d >= 0; --d) {
      at_[d] = linear % sizes_[d];
      linear /= sizes_[d];
    }
  }

  /// Those of the next n elements that are `wanted`, a row each; gives the row behind them. Where
  /// many are they are written wanted or not: on random masks a branch would be mispredicted half
  /// of the time.
  template <class Wanted>
  int64_t* write(int64_t n, int64_t* row, const int64_t* stop, int64_t row_step, int64_t dim_step,
                 Wanted&& wanted) {
    for (int64_t i = 0; i < n && row != stop;) {
      const int64_t end = i + std::min(n - i, sizes_[last_] - at_[last_]), shift = at_[last_] - i;
      auto each = [&](auto&& put) {
        for (int64_t k = i; k < end && row != stop; ++k) {
          put(k + shift);
          row += -static_cast<int64_t>(wanted(k)) & row_step;
        }
      };
      if (last_ == 1)
        each([&, outer = at_[0]](int64_t inner) {
          row[0] = outer;
          row[dim_step] = inner;
        });
      else
        each([&](int64_t inner) {
          for (int d = 0; d < last_; ++d) row[d * dim_step] = at_[d];
          row[last_ * dim_step] = inner;
        });
      at_[last_] += end - i;
      i = end;
      for (int d = last_; d > 0 && at_[d] == sizes_[d]; --d) {
        at_[d] = 0;
        ++at_[d - 1];
      }
    }
    return row;
  }

  int64_t operator[](int d) const { return at_[d]; }

 private:
  const int64_t* sizes_;
  int last_;
  int64_t at_[max_ndim];
};

}  // namespace

NonzeroCounts count_nonzero(const Strided& self) {
  Walk<1> walk(self.ndim, self.sizes, {self.strides});
  NonzeroCounts counts;
  counts.before.resize((walk.numel() + walk_grain - 1) / walk_grain + 1);
  with_scalar_type(self.dtype, [&]<class T>() {
    parallel_ranges(walk.numel(), walk_grain, [&](int64_t begin, int64_t end) {
      int64_t total = 0;
      walk.rows(begin, end, [&](const auto& at, int64_t n) {
        total += count(self.as<const T>() + at[0], n, walk.inner_stride(0));
      });
      counts.before[begin / walk_grain + 1] = total;
    });
  });
  for (size_t i = 1; i < counts.before.size(); ++i) counts.before[i] += counts.before[i - 1];
  return counts;
}

void nonzero(const Strided& out, const Strided& self, const NonzeroCounts& counts) {
  if (self.ndim == 0) return;
  Walk<1> walk(self.ndim, self.sizes, {self.strides});
  int64_t row_step = out.strides[0], dim_step = out.strides[1];
  with_scalar_type(self.dtype, [&]<class T>() {
    each_stretch(walk.numel(), counts,
                 [&](int64_t begin, int64_t end, int64_t first, int64_t last) {
                   int64_t linear = begin, step = walk.inner_stride(0);
                   Coordinates places(self, begin);
                   const bool rare = (last - first) * 16 < end - begin;
                   int64_t *row = out.as<int64_t>() + first * row_step,
                           *stop = out.as<int64_t>() + last * row_step;
                   walk.rows(begin, end, [&](const auto& at, int64_t n) {
                     const T* p = self.as<T>() + at[0];
                     if (self.ndim == 1) {
                       for (int64_t i = 0; i < n && row != stop; ++i) {
                         *row = linear + i;
                         row += -static_cast<int64_t>(is_nonzero(p[i * step])) & row_step;
                       }
                       linear += n;
                       return;
                     }
                     auto wanted = [&](int64_t i) { return is_nonzero(p[i * step]); };
                     if (!rare) row = places.write(n, row, stop, row_step, dim_step, wanted);
                     for (int64_t i = 0; rare && i < n && row != stop; ++i) {
                       if (!wanted(i)) continue;
                       const Coordinates at_i(self, linear + i);
                       for (int d = 0; d < self.ndim; ++d) row[d * dim_step] = at_i[d];
                       row += row_step;
                     }
                     linear += n;
                   });
                   for (; row != stop; row += row_step)  // what another thread has taken away
                     for (int d = 0; d < self.ndim; ++d) row[d * dim_step] = 0;
                 });
  });
}

void masked_select(const Strided& out, const Strided& self, const Strided& mask,
                   const NonzeroCounts& counts) {
  Walk<2> walk(self.ndim, self.sizes, {self.strides, mask.strides});
  int64_t out_step = out.strides[0];
  with_item_type(itemsize(self.dtype), [&]<class Item>() {
    each_stretch(
        walk.numel(), counts, [&](int64_t begin, int64_t end, int64_t first, int64_t last) {
          Item *to = out.as<Item>() + first * out_step, *stop = out.as<Item>() + last * out_step;
          int64_t self_step = walk.inner_stride(0), mask_step = walk.inner_stride(1);
          walk.rows(begin, end, [&](const auto& at, int64_t n) {
            const Item* from = self.as<Item>() + at[0];
            const Truth* keep = mask.as<const Truth>() + at[1];
            // Written whether kept or not: on random masks a branch would be mispredicted half of
            // the time.
            for (int64_t i = 0; i < n && to != stop; ++i) {
              *to = from[i * self_step];
              to += -static_cast<int64_t>(keep[i * mask_step]) & out_step;
            }
          });
          for (; to != stop; to += out_step) *to = Item{};
        });
  });
}

namespace {

/// to[i] = from[taken++] for the i that are written, until `last` is reached; without a branch, for
/// masks can't be foreseen.
template <class Item>
void write_some(Item* to, const Item* from, const Truth* write, int64_t n, int64_t& taken,
                int64_t last) {
  constexpr int64_t block = 256;
  uint8_t ones[block];  // made of a block at a time, as vectors
  for (int64_t i0 = 0; i0 < n && taken < last; i0 += block) {
    const int64_t some = std::min(block, n - i0);
    for (int64_t i = 0; i < some; ++i) ones[i] = write[i0 + i];
    for (int64_t i = 0; i < some && taken < last; ++i) {
      Item& item = to[i0 + i];
      item = static_cast<Item>(item ^ ((item ^ from[taken]) & -static_cast<Item>(ones[i])));
      taken += ones[i];
    }
  }
}

}  // namespace

void masked_scatter(const Strided& self, const Strided& mask, const Strided& source,
                    const NonzeroCounts& counts) {
  Walk<2> walk(self.ndim, self.sizes, {self.strides, mask.strides});
  int64_t source_step = source.strides[0];
  with_item_type(itemsize(self.dtype), [&]<class Item>() {
    each_stretch(walk.numel(), counts,
                 [&](int64_t begin, int64_t end, int64_t first, int64_t last) {
                   int64_t taken = first;
                   int64_t self_step = walk.inner_stride(0), mask_step = walk.inner_stride(1);
                   walk.rows(begin, end, [&](const auto& at, int64_t n) {
                     Item* to = self.as<Item>() + at[0];
                     const Truth* write = mask.as<const Truth>() + at[1];
                     if constexpr (std::is_integral_v<Item>)
                       if (self_step == 1 && mask_step == 1 && source_step == 1)
                         return write_some(to, source.as<Item>(), write, n, taken, last);
                     for (int64_t i = 0; i < n && taken < last; ++i) {
                       if (!write[i * mask_step]) continue;
                       to[i * self_step] = source.as<Item>()[taken * source_step];
                       ++taken;
                     }
                   });
                 });
  });
}

}  // namespace flambeau
