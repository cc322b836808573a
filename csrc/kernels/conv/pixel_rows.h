// The pixels of a correlation in order, and how what they read is packed into panels of vectors.
// Made once a call and shared read-only by all threads.
#pragma once
#include <algorithm>
#include <vector>

#include "kernels/conv/correlation.h"
#include "kernels/conv/simd.h"
#include "kernels/gemm/simd.h"
#include "runtime/rounding.h"

namespace flambeau {

inline bool reads_straight(const CorrelationAxis& axis) {
  return axis.tap.size() == 1 && axis.offset[0] == 0 && axis.source_step == 1 &&
         axis.count == axis.source_size;
}
inline bool writes_straight(const CorrelationAxis& axis) {
  return axis.target_step == 1 && axis.target_start == 0 && axis.count == axis.target_size;
}

/// The same correlation with dimensions that are read and written straight through put together, so
/// that their rows are long.
inline Correlation merged(Correlation c) {
  for (int from : {1, 0}) {
    CorrelationAxis &outer = c.axis[from], &columns = c.axis[2];
    if (!reads_straight(columns) || !writes_straight(columns) || !reads_straight(outer) ||
        !writes_straight(outer))
      break;
    columns.count *= outer.count;
    columns.source_size = columns.target_size = columns.count;
    outer.count = outer.source_size = outer.target_size = 1;
  }
  return c;
}

/// A stretch of results in one row, and where it lies in its block.
struct Run {
  int64_t lane, item, depth, row, column, count;
};

/// The pixels of all items in order, and how they are packed.
template <class T>
class PixelRows {
 public:
  explicit PixelRows(const Correlation& c)
      : c_(c),
        plane_(c.axis[1].source_size * c.axis[2].source_size),
        source_channel_(c.axis[0].source_size * plane_),
        target_channel_(c.axis[0].target_size * c.axis[1].target_size * c.axis[2].target_size),
        per_item(c.axis[0].count * c.axis[1].count * c.axis[2].count),
        n_taps(static_cast<int64_t>(c.axis[0].tap.size() * c.axis[1].tap.size() *
                                    c.axis[2].tap.size())) {
    for (int64_t d : c.axis[0].offset)
      for (int64_t r : c.axis[1].offset)
        for (int64_t k : c.axis[2].offset)
          offset_.push_back(d * plane_ + r * c.axis[2].source_size + k);
  }

  template <class Visit>
  void for_each_run(int64_t first, int64_t n, Visit&& visit) const {
    const int64_t columns = c_.axis[2].count, rows = c_.axis[1].count, depths = c_.axis[0].count;
    int64_t column = first % columns, row = first / columns % rows,
            depth = first / columns / rows % depths, item = first / per_item;
    for (int64_t lane = 0; lane < n;) {
      const int64_t count = std::min(columns - column, n - lane);
      visit(Run{lane, item, depth, row, column, count});
      lane += count;
      column = 0;
      if (++row == rows) {
        row = 0;
        if (++depth == depths) depth = 0, ++item;
      }
    }
  }

  /// What the n pixels from `first` read, for one group; chunks do not cross panels.
  struct Reads {
    std::vector<PixelChunk> chunks;
    std::vector<TapRange> ranges;
    std::vector<int64_t> panel, lane;  // of each chunk: its panel, and its first lane there
  };

