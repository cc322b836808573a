#include "kernels/conv/winograd.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>

#include "kernels/conv/planes.h"
#include "kernels/conv/tiles.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/simd.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

constexpr int64_t most_points = 6 << 20;  // floats of the transformed tiles kept at once: 24 MiB
// Targets whose weights are transformed and multiplied together, and how many floats lie between
// points beyond what they hold: a power of two would let them share sets of the cache.
constexpr int64_t part_m = 64, apart = 80;
constexpr int64_t block_tiles = 144;  // tiles multiplied together: 3 panels of 48
// Sums of this many sources are added up: one long sum over 512 would lose twice as much.
constexpr int64_t slice = 128;
enum Slot { weight_slot = 0, points_slot = 2, rows_slot = 3 };  // the others are the callers'

/// Taps of a side of the kernel: 2 or 3.
int64_t taps_of(const Correlation& c) { return static_cast<int64_t>(c.axis[1].tap.size()); }
int64_t points_of(const Correlation& c) { return (taps_of(c) + 3) * (taps_of(c) + 3); }
/// Weights from one kernel to the next, of one tap of depth.
int64_t kernel_step(const Correlation& c) { return c.kernel[1] * c.kernel[2]; }
const WinogradLoops<float>& loops_of(const Correlation& c) {
  return conv_kernels<float>().winograd[taps_of(c) - 2];
}

/// Index in the kernel of each tap, in the order of the sources they read.
std::array<int64_t, 9> tap_order(const Correlation& c) {
  const TiledAxis rows(c.axis[1]), columns(c.axis[2]);
  const int64_t taps = taps_of(c);
  std::array<int64_t, 9> order;
  for (int i = 0; i < taps * taps; ++i)
    order[i] = c.tap_at(0, rows.tap[i / taps], columns.tap[i % taps]);
  return order;
}

bool axis_fits(const CorrelationAxis& axis) {
  const size_t taps = axis.tap.size();
  if ((taps != 2 && taps != 3) || axis.source_step != 1 || axis.target_step != 1 || axis.count < 4)
    return false;
  int64_t step = axis.offset[1] - axis.offset[0];
  return (step == 1 || step == -1) && axis.offset[taps - 1] - axis.offset[taps - 2] == step;
}

/// Whether most taps of depth meet a source: tiles of zeros are multiplied too.
bool depth_fits(const CorrelationAxis& axis) {
  int64_t met = 0;
  for (int64_t offset : axis.offset)
    for (int64_t i = 0; i < axis.count; ++i) {
      const int64_t at = i * axis.source_step + offset;
      met += at >= 0 && at < axis.source_size;
    }
  return 3 * met >= 2 * axis.count * std::ssize(axis.tap) && met > 0;
}

bool all_finite(const float* values, int64_t n) {
  uint32_t found = 0;
  for (int64_t i = 0; i < n; ++i)
    found |= (std::bit_cast<uint32_t>(values[i]) & 0x7f800000u) == 0x7f800000u;
  return !found;
}

/// Transformed weights [block of targets][point][source][target].
const float* pack_weight(const Correlation& c, const TiledSources& sources, int64_t block_m,
                         const float* weight) {
  const int64_t n_points = points_of(c), n_blocks = ceil_div(c.n_target, block_m),
                n_sources = sources.size();
  float* packed = Workspace::get<float>(weight_slot, c.groups * c.n_target * n_sources * n_points);
  const std::array<int64_t, 9> taps = tap_order(c);
  parallel_for(c.groups * n_blocks, [&](int64_t index) {
    const int64_t group = index / n_blocks, m0 = index % n_blocks * block_m;
    const int64_t m_count = std::min(block_m, c.n_target - m0);
    float* to = packed + (group * c.n_target + m0) * n_sources * n_points;
    const float* from = weight + group * c.weight_group + m0 * c.weight_target;
    for (int64_t s = 0; s < n_sources; ++s)
      loops_of(c).weight(from + sources.kernel(c, s), c.weight_target, taps.data(), m_count,
                         to + s * m_count, n_sources * m_count);
  });
  return packed;
}

}  // namespace

