// The loops of gemm/simd.h, for the vector width and tile sizes that the including file sets:
// vector_bytes, most_rows(v), panel_vectors, wide_vectors, has_halves, dots_columns, and the
// functions multiply_add, mask_of, load_some and store_some over vectors, inside its own namespace.
// No include guard: each instruction set compiles its own copy.

#include "kernels/simd/vector_body.h"

/// The lower half of a vector, which some processors multiply in half the time.
template <class T>
struct Half {
  static constexpr int lanes = Vec<T>::lanes / 2;
  typedef T type __attribute__((vector_size(vector_bytes / 2)));
  typedef T unaligned __attribute__((vector_size(vector_bytes / 2), aligned(sizeof(T)), may_alias));
};
template <class T, int... I>
inline __attribute__((always_inline)) typename Half<T>::type lower_half(
    typename Vec<T>::type value, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(value, value, I...);
}
/// Zeros above.
template <class T, int... I>
inline __attribute__((always_inline)) typename Vec<T>::type widened(
    typename Half<T>::type value, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(value, typename Half<T>::type{}, I...);
}

/// What one tile needs; `last` is the number of columns in its last vector, `whole` says that the
/// rows of B can be read to the end of that vector nevertheless, and `half` that they all are in
/// its lower half.
template <class T>
struct TileTask {
  int64_t K;
  const T* a;
  int64_t a_row, a_column;
  const T* b;
  int64_t b_row;
  T* c;
  int64_t c_row;
  int last;
  bool whole, half;
  T alpha, beta;
  const T* column_bias;
  const T* row_bias;
  bool relu;
  bool apart;        // products are rounded before they are added; only for V <= apart_vectors
  const T* fetch_c;  // the tile of C that comes next, or none
  const T* fetch_a;  // fetch_rows rows of the next block of A
  int64_t fetch_rows;
  Fetch* fetch;  // what else, or none
};

/// A product of at most this many products of elements rounds each before it is added, so that two
/// which overflow to opposite infinities are NaN wherever they stand, as in the vectors of a dot
/// product (and in PyTorch's). Arithmetic is not what such a product takes its time for.
constexpr int64_t apart_products = 512;
constexpr int apart_vectors = 2;

inline __attribute__((always_inline)) void fetch_some(Fetch& f) {
  for (int64_t i = 0; i < f.at_once && f.n_left > 0; ++i, --f.n_left) {
    __builtin_prefetch(f.at, 0, 2);
    f.at += 64;
    if (++f.line == f.lines) {
      f.line = 0;
      f.at += f.row_bytes - 64 * f.lines;
    }
  }
}

/// The rows of A below one another at the same k, in few registers: up to 7 rows are reached from
/// one address by row, 3 row and 5 row times 1, 2 or 4, which the processor's addresses can do.
/// (One register a row would be spilled, and take a place from the arithmetic each time.)
template <class T>
struct RowAddresses {
  const char *first, *second;  // rows 0 and 7
  int64_t row, row3, row5;     // in bytes

  RowAddresses(const T* a, int64_t a_row)
      : first(reinterpret_cast<const char*>(a)),
        row(a_row * static_cast<int64_t>(sizeof(T))),
        row3(3 * row),
        row5(5 * row) {
    second = first + 7 * row;
  }

  inline __attribute__((always_inline)) T at(int i) const {
    const char* from = i < 7 ? first : second;
    switch (i % 7) {
      case 1: from += row; break;
      case 2: from += 2 * row; break;
      case 3: from += row3; break;
      case 4: from += 4 * row; break;
      case 5: from += row5; break;
      case 6: from += 2 * row3; break;
      default: break;
    }
    return *reinterpret_cast<const T*>(from);
  }
};

