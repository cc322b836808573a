#include "kernels/gemm/words.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <vector>

#include "kernels/elements/arithmetic.h"
#include "kernels/elements/convert.h"
#include "kernels/elements/sums.h"
#include "kernels/gemm/simd.h"
#include "runtime/cpu.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

enum Slot { packed_a_slot = 4, packed_b_slot = 5, tile_slot = 6 };

/// Bytes of a panel of B that stay in the first-level cache beside the rows of A.
constexpr int64_t panel_bytes = 24 << 10;
/// Rows of a task.
constexpr int64_t task_rows = 128;

const IntegerKernels& integer_kernels() {
  return for_cpu(gemm_base::integer_kernels, gemm_avx2::integer_kernels,
                 gemm_avx512::integer_kernels);
}

const Bfloat16Loops& bfloat16_loops() {
  return for_cpu(gemm_base::bfloat16_loops, gemm_avx2::bfloat16_loops, gemm_avx512::bfloat16_loops);
}

/// What multiplies T: words of unsigned bits, whose sums hold at least as many.
template <class T>
const auto& words_of() {
  const IntegerKernels& kernels = integer_kernels();
  if constexpr (std::is_same_v<T, bfloat16>)
    return bfloat16_pairs();
  else if constexpr (sizeof(T) == 1)
    return integer_dots().bits8.lanes ? integer_dots().bits8 : kernels.bits8;
  else if constexpr (sizeof(T) == 2)
    return integer_dots().bits16.lanes ? integer_dots().bits16 : kernels.bits16;
  else if constexpr (sizeof(T) == 4)
    return kernels.bits32;
  else
    return kernels.bits64;
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
void finish_sums(const Gemm<bfloat16>& p, float* sums, int64_t n, const bfloat16* bias,
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

/// One product of a batch, of words of `group` values of k. A is read where it lies if its rows are
/// words, and else packed; B is packed.
template <class T, class Word, class Sum, int group>
class Words {
 public:
  using Bits = bits_t<T>;

  Words(const Gemm<T>& p, const WordKernels<Word, Sum>& kernels, int64_t item)
      : p_(p),
        kernels_(kernels),
        a_(reinterpret_cast<const Bits*>(p.a + item * p.batch_stride_a)),
        b_(reinterpret_cast<const Bits*>(p.b + item * p.batch_stride_b)),
        c_(p.c + item * p.batch_stride_c),
        n_words_(ceil_div(p.K, group)),
        panels_(Spread::even(ceil_div(p.N, kernels.lanes), kernels.vectors)),
        row_tasks_(p.M, task_rows) {
    if constexpr (!std::is_integral_v<T>)
      if (p.epilogue.bias && !p.epilogue.bias_per_row) {
        bias_.resize(p.N);
        convert(static_cast<const T*>(p.epilogue.bias), bias_.data(), p.N);
      }
  }

  void run(bool pack_a, bool pack_b) {
    const bool in_place =
        lies_as_words && !p_.trans_a && p_.K % group == 0 && (p_.lda % group == 0 || p_.M == 1);
    const void* a = a_;
    int64_t a_row = p_.lda / group;
    if (!in_place) {
      Word* packed = Workspace::get<Word>(packed_a_slot, p_.M * n_words_);
      if (pack_a) {
        const Spread tasks =
            Spread::shared(p_.M, std::max(task_rows, packed_words / (n_words_ + row_words)));
        parallel_for(tasks.n_parts, [&](int64_t task) {
          const int64_t end = tasks.begin(task + 1);
          for (int64_t i = tasks.begin(task); i < end; i += task_rows)
            pack_rows(i, std::min(end, i + task_rows), packed);
        });
      }
      a = packed;
      a_row = n_words_;
    }
    Word* b = Workspace::get<Word>(packed_b_slot, round_up(p_.N, kernels_.lanes) * n_words_);
    const int64_t panel_words = kernels_.vectors * kernels_.lanes * n_words_;
    if (row_tasks_.n_parts == 1) {  // a panel has one user
      parallel_ranges(panels_.n_parts, ceil_div(task_work, panel_words * p_.M),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t panel = begin; panel < end; ++panel) {
                          if (pack_b) pack_panel(panel, b);
                          multiply(panel, 0, a, a_row, b);
                        }
                      });
      return;
    }
    if (pack_b)
      parallel_ranges(panels_.n_parts, ceil_div(panel_task, panel_words),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t panel = begin; panel < end; ++panel) pack_panel(panel, b);
                      });
    // A panel of B stays in the second-level cache while the rows of a task pass by.
    const int64_t element_words = kernels_.vectors * kernels_.lanes * finish_words;
    const Spread tasks =
        Spread::shared(panels_.n_parts * row_tasks_.n_parts,
                       ceil_div(task_work, (panel_words + element_words) * task_rows));
    parallel_for(tasks.n_parts, [&](int64_t task) {
      for (int64_t i = tasks.begin(task); i < tasks.begin(task + 1); ++i)
        multiply(i / row_tasks_.n_parts, i % row_tasks_.n_parts, a, a_row, b);
    });
  }

 private:
  static constexpr int bits = 8 * sizeof(Word) / group;
  /// Whether neighbours in memory are a word.
  static constexpr bool lies_as_words =
      bits == 8 * sizeof(Bits) && std::endian::native == std::endian::little;
  /// Words that are worth a thread: to pack, and times rows to multiply; and as how many of them a
  /// row counts that is packed, and an element that is finished.
  static constexpr int64_t packed_words = 1 << 15, task_work = 1 << 18;
  /// Words of panels that are: the thread which packs them is the first to multiply by them.
  static constexpr int64_t panel_task = 1 << 12;
  static constexpr int64_t row_words = 8, finish_words = 8;

  /// n values of k from `from` on, `step` apart, as one word; what is missing is 0.
  static Word word_at(const Bits* from, int64_t step, int n) {
    if (n == 1) return from[0];
    Word word = 0;
    if constexpr (lies_as_words)
      if (step == 1 && n == group) {
        std::memcpy(&word, from, sizeof(Word));
        return word;
      }
    for (int i = 0; i < n; ++i) word |= static_cast<Word>(from[i * step]) << (bits * i);
    return word;
  }

  /// to[w * step] = the words of a run of K values that lie side by side.
  void pack_run(const Bits* from, int64_t begin, int64_t end, Word* to, int64_t step) const {
    const int64_t whole = std::min(end, p_.K / group);
    if constexpr (lies_as_words)
      if (step == 1 && whole - begin >= 16) {
        std::memcpy(to + begin, from + begin * group, (whole - begin) * sizeof(Word));
        begin = whole;
      }
    for (int64_t w = begin; w < whole; ++w) to[w * step] = word_at(from + w * group, 1, group);
    if (whole < end)
      to[whole * step] = word_at(from + whole * group, 1, static_cast<int>(p_.K - whole * group));
  }

  /// to[j] = the word w of each of n columns whose rows are `row` apart.
  void pack_across(const Bits* from, int64_t row, int64_t w, int64_t n, Word* to) const {
    const int64_t depth = std::min<int64_t>(group, p_.K - w * group);
    from += w * group * row;
    if (depth == group) return kernels_.join(from, row, n, to);
    for (int64_t j = 0; j < n; ++j) to[j] = word_at(from + j, row, static_cast<int>(depth));
  }

  /// At most task_rows rows of A.
  void pack_rows(int64_t begin, int64_t end, Word* a) const {
    if (!p_.trans_a) {
      const int64_t whole = p_.K / group, rest = p_.K % group;
      if (whole < 16) {
        Word* to = a + begin * n_words_;
        for (int64_t i = begin; i < end; ++i) {
          const Bits* from = a_ + i * p_.lda;
          for (int64_t w = 0; w < whole; ++w) *to++ = word_at(from + w * group, 1, group);
          if (rest) *to++ = word_at(from + whole * group, 1, static_cast<int>(rest));
        }
        return;
      }
      for (int64_t i = begin; i < end; ++i)
        pack_run(a_ + i * p_.lda, 0, n_words_, a + i * n_words_, 1);
      return;
    }
    const int64_t n_rows = end - begin, lanes = kernels_.lanes, turned = n_rows / lanes * lanes;
    constexpr int64_t most_lanes = 64 / sizeof(Word);
    Word columns[most_lanes][task_rows];
    for (int64_t w = 0; w < n_words_; w += lanes) {
      const int64_t n = std::min(lanes, n_words_ - w);
      for (int64_t l = 0; l < n; ++l) pack_across(a_ + begin, p_.lda, w + l, n_rows, columns[l]);
      Word* to = a + begin * n_words_ + w;
      if (n == lanes) kernels_.turn(turned, columns, sizeof columns[0], to, n_words_);
      for (int64_t i = n == lanes ? turned : 0; i < n_rows; ++i)
        for (int64_t l = 0; l < n; ++l) to[i * n_words_ + l] = columns[l][i];
    }
  }

  void pack_panel(int64_t panel, Word* b) const {
    const int64_t lanes = kernels_.lanes, j0 = panels_.begin(panel) * lanes;
    const int64_t columns = panels_.length(panel) * lanes;
    const int64_t width = std::min(columns, p_.N - j0);
    Word* to = b + j0 * n_words_;
    if (p_.trans_b) {
      const int64_t turned = lies_as_words ? p_.K / group / lanes * lanes : 0;
      for (int64_t j = 0; j < width; j += lanes) {
        const int64_t n = std::min(lanes, width - j);
        const int64_t first = n == lanes ? turned : 0;
        const Bits* from = b_ + (j0 + j) * p_.ldb;
        if (first > 0)
          kernels_.turn(first, from, p_.ldb * static_cast<int64_t>(sizeof(Bits)), to + j, columns);
        // A line of the cache of each column, which fill a few rows of the panel.
        constexpr int64_t run = 64 / sizeof(Word);
        for (int64_t w = first; w < n_words_; w += run)
          for (int64_t l = 0; l < n; ++l)
            pack_run(from + l * p_.ldb, w, std::min(n_words_, w + run), to + j + l, columns);
      }
    } else {
      for (int64_t w = 0; w < n_words_; ++w)
        pack_across(b_ + j0, p_.ldb, w, width, to + w * columns);
    }
    for (int64_t w = 0; width < columns && w < n_words_; ++w)
      std::fill(to + w * columns + width, to + (w + 1) * columns, Word(0));
  }

  void multiply(int64_t panel, int64_t row_task, const void* a, int64_t a_row,
                const Word* b) const {
    const int64_t m0 = row_tasks_.begin(row_task), n_rows = row_tasks_.length(row_task);
    const int64_t j0 = panels_.begin(panel) * kernels_.lanes;
    const int v = static_cast<int>(panels_.length(panel));
    const int64_t columns = v * kernels_.lanes;
    const int64_t depth = panel_bytes / (columns * static_cast<int64_t>(sizeof(Word)));
    const int64_t width = std::min(columns, p_.N - j0);
    const Spread tiles(n_rows, kernels_.rows);
    Sum* sums = Workspace::get<Sum>(tile_slot, task_rows * columns);
    for (int64_t k = 0; k < n_words_; k += depth)
      for (int64_t part = 0; part < tiles.n_parts; ++part) {
        const int64_t i = tiles.begin(part), m = tiles.length(part);
        Sum* tile = sums + i * columns;
        kernels_.tile(static_cast<int>(m), v, std::min(depth, n_words_ - k),
                      static_cast<const char*>(a) + ((m0 + i) * a_row + k) * sizeof(Word), a_row,
                      b + j0 * n_words_ + k * columns, k > 0, tile);
        if (k + depth >= n_words_) finish(m0 + i, m, j0, width, tile, columns);
      }
  }

  /// m rows of C from row i and column j0 on: alpha * sums + bias + beta * C, rounded once.
  void finish(int64_t i, int64_t m, int64_t j0, int64_t width, Sum* sums, int64_t columns) const {
    const bool by_row = p_.epilogue.bias_per_row;
    T* to = c_ + i * p_.ldc + j0;
    if constexpr (std::is_same_v<T, bfloat16>)
      if (p_.alpha == T(1) && p_.beta == T(0) && !(p_.epilogue.bias && by_row))
        return kernels_.round(m, width, sums, columns, bias_.empty() ? nullptr : bias_.data() + j0,
                              p_.epilogue.relu, reinterpret_cast<uint16_t*>(to), p_.ldc);
    const auto* bias = static_cast<const T*>(p_.epilogue.bias);
    for (int64_t row = 0; row < m; ++row)
      finish_sums(p_, sums + row * columns, width, bias ? bias + (by_row ? i + row : j0) : nullptr,
                  !by_row, to + row * p_.ldc, 1);
  }

  const Gemm<T>& p_;
  const WordKernels<Word, Sum>& kernels_;
  const Bits *a_, *b_;
  T* c_;
  int64_t n_words_;
  Spread panels_, row_tasks_;
  std::vector<float> bias_;  // of columns of float results
};