bool winograd_fits(const Correlation& c) {
  const CorrelationAxis &rows = c.axis[1], &columns = c.axis[2];
  if (!depth_fits(c.axis[0])) return false;
  if (!axis_fits(rows) || !axis_fits(columns) || rows.tap.size() != columns.tap.size())
    return false;
  if (rows.target_start != 0 || columns.target_start != 0) return false;
  // Below 16 channels the transforms cost more than the products they save, and with few tiles
  // those of the weights do.
  const int64_t tiles = ceil_div(rows.count, 4) * ceil_div(columns.count, 4);
  const int64_t slabs = c.n_items * c.axis[0].count;
  const bool wide = taps_of(c) == 3;
  if (c.n_source < 16 || c.n_target < 16 || slabs * tiles < (wide ? 12 : 32)) return false;
  // Kernels of 2 x 2 save less, of which tiles that are not full leave too little.
  return wide || tiles * points_of(c) * 10 <= rows.count * columns.count * 4 * 7;
}

bool outer_winograd_fits(const Correlation& c) {
  // The products of all points are kept: 75 MB for 2**19 weights. Few tiles do not repay writing
  // that much.
  const int64_t n_weights = c.n_source * std::ssize(c.axis[0].tap) * c.n_target;
  const int64_t n_tiles =
      c.n_items * c.axis[0].count * ceil_div(c.axis[1].count, 4) * ceil_div(c.axis[2].count, 4);
  return winograd_fits(c) && n_weights <= (1 << 19) && (n_tiles >= 24 || n_weights <= (1 << 17));
}

namespace {

/// Tiles that are multiplied together, in panels as GemmBlock reads them.
struct TileBlock {
  int64_t n_tiles, n_lanes;
  Spread panels;
  std::vector<TiledSources::Chunks> reads;  // of each panel
  std::vector<std::vector<TileChunk>> writes;

  TileBlock(int64_t first, int64_t count, const TiledAxis& rows, const TiledAxis& columns,
            const TiledSources& sources, const TiledPlanes& targets)
      : n_tiles(count),
        n_lanes(ceil_div(count, lanes()) * lanes()),
        panels(n_lanes / lanes(), gemm_kernels<float>().panel) {
    for (int64_t panel = 0; panel < panels.n_parts; ++panel) {
      const std::vector<Run> runs =
          runs_of(first + begin(panel), tiles(panel), rows.n_tiles, columns.n_tiles);
      reads.push_back(sources.chunks(runs, lanes()));
      writes.push_back(targets.chunks(runs, lanes()));
    }
  }

  static int64_t lanes() { return conv_kernels<float>().lanes; }
  int64_t begin(int64_t panel) const { return panels.begin(panel) * lanes(); }
  int64_t width(int64_t panel) const { return panels.length(panel) * lanes(); }
  int64_t tiles(int64_t panel) const { return std::min(width(panel), n_tiles - begin(panel)); }
};

/// Many channels: 64 targets and 128 sources at a time, weights are transformed and multiplied
/// while they are in cache. All of them together take 4 times the weights' memory, and writing and
/// reading that takes more time than transforming them again for each block of tiles.
class WideWinograd {
 public:
  WideWinograd(const Correlation& c, const float* source, const float* weight, const float* bias,
               bool relu, float* target)
      : c_(c), source_(source), weight_(weight), bias_(bias), relu_(relu), target_(target) {}

