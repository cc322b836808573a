#include "kernels/attention/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "kernels/attention/simd.h"
#include "kernels/attention/tiles.h"
#include "kernels/elements/dropout.h"
#include "kernels/gemm/problem.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

using namespace attention;

namespace {

/// Keys packed together: as many as a block of scores is wide.
constexpr int64_t keys_together = 96;
/// Bytes of scores that stay in the second-level cache.
constexpr int64_t scores_bytes = 256 << 10;
/// So few queries read keys and values where they lie: packing keys would cost more than the
/// products.
constexpr int64_t few_queries = 4;
/// So few keys fill no vector of scores: each is a dot product.
constexpr int64_t few_keys = 4;
/// Rows below one another that see as many keys as the last of them, where rows are causal.
constexpr int64_t strip_rows = 24;
/// From so many heads on each is one task; fewer share their rows.
constexpr int64_t heads_for_tasks = 4;

template <class T>
class Heads {
 public:
  explicit Heads(const Attention<T>& a)
      : a_(a),
        lanes_(attention_kernels<T>().lanes),
        row_(row_of(round_up(a.n_keys, std::max<int64_t>(lanes_, gemm_kernels<T>().lanes)))),
        packed_{a.n_keys, keys_together} {
    rows_ = std::clamp<int64_t>(
        scores_bytes / static_cast<int64_t>(sizeof(T)) / round_up(a.n_keys, lanes_) / 8 * 8, 16,
        96);
  }

  const PackedKeys<T>& packed() const { return packed_; }
  bool packs_keys() const { return !has_few_queries() && a_.n_keys > few_keys; }
  bool has_few_queries() const { return a_.n_queries <= few_queries; }
  int64_t n_blocks() const { return (a_.n_queries + rows_ - 1) / rows_; }
  int64_t rows() const { return rows_; }
  int64_t row() const { return row_; }
  int64_t begin(int64_t block) const { return block * rows_; }
  int64_t length(int64_t block) const { return std::min(rows_, a_.n_queries - begin(block)); }
  /// Keys that some row of the block sees.
  int64_t n_seen(int64_t block) const {
    return a_.causal ? std::min(a_.n_keys, begin(block) + length(block)) : a_.n_keys;
  }

  /// Keys that row t sees, of the first n.
  int64_t n_seen_by(int64_t t, int64_t n) const { return a_.causal ? std::min(n, t + 1) : n; }

  /// The n scores of row t of head b: what a mask hides, and what is beyond their end, becomes
  /// -infinity.
  void hide(T* scores, int64_t b, int64_t t, int64_t n) const {
    constexpr T hidden = -std::numeric_limits<T>::infinity();
    const int64_t at = a_.mask_kind == MaskKind::none ? 0 : a_.mask_at[b] + t * a_.mask_row;
    const int64_t step = a_.mask_column;
    if (a_.mask_kind == MaskKind::visible) {
      const uint8_t* mask = static_cast<const uint8_t*>(a_.mask) + at;
      if (step == 1 && n > few_keys)
        attention_kernels<T>().hide(scores, mask, n);
      else
        for (int64_t j = 0; j < n; ++j) scores[j] = mask[j * step] ? scores[j] : hidden;
    } else if (a_.mask_kind == MaskKind::added) {
      const T* mask = static_cast<const T*>(a_.mask) + at;
      if (step == 1)
        for (int64_t j = 0; j < n; ++j) scores[j] += mask[j];
      else
        for (int64_t j = 0; j < n; ++j) scores[j] += mask[j * step];
    }
    std::fill(scores + n, scores + round_up(n, lanes_), hidden);
  }

  /// What dropout leaves of the first n weights of row t of head b.
  void drop(const T* row, int64_t b, int64_t t, int64_t n, T* to) const {
    if constexpr (sizeof(T) == sizeof(float)) {
      const auto [p, seed, call] = a_.dropout;
      const int64_t first = (b * a_.n_queries + t) * a_.n_keys;
      if (p > 0) dropout_kernels().row(n, first, row, seed, call, p, to);
    }
  }

