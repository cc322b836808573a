#include "kernels/conv/pixel_outer.h"

#include <algorithm>

#include "kernels/conv/pixel_band.h"
#include "kernels/conv/pixel_windows.h"
#include "kernels/conv/planes.h"
#include "kernels/elements/convert.h"
#include "kernels/gemm/simd.h"
#include "kernels/gemm/words.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { windows_slot, panels_slot, sums_slot, turned_slot, room_slot };

// Pairs of results that are multiplied at once, and targets whose sums are made together.
constexpr int64_t block_pairs = 96, most_targets = 256;
// Below this many products a unit is not cut further for threads.
constexpr int64_t least_products = 2'000'000, wanted_units = 8;

/// The sums of all ranges, added up. compute(range, unit, sums) makes a unit's share of a range's.
template <class Compute>
float* add_up(const SumRanges& ranges, int64_t n_units, int64_t n_sums, int64_t products,
              Compute&& compute) {
  float* sums = Workspace::get<float>(sums_slot, ranges.n * n_sums);
  const int64_t at_once = std::max<int64_t>(1, n_units * ranges.n * least_products / products);
  parallel_ranges(ranges.n * n_units, at_once, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      compute(i / n_units, i % n_units, sums + i / n_units * n_sums);
  });
  add_ranges(sums, ranges.n, n_sums, sums);
  return sums;
}

/// Pairs are of results, one after the other, whatever these read; windows are copied.
class OuterOfWindows {
 public:
  OuterOfWindows(const Correlation& c, const uint16_t* grad, const uint16_t* source)
      : c_(c),
        source_(source),
        windows_(c),
        chunks_(Chunks::of(static_cast<int64_t>(windows_.taps().size()), c.n_source)),
        part_(balanced(c.n_target, most_targets)),
        n_parts_(ceil_div(c.n_target, part_)),
        row_(round_up(chunks_.each * c.n_source, kernels_.lanes)),
        n_results_(windows_.n_results()),
        n_blocks_(ceil_div(n_results_, 2 * block_pairs)),
        n_units_(c.groups * n_parts_ * chunks_.n),
        n_sums_(c.groups * c.n_target * chunks_.n * row_),
        products_(n_results_ * c.groups * c.n_source * c.n_target * chunks_.n_taps),
        ranges_(n_blocks_, products_, n_sums_, least_products, ceil_div(wanted_units, n_units_)) {
    turn(grad);
  }

