#include "kernels/index/index.h"

#include <type_traits>

#include "kernels/elements/walk.h"

namespace flambeau {

namespace {

/// Rows of `nbytes`, one for each index; with a constant length each is a few moves.
template <class Item, class Length>
void copy_rows(const Strided& out, const Strided& self, const Cells& cells, const Walk<3>& walk,
               Length nbytes) {
  int64_t out_step = walk.stride(0, 0), self_step = walk.stride(0, 1),
          index_step = walk.stride(0, 2), step = cells.step;
  parallel_ranges(walk.size(0), std::max<int64_t>(1, walk_grain / walk.size(1)),
                  [&](int64_t begin, int64_t end) {
                    Item* to = out.as<Item>();
                    const Item* from = self.as<Item>();
                    const int64_t* index = cells.index;
                    for (int64_t r = begin; r < end; ++r)
                      std::memcpy(to + r * out_step,
                                  from + r * self_step + index[r * index_step] * step, nbytes);
                  });
}

template <int64_t n>
using Bytes = std::integral_constant<int64_t, n>;

template <class Item>
void copy_rows(const Strided& out, const Strided& self, const Cells& cells, const Walk<3>& walk) {
  auto copy = [&](auto nbytes) { copy_rows<Item>(out, self, cells, walk, nbytes); };
  int64_t nbytes = walk.size(1) * static_cast<int64_t>(sizeof(Item));
  switch (nbytes) {
    case 8: return copy(Bytes<8>());
    case 16: return copy(Bytes<16>());
    case 32: return copy(Bytes<32>());
    case 64: return copy(Bytes<64>());
    case 128: return copy(Bytes<128>());
    default: return copy(static_cast<size_t>(nbytes));
  }
}

/// Four at a time: of one at a time the speed hung on where the loop lay in memory, by a third.
template <class Item, class Step>
void pick(Item* to, const Item* from, const int64_t* index, int64_t n, Step step) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    Item a = from[index[i] * step], b = from[index[i + 1] * step], c = from[index[i + 2] * step],
         d = from[index[i + 3] * step];
    to[i] = a, to[i + 1] = b, to[i + 2] = c, to[i + 3] = d;
  }
  for (; i < n; ++i) to[i] = from[index[i] * step];
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
    walk.parallel_rows(walk_grain, [&](const auto& at, int64_t n) {
      Item* to = out.as<Item>() + at[0];
      const Item* from = self.as<Item>() + at[1];
      const int64_t* index = cells.index + at[2];
      if (index_step == 0) {
        from += *index * cells.step;
        if (out_step == 1 && self_step == 1)
          std::memcpy(to, from, n * sizeof(Item));
        else
          for (int64_t i = 0; i < n; ++i) to[i * out_step] = from[i * self_step];
      } else if (out_step == 1 && self_step == 0 && index_step == 1) {
        if (cells.step == 1)
          pick(to, from, index, n, std::integral_constant<int64_t, 1>());
        else
          pick(to, from, index, n, cells.step);
      } else {
        for (int64_t i = 0; i < n; ++i)
          to[i * out_step] = from[i * self_step + index[i * index_step] * cells.step];
      }
    });
  });
}

void gather(const Strided& out, const Strided& self, int dim, const Strided& index) {
  read_cells(out, self, Cells::along("gather", self, dim, index));
}

void index_select(const char* op, const Strided& out, const Strided& self, int dim,
                  const Strided& index) {
  read_cells(out, self, Cells::slices(op, self, dim, index));
}

void index(const Strided& out, const Strided& self, const Selection& selection) {
  read_cells(out, self, Cells::selected("index", self, selection));
}

void take(const Strided& out, const Strided& self, const Strided& index) {
  read_cells(out, self, Cells::flat("take", self, index));
}

}  // namespace flambeau
