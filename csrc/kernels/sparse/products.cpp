#include "kernels/sparse/products.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>

#include "kernels/elements/arithmetic.h"
#include "kernels/sparse/simd.h"
#include "runtime/threads.h"
#include "tensor/error.h"

namespace flambeau::sparse {

namespace {

constexpr int64_t grain = 1 << 15;  // multiplications to a chunk, about

template <class T>
struct Summed {
  using type = T;
};
template <>
struct Summed<float16> {
  using type = float;
};
template <>
struct Summed<bfloat16> {
  using type = float;
};
template <>
struct Summed<complex32> {
  using type = complex64;
};
template <class T>
using Sum = typename Summed<T>::type;

template <class T>
Sum<T> multiplied(Sum<T> sum, T a, T b) {
  if constexpr (std::is_same_v<T, bool>)
    return sum || (a && b);
  else
    return multiply_add<Sum<T>>(sum, static_cast<Sum<T>>(a), static_cast<Sum<T>>(b));
}

/// How many rows to a chunk: by the mean work of one.
int64_t rows_to_chunk(const Rows& a, int64_t width) {
  const int64_t work = std::max<int64_t>(1, a.entries / std::max<int64_t>(1, a.rows)) * width;
  return std::max<int64_t>(1, grain / std::max<int64_t>(1, work));
}

template <class T>
void plain_row(const Rows& a, int64_t r, const T* values, const T* dense, int64_t width, T* out,
               std::vector<Sum<T>>& sums) {
  sums.assign(static_cast<size_t>(width), Sum<T>{});
  for (int64_t e = a.pointers[r]; e < a.pointers[r + 1]; ++e) {
    const int64_t place = a.place(e);
    const T* row = dense + a.at[place] * width;
    const T value = values[place];
    for (int64_t j = 0; j < width; ++j)
      sums[static_cast<size_t>(j)] = multiplied<T>(sums[static_cast<size_t>(j)], value, row[j]);
  }
  for (int64_t j = 0; j < width; ++j) out[j] = static_cast<T>(sums[static_cast<size_t>(j)]);
}

}  // namespace

void check_rows(const Rows& a) {
  check<IndexError>(a.pointers[0] == 0 && a.pointers[a.rows] == a.entries, [&] {
    return message("sparse: the rows begin at ", a.pointers[0], " and end at ", a.pointers[a.rows],
                   "; they must go from 0 to the number of entries, ", a.entries, ".");
  });
  bool ordered = true;
  for (int64_t r = 0; r < a.rows; ++r) ordered &= a.pointers[r] <= a.pointers[r + 1];
  check<IndexError>(ordered, [] { return message("sparse: a row ends before it begins."); });
  bool inside = true;
  for (int64_t e = 0; e < a.entries; ++e)
    inside &= static_cast<uint64_t>(a.at[e]) < static_cast<uint64_t>(a.columns);
  check<IndexError>(inside, [&] {
    return message("sparse: an index lies outside of the ", a.columns, " columns.");
  });
}

void rows_times_dense(DType dtype, const Rows& a, const void* values, const void* dense,
                      int64_t width, void* out) {
  with_scalar_type(dtype, [&]<class T>() {
    const T* v = static_cast<const T*>(values);
    const T* d = static_cast<const T*>(dense);
    T* to = static_cast<T*>(out);
    parallel_ranges(a.rows, rows_to_chunk(a, width), [&](int64_t begin, int64_t end) {
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
        sparse_kernels<T>().times_dense(a, begin, end, v, d, width, to);
      } else {
        std::vector<Sum<T>> sums;
        for (int64_t r = begin; r < end; ++r) plain_row(a, r, v, d, width, to + r * width, sums);
      }
    });
  });
}

