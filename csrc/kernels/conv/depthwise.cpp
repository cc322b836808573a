#include "kernels/conv/depthwise.h"

#include <algorithm>

#include "kernels/conv/simd.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { bordered_slot = 0 };

// About 10 us of work.
constexpr int64_t least_products = 400'000;

bool one_channel(const Correlation& c) {
  const CorrelationAxis &depth = c.axis[0], &rows = c.axis[1], &columns = c.axis[2];
  return c.n_source == 1 && c.n_target == 1 && depth.tap.size() == 1 && depth.offset[0] == 0 &&
         depth.count == 1 && depth.source_size == 1 && depth.target_size == 1 &&
         rows.tap.size() <= most_depthwise_taps && columns.tap.size() <= most_depthwise_taps &&
         (columns.source_step == 1 || columns.source_step == 2);
}

/// The pixels that each tap reads inside the source: those of `count` results.
void find_ranges(const CorrelationAxis& axis, DepthwiseTaps& taps) {
  taps.count = axis.count;
  taps.n_taps = static_cast<int>(axis.tap.size());
  for (int k = 0; k < taps.n_taps; ++k) {
    const int64_t offset = axis.offset[k], step = axis.source_step;
    const int64_t begin = offset >= 0 ? 0 : (step - 1 - offset) / step;
    const int64_t room = axis.source_size - 1 - offset;
    const int64_t end = room < 0 ? 0 : std::min(axis.count, room / step + 1);
    taps.offset[k] = offset;
    taps.begin[k] = std::min(begin, end);
    taps.end[k] = end;
  }
}

/// Whether the kernel is square, without gaps, and goes `pixels` a step.
bool is_dense(const Correlation& c, int64_t pixels) {
  const CorrelationAxis &rows = c.axis[1], &columns = c.axis[2];
  const size_t n = rows.tap.size();
  if ((n != 3 && n != 5 && n != 7) || columns.tap.size() != n) return false;
  for (const CorrelationAxis* axis : {&rows, &columns}) {
    if (axis->source_step != pixels || axis->target_step != 1) return false;
    const int64_t step = axis->offset[1] - axis->offset[0];
    if (step != 1 && (step != -1 || pixels != 1)) return false;
    for (size_t k = 1; k < n; ++k)
      if (axis->offset[k] - axis->offset[k - 1] != step) return false;
  }
  return true;
}

}  // namespace

template <class T>
bool correlate_fits_depthwise(const std::vector<Correlation>& phases) {
  if (!conv_kernels<T>().depthwise || phases.empty()) return false;
  if (!std::all_of(phases.begin(), phases.end(), one_channel)) return false;
  const CorrelationAxis &rows = phases[0].axis[1], &columns = phases[0].axis[2];
  if (rows.source_size == 0 || columns.source_size == 0) return false;  // planes without rows
  if (columns.target_step == 1) return true;
  // Two phases of columns that take turns, for each phase of rows.
  return columns.target_step == 2 && columns.target_size >= 2 &&
         static_cast<int64_t>(phases.size()) ==
             2 * std::min<int64_t>(rows.target_step, rows.target_size);
}

template <class T>
bool outer_fits_depthwise(const Correlation& c) {
  const size_t taps = c.axis[2].tap.size();
  return conv_kernels<T>().depthwise && one_channel(c) && (taps == 3 || taps == 5 || taps == 7);
}

