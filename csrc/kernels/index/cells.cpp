#include "kernels/index/cells.h"

#include <atomic>

#include "kernels/elements/clones.h"
#include "kernels/elements/copy.h"
#include "kernels/elements/walk.h"
#include "runtime/threads.h"
#include "tensor/error.h"

namespace flambeau {
namespace {

[[noreturn]] void throw_first_bad(const char* op, const Strided& index, int64_t low, int64_t high,
                                  const char* place) {
  Walk<1> walk(index.ndim, index.sizes, {index.strides});
  int64_t position = 0, bad = 0;
  bool found = false;
  walk.rows(0, walk.numel(), [&](const auto& at, int64_t n) {
    const int64_t* p = index.as<int64_t>() + at[0];
    for (int64_t i = 0; i < n && !found; ++i) {
      bad = p[i * walk.inner_stride(0)];
      if (bad < low || bad >= high)
        found = true;
      else
        ++position;
    }
  });
  std::ostringstream coordinates;
  int64_t at[max_ndim];
  for (int d = index.ndim - 1; d >= 0; --d) {
    at[d] = position % index.sizes[d];
    position /= index.sizes[d];
  }
  for (int d = 0; d < index.ndim; ++d) coordinates << (d ? ", " : "") << at[d];
  if (index.ndim == 1) coordinates << ",";
  throw IndexError(message(op, ": index ", bad, " at position (", coordinates.str(),
                           ") is outside ", place, " (allowed are ", low, " to ", high - 1, ")."));
}

std::string dim_place(const Strided& self, int dim) {
  return message("dim ", dim, " of size ", self.sizes[dim]);
}

/// offsets[c] (+)= index[c] * stride, with index[c] counted from the end where negative; false if
/// one is out of range.
bool add_offsets(int64_t* offsets, bool first, const Strided& index, int64_t size, int64_t stride) {
  int64_t contiguous[max_ndim];
  int64_t numel = 1;
  for (int d = index.ndim - 1; d >= 0; --d) {
    contiguous[d] = numel;
    numel *= index.sizes[d];
  }
  Walk<2> walk(index.ndim, index.sizes, {contiguous, index.strides});
  std::atomic<bool> ok{true};
  walk.shared_rows(walk_grain, [&](const auto& at, int64_t n) {
    int64_t* out = offsets + at[0];
    const int64_t* in = index.as<int64_t>() + at[1];
    int64_t in_step = walk.inner_stride(1);
    bool bad = false;
    for (int64_t i = 0; i < n; ++i) {
      int64_t value = in[i * in_step];
      value += value < 0 ? size : 0;
      bad |= static_cast<uint64_t>(value) >= static_cast<uint64_t>(size);
      // As unsigned numbers: what a bad index makes is not used, but may overflow.
      auto offset = static_cast<uint64_t>(value) * static_cast<uint64_t>(stride);
      out[i] = static_cast<int64_t>((first ? 0 : static_cast<uint64_t>(out[i])) + offset);
    }
    if (bad) ok.store(false, std::memory_order_relaxed);
  });
  return ok;
}

/// Whether one of n numbers is negative, or would be in front of `least` or behind `last`.
// The sign bit is set if the index or what is left behind it is negative, which needs no
// comparison. Unsigned, for with a bad index one of them may overflow; the other then has it.
FLAMBEAU_CLONES bool any_outside(const int64_t* p, int64_t n, uint64_t least, uint64_t last) {
  uint64_t signs = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto index = static_cast<uint64_t>(p[i]);
    signs |= (index - least) | (last - index);
  }
  return signs >> 63;
}

FLAMBEAU_CLONES bool copy_indices(const int64_t* index, int64_t n, uint64_t last, int64_t* to) {
  uint64_t signs = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto at = static_cast<uint64_t>(index[i]);
    to[i] = static_cast<int64_t>(at);
    signs |= at | (last - at);
  }
  return !(signs >> 63);
}

bool outside(const int64_t* p, int64_t n, int64_t step, int64_t low, int64_t size) {
  const auto least = static_cast<uint64_t>(low), last = static_cast<uint64_t>(size - 1);
  if (step == 1) return any_outside(p, n, least, last);
  uint64_t signs = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto index = static_cast<uint64_t>(p[i * step]);
    signs |= (index - least) | (last - index);
  }
  return signs >> 63;
}

}  // namespace

void check_indices(const char* op, const Strided& index, int64_t size, bool allow_negative,
                   const char* place, int dim) {
  int64_t low = allow_negative ? -size : 0;
  Walk<1> walk(index.ndim, index.sizes, {index.strides});
  std::atomic<bool> ok{true};
  walk.shared_rows(walk_grain, [&](const auto& at, int64_t n) {
    const int64_t* p = index.as<int64_t>() + at[0];
    if (outside(p, n, walk.inner_stride(0), low, size)) ok.store(false, std::memory_order_relaxed);
  });
  if (!ok)
    throw_first_bad(op, index, low, size,
                    place ? place : message("dim ", dim, " of size ", size).c_str());
}

bool take_over(const int64_t* index, int64_t n, int64_t size, int64_t* to) {
  return copy_indices(index, n, static_cast<uint64_t>(size - 1), to);
}

bool any_outside(const int64_t* index, int64_t n, int64_t size) {
  return outside(index, n, 1, 0, size);
}

Cells Cells::along(const char* op, const Strided& self, int dim, const Strided& index) {
  check_indices(op, index, self.sizes[dim], false, nullptr, dim);
  return along_unchecked(self, dim, index);
}

