// attention.h for bfloat16, by products of pairs: scores, their exponentials and all sums are
// float32; weights, and in the gradient their slopes, are rounded to be multiplied.
#include "kernels/attention/pairs.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "kernels/attention/attention.h"
#include "kernels/attention/simd.h"
#include "kernels/elements/convert.h"
#include "kernels/elements/dropout.h"
#include "kernels/gemm/few_rows.h"
#include "kernels/gemm/pairs.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

using namespace pairs;

namespace {

constexpr float hidden = -std::numeric_limits<float>::infinity();
constexpr float log2_e = 1.4426950408889634f;

/// Bytes of scores that stay in the second-level cache.
constexpr int64_t scores_bytes = 256 << 10;
/// So few queries read keys and values where they lie.
constexpr int64_t few_queries = 1;
/// From so many heads on each is one task; fewer share their rows.
constexpr int64_t heads_for_tasks = 4;
/// Rows of queries, and panels of keys, of one step of the gradient.
constexpr int64_t gradient_rows = 64, gradient_panels = 8;

enum Slot { scores_slot = 0, keys_slot = 1, values_slot = 2, rows_slot = 3, head_slot = 7 };

/// Parts of one block of memory, each at a line of the cache; counts only, where there is none.
class Parts {
 public:
  explicit Parts(char* memory) : memory_(memory) {}
  template <class T>
  T* take(int64_t n) {
    const int64_t at = n_bytes;
    n_bytes += round_up(n * static_cast<int64_t>(sizeof(T)), 64);
    return memory_ ? reinterpret_cast<T*>(memory_ + at) : nullptr;
  }
  int64_t n_bytes = 0;

 private:
  char* memory_;
};

/// What is made of the scores of a head before their exponentials.
class Scores {
 public:
  explicit Scores(const Attention<bfloat16>& a)
      : a_(a),
        in_units_(a.mask_kind == MaskKind::added || !(a.scale > 0)),
        factor_(in_units_ ? log2_e : a.scale * log2_e) {}

  /// exp(scale * score) is exp2(factor() * what shape() makes of it).
  float factor() const { return factor_; }

  bool changes(int64_t t, int64_t first, int64_t n, int64_t width) const {
    return in_units_ || a_.mask_kind != MaskKind::none || n < width ||
           (a_.causal && first + n > t + 1);
  }

  /// The scores of row t of head b with keys first ... first + n, `width` places: what a mask
  /// hides, what is beyond the diagonal or beyond n becomes -infinity.
  void shape(float* x, int64_t b, int64_t t, int64_t first, int64_t n, int64_t width) const {
    const int64_t step = a_.mask_column;
    const int64_t at =
        a_.mask_kind == MaskKind::none ? 0 : a_.mask_at[b] + t * a_.mask_row + first * step;
    if (in_units_ && a_.mask_kind != MaskKind::added)  // before -infinity comes in
      for (int64_t j = 0; j < n; ++j) x[j] *= a_.scale;
    if (a_.mask_kind == MaskKind::visible) {
      const uint8_t* mask = static_cast<const uint8_t*>(a_.mask) + at;
      if (step == 1)
        attention_kernels<float>().hide(x, mask, n);
      else
        for (int64_t j = 0; j < n; ++j) x[j] = mask[j * step] ? x[j] : hidden;
    }
    if (a_.mask_kind == MaskKind::added) {
      const bfloat16* mask = static_cast<const bfloat16*>(a_.mask) + at;
      if (step == 1)
        pair_passes()->add(x, n, a_.scale, reinterpret_cast<const uint16_t*>(mask));
      else
        for (int64_t j = 0; j < n; ++j) x[j] = x[j] * a_.scale + static_cast<float>(mask[j * step]);
    }
    const int64_t seen = a_.causal ? std::clamp<int64_t>(t + 1 - first, 0, n) : n;
    std::fill(x + seen, x + width, hidden);
  }

  /// What dropout leaves of the weights of row t of head b for keys first ... first + n.
  void drop(const float* weights, int64_t b, int64_t t, int64_t first, int64_t n, float* to) const {
    const auto [p, seed, call] = a_.dropout;
    const int64_t index = (b * a_.n_queries + t) * a_.n_keys + first;
    dropout_kernels().row(n, index, weights, seed, call, p, to);
  }

