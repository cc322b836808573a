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
using Sum = computed_t<T>;

template <class T>
Sum<T> multiplied(Sum<T> sum, T a, T b) {
  if constexpr (std::is_same_v<T, Truth>)
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
    const T* row = dense + a.column(place) * width;
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
  check<IndexError>(sparse_kernels<float>().ascending(a.pointers, a.rows + 1),
                    [] { return message("sparse: a row ends before it begins."); });
}

static void throw_outside_columns(const Rows& a) {
  throw IndexError(message("sparse: an index lies outside of the ", a.columns, " columns."));
}

void check_columns(const Rows& a) {
  if (!sparse_kernels<float>().within(a.at, a.entries, a.columns)) throw_outside_columns(a);
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

/// Rows [begin, end) of a @ vector, whose entries stand in another order; false where an index lies
/// outside, which counts as 0 then.
template <class T>
bool vector_rows(const Rows& a, int64_t begin, int64_t end, const T* values, const T* vector,
                 T* out) {
  uint64_t outside = 0;
  const auto columns = static_cast<uint64_t>(a.columns);
  auto product = [&](int64_t e) {
    const int64_t place = a.order[e];
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
      T* to = static_cast<T*>(out);
      const bool fine = a.order ? vector_rows(a, begin, end, v, d, to)
                                : sparse_kernels<T>().times_vector(a, begin, end, v, d, to);
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
        sparse_kernels<T>().dots(begin, end, {rows, n_x}, {columns, n_y}, px, py, depth, to);
      } else {
        for (int64_t e = begin; e < end; ++e) {
          Sum<T> sum{};
          const T *a = px + limited(rows[e], n_x - 1) * depth,
                  *b = py + limited(columns[e], n_y - 1) * depth;
          for (int64_t k = 0; k < depth; ++k) sum = multiplied<T>(sum, a[k], b[k]);
          to[e] = static_cast<T>(sum);
        }
      }
    });
  });
}

namespace {

/// A set of numbers below n that gives them back in order: bits, and where those are many and few
/// of them set, bits that say which words of those are not 0.
class OrderedSet {
 public:
  OrderedSet(int64_t n, int64_t n_members)
      : words_(static_cast<size_t>(n / 64 + 1)),
        used_(n / 64 > 2 * n_members ? words_.size() / 64 + 1 : 0) {}
  bool is_sparse() const { return !used_.empty(); }

  /// Whether x was not in it yet.
  template <bool sparse>
  bool add(int64_t x) {
    uint64_t& word = words_[static_cast<size_t>(x >> 6)];
    const uint64_t bit = uint64_t{1} << (x & 63);
    const bool is_new = !(word & bit);
    word |= bit;
    if constexpr (sparse) used_[static_cast<size_t>(x >> 12)] |= uint64_t{1} << (x >> 6 & 63);
    return is_new;
  }

  /// Writes its numbers in ascending order to `to`, which has room for two more, and empties the
  /// set; how many they were.
  template <bool sparse>
  int64_t drain(int64_t* to) {
    int64_t n = 0;
    if constexpr (!sparse) {
      for (size_t w = 0; w < words_.size(); ++w) n = write_bits(words_, w, to, n);
    } else {
      int64_t words[64 + 2];
      for (size_t u = 0; u < used_.size(); ++u) {
        const int64_t n_words = write_bits(used_, u, words, 0);
        for (int64_t i = 0; i < n_words; ++i)
          n = write_bits(words_, static_cast<size_t>(words[i]), to, n);
      }
    }
    return n;
  }

 private:
  /// Words have a bit or two, mostly: those are written in any case, without a branch.
  static int64_t write_bits(std::vector<uint64_t>& words, size_t w, int64_t* to, int64_t n) {
    constexpr uint64_t top = uint64_t{1} << 63;  // counting needs a bit
    const auto first = static_cast<int64_t>(64 * w);
    uint64_t bits = words[w];
    words[w] = 0;
    for (;;) {
      to[n] = first + std::countr_zero(bits | top);
      n += bits != 0;
      bits &= bits - 1;
      to[n] = first + std::countr_zero(bits | top);
      n += bits != 0;
      bits &= bits - 1;
      if (!bits) return n;
    }
  }

