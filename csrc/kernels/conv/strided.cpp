#include "kernels/conv/strided.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "kernels/conv/simd.h"
#include "kernels/conv/winograd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { weights_slot = 1, images_slot = 7 };  // which winograd.cpp leaves alone

/// Elements of the copies of one step.
constexpr int64_t most_elements = int64_t{4} << 20;

/// Targets of whose phases each is worth a task of its own.
constexpr int64_t most_pixels = 16384;

bool is_flat(const CorrelationAxis& depths) {
  return depths.tap.size() == 1 && depths.source_size == 1 && depths.count == 1 &&
         depths.target_size == 1;
}

/// A forward correlation whose kernel is two or three strides wide as a dense one over stride *
/// stride times as many sources: (row phase, column phase) of each, where phase r of a dimension
/// holds its elements stride * q + low + r, with zeros outside.
class Phased {
 public:
  /// None where the kernel or the steps are others.
  static std::optional<Phased> of(const Correlation& c) {
    Phased phased;
    phased.dense = c;
    phased.step = c.axis[1].source_step;
    const int64_t n_taps = static_cast<int64_t>(c.axis[1].tap.size());
    phased.taps = n_taps / phased.step;
    if (!is_flat(c.axis[0]) || phased.step < 2 || phased.step > most_step ||
        (phased.taps != 2 && phased.taps != 3))
      return std::nullopt;
    for (int i : {1, 2}) {
      const CorrelationAxis& axis = c.axis[i];
      if (axis.source_step != phased.step || axis.target_step != 1 ||
          static_cast<int64_t>(axis.tap.size()) != phased.step * phased.taps)
        return std::nullopt;
      for (size_t k = 1; k < axis.offset.size(); ++k)
        if (axis.offset[k] != axis.offset[0] + static_cast<int64_t>(k)) return std::nullopt;
      CorrelationAxis& dense = phased.dense.axis[i];
      dense.source_step = 1;
      dense.source_size = axis.count + phased.taps - 1;
      dense.offset.resize(phased.taps);
      dense.tap.resize(phased.taps);
      for (int64_t k = 0; k < phased.taps; ++k) dense.offset[k] = dense.tap[k] = k;
      phased.dense.kernel[i] = phased.taps;
      phased.low[i - 1] = axis.offset[0];
    }
    phased.dense.n_source = phased.phases() * c.n_source;
    phased.dense.weight_tap = 1;
    phased.dense.weight_source = phased.taps * phased.taps;
    phased.dense.weight_target = phased.dense.n_source * phased.dense.weight_source;
    phased.dense.weight_group = c.n_target * phased.dense.weight_target;
    return phased;
  }

  Correlation dense;
  int64_t step, taps, low[2];

  /// Elements of the split images of one item.
  int64_t numel() const { return dense.groups * dense.n_source * plane(); }

  void split(const Correlation& c, int64_t n_items, const float* from, float* to) const {
    const int64_t height = c.axis[1].source_size, width = c.axis[2].source_size;
    const int64_t rows = dense.axis[1].source_size, columns = dense.axis[2].source_size;
    // Elements [begin, end) of phase r lie inside.
    auto begin_of = [&](int64_t first, int64_t n) {
      return std::clamp<int64_t>(ceil_div(-first, step), 0, n);
    };
    auto end_of = [&](int64_t first, int64_t begin, int64_t n, int64_t size) {
      return std::clamp<int64_t>(floor_div(size - 1 - first, step) + 1, begin, n);
    };
    const int64_t grain = std::max<int64_t>(1, 16384 / (phases() * plane()));
    parallel_ranges(n_items * c.groups * c.n_source, grain, [&](int64_t first, int64_t last) {
      for (int64_t channel = first; channel < last; ++channel)
        for (int64_t phase = 0; phase < phases(); ++phase) {
          const int64_t y = low[0] + phase / step, x = low[1] + phase % step;
          const int64_t row = begin_of(y, rows), end_row = end_of(y, row, rows, height);
          const int64_t begin = begin_of(x, columns), end = end_of(x, begin, columns, width);
          float* image = to + (channel * phases() + phase) * plane();
          std::fill_n(image, row * columns, 0.0f);
          conv_kernels<float>().pack_rows(
              from + channel * height * width + (step * row + y) * width + step * begin + x,
              step * width, step, end_row - row, begin, end, columns, image + row * columns);
          std::fill(image + end_row * columns, image + plane(), 0.0f);
        }
    });
  }

  /// Calls move(index of a weight of the kernel, index of the same in a kernel of its phase) for
  /// all.
  template <class Move>
  void each_weight(const Correlation& c, Move&& move) const {
    parallel_for(c.groups * c.n_target, [&](int64_t index) {
      const int64_t group = index / c.n_target, m = index % c.n_target;
      int64_t at = group * dense.weight_group + m * dense.weight_target;
      for (int64_t s = 0; s < c.n_source; ++s) {
        const int64_t kernel = group * c.weight_group + m * c.weight_target + s * c.weight_source;
        for (int64_t phase = 0; phase < phases(); ++phase)
          for (int64_t a = 0; a < taps; ++a)
            for (int64_t b = 0; b < taps; ++b)
              move(kernel + c.tap_at(0, c.axis[1].tap[step * a + phase / step],
                                     c.axis[2].tap[step * b + phase % step]),
                   at++);
      }
    });
  }

 private:
  /// Of longer strides the images of the phases would be small beside their zeros.
  static constexpr int64_t most_step = 8;