 private:
  const Attention<bfloat16>& a_;
  bool in_units_;
  float factor_;
};

void round_row(int64_t width, const float* sums, bfloat16* to) {
  bfloat16_pairs().round(1, width, sums, width, nullptr, false, reinterpret_cast<uint16_t*>(to),
                         width);
}

class Forward {
 public:
  Forward(const Attention<bfloat16>& a, bfloat16* out, float* norms)
      : a_(a),
        scores_(a),
        keys_(a.n_keys),
        values_(a.V),
        row_(keys_.all()),
        rows_(std::clamp<int64_t>(scores_bytes / 4 / row_ / 8 * 8, 16, 96)),
        out_(out),
        norms_(norms) {}

  bool packs() const { return a_.n_queries > few_queries; }
  int64_t n_blocks() const { return ceil_div(a_.n_queries, rows_); }
  int64_t key_words() const { return ceil_div(a_.E, 2) * row_; }
  int64_t value_words() const { return ceil_div(a_.n_keys, 2) * values_.all(); }

  void pack(int64_t b, uint32_t* keys, uint32_t* values) const {
    pack_rows(a_.key.of(b), a_.key.row, a_.E, keys_, keys);
    pack_pairs(a_.value.of(b), a_.value.row, a_.n_keys, values_, values);
  }

  /// Some rows of one head; false if one of them cannot be computed this way.
  bool run(int64_t b, int64_t block, const uint32_t* keys, const uint32_t* values) const {
    const int64_t t0 = block * rows_, n_rows = std::min(rows_, a_.n_queries - t0);
    const int64_t n = a_.causal ? std::min(a_.n_keys, t0 + n_rows) : a_.n_keys;
    const int64_t padded = round_up(n, bfloat16_pairs().lanes);
    Parts parts(Workspace::get<char>(scores_slot, memory(Parts(nullptr))));
    float* scores = parts.take<float>(rows_ * row_);
    float* sums = parts.take<float>(rows_ * values_.all());
    uint32_t* room = parts.take<uint32_t>(rows_ * ceil_div(a_.E, 2));
    const bfloat16* query = a_.query.of(b) + t0 * a_.query.row;
    if (packs()) {
      const WordRows rows = word_rows(query, a_.query.row, n_rows, a_.E, room);
      const int64_t n_words = ceil_div(a_.E, 2);
      for (int64_t panel = 0; panel < keys_.n() && keys_.begin(panel) < n; ++panel)
        multiply_panel(n_rows, rows, n_words, keys_.vectors(panel),
                       keys + keys_.begin(panel) * n_words, false, scores + keys_.begin(panel),
                       row_);
    } else {
      for (int64_t i = 0; i < n_rows; ++i)
        words::bfloat16_loops().dots(n, a_.E, bits(query + i * a_.query.row), bits(a_.key.of(b)),
                                     a_.key.row, scores + i * row_);
    }
    for (int64_t i = 0; i < n_rows; ++i)
      if (!weigh(scores + i * row_, b, t0 + i, n, padded)) return false;
    if (packs()) {
      const WordRows weights{reinterpret_cast<const uint32_t*>(scores), row_};
      multiply_panels(n_rows, weights, ceil_div(n, 2), values_, values, ceil_div(a_.n_keys, 2), 0,
                      false, sums);
    } else {
      for (int64_t i = 0; i < n_rows; ++i)
        words::bfloat16_loops().sum_of_rows(
            a_.V, n, reinterpret_cast<const uint16_t*>(scores + i * row_), bits(a_.value.of(b)),
            a_.value.row, sums + i * values_.all());
    }
    for (int64_t i = 0; i < n_rows; ++i) {
      const int64_t row = b * a_.n_queries + t0 + i;
      float* sum = sums + i * values_.all();
      for (int64_t j = 0; j < a_.V; ++j) sum[j] *= norms_[2 * row + 1];
      round_row(a_.V, sum, out_ + row * a_.V);
    }
    return true;
  }

 private:
  static const uint16_t* bits(const bfloat16* x) { return reinterpret_cast<const uint16_t*>(x); }

  int64_t memory(Parts parts) const {
    parts.take<float>(rows_ * row_);
    parts.take<float>(rows_ * values_.all());
    parts.take<uint32_t>(rows_ * ceil_div(a_.E, 2));
    return parts.n_bytes;
  }

