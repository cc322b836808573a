#include "kernels/gemm/words.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <vector>

#include "kernels/elements/arithmetic.h"
#include "kernels/elements/convert.h"
#include "kernels/elements/sums.h"
#include "kernels/gemm/few_rows.h"
#include "kernels/gemm/simd.h"
#include "runtime/cpu.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

using namespace words;

namespace {

/// Bytes of a panel of B that stay in the first-level cache beside the rows of A.
constexpr int64_t panel_bytes = 24 << 10;
/// Rows of a task.
constexpr int64_t task_rows = 128;

/// Whether dots of rows of A are as long as to repay their last steps.
template <class T>
bool goes_by_dots(const Gemm<T>& p) {
  return (p.M <= 3 && p.K >= 24) || (p.M <= 6 && p.K >= 64) || (p.M <= 32 && p.K >= 256);
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
    if (kernels_.few_rows && !p_.trans_b && p_.M <= most_few_rows)
      return multiply_as_it_lies(a, a_row);
    if (kernels_.few_dots && p_.trans_b && goes_by_dots(p_)) return multiply_by_dots(a, a_row);
    const int64_t panel_words = kernels_.vectors * kernels_.lanes * n_words_;
    const bool has_one_user = row_tasks_.n_parts == 1;           // a panel
    if (has_one_user && (p_.batch == 1 || p_.batch_stride_b)) {  // which stays in the cache
      const int64_t share = runs_serially() ? panels_.n_parts : ceil_div(panels_.n_parts, 4);
      const int64_t together = std::min(strip(), share);
      return parallel_ranges(
          panels_.n_parts, std::max(together, ceil_div(task_work, panel_words * p_.M)),
          [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; i += together)
              multiply_strip(i, std::min(end, i + together), strip() > 1, a, a_row);
          });
    }
    Word* b = Workspace::get<Word>(packed_b_slot, round_up(p_.N, kernels_.lanes) * n_words_);
    auto packed = [&](int64_t panel) { return b + first_column(panel) * n_words_; };
    if (pack_b)
      parallel_ranges(panels_.n_parts, ceil_div(panel_task, panel_words),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t panel = begin; panel < end; ++panel)
                          pack_panel(panel, packed(panel));
                      });
    // A panel of B stays in the second-level cache while the rows of a task pass by.
    const int64_t element_words = kernels_.vectors * kernels_.lanes * finish_words;
    const Spread tasks =
        Spread::shared(panels_.n_parts * row_tasks_.n_parts,
                       ceil_div(task_work, (panel_words + element_words) * task_rows));
    parallel_for(tasks.n_parts, [&](int64_t task) {
      for (int64_t i = tasks.begin(task); i < tasks.begin(task + 1); ++i)
        multiply(i / row_tasks_.n_parts, i % row_tasks_.n_parts, a, a_row,
                 packed(i / row_tasks_.n_parts));
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
  static constexpr int64_t most_strip = 24, most_few_rows = 40;
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

  int64_t width_of(int64_t panel) const { return panels_.length(panel) * kernels_.lanes; }
  int64_t first_column(int64_t panel) const { return panels_.begin(panel) * kernels_.lanes; }

  void pack_panel(int64_t panel, Word* to) const {
    if (!p_.trans_b)
      return pack_rows_of_b(panel, panel + 1, 0, n_words_, [&](int64_t) { return to; });
    const int64_t lanes = kernels_.lanes, j0 = first_column(panel), columns = width_of(panel);
    const int64_t width = std::min(columns, p_.N - j0);
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
    for (int64_t w = 0; width < columns && w < n_words_; ++w)
      std::fill(to + w * columns + width, to + (w + 1) * columns, Word(0));
  }

  /// Words [w0, w1) of some panels of B, row by row of B.
  template <class Place>
  void pack_rows_of_b(int64_t begin, int64_t end, int64_t w0, int64_t w1, Place&& place) const {
    struct Part {
      const Bits* from;
      Word* to;
      int64_t width, columns;
    } parts[most_strip];
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t j0 = first_column(panel), columns = width_of(panel);
      parts[panel - begin] = {b_ + j0, place(panel), std::min(columns, p_.N - j0), columns};
    }
    for (int64_t w = w0; w < w1; ++w)
      for (Part *part = parts, *last = parts + (end - begin); part < last; ++part) {
        pack_across(part->from, p_.ldb, w, part->width, part->to);
        std::fill(part->to + part->width, part->to + part->columns, Word(0));
        part->to += part->columns;
      }
  }

  /// Panels that are packed together. A panel's rows are shorter than two lines of the cache and
  /// pages apart, so what comes from afar is read in longer ones, whole rows where those are short.
  int64_t strip() const {
    constexpr int64_t near = 2 << 20, short_row = 2048, few = 5;
    const int64_t row = p_.N * static_cast<int64_t>(sizeof(Bits));
    if (p_.trans_b || p_.K * row <= near) return 1;
    return row <= short_row ? most_strip : few;
  }

  /// All rows times a few panels, packed some words at a time, or at once (for one panel).
  void multiply_strip(int64_t begin, int64_t end, bool by_slices, const void* a,
                      int64_t a_row) const {
    const int64_t widest = kernels_.vectors * kernels_.lanes;
    const int64_t depth = by_slices ? depth_of(widest) : n_words_;
    Word* b = Workspace::get<Word>(packed_b_slot, (end - begin) * widest * depth);
    if (!by_slices) {
      pack_panel(begin, b);
      return multiply(begin, 0, a, a_row, b);
    }
    Sum* sums = Workspace::get<Sum>(tile_slot, (end - begin) * widest * p_.M);
    auto packed = [&](int64_t panel) { return b + (panel - begin) * widest * depth; };
    for (int64_t k = 0; k < n_words_; k += depth) {
      const int64_t n = std::min(depth, n_words_ - k);
      pack_rows_of_b(begin, end, k, k + n, packed);
      for (int64_t panel = begin; panel < end; ++panel)
        multiply(panel, 0, p_.M, k, n, a, a_row, packed(panel),
                 sums + (panel - begin) * widest * p_.M);
    }
  }

  /// A few rows times B^T, neither of which is packed.
  void multiply_by_dots(const void* a, int64_t a_row) const {
    if constexpr (std::is_same_v<T, bfloat16>) {
      constexpr int64_t most_sums = 1 << 12;
      const int64_t least = round_up(ceil_div(task_work, p_.M * n_words_), 16);
      const int64_t share = runs_serially() ? p_.N : round_up(ceil_div(p_.N, 4), 16);
      const int64_t most = most_sums / p_.M / 16 * 16;
      parallel_ranges(p_.N, std::min(most, std::max(least, share)), [&](int64_t j0, int64_t end) {
        const int64_t width = end - j0;
        Sum* sums = Workspace::get<Sum>(tile_slot, p_.M * width);
        kernels_.few_dots({.M = p_.M,
                           .N = width,
                           .K = p_.K,
                           .a = a,
                           .a_row = a_row * group,
                           .b = b_ + j0 * p_.ldb,
                           .b_row = p_.ldb,
                           .sums = sums,
                           .sums_row = width});
        finish(0, p_.M, j0, width, sums, width);
      });
    }
  }

  /// A few rows times B, whose rows are not packed but paired in registers, some at a time.
  void multiply_as_it_lies(const void* a, int64_t a_row) const {
    if constexpr (std::is_same_v<T, bfloat16>) {
      // Sums stay in the first-level cache, or near it; lines of as many rows as are read at once
      // are fetched.
      constexpr int64_t most_sums = 1 << 14, depth = 16;
      const int64_t most = std::max<int64_t>(256, most_sums / p_.M / rows_columns * rows_columns);
      const int64_t least = round_up(ceil_div(task_work, p_.M * n_words_), rows_columns);
      const int64_t share = runs_serially() ? p_.N : round_up(ceil_div(p_.N, 4), rows_columns);
      parallel_ranges(p_.N, std::min(most, std::max(least, share)), [&](int64_t j0, int64_t end) {
        const int64_t width = end - j0, columns = round_up(width, rows_columns);
        Sum* sums = Workspace::get<Sum>(tile_slot, p_.M * columns);
        for (int64_t w = 0; w < n_words_; w += depth) {
          const int64_t n = std::min(depth, n_words_ - w);
          const bool last = w + n == n_words_;
          kernels_.few_rows({.M = p_.M,
                             .N = width,
                             .n_words = n,
                             .a = static_cast<const char*>(a) + w * sizeof(Word),
                             .a_row = a_row,
                             .b = b_ + 2 * w * p_.ldb + j0,
                             .b_row = p_.ldb,
                             .odd = last && p_.K % 2 == 1,
                             .first = w == 0,
                             .last = last,
                             .sums = sums,
                             .sums_row = columns});
        }
        finish(0, p_.M, j0, width, sums, columns);
      });
    }
  }

  int64_t depth_of(int64_t columns) const {
    return panel_bytes / (columns * static_cast<int64_t>(sizeof(Word)));
  }

  void multiply(int64_t panel, int64_t row_task, const void* a, int64_t a_row,
                const Word* b) const {
    const int64_t columns = width_of(panel), depth = depth_of(columns);
    Sum* sums = Workspace::get<Sum>(tile_slot, task_rows * columns);
    for (int64_t k = 0; k < n_words_; k += depth)
      multiply(panel, row_tasks_.begin(row_task), row_tasks_.length(row_task), k,
               std::min(depth, n_words_ - k), a, a_row, b + k * columns, sums);
  }

  /// Words [k, k + n) of some rows times a panel, added up in `sums`; the last ones finish them.
  void multiply(int64_t panel, int64_t m0, int64_t n_rows, int64_t k, int64_t n, const void* a,
                int64_t a_row, const Word* b, Sum* sums) const {
    const int64_t j0 = first_column(panel), columns = width_of(panel);
    const int64_t width = std::min(columns, p_.N - j0);
    const Spread tiles(n_rows, kernels_.rows);
    for (int64_t part = 0; part < tiles.n_parts; ++part) {
      const int64_t i = tiles.begin(part), m = tiles.length(part);
      Sum* tile = sums + i * columns;
      kernels_.tile(static_cast<int>(m), static_cast<int>(panels_.length(panel)), n,
                    static_cast<const char*>(a) + ((m0 + i) * a_row + k) * sizeof(Word), a_row, b,
                    k > 0, tile, columns);
      if (k + n >= n_words_) finish(m0 + i, m, j0, width, tile, columns);
    }
  }

  /// m rows of C from row i and column j0 on: alpha * sums + bias + beta * C, rounded once.
  void finish(int64_t i, int64_t m, int64_t j0, int64_t width, Sum* sums, int64_t columns) const {
    const bool by_row = p_.epilogue.bias_per_row;
    T* to = c_ + i * p_.ldc + j0;
    if constexpr (std::is_same_v<T, bfloat16>)
      if (p_.alpha == T(1) && p_.beta == T(0)) {
        if (p_.epilogue.bias && by_row) add_to_rows(i, m, width, sums, columns);
        return kernels_.round(m, width, sums, columns, bias_.empty() ? nullptr : bias_.data() + j0,
                              p_.epilogue.relu, reinterpret_cast<uint16_t*>(to), p_.ldc);
      }
    const auto* bias = static_cast<const T*>(p_.epilogue.bias);
    for (int64_t row = 0; row < m; ++row)
      finish_sums(p_, sums + row * columns, width, bias ? bias + (by_row ? i + row : j0) : nullptr,
                  !by_row, to + row * p_.ldc, 1);
  }

  void add_to_rows(int64_t i, int64_t m, int64_t width, Sum* sums, int64_t columns) const {
    const auto* bias = static_cast<const T*>(p_.epilogue.bias) + i;
    for (int64_t row = 0; row < m; ++row, sums += columns) {
      const auto value = static_cast<Sum>(bias[row]);
      for (int64_t j = 0; j < width; ++j) sums[j] += value;
    }
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

/// Products of a depth at which sums are rounded from registers: what they take is the rounding and
/// the writing of the result. Deeper ones only of so many columns, and results that are worth that.
constexpr int64_t flat_depth = 8, narrow_depth = 96, deep_columns = 65, least_narrow = 1 << 11;

bool is_narrow(const Gemm<bfloat16>& p) {
  // A transposed B is turned for these rows alone, or else met by dots.
  const int64_t rows = p.M <= 3 ? std::min<int64_t>(p.M, 2) : p.M;
  const int64_t deepest = p.N < deep_columns ? flat_depth
                          : p.trans_b        ? std::min(narrow_depth, 12 * rows)
                                             : narrow_depth;
  return p.K <= deepest && p.M * p.N >= least_narrow && p.alpha == bfloat16(1) &&
         p.beta == bfloat16(0) && !(p.epilogue.bias && p.epilogue.bias_per_row);
}

/// Lines of pairs of neighbours along k: of n rows that are `row` apart to[i * to_line + w *
/// to_word], or, if they lie across, of n columns (to_line is 1). Behind an odd K is 0.
void lay_pairs(const bfloat16* from, int64_t row, bool across, int64_t n, int64_t K, uint32_t* to,
               int64_t to_line, int64_t to_word) {
  const int64_t whole = K / 2;
  auto bits = [](bfloat16 value) { return uint32_t{std::bit_cast<uint16_t>(value)}; };
  if (across) {
    for (int64_t w = 0; w < whole; ++w)
      bfloat16_pairs().join(from + 2 * w * row, row, n, to + w * to_word);
    for (int64_t i = 0; K % 2 && i < n; ++i)
      to[whole * to_word + i] = bits(from[2 * whole * row + i]);
    return;
  }
  for (int64_t i = 0; i < n; ++i, from += row, to += to_line) {
    for (int64_t w = 0; w < whole; ++w)
      to[w * to_word] = bits(from[2 * w]) | bits(from[2 * w + 1]) << 16;
    if (K % 2) to[whole * to_word] = bits(from[K - 1]);
  }
}

void multiply_narrow(const Gemm<bfloat16>& p, int64_t item) {
  const bfloat16 *a = p.a + item * p.batch_stride_a, *b = p.b + item * p.batch_stride_b;
  auto* c = reinterpret_cast<uint16_t*>(p.c + item * p.batch_stride_c);
  const int64_t n_words = ceil_div(p.K, 2), columns = round_up(p.N, narrow_columns) + 16;
  uint32_t* words = Workspace::get<uint32_t>(packed_b_slot, n_words * columns);
  lay_pairs(b, p.ldb, !p.trans_b, p.N, p.K, words, 1, columns);
  for (int64_t w = 0; w < n_words; ++w)
    std::fill(words + w * columns + p.N, words + (w + 1) * columns, 0u);
  float* bias = nullptr;
  if (p.epilogue.bias) {
    bias = Workspace::get<float>(tile_slot, columns);
    convert(static_cast<const bfloat16*>(p.epilogue.bias), bias, p.N);
    std::fill(bias + p.N, bias + columns, 0.0f);
  }
  constexpr int64_t task_work = 1 << 17, finish_words = 4, most_rows = 512;
  const int64_t rows =
      std::clamp<int64_t>(task_work / (p.N * (n_words + finish_words)) / 4 * 4, 16, most_rows);
  parallel_ranges(p.M, rows, [&](int64_t begin, int64_t end) {
    const int64_t n = end - begin, to_line = p.trans_a ? 1 : n_words, to_word = p.trans_a ? n : 1;
    uint32_t* packed = Workspace::get<uint32_t>(packed_a_slot, n * n_words);
    lay_pairs(p.trans_a ? a + begin : a + begin * p.lda, p.lda, p.trans_a, n, p.K, packed, to_line,
              to_word);
    bfloat16_pairs().narrow({.M = n,
                             .N = p.N,
                             .n_words = n_words,
                             .a = packed,
                             .a_row = to_line,
                             .a_word = to_word,
                             .b = words,
                             .b_row = columns,
                             .bias = bias,
                             .relu = p.epilogue.relu,
                             .to = c + begin * p.ldc,
                             .to_row = p.ldc});
  });
}

/// Which products of up to three rows or columns take less if their operands are paired: those of
/// short rows, whose dots end in more steps than they have terms, and of two or three rows with a
/// transposed matrix, which is then read once.
bool is_better_by_pairs(const Gemm<bfloat16>& p) {
  constexpr int64_t many = 64, short_rows = 16;
  if (!bfloat16_pairs().lanes || p.K < 2) return false;
  if (p.M <= FewRows<bfloat16>::few && p.N >= many && p.trans_b)
    return is_narrow(p) || (p.M > 1 && goes_by_dots(p));
  return p.N > 1 && p.M >= many && !p.trans_a && p.K <= short_rows;
}

}  // namespace

bool gemm_bfloat16(const Gemm<bfloat16>& p) {
  if (p.step_a != 1 || p.step_b != 1) return false;
  const int64_t work = p.M * p.N * p.K;
  if (std::min(p.M, p.N) <= FewRows<bfloat16>::few && !is_better_by_pairs(p)) {
    each_of_batch(p, [&](int64_t item, bool) { FewRows<bfloat16>(p, item).run(); });
    return true;
  }
  // Below, and where the machine has no such instruction, operands are widened.
  constexpr int64_t least_pairs = 1 << 16;
  if (!bfloat16_pairs().lanes || p.K < 1) return false;
  if (is_narrow(p)) {
    each_of_batch(p, [&](int64_t item, bool) { multiply_narrow(p, item); });
    return true;
  }
  if (work < least_pairs) return false;
  multiply_batch(p);
  return true;
}

template <class T>
void gemm_integers(const Gemm<T>& p) {
  if (p.M == 0 || p.N == 0) return;
  if (std::min(p.M, p.N) <= FewRows<T>::few || p.M * p.N * p.K < least_work)
    each_of_batch(p, [&](int64_t item, bool) { FewRows<T>(p, item).run(); });
  else if (FewRows<T>::is_shallow(p))
    each_of_batch(p, [&](int64_t item, bool) { FewRows<T>(p, item).run_shallow(); });
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
