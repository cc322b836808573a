#include "kernels/conv/pixel_pairs.h"

#include <algorithm>

#include "kernels/conv/factors.h"
#include "kernels/conv/pixel_band.h"
#include "kernels/conv/pixel_outer.h"
#include "kernels/conv/pixel_rows.h"
#include "kernels/conv/pixel_windows.h"
#include "kernels/conv/planes.h"
#include "kernels/conv/product.h"
#include "kernels/gemm/simd.h"
#include "kernels/gemm/words.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { weights_slot = 0, windows_slot, sums_slot, room_slot };

// Rows of windows that are multiplied at once.
constexpr int64_t block_rows = 64;
// Below this many products a unit is not cut further for threads.
constexpr int64_t least_products = 2'000'000, wanted_units = 8;

int64_t volume(const int64_t (&sizes)[3]) { return sizes[0] * sizes[1] * sizes[2]; }

bool all_finite(const void* halves, int64_t n) {
  constexpr uint16_t exponent = 0x7f80;
  const auto* bits = static_cast<const uint16_t*>(halves);
  uint16_t found = 0;
  for (int64_t i = 0; i < n; ++i) found |= (bits[i] & exponent) == exponent ? 1 : 0;
  return !found;
}

/// One phase of a correlation.
class Phase {
 public:
  Phase(const Correlation& c, bool backward, const uint16_t* source, const uint16_t* weight,
        const float* bias, bool relu, uint16_t* target, bool whole_words)
      : c_(c),
        backward_(backward),
        source_(source),
        weight_(weight),
        bias_(bias),
        relu_(relu),
        target_(target),
        windows_(c),
        by_rows_(PixelBand::fits(c) && (whole_words || PixelBand::is_dense(c.axis[2]))),
        channels_(by_rows_ && whole_words ? round_up(c.n_source, 2) : c.n_source),
        chunks_(by_rows_ ? Chunks(n_taps(), PixelBand::neighbours(c, Chunks::most_values))
                         : Chunks::of(n_taps(), c.n_source)),
        cut_(ceil_div(c.n_target, kernels_.lanes), kernels_.vectors),
        chunk_words_(round_up(ceil_div(chunks_.each * channels_, 2), kernels_.lanes)),
        padded_targets_(round_up(c.n_target, kernels_.lanes)),
        in_order_(std::ranges::is_sorted(windows_.taps())) {}

