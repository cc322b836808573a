// Bands of images that lie by pixels, copied with a border of zeros, so that the taps of a row of
// results which read neighbours lie side by side. Any thread may call.
#pragma once
#include <algorithm>
#include <cstring>

#include "kernels/conv/pixel_windows.h"

namespace flambeau {

/// The results of a correlation, cut into blocks of some rows and columns.
struct BandBlocks {
  struct Block {
    int64_t item, depth, row, n_rows, column, n_columns;
    /// The first result of its r-th row, among all.
    int64_t first(const Correlation& c, int64_t r) const {
      return ((item * c.axis[0].count + depth) * c.axis[1].count + row + r) * c.axis[2].count +
             column;
    }
  };

  BandBlocks(const Correlation& c, int64_t most)
      : c(c),
        columns(balanced(c.axis[2].count, most + most / 2)),
        rows(balanced(c.axis[1].count, std::max<int64_t>(1, most / columns))),
        n_column_blocks(ceil_div(c.axis[2].count, columns)),
        n_row_blocks(ceil_div(c.axis[1].count, rows)),
        n(c.n_items * c.axis[0].count * n_row_blocks * n_column_blocks) {}

  Block at(int64_t index) const {
    const int64_t column = index % n_column_blocks * columns;
    index /= n_column_blocks;
    const int64_t row = index % n_row_blocks * rows;
    index /= n_row_blocks;
    return {index / c.axis[0].count,
            index % c.axis[0].count,
            row,
            std::min(rows, c.axis[1].count - row),
            column,
            std::min(columns, c.axis[2].count - column)};
  }

  const Correlation& c;
  int64_t columns, rows, n_column_blocks, n_row_blocks, n;
};

class PixelBand {
 public:
  /// Whether rows are long enough, and steps no longer than what the taps reach over.
  static bool fits(const Correlation& c) {
    constexpr int64_t least_columns = 4;
    return c.axis[2].count >= least_columns &&
           std::ranges::all_of(c.axis, [](const CorrelationAxis& axis) {
             return axis.count == 1 || axis.source_step <= reach(axis);
           });
  }
  /// Taps that read neighbours, of at most about so many values.
  static int64_t neighbours(const Correlation& c, int64_t most_values) {
    const auto n = static_cast<int64_t>(c.axis[2].tap.size());
    return is_dense(c.axis[2]) && n * c.n_source <= most_values + most_values / 4 ? n : 1;
  }

  static bool is_dense(const CorrelationAxis& axis) {
    return reach(axis) == static_cast<int64_t>(axis.tap.size());
  }

  /// `channels` values from pixel to pixel of the copy.
  PixelBand(const Correlation& c, const BandBlocks::Block& block, int64_t channels)
      : c_(c), block_(block), channels_(channels) {
    for (int d = 0; d < 3; ++d) first_[d] = std::ranges::min(c.axis[d].offset);
    n_depths_ = reach(c.axis[0]);
    n_rows_ = (block.n_rows - 1) * c.axis[1].source_step + reach(c.axis[1]);
    n_columns_ = (block.n_columns - 1) * c.axis[2].source_step + reach(c.axis[2]);
  }

  int64_t length() const { return n_depths_ * n_rows_ * n_columns_ * channels_; }
  int64_t n_depths() const { return n_depths_; }
  int64_t n_rows() const { return n_rows_; }
  int64_t row_length() const { return n_columns_ * channels_; }
  /// From result to result of a row.
  int64_t step() const { return c_.axis[2].source_step * channels_; }

  /// Whether the r-th row of results meets the image through a tap.
  bool meets(int64_t r, const PixelWindows::Read& read) const {
    const int64_t depth = block_.depth * c_.axis[0].source_step + read.depth,
                  row = (block_.row + r) * c_.axis[1].source_step + read.row;
    return depth >= 0 && depth < c_.axis[0].source_size && row >= 0 && row < c_.axis[1].source_size;
  }
  /// What its first result reads.
  int64_t place(int64_t r, const PixelWindows::Read& read) const {
    const int64_t row = r * c_.axis[1].source_step + read.row - first_[1];
    return (((read.depth - first_[0]) * n_rows_ + row) * n_columns_ + read.column - first_[2]) *
           channels_;
  }

  void copy(const uint16_t* source, int64_t group, uint16_t* to) const {
    const int64_t depth = block_.depth * c_.axis[0].source_step + first_[0],
                  row = block_.row * c_.axis[1].source_step + first_[1],
                  column = block_.column * c_.axis[2].source_step + first_[2];
    const int64_t width = c_.axis[2].source_size, pixel = c_.groups * c_.n_source;
    const int64_t begin = std::clamp<int64_t>(-column, 0, n_columns_),
                  end = std::clamp<int64_t>(width - column, begin, n_columns_);
    for (int64_t a = depth; a < depth + n_depths_; ++a)
      for (int64_t b = row; b < row + n_rows_; ++b, to += n_columns_ * channels_) {
        if (a < 0 || a >= c_.axis[0].source_size || b < 0 || b >= c_.axis[1].source_size) {
          std::fill_n(to, n_columns_ * channels_, uint16_t{0});
          continue;
        }
        std::fill_n(to, begin * channels_, uint16_t{0});
        std::fill(to + end * channels_, to + n_columns_ * channels_, uint16_t{0});
        const uint16_t* from =
            source + group * c_.n_source +
            (((block_.item * c_.axis[0].source_size + a) * c_.axis[1].source_size + b) * width +
             column + begin) *
                pixel;
        if (pixel == channels_)
          std::copy_n(from, (end - begin) * pixel, to + begin * pixel);
        else
          for (int64_t i = begin; i < end; ++i, from += pixel) {
            std::copy_n(from, c_.n_source, to + i * channels_);
            std::fill(to + i * channels_ + c_.n_source, to + (i + 1) * channels_, uint16_t{0});
          }
      }
  }

 private:
  /// How many neighbours the taps of a result are among.
  static int64_t reach(const CorrelationAxis& axis) {
    const auto [least, most] = std::ranges::minmax(axis.offset);
    return most - least + 1;
  }

  const Correlation& c_;
  const BandBlocks::Block block_;
  int64_t channels_, first_[3], n_depths_, n_rows_, n_columns_;
};

}  // namespace flambeau
