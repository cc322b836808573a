#include "kernels/index/scatter.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>

#include "kernels/elements/arithmetic.h"
#include "kernels/elements/convert.h"
#include "kernels/elements/copy.h"
#include "kernels/elements/sums.h"
#include "kernels/elements/walk.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

struct Assign {
  template <class T>
  static T apply(T, T b) {
    return b;
  }
};
struct Sum {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_same_v<T, Truth>)
      return a || b;
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    else
      return static_cast<T>(a + b);
  }
};
struct Product {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_same_v<T, Truth>)
      return a && b;
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    else
      return static_cast<T>(a * b);
  }
};
struct Maximum {
  template <class T>
  static T apply(T a, T b) {
    return is_nan(a) || a >= b ? a : b;
  }
};
struct Minimum {
  template <class T>
  static T apply(T a, T b) {
    return is_nan(a) || a <= b ? a : b;
  }
};

/// Cells in the care of one thread: all of them,
struct AllCells {
  static constexpr bool all = true;
  bool operator()(int64_t) const { return true; }
};
/// or those whose index, in groups of 2**shift so that threads share no cache line, falls to it by
/// a hash (Knuth's multiplicative one), which spreads what programs ask for often.
struct OwnCells {
  static constexpr bool all = false;
  uint32_t part, n_parts;
  int shift;
  bool operator()(int64_t index) const {
    const uint32_t hash = static_cast<uint32_t>(index >> shift) * 2654435769u;
    return static_cast<uint32_t>(uint64_t{hash} * n_parts >> 32) == part;
  }
};

/// About what the nearest caches of one core hold.
constexpr int64_t far_bytes = int64_t{1} << 20;
constexpr int copied_slot = 6, wide_slot = 5, source_slot = 7;

template <class T, class Op, class Own>
void write_part(const Strided& self, const Cells& cells, const Strided& source, const Walk<3>& walk,
                int64_t self_base, int64_t source_base, int64_t index_base, Own own) {
  int64_t source_step = walk.inner_stride(0), self_step = walk.inner_stride(1),
          index_step = walk.inner_stride(2), last = cells.last;
  walk.rows(0, walk.numel(), [&](const auto& at, int64_t n) {
    const T* from = source.as<T>() + source_base + at[0];
    T* to = self.as<T>() + self_base + at[1];
    const int64_t* index = cells.index + index_base + at[2];
    if constexpr (!Own::all) {  // of rows that share an index write_own_rows() writes them
      constexpr int64_t block = 256;
      int64_t mine[block];
      for (int64_t begin = 0; begin < n; begin += block) {
        int64_t count = 0;  // without a branch: whose a cell is can't be foreseen
        for (int64_t i = begin, end = std::min(n, begin + block); i < end; ++i) {
          mine[count] = i;
          count += own(index[i * index_step]);
        }
        for (int64_t k = 0; k < count; ++k) {
          const int64_t i = mine[k];
          T& cell = to[i * self_step + limited(index[i * index_step], last) * cells.step];
          cell = Op::apply(cell, from[i * source_step]);
        }
      }
    } else if (index_step == 0) {
      to += limited(*index, last) * cells.step;
      if (source_step == 1 && self_step == 1)
        for (int64_t i = 0; i < n; ++i) to[i] = Op::apply(to[i], from[i]);
      else if (source_step == 0 && self_step == 1)
        for (int64_t i = 0; i < n; ++i) to[i] = Op::apply(to[i], *from);
      else
        for (int64_t i = 0; i < n; ++i)
          to[i * self_step] = Op::apply(to[i * self_step], from[i * source_step]);
    } else if (index_step == 1 && self_step == 0 && source_step == 1 && cells.step == 1) {
      int64_t i = 0;
      auto write = [&](int64_t i) {  // limited(), whose branch would cost more than a minimum here
        T& cell = to[std::min(static_cast<uint64_t>(index[i]), static_cast<uint64_t>(last))];
        cell = Op::apply(cell, from[i]);
      };
      // Cells in memory are asked for ahead: writes leave in their order, so one that misses the
      // caches holds up those behind it.
      if (self.numel() * int64_t{sizeof(T)} > 8 * far_bytes)
        for (constexpr int64_t ahead = 32; i < n - ahead; ++i) {
          __builtin_prefetch(to + index[i + ahead], 1);
          write(i);
        }
#pragma GCC unroll 4  // a tenth less time
      for (; i < n; ++i) write(i);
    } else {
      for (int64_t i = 0; i < n; ++i) {
        T& cell = to[i * self_step + limited(index[i * index_step], last) * cells.step];
        cell = Op::apply(cell, from[i * source_step]);
      }
    }
  });
}

