#include "kernels/conv/across.h"

#include <algorithm>
#include <cstdlib>

#include "kernels/conv/phase_tables.h"
#include "kernels/conv/planes.h"
#include "kernels/conv/simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { planes_slot = 0, partial_slot };

/// Bytes of the planes of all lanes, source and target, that a thread has memory for.
constexpr int64_t most_bytes = 16 << 20;
// About 10 us of work.
constexpr int64_t least_products = 400'000;

int64_t numel(const int64_t (&sizes)[3]) { return sizes[0] * sizes[1] * sizes[2]; }

bool has_gaps(const CorrelationAxis& axis) {
  for (size_t k = 1; k < axis.offset.size(); ++k)
    if (std::abs(axis.offset[k] - axis.offset[k - 1]) != 1) return true;
  return false;
}

bool one_channel(const Correlation& c) { return c.n_source == 1 && c.n_target == 1; }

/// Results of a tile, some of which may not exist, read so far beyond their row.
constexpr int64_t tile = 8;

/// The tables of a task for all phases.
template <class T>
class Tables {
 public:
  explicit Tables(const std::vector<Correlation>& phases) : phases_(phases) {
    const Correlation& first = phases[0];
    task.n_channels = first.groups;
    task.n_weights = first.kernel[0] * first.kernel[1] * first.kernel[2];
    int64_t results = 0;
    for (int d = 0; d < 3; ++d) {
      task.source_size[d] = first.axis[d].source_size;
      task.target_size[d] = first.axis[d].target_size;
    }
    int64_t end = task.source_size[2], furthest = 0;
    for (const Correlation& c : phases) {
      const CorrelationAxis& columns = c.axis[2];
      results += c.axis[0].count * c.axis[1].count * columns.count;
      for (int64_t offset : columns.offset) {
        task.left = std::max(task.left, -offset);
        end = std::max(end, (columns.count - 1) * columns.source_step + offset + 1);
      }
      furthest = std::max(furthest, tile * columns.source_step);
    }
    task.leaves_gaps = results < numel(task.target_size);
    task.row = task.left + end;
    in_size = lanes() * (task.source_size[0] * task.source_size[1] * task.row + furthest);
    task.n_phases = phases_.size();
    task.phases = phases_.data();
  }

  AcrossTask<T> task{};
  int64_t in_size = 0;

  static int64_t lanes() { return conv_kernels<T>().lanes; }
  int64_t size() const { return in_size + lanes() * (task.n_weights + numel(task.target_size)); }
  /// The task with memory of the calling thread.
  AcrossTask<T> with_memory() const {
    AcrossTask<T> part = task;
    part.in = Workspace::get<T>(planes_slot, size());
    part.weights = part.in + in_size;
    part.out = part.weights + lanes() * task.n_weights;
    return part;
  }

 private:
  PhaseTables phases_;
};

/// Whether planes of one channel are enough for the lanes and few enough for the cache.
template <class T>
bool fits(const Correlation& c, int64_t n_planes) {
  const int64_t lanes = conv_kernels<T>().lanes;
  int64_t source = 1, target = 1;
  for (const CorrelationAxis& axis : c.axis) source *= axis.source_size, target *= axis.target_size;
  return 2 * n_planes >= lanes && source > 0 && target > 0 &&
         (source + target + numel(c.kernel)) * lanes * static_cast<int64_t>(sizeof(T)) <=
             most_bytes;
}

}  // namespace

template <class T>
bool correlate_fits_across(const std::vector<Correlation>& phases) {
  return !phases.empty() && std::ranges::all_of(phases, one_channel) &&
         fits<T>(phases[0], phases[0].n_items * phases[0].groups);
}

template <class T>
bool rows_are_quicker(const std::vector<Correlation>& phases) {
  // Measured over planes of 4 to 200 columns, kernels of 2 to 7, steps of 1 to 3.
  const CorrelationAxis &rows = phases[0].axis[1], &columns = phases[0].axis[2];
  if (rows.count == 1 || columns.target_size <= conv_kernels<T>().lanes) return false;
  const size_t taps = rows.tap.size() * columns.tap.size();
  if (columns.source_step > 1) return taps <= 4;
  const bool gapless = !has_gaps(rows) && !has_gaps(columns);
  return gapless && (taps <= 25 || columns.target_size > 48);
}

