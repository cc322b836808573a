#include "kernels/conv/costs.h"

#include <algorithm>

#include "kernels/conv/simd.h"
#include "kernels/conv/spread.h"
#include "runtime/rounding.h"

namespace flambeau {
namespace {

// Times in multiples of what a vector's multiplication and addition takes, fitted to those of 700
// random correlations, 400 gradients of weights and 400 of inputs on a Zen 4 with vectors of 16
// elements (docs/decisions.md): one number for each thing that a way does.
using Cost = double;

constexpr Cost saved_by_tiles = 0.45;  // of panels' time Winograd's method takes
constexpr Cost write_strided = 10;     // what phases write beside other ones

double cost(int64_t n) { return static_cast<double>(n); }

/// What a dimension's taps and steps make of it.
struct Span {
  int64_t taps, count, step;
  int64_t phases;       // of the source that taps read
  int64_t least, most;  // source indices within a phase, from a result's on

  explicit Span(const CorrelationAxis& axis)
      : taps(static_cast<int64_t>(axis.tap.size())),
        count(axis.count),
        step(axis.source_step),
        phases(0),
        least(taps ? floor_div(axis.offset[0], step) : 0),
        most(least) {
    for (int64_t i = 0; i < taps; ++i) {
      const int64_t at = floor_div(axis.offset[i], step), phase = axis.offset[i] - at * step;
      least = std::min(least, at);
      most = std::max(most, at);
      bool is_new = true;
      for (int64_t j = 0; j < i && is_new; ++j) is_new = (axis.offset[j] - phase) % step != 0;
      phases += is_new;
    }
  }
  int64_t length() const { return most - least; }
  bool reads_straight(const CorrelationAxis& axis) const {
    return taps == 1 && axis.offset[0] == 0 && step == 1 && count == axis.source_size;
  }
};

struct Spans {
  Span depths, rows, columns;
  int64_t per_item, taps, sums, lanes;  // of one result: taps, products
  bool straight, in_order;              // how sources are read, results written

  Spans(const Correlation& c, int64_t lanes)
      : depths(c.axis[0]),
        rows(c.axis[1]),
        columns(c.axis[2]),
        per_item(depths.count * rows.count * columns.count),
        taps(depths.taps * rows.taps * columns.taps),
        sums(c.n_source * taps),
        lanes(lanes),
        straight(depths.reads_straight(c.axis[0]) && rows.reads_straight(c.axis[1]) &&
                 columns.reads_straight(c.axis[2])),
        in_order(c.axis[0].target_step == 1 && c.axis[1].target_step == 1 &&
                 c.axis[2].target_step == 1) {}

