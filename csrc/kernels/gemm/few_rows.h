// Products of a few rows or columns in integers and bfloat16, and how any of their sums become
// results. Raw memory, no GIL; runs in threads.
#pragma once
#include <algorithm>
#include <type_traits>

#include "kernels/elements/arithmetic.h"
#include "kernels/elements/convert.h"
#include "kernels/elements/sums.h"
#include "kernels/gemm/words.h"
#include "runtime/cpu.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau::words {

enum Slot { packed_a_slot = 4, packed_b_slot = 5, tile_slot = 6 };

inline const IntegerKernels& integer_kernels() {
  return for_cpu(gemm_base::integer_kernels, gemm_avx2::integer_kernels,
                 gemm_avx512::integer_kernels);
}

inline const Bfloat16Loops& bfloat16_loops() {
  return for_cpu(gemm_base::bfloat16_loops, gemm_avx2::bfloat16_loops, gemm_avx512::bfloat16_loops);
}

template <class T>
using bits_t = unsigned_of_size<sizeof(T)>;

/// to[j * step] = relu(alpha * sums[j] + bias[j * bias_step] + beta * to[j * step]), wrapped
/// around.
template <class T, class Sum>
  requires std::is_integral_v<T>
void finish_sums(const Gemm<T>& p, const Sum* sums, int64_t n, const T* bias, int64_t bias_step,
                 T* to, int64_t step) {
  const uint64_t alpha = static_cast<uint64_t>(p.alpha), beta = static_cast<uint64_t>(p.beta);
  if (alpha == 1 && beta == 0 && !bias && !p.epilogue.relu) {
    for (int64_t j = 0; j < n; ++j) to[j * step] = static_cast<T>(sums[j]);
    return;
  }
  for (int64_t j = 0; j < n; ++j) {
    uint64_t value = alpha * static_cast<uint64_t>(sums[j]);
    if (bias) value += static_cast<uint64_t>(bias[j * bias_step]);
    if (beta) value += beta * static_cast<uint64_t>(to[j * step]);
    const T wrapped = static_cast<T>(value);
    to[j * step] = p.epilogue.relu && wrapped < T(0) ? T(0) : wrapped;
  }
}

/// The same in float32, rounded once. What sums hold is lost.
inline void finish_sums(const Gemm<bfloat16>& p, float* sums, int64_t n, const bfloat16* bias,
                        int64_t bias_step, bfloat16* to, int64_t step) {
  const float alpha = static_cast<float>(p.alpha), beta = static_cast<float>(p.beta);
  if (alpha != 1)
    for (int64_t j = 0; j < n; ++j) sums[j] *= alpha;
  if (bias)
    for (int64_t j = 0; j < n; ++j) sums[j] += static_cast<float>(bias[j * bias_step]);
  if (beta != 0)
    for (int64_t j = 0; j < n; ++j) sums[j] += beta * static_cast<float>(to[j * step]);
  if (p.epilogue.relu)
    for (int64_t j = 0; j < n; ++j) sums[j] = sums[j] < 0 ? 0 : sums[j];
  if (step == 1) return convert(sums, to, n);
  for (int64_t j = 0; j < n; ++j) to[j * step] = static_cast<bfloat16>(sums[j]);
}

/// A product with every stride free, without a copy of the matrix: by rows of A, for few of them.
template <class T>
class FewRows {
 public:
  FewRows(const Gemm<T>& p, int64_t item)
      : p_(p),
        M_(p.M),
        N_(p.N),
        a_(reinterpret_cast<const Bits*>(p.a + item * p.batch_stride_a)),
        b_(reinterpret_cast<const Bits*>(p.b + item * p.batch_stride_b)),
        c_(p.c + item * p.batch_stride_c),
        a_row_(p.trans_a ? 1 : p.lda),
        a_column_(p.trans_a ? p.lda : 1),
        b_row_(p.trans_b ? 1 : p.ldb),
        b_column_(p.trans_b ? p.ldb : 1),
        c_row_(p.ldc),
        c_column_(1),
        bias_row_(p.epilogue.bias_per_row),
        bias_column_(!p.epilogue.bias_per_row) {
    // C^T = B^T A^T.
    if (N_ < M_ && N_ <= few) {
      std::swap(M_, N_);
      std::swap(a_, b_);
      std::swap(a_row_, b_column_);
      std::swap(a_column_, b_row_);
      std::swap(c_row_, c_column_);
      std::swap(bias_row_, bias_column_);
    }
  }

  static constexpr int64_t few = 3;

  /// So few terms that packing costs more than the product, and no short rows.
  static bool is_shallow(const Gemm<T>& p) {
    return p.K <= most_shallow && p.N * static_cast<int64_t>(sizeof(T)) >= 200;
  }

