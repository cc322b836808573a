#include "kernels/conv/direct.h"

#include <algorithm>
#include <utility>

#include "kernels/conv/costs.h"
#include "kernels/conv/planes.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { packed_weight_slot, source_slot, grad_slot, partial_slot };

// Half of the 1 MiB second-level cache of small machines; the rest is for weights and results.
constexpr int64_t band_bytes = 512 << 10;
// About 10 us of arithmetic: below it, handing work to a thread costs more than it brings.
constexpr double least_chunk_flop = 1e6;
constexpr int64_t wanted_units = 32;

/// How correlate_direct cuts its work; from the shape alone.
struct CorrelatePlan {
  bool in_place;  // sources are read where they lie
  int64_t band_rows, n_bands;
  int64_t block_m, n_blocks;     // target channels of a register tile
  int64_t part_blocks, n_parts;  // blocks of one unit
  int64_t n_units, units_per_chunk;
};

template <class T>
CorrelatePlan plan_correlation(const Correlation& c, const ConvKernels<T>& kernels,
                               int64_t n_planes, const PlaneLayout& one_row, int64_t n_taps,
                               bool taps_apart) {
  const CorrelationAxis& rows = c.axis[1];
  const CorrelationAxis& columns = c.axis[2];
  CorrelatePlan plan;
  plan.in_place = !taps_apart && n_taps > 0 && c.axis[0].tap.size() == 1 &&
                  c.axis[0].stays_inside() && rows.source_step == 1 && columns.source_step == 1 &&
                  rows.stays_inside() && columns.stays_inside() &&
                  (rows.count - 1) * columns.source_size + columns.count >= 6 * kernels.lanes;
  plan.block_m = balanced(c.n_target, kernels.tile_m);
  plan.n_blocks = ceil_div(c.n_target, plan.block_m);

  const int64_t copies = taps_apart ? std::ssize(columns.tap) : columns.source_step;
  int64_t row_bytes =
      n_planes * one_row.row_length * static_cast<int64_t>(sizeof(T)) * rows.source_step * copies;
  int64_t most_rows = std::max<int64_t>(1, band_bytes / std::max<int64_t>(row_bytes, 1));
  plan.band_rows = balanced(rows.count, most_rows);
  plan.part_blocks = plan.n_blocks;

  const double pixel_flop =
      2.0 * static_cast<double>(n_planes * n_taps) * static_cast<double>(c.n_target);
  auto units = [&] {
    plan.n_bands = ceil_div(rows.count, plan.band_rows);
    plan.n_parts = ceil_div(plan.n_blocks, plan.part_blocks);
    plan.n_units = c.n_items * c.groups * c.axis[0].count * plan.n_bands * plan.n_parts;
    return plan.n_units;
  };
  auto unit_flop = [&] {
    return pixel_flop * static_cast<double>(plan.band_rows * one_row.row_length) /
           static_cast<double>(plan.n_parts);
  };
  const int64_t least_rows = std::max<int64_t>(
      8, ceil_div(kernels.tile_v * kernels.lanes, std::max<int64_t>(one_row.row_length, 1)) + 1);
  while (units() < wanted_units && unit_flop() > 2 * least_chunk_flop) {
    if (plan.band_rows >= 2 * least_rows)
      plan.band_rows = ceil_div(plan.band_rows, 2);
    else if (plan.part_blocks > 1)
      plan.part_blocks = ceil_div(plan.part_blocks, 2);
    else
      break;
  }
  plan.units_per_chunk =
      std::max<int64_t>(1, static_cast<int64_t>(least_chunk_flop / std::max(unit_flop(), 1.0)));
  return plan;
}