/// Whole rows that fall to one thread, which are written `step` apart from `rows` on. They are
/// gathered first, without a branch, since whose a row is can't be foreseen, and asked for ahead:
/// of what is skipped here and there the hardware makes no stream.
template <class T, class Op>
void write_own_rows(T* rows, int64_t step, const Cells& cells, const Strided& source,
                    const Walk<3>& walk, OwnCells own) {
  constexpr int64_t block = 64, ahead = 6, line = 64, most_lines = 8;
  const int64_t source_step = walk.inner_stride(0), self_step = walk.inner_stride(1);
  const T* from[block + ahead];
  T* to[block];
  int64_t count = 0, length = 0;
  auto write = [&] {
    const int64_t n_bytes = std::min<int64_t>(length * sizeof(T), most_lines * line);
    std::fill_n(from + count, ahead, from[0]);
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t b = 0; b < n_bytes + line; b += line)
        __builtin_prefetch(reinterpret_cast<const char*>(from[k + ahead]) + b);
      if (source_step == 1 && self_step == 1)
        for (int64_t i = 0; i < length; ++i) to[k][i] = Op::apply(to[k][i], from[k][i]);
      else if (source_step == 0 && self_step == 1)
        for (int64_t i = 0; i < length; ++i) to[k][i] = Op::apply(to[k][i], *from[k]);
      else
        for (int64_t i = 0; i < length; ++i)
          to[k][i * self_step] = Op::apply(to[k][i * self_step], from[k][i * source_step]);
    }
    count = 0;
  };
  walk.rows(0, walk.numel(), [&](const auto& at, int64_t n) {
    const int64_t index = limited(cells.index[at[2]], cells.last);
    from[count] = source.as<T>() + at[0];
    to[count] = rows + at[1] + index * step;
    length = n;
    count += own(index);
    if (count == block) write();
  });
  if (count > 0) write();
}

/// Copies the rows that fall to one thread, some at a time, `length` elements each.
template <class T>
void copy_own_rows(const T* from, int64_t n_rows, int64_t length, T* to, OwnCells own) {
  const int64_t group = int64_t{1} << own.shift;
  for (int64_t r = 0; r < n_rows; r += group)
    if (own(r))
      std::copy_n(from + r * length, std::min(group, n_rows - r) * length, to + r * length);
}

/// The same in a copy of few rows that are written to often. Where they lie, neighbours belong to
/// different threads, and each write takes from another what it needs next: the line that both
/// touch, or those that its CPU has asked for ahead.
template <class T, class Op>
void write_copied_rows(const Strided& self, const Cells& cells, const Strided& source,
                       const Walk<3>& walk, OwnCells own) {
  constexpr int64_t line = 64 / std::min<int64_t>(64, sizeof(T));
  const int64_t length = cells.step, step = (length + 2 * line - 1) / line * line;
  T* rows = Workspace::get<T>(copied_slot, self.sizes[0] * step);
  for (int64_t r = 0; r < self.sizes[0]; ++r)
    if (own(r)) std::copy_n(self.as<T>() + r * length, length, rows + r * step);
  write_own_rows<T, Op>(rows, step, cells, source, walk, own);
  for (int64_t r = 0; r < self.sizes[0]; ++r)
    if (own(r)) std::copy_n(rows + r * step, length, self.as<T>() + r * length);
}

