#include "kernels/attention/flex.h"

#include <cmath>
#include <limits>

#include "kernels/attention/simd.h"
#include "kernels/attention/tiles.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

using namespace attention;

namespace {

/// A tile of scores has at most so many rows, and columns in groups: with a line of the cache
/// between rows it takes 110 KB in float32, of which the second-level cache holds three.
constexpr int64_t tile_rows = 64;
constexpr int64_t group_keys = 128;
constexpr int64_t tile_groups = 3;
/// From so many heads on each is one task; fewer share their rows.
constexpr int64_t heads_for_tasks = 4;

template <class T>
constexpr T infinity = std::numeric_limits<T>::infinity();

/// One thread's work on tiles of one head.
template <class T>
class Tiles {
 public:
  static constexpr int64_t row = tile_groups * group_keys + 64 / sizeof(T);
  static constexpr int64_t size = tile_rows * row;

  explicit Tiles(const FlexAttention<T>& a) : a_(a), packed_{a.n_keys, group_keys} {}

  const PackedKeys<T>& packed() const { return packed_; }
  int64_t n_tiles() const { return (a_.n_queries + tile_rows - 1) / tile_rows; }
  int64_t n_rows(int64_t t0) const { return std::min(tile_rows, a_.n_queries - t0); }
  bool outside() const { return outside_ != 0; }

  /// visit(begin, end) of the keys that rows t0 ... see anything of, tile by tile.
  template <class F>
  void for_each_tile(int64_t head, int64_t t0, F&& visit) const {
    int64_t begin = 0, end = 0;
    for (int64_t j = 0; j < a_.n_keys; j += group_keys) {
      const int64_t next = std::min(a_.n_keys, j + group_keys);
      const bool used = is_used(head, t0, n_rows(t0), j, next);
      if (used && end == j && next - begin <= tile_groups * group_keys) {
        end = next;
      } else if (used) {
        if (begin < end) visit(begin, end);
        begin = j, end = next;
      }
    }
    if (begin < end) visit(begin, end);
  }

  /// The scores of rows t0 ... with keys begin ... end, as products alone.
  void scores(int64_t head, int64_t t0, int64_t begin, int64_t end, const T* packed_keys,
              T* to) const {
    packed_.products(a_.query.of(head) + t0 * a_.query.row, a_.query.row, n_rows(t0), packed_keys,
                     a_.E, begin, end, a_.scale, to, row);
  }

  /// What the functions of scores make of them; unused blocks, and what is beyond the last key,
  /// become -infinity. `to` may be `from`.
  void change(int64_t head, int64_t t0, int64_t begin, int64_t end, const T* from, T* to) {
    for_each_state(head, t0, begin, end, [&](BlockState state, ScoreTile tile, int64_t at) {
      tile.scores = from + at, tile.out = to + at;
      if (state == BlockState::empty) {
        for (int64_t i = 0; i < tile.n_rows; ++i)
          std::fill_n(to + at + i * row, tile.n_columns, -infinity<T>);
      } else if (ScoreFunction change = state == BlockState::full ? a_.full : a_.partly) {
        change(&tile, a_.arrays.data());
      } else if (from != to) {
        for (int64_t i = 0; i < tile.n_rows; ++i)
          std::copy_n(from + at + i * row, tile.n_columns, to + at + i * row);
      }
    });
    const int64_t n = end - begin, padded = round_up(n, attention_kernels<T>().lanes);
    for (int64_t i = 0; i < n_rows(t0); ++i)
      std::fill(to + i * row + n, to + i * row + padded, -infinity<T>);
  }

  /// slopes, the gradient of the changed scores, becomes that of the scores.
  void slope(int64_t head, int64_t t0, int64_t begin, int64_t end, const T* scores, T* slopes,
             const int64_t* arrays) {
    if (!a_.slope) return;
    for_each_state(head, t0, begin, end, [&](BlockState state, ScoreTile tile, int64_t at) {
      if (state == BlockState::empty) return;  // there they are 0
      tile.scores = scores + at, tile.out = slopes + at;
      a_.slope(&tile, arrays);
    });
  }

 private:
  BlockState state(int64_t head, int64_t query_block, int64_t key_block) const {
    return static_cast<BlockState>(
        a_.blocks.states[a_.blocks.at[head] + query_block * a_.blocks.n_key_blocks + key_block]);
  }