  /// False where a result is not finite.
  bool run() {
    // As many blocks at once as most_points allows; transformed, each of them is
    // [slice of sources][point][panel][source][lane].
    const int64_t n_tiles = c_.n_items * c_.axis[0].count * rows_.n_tiles * columns_.n_tiles;
    const int64_t most_blocks = std::max<int64_t>(1, most_points / block_step_);
    const int64_t step = most_blocks * block_tiles;
    const int64_t n_parts = ceil_div(c_.n_target, part_m);
    for (int64_t first = 0; first < n_tiles; first += step) {
      const int64_t last = std::min(n_tiles, first + step);
      blocks_.clear();
      const int64_t lanes = TileBlock::lanes();
      const Spread cut = Spread::shared(ceil_div(last - first, lanes), block_tiles / lanes);
      points_ = Workspace::get<float>(points_slot, cut.n_parts * block_step_);
      for (int64_t i = 0; i < cut.n_parts; ++i) {
        const int64_t tile = first + cut.begin(i) * lanes;
        blocks_.emplace_back(tile, std::min(cut.length(i) * lanes, last - tile), rows_, columns_,
                             sources_, targets_);
      }
      const int64_t n_blocks = static_cast<int64_t>(blocks_.size());
      for (int64_t group = 0; group < c_.groups; ++group) {
        parallel_ranges(n_blocks * n_sources_, 8, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i)
            transform_source(group, i % n_sources_, i / n_sources_);
        });
        parallel_for(n_blocks * n_parts,
                     [&](int64_t i) { multiply(group, i % n_parts, i / n_parts); });
      }
    }
    return finite_;
  }

 private:
  void transform_source(int64_t group, int64_t s, int64_t at) {
    const TileBlock& block = blocks_[at];
    const int64_t s0 = s / slice * slice, n_s = std::min(slice, n_sources_ - s0);
    float* to = points_ + at * block_step_ + s / slice * n_points_ * point_step;
    for (int64_t panel = 0; panel < block.panels.n_parts; ++panel)
      sources_.transform(loops_, source_, group, s, block.reads[panel], block.tiles(panel),
                         to + block.begin(panel) * n_s + (s - s0) * block.width(panel), point_step);
  }

  void transform_weights(int64_t group, int64_t m0, int64_t m_count, int64_t s0, int64_t n_s,
                         float* to) const {
    const float* from = weight_ + group * c_.weight_group + m0 * c_.weight_target;
    if (by_source_) {
      for (int64_t m = 0; m < m_count; ++m)
        loops_.weight(from + m * c_.weight_target + s0 * source_step_, source_step_, taps_.data(),
                      n_s, to + m * n_s, weight_step);
    } else {
      for (int64_t s = 0; s < n_s; ++s)
        loops_.weight(from + sources_.kernel(c_, s0 + s), c_.weight_target, taps_.data(), m_count,
                      to + s * m_count, weight_step);
    }
  }

  void multiply(int64_t group, int64_t part, int64_t at) {
    const TileBlock& block = blocks_[at];
    const int64_t m0 = part * part_m, m_count = std::min(part_m, c_.n_target - m0);
    float* weights = Workspace::get<float>(weight_slot, n_points_ * weight_step);
    float* products = Workspace::get<float>(rows_slot, n_points_ * product_step);
    for (int64_t s0 = 0; s0 < n_sources_; s0 += slice) {
      const int64_t n_s = std::min(slice, n_sources_ - s0);
      transform_weights(group, m0, m_count, s0, n_s, weights);
      GemmBlock<float> product{};
      product.M = m_count;
      product.N = block.n_tiles;
      product.K = n_s;
      product.alpha = 1;
      product.beta = s0 == 0 ? 0.0f : 1.0f;
      product.packed_b = true;
      product.a_row = by_source_ ? n_s : 1;
      product.a_column = by_source_ ? 1 : m_count;
      product.c_row = block.n_lanes;
      for (int64_t q = 0; q < n_points_; ++q) {
        product.a = weights + q * weight_step;
        product.b = points_ + at * block_step_ + (s0 / slice * n_points_ + q) * point_step;
        product.c = products + q * product_step;
        gemm_kernels<float>().block(product);
      }
    }
    for (int64_t m = 0; m < m_count; ++m)
      write(block, products + m * block.n_lanes, group * c_.n_target + m0 + m);
  }

  void write(const TileBlock& block, const float* products, int64_t channel) {
    for (int64_t panel = 0; panel < block.panels.n_parts; ++panel) {
      const std::vector<TileChunk>& chunks = block.writes[panel];
      if (!loops_.output(products + block.begin(panel), product_step, block.tiles(panel),
                         bias_ ? bias_[channel] : 0.0f, relu_, chunks.data(),
                         static_cast<int64_t>(chunks.size()),
                         target_ + channel * targets_.channel(), targets_.n_columns))
        finite_ = false;
    }
  }

  static constexpr int64_t point_step = slice * block_tiles + apart,
                           product_step = part_m * block_tiles + apart,
                           weight_step = part_m * slice + apart;

  const Correlation& c_;
  const float *source_, *weight_, *bias_;
  const bool relu_;
  float* target_;
  const WinogradLoops<float>& loops_ = loops_of(c_);
  const int64_t n_points_ = points_of(c_);
  const TiledAxis rows_{c_.axis[1]}, columns_{c_.axis[2]};
  const std::array<int64_t, 9> taps_ = tap_order(c_);
  const TiledSources sources_{c_, rows_, columns_};
  const TiledPlanes targets_ = target_planes(c_);
  const int64_t n_sources_ = sources_.size();
  // From one source of a target to the next, where they follow each other: in forward correlations.
  const int64_t source_step_ = c_.weight_tap == 1 ? kernel_step(c_) : 1;
  const bool by_source_ = c_.weight_source == sources_.n_taps() * source_step_;
  const int64_t block_step_ = ceil_div(n_sources_, slice) * n_points_ * point_step;
  float* points_ = nullptr;
  std::vector<TileBlock> blocks_;
  std::atomic<bool> finite_ = true;
};

}  // namespace