  /// Some rows of one head; false if one of them cannot be computed this way.
  bool attend_block(int64_t b, int64_t block, const T* packed_keys, T* out, T* norms) const {
    const int64_t t0 = begin(block), n_rows = length(block), n = n_seen(block);
    T* scores = Workspace::get<T>(scores_slot, rows_ * row_);
    if (packs_keys())
      score(t0, n_rows, n, a_.query.of(b) + t0 * a_.query.row, a_.query.row, packed_keys, a_.E,
            a_.scale, scores);
    else
      few_products(b, t0, n_rows, n, scores);
    norms += 2 * (b * a_.n_queries + t0);
    if (!(a_.n_keys <= few_keys && row_ == lanes_ ? weigh_few(b, t0, n_rows, n, scores, norms)
                                                  : weigh_rows(b, t0, n_rows, n, scores, norms)))
      return false;
    T* to = out + (b * a_.n_queries + t0) * a_.V;
    if (has_few_queries())
      plain_product(n_rows, a_.V, n, scores, row_, a_.value.of(b), a_.value.row, false, to, a_.V);
    else
      weigh(t0, n_rows, n, scores, a_.value.of(b), a_.value.row, a_.V, to);
    for (int64_t i = 0; i < n_rows; ++i)
      for (int64_t j = 0; j < a_.V; ++j) to[i * a_.V + j] *= norms[2 * i + 1];
    return true;
  }

  /// The gradients of head b from those of some rows; what keys and values get is added up.
  void backward_block(int64_t b, int64_t block, const T* packed_keys, const T* packed_values,
                      const T* out, const T* norms, const T* grad, T* grad_query, T* grad_key,
                      T* grad_value) const {
    const auto& kernels = attention_kernels<T>();
    const int64_t t0 = begin(block), n_rows = length(block), n = n_seen(block);
    const int64_t first = b * a_.n_queries + t0;
    T* weights = Workspace::get<T>(scores_slot, 2 * rows_ * row_);
    T* slopes = weights + rows_ * row_;
    T* kept = nullptr;  // by which factors dropout leaves the weights of a row
    const T* ones = nullptr;
    if (a_.dropout.p > 0) {
      kept = Workspace::get<T>(rows_slot, 2 * row_);
      std::fill_n(kept, 2 * row_, T(1));
      ones = kept + row_;
    }
    const T* query = a_.query.of(b) + t0 * a_.query.row;
    const T* g = grad + first * a_.V;
    score(t0, n_rows, n, query, a_.query.row, packed_keys, a_.E, a_.scale, weights);
    score(t0, n_rows, n, g, a_.V, packed_values, a_.V, T(1), slopes);
    for (int64_t i = 0; i < n_rows; ++i) {
      T* row = weights + i * row_;
      const int64_t seen = n_seen_by(t0 + i, n), padded = round_up(seen, lanes_);
      hide(row, b, t0 + i, seen);
      clear(row, t0, i, n);
      clear(slopes + i * row_, t0, i, n);
      const T* norm = norms + 2 * (first + i);
      kernels.exponentials(row, padded, norm[0]);
      std::fill(slopes + i * row_ + seen, slopes + i * row_ + padded, T(0));
      T mean = 0;
      for (int64_t j = 0; j < a_.V; ++j) mean += g[i * a_.V + j] * out[(first + i) * a_.V + j];
      drop(ones, b, t0 + i, seen, kept);
      kernels.slopes(row, slopes + i * row_, padded, norm[1], mean, a_.scale, kept);
    }
    weigh(t0, n_rows, n, slopes, a_.key.of(b), a_.key.row, a_.E, grad_query + first * a_.E);
    gather(t0, n_rows, n, weights, g, a_.V, a_.V, grad_value + b * a_.n_keys * a_.V);
    gather(t0, n_rows, n, slopes, query, a_.query.row, a_.E, grad_key + b * a_.n_keys * a_.E);
  }

 private:
  /// An odd number of lines of the cache: rows below one another lie in different sets of it.
  static int64_t row_of(int64_t n) {
    constexpr int64_t line = 64 / sizeof(T);
    return n <= line ? n : (ceil_div(n, line) | 1) * line;
  }