/// Weights in the order the register tiles read them: [group][block of
/// targets][plane][tap][target].
template <class T>
const T* pack_weight(const Correlation& c, const CorrelatePlan& plan, int64_t n_planes,
                     int64_t n_taps, const T* weight) {
  T* packed = Workspace::get<T>(packed_weight_slot, c.groups * c.n_target * n_planes * n_taps);
  const auto& depth = c.axis[0].tap;
  const auto& row = c.axis[1].tap;
  const auto& column = c.axis[2].tap;
  const int64_t block_size = plan.block_m * n_planes * n_taps;
  parallel_ranges(
      c.groups * plan.n_blocks, std::max<int64_t>(1, 32768 / std::max<int64_t>(block_size, 1)),
      [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; ++block) {
          int64_t group = block / plan.n_blocks, m0 = block % plan.n_blocks * plan.block_m;
          int64_t m_count = std::min(plan.block_m, c.n_target - m0);
          T* to = packed + (group * c.n_target + m0) * n_planes * n_taps;
          const T* from = weight + group * c.weight_group + m0 * c.weight_target;
          for (int64_t source = 0; source < c.n_source; ++source)
            for (int64_t d : depth)
              for (int64_t r : row)
                for (int64_t k : column) {
                  const T* w = from + source * c.weight_source + c.tap_at(d, r, k);
                  for (int64_t m = 0; m < m_count; ++m) *to++ = w[m * c.weight_target];
                }
        }
      });
  return packed;
}

/// The source plane that depth tap `tap` of result depth `i` reads, or null outside the source.
template <class T>
const T* depth_plane(const Correlation& c, const T* channel, int64_t i, size_t tap) {
  int64_t depth = i * c.axis[0].source_step + c.axis[0].offset[tap];
  if (depth < 0 || depth >= c.axis[0].source_size) return nullptr;
  return channel + depth * c.axis[1].source_size * c.axis[2].source_size;
}

/// [begin, end) of the taps of a dimension that reach a source index from results first to last;
/// the others meet only padding.
std::pair<int64_t, int64_t> reaching(const CorrelationAxis& axis, int64_t first, int64_t last) {
  auto outside = [&](int64_t tap) {
    return last * axis.source_step + axis.offset[tap] < 0 ||
           first * axis.source_step + axis.offset[tap] >= axis.source_size;
  };
  int64_t begin = 0, end = static_cast<int64_t>(axis.tap.size());
  while (begin < end && outside(begin)) ++begin;
  while (end > begin && outside(end - 1)) --end;
  return {begin, end};
}

/// The planes of all sources and depth taps [begin, end) that result depth `i` reads, from result
/// row `row0` on.
template <class T>
const T* pack_planes(const Correlation& c, const ConvKernels<T>& kernels, const PlaneLayout& layout,
                     const T* channels, int64_t source_channel, int64_t i, int64_t begin,
                     int64_t end, int64_t row0) {
  const int64_t n_planes = c.n_source * (end - begin);
  // The last vector of the last plane reads past its pixels.
  const int64_t beyond = kernels.tile_v * kernels.lanes;
  T* packed = Workspace::get<T>(source_slot, n_planes * layout.plane_size + beyond);
  T* to = packed;
  for (int64_t channel = 0; channel < c.n_source; ++channel)
    for (int64_t t = begin; t < end; ++t, to += layout.plane_size)
      layout.pack(kernels, depth_plane(c, channels + channel * source_channel, i, t), row0, to);
  std::fill(to, to + beyond, T(0));
  return packed;
}

/// The planes and their taps of the results of one depth. Planes of depths [first, end) are there,
/// those that meet only padding are left out: then all of a channel are taps of one plane.
struct DepthTaps {
  int64_t n_planes, plane_step, per_plane, skipped = 0;
  std::vector<int64_t> offset;

  DepthTaps(const Correlation& c, const std::vector<int64_t>& offset, int64_t plane_step,
            int64_t first, int64_t end)
      : n_planes(c.n_source),
        plane_step(plane_step),
        per_plane(static_cast<int64_t>(offset.size())),
        offset(offset),
        n_columns_(static_cast<int64_t>(c.axis[2].tap.size())),
        all_(end - first == static_cast<int64_t>(c.axis[0].tap.size())) {
    if (all_) {
      n_planes *= end - first;
      return;
    }
    skipped = first * per_plane;
    this->offset.clear();
    for (int64_t t = 0; t < end - first; ++t)
      for (int64_t at : offset) this->offset.push_back(t * plane_step + at);
    this->plane_step *= end - first;
    per_plane *= static_cast<int64_t>(c.axis[0].tap.size());
  }