  void run(bfloat16* grad_weight) {
    float* sums =
        add_up(ranges_, n_units_, n_sums_, products_,
               [&](int64_t range, int64_t unit, float* own) { compute(range, unit, own); });
    const int64_t all_values = chunks_.n_taps * c_.n_source, n_targets = c_.groups * c_.n_target;
    parallel_ranges(n_targets, std::max<int64_t>(1, 32768 / all_values),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t m = begin; m < end; ++m)
                        for (int64_t chunk = 0; chunk < chunks_.n; ++chunk)
                          convert(sums_of(sums, m / c_.n_target, chunk) + m % c_.n_target * row_,
                                  grad_weight + m * all_values + chunks_.begin(chunk) * c_.n_source,
                                  values_of(chunk));
                    });
  }

 private:
  int64_t values_of(int64_t chunk) const {
    return (chunks_.end(chunk) - chunks_.begin(chunk)) * c_.n_source;
  }
  float* sums_of(float* sums, int64_t group, int64_t chunk) const {
    return sums + (group * chunks_.n + chunk) * c_.n_target * row_;
  }

  /// Gradients as rows of words, a row for each target, block by block.
  void turn(const uint16_t* grad) {
    const int64_t lanes = kernels_.lanes, n_targets = c_.groups * c_.n_target,
                  padded = round_up(n_targets, lanes);
    uint32_t* turned = Workspace::get<uint32_t>(turned_slot, n_blocks_ * padded * block_pairs);
    turned_ = turned;
    parallel_ranges(n_blocks_, std::max<int64_t>(1, 32768 / (padded * block_pairs)),
                    [&](int64_t begin, int64_t end) {
                      uint32_t* room = Workspace::get<uint32_t>(room_slot, lanes * padded);
                      std::fill_n(room, lanes * padded, 0u);
                      for (int64_t block = begin; block < end; ++block)
                        for (int64_t pair = 0; pair < block_pairs; pair += lanes) {
                          for (int64_t i = 0; i < lanes; ++i)
                            join(grad, block * block_pairs + pair + i, n_targets,
                                 room + i * padded);
                          kernels_.turn(padded, room, 4 * padded,
                                        turned + block * padded * block_pairs + pair, block_pairs);
                        }
                    });
  }
  void join(const uint16_t* grad, int64_t pair, int64_t n, uint32_t* to) const {
    const uint16_t* from = grad + 2 * pair * n;
    if (2 * pair + 1 < n_results_)
      kernels_.join(from, n, n, to);
    else if (2 * pair < n_results_)
      std::copy_n(from, n, to);
    else
      std::fill_n(to, n, 0u);
  }

  void compute(int64_t range, int64_t unit, float* sums) const {
    const int64_t chunk = unit % chunks_.n, part = unit / chunks_.n % n_parts_,
                  group = unit / chunks_.n / n_parts_;
    const int64_t lanes = kernels_.lanes, m0 = part * part_,
                  n_m = std::min(part_, c_.n_target - m0);
    const int64_t n_values = values_of(chunk), padded = round_up(n_values, lanes),
                  all_targets = round_up(c_.groups * c_.n_target, lanes);
    const auto reads = windows_.reads(chunks_.begin(chunk), chunks_.end(chunk));
    uint16_t* rows = Workspace::get<uint16_t>(windows_slot, 2 * block_pairs * padded);
    std::fill_n(rows, 2 * block_pairs * padded, uint16_t{0});
    uint32_t* panels = Workspace::get<uint32_t>(panels_slot, block_pairs * padded);
    const Spread cut(padded / lanes, kernels_.vectors), tiles(n_m, kernels_.rows);
    float* to = sums_of(sums, group, chunk) + m0 * row_;
    const int64_t begin = ranges_.begin(range), end = ranges_.end(range, n_blocks_);
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * 2 * block_pairs,
                    n = std::min(2 * block_pairs, n_results_ - first);
      const int64_t n_pairs = ceil_div(n, 2);
      windows_.copy(source_, first, n, group, reads, rows, padded);
      if (n % 2) std::fill_n(rows + n * padded, padded, uint16_t{0});
      const uint32_t* words =
          turned_ + (block * all_targets + group * c_.n_target + m0) * block_pairs;
      for (int64_t panel = 0; panel < cut.n_parts; ++panel) {
        const int64_t lane = cut.begin(panel) * lanes, width = cut.length(panel) * lanes;
        uint32_t* joined = panels + lane * n_pairs;
        for (int64_t pair = 0; pair < n_pairs; ++pair)
          kernels_.join(rows + 2 * pair * padded + lane, padded, width, joined + pair * width);
        for (int64_t tile = 0; tile < tiles.n_parts; ++tile)
          kernels_.tile(static_cast<int>(tiles.length(tile)), static_cast<int>(cut.length(panel)),
                        n_pairs, words + tiles.begin(tile) * block_pairs, block_pairs, joined,
                        block > begin, to + tiles.begin(tile) * row_ + lane, row_);
      }
    }
  }

  const WordKernels<uint32_t, float>& kernels_ = bfloat16_pairs();
  const Correlation& c_;
  const uint16_t* source_;
  const uint32_t* turned_ = nullptr;
  PixelWindows windows_;
  Chunks chunks_;
  int64_t part_, n_parts_, row_, n_results_, n_blocks_, n_units_, n_sums_, products_;
  SumRanges ranges_;
};