/// alpha times the sums of a tile, plus biases and beta times what is there, stored.
template <class T, int M, int V, class Mask>
inline __attribute__((always_inline)) void finish_tile(const TileTask<T>& task,
                                                       typename Vec<T>::type (&acc)[M][V],
                                                       const Mask mask) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  if (task.alpha != T(1)) {
    const vec alpha = splat(task.alpha);
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) acc[i][v] *= alpha;
  }
  if (task.column_bias) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      const T* from = task.column_bias + v * lanes;
      const vec bias = v < V - 1 ? load(from) : load_some(from, mask);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) acc[i][v] += bias;
    }
  }
  if (task.row_bias) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      const vec bias = splat(task.row_bias[i]);
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) acc[i][v] += bias;
    }
  }
  if (task.beta != T(0)) {
    const vec beta = splat(task.beta);
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) {
        const T* from = task.c + i * task.c_row + v * lanes;
        acc[i][v] = multiply_add(beta, v < V - 1 ? load(from) : load_some(from, mask), acc[i][v]);
      }
  }
  if (task.relu) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) acc[i][v] = acc[i][v] < T(0) ? vec{} : acc[i][v];  // keeps NaN
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      T* to = task.c + i * task.c_row + v * lanes;
      if (v < V - 1)
        store(to, acc[i][v]);
      else
        store_some(to, acc[i][v], mask);
    }
}

/// The sums of a tile: of all its vectors, or of the last one's lower half only, in vectors of half
/// the length; with masked loads of the last unless `whole`.
template <bool whole, bool fetch, bool apart, bool half, class T, int M, int V, class Mask>
inline __attribute__((always_inline)) void add_products(const TileTask<T>& task,
                                                        typename Vec<T>::type (&acc)[M][V],
                                                        const Mask mask) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  constexpr auto lower = std::make_integer_sequence<int, lanes / 2>{};
  typename Half<T>::type narrow[M] = {};  // the last vector's sums
  const T *b = task.b, *fetch_a = task.fetch_a, *fetch_c = task.fetch_c;
  RowAddresses<T> a(task.a, task.a_row);
  int64_t a_column = task.a_column * static_cast<int64_t>(sizeof(T));
  const int64_t b_row = task.b_row;
  // A second loop for a_column = 1, which the compiler would make, is no faster.
  asm("" : "+r"(a_column));
  constexpr int64_t line = 64 / sizeof(T);
  for (int64_t left = task.K, steps; left > 0; left -= steps) {
    steps = left;
    if constexpr (fetch) {
      // A few lines at a time: a burst would take every place where misses wait, and B's rows
      // come from L2.
      steps = left < line ? left : line;
      for (int64_t i = 0; i < task.fetch_rows; ++i)
        __builtin_prefetch(fetch_a + i * task.a_row, 0, V == 1 ? 3 : 2);
      fetch_a += line;
      if (task.fetch) fetch_some(*task.fetch);
      if (task.K - left < M * line) {
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) __builtin_prefetch(fetch_c + v * lanes, 1);
        fetch_c += task.c_row;
      }
    }
#pragma GCC unroll 1
    for (int64_t k = 0; k < steps; ++k) {
      // Not constants of the loop, as far as the compiler is told: it would keep all multiples.
      asm("" : "+r"(a.row), "+r"(a.row3), "+r"(a.row5));
      vec x[V];
#pragma GCC unroll 16
      for (int v = 0; v < V - 1; ++v) x[v] = load(b + v * lanes);
      const T* last = b + (V - 1) * lanes;
      [[maybe_unused]] typename Half<T>::type narrow_x;
      if constexpr (half && whole)
        narrow_x = *reinterpret_cast<const typename Half<T>::unaligned*>(last);
      else if constexpr (half)
        narrow_x = lower_half<T>(load_some(last, mask), lower);
      else
        x[V - 1] = whole ? load(last) : load_some(last, mask);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        const vec w = splat(a.at(i));
#pragma GCC unroll 16
        for (int v = 0; v < V - half; ++v)
          acc[i][v] = apart ? acc[i][v] + w * x[v] : multiply_add(w, x[v], acc[i][v]);
        if constexpr (half) narrow[i] = multiply_add(lower_half<T>(w, lower), narrow_x, narrow[i]);
      }
      a.first += a_column;
      a.second += a_column;
      b += b_row;
    }
  }
  if constexpr (half)
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i)
      acc[i][V - 1] = widened<T>(narrow[i], std::make_integer_sequence<int, lanes>{});
}