  /// Any number of rows of few terms, each written as soon as it is summed.
  void run_shallow() const {
    const int64_t K = std::min(p_.K, most_shallow);
    const Bits* b = b_;
    int64_t b_row = b_row_;
    if (b_column_ != 1) {
      Bits* copy = Workspace::get<Bits>(packed_b_slot, K * N_);
      for (int64_t k = 0; k < K; ++k)
        for (int64_t j = 0; j < N_; ++j) copy[k * N_ + j] = b_[k * b_row_ + j * b_column_];
      b = copy;
      b_row = N_;
    }
    const bool plain =
        p_.alpha == T(1) && p_.beta == T(0) && !p_.epilogue.bias && !p_.epilogue.relu;
    // Columns of B that stay in the first-level cache beside those of a row.
    constexpr int64_t cached = (24 << 10) / sizeof(T);
    const int64_t columns = plain ? cached / (K + 1) : most_sums;
    const int64_t rows = std::max<int64_t>(1, task_work / 4 / (N_ * (K + 2)));
    parallel_ranges(M_, rows, [&](int64_t begin, int64_t end) {
      Bits factors[8];
      Sum sums[most_sums];
      for (int64_t n0 = 0; n0 < N_; n0 += columns)
        for (int64_t i = begin; i < end; ++i) {
          for (int64_t k = 0; k < K; ++k) factors[k] = a_[i * a_row_ + k * a_column_];
          const int64_t n = std::min(columns, N_ - n0);
          auto* to = reinterpret_cast<Bits*>(c_ + i * c_row_) + n0;
          loops().sum_of_rows(n, K, factors, b + n0, b_row, plain ? to : sums);
          if (!plain) finish(i, n0, n, sums);
        }
    });
  }

  void run() const {
    Bits* copy = a_column_ == 1 ? nullptr : Workspace::get<Bits>(packed_a_slot, p_.K);
    for (int64_t i = 0; i < M_; ++i) {
      const Bits* row = a_ + i * a_row_;
      for (int64_t k = 0; copy && k < p_.K; ++k) copy[k] = row[k * a_column_];
      multiply(i, copy ? copy : row);
    }
  }

 private:
  using Bits = bits_t<T>;
  using Sum = std::conditional_t<std::is_integral_v<T>, Bits, float>;
  /// Sums that stay in the first-level cache, and products of a task.
  static constexpr int64_t most_sums = 1024, task_work = 1 << 17;
  static constexpr int64_t most_shallow = sizeof(T) == 1 ? 5 : 8;

  void multiply(int64_t i, const Bits* row) const {
    const int64_t n_slices = ceil_div(p_.K, task_work);
    if (N_ <= 16 && n_slices > 1) return multiply_slices(i, row, n_slices);
    // Of rows that pass by the longer a part, the better it is fetched; a few parts should be left.
    const int64_t least = by_dots(N_) ? 64 : std::max<int64_t>(256, round_up(ceil_div(N_, 4), 64));
    const int64_t grain = std::clamp<int64_t>(task_work / std::max<int64_t>(p_.K, 1),
                                              std::min(least, most_sums), most_sums);
    parallel_ranges(N_, grain, [&](int64_t begin, int64_t end) {
      Sum sums[most_sums];
      for (int64_t n0 = begin; n0 < end; n0 += most_sums) {
        const int64_t n = std::min(most_sums, end - n0);
        sum_products(0, p_.K, n0, n, row, sums);
        finish(i, n0, n, sums);
      }
    });
  }

  void multiply_slices(int64_t i, const Bits* row, int64_t n_slices) const {
    Sum* parts = Workspace::get<Sum>(tile_slot, n_slices * N_);
    parallel_for(n_slices, [&](int64_t slice) {
      const int64_t k0 = slice * task_work;
      sum_products(k0, std::min(task_work, p_.K - k0), 0, N_, row, parts + slice * N_);
    });
    for (int64_t slice = 1; slice < n_slices; ++slice)
      for (int64_t j = 0; j < N_; ++j)
        parts[j] = static_cast<Sum>(parts[j] + parts[slice * N_ + j]);
    finish(i, 0, N_, parts);
  }

  void sum_products(int64_t k0, int64_t K, int64_t n0, int64_t N, const Bits* row,
                    Sum* sums) const {
    const Bits* b = b_ + k0 * b_row_ + n0 * b_column_;
    if (by_dots(N))
      loops().dots(N, K, row + k0, b, b_column_, sums);
    else
      loops().sum_of_rows(N, K, row + k0, b, b_row_, sums);
  }

  /// Whether B's columns lie side by side along k.
  bool by_dots(int64_t N) const { return b_row_ == 1 && (N == 1 || b_column_ != 1); }

  static const auto& loops() {
    if constexpr (std::is_same_v<T, bfloat16>)
      return bfloat16_loops();
    else if constexpr (sizeof(T) == 1)
      return integer_kernels().loops8;
    else if constexpr (sizeof(T) == 2)
      return integer_kernels().loops16;
    else if constexpr (sizeof(T) == 4)
      return integer_kernels().loops32;
    else
      return integer_kernels().loops64;
  }

  void finish(int64_t i, int64_t n0, int64_t n, Sum* sums) const {
    const auto* bias = static_cast<const T*>(p_.epilogue.bias);
    finish_sums(p_, sums, n, bias ? bias + i * bias_row_ + n0 * bias_column_ : nullptr,
                bias_column_, c_ + i * c_row_ + n0 * c_column_, c_column_);
  }

  const Gemm<T>& p_;
  int64_t M_, N_;
  const Bits *a_, *b_;
  T* c_;
  int64_t a_row_, a_column_, b_row_, b_column_, c_row_, c_column_, bias_row_, bias_column_;
};

}  // namespace flambeau::words
