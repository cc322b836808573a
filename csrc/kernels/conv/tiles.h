// The tiles of Winograd's method: how results are cut into them, and where they lie in the planes
// of sources and results. Plain values, made once a call and shared read-only by all threads.
#pragma once
#include <algorithm>
#include <vector>

#include "kernels/conv/correlation.h"
#include "kernels/conv/simd.h"
#include "runtime/rounding.h"

namespace flambeau {

/// One dimension in tiles of 4 results; tile i reads sources 4 i + first ... + taps + 2.
struct TiledAxis {
  int64_t n_tiles, first;
  int64_t tap[3];  // kernel index of each tap, in the order of the sources they read

  explicit TiledAxis(const CorrelationAxis& axis) {
    n_tiles = ceil_div(axis.count, 4);
    const int taps = static_cast<int>(axis.tap.size());
    bool rising = axis.offset[0] < axis.offset[taps - 1];
    first = std::min(axis.offset[0], axis.offset[taps - 1]);
    for (int k = 0; k < taps; ++k) tap[k] = axis.tap[rising ? k : taps - 1 - k];
  }
};

/// A stretch of tiles in one row of tiles of one item (of one depth of its results), and where it
/// starts among the lanes of its block.
struct Run {
  int64_t item, row, column, count, lane;
};

inline std::vector<Run> runs_of(int64_t first, int64_t count, int64_t tile_rows,
                                int64_t tile_columns) {
  std::vector<Run> runs;
  for (int64_t lane = 0; lane < count;) {
    int64_t tile = first + lane, column = tile % tile_columns, row = tile / tile_columns;
    int64_t n = std::min(tile_columns - column, count - lane);
    runs.push_back({row / tile_rows, row % tile_rows, column, n, lane});
    lane += n;
  }
  return runs;
}

/// The planes of an item: results of depth i read or are that at i * step + offset, zeros beyond
/// [0, size).
struct TiledDepth {
  int64_t count, size, step, offset;
};

/// Where the planes of one side of the convolution are and how tiles lie in them.
struct TiledPlanes {
  int64_t n_channels, n_rows, n_columns;  // of an item, and of a plane
  int64_t first_row, first_column;        // of tile 0
  int height;                             // of a tile: 4, and what it has in common with the next
  TiledDepth depth;

  int64_t plane() const { return n_rows * n_columns; }
  int64_t channel() const { return depth.size * plane(); }

  /// The chunks of these runs, whose tiles are lanes there, of planes `depths` further.
  std::vector<TileChunk> chunks(const std::vector<Run>& runs, int64_t lanes,
                                int64_t depths = 0) const {
    std::vector<TileChunk> found;
    for (const Run& run : runs) {
      const int64_t slab = run.item % depth.count * depth.step + depth.offset + depths;
      const bool is_inside = slab >= 0 && slab < depth.size;
      const int64_t begin_of_plane =
          run.item / depth.count * n_channels * channel() + slab * plane();
      for (int64_t tile = 0, n_tiles; tile < run.count; tile += n_tiles) {
        const int64_t before = (run.lane + tile) % (lanes / 4);  // tiles of others in the vector
        n_tiles = std::min(lanes / 4 - before, run.count - tile);
        const int64_t row = 4 * run.row + first_row,
                      column = 4 * (run.column + tile) + first_column;
        TileChunk chunk;
        chunk.at = begin_of_plane + row * n_columns + column - 4 * before;
        chunk.tile = static_cast<int>(run.lane + tile);
        chunk.row_begin = static_cast<int>(std::clamp<int64_t>(-row, 0, height));
        chunk.row_end =
            static_cast<int>(std::clamp<int64_t>(n_rows - row, chunk.row_begin, height));
        if (!is_inside) chunk.row_end = chunk.row_begin;
        const int64_t low = 4 * before, high = low + 4 * n_tiles;
        for (int64_t further : {0, 1}) {
          const int64_t shift = low - column - 4 * further;  // from a column to its lane
          const int64_t begin = std::clamp(shift, low, high);
          chunk.begin[further] = static_cast<int>(begin);
          chunk.end[further] = static_cast<int>(std::clamp(n_columns + shift, begin, high));
        }
        found.push_back(chunk);
      }
    }
    return found;
  }
};

inline TiledPlanes target_planes(const Correlation& c) {
  const CorrelationAxis& depth = c.axis[0];
  return {c.groups * c.n_target,
          c.axis[1].count,
          c.axis[2].count,
          0,
          0,
          4,
          {depth.count, depth.target_size, depth.target_step, depth.target_start}};
}

/// What is transformed of a source: each channel as often as there are taps of depth, as sources of
/// their own, tap after tap.
class TiledSources {
 public:
  using Chunks = std::vector<std::vector<TileChunk>>;  // of each tap

  TiledSources(const Correlation& c, const TiledAxis& rows, const TiledAxis& columns)
      : depth_(c.axis[0]), n_channels_(c.n_source) {
    planes_ = {c.groups * c.n_source,
               c.axis[1].source_size,
               c.axis[2].source_size,
               rows.first,
               columns.first,
               static_cast<int>(c.axis[1].tap.size()) + 3,
               {depth_.count, depth_.source_size, depth_.source_step, 0}};
  }

  int64_t n_taps() const { return static_cast<int64_t>(depth_.tap.size()); }
  int64_t size() const { return n_channels_ * n_taps(); }

  Chunks chunks(const std::vector<Run>& runs, int64_t lanes) const {
    Chunks found;
    for (int64_t offset : depth_.offset) found.push_back(planes_.chunks(runs, lanes, offset));
    return found;
  }

  /// n tiles of source s of a group.
  void transform(const WinogradLoops<float>& loops, const float* source, int64_t group, int64_t s,
                 const Chunks& chunks, int64_t n, float* points, int64_t point_step) const {
    const std::vector<TileChunk>& reads = chunks[s % n_taps()];
    const int64_t channel = s / n_taps();
    loops.input(source + (group * n_channels_ + channel) * planes_.channel(), planes_.n_columns,
                reads.data(), static_cast<int64_t>(reads.size()), n,
                channel + 1 < n_channels_ ? planes_.channel() : 0, points, point_step);
  }

  /// Where the kernel of source s begins among the weights of a target.
  int64_t kernel(const Correlation& c, int64_t s) const {
    return s / n_taps() * c.weight_source + c.tap_at(depth_.tap[s % n_taps()], 0, 0);
  }

 private:
  const CorrelationAxis& depth_;
  int64_t n_channels_;
  TiledPlanes planes_;
};

}  // namespace flambeau