  /// [begin, end) of the taps that meet a source from result rows first to last.
  std::pair<int64_t, int64_t> met(const CorrelationAxis& rows, int64_t first, int64_t last) const {
    if (!all_) return {0, static_cast<int64_t>(offset.size())};
    const auto [begin, end] = reaching(rows, first, last);
    return {begin * n_columns_, end * n_columns_};
  }

 private:
  int64_t n_columns_;
  bool all_;
};

template <class T>
int tile_vectors(const ConvKernels<T>& kernels, int m, int64_t wanted) {
  if (m == 1 && wanted >= 4) return wanted >= 6 ? 6 : 4;
  return static_cast<int>(balanced(wanted, kernels.tile_v));
}

/// Where row `row` of plane `d` begins in a channel of the target.
int64_t begin_of(const Correlation& c, int64_t d, int64_t row) {
  const CorrelationAxis &depth = c.axis[0], &rows = c.axis[1], &columns = c.axis[2];
  const int64_t plane = depth.target_start + d * depth.target_step;
  return (plane * rows.target_size + rows.target_start + row * rows.target_step) *
             columns.target_size +
         columns.target_start;
}

}  // namespace

template <class T>
void correlate_direct(const Correlation& c, const T* source, const T* weight, const T* bias,
                      bool relu, T* target) {
  const CorrelationAxis& depth = c.axis[0];
  const CorrelationAxis& rows = c.axis[1];
  const CorrelationAxis& columns = c.axis[2];
  if (c.n_items * c.groups * c.n_target * depth.count * rows.count * columns.count == 0) return;
  const ConvKernels<T>& kernels = conv_kernels<T>();
  const int64_t n_planes = c.n_source * std::ssize(depth.tap);
  const int64_t n_taps = static_cast<int64_t>(rows.tap.size() * columns.tap.size());
  const int64_t source_channel = depth.source_size * rows.source_size * columns.source_size;
  const int64_t target_channel = depth.target_size * rows.target_size * columns.target_size;

  const bool taps_apart = taps_apart_are_quicker<T>(c);
  const CorrelatePlan plan = plan_correlation(
      c, kernels, n_planes, PlaneLayout(rows, columns, 1, taps_apart), n_taps, taps_apart);
  const PlaneLayout layout(rows, columns, plan.band_rows, taps_apart);
  const T* packed_weight = pack_weight(c, plan, n_planes, n_taps, weight);

  int64_t row_length = layout.row_length, source_step = layout.plane_size;
  std::vector<int64_t> offset = layout.tap_offset;
  if (plan.in_place) {
    row_length = columns.source_size;
    source_step = source_channel;
    offset.clear();
    for (int64_t r : rows.offset)
      for (int64_t k : columns.offset) offset.push_back(r * row_length + k);
  }
  // Vectors run across the ends of rows, unless whole ones fill a row better.
  const bool by_rows =
      columns.count >= 2 * kernels.lanes && round_up(columns.count, kernels.lanes) <= row_length;
  const TileTarget place{row_length, columns.count, rows.target_step * columns.target_size,
                         columns.target_step, target_channel};

  auto unit = [&](int64_t index) {
    const int64_t part = index % plan.n_parts, band = index / plan.n_parts % plan.n_bands;
    index /= plan.n_parts * plan.n_bands;
    const int64_t d = index % depth.count, group = index / depth.count % c.groups,
                  item = index / depth.count / c.groups;
    const int64_t row0 = band * plan.band_rows,
                  n_rows = std::min(plan.band_rows, rows.count - row0);
    const int64_t n_pixels = (n_rows - 1) * row_length + columns.count;

    const T* channels = source + (item * c.groups + group) * c.n_source * source_channel;
    const auto [first_depth, end_depth] = reaching(depth, d, d);
    const T* planes = plan.in_place ? depth_plane(c, channels, d, 0) + row0 * row_length
                                    : pack_planes(c, kernels, layout, channels, source_channel, d,
                                                  first_depth, end_depth, row0);
    const DepthTaps taps(c, offset, source_step, first_depth, end_depth);
    T* out =
        target + (item * c.groups + group) * c.n_target * target_channel + begin_of(c, d, row0);
    alignas(64) T tile[8 * 4 * 16];
    const int64_t last_block = std::min(plan.n_blocks, (part + 1) * plan.part_blocks);
    for (int64_t block = part * plan.part_blocks; block < last_block; ++block) {
      const int64_t m0 = block * plan.block_m;
      const int m = static_cast<int>(std::min(plan.block_m, c.n_target - m0));
      const T* w = packed_weight + (group * c.n_target + m0) * n_planes * n_taps;
      const T* add = bias ? bias + group * c.n_target + m0 : nullptr;
      for (int64_t p0 = 0; p0 < n_pixels;) {
        const int64_t row = p0 / row_length, row_end = row * row_length + columns.count;
        int64_t left = (by_rows ? row_end : n_pixels) - p0;
        const int v = tile_vectors(kernels, m, ceil_div(left, kernels.lanes));
        int64_t covered = std::min<int64_t>(left, v * kernels.lanes);
        // In place, the last tile starts early enough not to read past the tensor (and, in a short
        // last band, in the rows above it).
        int64_t start = plan.in_place ? std::min(p0, n_pixels - v * kernels.lanes) : p0;
        const auto [first_tap, end_tap] =
            taps.met(rows, row0 + row, row0 + (p0 + covered - 1) / row_length);
        kernels.correlate(m, v, w + (taps.skipped + first_tap) * m, taps.per_plane * m,
                          planes + start, taps.n_planes, taps.plane_step,
                          taps.offset.data() + first_tap, end_tap - first_tap, tile);
        kernels.store_tile(m, p0, covered, tile + (p0 - start), v * kernels.lanes, add, relu,
                           out + m0 * target_channel, place);
        p0 += covered;
        if (by_rows && p0 == row_end) p0 = (row + 1) * row_length;
      }
    }
  };
  parallel_ranges(plan.n_units, plan.units_per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) unit(index);
  });
}

