#include "kernels/conv/pairs.h"

#include <algorithm>

#include "kernels/conv/pixel_rows.h"
#include "kernels/gemm/words.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { words_slot, weights_slot, panels_slot, sums_slot, row_slot };

// A panel of 3 vectors of 160 words takes 30 KiB; sums of 256 targets and 12 vectors 192 KiB.
constexpr int64_t most_depth = 160, block_vectors = 12, most_targets = 256;
// Below this much arithmetic a unit is not cut further for threads.
constexpr double unit_flop = 8e6;
constexpr int64_t wanted_units = 8;

int64_t plane_of(const Correlation& c) {
  return c.axis[0].source_size * c.axis[1].source_size * c.axis[2].source_size;
}

/// Channels 2p and 2p + 1 of each group as words of plane p; the last channel may be alone.
const uint32_t* paired(const Correlation& c, const bfloat16* source) {
  const auto& kernels = bfloat16_pairs();
  const int64_t plane = plane_of(c), n_pairs = ceil_div(c.n_source, 2);
  uint32_t* words = Workspace::get<uint32_t>(words_slot, c.n_items * c.groups * n_pairs * plane);
  const auto* from = reinterpret_cast<const uint16_t*>(source);
  parallel_ranges(c.n_items * c.groups * n_pairs,
                  std::max<int64_t>(1, 32768 / std::max<int64_t>(1, plane)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) {
                      const int64_t pair = i % n_pairs;
                      const uint16_t* first = from + (i / n_pairs * c.n_source + 2 * pair) * plane;
                      if (2 * pair + 1 < c.n_source)
                        kernels.join(first, plane, plane, words + i * plane);
                      else
                        std::copy_n(first, plane, words + i * plane);
                    }
                  });
  return words;
}

/// The weights as rows of words, one for each target: [pair][tap].
const uint32_t* paired_weights(const Correlation& c, const bfloat16* weight) {
  const auto& kernels = bfloat16_pairs();
  const std::vector<int64_t> taps = taps_in_order(c);
  const bool all_taps = std::is_sorted(taps.begin(), taps.end()) &&
                        taps.back() + 1 == static_cast<int64_t>(taps.size());
  const int64_t n_taps = static_cast<int64_t>(taps.size()), n_pairs = ceil_div(c.n_source, 2);
  uint32_t* words =
      Workspace::get<uint32_t>(weights_slot, c.groups * c.n_target * n_pairs * n_taps);
  const auto* from = reinterpret_cast<const uint16_t*>(weight);
  // One target after the other where the sources of each lie side by side, else the other way
  // round.
  const bool by_target = c.weight_source < c.weight_target;
  const int64_t outer = by_target ? c.n_target : n_pairs, inner = by_target ? n_pairs : c.n_target;
  const int64_t grain = std::max<int64_t>(1, 16384 / (inner * n_taps));
  parallel_ranges(c.groups * outer, grain, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at)
      for (int64_t i = 0; i < inner; ++i) {
        const int64_t group = at / outer, m = by_target ? at % outer : i,
                      pair = by_target ? i : at % outer;
        const uint16_t* first =
            from + group * c.weight_group + m * c.weight_target + 2 * pair * c.weight_source;
        const bool has_second = 2 * pair + 1 < c.n_source;
        const uint16_t* second = has_second ? first + c.weight_source : first;
        const uint32_t kept = has_second ? 0xffffffff : 0xffff;
        uint32_t* to = words + ((group * c.n_target + m) * n_pairs + pair) * n_taps;
        if (all_taps && has_second) {
          kernels.join(first, c.weight_source, n_taps, to);
          continue;
        }
        for (int64_t tap : taps) *to++ = kept & (first[tap] | uint32_t{second[tap]} << 16);
      }
  });
  return words;
}

/// One phase, as a correlation of words.
class Pairs {
 public:
  Pairs(const Correlation& c, const uint32_t* source, const uint32_t* weight, const bfloat16* bias,
        bool relu, bfloat16* target)
      : c_(c),
        source_(source),
        weight_(weight),
        bias_(bias),
        relu_(relu),
        in_order_(std::ranges::all_of(c.axis, writes_straight)),
        target_(reinterpret_cast<uint16_t*>(target)),
        kernels_(bfloat16_pairs()),
        pixels_(c_),
        blocks_(c.n_items * pixels_.per_item, kernels_.lanes, kernels_.vectors, block_vectors),
        depth_(balanced(c.n_source, std::max<int64_t>(1, most_depth / pixels_.n_taps))),
        part_(balanced(c.n_target, most_targets)) {
    const double flop = 4.0 * static_cast<double>(c.n_source * pixels_.n_taps * c.n_target) *
                        static_cast<double>(c.groups * c.n_items * pixels_.per_item);
    auto units = [&] { return blocks_.n_blocks * c.groups * ceil_div(c.n_target, part_); };
    while (part_ >= 64 && units() < wanted_units && flop > wanted_units * unit_flop)
      part_ = round_up(ceil_div(part_, 2), kernels_.rows);
    n_parts_ = ceil_div(c.n_target, part_);
    n_units_ = units();
    units_at_once_ =
        std::max<int64_t>(1, static_cast<int64_t>(1e6 * static_cast<double>(n_units_) / flop));
  }

