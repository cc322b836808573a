#include "kernels/elements/move.h"

#include <utility>
#include <vector>

#include "kernels/elements/clones.h"
#include "kernels/elements/copy.h"
#include "kernels/elements/join.h"
#include "kernels/elements/walk.h"

namespace flambeau {
namespace {

/// to[i] = from[-i], turned in registers.
template <class Item>
[[gnu::always_inline]] inline void reverse(Item* to, const Item* from, int64_t n) {
  constexpr int lanes = 32 / sizeof(Item);
  typedef Item Vector __attribute__((vector_size(32)));
  auto turn = [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    // From the last: memory is read forwards, as it is fetched ahead.
    for (; n >= lanes; n -= lanes) {
      Vector v;
      std::memcpy(&v, from - (n - 1), sizeof v);
      v = __builtin_shufflevector(v, v, (lanes - 1 - I)...);
      std::memcpy(to + n - lanes, &v, sizeof v);
    }
  };
  turn(std::make_integer_sequence<int, lanes>{});
  for (int64_t i = 0; i < n; ++i) to[i] = from[-i];
}
FLAMBEAU_CLONES void copy_reversed(uint8_t* to, const uint8_t* from, int64_t n) {
  reverse(to, from, n);
}
FLAMBEAU_CLONES void copy_reversed(uint16_t* to, const uint16_t* from, int64_t n) {
  reverse(to, from, n);
}
FLAMBEAU_CLONES void copy_reversed(uint32_t* to, const uint32_t* from, int64_t n) {
  reverse(to, from, n);
}
FLAMBEAU_CLONES void copy_reversed(uint64_t* to, const uint64_t* from, int64_t n) {
  reverse(to, from, n);
}
void copy_reversed(Item16* to, const Item16* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = from[-i];
}

/// to[i] = from[2 i]: a step that the compiler knows makes vectors of it.
template <class Item>
void copy_every_second(Item* __restrict to, const Item* __restrict from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = from[2 * i];
}

/// The dims of both sides, that with the shortest steps in the result last, so that rows are as
/// long as they can be whatever the order of memory. Those along which self steps by -1 and the
/// result does not are read forwards.
struct Ordered {
  Ordered(const Strided& out, const Strided& self) : to(out.data), from(self.data) {
    const int64_t size_of_item = itemsize(self.dtype);
    for (int d = 0; d < self.ndim; ++d) {
      const int64_t size = self.sizes[d];
      if (size == 1) continue;
      int64_t out_step = out.strides[d], self_step = self.strides[d];
      if (self_step == -1 && out_step != 1) {
        to = static_cast<char*>(to) + (size - 1) * out_step * size_of_item;
        from = static_cast<char*>(from) - (size - 1) * size_of_item;
        out_step = -out_step;
        self_step = 1;
      }
      int at = ndim++;
      for (; at > 0 && std::abs(out_steps[at - 1]) < std::abs(out_step); --at) {
        sizes[at] = sizes[at - 1];
        out_steps[at] = out_steps[at - 1];
        self_steps[at] = self_steps[at - 1];
      }
      sizes[at] = size;
      out_steps[at] = out_step;
      self_steps[at] = self_step;
    }
  }