template <class T, int M, int V>
void tile(const TileTask<T>& task) {
  constexpr int lanes = Vec<T>::lanes;
  const auto mask = mask_of<T>(task.last);
  typename Vec<T>::type acc[M][V] = {};
  constexpr bool may_fetch = M >= 4 && V <= panel_vectors;
  constexpr bool may_half = has_halves && V <= panel_vectors;
  const bool fetches = may_fetch && task.fetch_c, half = may_half && task.half;
  // A masked load takes a slot from the arithmetic: 5 % of a tile of 8 x 3.
  if (V <= apart_vectors && task.apart)
    add_products<false, false, V <= apart_vectors, false>(task, acc, mask);
  else if (half && !task.whole && task.last < lanes / 2)
    add_products<false, false, false, may_half>(task, acc, mask);
  else if (half && fetches)
    add_products<true, may_fetch, false, may_half>(task, acc, mask);
  else if (half)
    add_products<true, false, false, may_half>(task, acc, mask);
  else if (!task.whole)
    add_products<false, false, false, false>(task, acc, mask);
  else if (fetches)
    add_products<true, may_fetch, false, false>(task, acc, mask);
  else
    add_products<true, false, false, false>(task, acc, mask);
  finish_tile<T, M, V>(task, acc, mask);
}

template <class T>
using TileFunction = void (*)(const TileTask<T>&);

/// The tiles of V vectors, by their rows less one.
template <class T, int V, int... I>
const TileFunction<T>* tiles_of(std::integer_sequence<int, I...>) {
  static constexpr TileFunction<T> table[] = {tile<T, I + 1, V>...};
  return table;
}

template <class T>
const TileFunction<T>* tiles(int v) {
  switch (v) {
    case 1: return tiles_of<T, 1>(std::make_integer_sequence<int, most_rows(1)>{});
    case 2: return tiles_of<T, 2>(std::make_integer_sequence<int, most_rows(2)>{});
    case 3: return tiles_of<T, 3>(std::make_integer_sequence<int, most_rows(3)>{});
    case 4: return tiles_of<T, 4>(std::make_integer_sequence<int, most_rows(4)>{});
    case 5: return tiles_of<T, 5>(std::make_integer_sequence<int, most_rows(5)>{});
    default: return tiles_of<T, 6>(std::make_integer_sequence<int, most_rows(6)>{});
  }
}

template <class T>
void block(const GemmBlock<T>& g) {
  constexpr int lanes = Vec<T>::lanes;
  const bool wide = !g.packed_b && g.M <= most_rows(wide_vectors);
  const Spread panels((g.N + lanes - 1) / lanes, wide ? wide_vectors : panel_vectors);
  TileTask<T> task;
  task.K = g.K;
  task.alpha = g.alpha;
  task.beta = g.beta;
  task.relu = g.relu;
  task.apart = g.M * g.N * g.K <= apart_products;
  task.c_row = g.c_row;
  task.fetch_c = task.fetch_a = nullptr;
  task.fetch_rows = 0;
  task.fetch = g.fetch;
  for (int64_t panel = 0; panel < panels.n_parts; ++panel) {
    const int v = static_cast<int>(panels.length(panel));
    const int64_t column = panels.begin(panel) * lanes;
    const int64_t width = g.N - column < v * lanes ? g.N - column : v * lanes;
    const TileFunction<T>* by_rows = tiles<T>(v);
    const Spread rows(g.M, g.packed_a ? most_rows(panel_vectors) : most_rows(v));
    task.last = static_cast<int>(width - (v - 1) * lanes);
    task.whole = g.packed_b || task.last == lanes;
    task.half = task.last <= lanes / 2;
    task.b = g.b + (g.packed_b ? column * g.K : column);
    task.b_row = g.packed_b ? v * lanes : g.b_row;
    task.column_bias = g.column_bias ? g.column_bias + column : nullptr;
    for (int64_t part = 0; part < rows.n_parts; ++part) {
      const int64_t row = rows.begin(part), m = rows.length(part);
      task.a = g.a + (g.packed_a ? row * g.K : row * g.a_row);
      task.a_row = g.packed_a ? 1 : g.a_row;
      task.a_column = g.packed_a ? m : g.a_column;
      task.c = g.c + row * g.c_row + column;
      task.row_bias = g.row_bias ? g.row_bias + row : nullptr;
      if (g.large) {
        const bool below = part + 1 < rows.n_parts;
        task.fetch_c = below ? task.c + m * g.c_row : g.c + column + width;
        if (g.next_a) {
          const int64_t first = m * panel / panels.n_parts;
          task.fetch_a =
              panels.n_parts == 1 ? task.a + m * g.a_row : g.next_a + (row + first) * g.a_row;
          task.fetch_rows = m * (panel + 1) / panels.n_parts - first;
        }
      }
      by_rows[m - 1](task);
    }
  }
}