  /// The weights of row t in place of its scores, rounded; they are to be divided by their sum.
  bool weigh(float* row, int64_t b, int64_t t, int64_t n, int64_t padded) const {
    auto* weights = reinterpret_cast<uint16_t*>(row);
    float* norms = norms_ + 2 * (b * a_.n_queries + t);
    if (scores_.changes(t, 0, n, padded)) scores_.shape(row, b, t, 0, n, padded);
    const float largest = attention_kernels<float>().largest(row, padded);
    if (largest == hidden) {
      if (a_.mask_kind == MaskKind::none ||
          pair_passes()->weights(row, padded, scores_.factor(), 0.0f, weights) != 0.0f)
        return false;
      norms[0] = norms[1] = 0;
      return true;
    }
    norms[0] = largest;
    const float factor = scores_.factor();
    float sum;
    if (a_.dropout.p > 0) {
      sum = pair_passes()->exponentials(row, padded, factor, largest);
      scores_.drop(row, b, t, 0, n, row);
      bfloat16_pairs().round(1, padded, row, padded, nullptr, false, weights, padded);
    } else {
      sum = pair_passes()->weights(row, padded, factor, largest, weights);
    }
    norms[1] = 1 / sum;
    return sum <= std::numeric_limits<float>::max();
  }

  const Attention<bfloat16>& a_;
  Scores scores_;
  Panels keys_, values_;
  int64_t row_, rows_;
  bfloat16* out_;
  float* norms_;
};

/// Where the gradient of a problem keeps what; of one head, and of some rows of its queries.
struct GradientMemory {
  uint32_t *keys, *values, *key_pairs;           // packed
  float *grad_keys, *grad_values;                // of each panel of keys a matrix of its columns
  uint32_t *query_room, *grad_room, *turn_room;  // words of rows
  uint32_t *queries_turned, *grads_turned;
  float *scores, *slopes, *kept, *ones;  // a panel
  uint32_t *weight_words, *slope_words;
  uint16_t* slope_rows;
  float *largest, *shares, *means, *grad_queries;

  GradientMemory(const Attention<bfloat16>& a, int64_t n_rows, Parts& parts) {
    const int64_t lanes = bfloat16_pairs().lanes, all_keys = round_up(a.n_keys, lanes);
    const int64_t panel = lanes * bfloat16_pairs().vectors * n_rows;
    keys = parts.take<uint32_t>(ceil_div(a.E, 2) * all_keys);
    values = parts.take<uint32_t>(ceil_div(a.V, 2) * all_keys);
    key_pairs = parts.take<uint32_t>(ceil_div(a.n_keys, 2) * round_up(a.E, lanes));
    grad_keys = parts.take<float>(round_up(a.E, lanes) * all_keys);
    grad_values = parts.take<float>(round_up(a.V, lanes) * all_keys);
    query_room = parts.take<uint32_t>(n_rows * ceil_div(a.E, 2));
    grad_room = parts.take<uint32_t>(n_rows * ceil_div(a.V, 2));
    turn_room = parts.take<uint32_t>(turned_words(n_rows, std::max(a.E, a.V)));
    queries_turned = parts.take<uint32_t>(turned_words(n_rows, a.E));
    grads_turned = parts.take<uint32_t>(turned_words(n_rows, a.V));
    scores = parts.take<float>(std::max(panel, lanes * lanes * bfloat16_pairs().vectors));
    slopes = parts.take<float>(panel);
    kept = parts.take<float>(panel);
    ones = parts.take<float>(lanes * bfloat16_pairs().vectors);
    weight_words = parts.take<uint32_t>(panel / 2);
    slope_words = parts.take<uint32_t>(panel / 2);
    slope_rows = parts.take<uint16_t>(panel * gradient_panels);
    largest = parts.take<float>(n_rows);
    shares = parts.take<float>(n_rows);
    means = parts.take<float>(n_rows);
    grad_queries = parts.take<float>(n_rows * round_up(a.E, lanes));
  }
};

class Backward {
 public:
  Backward(const Attention<bfloat16>& a, const bfloat16* out, const float* norms,
           const bfloat16* grad)
      : a_(a),
        scores_(a),
        keys_(a.n_keys),
        columns_(a.E),
        rows_(std::min(gradient_rows, round_up(a.n_queries, 2))),
        out_(out),
        norms_(norms),
        grad_(grad) {}

