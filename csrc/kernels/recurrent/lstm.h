// Sequences of a long short-term memory, one direction of one layer, forward and backward: the
// projected inputs are given, and what remains of a step is a product with the recurrent weights,
// packed once, and one pass over the gates. Raw contiguous memory; any thread may call, the GIL is
// not touched. Work is cut by sizes alone: the same bits for any number of threads.
#pragma once
#include "kernels/recurrent/sequence.h"
#include "tensor/dtype.h"

namespace flambeau {

/// T: float, double.
template <class T>
struct LstmForward {
  const T* weight;   // (4 units, units)
  const T* bias;     // (4 units), or null
  const T* inputs;   // (all rows, 4 units), projected
  T* gates;          // their activations, likewise; or null
  T *h, *c;          // (batch, units): the initial state; left with the final one
  T* output;         // (all rows, units)
  T *had_h, *had_c;  // (all rows, units): the state before each step; null if gates are
};
template <class T>
void lstm(const SequenceShape& shape, const LstmForward<T>& task);

template <class T>
struct LstmBackward {
  const T* weight;
  const T *gates, *had_c;
  const T* grad_output;  // (all rows, units)
  T *grad_h, *grad_c;    // of the final state; left with those of the initial one
  T* grad_gates;         // (all rows, 4 units), of the sums
};
template <class T>
void lstm_backward(const SequenceShape& shape, const LstmBackward<T>& task);

/// The same of weights and projected inputs in bfloat16: the state is rounded to be multiplied, all
/// else is float32. T: float, bfloat16, what comes out and what gradients come in.
template <class T>
struct LstmForwardBfloat16 {
  const bfloat16* weight;
  const bfloat16* inputs;
  float* gates;  // or null
  float *h, *c;  // the initial state; left with the final one
  T* output;
  bfloat16* had_h;  // rounded
  float* had_c;
};
template <class T>
void lstm(const SequenceShape& shape, const LstmForwardBfloat16<T>& task);

template <class T>
struct LstmBackwardBfloat16 {
  const bfloat16* weight;
  const float *gates, *had_c;
  const T* grad_output;
  float *grad_h, *grad_c;
  bfloat16* grad_gates;
};
template <class T>
void lstm_backward(const SequenceShape& shape, const LstmBackwardBfloat16<T>& task);

}  // namespace flambeau
