#include "kernels/conv_winograd.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/conv_planes.h"
#include "runtime/blas.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

constexpr int n_points = 36;
constexpr int64_t most_points = 6 << 20;  // floats of the transformed tiles kept at once: 24 MiB
enum Slot { weight_slot, source_slot, points_slot, rows_slot };

/// One dimension in tiles of 4 results; tile i reads sources 4 i + first ... + 5.
struct TiledAxis {
  int64_t n_tiles, first;
  int64_t tap[3];  // kernel index of each tap, in the order of the sources they read

  explicit TiledAxis(const CorrelationAxis& axis) {
    n_tiles = ceil_div(axis.count, 4);
    bool rising = axis.offset[0] < axis.offset[2];
    first = std::min(axis.offset[0], axis.offset[2]);
    for (int k = 0; k < 3; ++k) tap[k] = axis.tap[rising ? k : 2 - k];
  }
};

/// Index in the 3x3 kernel of each tap, in the order of the sources they read.
std::array<int64_t, 9> tap_order(const TiledAxis& rows, const TiledAxis& columns) {
  std::array<int64_t, 9> order;
  for (int i = 0; i < 9; ++i) order[i] = rows.tap[i / 3] * 3 + columns.tap[i % 3];
  return order;
}

bool axis_fits(const CorrelationAxis& axis) {
  if (axis.tap.size() != 3 || axis.source_step != 1 || axis.target_step != 1 || axis.count < 4)
    return false;
  int64_t step = axis.offset[1] - axis.offset[0];
  return (step == 1 || step == -1) && axis.offset[2] - axis.offset[1] == step;
}

/// A stretch of tiles in one row of tiles of one item, and where it starts among the lanes of its
/// block.
struct Run {
  int64_t item, row, column, count, lane;
};

std::vector<Run> runs_of(int64_t first, int64_t count, int64_t tile_rows, int64_t tile_columns) {
  std::vector<Run> runs;
  for (int64_t lane = 0; lane < count;) {
    int64_t tile = first + lane, column = tile % tile_columns, row = tile / tile_columns;
    int64_t n = std::min(tile_columns - column, count - lane);
    runs.push_back({row / tile_rows, row % tile_rows, column, n, lane});
    lane += n;
  }
  return runs;
}

/// G x for one row or column of a kernel: see conv_winograd.h.
template <class T>
void transform_weight(const T& x0, const T& x1, const T& x2, T (&out)[6]) {
  const float a = std::sqrt(0.5f), b = std::sqrt(2.0f);
  out[0] = x0;
  out[1] = (-2.0f / 3) * (x0 + a * x1 + 0.5f * x2);
  out[2] = (-2.0f / 3) * (x0 - a * x1 + 0.5f * x2);
  out[3] = (1.0f / 6) * (x0 + b * x1 + 2.0f * x2);
  out[4] = (1.0f / 6) * (x0 - b * x1 + 2.0f * x2);
  out[5] = x2;
}

/// Transformed weights [block of targets][point][source][target].
const float* pack_weight(const Correlation& c, const TiledAxis& rows, const TiledAxis& columns,
                         int64_t block_m, const float* weight) {
  typedef float eight __attribute__((vector_size(32)));
  float* packed = Workspace::get<float>(weight_slot, c.groups * c.n_target * c.n_source * n_points);
  const int64_t n_blocks = ceil_div(c.n_target, block_m);
  parallel_for(c.groups * n_blocks, [&](int64_t index) {
    const int64_t group = index / n_blocks, m0 = index % n_blocks * block_m;
    const int64_t m_count = std::min(block_m, c.n_target - m0);
    float* to = packed + (group * c.n_target + m0) * c.n_source * n_points;
    const float* from = weight + group * c.weight_group + m0 * c.weight_target;
    for (int64_t s = 0; s < c.n_source; ++s) {
      eight w[3][3] = {};
      for (int r = 0; r < 3; ++r)
        for (int k = 0; k < 3; ++k)
          for (int64_t m = 0; m < m_count; ++m)
            w[r][k][m] =
                from[m * c.weight_target + s * c.weight_source + rows.tap[r] * 3 + columns.tap[k]];
      eight half[3][6];
      for (int r = 0; r < 3; ++r) transform_weight(w[r][0], w[r][1], w[r][2], half[r]);
      for (int j = 0; j < 6; ++j) {
        eight u[6];
        transform_weight(half[0][j], half[1][j], half[2][j], u);
        for (int i = 0; i < 6; ++i)
          std::memcpy(to + ((i * 6 + j) * c.n_source + s) * m_count, &u[i],
                      m_count * sizeof(float));
      }
    }
  });
  return packed;
}