  void run(int64_t b, bfloat16* grad_query, bfloat16* grad_key, bfloat16* grad_value) const {
    Parts count(nullptr);
    GradientMemory counted(a_, rows_, count);
    Parts parts(Workspace::get<char>(head_slot, count.n_bytes));
    const GradientMemory m(a_, rows_, parts);
    pack_rows(a_.key.of(b), a_.key.row, a_.E, keys_, m.keys);
    pack_rows(a_.value.of(b), a_.value.row, a_.V, keys_, m.values);
    pack_pairs(a_.key.of(b), a_.key.row, a_.n_keys, columns_, m.key_pairs);
    std::fill_n(m.grad_keys, a_.E * keys_.all(), 0.0f);
    std::fill_n(m.grad_values, a_.V * keys_.all(), 0.0f);
    std::fill_n(m.ones, bfloat16_pairs().lanes * bfloat16_pairs().vectors, 1.0f);
    for (int64_t t = 0; t < a_.n_queries; t += rows_)
      block(b, t, std::min(rows_, a_.n_queries - t), m, grad_query + (b * a_.n_queries + t) * a_.E);
    finish(m.grad_keys, a_.E, m.scores, grad_key + b * a_.n_keys * a_.E);
    finish(m.grad_values, a_.V, m.scores, grad_value + b * a_.n_keys * a_.V);
  }

 private:
  /// What n_rows rows from t on give to all gradients.
  void block(int64_t b, int64_t t, int64_t n_rows, const GradientMemory& m,
             bfloat16* grad_query) const {
    const int64_t first = b * a_.n_queries + t, lanes = bfloat16_pairs().lanes;
    const bfloat16 *query = a_.query.of(b) + t * a_.query.row, *grad = grad_ + first * a_.V;
    const WordRows queries = word_rows(query, a_.query.row, n_rows, a_.E, m.query_room);
    const WordRows grads = word_rows(grad, a_.V, n_rows, a_.V, m.grad_room);
    const int64_t n_pairs = ceil_div(n_rows, 2), turned_row = round_up(n_pairs, lanes);
    turn_pairs(query, a_.query.row, n_rows, a_.E, m.turn_room, m.queries_turned, turned_row);
    turn_pairs(grad, a_.V, n_rows, a_.V, m.turn_room, m.grads_turned, turned_row);
    for (int64_t i = 0; i < 2 * n_pairs; ++i) {
      const bool is_row = i < n_rows;
      m.means[i] = 0;
      if (is_row)
        words::bfloat16_loops().dots(1, a_.V, reinterpret_cast<const uint16_t*>(grad + i * a_.V),
                                     reinterpret_cast<const uint16_t*>(out_ + (first + i) * a_.V),
                                     0, m.means + i);
      m.largest[i] = is_row ? norms_[2 * (first + i)] : 0;
      m.shares[i] = is_row ? norms_[2 * (first + i) + 1] : 0;
    }
    const int64_t n = a_.causal ? std::min(a_.n_keys, t + n_rows) : a_.n_keys;
    const int64_t widest = lanes * bfloat16_pairs().vectors, slope_row = widest * gradient_panels;
    const int64_t key_words = ceil_div(a_.n_keys, 2);
    for (int64_t p0 = 0, p = 0; p0 < keys_.n() && keys_.begin(p0) < n; p0 = p) {
      const int64_t begin = keys_.begin(p0);
      for (; p < std::min(keys_.n(), p0 + gradient_panels) && keys_.begin(p) < n; ++p) {
        panel(b, t, n_rows, p, queries, grads, m, m.slope_rows + keys_.begin(p) - begin, slope_row);
        const WordRows turned_queries{m.queries_turned, turned_row};
        const WordRows turned_grads{m.grads_turned, turned_row};
        multiply_panel(a_.V, turned_grads, n_pairs, keys_.vectors(p), m.weight_words, true,
                       m.grad_values + keys_.begin(p) * a_.V, keys_.width(p));
        multiply_panel(a_.E, turned_queries, n_pairs, keys_.vectors(p), m.slope_words, true,
                       m.grad_keys + keys_.begin(p) * a_.E, keys_.width(p));
      }
      const int64_t end = std::min(a_.n_keys, keys_.begin(p - 1) + keys_.width(p - 1));
      const WordRows rows{reinterpret_cast<const uint32_t*>(m.slope_rows), slope_row / 2};
      multiply_panels(n_rows, rows, ceil_div(end - begin, 2), columns_, m.key_pairs, key_words,
                      begin / 2, p0 > 0, m.grad_queries);
    }
    for (int64_t i = 0; i < n_rows; ++i)
      round_row(a_.E, m.grad_queries + i * columns_.all(), grad_query + i * a_.E);
  }

