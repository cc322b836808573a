#include "kernels/vision/grid.h"

#include <algorithm>
#include <memory>

#include "kernels/vision/grid_simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

enum Slot { packed_slot = 4, gradient_slot = 5 };

/// Pixels packed, and points sampled, in one task.
constexpr int64_t task_pixels = 1 << 13, task_points = 1 << 10;

/// Channels that are dealt with at once, or 0: so few points, or so few reads for each, that
/// packing pixels does not pay.
template <class T>
int group_of(const GridShape& shape) {
  if (shape.mode == GridMode::nearest && shape.channels <= 8) return 0;
  if (shape.points * shape.neighbours() * 2 < shape.pixels()) return 0;
  const int lanes = grid_kernels<T>().lanes;
  for (int group : {4, 8})
    if (shape.channels <= group && group < lanes) return group;
  return lanes;
}

/// Items whose results are their own. Some of them keep all threads busy; of fewer, each is shared.
template <class Item>
void each_item(int64_t n, Item&& item) {
  constexpr int64_t enough = 4;
  if (n >= enough) return parallel_for(n, item);
  for (int64_t i = 0; i < n; ++i) item(i);
}

/// The groups of channels of all images, one after the other.
template <class T>
class Grid {
 public:
  Grid(const GridShape& shape, const T* input, const T* grid)
      : shape_(shape),
        input_(input),
        grid_(grid),
        kernels_(grid_kernels<T>()),
        group_(group_of<T>(shape)),
        n_groups_(group_ ? ceil_div(shape.channels, group_) : 1) {}

  int64_t n_items() const { return shape_.n * n_groups_; }
  int64_t n_groups() const { return n_groups_; }

  void sample(int64_t item, T* output) const {
    GridTask<T> task = task_of(item);
    task.packed = pixels_of(item);
    task.output = output + channel_of(item) * shape_.points;
    parallel_ranges(shape_.points, task_points, [&](int64_t begin, int64_t end) {
      GridTask<T> part = task;
      part.begin = begin, part.end = end;
      kernels_.sample(part);
    });
  }

  /// grad_input has the item's first channel first.
  void backward_input(int64_t item, const T* grad_output, T* grad_input) const {
    GridTask<T> task = task_of(item);
    task.grad_output = grad_output + channel_of(item) * shape_.points;
    grad_input += channel_of(item) * shape_.pixels();
    task.begin = 0, task.end = shape_.points;
    if (group_ == 0) {
      std::fill_n(grad_input, shape_.channels * shape_.pixels(), T(0));
      task.packed_grad = grad_input;
      return kernels_.backward(task);
    }
    const int64_t n = (shape_.pixels() + 1) * group_;
    task.packed_grad = Workspace::get<T>(gradient_slot, n);
    std::fill_n(task.packed_grad, n, T(0));
    kernels_.backward(task);
    parallel_ranges(shape_.pixels(), task_pixels, [&](int64_t begin, int64_t end) {
      kernels_.unpack(group_, task.channels, shape_.pixels(), begin, end, task.packed_grad,
                      grad_input);
    });
  }

  /// What the item's channels add to grad_grid (points, ndim).
  void backward_grid(int64_t item, const T* grad_output, T* grad_grid) const {
    GridTask<T> task = task_of(item);
    task.packed = pixels_of(item);
    task.grad_output = grad_output + channel_of(item) * shape_.points;
    task.grad_grid = grad_grid;
    parallel_ranges(shape_.points, task_points, [&](int64_t begin, int64_t end) {
      GridTask<T> part = task;
      part.begin = begin, part.end = end;
      kernels_.backward(part);
    });
  }

 private:
  int64_t channel_of(int64_t item) const {
    return item / n_groups_ * shape_.channels + item % n_groups_ * group_;
  }

  GridTask<T> task_of(int64_t item) const {
    GridTask<T> task = {};
    task.shape = &shape_;
    task.group = group_;
    task.channels = group_ ? std::min<int64_t>(group_, shape_.channels - item % n_groups_ * group_)
                           : shape_.channels;
    task.grid = grid_ + item / n_groups_ * shape_.points * shape_.ndim;
    return task;
  }

  const T* pixels_of(int64_t item) const {
    const T* from = input_ + channel_of(item) * shape_.pixels();
    if (group_ == 0) return from;
    const int64_t pixels = shape_.pixels(), channels = task_of(item).channels;
    T* packed = Workspace::get<T>(packed_slot, (pixels + 1) * group_);
    parallel_ranges(pixels, task_pixels, [&](int64_t begin, int64_t end) {
      kernels_.pack(group_, channels, pixels, begin, end, from, packed);
    });
    std::fill_n(packed + pixels * group_, group_, T(0));
    return packed;
  }

  const GridShape& shape_;
  const T *input_, *grid_;
  const GridKernels<T>& kernels_;
  int group_;
  int64_t n_groups_;
};

}  // namespace

template <class T>
void grid_sample(const GridShape& shape, const T* input, const T* grid, T* output) {
  const Grid<T> job(shape, input, grid);
  each_item(job.n_items(), [&](int64_t item) { job.sample(item, output); });
}

template <class T>
void grid_sample_backward(const GridShape& shape, const T* grad_output, const T* input,
                          const T* grid, T* grad_input, T* grad_grid) {
  const Grid<T> job(shape, input, grid);
  const int64_t n_items = job.n_items(), numel = shape.points * shape.ndim;
  std::unique_ptr<T[]> parts;
  if (grad_grid && job.n_groups() > 1) parts = std::make_unique_for_overwrite<T[]>(n_items * numel);
  // Pixels of one item are added to by one thread; the grid's gradient is work for another.
  parallel_for(2 * n_items, [&](int64_t half) {
    const int64_t item = half / 2;
    if (half % 2 == 0 && grad_input) job.backward_input(item, grad_output, grad_input);
    if (half % 2 == 1 && grad_grid)
      job.backward_grid(item, grad_output, (parts ? parts.get() : grad_grid) + item * numel);
  });
  if (!parts) return;
  parallel_for(shape.n, [&](int64_t image) {
    T* to = grad_grid + image * numel;
    const T* from = parts.get() + image * job.n_groups() * numel;
    std::copy_n(from, numel, to);
    for (int64_t group = 1; group < job.n_groups(); ++group)
      for (int64_t i = 0; i < numel; ++i) to[i] += from[group * numel + i];
  });
}

template void grid_sample(const GridShape&, const float*, const float*, float*);
template void grid_sample(const GridShape&, const double*, const double*, double*);
template void grid_sample_backward(const GridShape&, const float*, const float*, const float*,
                                   float*, float*);
template void grid_sample_backward(const GridShape&, const double*, const double*, const double*,
                                   double*, double*);

}  // namespace flambeau