bool correlate_winograd(const Correlation& c, const float* source, const float* weight,
                        const float* bias, bool relu, float* target) {
  // 96 x 96 channels: beyond, the weights of all points leave no room in a 2 MiB cache.
  if (c.n_source * std::ssize(c.axis[0].tap) * c.n_target > 96 * 96)
    return WideWinograd(c, source, weight, bias, relu, target).run();
  const ConvKernels<float>& kernels = conv_kernels<float>();
  const WinogradLoops<float>& loops = loops_of(c);
  const int64_t n_points = points_of(c);
  const TiledAxis rows(c.axis[1]), columns(c.axis[2]);
  const int64_t block_m = ceil_div(c.n_target, ceil_div(c.n_target, kernels.tile_m));
  const int64_t n_blocks = ceil_div(c.n_target, block_m);
  const TiledSources sources(c, rows, columns);
  const int64_t n_sources = sources.size();
  const float* packed = pack_weight(c, sources, block_m, weight);

  // Lanes are tiles: a block of them is at most a register tile wide, whatever items and rows they
  // come from.
  const int64_t n_tiles = c.n_items * c.axis[0].count * rows.n_tiles * columns.n_tiles,
                lanes = kernels.tile_v * kernels.lanes;
  const Spread tile_blocks = Spread::shared(ceil_div(n_tiles, kernels.lanes), kernels.tile_v);
  // Few tiles: the targets are shared out too, each part transforming the source again.
  int64_t part_blocks = n_blocks;
  while (tile_blocks.n_parts * c.groups * ceil_div(n_blocks, part_blocks) < 16 &&
         part_blocks * block_m > 64)
    part_blocks = ceil_div(part_blocks, 2);
  const int64_t n_parts = ceil_div(n_blocks, part_blocks);
  const TiledPlanes targets = target_planes(c);
  std::vector<int64_t> offset(n_sources);
  for (int64_t s = 0; s < n_sources; ++s) offset[s] = s * lanes;
  // The products of a few blocks of targets are kept for the way back: 32 targets, 220 KiB.
  const int64_t kept_blocks = std::max<int64_t>(1, 32 / block_m);

  std::atomic<bool> finite = true;
  parallel_for(tile_blocks.n_parts * c.groups * n_parts, [&](int64_t index) {
    const int64_t part = index % n_parts, group = index / n_parts % c.groups,
                  block = index / n_parts / c.groups;
    const int64_t first_tile = tile_blocks.begin(block) * kernels.lanes,
                  n_lanes =
                      std::min(tile_blocks.length(block) * kernels.lanes, n_tiles - first_tile);
    const int n_vectors = static_cast<int>(ceil_div(n_lanes, kernels.lanes));
    const std::vector<Run> runs = runs_of(first_tile, n_lanes, rows.n_tiles, columns.n_tiles);
    const TiledSources::Chunks reads = sources.chunks(runs, kernels.lanes);
    const std::vector<TileChunk> writes = targets.chunks(runs, kernels.lanes);

    const int64_t point_step = n_sources * lanes + 16;
    float* points = Workspace::get<float>(points_slot, n_points * point_step);
    const int64_t product_step = block_m * lanes;
    float* products = Workspace::get<float>(rows_slot, kept_blocks * n_points * product_step);
    for (int64_t s = 0; s < n_sources; ++s)
      sources.transform(loops, source, group, s, reads, n_lanes, points + s * lanes, point_step);

    const int64_t last = std::min(n_blocks, (part + 1) * part_blocks);
    for (int64_t first = part * part_blocks; first < last; first += kept_blocks) {
      const int64_t kept = std::min(kept_blocks, last - first);
      for (int q = 0; q < n_points; ++q)
        for (int64_t b = 0; b < kept; ++b) {
          const int64_t m0 = (first + b) * block_m, m = std::min(block_m, c.n_target - m0);
          const float* w =
              packed + (group * c.n_target + m0) * n_sources * n_points + q * n_sources * m;
          kernels.correlate(static_cast<int>(m), n_vectors, w, 0, points + q * point_step, 1, 0,
                            offset.data(), n_sources, products + (b * n_points + q) * product_step);
        }
      const int64_t tile_step = n_vectors * kernels.lanes;
      for (int64_t b = 0; b < kept; ++b) {
        const int64_t m0 = (first + b) * block_m, m_count = std::min(block_m, c.n_target - m0);
        for (int64_t m = 0; m < m_count; ++m) {
          const int64_t channel = group * c.n_target + m0 + m;
          if (!loops.output(products + b * n_points * product_step + m * tile_step, product_step,
                            n_lanes, bias ? bias[channel] : 0.0f, relu, writes.data(),
                            static_cast<int64_t>(writes.size()),
                            target + channel * targets.channel(), targets.n_columns))
            finite = false;
        }
      }
    }
  });
  return finite;
}