  int64_t vectors(int64_t n) const { return ceil_div(n, lanes); }
  int64_t row_length() const { return columns.count + columns.length(); }
  /// Stretches of rows that are packed at once.
  int64_t chunks(int64_t n_items) const {
    return straight ? vectors(n_items * per_item)
                    : n_items * depths.count * rows.count * vectors(columns.count);
  }
  /// Of the taps of depth those that meet a source.
  double reach(const CorrelationAxis& axis) const {
    if (depths.count * depths.taps <= 1) return 1;
    int64_t met = 0;
    for (int64_t i = 0; i < depths.count; ++i)
      for (int64_t offset : axis.offset) {
        const int64_t at = i * depths.step + offset;
        met += at >= 0 && at < axis.source_size;
      }
    return cost(met) / cost(depths.count * depths.taps);
  }
};

/// For steps of one, two and more elements.
struct ByStep {
  Cost one, two, more;
  Cost of(int64_t step) const { return step == 1 ? one : step == 2 ? two : more; }
};

Cost panels_cost(const Correlation& c, const Spans& s) {
  constexpr ByStep pack{5.6, 7.6, 9.7};
  constexpr Cost tap_of_chunk = 14, write = 6.5, write_apart = 3.5, turn_weight = 1.4, call = 6900;
  constexpr int64_t most_depth = 320, block_vectors = 12;
  const int64_t vectors = s.vectors(c.n_items * s.per_item), chunks = s.chunks(c.n_items);
  const int64_t slices = ceil_div(c.n_source, std::max<int64_t>(1, most_depth / s.taps));
  const bool whole_items =
      c.n_items == 1 || (s.per_item >= block_vectors * s.lanes &&
                         round_up(s.per_item, s.lanes) * 32 <= s.per_item * 33);
  const Cost writes = cost(c.n_target * vectors * slices);
  Cost one = cost(s.sums * c.n_target * vectors) + pack.of(s.columns.step) * cost(s.sums * chunks) +
             write * writes + tap_of_chunk * cost(s.taps * chunks);
  if (!(whole_items && s.in_order)) one += write_apart * writes;
  if (!s.in_order) one += write_strided * cost(c.n_target * vectors);
  if (c.weight_tap == 1 && c.weight_source != s.taps)
    one += turn_weight * cost(s.sums * c.n_target);
  return call + cost(c.groups) * one;
}

/// Of one of correlate_direct's layouts of planes: see PlaneLayout.
Cost direct_cost(const Correlation& c, const Spans& s, int64_t itemsize, bool taps_apart) {
  constexpr ByStep pack{4.2, 9.3, 15};
  constexpr Cost sum = 0.92, load = 0.72, load_far = 0.36, write = 9.9, weights = 43, call = 4400;
  // Short rows are written through masks, which shorter vectors have no registers for.
  const Cost pack_apart = s.lanes * itemsize == 64 ? 8 : 24;
  constexpr int64_t band_bytes = 512 << 10, cache_bytes = 900 << 10, tile_targets = 8;
  const int64_t n_planes = c.n_source * s.depths.taps,
                row_length = taps_apart ? s.columns.count : s.row_length();
  const int64_t row_bytes = n_planes * row_length * itemsize * s.rows.step *
                            (taps_apart ? s.columns.taps : s.columns.step);
  const int64_t n_bands =
      ceil_div(s.rows.count, std::max<int64_t>(1, band_bytes / std::max<int64_t>(1, row_bytes)));
  const int64_t band = ceil_div(s.rows.count, n_bands) + s.rows.length();
  const bool far = cost(band) * cost(row_bytes) > cost(cache_bytes);

  const int64_t rows = s.rows.count, columns = s.columns.count;
  const bool by_rows = columns >= 2 * s.lanes && round_up(columns, s.lanes) <= row_length;
  const int64_t slices = c.n_items * s.depths.count;
  const int64_t vectors =
      slices * (by_rows ? rows * s.vectors(columns) : s.vectors((rows - 1) * row_length + columns));
  const bool in_place = !taps_apart && s.depths.taps == 1 && s.rows.step == 1 &&
                        s.columns.step == 1 && c.axis[0].stays_inside() &&
                        c.axis[1].stays_inside() && c.axis[2].stays_inside() &&
                        (rows - 1) * c.axis[2].source_size + columns >= 6 * s.lanes;
  const int64_t packed =
      in_place ? 0
               : n_planes * slices * (rows + n_bands * s.rows.length()) * s.rows.phases *
                     (taps_apart ? s.columns.taps : s.columns.phases) * s.vectors(row_length);
  const Cost products = s.reach(c.axis[0]) * cost(s.sums * vectors);
  return call +
         cost(c.groups) *
             (products * (sum * cost(c.n_target) + (load + (far ? load_far : 0)) *
                                                       cost(ceil_div(c.n_target, tile_targets))) +
              (taps_apart ? pack_apart : pack.of(s.columns.step)) * cost(packed) +
              (s.in_order ? write : write + write_strided) * cost(c.n_target * vectors) +
              weights * cost(s.sums * c.n_target) / cost(s.lanes));
}

/// Whether there are fewer vectors without the pixels between rows: all that taps apart can save.
bool may_gain_by_taps_apart(const Spans& s) {
  const int64_t rows = s.rows.count, columns = s.columns.count;
  return s.columns.step == 1 && s.columns.taps > 1 &&
         s.vectors(rows * columns) < s.vectors((rows - 1) * s.row_length() + columns);
}

constexpr Cost least_gain_apart = 1.05;

bool gains_by_taps_apart(const Correlation& c, const Spans& s, int64_t itemsize) {
  return may_gain_by_taps_apart(s) &&
         direct_cost(c, s, itemsize, true) * least_gain_apart < direct_cost(c, s, itemsize, false);
}

Cost direct_cost(const Correlation& c, const Spans& s, int64_t itemsize) {
  constexpr Cost estimate = 1.09;  // that of taps apart is this much short beside panels'
  const Cost plain = direct_cost(c, s, itemsize, false);
  if (!may_gain_by_taps_apart(s)) return plain;
  const Cost apart = direct_cost(c, s, itemsize, true);
  return apart * least_gain_apart < plain ? std::min(plain, estimate * apart) : plain;
}

Cost outer_panels_cost(const Correlation& c, const Spans& s) {
  constexpr ByStep pack{5.1, 7.1, 8.5};
  constexpr Cost tap_of_chunk = 12, pack_grad = 15, turn = 9.5, add = 3, call = 17000;
  constexpr int64_t block_vectors = 24, most_rows = 640;
  const int64_t pixels = c.n_items * s.per_item, vectors = s.vectors(pixels),
                chunks = s.chunks(c.n_items), blocks = ceil_div(vectors, block_vectors);
  const int64_t parts = ceil_div(c.n_source, std::max<int64_t>(1, most_rows / s.taps));
  const bool columns_turned =
      cost(s.sums * pixels) <= 1.6 * cost(c.n_target * pixels) + 2 * cost(s.sums * c.n_target);
  const int64_t tile_vectors =
      columns_turned ? s.vectors(s.sums) * c.n_target : s.vectors(c.n_target) * s.sums;
  return call +
         cost(c.groups) * (cost(tile_vectors * pixels) + add * cost(tile_vectors * blocks) +
                           pack.of(s.columns.step) * cost(s.sums * chunks) +
                           tap_of_chunk * cost(s.taps * chunks * parts) +
                           pack_grad * cost(c.n_target * vectors * parts) +
                           turn * cost((columns_turned ? s.sums : c.n_target * parts) * vectors));
}

Cost outer_direct_cost(const Correlation& c, const Spans& s) {
  constexpr ByStep pack{7.2, 11, 16.5};
  constexpr Cost load = 2.4, pack_grad = 4.7, add_lanes = 6.8, call = 17000;
  constexpr int64_t band_pixels = 2048, part_targets = 64, tile_g = 4, tile_x = 6;
  const int64_t row_length = s.row_length();
  const int64_t bands = ceil_div(s.rows.count, std::max<int64_t>(1, band_pixels / row_length));
  const int64_t band = ceil_div(s.rows.count, bands);
  const int64_t items = c.n_items * s.depths.count * bands, vectors = s.vectors(band * row_length);
  const int64_t at_once = std::clamp<int64_t>(band_pixels / (vectors * s.lanes), 1, items);
  const int64_t loads =
      (s.sums * ceil_div(c.n_target, tile_g) + c.n_target * ceil_div(s.sums, tile_x)) * vectors;
  const int64_t planes = c.n_source * s.depths.taps * (band + s.rows.length()) * s.rows.phases *
                         s.columns.phases * s.vectors(row_length);
  return call +
         cost(c.groups) *
             (load * cost(loads * items) +
              pack.of(s.columns.step) * cost(planes * items * ceil_div(c.n_target, part_targets)) +
              pack_grad * cost(c.n_target * band * s.vectors(row_length) * items) +
              add_lanes * cost(s.sums * c.n_target * ceil_div(items, at_once)));
}

/// Of spread_backward_input, which adds up one element at a time.
Cost pixels_cost(const ConvShape& s, int64_t lanes) {
  constexpr Cost add = 5, fill = 10, calls = 13000;
  const int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2],
                pixels = s.N * s.out[0] * s.out[1] * s.out[2];
  double meeting = 1;  // of the taps
  for (int d = 0; d < 3; ++d) {
    int64_t met = 0;
    for (int64_t k = 0; k < s.kernel[d]; ++k)
      for (int64_t i = 0; i < s.out[d]; ++i) {
        const int64_t at = i * s.stride[d] + k * s.dilation[d] - s.padding[d];
        met += at >= 0 && at < s.in[d];
      }
    meeting *= cost(met) / cost(s.kernel[d] * s.out[d]);
  }
  const Cost products = cost(ceil_div(s.C * taps, lanes)) * cost(pixels * s.O);
  return calls + products + meeting * add * cost(s.C * taps * pixels) +
         fill * cost(s.N * s.C) * cost(ceil_div(s.in[0] * s.in[1] * s.in[2], lanes));
}

Cost spreading_cost(const ConvShape& s, int64_t lanes) {
  constexpr ByStep add{0, 11, 9.2};
  constexpr Cost row = 26, fill = 10, pack = 1.3, write = 10, call = 1160, calls = 13000;
  constexpr int64_t most_products = 1 << 16, wanted_units = 8;
  const int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2], n_targets = s.C / s.groups,
                n_sources = s.O / s.groups, rows = s.out[0] * s.out[1], length = s.out[2];
  int64_t part = n_targets;
  while (part > 1 &&
         (part * taps * length > 2 * most_products ||
          (s.N * s.groups * ceil_div(n_targets, part) < wanted_units && part * taps >= 64)))
    part = ceil_div(part, 2);
  const int64_t n_parts = ceil_div(n_targets, part);
  if (s.N * rows * length * n_targets == 0) return calls;
  const int64_t blocks =
      ceil_div(rows, std::max<int64_t>(1, most_products / (part * taps * length)));
  const int64_t vectors = blocks * ceil_div(ceil_div(rows, blocks) * length, lanes);
  const Cost products = cost(n_targets * taps * vectors), each = cost(s.N * s.groups);
  return calls +
         each * (products * cost(n_sources) + write * products +
                 pack * cost(n_sources * vectors * n_parts) + call * cost(blocks * n_parts) +
                 cost(n_targets * taps * rows) *
                     (row + add.of(s.stride[2]) * cost(ceil_div(length, lanes))) +
                 fill * cost(n_targets * ceil_div(s.in[0] * s.in[1] * s.in[2], lanes)));
}

}  // namespace