  /// The weights and slopes of n_rows rows from t on for one panel of keys.
  void panel(int64_t b, int64_t t, int64_t n_rows, int64_t p, WordRows queries, WordRows grads,
             const GradientMemory& m, uint16_t* slope_rows, int64_t slope_row) const {
    const int64_t width = keys_.width(p), used = keys_.used(p), first = keys_.begin(p);
    const int vectors = keys_.vectors(p);
    multiply_panel(n_rows, queries, ceil_div(a_.E, 2), vectors, m.keys + first * ceil_div(a_.E, 2),
                   false, m.scores, width);
    multiply_panel(n_rows, grads, ceil_div(a_.V, 2), vectors, m.values + first * ceil_div(a_.V, 2),
                   false, m.slopes, width);
    const bool drops = a_.dropout.p > 0;
    for (int64_t i = 0; i < n_rows; ++i) {
      if (scores_.changes(t + i, first, used, width))
        scores_.shape(m.scores + i * width, b, t + i, first, used, width);
      if (drops) {
        std::fill_n(m.kept + i * width, width, 1.0f);
        scores_.drop(m.ones, b, t + i, first, used, m.kept + i * width);
      }
    }
    if (n_rows % 2) {
      std::fill_n(m.scores + n_rows * width, width, hidden);
      std::fill_n(m.slopes + n_rows * width, width, 0.0f);
      std::fill_n(m.kept + n_rows * width, width, 1.0f);
    }
    pair_passes()->slopes({.n_pairs = ceil_div(n_rows, 2),
                           .vectors = vectors,
                           .scores = m.scores,
                           .slopes = m.slopes,
                           .factor = scores_.factor(),
                           .scale = a_.scale,
                           .largest = m.largest,
                           .shares = m.shares,
                           .means = m.means,
                           .kept = drops ? m.kept : nullptr,
                           .weight_words = m.weight_words,
                           .slope_words = m.slope_words,
                           .slope_rows = slope_rows,
                           .slope_row = slope_row});
  }

  /// What was added up for keys, `width` rows of each panel, rounded as rows of the keys.
  void finish(const float* sums, int64_t width, float* room, bfloat16* to) const {
    const int64_t lanes = bfloat16_pairs().lanes;
    for (int64_t p = 0; p < keys_.n(); ++p) {
      const int64_t columns = keys_.width(p);
      const float* from = sums + keys_.begin(p) * width;
      for (int64_t i = 0; i < width; i += lanes, from += lanes * columns) {
        bfloat16* rows = to + keys_.begin(p) * width + i;
        bfloat16_pairs().turn(columns, from, columns * 4, reinterpret_cast<uint32_t*>(room), lanes);
        bfloat16_pairs().round(keys_.used(p), std::min(lanes, width - i), room, lanes, nullptr,
                               false, reinterpret_cast<uint16_t*>(rows), width);
      }
    }
  }

  const Attention<bfloat16>& a_;
  Scores scores_;
  Panels keys_, columns_;
  int64_t rows_;
  const bfloat16* out_;
  const float* norms_;
  const bfloat16* grad_;
};

}  // namespace

bool attends_bfloat16() { return pair_passes() != nullptr; }

template <>
bool attend(const Attention<bfloat16>& a, bfloat16* out, float* norms) {
  const Forward forward(a, out, norms);
  std::atomic<bool> all{true};
  auto head = [&](int64_t b) {
    uint32_t *keys = nullptr, *values = nullptr;
    if (forward.packs()) {
      keys = Workspace::get<uint32_t>(keys_slot, forward.key_words());
      values = Workspace::get<uint32_t>(values_slot, forward.value_words());
      forward.pack(b, keys, values);
    }
    parallel_for(forward.n_blocks(), [&](int64_t block) {
      if (!forward.run(b, block, keys, values)) all = false;
    });
  };
  if (a.n_heads >= heads_for_tasks)
    parallel_for(a.n_heads, head);
  else
    for (int64_t b = 0; b < a.n_heads; ++b) head(b);
  return all;
}

template <>
void attend_backward(const Attention<bfloat16>& a, const bfloat16* out, const float* norms,
                     const bfloat16* grad, bfloat16* grad_query, bfloat16* grad_key,
                     bfloat16* grad_value) {
  const Backward backward(a, out, norms, grad);
  parallel_for(a.n_heads, [&](int64_t b) { backward.run(b, grad_query, grad_key, grad_value); });
}

}  // namespace flambeau