namespace {

/// The sums of a gradient for the kernel, over ranges of tiles.
class OuterWinograd {
 public:
  OuterWinograd(const Correlation& c, const float* grad, const float* source)
      : c_(c), grad_(grad), source_(source) {}

  /// False where a result is not finite.
  bool run(float* grad_weight) {
    // Sums of few weights stay in the cache of a thread, and so does what it transforms: read by
    // another it would take as long as from memory.
    const Spread ranges(n_tiles_, ceil_div(n_tiles_, n_ranges()));
    const int64_t n_weights = c_.groups * c_.weight_group;
    float* partial = ranges.n_parts == 1
                         ? grad_weight
                         : Workspace::get<float>(rows_slot, ranges.n_parts * n_weights);
    auto unit = [&](int64_t index) {
      const int64_t group = index / ranges.n_parts, range = index % ranges.n_parts;
      add(group, ranges.begin(range), ranges.begin(range + 1), few() ? unit_points : most_points,
          partial + range * n_weights);
    };
    const int64_t n_units = c_.groups * ranges.n_parts;
    if (few())
      parallel_for(n_units, unit);
    else
      for (int64_t index = 0; index < n_units; ++index) unit(index);
    add_ranges(partial, ranges.n_parts, n_weights, grad_weight);
    return finite_;
  }

 private:
  /// Floats of the transformed tiles that a unit keeps at once, and those of the sums of all points
  /// that leave room for them in a cache of 1 MiB.
  static constexpr int64_t unit_points = 1 << 20, most_sums = 256 << 10;
  /// Tiles and products that are worth a unit.
  static constexpr int64_t least_tiles = 64, least_products = 1 << 20, wanted_units = 8;

  bool few() const { return n_points_ * n_sources_ * c_.n_target <= most_sums; }

  int64_t n_ranges() const {
    const int64_t products = n_points_ * n_sources_ * c_.n_target * n_tiles_;
    if (!few()) return 1;
    return std::clamp<int64_t>(std::min(n_tiles_ / least_tiles, products / least_products), 1,
                               ceil_div(wanted_units, c_.groups));
  }