double pairs_saving(const ConvShape& shape, const std::vector<Correlation>& phases, bool backward,
                    bool saves_products) {
  constexpr Cost convert = 4, pair = 3, pair_weights = 3;
  const int64_t lanes = conv_kernels<float>().lanes;
  Cost pairs = 0, numbers = 0;
  for (const Correlation& phase : phases) {
    Spans spans(phase, lanes);
    if (spans.taps == 0 || phase.n_items * spans.per_item == 0) continue;
    numbers += std::min(panels_cost(phase, spans), direct_cost(phase, spans, sizeof(float)));
    Correlation half = phase;
    half.n_source = ceil_div(phase.n_source, 2);
    half.weight_source = 0;  // turned in any case
    pairs += panels_cost(half, Spans(half, lanes)) +
             pair_weights * cost(half.n_source * spans.taps * half.n_target * half.groups);
  }
  if (saves_products) numbers *= saved_by_tiles;
  if (backward)
    numbers = std::min({numbers, spreading_cost(shape, lanes),
                        fits_spread_short(shape) ? pixels_cost(shape, lanes) : numbers});
  const int64_t in = shape.N * shape.C * shape.in[0] * shape.in[1] * shape.in[2],
                out = shape.N * shape.O * shape.out[0] * shape.out[1] * shape.out[2];
  numbers += convert * cost(in + out) / cost(lanes);
  pairs += pair * cost(backward ? out : in) / cost(lanes);
  return numbers / pairs;
}

