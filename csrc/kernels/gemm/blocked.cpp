// Matrix products in float32 and float64: cuts a product into blocks for the caches and tasks for
// the pool, and packs what the loops of gemm/simd.h cannot read in place.
// Any thread may call; the GIL is not touched. How a product is cut depends on its sizes and
// strides alone, so its bits do not depend on the number of threads.
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/gemm/packing.h"
#include "kernels/gemm/problem.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { packed_a_slot = 4, packed_b_slot = 5, partial_slot = 6 };

/// Sizes of blocks, from the caches of this machine.
struct Caches {
  int64_t l2 = 1 << 20;
  Caches() {
#ifdef _SC_LEVEL2_CACHE_SIZE
    // A hypervisor may hide the size.
    if (long n = sysconf(_SC_LEVEL2_CACHE_SIZE); n > 0)
      l2 = std::clamp<int64_t>(n, 256 << 10, 2 << 20);
#endif
  }
};
const Caches caches;

/// K is cut into slices of at most this many: a panel of B then streams from L2 while C, read and
/// written once a slice, costs little.
constexpr int64_t most_depth = 384;
/// Rows of A in one block, which is the least of a task. It is fetched into L2 while the one before
/// is multiplied.
constexpr int64_t block_rows = 64;
/// Products that are worth a task of their own, some 5 us; an element of C costs as much as some of
/// them.
constexpr int64_t task_work = 1 << 18, element_work = 16;

/// Rows of A that make a task with so many columns and so deep.
constexpr int64_t task_rows(int64_t columns, int64_t depth) {
  return std::max(block_rows, 2 * task_work / (columns * (depth + element_work)));
}

/// The columns whose packed rows of B share L2 with a block of A and of C.
template <class T>
int64_t task_panels(int64_t depth) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const int64_t width = kernels.panel * kernels.lanes;
  return std::max<int64_t>(2, caches.l2 * 3 / 8 / (depth * width * sizeof(T)));
}

/// One block of a product: rows, columns and depth from (m0, n0, k0) on.
template <class T>
GemmBlock<T> block_of(const Product<T>& p, int64_t m0, int64_t n0, int64_t k0, int64_t M, int64_t N,
                      int64_t K) {
  const bool first = k0 == 0, last = k0 + K == p.K;
  GemmBlock<T> g;
  g.M = M, g.N = N, g.K = K;
  g.a = p.a_at(m0, k0);
  g.a_row = p.a_row, g.a_column = p.a_column;
  g.b = p.b_at(k0, n0);
  g.b_row = p.b_row;
  g.c = p.c + m0 * p.c_row + n0;
  g.c_row = p.c_row;
  g.packed_a = g.packed_b = false;
  g.alpha = p.alpha;
  g.beta = first ? p.beta : T(1);
  g.column_bias = last && p.column_bias ? p.column_bias + n0 : nullptr;
  g.row_bias = last && p.row_bias ? p.row_bias + m0 : nullptr;
  g.relu = last && p.relu;
  g.large = false;
  g.next_a = nullptr;
  g.fetch = nullptr;
  return g;
}

/// c[i, j] = finished value of alpha * sums[i, j]: what the blocks do to a tile, element by
/// element.
template <class T>
void finish(const Product<T>& p, int64_t n0, int64_t N, const T* sums, int64_t sums_row, T* c,
            int64_t c_row, int64_t c_column) {
  for (int64_t i = 0; i < p.M; ++i)
    for (int64_t j = 0; j < N; ++j) {
      T value = p.alpha * sums[i * sums_row + j];
      if (p.column_bias) value += p.column_bias[n0 + j];
      if (p.row_bias) value += p.row_bias[i];
      T& target = c[i * c_row + (n0 + j) * c_column];
      if (p.beta != T(0)) value += p.beta * target;
      target = p.relu && value < T(0) ? T(0) : value;
    }
}

/// Whether sums are the result, or are added to what is there.
template <class T>
bool is_plain(const Product<T>& p, bool added = false) {
  return p.alpha == T(1) && p.beta == T(added) && !p.column_bias && !p.row_bias && !p.relu;
}

