#include "kernels/conv/panels.h"

#include <algorithm>
#include <vector>

#include "kernels/conv/pixel_rows.h"
#include "kernels/conv/planes.h"
#include "kernels/elements/turn.h"
#include "kernels/gemm/simd.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { shared_slot, panels_slot, product_slot, rows_slot };

// A panel of 3 vectors of 320 rows takes 60 KiB, a block of 12 vectors 240 KiB; 512 targets of them
// another 400 KiB: what a second-level cache of 1 MiB holds.
constexpr int64_t most_depth = 320;
constexpr int64_t block_vectors = 12, outer_vectors = 24;
constexpr int64_t most_targets = 512;
// Above this much arithmetic, work is cut finer for threads, down to 128 targets a unit: packing
// the pixels again for each costs 5 %.
constexpr double unit_flop = 8e6;
constexpr int64_t wanted_units = 8;

/// Copies weights of `rows` targets, m of each tap side by side; m is n_rows if that is not 0.
template <int n_rows, class T>
void pack_weight_rows(const T* from, int64_t m, int64_t step, const std::vector<int64_t>& taps,
                      T* to) {
  const int64_t rows = n_rows ? n_rows : m;
  for (int64_t tap : taps)
    for (int64_t i = 0; i < rows; ++i) *to++ = from[i * step + tap];
}

/// The weights of `n_m` targets from m0 and sources [s0, s0 + n_s), in the panels that GemmBlock
/// calls packed_a.
template <class T>
void pack_weights(const Correlation& c, const std::vector<int64_t>& taps, int64_t panel_rows,
                  const T* weight, int64_t m0, int64_t n_m, int64_t s0, int64_t n_s, T* to) {
  const int64_t n_taps = static_cast<int64_t>(taps.size());
  const Spread rows(n_m, panel_rows);
  constexpr int64_t line = 64 / sizeof(T);
  for (int64_t part = 0; part < rows.n_parts; ++part) {
    const int64_t m = rows.length(part), span = m * c.weight_target;
    const T* from = weight + (m0 + rows.begin(part)) * c.weight_target + s0 * c.weight_source;
    for (int64_t s = 0; s < n_s; ++s, from += c.weight_source, to += m * n_taps) {
      // Sources are pages apart, so nothing is fetched ahead but what we ask for: the next part's.
      if (span <= 16 * line)
        for (int64_t i = 0; i < span; i += line) __builtin_prefetch(from + span + i);
      if (c.weight_target == 1 && n_taps == 1)
        std::copy_n(from + taps[0], m, to);
      else if (m == 8)
        pack_weight_rows<8>(from, m, c.weight_target, taps, to);
      else
        pack_weight_rows<0>(from, m, c.weight_target, taps, to);
    }
  }
}

/// How correlate_panels cuts its work: units of (block of pixels, group, part of the targets), in
/// which slices of the sources follow each other.
template <class T>
struct PanelPlan {
  PanelPlan(const Correlation& c, const PixelRows<T>& pixels, const GemmKernels<T>& kernels)
      : taps(taps_in_order(c)),
        in_order(writes_straight(c.axis[0]) && writes_straight(c.axis[1]) &&
                 writes_straight(c.axis[2])),
        item_by_item(in_order && writes_items(c, pixels, kernels)),
        blocks(item_by_item ? pixels.per_item : c.n_items * pixels.per_item, kernels.lanes,
               kernels.panel, block_vectors),
        n_blocks(blocks.n_blocks * (item_by_item ? c.n_items : 1)),
        by_taps(c.weight_source == 1 && c.weight_tap > 1),
        slice_taps(by_taps ? 1 : pixels.n_taps),
        depth(balanced(c.n_source, std::max<int64_t>(1, most_depth / slice_taps))),
        n_depths(ceil_div(c.n_source, depth)),
        n_slices(n_depths * (pixels.n_taps / slice_taps)),
        n_source(c.n_source),
        part_m(balanced(c.n_target, most_targets)),
        flop(2.0 * static_cast<double>(c.n_source * pixels.n_taps * c.n_target * c.groups) *
             static_cast<double>(c.n_items * pixels.per_item)),
        weights_in_place(by_taps || (c.weight_source == pixels.n_taps &&
                                     std::is_sorted(taps.begin(), taps.end()))),
        group_weights(c.n_target * c.n_source * pixels.n_taps) {
    while (part_m >= 256 && n_blocks * c.groups * ceil_div(c.n_target, part_m) < wanted_units &&
           flop > wanted_units * unit_flop)
      part_m = round_up(ceil_div(part_m, 2), kernels.panel_rows);
    n_parts = ceil_div(c.n_target, part_m);
    n_units = n_blocks * c.groups * n_parts;
  }