template <class T>
bool outer_fits_across(const Correlation& c) {
  // Three taps along one row are read by shifting what is read for one.
  const bool is_short_row = c.axis[0].tap.size() == 1 && c.axis[1].tap.size() == 1 &&
                            c.axis[1].count == 1 && c.axis[2].tap.size() == 3 &&
                            c.axis[2].source_step == 1;
  return one_channel(c) && !is_short_row && fits<T>(c, c.groups);
}

template <class T>
void correlate_across(const std::vector<Correlation>& phases, const T* source, const T* weight,
                      const T* bias, bool relu, T* target) {
  Tables<T> tables(phases);
  tables.task.weight = weight, tables.task.bias = bias, tables.task.relu = relu;
  const int64_t lanes = tables.lanes(), n_planes = phases[0].n_items * phases[0].groups;
  const int64_t source_plane = numel(tables.task.source_size),
                target_plane = numel(tables.task.target_size);
  const int64_t products = target_plane * tables.task.n_weights / tables.task.n_phases;
  const int64_t at_once = std::max<int64_t>(1, least_products / std::max<int64_t>(1, products));
  parallel_ranges(n_planes, round_up(at_once, lanes), [&](int64_t begin, int64_t end) {
    AcrossTask<T> part = tables.with_memory();
    part.source = source + begin * source_plane;
    part.target = target + begin * target_plane;
    part.first_plane = begin;
    part.n_planes = end - begin;
    conv_kernels<T>().across(part);
  });
}

template <class T>
void outer_across(const Correlation& c, const T* grad, const T* source, T* grad_weight) {
  const Tables<T> tables({c});
  const int64_t lanes = tables.lanes(), n_weights = c.groups * tables.task.n_weights;
  const int64_t source_plane = numel(tables.task.source_size),
                target_plane = numel(tables.task.target_size);
  const int64_t n_blocks = ceil_div(c.groups, lanes);
  // Few channels: items in some ranges, each with sums of its own.
  constexpr int64_t wanted = 8;
  const int64_t block_products = lanes * target_plane * tables.task.n_weights * c.n_items;
  const int64_t most = std::max<int64_t>(1, block_products / (4 * least_products));
  const int64_t range =
      ceil_div(c.n_items, std::clamp<int64_t>(std::min(wanted / n_blocks, most), 1, c.n_items));
  const int64_t n_ranges = ceil_div(c.n_items, range);
  T* sums = n_ranges == 1 ? grad_weight : Workspace::get<T>(partial_slot, n_ranges * n_weights);
  parallel_for(n_blocks * n_ranges, [&](int64_t index) {
    const int64_t block = index / n_ranges, item = index % n_ranges * range;
    AcrossTask<T> part = tables.with_memory();
    part.first_plane = block * lanes;
    part.n_channels = std::min(lanes, c.groups - block * lanes);
    part.n_planes = std::min(range, c.n_items - item);
    part.source = source + item * c.groups * source_plane;
    part.target = const_cast<T*>(grad) + item * c.groups * target_plane;
    conv_kernels<T>().across_outer(part, c.groups, sums + index % n_ranges * n_weights);
  });
  add_ranges(sums, n_ranges, n_weights, grad_weight);
}

template bool correlate_fits_across<float>(const std::vector<Correlation>&);
template bool correlate_fits_across<double>(const std::vector<Correlation>&);
template bool rows_are_quicker<float>(const std::vector<Correlation>&);
template bool rows_are_quicker<double>(const std::vector<Correlation>&);
template bool outer_fits_across<float>(const Correlation&);
template bool outer_fits_across<double>(const Correlation&);
template void correlate_across(const std::vector<Correlation>&, const float*, const float*,
                               const float*, bool, float*);
template void correlate_across(const std::vector<Correlation>&, const double*, const double*,
                               const double*, bool, double*);
template void outer_across(const Correlation&, const float*, const float*, float*);
template void outer_across(const Correlation&, const double*, const double*, double*);

}  // namespace flambeau
