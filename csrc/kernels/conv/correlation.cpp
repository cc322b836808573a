#include "kernels/conv/correlation.h"

#include <algorithm>
#include <set>

namespace flambeau {

bool CorrelationAxis::stays_inside() const {
  if (offset.empty() || count == 0) return true;
  auto [least, most] = std::minmax_element(offset.begin(), offset.end());
  return *least >= 0 && (count - 1) * source_step + *most < source_size;
}

namespace {

int64_t taps(const ConvShape& shape) { return shape.kernel[0] * shape.kernel[1] * shape.kernel[2]; }

/// What forward and backward share.
Correlation without_axes(const ConvShape& shape) {
  Correlation result;
  result.n_items = shape.N;
  result.groups = shape.groups;
  result.weight_group = taps(shape) * (shape.C / shape.groups) * (shape.O / shape.groups);
  result.weight_tap = shape.weight_by_pixels ? shape.C / shape.groups : 1;
  std::copy(shape.kernel, shape.kernel + 3, result.kernel);
  return result;
}

}  // namespace

Correlation forward_correlation(const ConvShape& shape) {
  Correlation result = without_axes(shape);
  result.n_source = shape.C / shape.groups;
  result.n_target = shape.O / shape.groups;
  result.weight_source = shape.weight_by_pixels ? 1 : taps(shape);
  result.weight_target = taps(shape) * result.n_source;
  for (int d = 0; d < 3; ++d) {
    CorrelationAxis& axis = result.axis[d];
    axis.source_size = shape.in[d];
    // A single result steps nowhere: strides may be far longer than the input then.
    axis.source_step = shape.out[d] > 1 ? shape.stride[d] : 1;
    axis.target_size = axis.count = shape.out[d];
    axis.target_start = 0;
    axis.target_step = 1;
    for (int64_t k = 0; k < shape.kernel[d]; ++k) {
      axis.tap.push_back(k);
      axis.offset.push_back(k * shape.dilation[d] - shape.padding[d]);
    }
  }
  return result;
}

namespace {

/// The phases of one dimension. With y = input index + padding = output index * stride + k *
/// dilation, phase r holds the inputs y = q * stride + r; its taps are those with k * dilation = r
/// modulo the stride, and tap k reads output index q - (k * dilation - r) / stride.
std::vector<CorrelationAxis> backward_axes(const ConvShape& shape, int d) {
  const int64_t stride = shape.stride[d], padding = shape.padding[d];
  std::vector<CorrelationAxis> axes;
  std::set<int64_t> phases;
  for (int64_t k = 0; k < shape.kernel[d]; ++k) phases.insert(k * shape.dilation[d] % stride);
  for (int64_t r : phases) {
    CorrelationAxis axis;
    const int64_t first = padding - r <= 0 ? 0 : (padding - r + stride - 1) / stride;
    const int64_t last_y = shape.in[d] - 1 + padding - r;
    axis.count = last_y < 0 ? 0 : std::max<int64_t>(0, last_y / stride - first + 1);
    if (axis.count == 0) continue;
    axis.source_size = shape.out[d];
    axis.source_step = 1;
    axis.target_size = shape.in[d];
    axis.target_start = stride * first + r - padding;
    axis.target_step = stride;
    for (int64_t k = 0; k < shape.kernel[d]; ++k) {
      if (k * shape.dilation[d] % stride != r) continue;
      axis.tap.push_back(k);
      axis.offset.push_back(first - (k * shape.dilation[d] - r) / stride);
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

}  // namespace

Phases backward_correlations(const ConvShape& shape) {
  Correlation common = without_axes(shape);
  common.n_source = shape.O / shape.groups;
  common.n_target = shape.C / shape.groups;
  common.weight_target = shape.weight_by_pixels ? 1 : taps(shape);
  common.weight_source = taps(shape) * common.n_target;
  Phases result;
  std::vector<CorrelationAxis> axes[3];
  for (int d = 0; d < 3; ++d) {
    axes[d] = backward_axes(shape, d);
    const int64_t all = std::min(shape.in[d], shape.stride[d]);
    result.leaves_gaps |= static_cast<int64_t>(axes[d].size()) < all;
  }
  for (const auto& depth : axes[0])
    for (const auto& row : axes[1])
      for (const auto& column : axes[2]) {
        common.axis[0] = depth, common.axis[1] = row, common.axis[2] = column;
        result.list.push_back(common);
      }
  return result;
}

}  // namespace flambeau