  void *to, *from;
  int ndim = 0;
  int64_t sizes[max_long_dims], out_steps[max_long_dims], self_steps[max_long_dims];
};

/// out = self, neither empty; strides may be negative.
void copy_block(const Strided& out, const Strided& self) {
  const Ordered dims(out, self);
  const Strided to{dims.to, out.dtype, dims.ndim, dims.sizes, dims.out_steps};
  const Strided from{dims.from, self.dtype, dims.ndim, dims.sizes, dims.self_steps};
  if (copy_turned(to, from) || copy_runs(to, from)) return;
  constexpr int64_t block = 256;
  with_item_type(itemsize(self.dtype), [&]<class Item>() {
    Walk<2> walk(dims.ndim, dims.sizes, {dims.out_steps, dims.self_steps});
    int64_t out_step = walk.inner_stride(0), self_step = walk.inner_stride(1);
    walk.shared_rows(walk_grain, [&](const auto& at, int64_t n) {
      Item* to = static_cast<Item*>(dims.to) + at[0];
      const Item* from = static_cast<const Item*>(dims.from) + at[1];
      if (out_step == 1 && self_step == 1 && n * sizeof(Item) <= 512)
        copy_short(to, from, n);
      else if (out_step == 1 && self_step == 1)
        std::memcpy(to, from, n * sizeof(Item));
      else if (out_step == 1 && self_step == -1)
        copy_reversed(to, from, n);
      else if (out_step == 1 && self_step == 0)
        std::fill_n(to, n, *from);
      else if (out_step == 1 && self_step == 2)
        copy_every_second(to, from, n);
      else if (out_step == 1 && self_step == -2)
        for (int64_t i = 0; i < n; i += block) {
          const int64_t count = std::min(n - i, block);
          Item room[block];
          copy_every_second(room, from - 2 * (i + count - 1), count);
          copy_reversed(to + i, room + count - 1, count);
        }
      else
        for (int64_t i = 0; i < n; ++i) to[i * out_step] = from[i * self_step];
    });
  });
}

/// Copies the blocks that rolling dims[k...] cuts self into: before and after the seam of each dim.
/// `sizes` are those of both, and change on the way.
void roll_blocks(const Strided& out, const Strided& self, int64_t* sizes, int n_dims,
                 const int* dims, const int64_t* shifts) {
  if (n_dims == 0) return copy_block(out, self);
  int dim = dims[0];
  int64_t size = sizes[dim];
  if (size == 0) return;
  int64_t shift = (shifts[0] % size + size) % size;
  auto part = [&](int64_t to, int64_t from, int64_t length) {
    const int64_t bytes = itemsize(self.dtype);
    sizes[dim] = length;
    roll_blocks(
        {out.as<char>() + to * out.strides[dim] * bytes, out.dtype, out.ndim, sizes, out.strides},
        {self.as<char>() + from * self.strides[dim] * bytes, self.dtype, self.ndim, sizes,
         self.strides},
        sizes, n_dims - 1, dims + 1, shifts + 1);
  };
  part(shift, 0, size - shift);
  if (shift > 0) part(0, size - shift, shift);
  sizes[dim] = size;
}

/// Along one dim each block of the dims from there on is two parts of one of self. False, and
/// nothing is done, where these are few and long, or do not lie one behind the other.
bool roll_rows(const Strided& out, const Strided& self, int dim, int64_t shift) {
  constexpr int64_t most_bytes = 1 << 18;
  int64_t rows = 1, inner = itemsize(self.dtype);
  for (int d = 0; d < dim; ++d) rows *= self.sizes[d];
  for (int d = dim + 1; d < self.ndim; ++d) inner *= self.sizes[d];
  const int64_t size = self.sizes[dim], width = size * inner;
  if (width == 0 || (rows > 1 && width > most_bytes) || !is_contiguous(out) || !is_contiguous(self))
    return false;
  const int64_t seam = (shift % size + size) % size * inner;
  const char* from = self.as<const char>();
  const JoinPart parts[] = {{from + width - seam, seam, width}, {from, width - seam, width}};
  join_rows(out.data, parts, 2, rows);
  return true;
}

struct Shift {
  int dim;
  int64_t by;  // in [0, size)
};

/// The dims from `first` on of contiguous memory, in one pass: each but the last of shifts, whose
/// dims ascend, exchanges two blocks, in which the others are rolled. `length` is the size of
/// dims[first], of which a block has fewer than self.
void roll_nested(char* out, const char* in, const Strided& self, int first, int64_t length,
                 const Shift* shifts, int n) {
  const auto [dim, by] = *shifts;
  int64_t rows = 1, inner = itemsize(self.dtype);
  for (int d = first; d < dim; ++d) rows *= d == first ? length : self.sizes[d];
  for (int d = dim + 1; d < self.ndim; ++d) inner *= self.sizes[d];
  const int64_t size = dim == first ? length : self.sizes[dim], width = size * inner;
  if (n == 1) {
    const int64_t seam = by * inner;
    const JoinPart parts[] = {{in + width - seam, seam, width}, {in, width - seam, width}};
    return join_rows(out, parts, 2, rows);
  }
  parallel_shares(rows, std::max<int64_t>(1, walk_grain * 4 / width), [&](int64_t r, int64_t end) {
    for (; r < end; ++r) {
      char* to = out + r * width;
      const char* from = in + r * width;
      roll_nested(to + by * inner, from, self, dim, size - by, shifts + 1, n - 1);
      if (by) roll_nested(to, from + (size - by) * inner, self, dim, by, shifts + 1, n - 1);
    }
  });
}

/// The same for all of several dims. False, and nothing is done, as of roll_rows.
bool roll_several(const Strided& out, const Strided& self, int n, const int* dims,
                  const int64_t* by) {
  constexpr int64_t most_bytes = 1 << 18;
  if (self.numel() == 0 || !is_contiguous(out) || !is_contiguous(self)) return false;
  Shift shifts[max_ndim];
  for (int i = 0; i < n; ++i) {
    const int64_t size = self.sizes[dims[i]];
    int at = i;
    for (; at > 0 && shifts[at - 1].dim > dims[i]; --at) shifts[at] = shifts[at - 1];
    shifts[at] = {dims[i], (by[i] % size + size) % size};
  }
  int64_t width = itemsize(self.dtype);
  for (int d = shifts[n - 1].dim; d < self.ndim; ++d) width *= self.sizes[d];
  if (width > most_bytes) return false;
  roll_nested(out.as<char>(), self.as<const char>(), self, 0, self.sizes[0], shifts, n);
  return true;
}

}  // namespace

void flip(const Strided& out, const Strided& self, int n_dims, const int* dims) {
  int64_t strides[max_ndim], offset = 0;
  std::copy(self.strides, self.strides + self.ndim, strides);
  if (self.numel() == 0) return;
  for (int k = 0; k < n_dims; ++k) {
    offset += (self.sizes[dims[k]] - 1) * self.strides[dims[k]];
    strides[dims[k]] = -self.strides[dims[k]];
  }
  const Strided turned = {self.as<char>() + offset * itemsize(self.dtype), self.dtype, self.ndim,
                          self.sizes, strides};
  if (!copy_few(out, turned)) copy_block(out, turned);
}

void roll(const Strided& out, const Strided& self, int n_dims, const int* dims,
          const int64_t* shifts) {
  if (n_dims == 1 && roll_rows(out, self, dims[0], shifts[0])) return;
  if (n_dims > 1 && roll_several(out, self, n_dims, dims, shifts)) return;
  int64_t sizes[max_ndim];
  std::copy(self.sizes, self.sizes + self.ndim, sizes);
  if (self.numel() == 0) return;
  roll_blocks({out.data, out.dtype, out.ndim, sizes, out.strides},
              {self.data, self.dtype, self.ndim, sizes, self.strides}, sizes, n_dims, dims, shifts);
}

void triangle(const Strided& out, const Strided& self, bool upper, int64_t diagonal) {
  const int last = self.ndim - 1;
  const int64_t rows = self.sizes[last - 1], columns = self.sizes[last];
  if (self.numel() == 0) return;
  with_item_type(itemsize(self.dtype), [&]<class Item>() {
    const int64_t step = self.strides[last];
    auto keep = [&](Item* to, const Item* from, int64_t begin, int64_t end) {
      if (step == 1)
        std::memcpy(to + begin, from + begin, (end - begin) * sizeof(Item));
      else
        for (int64_t i = begin; i < end; ++i) to[i] = from[i * step];
    };
    auto clear = [&](Item* to, int64_t begin, int64_t end) {
      std::memset(static_cast<void*>(to + begin), 0, (end - begin) * sizeof(Item));
    };
    parallel_shares(self.numel() / columns, std::max<int64_t>(1, walk_grain / columns),
                    [&](int64_t first, int64_t end) {
                      for (int64_t unit = first; unit < end; ++unit) {
                        const int64_t row = unit % rows;
                        int64_t rest = unit, at = 0;
                        for (int d = last - 1; d >= 0; --d) {
                          at += rest % self.sizes[d] * self.strides[d];
                          rest /= self.sizes[d];
                        }
                        Item* to = out.as<Item>() + unit * columns;
                        const Item* from = self.as<Item>() + at;
                        const int64_t on = std::clamp(diagonal, -rows, columns) + row;
                        const int64_t cut = std::clamp<int64_t>(upper ? on : on + 1, 0, columns);
                        if (upper) {
                          clear(to, 0, cut);
                          keep(to, from, cut, columns);
                        } else {
                          keep(to, from, 0, cut);
                          clear(to, cut, columns);
                        }
                      }
                    });
  });
}

void triangle_places(int64_t* out, int64_t count, int64_t rows, int64_t columns, int64_t offset,
                     bool upper) {
  offset = std::clamp(offset, -rows, columns);
  auto first = [&](int64_t r) { return upper ? std::clamp<int64_t>(r + offset, 0, columns) : 0; };
  auto end = [&](int64_t r) {
    return upper ? columns : std::clamp<int64_t>(r + offset + 1, 0, columns);
  };
  // Rows without a place are left out: the matrix may be long, its triangle small.
  const int64_t top = upper ? 0 : std::max<int64_t>(0, -offset);
  const int64_t bottom = upper ? std::min(rows, columns - offset) : rows;
  // As many rows at a time as are worth a task; how many places come before them.
  const int64_t some = std::max<int64_t>(1, walk_grain / std::max<int64_t>(1, columns));
  std::vector<int64_t> begins;
  int64_t before = 0;
  for (int64_t r = top; r < bottom; before += end(r) - first(r), ++r)
    if ((r - top) % some == 0) begins.push_back(before);
  parallel_for(static_cast<int64_t>(begins.size()), [&](int64_t task) {
    int64_t *row = out + begins[task], *column = row + count;
    const int64_t begin = top + task * some, stop = std::min(bottom, begin + some);
    for (int64_t r = begin; r < stop; ++r) {
      const int64_t from = first(r), n = end(r) - from;
      for (int64_t i = 0; i < n; ++i) row[i] = r;
      for (int64_t i = 0; i < n; ++i) column[i] = from + i;
      row += n;
      column += n;
    }
  });
}

void embed_diagonal(const Strided& out, const Strided& self, int64_t diagonal) {
  const int64_t n = out.sizes[out.ndim - 1], length = self.sizes[self.ndim - 1];
  if (out.numel() == 0) return;
  const int64_t above = std::max<int64_t>(diagonal, 0), below = std::max<int64_t>(-diagonal, 0);
  with_item_type(itemsize(self.dtype), [&]<class Item>() {
    // As many rows at a time as the first-level cache holds: cleared, then visited again.
    const int64_t some = std::max<int64_t>(1, 16384 / (n * static_cast<int64_t>(sizeof(Item))));
    parallel_shares(out.numel() / n, std::max<int64_t>(1, walk_grain / n),
                    [&](int64_t first, int64_t end) {
                      int64_t row = first % n;
                      const Item* from = self.as<Item>() + first / n * length;
                      for (int64_t unit = first; unit < end; unit += some) {
                        const int64_t stop = std::min(unit + some, end);
                        Item* to = out.as<Item>() + unit * n;
                        std::memset(static_cast<void*>(to), 0, (stop - unit) * n * sizeof(Item));
                        for (int64_t k = unit, last; k < stop; k = last) {  // a matrix at a time
                          last = std::min(stop, k + n - row);
                          const int64_t begin = std::max(row, below);
                          const int64_t count = std::min(row + last - k, below + length) - begin;
                          Item* place = to + (begin - row) * n + begin - below + above;
                          for (int64_t i = 0; i < count; ++i)
                            place[i * (n + 1)] = from[begin - below + i];
                          to += (last - k) * n;
                          row += last - k;
                          if (row == n) row = 0, from += length;
                        }
                      }
                    });
  });
}

}  // namespace flambeau
