#include "kernels/gemm/bfloat16.h"

#include <algorithm>
#include <cstring>

#include "kernels/elements/convert.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

enum Slot { packed_a_slot = 4, packed_b_slot = 5, tile_slot = 6 };

/// Pairs of k whose part of a panel of B stays in the first-level cache.
constexpr int64_t most_depth = 128;
/// Rows of a task.
constexpr int64_t task_rows = 64;
/// Fewer products than this are done before B is packed.
constexpr int64_t least_work = 1 << 16;

uint32_t pair_of(bfloat16 low, bfloat16 high) {
  uint16_t parts[2];
  std::memcpy(parts, &low, 2);
  std::memcpy(parts + 1, &high, 2);
  return parts[0] | uint32_t{parts[1]} << 16;
}

/// One product of a batch, whose operands are packed as pairs.
class Pairs {
 public:
  Pairs(const Gemm<bfloat16>& p, int64_t item)
      : p_(p),
        a_(p.a + item * p.batch_stride_a),
        b_(p.b + item * p.batch_stride_b),
        c_(p.c + item * p.batch_stride_c),
        n_pairs_((p.K + 1) / 2) {}

  void run(bool pack_a, bool pack_b) {
    const int64_t n_panels = ceil_div(p_.N, pair_columns), n_rows = ceil_div(p_.M, task_rows);
    uint32_t* a = Workspace::get<uint32_t>(packed_a_slot, p_.M * n_pairs_);
    uint32_t* b = Workspace::get<uint32_t>(packed_b_slot, n_panels * pair_columns * n_pairs_);
    if (pack_a)
      parallel_for(n_rows, [&](int64_t part) {
        pack_rows(part * task_rows, std::min(p_.M, (part + 1) * task_rows), a);
      });
    if (pack_b) parallel_for(n_panels, [&](int64_t panel) { pack_panel(panel, b); });
    // A panel of B stays in the second-level cache while the rows of a task pass by.
    parallel_for(n_panels * n_rows,
                 [&](int64_t task) { multiply(task / n_rows, task % n_rows * task_rows, a, b); });
  }

 private:
  bfloat16 a_at(int64_t i, int64_t k) const {
    return p_.trans_a ? a_[k * p_.lda + i] : a_[i * p_.lda + k];
  }
  bfloat16 b_at(int64_t k, int64_t j) const {
    return p_.trans_b ? b_[j * p_.ldb + k] : b_[k * p_.ldb + j];
  }

  void pack_rows(int64_t begin, int64_t end, uint32_t* a) const {
    const int64_t whole = p_.K / 2;
    if (p_.trans_a) {
      for (int64_t k = 0; k < whole; ++k)
        for (int64_t i = begin; i < end; ++i)
          a[i * n_pairs_ + k] = pair_of(a_at(i, 2 * k), a_at(i, 2 * k + 1));
    } else {
      for (int64_t i = begin; i < end; ++i)
        std::memcpy(a + i * n_pairs_, a_ + i * p_.lda, whole * sizeof(uint32_t));
    }
    if (whole < n_pairs_)
      for (int64_t i = begin; i < end; ++i)
        a[i * n_pairs_ + whole] = pair_of(a_at(i, 2 * whole), bfloat16(0.0f));
  }

  void pack_panel(int64_t panel, uint32_t* b) const {
    const int64_t j0 = panel * pair_columns, width = std::min<int64_t>(pair_columns, p_.N - j0);
    uint32_t* to = b + j0 * n_pairs_;
    const int64_t whole = p_.K / 2;
    auto put = [&](int64_t k, int64_t j, bfloat16 high) {
      to[k * pair_columns + j] = pair_of(b_at(2 * k, j0 + j), high);
    };
    if (p_.trans_b) {
      for (int64_t j = 0; j < width; ++j) {
        const bfloat16* from = b_ + (j0 + j) * p_.ldb;
        for (int64_t k = 0; k < whole; ++k) std::memcpy(to + k * pair_columns + j, from + 2 * k, 4);
      }
    } else {
      for (int64_t k = 0; k < whole; ++k)
        for (int64_t j = 0; j < width; ++j) put(k, j, b_at(2 * k + 1, j0 + j));
    }
    if (whole < n_pairs_)
      for (int64_t j = 0; j < width; ++j) put(whole, j, bfloat16(0.0f));
    for (int64_t k = 0; width < pair_columns && k < n_pairs_; ++k)
      std::fill(to + k * pair_columns + width, to + (k + 1) * pair_columns, 0u);
  }

  void multiply(int64_t panel, int64_t m0, const uint32_t* a, const uint32_t* b) const {
    const PairTile tile = pair_tile();
    const int64_t n_rows = std::min(task_rows, p_.M - m0), j0 = panel * pair_columns;
    float* sums = Workspace::get<float>(tile_slot, (task_rows + 1) * pair_columns);
    std::fill_n(sums, n_rows * pair_columns, 0.0f);
    for (int64_t k = 0; k < n_pairs_; k += most_depth)
      for (int64_t i = 0; i < n_rows; i += pair_rows)
        tile(static_cast<int>(std::min<int64_t>(pair_rows, n_rows - i)),
             std::min(most_depth, n_pairs_ - k), a + (m0 + i) * n_pairs_ + k, n_pairs_,
             b + j0 * n_pairs_ + k * pair_columns, sums + i * pair_columns);
    for (int64_t i = 0; i < n_rows; ++i) finish(m0 + i, j0, sums + i * pair_columns);
  }

  /// Row i of C from column j0 on: alpha * sums + bias + beta * C, rounded once.
  void finish(int64_t i, int64_t j0, float* sums) const {
    const int64_t width = std::min<int64_t>(pair_columns, p_.N - j0);
    const float alpha = static_cast<float>(p_.alpha), beta = static_cast<float>(p_.beta);
    bfloat16* to = c_ + i * p_.ldc + j0;
    const auto* bias = static_cast<const bfloat16*>(p_.epilogue.bias);
    if (alpha != 1)
      for (int64_t j = 0; j < width; ++j) sums[j] *= alpha;
    if (bias)
      for (int64_t j = 0; j < width; ++j)
        sums[j] += static_cast<float>(bias[p_.epilogue.bias_per_row ? i : j0 + j]);
    if (beta != 0)
      for (int64_t j = 0; j < width; ++j) sums[j] += beta * static_cast<float>(to[j]);
    if (p_.epilogue.relu)
      for (int64_t j = 0; j < width; ++j) sums[j] = sums[j] < 0 ? 0 : sums[j];
    convert(sums, to, width);
  }

  const Gemm<bfloat16>& p_;
  const bfloat16 *a_, *b_;
  bfloat16* c_;
  int64_t n_pairs_;
};

}  // namespace

bool gemm_pairs(const Gemm<bfloat16>& p) {
  if (!pair_tile() || p.M < 4 || p.N < 16 || p.K < 16 || p.M * p.N * p.K < least_work) return false;
  if (p.step_a != 1 || p.step_b != 1) return false;
  for (int64_t item = 0; item < p.batch; ++item)
    Pairs(p, item).run(item == 0 || p.batch_stride_a, item == 0 || p.batch_stride_b);
  return true;
}

}  // namespace flambeau