/// Reads the rows of runs of tiles of one channel and transforms them.
class TileReader {
 public:
  /// `height` source rows and 4 n_phase_columns columns a tile: 6 for inputs, 4 for grads.
  TileReader(int height, int64_t n_tiles, int64_t first_row, int64_t n_rows, int64_t first_column,
             int64_t n_columns)
      : height_(height),
        first_row_(first_row),
        n_rows_(n_rows),
        first_column_(first_column),
        n_columns_(n_columns),
        // One more tile for the columns that reach into the next, and a vector of slack.
        phase_step_((n_tiles + 1 + 31) / 16 * 16) {}

  int64_t scratch_size() const { return 4 * phase_step_ * (1 + height_); }

  template <class Transform>
  void read(const ConvKernels<float>& kernels, Transform&& transform, const float* plane,
            const Run& run, float* scratch, float* points, int64_t point_step) const {
    float *row = scratch, *phases = scratch + 4 * phase_step_;
    const int64_t tiles = run.count + 1, width = 4 * tiles;
    for (int i = 0; i < height_; ++i) {
      const int64_t source_row = 4 * run.row + first_row_ + i,
                    source_column = 4 * run.column + first_column_;
      float* to = phases + i * 4 * phase_step_;
      if (source_row < 0 || source_row >= n_rows_) {
        for (int j = 0; j < 4; ++j) std::fill_n(to + j * phase_step_, tiles, 0.0f);
        continue;
      }
      const int64_t begin = std::clamp<int64_t>(-source_column, 0, width);
      const int64_t end = std::clamp<int64_t>(n_columns_ - source_column, begin, width);
      const float* from = plane + source_row * n_columns_ + source_column;
      if (begin == 0 && end == width) {
        kernels.split_phases(from, tiles, to, phase_step_);
        continue;
      }
      std::fill(row, row + begin, 0.0f);
      std::copy(from + begin, from + end, row + begin);
      std::fill(row + end, row + width, 0.0f);
      kernels.split_phases(row, tiles, to, phase_step_);
    }
    transform(phases, phase_step_, run.count, points + run.lane, point_step);
  }

 private:
  int height_;
  int64_t first_row_, n_rows_, first_column_, n_columns_, phase_step_;
};

}  // namespace

bool winograd_fits(const Correlation& c) {
  const CorrelationAxis &depth = c.axis[0], &rows = c.axis[1], &columns = c.axis[2];
  if (depth.tap.size() != 1 || depth.count != 1 || depth.source_size != 1 || depth.target_size != 1)
    return false;
  if (!axis_fits(rows) || !axis_fits(columns)) return false;
  if (rows.target_start != 0 || columns.target_start != 0) return false;
  // Below 32 channels the transforms cost more than the products they save, and with few tiles
  // those of the weights do: 36 floats each, written and read. Above 2**19 weights these take over
  // 75 MB.
  const int64_t n_tiles = c.n_items * ceil_div(rows.count, 4) * ceil_div(columns.count, 4);
  return c.n_source >= 32 && c.n_target >= 32 && n_tiles >= 48 &&
         c.n_source * c.n_target <= (1 << 19);
}

