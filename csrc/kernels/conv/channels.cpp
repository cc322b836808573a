#include "kernels/conv/channels.h"

#include <algorithm>

#include "kernels/conv/factors.h"
#include "kernels/conv/phase_tables.h"
#include "kernels/conv/planes.h"
#include "kernels/conv/simd.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { weights_slot = 0, sums_slot };

// About 10 us of work.
constexpr int64_t least_products = 400'000, wanted_units = 8;
/// Bytes of the source rows that are read for all blocks of channels before those after them.
constexpr int64_t band_bytes = 256 << 10;

int64_t volume(const int64_t (&sizes)[3]) { return sizes[0] * sizes[1] * sizes[2]; }

/// Numbers that are multiplied as they lie: bfloat16 by its bits, float16 from a copy of float32.
template <class T, class Given>
struct Loops {
  static auto correlate() { return conv_kernels<T>().channels; }
  static auto outer() { return conv_kernels<T>().channels_outer; }
};
template <>
struct Loops<float, uint16_t> {
  static auto correlate() { return conv_kernels<float>().channels_of_halves; }
  static auto outer() { return conv_kernels<float>().channels_outer_of_halves; }
};

/// The work of all items, cut into bands of rows of results, by the shape alone.
template <class T, class Given>
struct Work {
  explicit Work(const std::vector<Correlation>& phases)
      : tables(phases), lanes(conv_kernels<T>().lanes), n_items(phases[0].n_items) {
    const Correlation& c = phases[0];
    task.n_channels = c.groups;
    task.n_phases = tables.size(), task.phases = tables.data();
    task.n_weights = c.kernel[0] * c.kernel[1] * c.kernel[2];
    int64_t products = 0;
    for (const Correlation& phase : phases) {
      int64_t each = c.groups;
      for (const CorrelationAxis& axis : phase.axis)
        each *= axis.count * static_cast<int64_t>(axis.tap.size());
      products += each;
      n_rows = std::max(n_rows, phase.axis[1].count);
    }
    for (int d = 0; d < 3; ++d) {
      task.source_size[d] = c.axis[d].source_size;
      task.target_size[d] = c.axis[d].target_size;
    }
    source_item = c.groups * volume(task.source_size);
    target_item = c.groups * volume(task.target_size);
    const int64_t row_bytes = task.source_size[0] * task.source_size[2] * c.groups *
                              c.axis[1].source_step * static_cast<int64_t>(sizeof(Given));
    constexpr int64_t cache_bytes = 1 << 20;
    task.fetches =
        task.source_size[0] == 1 && task.target_size[0] == 1 &&
        n_items * (source_item + target_item) * static_cast<int64_t>(sizeof(Given)) > cache_bytes;
    band = std::clamp<int64_t>(band_bytes / row_bytes, 1, n_rows);
    while (band > 1 && n_items * ceil_div(n_rows, band) < wanted_units &&
           products * band > 2 * least_products * n_rows)
      band = ceil_div(band, 2);
    n_bands = ceil_div(n_rows, band);
    unit_products = std::max<int64_t>(1, products / n_bands);
    n_blocks = ceil_div(c.groups, lanes);
  }

  PhaseTables tables;
  ChannelsTask<T, Given> task{};
  int64_t lanes, n_items, n_rows = 0, band, n_bands, unit_products, n_blocks, source_item,
                          target_item;

  int64_t n_units() const { return n_items * n_bands; }
  int64_t laid_weights() const { return n_blocks * lanes * task.n_weights; }

  /// Calls loops(task of the item, first row, end) for units [begin, end).
  template <class LoopsOf>
  void each(int64_t begin, int64_t end, const Given* source, Given* target, T* weights,
            LoopsOf&& loops) const {
    ChannelsTask<T, Given> part = task;
    part.weights = weights;
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t item = unit / n_bands, first = unit % n_bands * band;
      part.source = source + item * source_item;
      part.target = target + item * target_item;
      loops(part, first, std::min(n_rows, first + band));
    }
  }
};