/// Item `item` of a batch by words.
template <class T, class Word, class Sum>
void multiply_words(const Gemm<T>& p, const WordKernels<Word, Sum>& kernels, int64_t item,
                    bool pack_a, bool pack_b) {
  auto run = [&]<int group>() { Words<T, Word, Sum, group>(p, kernels, item).run(pack_a, pack_b); };
  if constexpr (sizeof(Word) == sizeof(T)) {
    run.template operator()<1>();
  } else if constexpr (sizeof(Word) == 4 * sizeof(T)) {
    kernels.group == 4 ? run.template operator()<4>() : run.template operator()<2>();
  } else {
    run.template operator()<2>();
  }
}

/// Fewer products than this are done before operands are packed.
constexpr int64_t least_work = 1 << 12;

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

/// Calls one(item, alone) for each product of a batch: large ones one by one, which share the pool
/// (alone), small ones several a chunk.
template <class T, class One>
void each_of_batch(const Gemm<T>& p, One&& one) {
  const double work = static_cast<double>(p.M) * static_cast<double>(p.N) *
                          static_cast<double>(std::max<int64_t>(p.K, 1)) +
                      500;
  const int64_t per_chunk = std::max<int64_t>(1, static_cast<int64_t>(1e6 / work));
  if (p.batch == 1 || work > 1.6e7) {
    for (int64_t item = 0; item < p.batch; ++item) one(item, true);
    return;
  }
  parallel_ranges(p.batch, per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) one(item, false);
  });
}