/// `count` (at most lanes) columns of a panel whose rows are `width` apart, from columns of B that
/// are contiguous along k.
template <class T>
void pack_columns(int64_t K, const T* b, int64_t column, int64_t count, int64_t width, T* packed) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t k = 0; k < K; k += lanes) {
    const int depth = static_cast<int>(K - k < lanes ? K - k : lanes);
    vec rows[lanes];
    if (depth == lanes && count == lanes) {
#pragma GCC unroll 16
      for (int j = 0; j < lanes; ++j) rows[j] = load(b + j * column + k);
    } else {
      const auto mask = mask_of<T>(depth);
      for (int j = 0; j < lanes; ++j)
        rows[j] = j < count ? load_some(b + j * column + k, mask) : vec{};
    }
    transpose<T>(rows);
    if (depth == lanes) {
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) store(packed + (k + i) * width, rows[i]);
    } else {
      for (int i = 0; i < depth; ++i) store(packed + (k + i) * width, rows[i]);
    }
  }
}

template <class T>
void pack_b_columns(int64_t K, int64_t N, const T* b, int64_t column, int64_t first, int64_t last,
                    T* packed) {
  constexpr int lanes = Vec<T>::lanes;
  const Spread panels((N + lanes - 1) / lanes, panel_vectors);
  for (int64_t panel = first; panel < last; ++panel) {
    const int64_t begin = panels.begin(panel) * lanes, width = panels.length(panel) * lanes;
    for (int64_t j = 0; j < width; j += lanes)
      pack_columns(K, b + (begin + j) * column, column,
                   N - begin - j < lanes ? N - begin - j : lanes, width, packed + begin * K + j);
  }
}

template <class T>
void pack_b_rows(int64_t K, int64_t N, const T* b, int64_t row, int64_t column, int64_t first,
                 int64_t last, T* packed) {
  constexpr int lanes = Vec<T>::lanes;
  const Spread panels((N + lanes - 1) / lanes, panel_vectors);
  // A few rows at a time, so that what is written is in long runs too.
  constexpr int64_t run = 8;
  for (int64_t k0 = first; k0 < last; k0 += run) {
    const int64_t k_end = k0 + run < last ? k0 + run : last;
    for (int64_t panel = 0; panel < panels.n_parts; ++panel) {
      const int64_t begin = panels.begin(panel) * lanes, width = panels.length(panel) * lanes;
      const int64_t count = N - begin < width ? N - begin : width;
      T* to = packed + begin * K + k0 * width;
      for (int64_t k = k0; k < k_end; ++k, to += width) {
        const T* from = b + k * row + begin * column;
        if (column == 1) {
          int64_t j = 0;
          for (; j + lanes <= count; j += lanes) store(to + j, load(from + j));
          if (j < count)
            store(to + j, load_some(from + j, mask_of<T>(static_cast<int>(count - j))));
        } else {
          for (int64_t j = 0; j < count; ++j) to[j] = from[j * column];
          for (int64_t j = count; j < width; ++j) to[j] = T(0);
        }
      }
    }
  }
}

/// i times each of a vector of complex numbers.
template <class T, int... I>
inline __attribute__((always_inline)) typename Vec<T>::type times_i(
    typename Vec<T>::type value, std::integer_sequence<int, I...>) {
  constexpr typename Vec<T>::type signs = {(I % 2 ? T(1) : T(-1))...};
  return __builtin_shufflevector(value, value, (I ^ 1)...) * signs;
}