void sampled_product(DType dtype, int64_t entries, const int64_t* rows, const int64_t* columns,
                     const void* x, int64_t n_x, const void* y, int64_t n_y, int64_t depth,
                     void* out) {
  bool inside = true;
  for (int64_t e = 0; e < entries; ++e)
    inside &= static_cast<uint64_t>(rows[e]) < static_cast<uint64_t>(n_x) &&
              static_cast<uint64_t>(columns[e]) < static_cast<uint64_t>(n_y);
  check<IndexError>(inside, [&] {
    return message("sparse: an index lies outside of the matrix of ", n_x, " x ", n_y, ".");
  });
  with_scalar_type(dtype, [&]<class T>() {
    const T *px = static_cast<const T*>(x), *py = static_cast<const T*>(y);
    T* to = static_cast<T*>(out);
    const int64_t step = std::max<int64_t>(1, grain / std::max<int64_t>(1, depth));
    parallel_ranges(entries, step, [&](int64_t begin, int64_t end) {
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
        sparse_kernels<T>().dots(begin, end, rows, columns, px, py, depth, to);
      } else {
        for (int64_t e = begin; e < end; ++e) {
          Sum<T> sum{};
          const T *a = px + rows[e] * depth, *b = py + columns[e] * depth;
          for (int64_t k = 0; k < depth; ++k) sum = multiplied<T>(sum, a[k], b[k]);
          to[e] = static_cast<T>(sum);
        }
      }
    });
  });
}

namespace {

/// Rows to a chunk of a product of two sparse matrices: each has a table of b.columns of its own.
int64_t rows_to_table(const Rows& a, const Rows& b) {
  return std::max(rows_to_chunk(a, 8), b.columns / 16 + 1);
}

}  // namespace

void count_product(const Rows& a, const Rows& b, int64_t* pointers) {
  pointers[0] = 0;
  parallel_ranges(a.rows, rows_to_table(a, b), [&](int64_t begin, int64_t end) {
    std::vector<int64_t> seen(static_cast<size_t>(b.columns), -1);
    for (int64_t r = begin; r < end; ++r) {
      int64_t count = 0;
      for (int64_t e = a.pointers[r]; e < a.pointers[r + 1]; ++e) {
        const int64_t k = a.at[a.place(e)];
        for (int64_t f = b.pointers[k]; f < b.pointers[k + 1]; ++f) {
          int64_t& last = seen[static_cast<size_t>(b.at[b.place(f)])];
          count += last != r;
          last = r;
        }
      }
      pointers[r + 1] = count;
    }
  });
  for (int64_t r = 0; r < a.rows; ++r) pointers[r + 1] += pointers[r];
}

void fill_product(DType dtype, const Rows& a, const void* a_values, const Rows& b,
                  const void* b_values, const int64_t* pointers, int64_t* columns, void* values) {
  with_scalar_type(dtype, [&]<class T>() {
    const T *av = static_cast<const T*>(a_values), *bv = static_cast<const T*>(b_values);
    T* to = static_cast<T*>(values);
    parallel_ranges(a.rows, rows_to_table(a, b), [&](int64_t begin, int64_t end) {
      std::vector<int64_t> seen(static_cast<size_t>(b.columns), -1);
      auto sums = std::make_unique_for_overwrite<Sum<T>[]>(static_cast<size_t>(b.columns));
      for (int64_t r = begin; r < end; ++r) {
        int64_t* mine = columns + pointers[r];
        int64_t count = 0;
        for (int64_t e = a.pointers[r]; e < a.pointers[r + 1]; ++e) {
          const int64_t place = a.place(e), k = a.at[place];
          const T value = av[place];
          for (int64_t f = b.pointers[k]; f < b.pointers[k + 1]; ++f) {
            const int64_t from = b.place(f);
            const auto column = static_cast<size_t>(b.at[from]);
            if (seen[column] != r) {
              seen[column] = r;
              mine[count++] = b.at[from];
              sums[column] = Sum<T>{};
            }
            sums[column] = multiplied<T>(sums[column], value, bv[from]);
          }
        }
        std::sort(mine, mine + count);
        for (int64_t i = 0; i < count; ++i)
          to[pointers[r] + i] = static_cast<T>(sums[static_cast<size_t>(mine[i])]);
      }
    });
  });
}

}  // namespace flambeau::sparse