  void run() const {
    uint32_t* laid = Workspace::get<uint32_t>(
        weights_slot, c_.groups * chunks_.n * chunk_words_ * padded_targets_);
    lay_weights(laid);
    const int64_t n = windows_.n_results(), block = balanced(n, block_rows);
    const BandBlocks bands(c_, block_rows);
    const int64_t n_blocks = by_rows_ ? bands.n : ceil_div(n, block);
    const int64_t products = n * c_.groups * c_.n_source * c_.n_target * chunks_.n_taps;
    // Few blocks: panels of targets apart.
    const int64_t wanted = std::clamp<int64_t>(products / least_products, 1, wanted_units);
    const Spread parts(
        cut_.n_parts,
        ceil_div(cut_.n_parts,
                 std::min<int64_t>(cut_.n_parts, ceil_div(wanted, n_blocks * c_.groups))));
    const int64_t n_units = n_blocks * c_.groups * parts.n_parts;
    parallel_ranges(n_units, std::max<int64_t>(1, n_units * least_products / products),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t unit = begin; unit < end; ++unit) {
                        const int64_t part = unit % parts.n_parts, rest = unit / parts.n_parts,
                                      at = rest / c_.groups;
                        const Part targets = {rest % c_.groups, parts.begin(part),
                                              parts.begin(part) + parts.length(part)};
                        if (by_rows_)
                          compute_band(bands.at(at), targets, laid);
                        else
                          compute_windows(at * block, std::min(block, n - at * block), targets,
                                          laid);
                      }
                    });
  }

 private:
  struct Part {
    int64_t group, panel_begin, panel_end;
  };

  int64_t n_taps() const { return static_cast<int64_t>(windows_.taps().size()); }
  int64_t values_of(int64_t chunk) const {
    return (chunks_.end(chunk) - chunks_.begin(chunk)) * channels_;
  }
  uint32_t* panel_of(uint32_t* laid, int64_t group, int64_t chunk, int64_t panel) const {
    return laid + (group * chunks_.n + chunk) * chunk_words_ * padded_targets_ +
           cut_.begin(panel) * kernels_.lanes * chunk_words_;
  }

  /// Each weight is read where the one before it was: row after row of the targets, or of sources.
  void lay_weights(uint32_t* laid) const {
    const int64_t words = chunks_.n * chunk_words_ * kernels_.lanes;
    if (backward_) {
      const int64_t all = chunks_.n * chunk_words_;
      parallel_ranges(c_.groups * all, std::max<int64_t>(1, 16384 / padded_targets_),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t at = begin; at < end; ++at)
                          join_weights(laid, at / all, at % all / chunk_words_, at % chunk_words_);
                      });
      return;
    }
    const int64_t n_vectors = padded_targets_ / kernels_.lanes;
    parallel_ranges(c_.groups * n_vectors, std::max<int64_t>(1, 16384 / words),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t at = begin; at < end; ++at)
                        for (int64_t chunk = 0; chunk < chunks_.n; ++chunk)
                          turn_weights(laid, at / n_vectors, chunk, at % n_vectors);
                    });
  }

  /// A vector of targets whose sources lie side by side.
  void turn_weights(uint32_t* laid, int64_t group, int64_t chunk, int64_t vector) const {
    const int64_t lanes = kernels_.lanes, length = 2 * chunk_words_;
    const int64_t row = volume(c_.kernel) * c_.n_source, m0 = vector * lanes,
                  n_m = std::min(lanes, c_.n_target - m0);
    int64_t panel = 0;
    while (cut_.begin(panel + 1) <= vector) ++panel;
    const int64_t width = cut_.length(panel) * lanes;
    uint32_t* to = panel_of(laid, group, chunk, panel) + m0 - cut_.begin(panel) * lanes;
    const int64_t tap = windows_.taps()[chunks_.begin(chunk)],
                  first = (group * c_.n_target + m0) * row + tap * c_.n_source;
    const int64_t all = c_.groups * c_.n_target * row;
    // What is read behind the taps goes to rows that nobody takes.
    if (in_order_ && n_m == lanes && row % 2 == 0 && c_.n_source % 2 == 0 &&
        first + (lanes - 1) * row + length <= all)
      return kernels_.turn(chunk_words_, weight_ + first, 2 * row, to, width);
    uint16_t* rows = Workspace::get<uint16_t>(room_slot, lanes * length);
    std::fill_n(rows, lanes * length, uint16_t{0});
    for (int64_t m = 0; m < n_m; ++m) {
      const uint16_t* from = weight_ + (group * c_.n_target + m0 + m) * row;
      uint16_t* at = rows + m * length;
      for (int64_t t = chunks_.begin(chunk); t < chunks_.end(chunk); ++t, at += channels_)
        std::copy_n(from + windows_.taps()[t] * c_.n_source, c_.n_source, at);
    }
    kernels_.turn(chunk_words_, rows, 2 * length, to, width);
  }

  /// A word of all targets, which lie side by side.
  void join_weights(uint32_t* laid, int64_t group, int64_t chunk, int64_t word) const {
    const int64_t n_values = values_of(chunk);
    if (2 * word >= n_values) return;
    auto row = [&](int64_t value) {
      const int64_t tap = windows_.taps()[chunks_.begin(chunk) + value / channels_],
                    source = group * c_.n_source + value % channels_;
      return weight_ + (source * volume(c_.kernel) + tap) * c_.n_target;
    };
    const bool has_second = 2 * word + 1 < n_values && (2 * word + 1) % channels_ < c_.n_source;
    const uint16_t *first = row(2 * word), *second = has_second ? row(2 * word + 1) : first;
    for (int64_t panel = 0; panel < cut_.n_parts; ++panel) {
      const int64_t m0 = cut_.begin(panel) * kernels_.lanes,
                    width = cut_.length(panel) * kernels_.lanes,
                    n = std::min(width, c_.n_target - m0);
      uint32_t* to = panel_of(laid, group, chunk, panel) + word * width;
      if (has_second)
        kernels_.join(first + m0, second - first, n, to);
      else
        std::copy_n(first + m0, n, to);
      std::fill(to + n, to + width, 0u);
    }
  }

  void compute_windows(int64_t first, int64_t n, const Part& part, uint32_t* laid) const {
    const int64_t m0 = cut_.begin(part.panel_begin) * kernels_.lanes,
                  columns = cut_.begin(part.panel_end) * kernels_.lanes - m0;
    uint16_t* rows = Workspace::get<uint16_t>(windows_slot, n * 2 * chunk_words_);
    float* sums = Workspace::get<float>(sums_slot, n * columns);
    for (int64_t chunk = 0; chunk < chunks_.n; ++chunk) {
      const int64_t n_values = values_of(chunk), n_words = ceil_div(n_values, 2);
      windows_.copy(source_, first, n, part.group,
                    windows_.reads(chunks_.begin(chunk), chunks_.end(chunk)), rows, 2 * n_words);
      if (n_values % 2)
        for (int64_t i = 0; i < n; ++i) rows[i * 2 * n_words + n_values] = 0;
      for (int64_t panel = part.panel_begin; panel < part.panel_end; ++panel)
        multiply(rows, n_words, n, n_words, panel, panel_of(laid, part.group, chunk, panel),
                 chunk > 0, sums + cut_.begin(panel) * kernels_.lanes - m0, columns);
    }
    write(first, n, part.group, m0, sums, columns);
  }

  void compute_band(const BandBlocks::Block& block, const Part& part, uint32_t* laid) const {
    const int64_t m0 = cut_.begin(part.panel_begin) * kernels_.lanes,
                  columns = cut_.begin(part.panel_end) * kernels_.lanes - m0;
    const PixelBand band(c_, block, channels_);
    uint16_t* copy = Workspace::get<uint16_t>(windows_slot, band.length() + 1);
    band.copy(source_, part.group, copy);
    copy[band.length()] = 0;  // half of the last word, maybe
    // Results whose windows are whole words apart.
    const int64_t apart = 1 + band.step() % 2;
    float* sums = Workspace::get<float>(sums_slot, block.n_rows * block.n_columns * columns);
    std::vector<bool> begun(block.n_rows, false);
    for (int64_t chunk = 0; chunk < chunks_.n; ++chunk) {
      const int64_t tap = chunks_.begin(chunk), n_words = ceil_div(values_of(chunk), 2);
      for (int64_t panel = part.panel_begin; panel < part.panel_end; ++panel)
        for (int64_t r = 0; r < block.n_rows; ++r)
          for (int64_t i = 0; i < apart && band.meets(r, windows_.read(tap)); ++i)
            multiply(copy + band.place(r, windows_.read(tap)) + i * band.step(),
                     apart * band.step() / 2, ceil_div(block.n_columns - i, apart), n_words, panel,
                     panel_of(laid, part.group, chunk, panel), begun[r],
                     sums + (r * block.n_columns + i) * columns +
                         cut_.begin(panel) * kernels_.lanes - m0,
                     apart * columns);
      for (int64_t r = 0; r < block.n_rows; ++r)
        begun[r] = begun[r] || band.meets(r, windows_.read(tap));
    }
    const int64_t row = block.n_columns * columns;
    for (int64_t r = 0; r < block.n_rows; ++r) {
      if (!begun[r]) std::fill_n(sums + r * row, row, 0.0f);
      write(block.first(c_, r), block.n_columns, part.group, m0, sums + r * row, columns);
    }
  }

  /// n results of a panel of targets, whose windows begin a_row words apart.
  void multiply(const uint16_t* rows, int64_t a_row, int64_t n, int64_t n_words, int64_t panel,
                const uint32_t* weights, bool add, float* sums, int64_t columns) const {
    const Spread tiles(n, kernels_.rows);
    for (int64_t tile = 0; tile < tiles.n_parts; ++tile)
      kernels_.tile(static_cast<int>(tiles.length(tile)), static_cast<int>(cut_.length(panel)),
                    n_words, rows + tiles.begin(tile) * 2 * a_row, a_row, weights, add,
                    sums + tiles.begin(tile) * columns, columns);
  }

  /// Rounds n results from `first` on, of targets of a group from m0 on, to where they belong.
  void write(int64_t first, int64_t n, int64_t group, int64_t m0, const float* sums,
             int64_t columns) const {
    const int64_t pixel = c_.groups * c_.n_target, step = c_.axis[2].target_step * pixel,
                  channel = group * c_.n_target + m0;
    windows_.for_each_place(first, n, [&](int64_t place, int64_t count) {
      kernels_.round(count, std::min(columns, c_.n_target - m0), sums, columns,
                     bias_ ? bias_ + channel : nullptr, relu_, target_ + place * pixel + channel,
                     step);
      sums += count * columns;
    });
  }

  const WordKernels<uint32_t, float>& kernels_ = bfloat16_pairs();
  const Correlation& c_;
  bool backward_;
  const uint16_t *source_, *weight_;
  const float* bias_;
  bool relu_;
  uint16_t* target_;
  PixelWindows windows_;
  bool by_rows_;
  int64_t channels_;  // from pixel to pixel of what is multiplied
  Chunks chunks_;
  Spread cut_;  // vectors of targets in panels
  int64_t chunk_words_, padded_targets_;
  bool in_order_;  // of taps, which are all there forwards
};