/// One column times one row: nothing but a result to write, which is done row after row. (Tiles of
/// eight rows, whose lines may share a set of the cache, took up to twice as long.)
template <class T>
void product_outer(const Product<T>& p) {
  constexpr int64_t task_elements = 1 << 16;
  parallel_ranges(p.M, std::max<int64_t>(1, task_elements / p.N), [&](int64_t begin, int64_t end) {
    gemm_kernels<T>().outer(end - begin, p.N, p.a_at(begin, 0), p.a_row, p.b, p.c + begin * p.c_row,
                            p.c_row);
  });
}

/// Few rows of A, both operands contiguous along k: each result is a dot product.
template <class T>
void product_by_dots(const Product<T>& p, int64_t c_column) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const T* a = p.a;
  int64_t a_row = p.a_row;
  if (p.a_column != 1 && p.K > 1) {
    T* copy = Workspace::get<T>(packed_a_slot, p.M * p.K);
    copy_rows(p, 0, p.K, 0, p.M, copy, p.K);
    a = copy;
    a_row = p.K;
  }
  const bool plain = is_plain(p), added = is_plain(p, true) && p.M == 1;
  const int64_t grain = round_up(std::max<int64_t>(1, 65536 / p.K), 24);
  parallel_ranges(p.N, grain, [&](int64_t begin, int64_t end) {
    const T* b = p.b + begin * p.b_column;
    if (plain) {
      kernels.dots(p.M, end - begin, p.K, a, a_row, b, p.b_column, p.c + begin * c_column, p.c_row,
                   c_column);
      return;
    }
    T* sums = Workspace::get<T>(partial_slot, p.M * (end - begin));
    kernels.dots(p.M, end - begin, p.K, a, a_row, b, p.b_column, sums, end - begin, 1);
    if (added) {
      T* c = p.c + begin * c_column;
      for (int64_t j = 0; j < end - begin; ++j) c[j * c_column] += sums[j];
      return;
    }
    finish(p, begin, end - begin, sums, end - begin, p.c, p.c_row, c_column);
  });
}

/// Whether there are so few products to a result of many rows and few columns that a dot, whose
/// lanes meet at its end, costs more than a row of a tile.
template <class T>
bool is_shallow(const Product<T>& p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  return p.N <= kernels.dot_rows && p.M > 8 && p.a_column == 1 && (p.K > 1 || p.N > 1) &&
         8 * p.K <= 5 * p.N * kernels.lanes;
}

/// Whether so many rows times columns of few terms take longer as dots, whose lanes meet at their
/// end, than packed: a dot ends with some 12 steps, a column is turned in 5 for each vector of K.
template <class T>
bool is_shallow_for_dots(const Product<T>& p) {
  return p.M > 1 && p.N >= 64 && p.K <= 2 * p.M * gemm_kernels<T>().lanes;
}

/// One column of K products, added to what is there if beta is 1: a row's numbers are too few for
/// vectors.
template <int K, class T>
void short_dots(const Product<T>& p, int64_t begin, int64_t end) {
  T b[K];
  for (int k = 0; k < K; ++k) b[k] = p.b[k * p.b_row];
  const T* a = p.a_at(begin, 0);
  T* c = p.c + begin * p.c_row;
  const bool adds = p.beta == T(1);
  for (int64_t i = begin; i < end; ++i, a += p.a_row, c += p.c_row) {
    T sum = 0;  // to which the first product is added: -0 becomes 0
    for (int k = 0; k < K; ++k) sum += a[k] * b[k];
    *c = adds ? *c + sum : sum;
  }
}

template <class T, int... K>
void short_dots(const Product<T>& p, int64_t begin, int64_t end, std::integer_sequence<int, K...>) {
  ((p.K == K + 1 ? short_dots<K + 1>(p, begin, end) : void()), ...);
}

/// Such a product: B is one panel, A is read where it lies.
template <class T>
void product_shallow(const Product<T>& p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  constexpr int64_t most_panel = 40 * 16;
  T panel[most_panel];
  pack_b(p, 0, p.K, 0, p.N, 0, packs_panels(p) ? 1 : p.K, panel);
  constexpr int most_short = 10;
  const bool single = p.N == 1 && p.K <= most_short && is_plain(p, p.beta == T(1));
  parallel_ranges(p.M, task_rows(p.N, p.K), [&](int64_t begin, int64_t end) {
    if (single) return short_dots(p, begin, end, std::make_integer_sequence<int, most_short>{});
    GemmBlock<T> g = block_of(p, begin, 0, 0, end - begin, p.N, p.K);
    g.b = panel;
    g.packed_b = true;
    kernels.block(g);
  });
}