  std::vector<uint64_t> words_, used_;
};

/// Multiplications of rows [begin, end) of a @ b, and the most entries that they can give.
std::pair<int64_t, int64_t> work_of(const Rows& a, int64_t begin, int64_t end, const Rows& b) {
  int64_t work = 0, most = 0;
  for (int64_t r = begin; r < end; ++r) {
    int64_t n = 0;
    for (int64_t e = a.pointers[r]; e < a.pointers[r + 1]; ++e) {
      const int64_t k = a.at[a.place(e)];
      n += b.pointers[k + 1] - b.pointers[k];
    }
    work += n;
    most += std::min(n, b.columns);
  }
  return {work, most};
}

/// Asks for a row of b before it is needed: rows come in any order, and those of a large b lie far.
template <class T>
inline void prefetch_row(const Rows& b, int64_t k, const T* values) {
  const int64_t first = b.pointers[k];
  __builtin_prefetch(b.at + first);
  __builtin_prefetch(b.at + first + 8);
  __builtin_prefetch(values + first);
}

/// Rows [begin, end) of a @ b.
template <class T, bool sparse>
void multiply_rows(const Rows& a, int64_t begin, int64_t end, const T* av, const Rows& b,
                   const T* bv, OrderedSet& seen, int64_t* counts, Piece& piece) {
  auto sums = std::make_unique_for_overwrite<Sum<T>[]>(static_cast<size_t>(b.columns));
  T* values = reinterpret_cast<T*>(piece.values.get());
  constexpr int64_t ahead = 4;  // rows of b
  const bool is_far = b.entries > (1 << 16) && !a.order && !b.order;
  const int64_t last = a.pointers[end] - 2 * ahead;
  for (int64_t r = begin; r < end; ++r) {
    for (int64_t e = a.pointers[r]; e < a.pointers[r + 1]; ++e) {
      const int64_t place = a.place(e), k = a.at[place];
      if (is_far && e < last) {
        __builtin_prefetch(b.pointers + a.at[e + 2 * ahead]);
        prefetch_row(b, a.at[e + ahead], bv);
      }
      const T value = av[place];
      for (int64_t f = b.pointers[k]; f < b.pointers[k + 1]; ++f) {
        const int64_t from = b.place(f), column = b.at[from];
        Sum<T>& sum = sums[static_cast<size_t>(column)];
        sum = multiplied<T>(seen.add<sparse>(column) ? Sum<T>{} : sum, value, bv[from]);
      }
    }
    int64_t* columns = piece.columns.get() + piece.n;
    counts[r] = seen.drain<sparse>(columns);
    for (int64_t i = 0; i < counts[r]; ++i)
      values[piece.n + i] = static_cast<T>(sums[static_cast<size_t>(columns[i])]);
    piece.n += counts[r];
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
      const auto [work, most] = work_of(a, begin, end, b);
      Piece& piece = pieces[static_cast<size_t>(begin / step)];
      // What is never written takes no memory, only addresses.
      piece.columns = std::make_unique_for_overwrite<int64_t[]>(static_cast<size_t>(most + 2));
      piece.values = std::make_unique_for_overwrite<char[]>(static_cast<size_t>(most) * sizeof(T));
      OrderedSet seen(b.columns, work / (end - begin));
      const T *av = static_cast<const T*>(a_values), *bv = static_cast<const T*>(b_values);
      if (seen.is_sparse())
        multiply_rows<T, true>(a, begin, end, av, b, bv, seen, pointers + 1, piece);
      else
        multiply_rows<T, false>(a, begin, end, av, b, bv, seen, pointers + 1, piece);
    });
  });
  for (int64_t r = 0; r < a.rows; ++r) pointers[r + 1] += pointers[r];
  return pieces;
}

void join(DType dtype, const std::vector<Piece>& pieces, int64_t* columns, void* values) {
  char* to = static_cast<char*>(values);
  for (const Piece& piece : pieces) {
    if (piece.n == 0) continue;
    const size_t n = static_cast<size_t>(piece.n),
                 n_bytes = n * static_cast<size_t>(itemsize(dtype));
    std::memcpy(columns, piece.columns.get(), n * sizeof(int64_t));
    std::memcpy(to, piece.values.get(), n_bytes);
    columns += n;
    to += n_bytes;
  }
}

}  // namespace flambeau::sparse