/// K rows of `width` numbers, two rows apart, from columns of complex numbers, of which `count` are
/// there; the others are 0.
template <class T>
void pack_columns_of_pairs(int64_t K, const T* b, int64_t column, int64_t count, int64_t width,
                           T* packed) {
  if constexpr (sizeof(T) == 4) {  // a complex number is moved as one of 64 bits
    constexpr int lanes = Vec<double>::lanes;
    for (int64_t j = 0; j < width / 2; j += lanes)
      pack_columns(K, reinterpret_cast<const double*>(b + j * column), column / 2,
                   count - j < lanes ? count - j : lanes, width,
                   reinterpret_cast<double*>(packed) + j);
  } else {
    for (int64_t k = 0; k < K; ++k, b += 2, packed += 2 * width)
      for (int64_t j = 0; j < width / 2; ++j) {
        packed[2 * j] = j < count ? b[j * column] : T(0);
        packed[2 * j + 1] = j < count ? b[j * column + 1] : T(0);
      }
  }
}

template <class T>
void pack_b_pairs(int64_t K, int64_t N, const T* b, int64_t row, int64_t column, int64_t first,
                  int64_t last, T* packed) {
  constexpr int lanes = Vec<T>::lanes;
  constexpr auto order = std::make_integer_sequence<int, lanes>{};
  const Spread panels((N + lanes - 1) / lanes, panel_vectors);
  for (int64_t panel = first; panel < last; ++panel) {
    const int64_t begin = panels.begin(panel) * lanes, width = panels.length(panel) * lanes;
    const int64_t count = N - begin < width ? N - begin : width;
    T* to = packed + begin * K;
    if (column != 1)
      pack_columns_of_pairs(K / 2, b + begin / 2 * column, column, count / 2, width, to);
    for (int64_t k = 0; k < K; k += 2, to += 2 * width)
      for (int64_t j = 0; j < width; j += lanes) {
        const T* from = column == 1 ? b + k / 2 * row + begin + j : to + j;
        const auto value =
            column != 1 || j + lanes <= count
                ? load(from)
                : load_some(from, mask_of<T>(static_cast<int>(count > j ? count - j : 0)));
        store(to + j, value);
        store(to + width + j, times_i<T>(value, order));
      }
  }
}

template <class T>
void pack_a(int64_t M, int64_t K, const T* a, int64_t column, T* packed) {
  constexpr int lanes = Vec<T>::lanes, whole = most_rows(panel_vectors);
  const Spread rows(M, whole);
  constexpr int64_t run = 8;
  for (int64_t k0 = 0; k0 < K; k0 += run) {
    const int64_t k_end = k0 + run < K ? k0 + run : K;
    for (int64_t part = 0; part < rows.n_parts; ++part) {
      const int64_t row = rows.begin(part), m = rows.length(part);
      const T* from = a + row + k0 * column;
      T* to = packed + row * K + k0 * m;
      if (m == whole) {  // without masks
        for (int64_t k = k0; k < k_end; ++k, from += column, to += whole)
          __builtin_memcpy(to, from, whole * sizeof(T));
        continue;
      }
      for (int64_t k = k0; k < k_end; ++k, from += column, to += m)
        for (int64_t i = 0; i < m; i += lanes) {
          const auto mask = mask_of<T>(static_cast<int>(m - i < lanes ? m - i : lanes));
          store_some(to + i, load_some(from + i, mask), mask);
        }
    }
  }
}

/// An M x N tile of dots, in M * N * U sums: U parts of k side by side.
template <class T, int M, int N, int U>
void dot_tile(int64_t K, const T* a, int64_t a_row, const T* b, int64_t b_row, T* out,
              int64_t out_row, int64_t out_column) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  vec acc[U][M][N] = {};
  int64_t k = 0;
  for (; k + U * lanes <= K; k += U * lanes) {
#pragma GCC unroll 16
    for (int u = 0; u < U; ++u) {
      vec x[M];
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) x[i] = load(a + i * a_row + k + u * lanes);
#pragma GCC unroll 16
      for (int j = 0; j < N; ++j) {
        const vec y = load(b + j * b_row + k + u * lanes);
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) acc[u][i][j] = multiply_add(x[i], y, acc[u][i][j]);
      }
    }
  }
  for (; k < K; k += lanes) {
    const auto mask = mask_of<T>(static_cast<int>(K - k < lanes ? K - k : lanes));
    vec x[M];
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) x[i] = load_some(a + i * a_row + k, mask);
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) {
      const vec y = load_some(b + j * b_row + k, mask);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) acc[0][i][j] = multiply_add(x[i], y, acc[0][i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) {
      vec sum = acc[0][i][j];
#pragma GCC unroll 16
      for (int u = 1; u < U; ++u) sum += acc[u][i][j];
      out[i * out_row + j * out_column] = sum_of_lanes<T>(sum);
    }
}