  int64_t phases() const { return step * step; }
  int64_t plane() const { return dense.axis[1].source_size * dense.axis[2].source_size; }
};

}  // namespace

bool correlate_strided(const Correlation& c, const float* source, const float* weight,
                       const float* bias, bool relu, float* target) {
  std::optional<Phased> phased = Phased::of(c);
  if (!phased || !winograd_fits(phased->dense)) return false;
  const int64_t at_once = std::clamp<int64_t>(most_elements / phased->numel(), 1, c.n_items);
  float* images = Workspace::get<float>(images_slot, at_once * phased->numel());
  float* kernels = Workspace::get<float>(weights_slot, c.groups * phased->dense.weight_group);
  phased->each_weight(c, [&](int64_t from, int64_t to) { kernels[to] = weight[from]; });
  const int64_t source_item = c.groups * c.n_source * c.axis[1].source_size * c.axis[2].source_size;
  const int64_t target_item = c.groups * c.n_target * c.axis[1].count * c.axis[2].count;
  for (int64_t item = 0; item < c.n_items; item += at_once) {
    phased->dense.n_items = std::min(at_once, c.n_items - item);
    phased->split(c, phased->dense.n_items, source + item * source_item, images);
    if (!correlate_winograd(phased->dense, images, kernels, bias, relu,
                            target + item * target_item))
      return false;
  }
  return true;
}

bool outer_strided(const Correlation& c, const float* grad, const float* source,
                   float* grad_weight) {
  std::optional<Phased> phased = Phased::of(c);
  if (!phased || !outer_winograd_fits(phased->dense)) return false;
  if (c.n_items * phased->numel() > 4 * most_elements) return false;
  float* images = Workspace::get<float>(images_slot, c.n_items * phased->numel());
  float* sums = Workspace::get<float>(weights_slot, c.groups * phased->dense.weight_group);
  phased->split(c, c.n_items, source, images);
  if (!outer_winograd(phased->dense, grad, images, sums)) return false;
  phased->each_weight(c, [&](int64_t to, int64_t from) { grad_weight[to] = sums[from]; });
  return true;
}

namespace {

/// Phases of which each writes every second row and column of the target, as correlations with
/// planes of their own; none where they are not four of which Winograd's method fits each.
std::vector<Correlation> planes_of(const std::vector<Correlation>& phases) {
  if (phases.size() != 4) return {};
  std::vector<Correlation> dense = phases;
  for (Correlation& phase : dense) {
    if (!is_flat(phase.axis[0])) return {};
    for (int d : {1, 2}) {
      CorrelationAxis& axis = phase.axis[d];
      if (axis.target_step != 2 || axis.target_start > 1) return {};
      axis.target_size = axis.count;
      axis.target_start = 0;
      axis.target_step = 1;
    }
    if (!winograd_fits(phase)) return {};
  }
  return dense;
}

}  // namespace

bool strided_fits(const std::vector<Correlation>& phases) { return !planes_of(phases).empty(); }

bool correlate_strided(const std::vector<Correlation>& phases, const float* source,
                       const float* weight, const float* bias, bool relu, float* target) {
  std::vector<Correlation> dense = planes_of(phases);
  if (dense.empty()) return false;
  int64_t place[2][2];     // the phase that begins in row r and column k
  int64_t offset[5] = {};  // of the images of each phase of one item
  for (int i = 0; i < 4; ++i) {
    const Correlation& phase = dense[i];
    place[phases[i].axis[1].target_start][phases[i].axis[2].target_start] = i;
    offset[i + 1] =
        offset[i] + phase.groups * phase.n_target * phase.axis[1].count * phase.axis[2].count;
  }
  const Correlation& c = phases[0];
  const int64_t channels = c.groups * c.n_target;
  const int64_t height = c.axis[1].target_size, width = c.axis[2].target_size;
  const int64_t source_item = c.groups * c.n_source * c.axis[1].source_size * c.axis[2].source_size;
  const int64_t at_once = std::clamp<int64_t>(most_elements / offset[4], 1, c.n_items);
  float* images = Workspace::get<float>(images_slot, at_once * offset[4]);
  for (int64_t item = 0; item < c.n_items; item += at_once) {
    const int64_t n = std::min(at_once, c.n_items - item);
    std::atomic<bool> finite = true;
    auto phase = [&](int64_t i) {
      dense[i].n_items = n;
      if (!correlate_winograd(dense[i], source + item * source_item, weight, bias, relu,
                              images + n * offset[i]))
        finite = false;
    };
    // Few pixels leave a thread nothing to share but whole phases.
    if (n * height * width <= most_pixels)
      parallel_for(4, phase);
    else
      for (int i = 0; i < 4; ++i) phase(i);
    if (!finite) return false;
    const int64_t grain = std::max<int64_t>(1, 16384 / (height * width));
    parallel_ranges(n * channels, grain, [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane)
        for (int64_t row = 0; row < height; ++row) {
          auto row_of = [&](int64_t column) {
            const int64_t phase = place[row % 2][column];
            const int64_t length = dense[phase].axis[2].count, rows = dense[phase].axis[1].count;
            return images + n * offset[phase] + (plane * rows + row / 2) * length;
          };
          const float *even = row_of(0), *odd = row_of(1);
          float* to = target + ((item * channels + plane) * height + row) * width;
          for (int64_t j = 0; j < width / 2; ++j) {
            to[2 * j] = even[j];
            to[2 * j + 1] = odd[j];
          }
          if (width % 2) to[width - 1] = even[width / 2];
        }
    });
  }
  return true;
}

}  // namespace flambeau