  bool is_used(int64_t head, int64_t t0, int64_t n, int64_t begin, int64_t end) const {
    if (!a_.blocks.states) return true;
    const int64_t rows = a_.blocks.block_queries, columns = a_.blocks.block_keys;
    for (int64_t i = t0 / rows; i <= (t0 + n - 1) / rows; ++i)
      for (int64_t j = begin / columns; j <= (end - 1) / columns; ++j)
        if (state(head, i, j) != BlockState::empty) return true;
    return false;
  }

  /// visit(state, tile, where it begins in rows of scores) of parts that are of one state each.
  template <class F>
  void for_each_state(int64_t head, int64_t t0, int64_t begin, int64_t end, F&& visit) {
    const int64_t n = n_rows(t0);
    ScoreTile tile{n,
                   end - begin,
                   row * static_cast<int64_t>(sizeof(T)),
                   nullptr,
                   nullptr,
                   head / a_.n_heads,
                   head % a_.n_heads,
                   t0,
                   begin,
                   &outside_};
    if (!a_.blocks.states) return visit(BlockState::partly, tile, 0);
    const int64_t rows = a_.blocks.block_queries, columns = a_.blocks.block_keys;
    for (int64_t i = t0; i < t0 + n; i += tile.n_rows) {
      tile.query = i;
      tile.n_rows = std::min((i / rows + 1) * rows, t0 + n) - i;
      for (int64_t j = begin; j < end; j += tile.n_columns) {
        const BlockState here = state(head, i / rows, j / columns);
        int64_t last = (j / columns + 1) * columns;
        while (last < end && state(head, i / rows, last / columns) == here) last += columns;
        tile.key = j;
        tile.n_columns = std::min(last, end) - j;
        visit(here, tile, (i - t0) * row + j - begin);
      }
    }
  }