namespace {

/// How outer_direct cuts its work: bands of pixels, several of them a run, and units of (group,
/// targets, sources, range of runs). Ranges of runs need a sum of their own each.
struct OuterPlan {
  explicit OuterPlan(const PlaneLayout& layout) : layout(layout) {}
  PlaneLayout layout;
  int64_t n_depth, n_taps, row_length;
  int64_t band_rows, n_bands, n_pixels;
  int64_t n_items, run_items, n_runs;
  int64_t part_m, n_parts_m, part_c, n_parts_c;
  int64_t n_ranges, range_runs;
  int64_t n_units, units_per_chunk;
};

template <class T>
OuterPlan plan_outer(const Correlation& c, int64_t lanes) {
  const CorrelationAxis &depth = c.axis[0], &rows = c.axis[1], &columns = c.axis[2];
  // A band of about 2048 pixels: 4 rows of grad and 2 source planes of it fit the first-level
  // cache, and summing the lanes at its end costs a few percent of it.
  constexpr int64_t band_pixels = 2048;
  const int64_t row_length = PlaneLayout(rows, columns, 1).row_length;
  const int64_t band_rows = balanced(rows.count, std::max<int64_t>(1, band_pixels / row_length));
  OuterPlan p(PlaneLayout(rows, columns, band_rows));
  p.row_length = row_length;
  p.band_rows = band_rows;
  p.n_depth = static_cast<int64_t>(depth.tap.size());
  p.n_taps = static_cast<int64_t>(rows.tap.size() * columns.tap.size());
  p.n_bands = ceil_div(rows.count, band_rows);
  p.n_pixels = ceil_div(band_rows * row_length, lanes) * lanes;
  p.n_items = c.n_items * depth.count * p.n_bands;  // a band of one depth of one item
  p.run_items = std::clamp<int64_t>(band_pixels / p.n_pixels, 1, p.n_items);
  p.n_runs = ceil_div(p.n_items, p.run_items);

  p.part_m = balanced(c.n_target, 64), p.n_parts_m = ceil_div(c.n_target, p.part_m);
  const int64_t most_sources = std::max<int64_t>(
      1, 2 * band_bytes /
             (p.run_items * p.layout.plane_size * p.n_depth * static_cast<int64_t>(sizeof(T))));
  p.part_c = balanced(c.n_source, std::min<int64_t>(64, most_sources));
  p.n_parts_c = ceil_div(c.n_source, p.part_c);
  const int64_t n_parts = c.groups * p.n_parts_m * p.n_parts_c;
  const int64_t n_weights = c.groups * c.weight_group;
  const double run_flop = 2.0 * static_cast<double>(p.run_items * p.n_pixels) *
                          static_cast<double>(p.part_m * p.part_c * p.n_depth * p.n_taps);
  constexpr int64_t most_partial = 16 << 20;  // elements of all partial sums together
  int64_t n_ranges = std::clamp<int64_t>(wanted_units / n_parts, 1, p.n_runs);
  n_ranges = std::clamp<int64_t>(n_ranges, 1, std::max<int64_t>(1, most_partial / n_weights));
  n_ranges = std::min(
      n_ranges, std::max<int64_t>(1, static_cast<int64_t>(run_flop * static_cast<double>(p.n_runs) /
                                                          least_chunk_flop)));
  p.range_runs = ceil_div(p.n_runs, n_ranges);
  p.n_ranges = ceil_div(p.n_runs, p.range_runs);
  p.n_units = n_parts * p.n_ranges;
  const double unit_flop = run_flop * static_cast<double>(p.range_runs);
  p.units_per_chunk = std::max<int64_t>(1, static_cast<int64_t>(least_chunk_flop / unit_flop));
  return p;
}

/// One unit of outer_direct: the sums of m_count targets and c_count sources over a range of runs.
template <class T>
struct OuterUnit {
  const Correlation& c;
  const OuterPlan& p;
  const ConvKernels<T>& kernels;
  const T *grad, *source;
  int64_t range, group, m0, m_count, c0, c_count;