  /// Scores of some rows become weights; false if one row cannot be computed this way.
  bool weigh_rows(int64_t b, int64_t t0, int64_t n_rows, int64_t n, T* scores, T* norms) const {
    const auto& kernels = attention_kernels<T>();
    for (int64_t i = 0; i < n_rows; ++i) {
      T* row = scores + i * row_;
      const int64_t seen = n_seen_by(t0 + i, n), padded = round_up(seen, lanes_);
      hide(row, b, t0 + i, seen);
      clear(row, t0, i, n);
      const T largest = kernels.largest(row, padded);
      if (largest == -std::numeric_limits<T>::infinity()) {
        if (a_.mask_kind == MaskKind::none || kernels.exponentials(row, padded, T(0)) != T(0))
          return false;
        norms[2 * i] = norms[2 * i + 1] = 0;
        continue;
      }
      const T sum = kernels.exponentials(row, padded, largest);
      if (!(sum <= std::numeric_limits<T>::max())) return false;
      norms[2 * i] = largest;
      norms[2 * i + 1] = 1 / sum;
      drop(row, b, t0 + i, seen, row);
    }
    return true;
  }

  /// The same where a row is one vector of few keys: exponentials of all rows at once.
  bool weigh_few(int64_t b, int64_t t0, int64_t n_rows, int64_t n, T* scores, T* norms) const {
    constexpr T hidden = -std::numeric_limits<T>::infinity();
    for (int64_t i = 0; i < n_rows; ++i) {
      T* row = scores + i * row_;
      const int64_t seen = n_seen_by(t0 + i, n);
      hide(row, b, t0 + i, seen);
      T largest = hidden;
      for (int64_t j = 0; j < seen; ++j) largest = row[j] > largest ? row[j] : largest;
      if (largest == hidden) {  // else of nothing but NaN and what is hidden
        const bool all_hidden = std::all_of(row, row + seen, [](T x) { return x == hidden; });
        if (a_.mask_kind == MaskKind::none || !all_hidden) return false;
        largest = 0;
      }
      norms[2 * i] = largest;
      for (int64_t j = 0; j < seen; ++j) row[j] -= largest;
    }
    attention_kernels<T>().exponentials(scores, n_rows * row_, T(0));
    for (int64_t i = 0; i < n_rows; ++i) {
      T* row = scores + i * row_;
      T sums[few_keys] = {};
      std::copy_n(row, std::min(few_keys, row_), sums);
      const T sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);  // as of whole vectors
      if (!(sum <= std::numeric_limits<T>::max())) return false;
      norms[2 * i + 1] = sum == T(0) ? T(0) : 1 / sum;
      drop(row, b, t0 + i, n_seen_by(t0 + i, n), row);
    }
    return true;
  }

  /// Keys that all rows of a block from t0 on see, of the n that one of them does.
  int64_t n_shared(int64_t t0, int64_t n) const { return a_.causal ? std::min(t0, n) : n; }

  /// Calls strip(begin, end, n_seen) for the rows of a block that see more than those.
  template <class Strip>
  void each_strip(int64_t t0, int64_t n_rows, int64_t n, Strip&& strip) const {
    for (int64_t i = 0; n_shared(t0, n) < n && i < n_rows; i += strip_rows) {
      const int64_t end = std::min(n_rows, i + strip_rows);
      strip(i, end, std::min(n, t0 + end));
    }
  }

  /// Row i of a block: behind what it sees, as far as its strip does, is 0.
  void clear(T* row, int64_t t0, int64_t i, int64_t n) const {
    if (!a_.causal) return;
    const int64_t end = std::min(n, t0 + (i / strip_rows + 1) * strip_rows);
    for (int64_t j = round_up(n_seen_by(t0 + i, n), lanes_); j < end; ++j) row[j] = T(0);
  }

  /// to = alpha * rows of a block times the packed keys that they see.
  void score(int64_t t0, int64_t n_rows, int64_t n, const T* from, int64_t from_row,
             const T* packed, int64_t width, T alpha, T* to) const {
    const int64_t shared = n_shared(t0, n),
                  whole = shared == n ? n : shared / keys_together * keys_together;
    packed_.products(from, from_row, n_rows, packed, width, 0, whole, alpha, to, row_);
    each_strip(t0, n_rows, n, [&](int64_t begin, int64_t end, int64_t seen) {
      packed_.products(from + begin * from_row, from_row, end - begin, packed, width, whole, seen,
                       alpha, to + begin * row_ + whole, row_);
    });
  }

  /// to = rows of a block, of weights, times what keys have.
  void weigh(int64_t t0, int64_t n_rows, int64_t n, const T* weights, const T* matrix, int64_t row,
             int64_t width, T* to) const {
    const int64_t shared = n_shared(t0, n);
    combine(weights, row_, n_rows, shared, matrix, row, width, to, width, T(1), T(0));
    each_strip(t0, n_rows, n, [&](int64_t begin, int64_t end, int64_t seen) {
      combine(weights + begin * row_ + shared, row_, end - begin, seen - shared,
              matrix + shared * row, row, width, to + begin * width, width, T(1), T(shared > 0));
    });
  }