  const FlexAttention<T>& a_;
  PackedKeys<T> packed_;
  int64_t outside_ = 0;
};

/// Exponentials of a tile of changed scores, and what its rows know so far: their largest score,
/// the sum of exponentials beside it; out, not yet divided by it.
template <class T>
void add_tile(Tiles<T>& tiles, const FlexAttention<T>& a, int64_t head, int64_t t0, int64_t begin,
              int64_t end, T* scores, bool first, T* out, T* norms) {
  const auto& kernels = attention_kernels<T>();
  const int64_t n = end - begin, padded = round_up(n, kernels.lanes), n_rows = tiles.n_rows(t0);
  constexpr int64_t row = Tiles<T>::row;
  for (int64_t i = 0; i < n_rows; ++i) {
    T* weights = scores + i * row;
    T &largest = norms[2 * i], &sum = norms[2 * i + 1];
    const T here = kernels.largest(weights, padded);
    if (here == -infinity<T> && largest == -infinity<T>) {  // no pair so far, or NaN
      sum += kernels.exponentials(weights, padded, T(0));
      continue;
    }
    if (here > largest) {
      const T factor = std::exp(largest - here);
      sum *= factor;
      if (!first && factor != 1)
        for (int64_t j = 0; j < a.V; ++j) out[i * a.V + j] *= factor;
      largest = here;
    }
    sum += kernels.exponentials(weights, padded, largest);
  }
  const int64_t from = a.key_head(head);
  combine(scores, row, n_rows, n, a.value.of(from) + begin * a.value.row, a.value.row, a.V, out,
          a.V, T(1), first ? T(0) : T(1));
}

template <class T>
bool attend_rows(const FlexAttention<T>& a, int64_t head, int64_t t0, const T* packed_keys, T* out,
                 T* norms) {
  Tiles<T> tiles(a);
  T* scores = Workspace::get<T>(scores_slot, Tiles<T>::size);
  const int64_t n_rows = tiles.n_rows(t0), first_row = head * a.n_queries + t0;
  out += first_row * a.V, norms += first_row * 2;
  for (int64_t i = 0; i < n_rows; ++i) norms[2 * i] = -infinity<T>, norms[2 * i + 1] = 0;
  bool first = true;
  tiles.for_each_tile(head, t0, [&](int64_t begin, int64_t end) {
    tiles.scores(head, t0, begin, end, packed_keys, scores);
    tiles.change(head, t0, begin, end, scores, scores);
    add_tile(tiles, a, head, t0, begin, end, scores, first, out, norms);
    first = false;
  });
  if (first) std::fill_n(out, n_rows * a.V, T(0));
  for (int64_t i = 0; i < n_rows; ++i) {
    if (norms[2 * i + 1] == 0) continue;
    const T factor = 1 / norms[2 * i + 1];
    for (int64_t j = 0; j < a.V; ++j) out[i * a.V + j] *= factor;
  }
  return !tiles.outside();
}

/// What backward() reads and writes.
template <class T>
struct Gradients {
  const T *out, *norms, *grad, *grad_lse;
  T *query, *key, *value;
};

/// The gradients of some rows of one head; what keys and values get is added up.
template <class T>
bool backward_rows(const FlexAttention<T>& a, int64_t head, int64_t t0, const T* packed_keys,
                   const T* packed_values, const Gradients<T>& g, const int64_t* arrays) {
  Tiles<T> tiles(a);
  const auto& kernels = attention_kernels<T>();
  constexpr int64_t row = Tiles<T>::row;
  T* scores = Workspace::get<T>(scores_slot, 3 * Tiles<T>::size);
  T* slopes = scores + Tiles<T>::size;
  // The scores as products are needed again where a function changed them.
  T* weights = a.slope ? slopes + Tiles<T>::size : scores;
  const int64_t n_rows = tiles.n_rows(t0), from = a.key_head(head);
  const int64_t first_row = head * a.n_queries + t0, keys_at = from * a.n_keys;
  const T* query = a.query.of(head) + t0 * a.query.row;
  const T *grad = g.grad + first_row * a.V, *out = g.out + first_row * a.V;
  T* means = Workspace::get<T>(rows_slot, tile_rows);
  for (int64_t i = 0; i < n_rows; ++i) {
    T mean = g.grad_lse ? -g.grad_lse[first_row + i] : T(0);
    for (int64_t j = 0; j < a.V; ++j) mean += grad[i * a.V + j] * out[i * a.V + j];
    means[i] = mean;
  }
  bool first = true;
  tiles.for_each_tile(head, t0, [&](int64_t begin, int64_t end) {
    const int64_t n = end - begin, padded = round_up(n, kernels.lanes);
    tiles.scores(head, t0, begin, end, packed_keys, scores);
    tiles.change(head, t0, begin, end, scores, weights);
    tiles.packed().products(grad, a.V, n_rows, packed_values, a.V, begin, end, T(1), slopes, row);
    for (int64_t i = 0; i < n_rows; ++i) {
      const T* norm = g.norms + 2 * (first_row + i);
      kernels.exponentials(weights + i * row, padded, norm[0] == -infinity<T> ? T(0) : norm[0]);
      std::fill(slopes + i * row + n, slopes + i * row + padded, T(0));
      kernels.slopes(weights + i * row, slopes + i * row, padded, norm[1] == 0 ? T(0) : 1 / norm[1],
                     means[i], T(1), static_cast<const T*>(nullptr));
    }
    tiles.slope(head, t0, begin, end, scores, slopes, arrays);
    combine(slopes, row, n_rows, n, a.key.of(from) + begin * a.key.row, a.key.row, a.E,
            g.query + first_row * a.E, a.E, a.scale, first ? T(0) : T(1));
    multiply(n, a.V, n_rows, weights, int64_t{1}, row, grad, a.V, false,
             g.value + (keys_at + begin) * a.V, a.V, T(1), T(1));
    multiply(n, a.E, n_rows, slopes, int64_t{1}, row, query, a.query.row, false,
             g.key + (keys_at + begin) * a.E, a.E, a.scale, T(1));
    first = false;
  });
  if (first) std::fill_n(g.query + first_row * a.E, n_rows * a.E, T(0));
  return !tiles.outside();
}

}  // namespace

template <class T>
bool flex_attend(const FlexAttention<T>& a, T* out, T* norms) {
  const Tiles<T> tiles(a);
  std::atomic<bool> inside{true};
  const int64_t n_heads = a.n_batches * a.n_heads;
  auto of_head = [&](int64_t head) {
    T* keys = Workspace::get<T>(keys_slot, tiles.packed().n_packed(a.E));
    const int64_t from = a.key_head(head);
    tiles.packed().pack(a.key.of(from), a.key.row, a.E, keys);
    parallel_for(tiles.n_tiles(), [&](int64_t tile) {
      if (!attend_rows(a, head, tile * tile_rows, keys, out, norms)) inside = false;
    });
  };
  if (n_heads >= heads_for_tasks)
    parallel_for(n_heads, of_head);
  else
    for (int64_t head = 0; head < n_heads; ++head) of_head(head);
  return inside;
}