  OuterUnit(const Correlation& c, const OuterPlan& p, const ConvKernels<T>& kernels, const T* grad,
            const T* source, int64_t index)
      : c(c), p(p), kernels(kernels), grad(grad), source(source) {
    range = index % p.n_ranges;
    index /= p.n_ranges;
    c0 = index % p.n_parts_c * p.part_c, m0 = index / p.n_parts_c % p.n_parts_m * p.part_m;
    group = index / p.n_parts_c / p.n_parts_m;
    c_count = std::min(p.part_c, c.n_source - c0), m_count = std::min(p.part_m, c.n_target - m0);
  }

  /// The source planes and the rows of grad of an item, a band of one depth.
  void pack(int64_t number, T* to, T* packed_grad) const {
    const CorrelationAxis &depth = c.axis[0], &rows = c.axis[1], &columns = c.axis[2];
    const int64_t source_channel = depth.source_size * rows.source_size * columns.source_size;
    const int64_t grad_plane = rows.count * columns.count;
    const int64_t band = number % p.n_bands, slice = number / p.n_bands;
    const int64_t d = slice % depth.count, item = slice / depth.count, row0 = band * p.band_rows;
    const T* channels = source + ((item * c.groups + group) * c.n_source + c0) * source_channel;
    for (int64_t channel = 0; channel < c_count; ++channel)
      for (int64_t t = 0; t < p.n_depth; ++t, to += p.layout.plane_size)
        p.layout.pack(kernels, depth_plane(c, channels + channel * source_channel, d, t), row0, to);

    // Pixels between rows and after the last meet a zero grad.
    const int64_t n_rows = std::min(p.band_rows, rows.count - row0);
    for (int64_t m = 0; m < m_count; ++m) {
      const int64_t plane = ((item * c.groups + group) * c.n_target + m0 + m) * depth.count + d;
      T* out = packed_grad + m * p.n_pixels;
      kernels.pack_rows(grad + plane * grad_plane + row0 * columns.count, columns.count, 1, n_rows,
                        0, columns.count, p.row_length, out);
      std::fill(out + n_rows * p.row_length, out + p.n_pixels, T(0));
    }
  }

