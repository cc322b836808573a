// The one form that forward and backward-input convolution share: a correlation of source planes
// with taps, dimension by dimension. Plain values, no threads.
#pragma once
#include <vector>

#include "kernels/conv/conv.h"

namespace flambeau {

/// One dimension: result i reads source index i * source_step + offset[t] for each tap t (outside
/// [0, source_size) it reads 0) and is written to index target_start + i * target_step.
struct CorrelationAxis {
  int64_t source_size, source_step;
  int64_t target_size, target_start, target_step;
  int64_t count;                // number of results i
  std::vector<int64_t> offset;  // of each tap
  std::vector<int64_t> tap;     // its index in the kernel

  /// True if no result reads outside the source.
  bool stays_inside() const;
};

/// Groups of channels: n_source channels are summed into each of n_target; the weight of (g, target
/// m, source c) starts at weight + g * weight_group + m * weight_target + c * weight_source; that
/// of a tap lies at tap_at() from there.
struct Correlation {
  int64_t n_items, groups, n_source, n_target;
  int64_t weight_group, weight_target, weight_source, weight_tap;
  int64_t kernel[3];
  CorrelationAxis axis[3];

  int64_t tap_at(int64_t depth, int64_t row, int64_t column) const {
    return ((depth * kernel[1] + row) * kernel[2] + column) * weight_tap;
  }
};

Correlation forward_correlation(const ConvShape& shape);

/// Backward-input splits into one correlation for each phase of the input index modulo the stride:
/// only the taps of its phase reach such an input. Phases that no tap reaches are left out, for a
/// stride may be far longer than the input; `leaves_gaps` tells that there are some.
struct Phases {
  std::vector<Correlation> list;
  bool leaves_gaps = false;
};
Phases backward_correlations(const ConvShape& shape);

}  // namespace flambeau