/// Pairs are of neighbours in a row of results. What they read through the taps of a row lies side
/// by side in a band, is joined once, and read by all rows of taps.
class OuterOfBands {
 public:
  static bool fits(const Correlation& c) {
    constexpr int64_t most_sums = 1 << 17;
    const int64_t lanes = bfloat16_pairs().lanes;
    // Steps leave rows and pixels apart that only some taps meet.
    const bool steps = c.axis[1].source_step > 1 || c.axis[2].source_step > 1;
    return !steps && PixelBand::fits(c) && PixelBand::is_dense(c.axis[2]) &&
           std::min(c.n_target, most_targets) * rows_of_taps(c) *
                   round_up(c.kernel[2] * c.n_source, lanes) <=
               most_sums;
  }

  OuterOfBands(const Correlation& c, const uint16_t* grad, const uint16_t* source)
      : c_(c),
        source_(source),
        windows_(c),
        blocks_(c, 2 * block_pairs),
        pitch_(round_up(blocks_.rows * ceil_div(blocks_.columns, 2), kernels_.lanes)),
        padded_(round_up(c.groups * c.n_target, kernels_.lanes)),
        part_(balanced(c.n_target, most_targets)),
        n_parts_(ceil_div(c.n_target, part_)),
        run_(round_up(c.kernel[2] * c.n_source, kernels_.lanes)),
        row_(rows_of_taps(c) * run_),
        n_units_(c.groups * n_parts_),
        n_sums_(c.groups * c.n_target * row_),
        products_(c.n_items * c.axis[0].count * c.axis[1].count * c.axis[2].count * c.groups *
                  c.n_source * c.n_target * rows_of_taps(c) * c.kernel[2]),
        ranges_(blocks_.n, products_, n_sums_, least_products, ceil_div(wanted_units, n_units_)) {
    turn(grad);
  }

  void run(bfloat16* grad_weight) {
    float* sums =
        add_up(ranges_, n_units_, n_sums_, products_,
               [&](int64_t range, int64_t unit, float* own) { compute(range, unit, own); });
    const int64_t length = c_.kernel[2] * c_.n_source, n_runs = rows_of_taps(c_);
    for (int64_t m = 0; m < c_.groups * c_.n_target; ++m)
      for (int64_t run = 0; run < n_runs; ++run)
        convert(sums + m * row_ + run * run_, grad_weight + (m * n_runs + run) * length, length);
  }

 private:
  static int64_t rows_of_taps(const Correlation& c) { return c.kernel[0] * c.kernel[1]; }

  /// Gradients as rows of words, a row for each target, block by block.
  void turn(const uint16_t* grad) {
    const int64_t lanes = kernels_.lanes, n_targets = c_.groups * c_.n_target;
    uint32_t* turned = Workspace::get<uint32_t>(turned_slot, blocks_.n * padded_ * pitch_);
    turned_ = turned;
    parallel_ranges(
        blocks_.n, std::max<int64_t>(1, 32768 / (padded_ * pitch_)),
        [&](int64_t begin, int64_t end) {
          uint32_t* room = Workspace::get<uint32_t>(room_slot, lanes * padded_);
          std::fill_n(room, lanes * padded_, 0u);
          for (int64_t index = begin; index < end; ++index) {
            const BandBlocks::Block block = blocks_.at(index);
            const int64_t per_row = ceil_div(block.n_columns, 2), n = block.n_rows * per_row;
            for (int64_t pair = 0; pair < n; pair += lanes) {
              for (int64_t i = pair; i < std::min(n, pair + lanes); ++i) {
                const int64_t column = 2 * (i % per_row);
                const uint16_t* from = grad + (block.first(c_, i / per_row) + column) * n_targets;
                uint32_t* to = room + (i - pair) * padded_;
                if (column + 1 < block.n_columns)
                  kernels_.join(from, n_targets, n_targets, to);
                else
                  std::copy_n(from, n_targets, to);
              }
              kernels_.turn(padded_, room, 4 * padded_, turned + index * padded_ * pitch_ + pair,
                            pitch_);
            }
          }
        });
  }

