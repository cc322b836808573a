// Operands and tiles of products of bfloat16 by pairs, for kernels that keep packed operands
// themselves. Raw memory, no GIL, any thread; only where bfloat16_pairs() has lanes.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernels/gemm/simd.h"
#include "kernels/gemm/words.h"
#include "runtime/rounding.h"

namespace flambeau::pairs {

/// Columns of a product in panels of some vectors, the last one filled up.
class Panels {
 public:
  explicit Panels(int64_t n_columns)
      : n_columns_(n_columns),
        spread_(
            Spread::even(ceil_div(n_columns, bfloat16_pairs().lanes), bfloat16_pairs().vectors)) {}

  int64_t n() const { return spread_.n_parts; }
  int vectors(int64_t panel) const { return static_cast<int>(spread_.length(panel)); }
  int64_t begin(int64_t panel) const { return spread_.begin(panel) * bfloat16_pairs().lanes; }
  int64_t width(int64_t panel) const { return spread_.length(panel) * bfloat16_pairs().lanes; }
  /// Columns that are no padding.
  int64_t used(int64_t panel) const { return std::min(width(panel), n_columns_ - begin(panel)); }
  int64_t all() const { return round_up(n_columns_, bfloat16_pairs().lanes); }

 private:
  int64_t n_columns_;
  Spread spread_;
};

/// Rows of pairs, `row` words apart.
struct WordRows {
  const uint32_t* words;
  int64_t row;
};

inline uint32_t bits_of(bfloat16 value) { return std::bit_cast<uint16_t>(value); }

/// Words of a row of `width` numbers from word `first` on; what is missing is 0.
inline uint32_t word_of(const bfloat16* row, int64_t word, int64_t width) {
  const uint32_t low = bits_of(row[2 * word]);
  return 2 * word + 1 < width ? low | bits_of(row[2 * word + 1]) << 16 : low;
}

/// Whether rows are words as they lie.
inline bool lie_as_words(int64_t row, int64_t width) { return row % 2 == 0 && width % 2 == 0; }

/// Rows as words; `room` for all of them is used where they do not lie so.
inline WordRows word_rows(const bfloat16* from, int64_t row, int64_t n, int64_t width,
                          uint32_t* room) {
  if (lie_as_words(row, width)) return {reinterpret_cast<const uint32_t*>(from), row / 2};
  const int64_t n_words = ceil_div(width, 2);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t w = 0; w < n_words; ++w) room[i * n_words + w] = word_of(from + i * row, w, width);
  return {room, n_words};
}

/// A matrix whose rows are the columns of a product, neighbours in a row being multiplied together.
inline void pack_rows(const bfloat16* from, int64_t row, int64_t width, const Panels& panels,
                      uint32_t* to) {
  const auto& kernels = bfloat16_pairs();
  const int64_t lanes = kernels.lanes, n_words = ceil_div(width, 2);
  for (int64_t panel = 0; panel < panels.n(); ++panel, from += panels.used(panel - 1) * row) {
    const int64_t columns = panels.width(panel), used = panels.used(panel);
    for (int64_t j = 0; j < columns; j += lanes) {
      const int64_t n = std::min(lanes, used - j),
                    first = n == lanes ? width / 2 / lanes * lanes : 0;
      if (first > 0)
        kernels.turn(first, from + j * row, row * static_cast<int64_t>(sizeof(bfloat16)), to + j,
                     columns);
      for (int64_t w = first; w < n_words; ++w)
        for (int64_t l = 0; l < lanes; ++l)
          to[w * columns + j + l] = l < n ? word_of(from + (j + l) * row, w, width) : 0;
    }
    to += n_words * columns;
  }
}

/// Pairs of rows, one beside the other in each word, `to_row` apart; behind an odd number of rows
/// is 0.
inline void join(const bfloat16* from, int64_t row, int64_t n_rows, int64_t width, uint32_t* to,
                 int64_t to_row) {
  for (int64_t w = 0; w < n_rows / 2; ++w)
    bfloat16_pairs().join(from + 2 * w * row, row, width, to + w * to_row);
  if (n_rows % 2)
    for (int64_t j = 0; j < width; ++j)
      to[n_rows / 2 * to_row + j] = bits_of(from[(n_rows - 1) * row + j]);
}

/// A matrix whose columns are those of a product, neighbouring rows being multiplied together.
inline void pack_pairs(const bfloat16* from, int64_t row, int64_t n_rows, const Panels& panels,
                       uint32_t* to) {
  const int64_t n_words = ceil_div(n_rows, 2);
  for (int64_t panel = 0; panel < panels.n(); ++panel) {
    const int64_t columns = panels.width(panel), used = panels.used(panel);
    join(from + panels.begin(panel), row, n_rows, used, to, columns);
    for (int64_t w = 0; used < columns && w < n_words; ++w)
      std::fill(to + w * columns + used, to + (w + 1) * columns, 0u);
    to += n_words * columns;
  }
}

/// Columns of a matrix as rows of words of pairs of its rows, to_row words apart. `room`: of as
/// many words as turned_words() says.
inline void turn_pairs(const bfloat16* from, int64_t row, int64_t n_rows, int64_t width,
                       uint32_t* room, uint32_t* to, int64_t to_row) {
  const int64_t lanes = bfloat16_pairs().lanes, room_row = round_up(width, lanes);
  join(from, row, n_rows, width, room, room_row);
  for (int64_t w = 0; w < ceil_div(n_rows, 2); w += lanes)
    bfloat16_pairs().turn(room_row, room + w * room_row, room_row * 4, to + w, to_row);
}
/// Words that turn_pairs() takes, both as room and as result with rows of round_up(pairs, lanes).
inline int64_t turned_words(int64_t n_rows, int64_t width) {
  const int64_t lanes = bfloat16_pairs().lanes;
  return round_up(ceil_div(n_rows, 2), lanes) * round_up(width, lanes);
}

/// A product with a panel over n_words words of each row, added to what `to` holds if `add`.
inline void multiply_panel(int64_t n_rows, WordRows a, int64_t n_words, int vectors,
                           const uint32_t* b, bool add, float* to, int64_t to_row) {
  const auto& kernels = bfloat16_pairs();
  const Spread tiles(n_rows, kernels.rows);
  for (int64_t part = 0; part < tiles.n_parts; ++part) {
    const int64_t i = tiles.begin(part);
    kernels.tile(static_cast<int>(tiles.length(part)), vectors, n_words, a.words + i * a.row, a.row,
                 b, add, to + i * to_row, to_row);
  }
}

/// A product with some words of packed columns in all panels, cut along its depth so that a part of
/// a panel stays in the first-level cache. to: (n_rows, panels.all()).
inline void multiply_panels(int64_t n_rows, WordRows a, int64_t n_words, const Panels& panels,
                            const uint32_t* packed, int64_t packed_words, int64_t first_word,
                            bool add, float* to) {
  constexpr int64_t most_words = 192;
  for (int64_t panel = 0; panel < panels.n(); ++panel) {
    const int64_t columns = panels.width(panel);
    const uint32_t* b = packed + panels.begin(panel) * packed_words + first_word * columns;
    for (int64_t w = 0; w < n_words; w += most_words)
      multiply_panel(n_rows, {a.words + w, a.row}, std::min(most_words, n_words - w),
                     panels.vectors(panel), b + w * columns, add || w > 0, to + panels.begin(panel),
                     panels.all());
  }
}

}  // namespace flambeau::pairs