/// The depth of each slice of K, in lines of the cache.
template <class T>
Spread slices_of(const Product<T>& p) {
  return Spread(ceil_div(p.K, 16), most_depth / 16);
}

/// Both operands read in place, where B's rows are contiguous: for a B that stays in L2, or so few
/// rows or columns of the result that a copy would not pay. An operand that comes from memory is
/// read a few long rows at a time, so that the processor's own prefetching keeps up.
template <class T>
void product_in_place(const Product<T>& p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  constexpr int64_t size = sizeof(T);
  const bool b_stays = p.N * p.K * size <= caches.l2 / 2;
  const bool a_stays = p.a_column == 1 || p.M * p.K * size <= caches.l2 / 2;
  const Spread slices(ceil_div(p.K, 16), b_stays && a_stays ? most_depth / 16 : p.M <= 8 ? 2 : 4);
  const bool fetches = p.M > block_rows && p.M * (p.K + p.N) * size > caches.l2;
  const int64_t unit = 6 * kernels.lanes;
  // Where B only passes by, a strip of C stays in L2 between its rows; the longer, the better for
  // B, but a few tasks should come of it for threads.
  const int64_t in_l2 = caches.l2 / 10 / (p.M * size) / unit * unit;
  const int64_t share = runs_serially() ? round_up(p.N, unit) : round_up(ceil_div(p.N, 4), unit),
                longest = std::max(share, 10 * unit);
  const int64_t most = b_stays ? 4 * unit : std::clamp<int64_t>(in_l2, 2 * unit, longest);
  const Spread columns(ceil_div(p.N, kernels.lanes), most / kernels.lanes);
  constexpr int64_t tile_rows = 8;
  const int64_t most_rows = task_rows(std::min(most, p.N), p.K);
  const Spread rows = Spread::shared(ceil_div(p.M, tile_rows), most_rows / tile_rows);
  parallel_for(columns.n_parts * rows.n_parts, [&](int64_t task) {
    const int64_t part = task / rows.n_parts, n0 = columns.begin(part) * kernels.lanes,
                  N = std::min(p.N - n0, columns.length(part) * kernels.lanes);
    const int64_t m_begin = rows.begin(task % rows.n_parts) * tile_rows,
                  m_end = std::min(p.M, rows.begin(task % rows.n_parts + 1) * tile_rows);
    for (int64_t slice = 0; slice < slices.n_parts; ++slice) {
      const int64_t k0 = slices.begin(slice) * 16,
                    K = std::min(p.K - k0, slices.length(slice) * 16);
      for (int64_t m0 = m_begin; m0 < m_end; m0 += block_rows) {
        const int64_t M = std::min(block_rows, m_end - m0);
        GemmBlock<T> g = block_of(p, m0, n0, k0, M, N, K);
        if (fetches) {
          g.large = true;
          if (p.a_column == 1 && p.M - m0 >= 2 * M) g.next_a = g.a + M * p.a_row;
        }
        kernels.block(g);
      }
    }
  });
}

