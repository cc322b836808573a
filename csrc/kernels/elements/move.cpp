#include "kernels/elements/move.h"

#include "kernels/elements/walk.h"

namespace flambeau {
namespace {

/// out = self, of `sizes`, from given offsets; strides may be negative.
template <class Item>
void copy_block(Item* out, const int64_t* out_strides, const Item* self,
                const int64_t* self_strides, int ndim, const int64_t* sizes) {
  Walk<2> walk(ndim, sizes, {out_strides, self_strides});
  int64_t out_step = walk.inner_stride(0), self_step = walk.inner_stride(1);
  walk.parallel_rows(walk_grain, [&](const auto& at, int64_t n) {
    Item* to = out + at[0];
    const Item* from = self + at[1];
    if (out_step == 1 && self_step == 1)
      std::memcpy(to, from, n * sizeof(Item));
    else if (out_step == 1 && self_step == -1)
      for (int64_t i = 0; i < n; ++i) to[i] = from[-i];
    else
      for (int64_t i = 0; i < n; ++i) to[i * out_step] = from[i * self_step];
  });
}

/// Copies the blocks that rolling dims[k...] cuts self into: before and after the seam of each dim.
template <class Item>
void roll_blocks(Item* out, const int64_t* out_strides, const Item* self,
                 const int64_t* self_strides, int ndim, int64_t* sizes, int n_dims, const int* dims,
                 const int64_t* shifts) {
  if (n_dims == 0) return copy_block(out, out_strides, self, self_strides, ndim, sizes);
  int dim = dims[0];
  int64_t size = sizes[dim];
  if (size == 0) return;
  int64_t shift = (shifts[0] % size + size) % size;
  sizes[dim] = size - shift;
  roll_blocks(out + shift * out_strides[dim], out_strides, self, self_strides, ndim, sizes,
              n_dims - 1, dims + 1, shifts + 1);
  if (shift > 0) {
    sizes[dim] = shift;
    roll_blocks(out, out_strides, self + (size - shift) * self_strides[dim], self_strides, ndim,
                sizes, n_dims - 1, dims + 1, shifts + 1);
  }
  sizes[dim] = size;
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
  with_item_type(itemsize(self.dtype), [&]<class Item>() {
    copy_block(out.as<Item>(), out.strides, static_cast<const Item*>(self.as<Item>() + offset),
               strides, self.ndim, self.sizes);
  });
}

void roll(const Strided& out, const Strided& self, int n_dims, const int* dims,
          const int64_t* shifts) {
  int64_t sizes[max_ndim];
  std::copy(self.sizes, self.sizes + self.ndim, sizes);
  with_item_type(itemsize(self.dtype), [&]<class Item>() {
    roll_blocks(out.as<Item>(), out.strides, static_cast<const Item*>(self.as<Item>()),
                self.strides, self.ndim, sizes, n_dims, dims, shifts);
  });
}

}  // namespace flambeau