template <class T>
void correlate_depthwise(const std::vector<Correlation>& phases, const T* source, const T* weight,
                         const T* bias, bool relu, T* target) {
  const size_t n_phases = phases[0].axis[2].target_step == 2 ? 2 : 1;
  for (size_t p = 0; p < phases.size(); p += n_phases) {
    const Correlation& c = phases[p];
    const CorrelationAxis& rows = c.axis[1];
    DepthwiseTask<T> task{};
    task.n_channels = c.groups;
    task.source_row = c.axis[2].source_size;
    task.source_plane = rows.source_size * task.source_row;
    task.target_row = rows.target_step * c.axis[2].target_size;
    task.target_plane = rows.target_size * c.axis[2].target_size;
    task.column_step = c.axis[2].source_step;
    task.row_step = rows.source_step;
    find_ranges(rows, task.rows);
    task.n_phases = static_cast<int>(n_phases);
    for (size_t phase = 0; phase < n_phases; ++phase) {
      // In the order of their first result.
      const CorrelationAxis& columns = phases[p + phase].axis[2];
      const int at = n_phases == 1 ? 0 : static_cast<int>(columns.target_start);
      find_ranges(columns, task.columns[at]);
      for (size_t r = 0; r < rows.tap.size(); ++r)
        for (size_t k = 0; k < columns.tap.size(); ++k)
          task.tap[at][r * columns.tap.size() + k] =
              static_cast<int>(rows.tap[r] * c.kernel[2] + columns.tap[k]);
    }
    task.weight_channel = c.kernel[1] * c.kernel[2];
    task.weight = weight;
    task.bias = bias;
    task.relu = relu;
    const int64_t n_planes = c.n_items * c.groups;
    const int64_t products = std::max<int64_t>(
        1, rows.count * c.axis[2].count * task.rows.n_taps * static_cast<int64_t>(n_phases) * 2);
    const int64_t lanes = conv_kernels<T>().lanes, columns = c.axis[2].count;
    const bool dense = n_phases == 1 && is_dense(c, 1),
               halved = n_phases == 1 && task.rows.n_taps >= 5 && is_dense(c, 2);
    const int64_t at_once = std::max<int64_t>(1, least_products / products);
    parallel_ranges(n_planes, at_once, [&](int64_t begin, int64_t end) {
      DepthwiseTask<T> part = task;
      part.source = source + begin * task.source_plane;
      part.target = target + begin * task.target_plane + rows.target_start * c.axis[2].target_size;
      part.first_plane = begin;
      part.n_planes = end - begin;
      const int64_t taps = task.rows.n_taps;
      if (dense)
        part.bordered = Workspace::get<T>(
            bordered_slot, dense_depthwise_size(rows.count, columns + taps - 1, taps, lanes));
      else if (halved)
        part.bordered = Workspace::get<T>(bordered_slot,
                                          halved_depthwise_size(rows.count, columns, taps, lanes));
      conv_kernels<T>().depthwise(part);
    });
  }
}

template <class T>
void outer_depthwise(const Correlation& c, const T* grad, const T* source, T* grad_weight) {
  const CorrelationAxis &rows = c.axis[1], &columns = c.axis[2];
  DepthwiseTask<T> task{};
  task.n_channels = c.groups;
  task.source_row = columns.source_size;
  task.source_plane = rows.source_size * task.source_row;
  task.target_row = columns.target_size;
  task.target_plane = rows.target_size * task.target_row;
  task.column_step = columns.source_step;
  task.row_step = rows.source_step;
  find_ranges(rows, task.rows);
  find_ranges(columns, task.columns[0]);
  task.weight_channel = c.kernel[1] * c.kernel[2];
  task.source = source;
  task.n_planes = c.n_items;
  const int64_t products = std::max<int64_t>(
      1, c.n_items * rows.count * columns.count * static_cast<int64_t>(rows.tap.size()) * 2);
  parallel_ranges(c.groups, std::max<int64_t>(1, least_products / products),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t channel = begin; channel < end; ++channel)
                      conv_kernels<T>().depthwise_outer(
                          task, grad, channel, grad_weight + channel * task.weight_channel);
                  });
}

template bool correlate_fits_depthwise<float>(const std::vector<Correlation>&);
template bool correlate_fits_depthwise<double>(const std::vector<Correlation>&);
template bool outer_fits_depthwise<float>(const Correlation&);
template bool outer_fits_depthwise<double>(const Correlation&);
template void correlate_depthwise(const std::vector<Correlation>&, const float*, const float*,
                                  const float*, bool, float*);
template void correlate_depthwise(const std::vector<Correlation>&, const double*, const double*,
                                  const double*, bool, double*);
template void outer_depthwise(const Correlation&, const float*, const float*, float*);
template void outer_depthwise(const Correlation&, const double*, const double*, double*);

}  // namespace flambeau