/// B packed panel by panel, each just before all rows use it and while the next is being fetched:
/// for a middling number of rows. (Packed and read back from L2, a panel costs 64 rows a quarter of
/// their time.)
template <class T>
void product_panel_by_panel(const Product<T>& p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const SourceA source = source_a(p);
  constexpr int64_t depth_in_l1 = 256;
  const Spread slices(ceil_div(p.K, 16), depth_in_l1 / 16);
  auto k_begin = [&](int64_t slice) { return slices.begin(slice) * 16; };
  auto depth_of = [&](int64_t slice) {
    return std::min(p.K - k_begin(slice), slices.length(slice) * 16);
  };
  const int64_t most = depth_of(0), a_slice = p.M * copied_row(most);
  const Spread panels = Spread::shared(ceil_div(p.N, kernels.lanes), kernels.panel);
  auto column = [&](int64_t panel) { return std::min(p.N, panels.begin(panel) * kernels.lanes); };
  const Spread row_panels(p.M, kernels.panel_rows);
  const int64_t step = std::max<int64_t>(1, block_rows / kernels.panel_rows);
  const bool fetches = p.N * p.K * static_cast<int64_t>(sizeof(T)) > caches.l2;

  T* packed_a = nullptr;
  if (source != SourceA::in_place) {
    packed_a = Workspace::get<T>(packed_a_slot, slices.n_parts * a_slice);
    parallel_for(slices.n_parts, [&](int64_t slice) {
      pack_a(p, source, 0, p.M, k_begin(slice), depth_of(slice), packed_a + slice * a_slice);
    });
  }
  const int64_t work = p.M * p.K * kernels.panel * kernels.lanes;
  const Spread tasks = Spread::shared(panels.n_parts, ceil_div(2 * task_work, work));
  parallel_for(tasks.n_parts, [&](int64_t task) {
    T* packed_b = Workspace::get<T>(packed_b_slot, most * kernels.panel * kernels.lanes);
    for (int64_t panel = tasks.begin(task); panel < tasks.begin(task + 1); ++panel) {
      const int64_t n0 = column(panel), N = column(panel + 1) - n0;
      for (int64_t slice = 0; slice < slices.n_parts; ++slice) {
        const int64_t k0 = k_begin(slice), depth = depth_of(slice);
        pack_b(p, k0, depth, n0, N, 0, packs_panels(p) ? 1 : depth, packed_b);
        Fetch fetch;
        if (fetches && slice + 1 < slices.n_parts)
          fetch = fetch_of(p, k_begin(slice + 1), depth_of(slice + 1), n0, N, row_panels.n_parts,
                           depth);
        else if (fetches && panel + 1 < panels.n_parts)
          fetch = fetch_of(p, 0, most, column(panel + 1), column(panel + 2) - column(panel + 1),
                           row_panels.n_parts, depth);
        for (int64_t part = 0; part < row_panels.n_parts; part += step) {
          const int64_t m0 = row_panels.begin(part),
                        m1 = row_panels.begin(std::min(row_panels.n_parts, part + step));
          GemmBlock<T> g = block_of(p, m0, n0, k0, m1 - m0, N, depth);
          g.b = packed_b;
          g.packed_b = true;
          g.large = true;
          if (fetch.n_left) g.fetch = &fetch;
          if (packed_a)
            use_packed_a(g, source, packed_a + slice * a_slice + m0 * packed_row(source, depth));
          kernels.block(g);
        }
      }
    }
  });
}