  /// to += what keys get of the rows of a block by their weights.
  void gather(int64_t t0, int64_t n_rows, int64_t n, const T* weights, const T* rows, int64_t row,
              int64_t width, T* to) const {
    auto add = [&](int64_t i, int64_t begin, int64_t end) {
      if (begin < end)
        multiply(end - begin, width, n_rows - i, weights + i * row_ + begin, int64_t{1}, row_,
                 rows + i * row, row, false, to + begin * width, width, T(1), T(1));
    };
    add(0, 0, n_shared(t0, n));
    each_strip(t0, n_rows, n,
               [&](int64_t begin, int64_t, int64_t seen) { add(begin, t0 + begin, seen); });
  }

  /// Some queries of head b, scaled, times the first n keys.
  void few_products(int64_t b, int64_t t0, int64_t n_rows, int64_t n, T* scores) const {
    const T* query = a_.query.of(b) + t0 * a_.query.row;
    T* scaled = Workspace::get<T>(rows_slot, n_rows * a_.E);
    for (int64_t i = 0; i < n_rows; ++i)
      for (int64_t j = 0; j < a_.E; ++j)
        scaled[i * a_.E + j] = a_.scale * query[i * a_.query.row + j];
    plain_product(n_rows, n, a_.E, scaled, a_.E, a_.key.of(b), a_.key.row, true, scores, row_);
  }

  static void plain_product(int64_t M, int64_t N, int64_t K, const T* x, int64_t x_row, const T* y,
                            int64_t y_row, bool turned, T* to, int64_t to_row) {
    Gemm<T> g;
    g.M = M, g.N = N, g.K = K;
    g.a = x, g.lda = x_row;
    g.b = y, g.ldb = y_row, g.trans_b = turned;
    g.c = to, g.ldc = to_row;
    gemm(g);
  }

  const Attention<T>& a_;
  int64_t lanes_, row_, rows_;
  PackedKeys<T> packed_;
};

}  // namespace

template <class T>
bool attend(const Attention<T>& a, T* out, computed_t<T>* norms) {
  const Heads<T> heads(a);
  std::atomic<bool> all{true};
  auto head = [&](int64_t b) {
    T* keys = nullptr;
    if (heads.packs_keys()) {
      keys = Workspace::get<T>(keys_slot, heads.packed().n_packed(a.E));
      heads.packed().pack(a.key.of(b), a.key.row, a.E, keys);
    }
    parallel_for(heads.n_blocks(), [&](int64_t block) {
      if (!heads.attend_block(b, block, keys, out, norms)) all = false;
    });
  };
  if (a.n_heads >= heads_for_tasks)
    parallel_for(a.n_heads, head);
  else
    for (int64_t b = 0; b < a.n_heads; ++b) head(b);
  return all;
}

template <class T>
void attend_backward(const Attention<T>& a, const T* out, const computed_t<T>* norms, const T* grad,
                     T* grad_query, T* grad_key, T* grad_value) {
  const Heads<T> heads(a);
  parallel_for(a.n_heads, [&](int64_t b) {
    T* keys = Workspace::get<T>(keys_slot, heads.packed().n_packed(a.E));
    T* values = Workspace::get<T>(values_slot, heads.packed().n_packed(a.V));
    heads.packed().pack(a.key.of(b), a.key.row, a.E, keys);
    heads.packed().pack(a.value.of(b), a.value.row, a.V, values);
    std::fill_n(grad_key + b * a.n_keys * a.E, a.n_keys * a.E, T(0));
    std::fill_n(grad_value + b * a.n_keys * a.V, a.n_keys * a.V, T(0));
    for (int64_t block = 0; block < heads.n_blocks(); ++block)
      heads.backward_block(b, block, keys, values, out, norms, grad, grad_query, grad_key,
                           grad_value);
  });
}

template bool attend(const Attention<float>&, float*, float*);
template bool attend(const Attention<double>&, double*, double*);
template void attend_backward(const Attention<float>&, const float*, const float*, const float*,
                              float*, float*, float*);
template void attend_backward(const Attention<double>&, const double*, const double*, const double*,
                              double*, double*, double*);

}  // namespace flambeau