/// Whether there are so few rows, one behind the other, for so many indices.
bool few_rows(const Strided& self, const Cells& cells, const Walk<3>& walk) {
  constexpr int64_t most_bytes = far_bytes / 4, least_writes = 4;
  if (self.ndim == 0 || !cells.indexed[0] || cells.step != self.strides[0] || walk.ndim() != 2)
    return false;
  return is_contiguous(self) && walk.inner_stride(1) == 1 && walk.size(1) == cells.step &&
         self.numel() * itemsize(self.dtype) <= most_bytes &&
         walk.size(0) >= least_writes * self.sizes[0];
}

/// How many rows, as a power of two, fall to a thread together: neighbours share lines of the cache
/// and those that a CPU asks for ahead, so a group is some pages' worth, if there are many groups.
int shift_of_rows(int64_t n_rows, int64_t row_bytes, int64_t n_threads) {
  constexpr int64_t group_bytes = 8192, least_groups = 16;
  int shift = 0;
  while ((row_bytes << (shift + 1)) <= group_bytes &&
         n_rows >> (shift + 1) >= least_groups * n_threads)
    ++shift;
  return shift;
}

/// Whether no two elements share memory, as strides that each step over all smaller ones tell.
bool all_apart(const Strided& t) {
  int order[max_ndim];
  for (int d = 0; d < t.ndim; ++d) order[d] = d;
  std::sort(order, order + t.ndim, [&](int a, int b) { return t.strides[a] < t.strides[b]; });
  int64_t reach = 1;
  for (int i = 0; i < t.ndim; ++i) {
    const int d = order[i];
    if (t.sizes[d] == 1) continue;
    if (t.strides[d] < reach) return false;
    reach += (t.sizes[d] - 1) * t.strides[d];
  }
  return true;
}

/// Cells that are worth a task: each is an index that was checked, and a place somewhere.
constexpr int64_t write_grain = walk_grain / 2;