/// Fills the pixels of results with the bias, where some of them meet no tap.
template <class T, class Given>
void fill_pixels(int64_t n_pixels, int64_t n_channels, const T* bias, Given* to) {
  std::vector<Given> pixel(n_channels);
  if (bias) {
    if constexpr (std::is_same_v<T, Given>)
      std::copy_n(bias, n_channels, pixel.data());
    else
      narrow<bfloat16>(bias, pixel.data(), n_channels);
  }
  parallel_ranges(n_pixels, std::max<int64_t>(1, 65536 / n_channels),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i)
                      std::copy_n(pixel.data(), n_channels, to + i * n_channels);
                  });
}

template <class T, class Given>
void correlate(const std::vector<Correlation>& phases, bool leaves_gaps, const Given* source,
               const T* weight, const T* bias, bool relu, Given* target) {
  Work<T, Given> work(phases);
  ChannelsTask<T, Given>& task = work.task;
  task.bias = bias, task.relu = relu;
  if (leaves_gaps)
    fill_pixels(work.n_items * volume(task.target_size), task.n_channels, bias, target);
  T* laid = Workspace::get<T>(weights_slot, work.laid_weights());
  const int64_t lanes = work.lanes, taps = task.n_weights;
  parallel_ranges(work.n_blocks, std::max<int64_t>(1, 4096 / taps),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t block = begin; block < end; ++block) {
                      const T* from = weight + first_of_block(block, lanes, task.n_channels) * taps;
                      for (int64_t k = 0; k < taps; ++k)
                        for (int64_t l = 0; l < lanes; ++l)
                          laid[(block * taps + k) * lanes + l] = from[l * taps + k];
                    }
                  });
  parallel_ranges(work.n_units(), std::max<int64_t>(1, least_products / work.unit_products),
                  [&](int64_t begin, int64_t end) {
                    work.each(begin, end, source, target, laid, Loops<T, Given>::correlate());
                  });
}

template <class T, class Given>
void outer(const Correlation& c, const Given* grad, const Given* source, T* grad_weight) {
  const Work<T, Given> work({c});
  const int64_t lanes = work.lanes, taps = work.task.n_weights, n_sums = work.laid_weights();
  const int64_t n_units = work.n_units();
  const SumRanges ranges(n_units, work.unit_products * n_units, n_sums, 4 * least_products,
                         wanted_units);
  T* sums = Workspace::get<T>(sums_slot, ranges.n * n_sums);
  parallel_for(ranges.n, [&](int64_t range) {
    T* own = sums + range * n_sums;
    std::fill_n(own, n_sums, T(0));
    work.each(ranges.begin(range), ranges.end(range, n_units), source, const_cast<Given*>(grad),
              own, Loops<T, Given>::outer());
  });
  add_ranges(sums, ranges.n, n_sums, sums);
  for (int64_t block = 0; block < work.n_blocks; ++block) {
    T* to = grad_weight + first_of_block(block, lanes, work.task.n_channels) * taps;
    for (int64_t k = 0; k < taps; ++k)
      for (int64_t l = 0; l < lanes; ++l) to[l * taps + k] = sums[(block * taps + k) * lanes + l];
  }
}

struct Counts {
  int64_t input, output, weight;
  explicit Counts(const ConvShape& s)
      : input(s.N * s.C * volume(s.in)),
        output(s.N * s.C * volume(s.out)),
        weight(s.C * volume(s.kernel)) {}
};

/// visit of the type that numbers of this dtype are multiplied in, and of theirs.
template <class Visit>
auto with_types(DType dtype, Visit&& visit) {
  if (dtype == DType::float32) return visit.template operator()<float, float>();
  if (dtype == DType::float64) return visit.template operator()<double, double>();
  if (dtype == DType::float16) return visit.template operator()<float, float16>();
  return visit.template operator()<float, bfloat16>();
}

