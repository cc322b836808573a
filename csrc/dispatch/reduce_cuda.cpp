// Reductions on a GPU. A block of threads makes each result, or a thread where results lie side by
// side and their elements do not; where that leaves most of a GPU idle, reductions are cut into
// chunks whose states a second launch joins. How the elements are cut depends on sizes and strides
// alone, so results are the same bits every time.
#include "dispatch/cuda_launch.h"
#include "dispatch/reduce.h"
#include "dispatch/reduce_plan.h"

namespace flambeau {
namespace {

constexpr unsigned threads = 128;  // of a block that makes one result
constexpr int64_t busy_blocks = 1024, busy_threads = 128 * 1024;  // what a large GPU needs
constexpr int64_t least_of_block = 8192, least_of_thread = 64;    // elements of a chunk

struct Launch {
  std::vector<uint64_t> pointers;  // of a parameter: its value
  std::vector<int64_t> strides;    // of all streams along out0, out1, red0, red1
  int64_t outer[2], reduced[2], chunk, chunks;
  bool of_threads;
  int index;
};

void run(ReduceKernel kernel, Launch& l) {
  // Parameters: sizes, pointers, strides; see flambeau/kernels/gpu/reduce.py.
  int64_t sizes[] = {l.outer[0], l.outer[1], l.reduced[0], l.reduced[1], l.chunk, l.chunks};
  void* parameters[] = {sizes, l.pointers.data(), l.strides.data()};
  int64_t outputs = l.outer[0] * l.outer[1];
  cuda::Shape shape;
  shape.threads = threads;
  shape.blocks = l.of_threads ? cuda::blocks_for(outputs, threads, l.index)
                              : std::min<int64_t>(outputs, 1 << 16);
  shape.rows_of_blocks = l.chunks;
  const int64_t elements = l.reduced[0] * l.reduced[1];
  std::string letters = l.of_threads ? "t" : "b";
  if (l.reduced[0] == 1)
    letters += '1';
  else if (elements < int64_t{1} << 31)
    letters += 'N';
  cuda::launch(cuda::kernel_of(reinterpret_cast<const void*>(kernel), letters, l.index), l.index,
               shape, parameters, "a reduction");
}

void put_axes(Launch& l, const std::vector<Axis>& kept, const std::vector<Axis>& reduced, int n) {
  static constexpr Axis unit = {1, {}};
  auto inner = [&](const std::vector<Axis>& axes, size_t back) -> const Axis& {
    return axes.size() > back ? axes[axes.size() - 1 - back] : unit;
  };
  const Axis* axes[] = {&inner(kept, 0), &inner(kept, 1), &inner(reduced, 1), &inner(reduced, 0)};
  l.outer[0] = axes[0]->size;
  l.outer[1] = axes[1]->size;
  l.reduced[0] = axes[2]->size;
  l.reduced[1] = axes[3]->size;
  for (const Axis* axis : axes)
    for (int s = 0; s < n; ++s) l.strides.push_back(axis->strides[s]);
}

}  // namespace

void reduce_on_device(const DeviceReduction& d) {
  const Plan& plan = d.plan;
  const int n_in = plan.n - plan.n_out - plan.n_params;
  Launch l;
  l.index = d.index;
  put_axes(l, plan.kept, plan.reduced, plan.n);
  for (int s = 0; s < plan.n; ++s) l.pointers.push_back(d.pointers[s]);
  // Of the first input along the results, and along the elements.
  const int64_t beside = std::abs(l.strides[static_cast<size_t>(plan.n_out)]),
                further = std::abs(l.strides[static_cast<size_t>(3 * plan.n + plan.n_out)]);
  l.of_threads = (l.outer[0] >= 32 && beside <= 16 && further > beside && !plan.kept.empty()) ||
                 (plan.count <= 16 && plan.outputs >= 256);
  const int64_t idle = l.of_threads ? std::min(busy_threads / std::max<int64_t>(plan.outputs, 1),
                                               plan.count / least_of_thread)
                                    : std::min(busy_blocks / std::max<int64_t>(plan.outputs, 1),
                                               plan.count / least_of_block);
  l.chunk = std::max<int64_t>(plan.count, 1);
  l.chunks = 1;
  if (idle <= 1) return run(d.find('g', "full"), l);
  l.chunks = std::min<int64_t>(idle, 1024);
  l.chunk = (plan.count + l.chunks - 1) / l.chunks;
  l.chunks = (plan.count + l.chunk - 1) / l.chunk;  // none is empty
  std::vector<DType> states = d.states();
  std::vector<TensorRef> memory;
  for (DType state : states)
    memory.push_back(empty({plan.outputs, l.chunks}, state, cuda::device_at(d.index)));
  const int n_states = static_cast<int>(states.size());
  // Partial: states in place of outputs, result o of chunk c at [o, c].
  Launch partial = l;
  partial.pointers.clear();
  partial.strides.clear();
  for (auto& m : memory) partial.pointers.push_back(m->address());
  for (int s = plan.n_out; s < plan.n; ++s) partial.pointers.push_back(d.pointers[s]);
  for (int axis = 0; axis < 4; ++axis) {
    int64_t step = axis == 0 ? l.chunks : axis == 1 ? l.chunks * l.outer[0] : 0;
    for (int k = 0; k < n_states; ++k)
      partial.strides.push_back(step * itemsize(states[static_cast<size_t>(k)]));
    for (int s = plan.n_out; s < plan.n; ++s)
      partial.strides.push_back(l.strides[static_cast<size_t>(axis * plan.n + s)]);
  }
  run(d.find_partial(states), partial);
  // Combine: the states of each result are its elements.
  Launch combine = l;
  combine.pointers.assign(d.pointers, d.pointers + plan.n_out);
  combine.strides.clear();
  for (auto& m : memory) combine.pointers.push_back(m->address());
  for (int s = 0; s < plan.n_params; ++s)
    combine.pointers.push_back(d.pointers[plan.n_out + n_in + s]);
  for (int axis = 0; axis < 4; ++axis) {
    for (int s = 0; s < plan.n_out; ++s)
      combine.strides.push_back(l.strides[static_cast<size_t>(axis * plan.n + s)]);
    for (int k = 0; k < n_states; ++k) {
      int64_t step = axis == 0 ? l.chunks : axis == 1 ? l.chunks * l.outer[0] : axis == 2 ? 0 : 1;
      combine.strides.push_back(step * itemsize(states[static_cast<size_t>(k)]));
    }
    for (int s = 0; s < plan.n_params; ++s) combine.strides.push_back(0);
  }
  combine.reduced[0] = 1;
  combine.reduced[1] = l.chunks;
  combine.chunk = l.chunks;
  combine.chunks = 1;
  run(d.find('r', "combine"), combine);
}

}  // namespace flambeau