/// Runs in parallel over parts that share no cell: of one dim whose coordinates never do, or of the
/// cells themselves, which every thread picks out of all indices. How many parts there are changes
/// no result: what meets in a cell does so in the order of the source.
///
/// base: what self, which is contiguous then, starts from; null: what it holds.
template <class T, class Op>
void write_all(const Strided& self, const Cells& cells, const Strided& source,
               const void* base = nullptr) {
  int split = -1, first_indexed = cells.ndim;
  int64_t numel = 1;
  // The first dim that is long enough, so that rows stay whole; else the longest.
  for (int d = 0; d < cells.ndim; ++d) {
    numel *= cells.sizes[d];
    if (cells.indexed[d]) first_indexed = std::min(first_indexed, d);
    if (!cells.indexed[d] &&
        (split < 0 || (cells.sizes[split] < 16 && cells.sizes[d] > cells.sizes[split])))
      split = d;
  }
  auto begin_with_base = [&] {
    if (base) copy_memory(self.data, base, self.numel() * int64_t{sizeof(T)});
  };
  if (numel == 0) return begin_with_base();
  Walk<3> walk(cells.ndim, cells.sizes, {source.strides, cells.cell_strides, cells.index_strides});
  if (numel <= write_grain || runs_serially() || !all_apart(self)) {
    begin_with_base();
    write_part<T, Op>(self, cells, source, walk, 0, 0, 0, AllCells());
    return;
  }
  const int64_t n_threads = get_num_threads();
  const bool whole_rows = walk.inner_stride(2) == 0;
  // Numbers are worth it where each is far from the last one and many threads pick.
  const bool far_numbers = n_threads >= 4 && self.numel() * int64_t{sizeof(T)} > far_bytes;
  // A thread copies the rows that it will write to, if rows are all there is: what lies in the
  // cache of another core costs as much as what lies nowhere near.
  const bool rows_of_all = whole_rows && cells.indexed[0] && cells.step == self.strides[0] &&
                           cells.step * self.sizes[0] == self.numel();
  const bool copies_own = base && rows_of_all && split > first_indexed;
  if (!copies_own) begin_with_base();
  if (split < 0 && !whole_rows && !far_numbers) {
    write_part<T, Op>(self, cells, source, walk, 0, 0, 0, AllCells());
    return;
  }
  if (split < 0 || (split > first_indexed && whole_rows)) {
    const bool copied = whole_rows && few_rows(self, cells, walk);
    // Of several indexed dims cells.last says nothing.
    const int64_t n_rows = std::min(cells.last, self.numel() / std::max<int64_t>(1, cells.step));
    const int rows_shift = shift_of_rows(n_rows, cells.step * int64_t{sizeof(T)}, n_threads);
    parallel_for(n_threads, [&](int64_t part) {
      OwnCells own{static_cast<uint32_t>(part), static_cast<uint32_t>(n_threads),
                   whole_rows ? rows_shift : 4};
      if (copies_own)
        copy_own_rows(static_cast<const T*>(base), self.sizes[0], cells.step, self.as<T>(), own);
      if (copied) return write_copied_rows<T, Op>(self, cells, source, walk, own);
      if (whole_rows)
        return write_own_rows<T, Op>(self.as<T>(), cells.step, cells, source, walk, own);
      write_part<T, Op>(self, cells, source, walk, 0, 0, 0, own);
    });
    return;
  }
  constexpr int64_t line = 64 / std::min<int64_t>(64, sizeof(T));  // parts do not share cache lines
  int64_t part = std::max<int64_t>(1, write_grain * cells.sizes[split] / numel);
  // Each part of an inner dim goes through all indices.
  if (split > first_indexed) part = (cells.sizes[split] + n_threads - 1) / n_threads;
  if (cells.cell_strides[split] == 1) part = (part + line - 1) / line * line;
  parallel_ranges(cells.sizes[split], part, [&](int64_t begin, int64_t end) {
    int64_t sizes[max_ndim];
    std::copy(cells.sizes, cells.sizes + cells.ndim, sizes);
    sizes[split] = end - begin;
    Walk<3> walk(cells.ndim, sizes, {source.strides, cells.cell_strides, cells.index_strides});
    write_part<T, Op>(self, cells, source, walk, begin * cells.cell_strides[split],
                      begin * source.strides[split], begin * cells.index_strides[split],
                      AllCells());
  });
}

/// The elements of a tensor in another dtype, each as far from the first as it was.
template <class From, class To>
void convert_elements(const From* from, To* to, int ndim, const int64_t* sizes,
                      const int64_t* strides) {
  // What is repeated is converted once, and what lies side by side in one run.
  int order[max_ndim];
  for (int d = 0; d < ndim; ++d) order[d] = d;
  std::stable_sort(order, order + ndim, [&](int a, int b) { return strides[a] > strides[b]; });
  int64_t apart[max_ndim], steps[max_ndim];
  for (int d = 0; d < ndim; ++d) {
    steps[d] = strides[order[d]];
    apart[d] = steps[d] == 0 ? 1 : sizes[order[d]];
  }
  const Walk<1> walk(ndim, apart, {steps});
  const int64_t step = walk.inner_stride(0);
  walk.shared_rows(walk_grain, [&](const auto& at, int64_t n) {
    if (step == 1) return convert(from + at[0], to + at[0], n);
    for (int64_t i = 0; i < n; ++i) convert(from + at[0] + i * step, to + at[0] + i * step, 1);
  });
}

