#include "kernels/recurrent/lstm.h"

#include <algorithm>

#include "kernels/recurrent/simd.h"
#include "kernels/recurrent/steps.h"

namespace flambeau {

using namespace recurrent;

template <class T>
void lstm(const SequenceShape& shape, const LstmForward<T>& task) {
  const int64_t H = shape.units;
  const StepProduct<T> product(shape, 4 * H, H, task.weight, 1, H);
  const auto& kernels = lstm_kernels<T>();
  T* const step = task.gates ? nullptr : Workspace::get<T>(step_slot, shape.batch * 4 * H);
  run_forward(
      shape, product, task.bias, task.h, task.had_h, task.output,
      [&](int64_t first) { return step ? step : task.gates + first * 4 * H; },
      [&](int64_t at, int64_t r, T* gates) {
        T* c = task.c + r * H;
        if (task.had_c) std::copy_n(c, H, task.had_c + at * H);
        kernels.step(H, task.inputs + at * 4 * H, gates, c, task.h + r * H);
      });
}

template <class T>
void lstm_backward(const SequenceShape& shape, const LstmBackward<T>& task) {
  const int64_t H = shape.units;
  const StepProduct<T> product(shape, H, 4 * H, task.weight, H, 1);
  const auto& kernels = lstm_kernels<T>();
  run_backward(shape, product, 4 * H, task.grad_output, task.grad_h, task.grad_gates, false,
               [&](int64_t at, int64_t r, T* row) {
                 kernels.backward(H, task.gates + at * 4 * H, task.had_c + at * H,
                                  task.grad_h + r * H, task.grad_c + r * H, row);
               });
}

template void lstm(const SequenceShape&, const LstmForward<float>&);
template void lstm(const SequenceShape&, const LstmForward<double>&);
template void lstm_backward(const SequenceShape&, const LstmBackward<float>&);
template void lstm_backward(const SequenceShape&, const LstmBackward<double>&);

}  // namespace flambeau
