#include "kernels/index/index.h"

#include <atomic>
#include <type_traits>

#include "kernels/elements/copy.h"
#include "kernels/elements/walk.h"
#include "runtime/rounding.h"

namespace flambeau {

namespace {

/// How far ahead of the reader lines are asked for.
constexpr int64_t fetched_bytes = 2048;
/// What is in a cache near enough not to be asked for.
constexpr int64_t near_bytes = int64_t{1} << 17;

/// Asks for the lines of [from, from + nbytes), which are read soon.
inline void fetch(const void* from, int64_t nbytes) {
  constexpr int64_t line = 64;
  for (int64_t at = 0; at < nbytes; at += line)
    __builtin_prefetch(static_cast<const char*>(from) + at);
}

/// Rows of `nbytes`, one for each index; with a constant length each is a few moves. The first
/// lines of a row are asked for some rows ahead: nothing else can tell where it lies.
template <class Item, class Length>
void copy_rows(const Strided& out, const Strided& self, const Cells& cells, const Walk<3>& walk,
               Length nbytes) {
  int64_t out_step = walk.stride(0, 0), self_step = walk.stride(0, 1),
          index_step = walk.stride(0, 2);
  parallel_shares(walk.size(0), std::max<int64_t>(1, walk_grain / walk.size(1)),
                  [&](int64_t begin, int64_t end) {
                    Item* to = out.as<Item>();
                    const Item* from = self.as<Item>();
                    auto row = [&](int64_t r) {
                      return from + r * self_step + cells.offset(r * index_step);
                    };
                    constexpr int64_t ahead = 8, most_fetched = 256;
                    const int64_t fetched = std::min<int64_t>(nbytes, most_fetched);
                    for (int64_t r = begin; r < end; ++r) {
                      if (r + ahead < end) fetch(row(r + ahead), fetched);
                      std::memcpy(to + r * out_step, row(r), nbytes);
                    }
                  });
}

template <int64_t n>
using Constant = std::integral_constant<int64_t, n>;

template <class Item>
void copy_rows(const Strided& out, const Strided& self, const Cells& cells, const Walk<3>& walk) {
  auto copy = [&](auto nbytes) { copy_rows<Item>(out, self, cells, walk, nbytes); };
  int64_t nbytes = walk.size(1) * static_cast<int64_t>(sizeof(Item));
  switch (nbytes) {
    case 8: return copy(Constant<8>());
    case 16: return copy(Constant<16>());
    case 32: return copy(Constant<32>());
    case 64: return copy(Constant<64>());
    case 128: return copy(Constant<128>());
    default: return copy(static_cast<size_t>(nbytes));
  }
}

/// Four at a time: of one at a time the speed hung on where the loop lay in memory, by a third.
template <class Item, class Length, class Step>
void pick(Item* to, const Item* from, const int64_t* index, Length n, Step step) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    Item a = from[index[i] * step], b = from[index[i + 1] * step], c = from[index[i + 2] * step],
         d = from[index[i + 3] * step];
    to[i] = a, to[i + 1] = b, to[i + 2] = c, to[i + 3] = d;
  }
  for (; i < n; ++i) to[i] = from[index[i] * step];
}

/// The same of indices that another thread may write to.
template <class Item, class Step>
void pick_limited(Item* to, const Item* from, const int64_t* index, int64_t n, Step step,
                  int64_t last) {
  int64_t i = 0;
  auto item = [&](int64_t k) { return from[limited(index[k], last) * step]; };
  for (; i + 4 <= n; i += 4) {
    Item a = item(i), b = item(i + 1), c = item(i + 2), d = item(i + 3);
    to[i] = a, to[i + 1] = b, to[i + 2] = c, to[i + 3] = d;
  }
  for (; i < n; ++i) to[i] = item(i);
}

}  // namespace