/// Halves: what meets in a cell is put together in float32 and rounded once. With a rounding each,
/// ones of bfloat16 stop counting at 256. Of a tensor with far more elements than are written the
/// copy would cost more than all else; there each is rounded.
template <class T, class Op>
void write_halves(const Strided& self, const Cells& cells, const Strided& source) {
  constexpr int64_t elements_per_write = 16, most_spread = 4;
  int64_t writes = 1, span = 1, source_span = 1;
  for (int d = 0; d < cells.ndim; ++d) {
    writes *= cells.sizes[d];
    source_span += (cells.sizes[d] - 1) * source.strides[d];
  }
  for (int d = 0; d < self.ndim; ++d) span += (self.sizes[d] - 1) * self.strides[d];
  const int64_t numel = self.numel();
  if (writes <= 1 || numel > elements_per_write * writes || span > most_spread * numel ||
      source_span > most_spread * writes || !all_apart(self))
    return write_all<T, Op>(self, cells, source);
  auto convert_self = [&](const auto* from, auto* to) {
    convert_elements(from, to, self.ndim, self.sizes, self.strides);
  };
  auto* wide = Workspace::get<float>(wide_slot, span);
  auto* values = Workspace::get<float>(source_slot, source_span);
  convert_self(self.as<const T>(), wide);
  convert_elements(source.as<const T>(), values, cells.ndim, cells.sizes, source.strides);
  write_all<float, Op>({wide, DType::float32, self.ndim, self.sizes, self.strides}, cells,
                       {values, DType::float32, source.ndim, source.sizes, source.strides});
  convert_self(static_cast<const float*>(wide), self.as<T>());
}

template <class T>
T identity_of(Combine combine) {
  if constexpr (is_complex_type<T>) {
    return combine == Combine::prod ? T(1) : T(0);
  } else if constexpr (std::is_same_v<T, Truth>) {
    return combine == Combine::prod || combine == Combine::amin;
  } else {
    switch (combine) {
      case Combine::prod: return static_cast<T>(1);
      case Combine::amax:
        if constexpr (std::is_integral_v<T>)
          return std::numeric_limits<T>::lowest();
        else
          return static_cast<T>(-std::numeric_limits<float>::infinity());
      case Combine::amin:
        if constexpr (std::is_integral_v<T>)
          return std::numeric_limits<T>::max();
        else
          return static_cast<T>(std::numeric_limits<float>::infinity());
      default: return static_cast<T>(0);
    }
  }
}

/// What is moved instead of a T where its bits do not count.
template <class T>
using ItemOf = std::conditional_t<sizeof(T) == 16, Item16, unsigned_of_size<sizeof(T)>>;

}  // namespace

void write_cells(const Strided& self, const Cells& cells, const Strided& source, Combine combine,
                 bool include_self) {
  if (combine == Combine::assign) {
    with_item_type(itemsize(self.dtype),
                   [&]<class Item>() { write_all<Item, Assign>(self, cells, source); });
    return;
  }
  with_scalar_type(self.dtype, [&]<class T>() {
    if (!include_self) {
      auto identity = std::bit_cast<ItemOf<T>>(identity_of<T>(combine));
      int64_t zero_strides[max_ndim] = {};
      Strided fill{&identity, self.dtype, cells.ndim, cells.sizes, zero_strides};
      write_all<ItemOf<T>, Assign>(self, cells, fill);
    }
    if constexpr (is_half_type<T>) {
      if (combine == Combine::sum) return write_halves<T, Sum>(self, cells, source);
      if (combine == Combine::prod) return write_halves<T, Product>(self, cells, source);
      if (combine == Combine::amax) return write_halves<T, Maximum>(self, cells, source);
      return write_halves<T, Minimum>(self, cells, source);
    }
    if (combine == Combine::sum) return write_all<wrapping_t<T>, Sum>(self, cells, source);
    if (combine == Combine::prod) return write_all<wrapping_t<T>, Product>(self, cells, source);
    if constexpr (!is_complex_type<T>) {  // refused by the callers
      if (combine == Combine::amax) return write_all<T, Maximum>(self, cells, source);
      return write_all<T, Minimum>(self, cells, source);
    }
  });
}