namespace {

/// Adds the bias to one channel's transformed rows and writes them to the runs' places.
void write_runs(const ConvKernels<float>& kernels, const Correlation& c,
                const std::vector<Run>& runs, int64_t channel, const float* rows, int64_t row_step,
                const float* bias, bool relu, float* target) {
  const CorrelationAxis &row_axis = c.axis[1], &column_axis = c.axis[2];
  const float* add = bias ? bias + channel : nullptr;
  for (const Run& run : runs) {
    const int64_t n_rows = std::min<int64_t>(4, row_axis.count - 4 * run.row);
    const int64_t n_columns = std::min<int64_t>(4 * run.count, column_axis.count - 4 * run.column);
    float* out =
        target +
        ((run.item * c.groups * c.n_target + channel) * row_axis.target_size + 4 * run.row) *
            column_axis.target_size +
        4 * run.column;
    const TileTarget place{n_columns, n_columns, 0, 1, 0};
    for (int64_t i = 0; i < n_rows; ++i)
      kernels.store_tile(1, 0, n_columns, rows + i * row_step + 4 * run.lane, 0, add, relu,
                         out + i * column_axis.target_size, place);
  }
}

/// Many channels, so that the transformed weights outgrow the cache: all tiles of a large block are
/// transformed, multiplied by each point's weights while these are read once, and transformed back.
void correlate_staged(const Correlation& c, const float* source, const float* weight,
                      const float* bias, bool relu, float* target) {
  const ConvKernels<float>& kernels = conv_kernels<float>();
  const CorrelationAxis &row_axis = c.axis[1], &column_axis = c.axis[2];
  const TiledAxis rows(row_axis), columns(column_axis);
  const std::array<int64_t, 9> taps = tap_order(rows, columns);
  const int64_t n_tiles = c.n_items * rows.n_tiles * columns.n_tiles;
  const int64_t source_plane = row_axis.source_size * column_axis.source_size;
  const TileReader reader(6, columns.n_tiles, rows.first, row_axis.source_size, columns.first,
                          column_axis.source_size);

  // Weights lie with kernels side by side along the sources (forward) or the targets (backward).
  const bool by_source = c.weight_source == 9;
  const int64_t outer = by_source ? c.n_target : c.n_source,
                inner = by_source ? c.n_source : c.n_target;
  const int64_t outer_step = by_source ? c.weight_target : c.weight_source;
  const int64_t n_weights = outer * inner;
  float* points_weight = Workspace::get<float>(weight_slot, n_points * n_weights);

  const int64_t n_channels = c.n_source + c.n_target;
  int64_t block = std::clamp<int64_t>(most_points / (n_points * n_channels) / 16 * 16, 64, 1024);
  block = ceil_div(n_tiles, ceil_div(n_tiles, block));
  const int64_t lane_step =
      ceil_div(block, 16) * 16 + 16;  // a run may write a vector past its lanes
  float* points = Workspace::get<float>(points_slot, n_points * n_channels * lane_step + 16);
  float* products = points + n_points * c.n_source * lane_step;

  for (int64_t group = 0; group < c.groups; ++group) {
    parallel_ranges(outer, std::max<int64_t>(1, 2048 / inner), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        kernels.winograd_weight(weight + group * c.weight_group + i * outer_step, taps.data(),
                                inner, points_weight + i * inner, n_weights);
    });
    for (int64_t first = 0; first < n_tiles; first += block) {
      const int64_t count = std::min(block, n_tiles - first);
      const std::vector<Run> runs = runs_of(first, count, rows.n_tiles, columns.n_tiles);
      parallel_ranges(c.n_source, 4, [&](int64_t begin, int64_t end) {
        float* scratch = Workspace::get<float>(rows_slot, reader.scratch_size() + 64);
        for (int64_t s = begin; s < end; ++s)
          for (const Run& run : runs)
            reader.read(kernels, kernels.winograd_input,
                        source + ((run.item * c.groups + group) * c.n_source + s) * source_plane,
                        run, scratch, points + s * lane_step, c.n_source * lane_step);
      });
      const int64_t part_m = std::min<int64_t>(c.n_target, 128),
                    n_parts = ceil_div(c.n_target, part_m);
      parallel_for(n_points * n_parts, [&](int64_t index) {
        const int64_t q = index / n_parts, m0 = index % n_parts * part_m;
        Gemm<float> product;
        product.M = std::min(part_m, c.n_target - m0);
        product.N = count;
        product.K = c.n_source;
        product.trans_a = !by_source;
        product.lda = inner;
        product.a = points_weight + q * n_weights + (by_source ? m0 * inner : m0);
        product.b = points + q * c.n_source * lane_step;
        product.c = products + (q * c.n_target + m0) * lane_step;
        product.ldb = product.ldc = lane_step;
        gemm_tile(product);
      });
      parallel_ranges(c.n_target, 4, [&](int64_t begin, int64_t end) {
        float* scratch = Workspace::get<float>(rows_slot, 16 * lane_step + 64);
        for (int64_t m = begin; m < end; ++m) {
          kernels.winograd_output(products + m * lane_step, c.n_target * lane_step, count, scratch,
                                  4 * lane_step);
          write_runs(kernels, c, runs, group * c.n_target + m, scratch, 4 * lane_step, bias, relu,
                     target);
        }
      });
    }
  }
}

}  // namespace

