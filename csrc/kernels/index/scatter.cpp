#include "kernels/index/scatter.h"

#include <limits>

#include "kernels/elements/arithmetic.h"
#include "kernels/elements/walk.h"

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
    if constexpr (std::is_same_v<T, bool>)
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
    if constexpr (std::is_same_v<T, bool>)
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
    if constexpr (is_complex_type<T>)
      return a;  // refused by the callers
    else
      return is_nan(a) || a >= b ? a : b;
  }
};
struct Minimum {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (is_complex_type<T>)
      return a;
    else
      return is_nan(a) || a <= b ? a : b;
  }
};

template <class T, class Op>
void write_part(const Strided& self, const Cells& cells, const Strided& source, const Walk<3>& walk,
                int64_t self_base, int64_t source_base, int64_t index_base) {
  int64_t source_step = walk.inner_stride(0), self_step = walk.inner_stride(1),
          index_step = walk.inner_stride(2);
  walk.rows(0, walk.numel(), [&](const auto& at, int64_t n) {
    const T* from = source.as<T>() + source_base + at[0];
    T* to = self.as<T>() + self_base + at[1];
    const int64_t* index = cells.index + index_base + at[2];
    if (index_step == 0) {
      to += *index * cells.step;
      if (source_step == 1 && self_step == 1)
        for (int64_t i = 0; i < n; ++i) to[i] = Op::apply(to[i], from[i]);
      else
        for (int64_t i = 0; i < n; ++i)
          to[i * self_step] = Op::apply(to[i * self_step], from[i * source_step]);
    } else if (index_step == 1 && self_step == 0 && source_step == 1 && cells.step == 1) {
      for (int64_t i = 0; i < n; ++i) to[index[i]] = Op::apply(to[index[i]], from[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) {
        T& cell = to[i * self_step + index[i * index_step] * cells.step];
        cell = Op::apply(cell, from[i * source_step]);
      }
    }
  });
}

/// Runs in parallel over parts of one dim whose coordinates never share a cell; alone where there
/// is none.
template <class T, class Op>
void write_all(const Strided& self, const Cells& cells, const Strided& source) {
  int split = -1;
  int64_t numel = 1;
  // The first dim that is long enough, so that rows stay whole; else the longest.
  for (int d = 0; d < cells.ndim; ++d) {
    numel *= cells.sizes[d];
    if (!cells.indexed[d] &&
        (split < 0 || (cells.sizes[split] < 16 && cells.sizes[d] > cells.sizes[split])))
      split = d;
  }
  if (numel == 0) return;
  // Parts share no cell, so how many there are changes no result.
  if (split < 0 || numel <= walk_grain || get_num_threads() == 1) {
    Walk<3> walk(cells.ndim, cells.sizes,
                 {source.strides, cells.cell_strides, cells.index_strides});
    write_part<T, Op>(self, cells, source, walk, 0, 0, 0);
    return;
  }
  constexpr int64_t line = 64 / std::min<int64_t>(64, sizeof(T));  // parts do not share cache lines
  int64_t part = std::max<int64_t>(1, walk_grain * cells.sizes[split] / numel);
  if (cells.cell_strides[split] == 1) part = (part + line - 1) / line * line;
  parallel_ranges(cells.sizes[split], part, [&](int64_t begin, int64_t end) {
    int64_t sizes[max_ndim];
    std::copy(cells.sizes, cells.sizes + cells.ndim, sizes);
    sizes[split] = end - begin;
    Walk<3> walk(cells.ndim, sizes, {source.strides, cells.cell_strides, cells.index_strides});
    write_part<T, Op>(self, cells, source, walk, begin * cells.cell_strides[split],
                      begin * source.strides[split], begin * cells.index_strides[split]);
  });
}

template <class T>
T identity_of(Combine combine) {
  if constexpr (is_complex_type<T>) {
    return combine == Combine::prod ? T(1) : T(0);
  } else if constexpr (std::is_same_v<T, bool>) {
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
      T identity = identity_of<T>(combine);
      int64_t zero_strides[max_ndim] = {};
      Strided fill{&identity, self.dtype, cells.ndim, cells.sizes, zero_strides};
      write_all<T, Assign>(self, cells, fill);
    }
    switch (combine) {
      case Combine::prod: return write_all<T, Product>(self, cells, source);
      case Combine::amax: return write_all<T, Maximum>(self, cells, source);
      case Combine::amin: return write_all<T, Minimum>(self, cells, source);
      default: return write_all<T, Sum>(self, cells, source);
    }
  });
}

void scatter(const char* op, const Strided& self, int dim, const Strided& index,
             const Strided& source, Combine combine, bool include_self) {
  write_cells(self, Cells::along(op, self, dim, index), source, combine, include_self);
}

void index_write(const char* op, const Strided& self, int dim, const Strided& index,
                 const Strided& source, Combine combine, bool include_self) {
  write_cells(self, Cells::slices(op, self, dim, index), source, combine, include_self);
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