  void run() const {
    parallel_ranges(n_units_, units_at_once_, [&](int64_t begin, int64_t end) {
      for (int64_t unit = begin; unit < end; ++unit)
        compute(unit / n_parts_ / c_.groups, unit / n_parts_ % c_.groups, unit % n_parts_ * part_);
    });
  }

 private:
  void compute(int64_t block, int64_t group, int64_t m0) const {
    const int64_t first = block * blocks_.size, n = std::min(blocks_.size, blocks_.n - first);
    const int64_t n_m = std::min(part_, c_.n_target - m0), n_taps = pixels_.n_taps;
    const int64_t row_words = c_.n_source * n_taps;
    const uint32_t* weights = weight_ + (group * c_.n_target + m0) * row_words;
    float* panels = Workspace::get<float>(panels_slot, depth_ * n_taps * blocks_.size);
    float* sums = Workspace::get<float>(sums_slot, n_m * blocks_.size);
    const bool has_bias = bias_ != nullptr;
    if (has_bias)
      for (int64_t m = 0; m < n_m; ++m)
        std::fill_n(sums + m * blocks_.size, blocks_.size,
                    static_cast<float>(bias_[group * c_.n_target + m0 + m]));
    const Spread cut(ceil_div(n, kernels_.lanes), kernels_.vectors);
    auto reads = pixels_.reads(first, n, group, cut);
    for (int64_t s0 = 0; s0 < c_.n_source; s0 += depth_) {
      const int64_t n_s = std::min(depth_, c_.n_source - s0), n_words = n_s * n_taps;
      // Words are moved as floats are.
      pixels_.pack(reinterpret_cast<const float*>(source_), reads, cut, s0, n_s, panels);
      for (int64_t panel = 0; panel < cut.n_parts; ++panel) {
        const int64_t lane = cut.begin(panel) * kernels_.lanes;
        for (int64_t m = 0; m < n_m; m += kernels_.rows)
          kernels_.tile(static_cast<int>(std::min<int64_t>(kernels_.rows, n_m - m)),
                        static_cast<int>(cut.length(panel)), n_words,
                        weights + m * row_words + s0 * n_taps, row_words,
                        reinterpret_cast<const uint32_t*>(panels) + lane * n_words,
                        has_bias || s0 > 0, sums + m * blocks_.size + lane, blocks_.size);
      }
    }
    write(first, n, group, m0, n_m, sums);
  }

  /// Rounds results of n pixels from `first` on to where they belong.
  void write(int64_t first, int64_t n, int64_t group, int64_t m0, int64_t n_m,
             const float* sums) const {
    const int64_t step = c_.axis[2].target_step, channel = pixels_.target_channel();
    if (in_order_) {
      for (int64_t lane = 0, count; lane < n; lane += count) {
        const int64_t pixel = (first + lane) % pixels_.per_item;
        count = std::min(pixels_.per_item - pixel, n - lane);
        const int64_t item = (first + lane) / pixels_.per_item;
        kernels_.round(n_m, count, sums + lane, blocks_.size, nullptr, relu_,
                       target_ + ((item * c_.groups + group) * c_.n_target + m0) * channel + pixel,
                       channel);
      }
      return;
    }
    uint16_t* rounded = Workspace::get<uint16_t>(row_slot, blocks_.size);
    pixels_.for_each_run(first, n, [&](const auto& run) {
      uint16_t* to = pixels_.place(target_, group, m0, run);
      if (step == 1)
        return kernels_.round(n_m, run.count, sums + run.lane, blocks_.size, nullptr, relu_, to,
                              channel);
      for (int64_t m = 0; m < n_m; ++m, to += channel) {
        kernels_.round(1, run.count, sums + m * blocks_.size + run.lane, blocks_.size, nullptr,
                       relu_, rounded, 0);
        for (int64_t j = 0; j < run.count; ++j) to[j * step] = rounded[j];
      }
    });
  }

  const Correlation c_;
  const uint32_t *source_, *weight_;
  const bfloat16* bias_;
  bool relu_, in_order_;
  uint16_t* target_;
  const WordKernels<uint32_t, float>& kernels_;
  PixelRows<float> pixels_;
  PixelBlocks blocks_;
  int64_t depth_, part_, n_parts_, n_units_, units_at_once_;
};

}  // namespace

bool fits_pairs(const std::vector<Correlation>& phases) {
  constexpr int64_t least_sources = 2, least_targets = 2;
  if (bfloat16_pairs().lanes == 0 || phases.empty()) return false;
  const Correlation& c = phases[0];
  return c.n_source >= least_sources && c.n_target >= least_targets && c.n_items > 0 &&
         std::ranges::all_of(phases, [](const Correlation& phase) {
           return std::ranges::all_of(phase.axis, [](const CorrelationAxis& axis) {
             return axis.count > 0 && !axis.tap.empty();
           });
         });
}

void correlate_pairs(const std::vector<Correlation>& phases, const bfloat16* source,
                     const bfloat16* weight, const bfloat16* bias, bool relu, bfloat16* target) {
  const uint32_t* words = paired(phases[0], source);
  for (const Correlation& phase : phases) {
    Correlation c = merged(phase);
    const uint32_t* weights = paired_weights(phase, weight);
    c.n_source = ceil_div(c.n_source, 2);
    Pairs(c, words, weights, bias, relu, target).run();
  }
}

}  // namespace flambeau