void scatter(const char* op, const Strided& self, int dim, const Strided& index,
             const Strided& source, Combine combine, bool include_self) {
  write_cells(self, Cells::along(op, self, dim, index), source, combine, include_self);
}

/// The operands of a scatter by slices: dims [0, lead) of each are one, by which slices are
/// counted.
struct Slices {
  int lead = 0;
  int64_t count = 1;

  Slices(const Strided& out, int dim, const Strided& index, const Strided& source) {
    auto steps_evenly = [&](const Strided& t, int d) {
      return d == 0 || t.strides[d - 1] == t.strides[d] * t.sizes[d];
    };
    while (lead < dim && index.sizes[lead] == out.sizes[lead] &&
           source.sizes[lead] == out.sizes[lead] && steps_evenly(index, lead) &&
           steps_evenly(source, lead))
      count *= out.sizes[lead++];
  }
};

/// Slices [begin, end) of a tensor, as a view of its own.
class Part {
 public:
  Part(const Strided& t, const Slices& slices, int64_t begin, int64_t end) {
    int n = 0;
    auto append = [&](int64_t size, int64_t stride) {
      sizes_[n] = size;
      strides_[n++] = stride;
    };
    if (slices.lead > 0) append(end - begin, t.strides[slices.lead - 1]);
    for (int d = slices.lead; d < t.ndim; ++d) append(t.sizes[d], t.strides[d]);
    const int64_t first = slices.lead > 0 ? begin * strides_[0] : 0;
    view_ = {static_cast<char*>(t.data) + first * itemsize(t.dtype), t.dtype, n, sizes_, strides_};
  }
  Part(const Part&) = delete;
  const Strided& view() const { return view_; }

 private:
  int64_t sizes_[max_ndim], strides_[max_ndim];
  Strided view_;
};

namespace {

/// Rows of contiguous numbers, each written within a row of `width` cells. An index is looked at
/// when it is used, which costs less than a pass before; false at one outside.
template <class T, class Op>
bool write_rows(T* to, int64_t width, const int64_t* index, const T* from, int64_t from_step,
                int64_t named, int64_t n_rows) {
  constexpr int64_t at_once = 4;
  const auto bound = static_cast<uint64_t>(width);
  for (int64_t row = 0; row < n_rows; ++row, to += width, index += named, from += from_step) {
    int64_t i = 0;
    for (; i + at_once <= named; i += at_once) {
      uint64_t at[at_once];
      for (int64_t k = 0; k < at_once; ++k) {
        at[k] = static_cast<uint64_t>(index[i + k]);
        if (at[k] >= bound) [[unlikely]]
          return false;
      }
      for (int64_t k = 0; k < at_once; ++k) to[at[k]] = Op::apply(to[at[k]], from[i + k]);
    }
    for (; i < named; ++i) {
      const auto at = static_cast<uint64_t>(index[i]);
      if (at >= bound) [[unlikely]]
        return false;
      to[at] = Op::apply(to[at], from[i]);
    }
  }
  return true;
}

/// write_rows() for slices [begin, end) that are such rows.
bool write_rows(const Strided& out, const Strided& index, const Strided& source, Combine combine,
                int64_t begin, int64_t end) {
  const int row = out.ndim - 2, dim = row + 1;
  const int64_t width = out.sizes[dim], named = index.sizes[dim],
                from_step = row < 0 ? 0 : source.strides[row];
  auto with = [&]<class T, class Op>() {
    return write_rows<T, Op>(
        out.as<T>() + begin * width, width, index.as<const int64_t>() + begin * named,
        source.as<const T>() + begin * from_step, from_step, named, end - begin);
  };
  if (combine == Combine::assign)
    return with_item_type(itemsize(out.dtype),
                          [&]<class Item>() { return with.template operator()<Item, Assign>(); });
  return with_scalar_type(
      out.dtype, [&]<class T>() { return with.template operator()<wrapping_t<T>, Sum>(); });
}

}  // namespace