/// B packed once for all rows, in a step of its own.
template <class T>
void product_by_panels(const Product<T>& p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const SourceA source = source_a(p);
  const Spread slices = slices_of(p);
  const int64_t most = std::min(p.K, (slices.size + 1) * 16);
  constexpr int64_t most_rows = 8192, most_columns = 8160;  // what the shared copies hold
  for (int64_t n_begin = 0; n_begin < p.N; n_begin += most_columns)
    for (int64_t m_begin = 0; m_begin < p.M; m_begin += most_rows) {
      const int64_t N = std::min(most_columns, p.N - n_begin),
                    M = std::min(most_rows, p.M - m_begin);
      Product<T> part = p;
      part.a += m_begin * p.a_row;
      Product<T> columns_of_a = part;  // as a B, to fetch
      columns_of_a.b = part.a, columns_of_a.b_row = p.a_column, columns_of_a.b_column = p.a_row;
      const Spread panels(ceil_div(N, kernels.lanes), kernels.panel);
      const Spread groups(panels.n_parts, task_panels<T>(most));
      const Spread row_panels(M, kernels.panel_rows);
      const int64_t task_columns = std::min(N, groups.size * kernels.panel * kernels.lanes);
      const Spread row_groups =
          Spread::shared(row_panels.n_parts,
                         std::max<int64_t>(1, task_rows(task_columns, most) / kernels.panel_rows));
      const int64_t step = std::max<int64_t>(1, block_rows / kernels.panel_rows);
      T* packed_b = Workspace::get<T>(packed_b_slot, most * round_up(N, kernels.lanes));
      // Rows of A that meet all of B at once are packed just before, while they pass through the
      // cache; else once for all groups of columns.
      const bool packs_a = source != SourceA::in_place, ahead = packs_a && groups.n_parts > 1;
      T* packed_a = ahead ? Workspace::get<T>(packed_a_slot, M * copied_row(most)) : nullptr;
      for (int64_t slice = 0; slice < slices.n_parts; ++slice) {
        const int64_t k0 = slices.begin(slice) * 16,
                      depth = std::min(p.K - k0, slices.length(slice) * 16);
        const bool b_columns = packs_panels(p);
        const int64_t b_parts = b_columns ? panels.n_parts : depth;
        const int64_t b_step = packed_at_once(b_columns, b_parts, depth, N);
        const int64_t b_tasks = ceil_div(b_parts, b_step);
        const int64_t a_tasks = ahead ? row_groups.n_parts : 0, a_row = packed_row(source, depth);
        parallel_for(b_tasks + a_tasks, [&](int64_t task) {
          if (task < b_tasks) {
            const int64_t first = task * b_step, last = std::min(b_parts, first + b_step);
            pack_b(p, k0, depth, n_begin, N, first, last, packed_b);
          } else {
            const int64_t group = task - b_tasks, m0 = row_panels.begin(row_groups.begin(group));
            pack_a(part, source, m0, row_panels.begin(row_groups.begin(group + 1)), k0, depth,
                   packed_a + m0 * a_row);
          }
        });
        parallel_for(groups.n_parts * row_groups.n_parts, [&](int64_t task) {
          const int64_t group = task / row_groups.n_parts, row_group = task % row_groups.n_parts;
          const int64_t n0 = panels.begin(groups.begin(group)) * kernels.lanes,
                        n1 = std::min(N, panels.begin(groups.begin(group + 1)) * kernels.lanes);
          const int64_t first = row_groups.begin(row_group), last = row_groups.begin(row_group + 1);
          for (int64_t panel = first; panel < last; panel += step) {
            const int64_t m0 = row_panels.begin(panel),
                          m1 = row_panels.begin(std::min(last, panel + step));
            GemmBlock<T> g = block_of(p, m_begin + m0, n_begin + n0, k0, m1 - m0, n1 - n0, depth);
            g.b = packed_b + n0 * depth;
            g.packed_b = true;
            g.large = true;
            if (p.a_column == 1 && p.M - m_begin - m1 >= m1 - m0)
              g.next_a = g.a + (m1 - m0) * p.a_row;
            Fetch fetch;
            if (ahead) {
              use_packed_a(g, source, packed_a + m0 * a_row);
            } else if (packs_a) {
              T* rows = Workspace::get<T>(packed_a_slot, (m1 - m0) * copied_row(most));
              pack_a(part, source, m0, m1, k0, depth, rows);
              use_packed_a(g, source, rows);
              fetch = fetch_of(columns_of_a, k0, depth, m1, std::min(M - m1, m1 - m0),
                               ceil_div(m1 - m0, kernels.panel_rows) * panels.n_parts, depth);
              if (fetch.n_left) g.fetch = &fetch;
            }
            kernels.block(g);
          }
        });
      }
    }
}

/// C = relu(bias + beta * C): what is left of a product without depth.
template <class T>
void product_of_nothing(const Product<T>& p) {
  const std::vector<T> zeros(p.N);
  finish(p, 0, p.N, zeros.data(), 0, p.c, p.c_row, 1);
}

template <class T>
void multiply(const Product<T>& p);

/// The transposed product, C^T = B^T A^T, whose result has the strides of a row or column.
template <class T>
Product<T> transposed(const Product<T>& p) {
  Product<T> q = p;
  q.M = p.N, q.N = p.M;
  q.a = p.b, q.a_row = p.b_column, q.a_column = p.b_row;
  q.b = p.a, q.b_row = p.a_column, q.b_column = p.a_row;
  q.column_bias = p.row_bias, q.row_bias = p.column_bias;
  q.c_row = 1;
  return q;
}