  void operator()(T* sums_base) const {
    const int64_t n_weights = c.groups * c.weight_group;
    const int64_t sums_step = c.weight_target;  // (source, taps of depth, row, column) of a target
    const int64_t n_planes = c_count * p.n_depth, n_columns = n_planes * p.n_taps;
    T* sums = sums_base + range * n_weights + group * c.weight_group + m0 * sums_step +
              c0 * p.n_depth * p.n_taps;
    for (int64_t m = 0; m < m_count; ++m) std::fill_n(sums + m * sums_step, n_columns, T(0));

    std::vector<int64_t> offset(n_columns);
    for (int64_t j = 0; j < n_columns; ++j)
      offset[j] = j / p.n_taps * p.layout.plane_size + p.layout.tap_offset[j % p.n_taps];
    // Read past the last plane, where grad is 0.
    const int64_t slack = kernels.lanes + p.row_length;
    const int64_t source_item = n_planes * p.layout.plane_size, grad_item = m_count * p.n_pixels;
    T* packed = Workspace::get<T>(source_slot, p.run_items * source_item + slack);
    T* packed_grad = Workspace::get<T>(grad_slot, p.run_items * grad_item);
    const int step_m = static_cast<int>(balanced(m_count, kernels.tile_g));
    const int step_c = static_cast<int>(balanced(n_columns, kernels.tile_x));

    const int64_t last_run = std::min(p.n_runs, (range + 1) * p.range_runs);
    for (int64_t run = range * p.range_runs; run < last_run; ++run) {
      const int64_t first = run * p.run_items, items = std::min(p.run_items, p.n_items - first);
      for (int64_t b = 0; b < items; ++b)
        pack(first + b, packed + b * source_item, packed_grad + b * grad_item);
      std::fill_n(packed + items * source_item, slack, T(0));
      for (int64_t m = 0; m < m_count; m += step_m)
        for (int64_t j = 0; j < n_columns; j += step_c)
          kernels.outer(static_cast<int>(std::min<int64_t>(step_m, m_count - m)),
                        static_cast<int>(std::min<int64_t>(step_c, n_columns - j)), items,
                        p.n_pixels, packed_grad + m * p.n_pixels, grad_item, p.n_pixels, packed,
                        source_item, offset.data() + j, sums + m * sums_step + j, sums_step);
    }
  }
};

}  // namespace

template <class T>
void outer_direct(const Correlation& c, const T* grad, const T* source, T* grad_weight) {
  const int64_t n_weights = c.groups * c.weight_group;
  if (n_weights == 0) return;
  if (c.n_items * c.axis[0].count * c.axis[1].count * c.axis[2].count == 0) {
    std::fill(grad_weight, grad_weight + n_weights, T(0));
    return;
  }
  const ConvKernels<T>& kernels = conv_kernels<T>();
  const OuterPlan plan = plan_outer<T>(c, kernels.lanes);
  T* sums =
      plan.n_ranges == 1 ? grad_weight : Workspace::get<T>(partial_slot, n_weights * plan.n_ranges);
  parallel_ranges(plan.n_units, plan.units_per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index)
      OuterUnit<T>(c, plan, kernels, grad, source, index)(sums);
  });
  add_ranges(sums, plan.n_ranges, n_weights, grad_weight);
}

template void correlate_direct(const Correlation&, const float*, const float*, const float*, bool,
                               float*);
template void correlate_direct(const Correlation&, const double*, const double*, const double*,
                               bool, double*);
template void outer_direct(const Correlation&, const float*, const float*, float*);
template void outer_direct(const Correlation&, const double*, const double*, double*);

}  // namespace flambeau