void read_cells(const Strided& out, const Strided& self, const Cells& cells) {
  Walk<3> walk(cells.ndim, cells.sizes, {out.strides, cells.cell_strides, cells.index_strides});
  if (walk.numel() == 0) return;
  with_item_type(itemsize(self.dtype), [&]<class Item>() {
    int64_t out_step = walk.inner_stride(0), self_step = walk.inner_stride(1),
            index_step = walk.inner_stride(2);
    if (walk.ndim() == 2 && index_step == 0 && out_step == 1 && self_step == 1)
      return copy_rows<Item>(out, self, cells, walk);
    walk.shared_rows(walk_grain, [&](const auto& at, int64_t n) {
      Item* to = out.as<Item>() + at[0];
      const Item* from = self.as<Item>() + at[1];
      const int64_t* index = cells.index + at[2];
      if (index_step == 0) {
        from += limited(*index, cells.last) * cells.step;
        if (out_step == 1 && self_step == 1)
          std::memcpy(to, from, n * sizeof(Item));
        else
          for (int64_t i = 0; i < n; ++i) to[i * out_step] = from[i * self_step];
      } else if (out_step == 1 && self_step == 0 && index_step == 1) {
        if (cells.owned)
          pick(to, from, index, n, Constant<1>());
        else if (cells.step == 1)
          pick_limited(to, from, index, n, Constant<1>(), cells.last);
        else
          pick_limited(to, from, index, n, cells.step, cells.last);
      } else {
        for (int64_t i = 0; i < n; ++i)
          to[i * out_step] =
              from[i * self_step + limited(index[i * index_step], cells.last) * cells.step];
      }
    });
  });
}

/// Whole rows, with all that stays the same in registers: short ones are a few moves each.
template <class Item, class Length, class Step>
static void pick_rows(Item* out, const Item* from, const int64_t* index, int64_t rows,
                      Length length, int64_t from_step, Step step) {
  for (int64_t r = 0; r < rows; ++r, out += length, from += from_step, index += length)
    pick(out, from, index, length, step);
}

/// Rows of `length` that lie behind one another in out and index (the last may be shorter), each of
/// which names cells of one row of self. Some hundred indices at a time are looked at and then
/// used, while they are in the nearest cache. False where one is bad.
template <class Item, class Length>
static bool gather_rows(Item* out, const Item* self, const int64_t* index, int64_t numel,
                        Length length, int64_t self_step, int64_t step, int64_t size) {
  std::atomic<bool> ok{true};
  constexpr int64_t at_once = 1024;
  const int64_t rows = ceil_div(numel, length);
  const int64_t some = std::max<int64_t>(1, at_once / length);
  const int64_t row_bytes = size * int64_t{sizeof(Item)};
  // Cells of a row are read in any order, which the hardware does not foresee unless a row is
  // short.
  const bool fetches = numel * int64_t{sizeof(Item)} > near_bytes && step == 1 && row_bytes > 64 &&
                       self_step == size && size <= 2 * length;
  const int64_t ahead = fetches ? ceil_div(fetched_bytes, row_bytes) : 0;
  parallel_shares(
      rows, std::max<int64_t>(1, walk_grain / 4 / length), [&](int64_t begin, int64_t end) {
        int64_t places[at_once];
        for (int64_t r = begin; r < end;) {
          const int64_t stop = std::min(end, r + some), first = r * length;
          const int64_t behind = std::min<int64_t>(numel, stop * length);
          if (behind - first > at_once) {  // one long row
            const Item* from = self + r * self_step;
            if (fetches && r + ahead < rows) fetch(from + ahead * self_step, row_bytes);
            for (int64_t at = first, n; at < behind; at += n) {
              n = std::min(at_once, behind - at);
              if (!take_over(index + at, n, size, places))
                return ok.store(false, std::memory_order_relaxed);
              pick(out + at, from, places, n, step);
            }
            ++r;
            continue;
          }
          if (!take_over(index + first, behind - first, size, places))
            return ok.store(false, std::memory_order_relaxed);
          int64_t at = first;
          if (!fetches) {
            const int64_t whole = (behind - at) / length;
            if (step == 1)
              pick_rows(out + at, self + r * self_step, places, whole, length, self_step,
                        Constant<1>());
            else
              pick_rows(out + at, self + r * self_step, places, whole, length, self_step, step);
            r += whole, at += whole * length;
          }
          for (; r < stop; ++r, at += length) {
            const Item* from = self + r * self_step;
            const int64_t* own = places + (at - first);
            if (fetches && r + ahead < rows) fetch(from + ahead * self_step, row_bytes);
            if (step != 1)
              pick(out + at, from, own, std::min<int64_t>(length, behind - at), step);
            else if (behind - at >= length)
              pick(out + at, from, own, length, Constant<1>());
            else
              pick(out + at, from, own, behind - at, Constant<1>());
          }
        }
      });
  return ok;
}