  std::vector<int64_t> taps;
  /// Whether results of one item lie as its pixels follow each other.
  bool in_order;
  /// Those of one item that follow each other are written where they belong at once, if the last
  /// vector of an item wastes little.
  bool item_by_item;
  PixelBlocks blocks;
  int64_t n_blocks;
  /// The weights of a tap lie side by side: a slice of the sources is that of one tap after the
  /// other.
  bool by_taps;
  int64_t slice_taps, depth, n_depths, n_slices, n_source, part_m, n_parts, n_units;
  double flop;
  bool weights_in_place;  // those of a forward convolution are read where they lie
  int64_t group_weights;

  /// The first tap, and sources [s0, s0 + n_s).
  struct Slice {
    int64_t tap, s0, n_s;
  };
  Slice slice(int64_t i) const {
    const int64_t per_depth = n_slices / n_depths, s0 = i / per_depth * depth;
    return {i % per_depth, s0, std::min(depth, n_source - s0)};
  }

 private:
  static bool writes_items(const Correlation& c, const PixelRows<T>& pixels,
                           const GemmKernels<T>& kernels) {
    return c.n_items == 1 ||
           (pixels.per_item >= block_vectors * kernels.lanes &&
            round_up(pixels.per_item, kernels.lanes) * 32 <= pixels.per_item * 33);
  }
};

/// A product of packed panels by rows of weights, which stay in cache while all panels are read.
template <class T>
void multiply_panels(const GemmKernels<T>& kernels, const GemmBlock<T>& product,
                     const T* row_bias) {
  constexpr int64_t block_rows = 64;
  const Spread rows(product.M, kernels.panel_rows),
      row_blocks(rows.n_parts, std::max<int64_t>(1, block_rows / kernels.panel_rows));
  for (int64_t i = 0; i < row_blocks.n_parts; ++i) {
    const int64_t begin = rows.begin(row_blocks.begin(i)),
                  end = rows.begin(row_blocks.begin(i + 1));
    GemmBlock<T> part = product;
    part.M = end - begin;
    part.a += begin * (product.packed_a ? product.K : product.a_row);
    part.c += begin * product.c_row;
    part.row_bias = row_bias ? row_bias + begin : nullptr;
    if (!product.packed_a && i + 1 < row_blocks.n_parts)
      part.next_a = part.a + part.M * product.a_row;
    kernels.block(part);
  }
}

/// Results of n pixels from `first` on, of n_m targets, to where target(item) begins.
template <class T, class Target>
void write_in_order(const PixelRows<T>& pixels, int64_t first, int64_t n, int64_t n_m,
                    const T* results, int64_t row, Target&& target) {
  for (int64_t lane = 0, count; lane < n; lane += count) {
    const int64_t item = (first + lane) / pixels.per_item, pixel = (first + lane) % pixels.per_item;
    count = std::min(pixels.per_item - pixel, n - lane);
    T* to = target(item) + pixel;
    for (int64_t m = 0; m < n_m; ++m, to += pixels.target_channel())
      std::copy_n(results + m * row + lane, count, to);
  }
}

/// The weights of all groups as every unit needs them: [group][part of the targets][slice].
template <class T>
const T* pack_all_weights(const Correlation& c, const PanelPlan<T>& plan, int64_t n_taps,
                          const GemmKernels<T>& kernels, const T* weight) {
  T* packed = Workspace::get<T>(shared_slot, c.groups * plan.group_weights);
  parallel_for(c.groups * plan.n_parts * plan.n_depths, [&](int64_t index) {
    const int64_t s0 = index % plan.n_depths * plan.depth,
                  n_s = std::min(plan.depth, c.n_source - s0);
    const int64_t m0 = index / plan.n_depths % plan.n_parts * plan.part_m,
                  n_m = std::min(plan.part_m, c.n_target - m0);
    const int64_t group = index / plan.n_depths / plan.n_parts;
    pack_weights(c, plan.taps, kernels.panel_rows, weight + group * c.weight_group, m0, n_m, s0,
                 n_s, packed + group * plan.group_weights + (m0 * c.n_source + n_m * s0) * n_taps);
  });
  return packed;
}

}  // namespace