void correlate_winograd(const Correlation& c, const float* source, const float* weight,
                        const float* bias, bool relu, float* target) {
  // 96 x 96 channels: beyond, the weights of all points leave no room in a 2 MiB cache.
  if (c.n_source * c.n_target > 96 * 96)
    return correlate_staged(c, source, weight, bias, relu, target);
  const ConvKernels<float>& kernels = conv_kernels<float>();
  const CorrelationAxis &row_axis = c.axis[1], &column_axis = c.axis[2];
  const TiledAxis rows(row_axis), columns(column_axis);
  const int64_t block_m = ceil_div(c.n_target, ceil_div(c.n_target, kernels.tile_m));
  const int64_t n_blocks = ceil_div(c.n_target, block_m);
  const float* packed = pack_weight(c, rows, columns, block_m, weight);

  // Lanes are tiles: a block of them is one register tile wide, whatever items and rows they come
  // from.
  const int64_t n_tiles = c.n_items * rows.n_tiles * columns.n_tiles,
                lanes = kernels.tile_v * kernels.lanes;
  const int64_t n_tile_blocks = ceil_div(n_tiles, lanes);
  // Few tiles: the targets are shared out too, each part transforming the source again.
  int64_t part_blocks = n_blocks;
  while (n_tile_blocks * c.groups * ceil_div(n_blocks, part_blocks) < 16 &&
         part_blocks * block_m > 64)
    part_blocks = ceil_div(part_blocks, 2);
  const int64_t n_parts = ceil_div(n_blocks, part_blocks);
  const int64_t source_plane = row_axis.source_size * column_axis.source_size;
  const TileReader reader(6, columns.n_tiles, rows.first, row_axis.source_size, columns.first,
                          column_axis.source_size);
  std::vector<int64_t> offset(c.n_source);
  for (int64_t s = 0; s < c.n_source; ++s) offset[s] = s * lanes;
  // The products of a few blocks of targets are kept for the way back: 32 targets, 220 KiB.
  const int64_t kept_blocks = std::max<int64_t>(1, 32 / block_m);

  parallel_for(n_tile_blocks * c.groups * n_parts, [&](int64_t index) {
    const int64_t part = index % n_parts, group = index / n_parts % c.groups,
                  block = index / n_parts / c.groups;
    const int64_t n_lanes = std::min(lanes, n_tiles - block * lanes);
    const int n_vectors = static_cast<int>(ceil_div(n_lanes, kernels.lanes));
    const std::vector<Run> runs = runs_of(block * lanes, n_lanes, rows.n_tiles, columns.n_tiles);

    // A transformed run may write up to a vector past its lanes: into lanes that come later, or
    // slack.
    const int64_t point_step = c.n_source * lanes + 16;
    float* points = Workspace::get<float>(points_slot, n_points * point_step + 16);
    const int64_t product_step = block_m * lanes;
    const int64_t products_size = kept_blocks * n_points * product_step;
    float* scratch = Workspace::get<float>(
        rows_slot, products_size + std::max(reader.scratch_size(), 16 * lanes) + 64);
    float *products = scratch, *row_scratch = scratch + products_size;
    for (int64_t s = 0; s < c.n_source; ++s)
      for (const Run& run : runs)
        reader.read(kernels, kernels.winograd_input,
                    source + ((run.item * c.groups + group) * c.n_source + s) * source_plane, run,
                    row_scratch, points + s * lanes, point_step);

    const int64_t last = std::min(n_blocks, (part + 1) * part_blocks);
    for (int64_t first = part * part_blocks; first < last; first += kept_blocks) {
      const int64_t kept = std::min(kept_blocks, last - first);
      for (int q = 0; q < n_points; ++q)
        for (int64_t b = 0; b < kept; ++b) {
          const int64_t m0 = (first + b) * block_m, m = std::min(block_m, c.n_target - m0);
          const float* w =
              packed + (group * c.n_target + m0) * c.n_source * n_points + q * c.n_source * m;
          kernels.correlate(static_cast<int>(m), n_vectors, w, 0, points + q * point_step, 1, 0,
                            offset.data(), c.n_source,
                            products + (b * n_points + q) * product_step);
        }
      const int64_t tile_step = n_vectors * kernels.lanes;
      for (int64_t b = 0; b < kept; ++b) {
        const int64_t m0 = (first + b) * block_m, m_count = std::min(block_m, c.n_target - m0);
        for (int64_t m = 0; m < m_count; ++m) {
          kernels.winograd_output(products + b * n_points * product_step + m * tile_step,
                                  product_step, n_lanes, row_scratch, 4 * lanes);
          write_runs(kernels, c, runs, group * c.n_target + m0 + m, row_scratch, 4 * lanes, bias,
                     relu, target);
        }
      }
    }
  });
}