void scatter_copy(const char* op, const Strided& out, const void* base, int dim,
                  const Strided& index, const Strided& source, Combine combine) {
  const Slices slices(out, dim, index, source);
  const int64_t each = out.numel() / slices.count, named = index.numel() / slices.count;
  const int64_t size = itemsize(out.dtype);
  auto begin_with = [&](int64_t begin, int64_t end) {
    char* to = out.as<char>() + begin * each * size;
    const int64_t n_bytes = (end - begin) * each * size;
    if (base)
      copy_memory(to, static_cast<const char*>(base) + begin * each * size, n_bytes);
    else
      fill_memory(to, 0, n_bytes);
  };
  // What a thread does at a time should stay in a cache of its own.
  const int64_t grain = walk_grain / 4 / std::max<int64_t>(1, std::max(each, named));
  if (grain == 0 || slices.count == 1) {
    begin_with(0, slices.count);
    return scatter(op, out, dim, index, source, combine);
  }
  std::atomic<bool> ok{true};
  const bool rows =
      slices.lead == dim && dim == out.ndim - 1 && source.strides[dim] == 1 &&
      (combine == Combine::assign || (combine == Combine::sum && !is_half(out.dtype)));
  parallel_ranges(slices.count, grain, [&](int64_t begin, int64_t end) {
    if (rows) {
      // A few rows at a time, so that all streams are on their way from memory at once.
      const int64_t few = std::max<int64_t>(1, 128 / std::max(each, named));
      for (; begin < end; begin += few) {
        const int64_t next = std::min(end, begin + few);
        begin_with(begin, next);
        if (!write_rows(out, index, source, combine, begin, next))
          return ok.store(false, std::memory_order_relaxed);
      }
      return;
    }
    if (any_outside(index.as<int64_t>() + begin * named, (end - begin) * named, out.sizes[dim]))
      return ok.store(false, std::memory_order_relaxed);
    begin_with(begin, end);
    const Part to(out, slices, begin, end), at(index, slices, begin, end),
        from(source, slices, begin, end);
    write_cells(to.view(), Cells::along_unchecked(to.view(), dim - slices.lead + 1, at.view()),
                from.view(), combine, true);
  });
  if (!ok) check_indices(op, index, out.sizes[dim], false, nullptr, dim);
}

void index_write(const char* op, const Strided& self, int dim, const Strided& index,
                 const Strided& source, Combine combine, bool include_self) {
  write_cells(self, Cells::slices(op, self, dim, index), source, combine, include_self);
}

void index_write_copy(const char* op, const Strided& out, const void* base, int dim,
                      const Strided& index, const Strided& source, Combine combine) {
  const Cells cells = Cells::slices(op, out, dim, index);
  if (combine == Combine::assign)
    return with_item_type(itemsize(out.dtype),
                          [&]<class Item>() { write_all<Item, Assign>(out, cells, source, base); });
  if (combine == Combine::sum && !is_half(out.dtype))
    return with_scalar_type(
        out.dtype, [&]<class T>() { write_all<wrapping_t<T>, Sum>(out, cells, source, base); });
  copy_memory(out.data, base, out.numel() * itemsize(out.dtype));
  write_cells(out, cells, source, combine, true);
}

void index_put(const Strided& self, const Selection& selection, const Strided& values,
               bool accumulate) {
  write_cells(self, Cells::selected("index_put", self, selection), values,
              accumulate ? Combine::sum : Combine::assign, true);
}

void put(const Strided& self, const Strided& index, const Strided& source, bool accumulate) {
  write_cells(self, Cells::flat("put", self, index), source,
              accumulate ? Combine::sum : Combine::assign, true);
}

}  // namespace flambeau