/// All products of a batch by words; what one thread packs serves it for the next item too, where
/// that has the same operand.
template <class T>
void multiply_batch(const Gemm<T>& p) {
  const auto& kernels = words_of<T>();
  each_of_batch(p, [&](int64_t item, bool alone) {
    multiply_words(p, kernels, item, !alone || item == 0 || p.batch_stride_a,
                   !alone || item == 0 || p.batch_stride_b);
  });
}

/// Products of a depth that packing does not pay for: what they take is the rounding and the
/// writing of the result.
constexpr int64_t narrow_depth = 8;

bool is_narrow(const Gemm<bfloat16>& p) {
  return p.K <= narrow_depth && p.alpha == bfloat16(1) && p.beta == bfloat16(0) &&
         !(p.epilogue.bias && p.epilogue.bias_per_row);
}

/// Neighbours along k of a matrix whose rows or columns are `step` apart, as pairs; behind K is 0.
uint32_t pair_of(const bfloat16* from, int64_t step, int64_t k, int64_t K) {
  const uint32_t first = std::bit_cast<uint16_t>(from[k * step]);
  return k + 1 < K ? first | uint32_t{std::bit_cast<uint16_t>(from[(k + 1) * step])} << 16 : first;
}

void multiply_narrow(const Gemm<bfloat16>& p, int64_t item) {
  const bfloat16 *a = p.a + item * p.batch_stride_a, *b = p.b + item * p.batch_stride_b;
  auto* c = reinterpret_cast<uint16_t*>(p.c + item * p.batch_stride_c);
  const int64_t a_row = p.trans_a ? 1 : p.lda, a_step = p.trans_a ? p.lda : 1,
                b_column = p.trans_b ? p.ldb : 1, b_step = p.trans_b ? 1 : p.ldb;
  const int64_t n_words = ceil_div(p.K, 2), padded = round_up(p.N, narrow_columns);
  std::vector<uint32_t> words(n_words * padded);
  for (int64_t j = 0; j < p.N; ++j)
    for (int64_t w = 0; w < n_words; ++w)
      words[w * padded + j] = pair_of(b + j * b_column, b_step, 2 * w, p.K);
  std::vector<float> bias(p.epilogue.bias ? p.N : 0);
  if (!bias.empty()) convert(static_cast<const bfloat16*>(p.epilogue.bias), bias.data(), p.N);
  constexpr int64_t task_work = 1 << 17, finish_words = 4, most_rows = 512;
  const int64_t rows =
      std::clamp<int64_t>(task_work / (p.N * (n_words + finish_words)) / 4 * 4, 16, most_rows);
  parallel_ranges(p.M, rows, [&](int64_t begin, int64_t end) {
    uint32_t packed[most_rows * narrow_depth / 2];
    for (int64_t i = begin; i < end; ++i)
      for (int64_t w = 0; w < n_words; ++w)
        packed[(i - begin) * n_words + w] = pair_of(a + i * a_row, a_step, 2 * w, p.K);
    bfloat16_pairs().narrow(end - begin, p.N, n_words, packed, words.data(), padded,
                            bias.empty() ? nullptr : bias.data(), p.epilogue.relu,
                            c + begin * p.ldc, p.ldc);
  });
}

}  // namespace