  Reads reads(int64_t first, int64_t n, int64_t group, const Spread& panels) const {
    const CorrelationAxis &depths = c_.axis[0], &rows = c_.axis[1], &columns = c_.axis[2];
    const int64_t lanes = conv_kernels<T>().lanes, step = columns.source_step;
    std::vector<Run> runs;
    Reads found;
    int64_t panel = 0;
    for_each_run(first, n, [&](Run run) {
      const int64_t end = run.lane + run.count;
      while (run.lane < end) {
        const int64_t panel_begin = panels.begin(panel) * lanes,
                      panel_end = panels.begin(panel + 1) * lanes;
        if (run.lane == panel_end) {
          ++panel;
          continue;
        }
        run.count = std::min({lanes, end - run.lane, panel_end - run.lane});
        runs.push_back(run);
        const int64_t from = (run.item * c_.groups + group) * c_.n_source * source_channel_ +
                             run.depth * depths.source_step * plane_ +
                             run.row * rows.source_step * columns.source_size + run.column * step;
        found.chunks.push_back({from, 0, 0, static_cast<int>(run.count)});
        found.panel.push_back(panel);
        found.lane.push_back(run.lane - panel_begin);
        run.lane += run.count;
        run.column += run.count;
      }
    });
    found.ranges.resize(n_taps * runs.size());
    TapRange* range = found.ranges.data();
    for (int64_t d : depths.offset)
      for (int64_t r : rows.offset)
        for (int64_t k : columns.offset)
          for (const Run& run : runs) {
            const int64_t depth = run.depth * depths.source_step + d,
                          row = run.row * rows.source_step + r, at = run.column * step + k;
            int64_t begin = 0, end = 0;
            if (depth >= 0 && depth < depths.source_size && row >= 0 && row < rows.source_size) {
              begin = at >= 0 ? 0 : std::min((step - 1 - at) / step, run.count);
              const int64_t room = columns.source_size - 1 - at;
              end = room < 0 ? begin : std::clamp(room / step + 1, begin, run.count);
            }
            *range++ = {static_cast<int>(begin), static_cast<int>(end)};
          }
    return found;
  }

  /// Row (channel, tap) of the panels at `to`, of n_channels * n_taps rows, gets what these pixels
  /// read through that tap, for source channels from `channel` on.
  void pack(const T* source, Reads& reads, const Spread& panels, int64_t channel,
            int64_t n_channels, T* to) const {
    pack(source, reads, panels, channel, n_channels, 0, n_taps, to);
  }
  /// The same for `n` taps from `tap` on.
  void pack(const T* source, Reads& reads, const Spread& panels, int64_t channel,
            int64_t n_channels, int64_t tap, int64_t n, T* to) const {
    const int64_t lanes = conv_kernels<T>().lanes, n_rows = n_channels * n;
    for (size_t i = 0; i < reads.chunks.size(); ++i) {
      const int64_t panel = reads.panel[i];
      reads.chunks[i].to = reads.lane[i] + panels.begin(panel) * lanes * n_rows;
      reads.chunks[i].to_row = panels.length(panel) * lanes;
    }
    TapBlock<T> block;
    block.from = source + channel * source_channel_;
    block.n_channels = n_channels;
    block.channel_step = source_channel_;
    block.column_step = c_.axis[2].source_step;
    block.n_taps = n;
    block.offset = offset_.data() + tap;
    block.n_chunks = static_cast<int64_t>(reads.chunks.size());
    block.chunk = reads.chunks.data();
    block.range = reads.ranges.data() + tap * block.n_chunks;
    block.to = to;
    block.fetch_rows = c_.axis[1].source_step;
    block.fetch_row = c_.axis[2].source_size;
    conv_kernels<T>().pack_taps(block);
  }

  /// Where the result of a run lies in channel `m` of a group.
  template <class To>
  To* place(To* target, int64_t group, int64_t m, const Run& run) const {
    const CorrelationAxis &depths = c_.axis[0], &rows = c_.axis[1], &columns = c_.axis[2];
    return target + ((run.item * c_.groups + group) * c_.n_target + m) * target_channel_ +
           ((depths.target_start + run.depth * depths.target_step) * rows.target_size +
            rows.target_start + run.row * rows.target_step) *
               columns.target_size +
           columns.target_start + run.column * columns.target_step;
  }

  int64_t target_channel() const { return target_channel_; }

 private:
  const Correlation& c_;
  int64_t plane_, source_channel_, target_channel_;
  std::vector<int64_t> offset_;

 public:
  int64_t per_item, n_taps;
};

/// Consecutive pixels: `n` of them cut into blocks of whole vectors.
struct PixelBlocks {
  int64_t n, size, n_blocks;
  PixelBlocks(int64_t n, int64_t lanes, int64_t panel, int64_t block_vectors) : n(n) {
    const int64_t vectors = ceil_div(n, lanes);
    size = round_up(balanced(vectors, block_vectors), panel) * lanes;
    n_blocks = ceil_div(n, size);
  }
};

/// Where the weights of all taps lie in a kernel.
inline std::vector<int64_t> taps_in_order(const Correlation& c) {
  std::vector<int64_t> taps;
  for (int64_t d : c.axis[0].tap)
    for (int64_t r : c.axis[1].tap)
      for (int64_t k : c.axis[2].tap) taps.push_back(c.tap_at(d, r, k));
  return taps;
}

}  // namespace flambeau