template <class T, int M>
void dots_of_rows(int64_t N, int64_t K, const T* a, int64_t a_row, const T* b, int64_t b_row,
                  T* out, int64_t out_row, int64_t out_column) {
  constexpr int step = dots_columns(M), rest = M == 1 ? 4 : M == 2 ? 2 : 1;
  int64_t j = 0;
  for (; j + step <= N; j += step)
    dot_tile<T, M, step, 1>(K, a, a_row, b + j * b_row, b_row, out + j * out_column, out_row,
                            out_column);
  for (; j < N; ++j)
    dot_tile<T, M, 1, rest>(K, a, a_row, b + j * b_row, b_row, out + j * out_column, out_row,
                            out_column);
}

/// One row times as many others as a vector has lanes, whose sums are added up together: for short
/// rows, and 16 lanes. (With 8 tiles are as good.)
template <class T>
void dots_side_by_side(int64_t K, const T* a, const T* b, int64_t b_row, T* out) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  vec sums[lanes] = {};
  auto add = [&](int64_t k, auto&& part) __attribute__((always_inline)) {
    const vec x = part(a + k);
#pragma GCC unroll 16
    for (int r = 0; r < lanes; ++r) sums[r] = multiply_add(x, part(b + r * b_row + k), sums[r]);
  };
  int64_t k = 0;
  for (; k + lanes <= K; k += lanes)
    add(k, [&](const T* from) __attribute__((always_inline)) { return load(from); });
  if (k < K) {
    const auto mask = mask_of<T>(static_cast<int>(K - k));
    add(k, [&](const T* from) __attribute__((always_inline)) { return load_some(from, mask); });
  }
  store(out, sums_of_vectors<T>(sums));
}

template <class T>
void dots(int64_t M, int64_t N, int64_t K, const T* a, int64_t a_row, const T* b, int64_t b_row,
          T* out, int64_t out_row, int64_t out_column) {
  constexpr int lanes = Vec<T>::lanes;
  if constexpr (lanes == 16)
    for (; M == 1 && out_column == 1 && K <= 8 * lanes && N >= lanes;
         N -= lanes, b += lanes * b_row, out += lanes)
      dots_side_by_side(K, a, b, b_row, out);
  switch (M) {
    case 1: return dots_of_rows<T, 1>(N, K, a, a_row, b, b_row, out, out_row, out_column);
    case 2: return dots_of_rows<T, 2>(N, K, a, a_row, b, b_row, out, out_row, out_column);
    case 3: return dots_of_rows<T, 3>(N, K, a, a_row, b, b_row, out, out_row, out_column);
    default: return dots_of_rows<T, 4>(N, K, a, a_row, b, b_row, out, out_row, out_column);
  }
}

template <class T>
void outer(int64_t M, int64_t N, const T* a, int64_t a_row, const T* b, T* c, int64_t c_row) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t i = 0; i < M; ++i, a += a_row, c += c_row) {
    const vec w = splat(*a);
    int64_t j = 0;
    // Added to zeros, as any product's first: -0 becomes 0.
    for (; j + lanes <= N; j += lanes) store(c + j, multiply_add(w, load(b + j), vec{}));
    if (j < N) {
      const auto mask = mask_of<T>(static_cast<int>(N - j));
      store_some(c + j, multiply_add(w, load_some(b + j, mask), vec{}), mask);
    }
  }
}

template <class T>
constexpr GemmKernels<T> kernels_of() {
  return {Vec<T>::lanes,  panel_vectors,     most_rows(panel_vectors), 4,         block<T>,
          pack_b_rows<T>, pack_b_columns<T>, pack_b_pairs<T>,          pack_a<T>, dots<T>,
          outer<T>};
}
extern const GemmKernels<float> float_kernels = kernels_of<float>();
extern const GemmKernels<double> double_kernels = kernels_of<double>();
