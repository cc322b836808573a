// Sequences of a gated recurrent unit, one direction of one layer, forward and backward, as lstm.h
// has them of a long short-term memory. Raw contiguous memory; any thread may call, the GIL is not
// touched. Work is cut by sizes alone: the same bits for any number of threads.
#pragma once
#include "kernels/recurrent/sequence.h"

namespace flambeau {

/// T: float, double.
template <class T>
struct GruForward {
  const T* weight;  // (3 units, units)
  const T* bias;    // (3 units), or null
  const T* inputs;  // (all rows, 3 units), projected
  T* gates;         // (all rows, 4 units): r, z, n and what r multiplies; or null
  T* h;             // (batch, units): the initial state; left with the final one
  T* output;        // (all rows, units)
  T* had_h;         // (all rows, units): the state before each step; null if gates are
};
template <class T>
void gru(const SequenceShape& shape, const GruForward<T>& task);

template <class T>
struct GruBackward {
  const T* weight;
  const T *gates, *had_h;
  const T* grad_output;        // (all rows, units)
  T* grad_h;                   // of the final state; left with that of the initial one
  T *grad_inputs, *grad_sums;  // (all rows, 3 units), of the projected inputs and of the state's
};
template <class T>
void gru_backward(const SequenceShape& shape, const GruBackward<T>& task);

}  // namespace flambeau