Cells Cells::along_unchecked(const Strided& self, int dim, const Strided& index) {
  Cells cells;
  cells.ndim = self.ndim;
  for (int d = 0; d < self.ndim; ++d) {
    cells.sizes[d] = index.sizes[d];
    cells.cell_strides[d] = d == dim ? 0 : self.strides[d];
    cells.index_strides[d] = index.strides[d];
    cells.indexed[d] = d == dim;
  }
  cells.index = index.as<int64_t>();
  cells.step = self.strides[dim];
  cells.last = self.sizes[dim] - 1;
  return cells;
}

Cells Cells::slices(const char* op, const Strided& self, int dim, const Strided& index) {
  check_indices(op, index, self.sizes[dim], false, nullptr, dim);
  Cells cells;
  cells.ndim = self.ndim;
  for (int d = 0; d < self.ndim; ++d) {
    cells.sizes[d] = d == dim ? index.sizes[0] : self.sizes[d];
    cells.cell_strides[d] = d == dim ? 0 : self.strides[d];
    cells.index_strides[d] = d == dim ? index.strides[0] : 0;
    cells.indexed[d] = d == dim;
  }
  cells.index = index.as<int64_t>();
  cells.step = self.strides[dim];
  cells.last = self.sizes[dim] - 1;
  return cells;
}

void Cells::own(const char* op, const Strided& self, int dim, const Strided& given) {
  owned = std::make_unique_for_overwrite<int64_t[]>(std::max<int64_t>(1, given.numel()));
  if (!add_offsets(owned.get(), true, given, self.sizes[dim], self.strides[dim]))
    throw_first_bad(op, given, 0, self.sizes[dim], dim_place(self, dim).c_str());
  index = owned.get();
  index_strides[dim] = 1;
  step = 1;
  last = std::numeric_limits<int64_t>::max();
}

/// Whether so many indices can stay where they are that the memory of a copy would be fresh, which
/// costs more than looking at them: in order, and none negative. They are never in what is written.
static bool stay_in_place(const Strided& index, int64_t size) {
  const int64_t n = index.numel();
  if (n <= walk_grain || !is_contiguous(index)) return false;
  std::atomic<bool> ok{true};
  parallel_shares(n, walk_grain, [&](int64_t first, int64_t end) {
    if (any_outside(index.as<int64_t>() + first, end - first, size))
      ok.store(false, std::memory_order_relaxed);
  });
  return ok;
}

Cells Cells::selected(const char* op, const Strided& self, const Selection& selection) {
  const Strided& shape = selection.indices[0];
  Cells cells;
  const int first_dim = selection.dims[0];
  const bool in_place = selection.n == 1 && stay_in_place(shape, self.sizes[first_dim]);
  if (in_place) {
    cells.index = shape.as<int64_t>();
    cells.step = self.strides[first_dim];
    cells.last = self.sizes[first_dim] - 1;
  } else {
    cells.owned = std::make_unique_for_overwrite<int64_t[]>(std::max<int64_t>(1, shape.numel()));
    cells.index = cells.owned.get();
  }
  for (int k = 0; k < selection.n && !in_place; ++k) {
    int dim = selection.dims[k];
    if (!add_offsets(cells.owned.get(), k == 0, selection.indices[k], self.sizes[dim],
                     self.strides[dim]))
      throw_first_bad(op, selection.indices[k], -self.sizes[dim], self.sizes[dim],
                      dim_place(self, dim).c_str());
  }
  auto append = [&](int64_t size, int64_t cell_stride, int64_t index_stride, bool indexed) {
    cells.sizes[cells.ndim] = size;
    cells.cell_strides[cells.ndim] = cell_stride;
    cells.index_strides[cells.ndim] = index_stride;
    cells.indexed[cells.ndim++] = indexed;
  };
  auto append_index_dims = [&] {
    int64_t stride = shape.numel();
    for (int d = 0; d < shape.ndim; ++d) {
      if (shape.sizes[d] > 0) stride /= shape.sizes[d];
      append(shape.sizes[d], 0, stride, true);
    }
  };
  int kept = 0;
  for (int d = 0, k = 0; d < self.ndim; ++d) {
    if (k < selection.n && selection.dims[k] == d) {
      ++k;
      continue;
    }
    if (kept++ == selection.position) append_index_dims();
    append(self.sizes[d], self.strides[d], 0, false);
  }
  if (kept <= selection.position) append_index_dims();
  return cells;
}

Cells Cells::flat(const char* op, const Strided& self, const Strided& index) {
  int64_t size = self.numel();
  int64_t n = index.numel();
  Cells cells;
  cells.owned = std::make_unique_for_overwrite<int64_t[]>(std::max<int64_t>(1, n));
  cells.index = cells.owned.get();
  if (!add_offsets(cells.owned.get(), true, index, size, 1))
    throw_first_bad(op, index, -size, size, message("the ", size, " elements of input").c_str());
  int64_t expected = 1;
  bool contiguous = true;
  for (int d = self.ndim - 1; d >= 0; --d) {
    if (self.sizes[d] != 1 && self.strides[d] != expected) contiguous = false;
    expected *= self.sizes[d];
  }
  if (!contiguous) {
    for (int64_t i = 0; i < n; ++i) {
      int64_t rest = cells.owned[i], offset = 0;
      for (int d = self.ndim - 1; d >= 0; --d) {
        offset += rest % self.sizes[d] * self.strides[d];
        rest /= self.sizes[d];
      }
      cells.owned[i] = offset;
    }
  }
  int64_t stride = n;
  for (int d = 0; d < index.ndim; ++d) {
    if (index.sizes[d] > 0) stride /= index.sizes[d];
    cells.sizes[d] = index.sizes[d];
    cells.cell_strides[d] = 0;
    cells.index_strides[d] = stride;
    cells.indexed[d] = true;
  }
  cells.ndim = index.ndim;
  return cells;
}

}  // namespace flambeau