template <class T>
void correlate_panels(const Correlation& given, const T* source, const T* weight, const T* bias,
                      bool relu, T* target) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const Correlation c = merged(given);
  const PixelRows<T> pixels(c);
  const PanelPlan<T> plan(c, pixels, kernels);
  const int64_t n_taps = pixels.n_taps, depth = plan.depth, part_m = plan.part_m;

  const bool packed_ahead = !plan.weights_in_place && plan.n_blocks > 1;
  const T* packed = packed_ahead ? pack_all_weights(c, plan, n_taps, kernels, weight) : nullptr;

  auto unit = [&](int64_t index) {
    const int64_t m0 = index % plan.n_parts * part_m, n_m = std::min(part_m, c.n_target - m0);
    const int64_t group = index / plan.n_parts % c.groups, block = index / plan.n_parts / c.groups;
    const PixelBlocks& blocks = plan.blocks;
    const int64_t item = plan.item_by_item ? block / blocks.n_blocks : 0;
    const int64_t first = block % blocks.n_blocks * blocks.size,
                  n = std::min(blocks.size, blocks.n - first);
    T* panels = Workspace::get<T>(panels_slot, depth * plan.slice_taps * blocks.size);
    const T* w = weight + group * c.weight_group;

    GemmBlock<T> product{};
    product.M = n_m;
    product.N = n;
    product.packed_b = true;
    product.b = panels;
    product.alpha = T(1);
    if (plan.item_by_item) {
      product.c =
          target + ((item * c.groups + group) * c.n_target + m0) * pixels.target_channel() + first;
      product.c_row = pixels.target_channel();
      product.large = true;
    } else {
      product.c = Workspace::get<T>(product_slot, n_m * blocks.size);
      product.c_row = blocks.size;
    }
    const Spread cut(ceil_div(n, kernels.lanes), kernels.panel);
    auto reads = pixels.reads(item * pixels.per_item + first, n, group, cut);
    for (int64_t slice = 0; slice < plan.n_slices; ++slice) {
      const auto [tap, s0, n_s] = plan.slice(slice);
      product.K = n_s * plan.slice_taps;
      pixels.pack(source, reads, cut, s0, n_s, tap, plan.slice_taps, panels);
      if (plan.weights_in_place) {
        product.a = w + m0 * c.weight_target + (plan.by_taps ? plan.taps[tap] + s0 : s0 * n_taps);
        product.a_row = c.weight_target;
        product.a_column = 1;
      } else {
        product.packed_a = true;
        if (packed_ahead) {
          product.a = packed + group * plan.group_weights + (m0 * c.n_source + n_m * s0) * n_taps;
        } else {
          T* here = Workspace::get<T>(rows_slot, n_m * depth * n_taps);
          pack_weights(c, plan.taps, kernels.panel_rows, w, m0, n_m, s0, n_s, here);
          product.a = here;
        }
      }
      product.beta = slice == 0 ? T(0) : T(1);
      const bool last = slice + 1 == plan.n_slices;
      product.relu = last && relu;
      multiply_panels(kernels, product, last && bias ? bias + group * c.n_target + m0 : nullptr);
    }
    if (plan.item_by_item) return;
    if (plan.in_order)
      return write_in_order(pixels, first, n, n_m, product.c, product.c_row, [&](int64_t i) {
        return target + ((i * c.groups + group) * c.n_target + m0) * pixels.target_channel();
      });
    const int64_t step = c.axis[2].target_step;
    pixels.for_each_run(first, n, [&](const Run& run) {
      const TileTarget place{run.count, run.count, 0, step, pixels.target_channel()};
      conv_kernels<T>().store_tile(static_cast<int>(n_m), 0, run.count, product.c + run.lane,
                                   product.c_row, nullptr, false,
                                   pixels.place(target, group, m0, run), place);
    });
  };
  const double one = plan.flop / static_cast<double>(plan.n_units);
  parallel_ranges(plan.n_units,
                  std::max<int64_t>(1, static_cast<int64_t>(1e6 / std::max(one, 1.0))),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t index = begin; index < end; ++index) unit(index);
                  });
}

namespace {

/// How outer_panels cuts its work: units of (range of blocks of pixels, part of the sources,
/// group). Sources are cut so that the packed rows and the sums of a unit fit in cache, pixels so
/// that threads have enough to do; each range of pixels has its own sums.
struct OuterPanelPlan {
  OuterPanelPlan(const Correlation& c, int64_t n_taps, int64_t n_pixels, const PixelBlocks& blocks)
      : part_s(balanced(c.n_source, std::max<int64_t>(1, 640 / n_taps))),
        n_parts(ceil_div(c.n_source, part_s)),
        n_weights(c.groups * c.weight_group) {
    // Either operand is transposed into panels: the columns (source, tap), or the grads and then
    // the result, whichever is less to move.
    const int64_t all_rows = c.n_source * n_taps;
    const double columns_cost = static_cast<double>(all_rows * n_pixels),
                 grads_cost =
                     static_cast<double>(1.6 * c.n_target * n_pixels + 2 * all_rows * c.n_target);
    columns_turned = columns_cost <= grads_cost;
    const double flop =
        2.0 * static_cast<double>(all_rows * c.n_target * c.groups) * static_cast<double>(n_pixels);
    constexpr int64_t most_partial = 4 << 20;  // elements of all partial sums together
    while (n_ranges * 2 <= blocks.n_blocks && n_ranges * n_parts * c.groups < wanted_units &&
           n_ranges * 2 * n_weights <= most_partial &&
           flop > static_cast<double>(2 * n_ranges * n_parts * c.groups) * unit_flop)
      n_ranges *= 2;
    range_blocks = ceil_div(blocks.n_blocks, n_ranges);
    n_ranges = ceil_div(blocks.n_blocks, range_blocks);
  }