template <class T>
bool panels_are_quicker(const Correlation& c) {
  const Spans spans(c, conv_kernels<T>().lanes);
  if (spans.sums * c.n_target * c.n_items * spans.per_item == 0) return false;
  return panels_cost(c, spans) < direct_cost(c, spans, sizeof(T));
}

template <class T>
bool taps_apart_are_quicker(const Correlation& c) {
  return gains_by_taps_apart(c, Spans(c, conv_kernels<T>().lanes), sizeof(T));
}

template <class T>
bool outer_panels_are_quicker(const Correlation& c) {
  const Spans spans(c, conv_kernels<T>().lanes);
  if (spans.sums * c.n_target * c.n_items * spans.per_item == 0) return false;
  return outer_panels_cost(c, spans) < outer_direct_cost(c, spans);
}

template <class T>
Spreading quicker_spreading(const ConvShape& shape, const std::vector<Correlation>& phases,
                            bool saves_products) {
  constexpr int64_t least_sources = 4;  // a product of fewer is all writes
  const int64_t taps = shape.kernel[0] * shape.kernel[1] * shape.kernel[2],
                pixels = shape.out[0] * shape.out[1] * shape.out[2];
  if (shape.N * pixels == 0 || taps <= 1 || shape.O < least_sources * shape.groups)
    return Spreading::none;
  const int64_t lanes = conv_kernels<T>().lanes;
  Cost all = 0;
  for (const Correlation& phase : phases) {
    const Spans spans(phase, lanes);
    if (spans.taps == 0 || phase.n_items * spans.per_item == 0) continue;
    all += std::min(panels_cost(phase, spans), direct_cost(phase, spans, sizeof(T)));
  }
  if (saves_products) all *= saved_by_tiles;
  const Cost rows = spreading_cost(shape, lanes);
  if (fits_spread_short(shape) && pixels_cost(shape, lanes) < std::min(rows, all))
    return Spreading::pixels;
  return rows < all ? Spreading::rows : Spreading::none;
}

template bool panels_are_quicker<float>(const Correlation&);
template bool panels_are_quicker<double>(const Correlation&);
template bool taps_apart_are_quicker<float>(const Correlation&);
template bool taps_apart_are_quicker<double>(const Correlation&);
template bool outer_panels_are_quicker<float>(const Correlation&);
template bool outer_panels_are_quicker<double>(const Correlation&);
template Spreading quicker_spreading<float>(const ConvShape&, const std::vector<Correlation>&,
                                            bool);
template Spreading quicker_spreading<double>(const ConvShape&, const std::vector<Correlation>&,
                                             bool);

}  // namespace flambeau
