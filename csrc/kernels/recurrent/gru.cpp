#include "kernels/recurrent/gru.h"

#include <algorithm>

#include "kernels/recurrent/simd.h"
#include "kernels/recurrent/steps.h"

namespace flambeau {

using namespace recurrent;

template <class T>
void gru(const SequenceShape& shape, const GruForward<T>& task) {
  const int64_t H = shape.units;
  const StepProduct<T> product(3 * H, H, task.weight, 1, H);
  const auto& kernels = gru_kernels<T>();
  const bool keeps = task.gates;
  T* const sums = Workspace::get<T>(step_slot, shape.batch * 3 * H);
  each_step(shape, false, [&](int64_t first, int64_t begin, int64_t end) {
    product.run(end - begin, task.h + begin * H, sums + begin * 3 * H, task.bias, false);
    each_row(begin, end, H, [&](int64_t r) {
      T* h = task.h + r * H;
      if (keeps) std::copy_n(h, H, task.had_h + (first + r) * H);
      kernels.step(H, task.inputs + (first + r) * 3 * H, sums + r * 3 * H, h,
                   keeps ? task.gates + (first + r) * 4 * H : nullptr);
      std::copy_n(h, H, task.output + (first + r) * H);
    });
  });
}

template <class T>
void gru_backward(const SequenceShape& shape, const GruBackward<T>& task) {
  const int64_t H = shape.units;
  const StepProduct<T> product(H, 3 * H, task.weight, H, 1);
  const auto& kernels = gru_kernels<T>();
  each_step(shape, true, [&](int64_t first, int64_t begin, int64_t end) {
    T* grad_sums = task.grad_sums + first * 3 * H;
    each_row(begin, end, H, [&](int64_t r) {
      T* grad_h = task.grad_h + r * H;
      const T* more = task.grad_output + (first + r) * H;
      for (int64_t j = 0; j < H; ++j) grad_h[j] += more[j];
      kernels.backward(H, task.gates + (first + r) * 4 * H, task.had_h + (first + r) * H, grad_h,
                       task.grad_inputs + (first + r) * 3 * H, grad_sums + r * 3 * H);
    });
    product.run(end - begin, grad_sums + begin * 3 * H, task.grad_h + begin * H, nullptr, true);
  });
}

template void gru(const SequenceShape&, const GruForward<float>&);
template void gru(const SequenceShape&, const GruForward<double>&);
template void gru_backward(const SequenceShape&, const GruBackward<float>&);
template void gru_backward(const SequenceShape&, const GruBackward<double>&);

}  // namespace flambeau