/// Whether pixels are made whole words in bands. Of few channels that costs much: there the last
/// word of a row of taps has a value of the next pixel, which meets a weight of 0.
bool makes_whole_words(const Correlation& c, const void* source) {
  constexpr int64_t many = 8;
  const auto& axis = c.axis;
  return c.n_source % 2 == 0 || c.n_source > many ||
         !all_finite(source, c.n_items * c.groups * c.n_source * axis[0].source_size *
                                 axis[1].source_size * axis[2].source_size);
}

/// Whether so few results are made that weights are better read as they lie.
bool has_few_results(const std::vector<Correlation>& phases) {
  constexpr int64_t few = 32;
  const Correlation& c = phases[0];
  return phases.size() == 1 && c.groups == 1 && PixelWindows(c).n_results() <= few &&
         std::ranges::all_of(c.axis, writes_straight) &&
         std::ranges::equal(c.axis, c.kernel, [](const CorrelationAxis& axis, int64_t n) {
           return static_cast<int64_t>(axis.tap.size()) == n;
         });
}

void correlate_few(const Correlation& c, bool backward, const uint16_t* source, const void* weight,
                   const void* bias, bool relu, void* target) {
  const PixelWindows windows(c);
  const int64_t n = windows.n_results(), taps = static_cast<int64_t>(windows.taps().size()),
                length = taps * c.n_source;
  uint16_t* rows = Workspace::get<uint16_t>(windows_slot, n * length);
  windows.copy(source, 0, n, 0, windows.reads(0, taps), rows, length);
  if (backward) {
    // As the weights lie: source after source.
    uint16_t* turned = Workspace::get<uint16_t>(room_slot, n * length);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t t = 0; t < taps; ++t)
        for (int64_t s = 0; s < c.n_source; ++s)
          turned[i * length + s * taps + windows.taps()[t]] = rows[i * length + t * c.n_source + s];
    rows = turned;
  }
  ConvShape shape;
  shape.dtype = DType::bfloat16;
  AnyGemm g = product(shape, n, c.n_target, length, rows, false, weight, !backward, target);
  g.epilogue = {bias, false, relu};
  gemm(g);
}

