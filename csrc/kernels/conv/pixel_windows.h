// The windows of a correlation over images that lie by pixels, as rows of a matrix: a row has the
// taps of one result one after the other, each with the channels of its pixel. Any thread may call.
#pragma once
#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/conv/correlation.h"
#include "runtime/rounding.h"

namespace flambeau {

/// Taps in chunks of like length.
struct Chunks {
  /// Values of a row of windows that are multiplied at once.
  static constexpr int64_t most_values = 320;

  int64_t n_taps, each, n;
  Chunks(int64_t taps, int64_t length) : n_taps(taps), each(length), n(ceil_div(taps, length)) {}
  static Chunks of(int64_t taps, int64_t channels) {
    return {taps, balanced(taps, std::max<int64_t>(1, most_values / channels))};
  }
  int64_t begin(int64_t chunk) const { return chunk * each; }
  int64_t end(int64_t chunk) const { return std::min(n_taps, (chunk + 1) * each); }
};

class PixelWindows {
 public:
  /// Taps are in the order of the pixels that they read, so that neighbours are copied at once.
  explicit PixelWindows(const Correlation& c) : c_(c) {
    for (int d = 0; d < 3; ++d) {
      order_[d].resize(c.axis[d].tap.size());
      std::iota(order_[d].begin(), order_[d].end(), 0);
      std::ranges::sort(order_[d], {}, [&](int64_t k) { return c.axis[d].offset[k]; });
    }
    for (int64_t a : order_[0])
      for (int64_t b : order_[1])
        for (int64_t k : order_[2]) {
          taps_.push_back((c.axis[0].tap[a] * c.kernel[1] + c.axis[1].tap[b]) * c.kernel[2] +
                          c.axis[2].tap[k]);
          reads_.push_back({c.axis[0].offset[a], c.axis[1].offset[b], c.axis[2].offset[k], 1});
        }
    per_item_ = c.axis[0].count * c.axis[1].count * c.axis[2].count;
  }

  /// Indices in the kernel.
  const std::vector<int64_t>& taps() const { return taps_; }
  int64_t n_results() const { return c_.n_items * per_item_; }

  /// What results read through taps [begin, end).
  struct Read {
    int64_t depth, row, column, n_pixels;
  };
  const Read& read(int64_t tap) const { return reads_[tap]; }
  std::vector<Read> reads(int64_t begin, int64_t end) const {
    std::vector<Read> found;
    for (int64_t t = begin; t < end; ++t) {
      const Read& next = reads_[t];
      if (c_.groups == 1 && !found.empty()) {
        Read& last = found.back();
        if (next.depth == last.depth && next.row == last.row &&
            next.column == last.column + last.n_pixels) {
          ++last.n_pixels;
          continue;
        }
      }
      found.push_back(next);
    }
    return found;
  }

  /// Rows of results [first, first + n), to_row values apart, of channels of `group`.
  void copy(const uint16_t* source, int64_t first, int64_t n, int64_t group,
            const std::vector<Read>& reads, uint16_t* to, int64_t to_row) const {
    const CorrelationAxis &depths = c_.axis[0], &rows = c_.axis[1], &columns = c_.axis[2];
    const int64_t pixel = c_.groups * c_.n_source, width = columns.source_size;
    for_each_run(first, n, [&](int64_t item, int64_t d, int64_t r, int64_t j, int64_t count) {
      for (int64_t i = j; i < j + count; ++i, to += to_row) {
        uint16_t* at = to;
        for (const Read& read : reads) {
          const int64_t depth = d * depths.source_step + read.depth,
                        row = r * rows.source_step + read.row,
                        column = i * columns.source_step + read.column;
          const int64_t length = read.n_pixels * c_.n_source;
          uint16_t* begin = at;
          at += length;
          if (depth < 0 || depth >= depths.source_size || row < 0 || row >= rows.source_size) {
            std::memset(begin, 0, 2 * length);
            continue;
          }
          const uint16_t* from =
              source + group * c_.n_source +
              (((item * depths.source_size + depth) * rows.source_size + row) * width + column) *
                  pixel;
          if (column >= 0 && column + read.n_pixels <= width) {
            copy_values(from, length, begin);
            continue;
          }
          const int64_t low = std::clamp<int64_t>(-column, 0, read.n_pixels) * c_.n_source,
                        high = std::clamp<int64_t>(width - column, 0, read.n_pixels) * c_.n_source;
          std::memset(begin, 0, 2 * length);
          if (low < high) std::memcpy(begin + low, from + low, 2 * (high - low));
        }
      }
    });
  }

  /// Calls visit(first target pixel, results) for what lies target_step pixels apart.
  template <class Visit>
  void for_each_place(int64_t first, int64_t n, Visit&& visit) const {
    const CorrelationAxis &depths = c_.axis[0], &rows = c_.axis[1], &columns = c_.axis[2];
    for_each_run(first, n, [&](int64_t item, int64_t d, int64_t r, int64_t j, int64_t count) {
      const int64_t depth = depths.target_start + d * depths.target_step,
                    row = rows.target_start + r * rows.target_step,
                    column = columns.target_start + j * columns.target_step;
      visit(((item * depths.target_size + depth) * rows.target_size + row) * columns.target_size +
                column,
            count);
    });
  }

 private:
  /// visit(item, depth, row, column, count) of results in one row.
  template <class Visit>
  void for_each_run(int64_t first, int64_t n, Visit&& visit) const {
    const int64_t width = c_.axis[2].count, height = c_.axis[1].count, deep = c_.axis[0].count;
    for (int64_t count; n > 0; first += count, n -= count) {
      const int64_t row = first / width, column = first % width;
      count = std::min(width - column, n);
      visit(row / height / deep, row / height % deep, row % height, column, count);
    }
  }

  static void copy_values(const uint16_t* from, int64_t n, uint16_t* to) {
    constexpr int64_t at_once = 32;
    if (n < at_once) {
      std::memcpy(to, from, 2 * n);
      return;
    }
    int64_t i = 0;
    for (; i + at_once <= n; i += at_once) std::memcpy(to + i, from + i, 2 * at_once);
    if (i < n) std::memcpy(to + n - at_once, from + n - at_once, 2 * at_once);
  }

  const Correlation c_;
  std::vector<int64_t> order_[3], taps_;
  std::vector<Read> reads_;
  int64_t per_item_;
};

}  // namespace flambeau
