#include "kernels/index.h"

#include "kernels/walk.h"

namespace flambeau {

namespace {

/// memcpy of a length that is often a few words: those are moved without a call.
inline void copy_row(void* to, const void* from, int64_t nbytes) {
  switch (nbytes) {
    case 4: std::memcpy(to, from, 4); return;
    case 8: std::memcpy(to, from, 8); return;
    case 16: std::memcpy(to, from, 16); return;
    case 32: std::memcpy(to, from, 32); return;
    case 64: std::memcpy(to, from, 64); return;
    default: std::memcpy(to, from, static_cast<size_t>(nbytes));
  }
}

}  // namespace

void read_cells(const Strided& out, const Strided& self, const Cells& cells) {
  Walk<3> walk(cells.ndim, cells.sizes, {out.strides, cells.cell_strides, cells.index_strides});
  with_item_type(itemsize(self.dtype), [&]<class Item>() {
    int64_t out_step = walk.inner_stride(0), self_step = walk.inner_stride(1),
            index_step = walk.inner_stride(2);
    walk.parallel_rows(walk_grain, [&](const auto& at, int64_t n) {
      Item* to = out.as<Item>() + at[0];
      const Item* from = self.as<Item>() + at[1];
      const int64_t* index = cells.index + at[2];
      if (index_step == 0) {
        from += *index * cells.step;
        if (out_step == 1 && self_step == 1)
          copy_row(to, from, n * static_cast<int64_t>(sizeof(Item)));
        else
          for (int64_t i = 0; i < n; ++i) to[i * out_step] = from[i * self_step];
      } else if (out_step == 1 && self_step == 0 && index_step == 1) {
        if (cells.step == 1)
          for (int64_t i = 0; i < n; ++i) to[i] = from[index[i]];
        else
          for (int64_t i = 0; i < n; ++i) to[i] = from[index[i] * cells.step];
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