/// By the transposed product, for results of a few columns.
template <class T>
void multiply_transposed(const Product<T>& p) {
  Product<T> q = transposed(p);
  if (q.b_row == 1 && (q.K > 1 || q.b_column != 1)) return product_by_dots(q, p.c_row);
  if (p.c_row == 1) {  // one column
    q.c_row = q.N;
    return multiply(q);
  }
  // A copy of the result, which is small beside A.
  Product<T> plain = q;
  plain.c = Workspace::get<T>(partial_slot, q.M * q.N);
  plain.c_row = q.N;
  plain.alpha = T(1), plain.beta = T(0);
  plain.column_bias = plain.row_bias = nullptr;
  plain.relu = false;
  multiply(plain);
  finish(q, 0, q.N, plain.c, q.N, p.c, 1, p.c_row);
}

/// A long sum into a small result: slices of K, added in order.
template <class T>
void multiply_slices(const Product<T>& p, int64_t depth) {
  const int64_t n_slices = ceil_div(p.K, depth), numel = p.M * p.N;
  std::vector<T> partial(n_slices * numel);
  parallel_for(n_slices, [&](int64_t slice) {
    Product<T> part = p;
    part.K = std::min(depth, p.K - slice * depth);
    part.a = p.a_at(0, slice * depth);
    part.b = p.b_at(slice * depth, 0);
    part.c = partial.data() + slice * numel;
    part.c_row = p.N;
    part.alpha = T(1), part.beta = T(0);
    part.column_bias = part.row_bias = nullptr;
    part.relu = false;
    multiply(part);
  });
  for (int64_t slice = 1; slice < n_slices; ++slice)
    for (int64_t i = 0; i < numel; ++i) partial[i] += partial[slice * numel + i];
  finish(p, 0, p.N, partial.data(), p.N, p.c, p.c_row, 1);
}

template <class T>
void multiply(const Product<T>& p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  if (p.K == 0) return product_of_nothing(p);
  constexpr int64_t slice = 4096, most_slices = 256;  // whose results are kept until the end
  // One number at the end of a slice costs as much as some of its products.
  const int64_t depth = p.M * p.N == 1 ? 4 * slice : slice;
  const bool by_slices = p.K >= 4 * slice && p.K > depth && p.M * p.N <= 128 * 128;
  const int64_t slice_depth = std::max(depth, round_up(ceil_div(p.K, most_slices), 16));
  if (p.pairs) {
    if (by_slices) return multiply_slices(p, slice_depth);
    return p.M <= 256 && p.K <= 8192 ? product_panel_by_panel(p) : product_by_panels(p);
  }
  if (p.K == 1 && p.N >= 64 && p.b_column == 1 && is_plain(p)) return product_outer(p);
  if (is_shallow(p)) return product_shallow(p);
  if (p.M == 1 && p.b_row == 1)
    if (const Product<T> q = transposed(p); is_shallow(q)) return product_shallow(q);
  // Small ones at once: nothing to cut, nothing worth a copy.
  const bool b_rows = p.b_column == 1 || p.N == 1;
  if (p.N == 1 && p.a_column == 1 && p.b_row == 1 && p.K > 1 && p.K < 4 * 4096)
    return multiply_transposed(p);
  const bool small = p.M <= 128 && p.N <= 128 && p.K <= 128 &&
                     (p.M * p.N * p.K <= 4 * task_work || runs_serially());
  if (b_rows && small) {
    GemmBlock<T> g = block_of(p, 0, 0, 0, p.M, p.N, p.K);
    Fetch fetch;
    if (p.next_b) {
      Product<T> next = p;
      next.b = p.next_b;
      const int64_t n_tiles =
          ceil_div(p.M, kernels.panel_rows) * ceil_div(ceil_div(p.N, kernels.lanes), kernels.panel);
      fetch = fetch_of(next, 0, p.K, 0, p.N, n_tiles, p.K);
      g.large = true;
      if (fetch.n_left) g.fetch = &fetch;
      if (p.a_column == 1) g.next_a = p.next_a;
    }
    return kernels.block(g);
  }
  if (by_slices) return multiply_slices(p, slice_depth);
  const bool a_columns = p.a_row == 1 || p.M == 1;
  if (p.N <= kernels.dot_rows && p.N < p.M && (p.a_column == 1 || a_columns))
    return multiply_transposed(p);
  if (p.M <= kernels.dot_rows && p.b_row == 1 && !is_shallow_for_dots(p))
    return product_by_dots(p, 1);
  if (b_rows) {
    const bool b_stays = p.N * p.K * static_cast<int64_t>(sizeof(T)) <= caches.l2 / 2;
    if (p.M <= 32 || (b_stays && source_a(p) == SourceA::in_place)) return product_in_place(p);
  }
  if (small && p.b_row == 1 && source_a(p) == SourceA::in_place) {
    T* packed = Workspace::get<T>(packed_b_slot, round_up(p.N, kernels.lanes) * p.K);
    kernels.pack_b_columns(p.K, p.N, p.b, p.b_column, 0,
                           ceil_div(ceil_div(p.N, kernels.lanes), kernels.panel), packed);
    GemmBlock<T> g = block_of(p, 0, 0, 0, p.M, p.N, p.K);
    g.b = packed;
    g.packed_b = true;
    return kernels.block(g);
  }
  // Where all of A stays in L2, panels of B are best packed by who multiplies by them.
  const bool a_stays = p.M <= 1024 && p.a_column == 1 &&
                       p.M * p.K * static_cast<int64_t>(sizeof(T)) <= caches.l2 / 4;
  if (a_stays || (p.M <= 256 && (p.K <= 8192 || source_a(p) == SourceA::in_place)))
    return product_panel_by_panel(p);
  return product_by_panels(p);
}

}  // namespace