  bool columns_turned;
  int64_t part_s, n_parts, n_weights, n_ranges = 1, range_blocks;
};

/// Grads of a block as rows of pixels: the same packing, of a source that is read straight.
Correlation of_grads(const Correlation& c) {
  Correlation straight = c;
  straight.n_source = c.n_target;
  for (CorrelationAxis& axis : straight.axis) {
    axis.source_size = axis.target_size = axis.count;
    axis.source_step = axis.target_step = 1;
    axis.target_start = 0;
    axis.offset = {0};
    axis.tap = {0};
  }
  return merged(straight);
}

}  // namespace

template <class T>
void outer_panels(const Correlation& given, const T* grad, const T* source, T* grad_weight) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const Correlation c = merged(given), straight = of_grads(c);
  const PixelRows<T> pixels(c), grads(straight);
  const int64_t n_taps = pixels.n_taps, n_pixels = c.n_items * pixels.per_item;
  const PixelBlocks blocks(n_pixels, kernels.lanes, 1, outer_vectors);
  const OuterPanelPlan plan(c, n_taps, n_pixels, blocks);
  const int64_t n_ranges = plan.n_ranges;
  T* sums_base =
      n_ranges == 1 ? grad_weight : Workspace::get<T>(shared_slot, n_ranges * plan.n_weights);
  const Spread one_panel(blocks.size / kernels.lanes, blocks.size / kernels.lanes);

  parallel_for(n_ranges * plan.n_parts * c.groups, [&](int64_t index) {
    const int64_t range = index % n_ranges, part = index / n_ranges % plan.n_parts,
                  group = index / n_ranges / plan.n_parts;
    const int64_t s0 = part * plan.part_s, n_s = std::min(plan.part_s, c.n_source - s0);
    const int64_t n_rows = n_s * n_taps, n_columns = c.n_target;
    const bool columns_turned = plan.columns_turned;
    const int64_t turned = round_up(columns_turned ? n_rows : n_columns, kernels.lanes);
    T* columns = Workspace::get<T>(
        rows_slot, (n_rows + n_columns) * blocks.size + (columns_turned ? 0 : n_rows * n_columns));
    T* grad_rows = columns + n_rows * blocks.size;
    T* panels = Workspace::get<T>(panels_slot, turned * blocks.size);
    T* sums = sums_base + range * plan.n_weights + group * c.weight_group + s0 * n_taps;

    GemmBlock<T> product{};
    product.alpha = T(1);
    product.packed_b = true;
    product.b = panels;
    product.a_column = 1;
    product.a_row = blocks.size;
    product.M = columns_turned ? n_columns : n_rows;
    product.N = columns_turned ? n_rows : n_columns;
    product.a = columns_turned ? grad_rows : columns;
    product.c = columns_turned ? sums : grad_rows + n_columns * blocks.size;
    product.c_row = columns_turned ? c.weight_target : n_columns;
    const Spread cut(ceil_div(product.N, kernels.lanes), kernels.panel);

    const int64_t begin = range * plan.range_blocks,
                  last = std::min(blocks.n_blocks, begin + plan.range_blocks);
    for (int64_t block = begin; block < last; ++block) {
      const int64_t first = block * blocks.size, n = std::min(blocks.size, n_pixels - first);
      auto column_reads = pixels.reads(first, n, group, one_panel);
      auto grad_reads = grads.reads(first, n, group, one_panel);
      pixels.pack(source, column_reads, one_panel, s0, n_s, columns);
      grads.pack(grad, grad_reads, one_panel, 0, n_columns, grad_rows);
      product.K = n;
      kernels.pack_b_columns(n, product.N, columns_turned ? columns : grad_rows, blocks.size, 0,
                             cut.n_parts, panels);
      product.beta = block == begin ? T(0) : T(1);
      kernels.block(product);
    }
    if (!columns_turned) write_turned(product.c, n_rows, n_columns, sums, c.weight_target);
  });
  add_ranges(sums_base, n_ranges, plan.n_weights, grad_weight);
}

template void correlate_panels(const Correlation&, const float*, const float*, const float*, bool,
                               float*);
template void correlate_panels(const Correlation&, const double*, const double*, const double*,
                               bool, double*);
template void outer_panels(const Correlation&, const float*, const float*, float*);
template void outer_panels(const Correlation&, const double*, const double*, double*);

}  // namespace flambeau