  /// sums = those of one group over tiles [begin, end): blocks of them in turn are transformed into
  /// [point][channel][tile], then added to the products of the points.
  void add(int64_t group, int64_t begin, int64_t end, int64_t at_once, float* sums) {
    const int64_t n_channels = n_sources_ + c_.n_target, n_tiles = end - begin;
    int64_t block = std::clamp<int64_t>(at_once / (n_points_ * n_channels) / 16 * 16, 64, 1024);
    block = std::min(ceil_div(n_tiles, ceil_div(n_tiles, block)), n_tiles);
    const int64_t part_lanes =
        kernels_.tile_v * kernels_.lanes;  // what a transform takes at a time
    const int64_t lane_step = ceil_div(block, kernels_.lanes) * kernels_.lanes + 16;
    const int64_t point_step = n_channels * lane_step + 80;
    float* points = Workspace::get<float>(points_slot, n_points_ * point_step);
    const int64_t product_step = c_.n_target * n_sources_ + 80;
    float* products = Workspace::get<float>(weight_slot, n_points_ * product_step);
    for (int64_t first = begin; first < end; first += block) {
      const int64_t count = std::min(block, end - first);
      std::vector<TiledSources::Chunks> reads;
      std::vector<std::vector<TileChunk>> grad_reads;
      for (int64_t lane = 0; lane < count; lane += part_lanes) {
        const std::vector<Run> runs = runs_of(first + lane, std::min(part_lanes, count - lane),
                                              rows_.n_tiles, columns_.n_tiles);
        reads.push_back(sources_.chunks(runs, kernels_.lanes));
        grad_reads.push_back(grads_.chunks(runs, kernels_.lanes));
      }
      parallel_ranges(n_channels, 4, [&](int64_t from, int64_t to) {
        for (int64_t channel = from; channel < to; ++channel)
          for (size_t part = 0; part < reads.size(); ++part) {
            const int64_t lane = static_cast<int64_t>(part) * part_lanes;
            transform(group, channel, reads[part], grad_reads[part],
                      std::min(part_lanes, count - lane), points + channel * lane_step + lane,
                      point_step);
          }
      });
      // Each point is one product of matrices, cut further by targets if these are many.
      const int64_t part_m = std::min<int64_t>(c_.n_target, 128),
                    n_parts = ceil_div(c_.n_target, part_m);
      parallel_for(n_points_ * n_parts, [&](int64_t index) {
        const int64_t q = index / n_parts, m0 = index % n_parts * part_m;
        Gemm<float> product;
        product.M = std::min(part_m, c_.n_target - m0);
        product.N = n_sources_;
        product.K = count;
        product.a = points + q * point_step + (n_sources_ + m0) * lane_step;
        product.b = points + q * point_step;
        product.lda = product.ldb = lane_step;
        product.trans_b = true;
        product.c = products + q * product_step + m0 * n_sources_;
        product.ldc = n_sources_;
        product.beta = first == begin ? 0.0f : 1.0f;
        gemm(product);
      });
    }
    parallel_ranges(
        c_.n_target, std::max<int64_t>(1, 2048 / n_sources_), [&](int64_t from, int64_t to) {
          for (int64_t m = from; m < to; ++m) {
            float* own = sums + group * c_.weight_group + m * c_.weight_target;
            loops_.sums(products + m * n_sources_, product_step, n_sources_, taps_.data(), own);
            if (!all_finite(own, kernel_step(c_) * n_sources_)) finite_ = false;
          }
        });
  }

  /// n tiles of a source, or of a grad behind them.
  void transform(int64_t group, int64_t channel, const TiledSources::Chunks& reads,
                 const std::vector<TileChunk>& grad_reads, int64_t n, float* to,
                 int64_t point_step) const {
    if (channel < n_sources_)
      return sources_.transform(loops_, source_, group, channel, reads, n, to, point_step);
    const int64_t m = channel - n_sources_;
    loops_.grad(grad_ + (group * c_.n_target + m) * grads_.channel(), grads_.n_columns,
                grad_reads.data(), static_cast<int64_t>(grad_reads.size()), n,
                m + 1 < c_.n_target ? grads_.channel() : 0, to, point_step);
  }

  const Correlation& c_;
  const float *grad_, *source_;
  const ConvKernels<float>& kernels_ = conv_kernels<float>();
  const WinogradLoops<float>& loops_ = loops_of(c_);
  const int64_t n_points_ = points_of(c_);
  const TiledAxis rows_{c_.axis[1]}, columns_{c_.axis[2]};
  const std::array<int64_t, 9> taps_ = tap_order(c_);
  const TiledSources sources_{c_, rows_, columns_};
  const TiledPlanes grads_ = target_planes(c_);
  const int64_t n_sources_ = sources_.size();
  const int64_t n_tiles_ = c_.n_items * c_.axis[0].count * rows_.n_tiles * columns_.n_tiles;
  std::atomic<bool> finite_ = true;
};

}  // namespace

bool outer_winograd(const Correlation& c, const float* grad, const float* source,
                    float* grad_weight) {
  return OuterWinograd(c, grad, source).run(grad_weight);
}

}  // namespace flambeau