template <class T>
bool flex_attend_backward(const FlexAttention<T>& a, const T* out, const T* norms, const T* grad,
                          const T* grad_lse, int64_t n_parts, T* grad_query, T* grad_key,
                          T* grad_value, const std::vector<ArrayGradient<T>>& array_gradients) {
  const Tiles<T> tiles(a);
  std::atomic<bool> inside{true};
  const Gradients<T> g{out, norms, grad, grad_lse, grad_query, grad_key, grad_value};
  const int64_t n_tasks = a.n_batches * a.n_key_heads, sharing = a.n_heads / a.n_key_heads;
  parallel_for(n_parts, [&](int64_t part) {
    T* keys = Workspace::get<T>(keys_slot, tiles.packed().n_packed(a.E));
    T* values = Workspace::get<T>(values_slot, tiles.packed().n_packed(a.V));
    std::vector<int64_t> arrays = a.arrays;
    for (const ArrayGradient<T>& g : array_gradients)
      arrays[g.slot] = reinterpret_cast<int64_t>(g.data + part * g.n);
    for (int64_t task = part; task < n_tasks; task += n_parts) {
      tiles.packed().pack(a.key.of(task), a.key.row, a.E, keys);
      tiles.packed().pack(a.value.of(task), a.value.row, a.V, values);
      std::fill_n(grad_key + task * a.n_keys * a.E, a.n_keys * a.E, T(0));
      std::fill_n(grad_value + task * a.n_keys * a.V, a.n_keys * a.V, T(0));
      for (int64_t head = task * sharing; head < (task + 1) * sharing; ++head)
        for (int64_t t0 = 0; t0 < a.n_queries; t0 += tile_rows)
          if (!backward_rows(a, head, t0, keys, values, g, arrays.data())) inside = false;
    }
  });
  return inside;
}

namespace {

/// How many pairs of a tile are seen.
int64_t count_visible(const MaskBlocks& mask, ScoreTile tile, float* scratch) {
  tile.row_bytes = tile.n_columns * static_cast<int64_t>(sizeof(float));
  tile.scores = tile.out = scratch;
  mask.visible(&tile, mask.arrays.data());
  const int64_t n = tile.n_rows * tile.n_columns;
  int64_t n_visible = 0;
  for (int64_t i = 0; i < n; ++i) n_visible += scratch[i] != 0;
  return n_visible;
}

}  // namespace

bool flex_states(const MaskBlocks& mask, uint8_t* states) {
  constexpr int64_t most_columns = tile_groups * group_keys;
  const int64_t rows = mask.block_queries, columns = mask.block_keys;
  const int64_t n_query_blocks = (mask.n_queries + rows - 1) / rows;
  const int64_t n_key_blocks = (mask.n_keys + columns - 1) / columns;
  std::atomic<bool> inside{true};
  parallel_for(mask.n_batches * mask.n_heads * n_query_blocks, [&](int64_t task) {
    float* scratch = Workspace::get<float>(scores_slot, tile_rows * most_columns);
    int64_t outside = 0;
    const int64_t head = task / n_query_blocks, t0 = task % n_query_blocks * rows;
    const int64_t t1 = std::min(t0 + rows, mask.n_queries);
    ScoreTile tile{};
    tile.b = head / mask.n_heads, tile.h = head % mask.n_heads, tile.outside = &outside;
    for (int64_t j0 = 0; j0 < mask.n_keys; j0 += columns) {
      const int64_t j1 = std::min(j0 + columns, mask.n_keys);
      int64_t n_seen = 0, n_visible = 0;
      for (tile.query = t0; tile.query < t1; tile.query += tile.n_rows) {
        tile.n_rows = std::min(tile_rows, t1 - tile.query);
        for (tile.key = j0; tile.key < j1; tile.key += tile.n_columns) {
          tile.n_columns = std::min(most_columns, j1 - tile.key);
          n_visible += count_visible(mask, tile, scratch);
          n_seen += tile.n_rows * tile.n_columns;
          if (n_visible && n_visible != n_seen) break;  // partly, whatever comes
        }
        if (n_visible && n_visible != n_seen) break;
      }
      const bool whole = n_visible / rows == columns && n_visible % rows == 0;
      const BlockState state = whole       ? BlockState::full
                               : n_visible ? BlockState::partly
                                           : BlockState::empty;
      states[task * n_key_blocks + j0 / columns] = static_cast<uint8_t>(state);
    }
    if (outside) inside = false;
  });
  return inside;
}

template bool flex_attend(const FlexAttention<float>&, float*, float*);
template bool flex_attend(const FlexAttention<double>&, double*, double*);
template bool flex_attend_backward(const FlexAttention<float>&, const float*, const float*,
                                   const float*, const float*, int64_t, float*, float*, float*,
                                   const std::vector<ArrayGradient<float>>&);
template bool flex_attend_backward(const FlexAttention<double>&, const double*, const double*,
                                   const double*, const double*, int64_t, double*, double*, double*,
                                   const std::vector<ArrayGradient<double>>&);

}  // namespace flambeau