/// n numbers as T: halves as a copy.
template <class T, class Own>
class Numbers {
 public:
  Numbers(const void* given, int64_t n) {
    if constexpr (!std::is_same_v<T, Own>) copy_ = widened<Own>(given, n);
    at_ = copy_ ? copy_.get() : static_cast<const T*>(given);
  }
  const T* get() const { return at_; }

 private:
  std::unique_ptr<T[]> copy_;
  const T* at_;
};

template <class T, class Own>
bool correlate_of(const std::vector<Correlation>& phases, bool leaves_gaps, const void* source,
                  int64_t n_source, const void* weight, int64_t n_weight, const void* bias,
                  bool relu, void* target, int64_t n_target) {
  const Numbers<T, Own> w(weight, n_weight), b(bias, phases[0].groups);
  if (any_not_finite(w.get(), n_weight)) return false;
  if constexpr (std::is_same_v<Own, bfloat16>) {
    correlate<T>(phases, leaves_gaps, static_cast<const uint16_t*>(source), w.get(), b.get(), relu,
                 static_cast<uint16_t*>(target));
  } else if constexpr (std::is_same_v<Own, float16>) {
    auto wide = std::make_unique_for_overwrite<T[]>(n_target);
    correlate<T, T>(phases, leaves_gaps, Numbers<T, Own>(source, n_source).get(), w.get(), b.get(),
                    relu, wide.get());
    narrow<Own>(wide.get(), target, n_target);
  } else {
    correlate<T, T>(phases, leaves_gaps, static_cast<const T*>(source), w.get(), b.get(), relu,
                    static_cast<T*>(target));
  }
  return true;
}

}  // namespace

bool fits_channels(const ConvShape& s) {
  const bool fits = is_half(s.dtype) || s.dtype == DType::float32 || s.dtype == DType::float64;
  return fits && s.C == s.groups && s.O == s.groups && s.C >= conv_kernels<float>().lanes &&
         s.N > 0 && volume(s.in) > 0 && volume(s.out) > 0 && volume(s.kernel) > 0;
}

bool channels_forward(const ConvShape& s, const void* input, const void* weight, const void* bias,
                      bool relu, void* output) {
  const Counts n(s);
  return with_types(s.dtype, [&]<class T, class Own>() {
    return correlate_of<T, Own>({forward_correlation(s)}, false, input, n.input, weight, n.weight,
                                bias, relu, output, n.output);
  });
}

bool channels_backward_input(const ConvShape& s, const void* grad_output, const void* weight,
                             const void* bias, void* grad_input) {
  const Counts n(s);
  const Phases phases = backward_correlations(s);
  if (phases.list.empty()) return false;
  return with_types(s.dtype, [&]<class T, class Own>() {
    return correlate_of<T, Own>(phases.list, phases.leaves_gaps, grad_output, n.output, weight,
                                n.weight, bias, false, grad_input, n.input);
  });
}

void channels_backward_weight(const ConvShape& s, const void* grad_output, const void* input,
                              void* grad_weight) {
  const Counts n(s);
  const Correlation c = forward_correlation(s);
  with_types(s.dtype, [&]<class T, class Own>() {
    auto sums = std::make_unique_for_overwrite<T[]>(n.weight);
    if constexpr (std::is_same_v<Own, bfloat16>) {
      outer<T>(c, static_cast<const uint16_t*>(grad_output), static_cast<const uint16_t*>(input),
               sums.get());
    } else {
      const Numbers<T, Own> g(grad_output, n.output), x(input, n.input);
      outer<T, T>(c, g.get(), x.get(), sums.get());
    }
    if constexpr (std::is_same_v<T, Own>)
      std::copy_n(sums.get(), n.weight, static_cast<T*>(grad_weight));
    else
      narrow<Own>(sums.get(), grad_weight, n.weight);
  });
}

}  // namespace flambeau