bool correlate(const std::vector<Correlation>& phases, bool backward, const void* source,
               const void* weight, const void* bias, bool relu, void* target) {
  const Correlation& c = phases[0];
  const int64_t n_targets = c.groups * c.n_target;
  if (!all_finite(weight, n_targets * c.n_source * volume(c.kernel))) return false;
  if (has_few_results(phases)) {
    correlate_few(c, backward, static_cast<const uint16_t*>(source), weight, bias, relu, target);
    return true;
  }
  const auto wide = widened<bfloat16>(bias, n_targets);
  const bool whole_words = makes_whole_words(c, source);
  for (const Correlation& phase : phases)
    Phase(phase, backward, static_cast<const uint16_t*>(source),
          static_cast<const uint16_t*>(weight), wide.get(), relu, static_cast<uint16_t*>(target),
          whole_words)
        .run();
  return true;
}

/// Whether one of few results of one image is not finite: then they are summed once more
/// (conv/conv.cpp).
bool is_summed_again(const ConvShape& s, const void* results, int64_t n) {
  constexpr int64_t few = 4096;
  return s.N == 1 && s.groups == 1 && n <= few && !all_finite(results, n);
}

}  // namespace

bool fits_pixel_pairs(const ConvShape& s, bool backward) {
  constexpr int64_t least_targets = 8;
  const int64_t sources = (backward ? s.O : s.C) / s.groups,
                targets = (backward ? s.C : s.O) / s.groups;
  return s.dtype == DType::bfloat16 && bfloat16_pairs().lanes > 0 && s.N > 0 && volume(s.in) > 0 &&
         volume(s.out) > 0 && volume(s.kernel) > 0 && sources * volume(s.kernel) > 1 &&
         targets >= least_targets;
}

bool pixel_pairs_forward(const ConvShape& s, const void* input, const void* weight,
                         const void* bias, bool relu, void* output) {
  return correlate({forward_correlation(s)}, false, input, weight, bias, relu, output) &&
         !is_summed_again(s, output, s.O * volume(s.out));
}

bool pixel_pairs_backward_input(const ConvShape& s, const void* grad_output, const void* weight,
                                const void* bias, void* grad_input) {
  const Phases phases = backward_correlations(s);
  if (phases.list.empty() || phases.leaves_gaps) return false;
  return correlate(phases.list, true, grad_output, weight, bias, false, grad_input) &&
         !is_summed_again(s, grad_input, s.C * volume(s.in));
}

bool pixel_pairs_backward_weight(const ConvShape& s, const void* grad_output, const void* input,
                                 void* grad_weight) {
  const Correlation c = forward_correlation(s);
  const bool inside = std::ranges::all_of(c.axis, &CorrelationAxis::stays_inside);
  if (!inside && !all_finite(grad_output, s.N * s.O * volume(s.out))) return false;
  outer_pixel_pairs(c, static_cast<const bfloat16*>(grad_output),
                    static_cast<const bfloat16*>(input), static_cast<bfloat16*>(grad_weight));
  return true;
}

}  // namespace flambeau