bool gemm_bfloat16(const Gemm<bfloat16>& p) {
  if (p.step_a != 1 || p.step_b != 1) return false;
  const int64_t work = p.M * p.N * p.K;
  if (std::min(p.M, p.N) <= FewRows<bfloat16>::few) {
    each_of_batch(p, [&](int64_t item, bool) { FewRows<bfloat16>(p, item).run(); });
    return true;
  }
  // Below, and where the machine has no such instruction, operands are widened.
  constexpr int64_t least_pairs = 1 << 16;
  if (!bfloat16_pairs().lanes || p.K < 2 || work < least_pairs) return false;
  if (is_narrow(p)) {
    each_of_batch(p, [&](int64_t item, bool) { multiply_narrow(p, item); });
    return true;
  }
  multiply_batch(p);
  return true;
}

template <class T>
void gemm_integers(const Gemm<T>& p) {
  if (p.M == 0 || p.N == 0) return;
  if (std::min(p.M, p.N) <= FewRows<T>::few || p.M * p.N * p.K < least_work)
    each_of_batch(p, [&](int64_t item, bool) { FewRows<T>(p, item).run(); });
  else
    multiply_batch(p);
}

template void gemm_integers(const Gemm<int8_t>&);
template void gemm_integers(const Gemm<uint8_t>&);
template void gemm_integers(const Gemm<int16_t>&);
template void gemm_integers(const Gemm<uint16_t>&);
template void gemm_integers(const Gemm<int32_t>&);
template void gemm_integers(const Gemm<uint32_t>&);
template void gemm_integers(const Gemm<int64_t>&);
template void gemm_integers(const Gemm<uint64_t>&);

}  // namespace flambeau
