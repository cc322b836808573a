#include "kernels/recurrent/gru.h"

#include "kernels/recurrent/simd.h"
#include "kernels/recurrent/steps.h"

namespace flambeau {

using namespace recurrent;

template <class T>
void gru(const SequenceShape& shape, const GruForward<T>& task) {
  const int64_t H = shape.units;
  const StepProduct<T> product(shape, 3 * H, H, task.weight, 1, H);
  const auto& kernels = gru_kernels<T>();
  T* const sums = Workspace::get<T>(step_slot, shape.batch * 3 * H);
  run_forward(
      shape, product, task.bias, task.h, task.had_h, task.output, [&](int64_t) { return sums; },
      [&](int64_t at, int64_t r, const T* row) {
        kernels.step(H, task.inputs + at * 3 * H, row, task.h + r * H,
                     task.gates ? task.gates + at * 4 * H : nullptr);
      });
}

template <class T>
void gru_backward(const SequenceShape& shape, const GruBackward<T>& task) {
  const int64_t H = shape.units;
  const StepProduct<T> product(shape, H, 3 * H, task.weight, H, 1);
  const auto& kernels = gru_kernels<T>();
  run_backward(shape, product, 3 * H, task.grad_output, task.grad_h, task.grad_sums, true,
               [&](int64_t at, int64_t r, T* row) {
                 kernels.backward(H, task.gates + at * 4 * H, task.had_h + at * H,
                                  task.grad_h + r * H, task.grad_inputs + at * 3 * H, row);
               });
}

template void gru(const SequenceShape&, const GruForward<float>&);
template void gru(const SequenceShape&, const GruForward<double>&);
template void gru_backward(const SequenceShape&, const GruBackward<float>&);
template void gru_backward(const SequenceShape&, const GruBackward<double>&);

}  // namespace flambeau