void gather(const Strided& out, const Strided& self, int dim, const Strided& index) {
  Cells cells = Cells::along_unchecked(self, dim, index);
  Walk<3> walk(cells.ndim, cells.sizes, {out.strides, cells.cell_strides, cells.index_strides});
  const int n = walk.ndim();
  const int64_t length = walk.size(n - 1);
  auto one_behind_another = [&](int k) {
    return walk.stride(n - 1, k) == 1 && (n == 1 || walk.stride(0, k) == length);
  };
  if (walk.numel() > 0 && n <= 2 && one_behind_another(0) && one_behind_another(2) &&
      walk.stride(n - 1, 1) == 0) {
    bool ok = false;
    with_item_type(itemsize(self.dtype), [&]<class Item>() {
      auto rows = [&](auto length) {
        ok = gather_rows(out.as<Item>(), self.as<const Item>(), cells.index, walk.numel(), length,
                         n == 2 ? walk.stride(0, 1) : 0, cells.step, self.sizes[dim]);
      };
      // Short rows are a few moves each; one long row is cut anywhere.
      if (n == 2 && length == 2)
        rows(Constant<2>());
      else if (n == 2 && length == 4)
        rows(Constant<4>());
      else if (n == 2 && length == 8)
        rows(Constant<8>());
      else
        rows(n == 2 ? length : std::min(length, walk_grain / 4));
    });
    if (ok) return;
  }
  check_indices("gather", index, self.sizes[dim], false, nullptr, dim);
  read_cells(out, self, cells);
}

void index_select(const char* op, const Strided& out, const Strided& self, int dim,
                  const Strided& index) {
  Cells cells = Cells::slices(op, self, dim, index);
  constexpr int64_t many_rows = 8;
  if (index.numel() <= out.numel() / many_rows && dim == self.ndim - 1)
    cells.own(op, self, dim, index);
  read_cells(out, self, cells);
}

void index(const Strided& out, const Strided& self, const Selection& selection) {
  read_cells(out, self, Cells::selected("index", self, selection));
}

/// out[i] = self[index[i]], negative indices from the end, some hundred at a time. False where one
/// is bad.
template <class Item>
static bool take_numbers(Item* out, const Item* self, const int64_t* index, int64_t n,
                         int64_t size) {
  std::atomic<bool> ok{true};
  parallel_shares(n, walk_grain / 4, [&](int64_t begin, int64_t end) {
    constexpr int64_t at_once = 512;
    int64_t places[at_once];
    for (; begin < end; begin += at_once) {
      const int64_t some = std::min(at_once, end - begin);
      for (int64_t i = 0; i < some; ++i) {
        const int64_t at = index[begin + i];
        places[i] = at < 0 ? at + size : at;
      }
      if (any_outside(places, some, size)) return ok.store(false, std::memory_order_relaxed);
      pick(out + begin, self, places, some, Constant<1>());
    }
  });
  return ok;
}

void take(const Strided& out, const Strided& self, const Strided& index) {
  if (is_contiguous(out) && is_contiguous(self) && is_contiguous(index) && self.numel() > 0) {
    bool ok = false;
    with_item_type(itemsize(self.dtype), [&]<class Item>() {
      ok = take_numbers(out.as<Item>(), self.as<const Item>(), index.as<const int64_t>(),
                        index.numel(), self.numel());
    });
    if (ok) return;
  }
  read_cells(out, self, Cells::flat("take", self, index));
}

}  // namespace flambeau