  /// Words of `width` values from `lane` on for each pair of neighbours, row after row of a band.
  void join(const PixelBand& band, const uint16_t* values, int64_t lane, int64_t width,
            int64_t n_columns, uint32_t* to) const {
    for (int64_t row = 0; row < band.n_depths() * band.n_rows(); ++row) {
      const uint16_t* from = values + row * band.row_length() + lane;
      for (int64_t column = 0; column < n_columns; column += 2, to += width)
        if (column + 1 < n_columns)
          kernels_.join(from + column * c_.n_source, c_.n_source, width, to);
        else
          std::copy_n(from + column * c_.n_source, width, to);
    }
  }

  void compute(int64_t range, int64_t unit, float* sums) const {
    const int64_t lanes = kernels_.lanes, group = unit / n_parts_, m0 = unit % n_parts_ * part_,
                  n_m = std::min(part_, c_.n_target - m0), n_runs = rows_of_taps(c_);
    const Spread cut(run_ / lanes, kernels_.vectors), tiles(n_m, kernels_.rows);
    float* to = sums + (group * c_.n_target + m0) * row_;
    const int64_t begin = ranges_.begin(range), end = ranges_.end(range, blocks_.n);
    for (int64_t index = begin; index < end; ++index) {
      const BandBlocks::Block block = blocks_.at(index);
      const PixelBand band(c_, block, c_.n_source);
      // Words reach behind the last run: their sums are nobody's.
      uint16_t* values = Workspace::get<uint16_t>(windows_slot, band.length() + run_);
      std::fill_n(values + band.length(), run_, uint16_t{0});
      band.copy(source_, group, values);
      const int64_t per_row = ceil_div(block.n_columns, 2);
      uint32_t* joined = Workspace::get<uint32_t>(
          panels_slot, band.n_depths() * band.n_rows() * per_row * kernels_.vectors * lanes);
      const uint32_t* words = turned_ + (index * padded_ + group * c_.n_target + m0) * pitch_;
      for (int64_t panel = 0; panel < cut.n_parts; ++panel) {
        const int64_t lane = cut.begin(panel) * lanes, width = cut.length(panel) * lanes;
        join(band, values, lane, width, block.n_columns, joined);
        for (int64_t run = 0; run < n_runs; ++run) {
          const int64_t row = band.place(0, windows_.read(run * c_.kernel[2])) / band.row_length();
          const uint32_t* b = joined + row * per_row * width;
          for (int64_t tile = 0; tile < tiles.n_parts; ++tile)
            kernels_.tile(static_cast<int>(tiles.length(tile)), static_cast<int>(cut.length(panel)),
                          block.n_rows * per_row, words + tiles.begin(tile) * pitch_, pitch_, b,
                          index > begin, to + tiles.begin(tile) * row_ + run * run_ + lane, row_);
        }
      }
    }
  }

  const WordKernels<uint32_t, float>& kernels_ = bfloat16_pairs();
  const Correlation& c_;
  const uint16_t* source_;
  const uint32_t* turned_ = nullptr;
  PixelWindows windows_;
  BandBlocks blocks_;
  int64_t pitch_, padded_, part_, n_parts_, run_, row_, n_units_, n_sums_, products_;
  SumRanges ranges_;
};

}  // namespace

void outer_pixel_pairs(const Correlation& c, const bfloat16* grad, const bfloat16* source,
                       bfloat16* grad_weight) {
  const auto *g = reinterpret_cast<const uint16_t*>(grad),
             *x = reinterpret_cast<const uint16_t*>(source);
  if (OuterOfBands::fits(c))
    OuterOfBands(c, g, x).run(grad_weight);
  else
    OuterOfWindows(c, g, x).run(grad_weight);
}

}  // namespace flambeau