void outer_winograd(const Correlation& c, const float* grad, const float* source,
                    float* grad_weight) {
  const ConvKernels<float>& kernels = conv_kernels<float>();
  const CorrelationAxis &row_axis = c.axis[1], &column_axis = c.axis[2];
  const TiledAxis rows(row_axis), columns(column_axis);
  const int64_t n_tiles = c.n_items * rows.n_tiles * columns.n_tiles;
  const int64_t source_plane = row_axis.source_size * column_axis.source_size;
  const int64_t grad_plane = row_axis.count * column_axis.count;
  const TileReader source_reader(6, columns.n_tiles, rows.first, row_axis.source_size,
                                 columns.first, column_axis.source_size);
  const TileReader grad_reader(4, columns.n_tiles, 0, row_axis.count, 0, column_axis.count);

  // Blocks of tiles in turn: transformed into [point][channel][tile], then added to the 36
  // products.
  const int64_t n_channels = c.n_source + c.n_target;
  int64_t block = std::clamp<int64_t>(most_points / (n_points * n_channels) / 16 * 16, 64, 1024);
  block = std::min(ceil_div(n_tiles, ceil_div(n_tiles, block)), n_tiles);
  const int64_t lane_step =
      ceil_div(block, 16) * 16 + 16;  // a run may write a vector past its lanes
  float* points = Workspace::get<float>(points_slot, n_points * n_channels * lane_step + 16);
  const int64_t point_step = n_channels * lane_step;
  const int64_t n_products = c.n_target * c.n_source;
  float* products = Workspace::get<float>(weight_slot, n_points * n_products + 16);
  const std::array<int64_t, 9> taps = tap_order(rows, columns);

  for (int64_t group = 0; group < c.groups; ++group) {
    for (int64_t first = 0; first < n_tiles; first += block) {
      const int64_t count = std::min(block, n_tiles - first);
      const std::vector<Run> runs = runs_of(first, count, rows.n_tiles, columns.n_tiles);
      parallel_ranges(n_channels, 4, [&](int64_t begin, int64_t end) {
        float* scratch = Workspace::get<float>(rows_slot, source_reader.scratch_size() + 64);
        for (int64_t channel = begin; channel < end; ++channel)
          for (const Run& run : runs) {
            if (channel < c.n_source)
              source_reader.read(
                  kernels, kernels.winograd_input,
                  source + ((run.item * c.groups + group) * c.n_source + channel) * source_plane,
                  run, scratch, points + channel * lane_step, point_step);
            else
              grad_reader.read(
                  kernels, kernels.winograd_grad,
                  grad + ((run.item * c.groups + group) * c.n_target + channel - c.n_source) *
                             grad_plane,
                  run, scratch, points + channel * lane_step, point_step);
          }
      });
      // Each point is one product of matrices, cut further by targets if these are many.
      const int64_t part_m = std::min<int64_t>(c.n_target, 128),
                    n_parts = ceil_div(c.n_target, part_m);
      parallel_for(n_points * n_parts, [&](int64_t index) {
        const int64_t q = index / n_parts, m0 = index % n_parts * part_m;
        Gemm<float> product;
        product.M = std::min(part_m, c.n_target - m0);
        product.N = c.n_source;
        product.K = count;
        product.a = points + q * point_step + (c.n_source + m0) * lane_step;
        product.b = points + q * point_step;
        product.lda = product.ldb = lane_step;
        product.trans_b = true;
        product.c = products + q * n_products + m0 * c.n_source;
        product.ldc = c.n_source;
        product.beta = first == 0 ? 0.0f : 1.0f;
        gemm_tile(product);
      });
    }
    parallel_ranges(
        c.n_target, std::max<int64_t>(1, 2048 / c.n_source), [&](int64_t begin, int64_t end) {
          for (int64_t m = begin; m < end; ++m)
            kernels.winograd_sums(products + m * c.n_source, n_products, c.n_source, taps.data(),
                                  grad_weight + group * c.weight_group + m * c.weight_target);
        });
  }
}

}  // namespace flambeau