template <class T>
void gemm_blocked(const Gemm<T>& p) {
  if (p.M == 0 || p.N == 0 || p.batch == 0) return;
  Product<T> one;
  one.M = p.M, one.N = p.N, one.K = p.K;
  one.a_row = p.trans_a ? p.step_a : p.lda, one.a_column = p.trans_a ? p.lda : p.step_a;
  one.b_row = p.trans_b ? p.step_b : p.ldb, one.b_column = p.trans_b ? p.ldb : p.step_b;
  one.c_row = p.ldc;
  one.alpha = p.alpha, one.beta = p.beta;
  const T* bias = static_cast<const T*>(p.epilogue.bias);
  one.column_bias = p.epilogue.bias_per_row ? nullptr : bias;
  one.row_bias = p.epilogue.bias_per_row ? bias : nullptr;
  one.relu = p.epilogue.relu;
  one.pairs = p.pairs;
  // Together too large for L2, each worth fetching.
  const int64_t item_bytes = (p.M * p.K + p.K * p.N + p.M * p.N) * static_cast<int64_t>(sizeof(T));
  const bool fetches = p.K >= 32 && item_bytes >= 4096 && item_bytes * p.batch > caches.l2;
  auto item = [&](int64_t index) {
    Product<T> product = one;
    product.a = p.a + index * p.batch_stride_a;
    product.b = p.b + index * p.batch_stride_b;
    product.c = p.c + index * p.batch_stride_c;
    if (fetches && index + 1 < p.batch) {
      product.next_a = product.a + p.batch_stride_a;
      product.next_b = product.b + p.batch_stride_b;
    }
    multiply(product);
  };
  if (p.batch == 1) return item(0);
  // Large products are spread over the pool one by one, small ones several a chunk.
  const double work = static_cast<double>(p.M) * static_cast<double>(p.N) *
                          static_cast<double>(std::max<int64_t>(p.K, 1)) +
                      500;
  if (work > 1.6e7) {
    for (int64_t index = 0; index < p.batch; ++index) item(index);
    return;
  }
  // A small one takes as long as whole vectors do, and some 150 steps before and behind.
  const int64_t lanes = gemm_kernels<T>().lanes,
                padded = p.M * round_up(p.N, lanes) * std::max<int64_t>(p.K, 1) + 150 * lanes;
  const Spread chunks = Spread::shared(p.batch, std::max<int64_t>(1, 3 * task_work / 2 / padded));
  parallel_for(chunks.n_parts, [&](int64_t chunk) {
    for (int64_t index = chunks.begin(chunk); index < chunks.begin(chunk + 1); ++index) item(index);
  });
}

template <>
void gemm(const Gemm<float>& problem) {
  gemm_blocked(problem);
}
template <>
void gemm(const Gemm<double>& problem) {
  gemm_blocked(problem);
}

}  // namespace flambeau
