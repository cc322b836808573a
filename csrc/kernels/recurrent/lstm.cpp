#include "kernels/recurrent/lstm.h"

#include <algorithm>

#include "kernels/recurrent/simd.h"
#include "kernels/recurrent/steps.h"

namespace flambeau {

using namespace recurrent;

template <class T>
void lstm(const SequenceShape& shape, const LstmForward<T>& task) {
  const int64_t H = shape.units;
  const StepProduct<T> product(4 * H, H, task.weight, 1, H);
  const auto& kernels = lstm_kernels<T>();
  const bool keeps = task.gates;
  T* const step = keeps ? nullptr : Workspace::get<T>(step_slot, shape.batch * 4 * H);
  each_step(shape, false, [&](int64_t first, int64_t begin, int64_t end) {
    const T* inputs = task.inputs + first * 4 * H;
    T* gates = keeps ? task.gates + first * 4 * H : step;
    product.run(end - begin, task.h + begin * H, gates + begin * 4 * H, task.bias, false);
    each_row(begin, end, H, [&](int64_t r) {
      T *h = task.h + r * H, *c = task.c + r * H;
      if (keeps) {
        std::copy_n(h, H, task.had_h + (first + r) * H);
        std::copy_n(c, H, task.had_c + (first + r) * H);
      }
      kernels.step(H, inputs + r * 4 * H, gates + r * 4 * H, c, h);
      std::copy_n(h, H, task.output + (first + r) * H);
    });
  });
}

template <class T>
void lstm_backward(const SequenceShape& shape, const LstmBackward<T>& task) {
  const int64_t H = shape.units;
  const StepProduct<T> product(H, 4 * H, task.weight, H, 1);
  const auto& kernels = lstm_kernels<T>();
  each_step(shape, true, [&](int64_t first, int64_t begin, int64_t end) {
    T* grad_gates = task.grad_gates + first * 4 * H;
    each_row(begin, end, H, [&](int64_t r) {
      T* grad_h = task.grad_h + r * H;
      const T* more = task.grad_output + (first + r) * H;
      for (int64_t j = 0; j < H; ++j) grad_h[j] += more[j];
      kernels.backward(H, task.gates + (first + r) * 4 * H, task.had_c + (first + r) * H, grad_h,
                       task.grad_c + r * H, grad_gates + r * 4 * H);
    });
    product.run(end - begin, grad_gates + begin * 4 * H, task.grad_h + begin * H, nullptr, false);
  });
}

template void lstm(const SequenceShape&, const LstmForward<float>&);
template void lstm(const SequenceShape&, const LstmForward<double>&);
template void lstm_backward(const SequenceShape&, const LstmBackward<float>&);
template void lstm_backward(const SequenceShape&, const LstmBackward<double>&);

}  // namespace flambeau
