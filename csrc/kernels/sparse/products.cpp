#include "kernels/sparse/products.h"

#include <algorithm>
#include <atomic>
#include <bit>
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

void check_pointers(const Rows& a) {
  check<IndexError>(a.pointers[0] == 0 && a.pointers[a.rows] == a.entries, [&] {
    return message("sparse: the rows begin at ", a.pointers[0], " and end at ", a.pointers[a.rows],
                   "; they must go from 0 to the number of entries, ", a.entries, ".");
  });
  bool ordered = true;
  for (int64_t r = 0; r < a.rows; ++r) ordered &= a.pointers[r] <= a.pointers[r + 1];
  check<IndexError>(ordered, [] { return message("sparse: a row ends before it begins."); });
}

static void throw_outside_columns(const Rows& a) {
  throw IndexError(message("sparse: an index lies outside of the ", a.columns, " columns."));
}

void check_columns(const Rows& a) {
  int64_t low = 0, high = -1;
  for (int64_t e = 0; e < a.entries; ++e) {
    low = a.at[e] < low ? a.at[e] : low;
    high = a.at[e] > high ? a.at[e] : high;
  }
  if (low < 0 || high >= a.columns) throw_outside_columns(a);
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

namespace {

/// Rows [begin, end) of a @ vector; false where an index lies outside, which counts as 0 then.
template <class T, bool ordered>
bool vector_rows(const Rows& a, int64_t begin, int64_t end, const T* values, const T* vector,
                 T* out) {
  uint64_t outside = 0;
  const auto columns = static_cast<uint64_t>(a.columns);
  auto product = [&](int64_t e) {
    const int64_t place = ordered ? e : a.order[e];
    const auto at = static_cast<uint64_t>(a.at[place]);
    const bool wrong = at >= columns;
    outside |= wrong;
    return values[place] * vector[wrong ? 0 : at];
  };
  for (int64_t r = begin; r < end; ++r) {
    int64_t e = a.pointers[r];
    const int64_t last = a.pointers[r + 1];
    // Four sums that do not wait for each other.
    T sums[4] = {};
    for (; e + 4 <= last; e += 4)
      for (int k = 0; k < 4; ++k) sums[k] += product(e + k);
    if (e < last) sums[0] += product(e);
    if (e + 1 < last) sums[1] += product(e + 1);
    if (e + 2 < last) sums[2] += product(e + 2);
    out[r] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
  return !outside;
}

}  // namespace

void rows_times_vector(DType dtype, const Rows& a, const void* values, const void* dense,
                       void* out) {
  if (a.columns == 0 && a.entries) throw_outside_columns(a);
  std::atomic<bool> right = true;
  auto run = [&]<class T>(const T* v) {
    parallel_ranges(a.rows, rows_to_chunk(a, 1), [&](int64_t begin, int64_t end) {
      const T* d = static_cast<const T*>(dense);
      bool fine = a.order ? vector_rows<T, false>(a, begin, end, v, d, static_cast<T*>(out))
                          : vector_rows<T, true>(a, begin, end, v, d, static_cast<T*>(out));
      if (!fine) right = false;
    });
  };
  if (dtype == DType::float32)
    run(static_cast<const float*>(values));
  else
    run(static_cast<const double*>(values));
  if (!right) throw_outside_columns(a);
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

/// A set of numbers below n that gives them back in order: bits, and bits that say which words of
/// those are not 0.
class OrderedSet {
 public:
  explicit OrderedSet(int64_t n)
      : words_(static_cast<size_t>(n / 64 + 1)), used_(words_.size() / 64 + 1) {}
  /// Whether x was not in it yet.
  bool add(int64_t x) {
    uint64_t& word = words_[static_cast<size_t>(x >> 6)];
    const uint64_t bit = uint64_t{1} << (x & 63);
    if (word & bit) return false;
    word |= bit;
    used_[static_cast<size_t>(x >> 12)] |= uint64_t{1} << (x >> 6 & 63);
    return true;
  }
  /// Calls visit(x) for each x in ascending order, and empties the set.
  template <class Visit>
  void drain(Visit&& visit) {
    for (size_t u = 0; u < used_.size(); ++u) {
      for (uint64_t left = used_[u]; left; left &= left - 1) {
        const size_t w = 64 * u + static_cast<size_t>(std::countr_zero(left));
        for (uint64_t bits = words_[w]; bits; bits &= bits - 1)
          visit(static_cast<int64_t>(64 * w) + std::countr_zero(bits));
        words_[w] = 0;
      }
      used_[u] = 0;
    }
  }

 private:
  std::vector<uint64_t> words_, used_;
};

/// Rows [begin, end) of a @ b.
template <class T>
void multiply_rows(const Rows& a, int64_t begin, int64_t end, const T* av, const Rows& b,
                   const T* bv, int64_t* counts, Piece& piece) {
  OrderedSet seen(b.columns);
  auto sums = std::make_unique_for_overwrite<Sum<T>[]>(static_cast<size_t>(b.columns));
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t e = a.pointers[r]; e < a.pointers[r + 1]; ++e) {
      const int64_t place = a.place(e), k = a.at[place];
      const T value = av[place];
      for (int64_t f = b.pointers[k]; f < b.pointers[k + 1]; ++f) {
        const int64_t from = b.place(f), column = b.at[from];
        Sum<T>& sum = sums[static_cast<size_t>(column)];
        sum = multiplied<T>(seen.add(column) ? Sum<T>{} : sum, value, bv[from]);
      }
    }
    const size_t before = piece.columns.size();
    seen.drain([&](int64_t column) { piece.columns.push_back(column); });
    const size_t now = piece.columns.size();
    piece.values.resize(now * sizeof(T));
    T* to = reinterpret_cast<T*>(piece.values.data());
    for (size_t i = before; i < now; ++i)
      to[i] = static_cast<T>(sums[static_cast<size_t>(piece.columns[i])]);
    counts[r] = static_cast<int64_t>(now - before);
  }
}

}  // namespace

std::vector<Piece> multiply(DType dtype, const Rows& a, const void* a_values, const Rows& b,
                            const void* b_values, int64_t* pointers) {
  // Each chunk has a table of b.columns of its own, which its rows are to be worth.
  const int64_t step = std::max(rows_to_chunk(a, 8), b.columns / 16 + 1);
  std::vector<Piece> pieces(static_cast<size_t>((a.rows + step - 1) / step));
  pointers[0] = 0;
  with_scalar_type(dtype, [&]<class T>() {
    parallel_ranges(a.rows, step, [&](int64_t begin, int64_t end) {
      multiply_rows(a, begin, end, static_cast<const T*>(a_values), b,
                    static_cast<const T*>(b_values), pointers + 1,
                    pieces[static_cast<size_t>(begin / step)]);
    });
  });
  for (int64_t r = 0; r < a.rows; ++r) pointers[r + 1] += pointers[r];
  return pieces;
}

void join(const std::vector<Piece>& pieces, int64_t* columns, void* values) {
  char* to = static_cast<char*>(values);
  for (const Piece& piece : pieces) {
    if (piece.columns.empty()) continue;
    std::memcpy(columns, piece.columns.data(), piece.columns.size() * sizeof(int64_t));
    std::memcpy(to, piece.values.data(), piece.values.size());
    columns += piece.columns.size();
    to += piece.values.size();
  }
}

}  // namespace flambeau::sparse
