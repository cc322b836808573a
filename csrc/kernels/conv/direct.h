// Direct convolution in float32 and float64: sources packed band by band into flattened planes (see
// conv/simd.h), then register-blocked loops. No im2col copy; strides become phases of the packing.
// Any thread may call; the GIL is not touched.
#pragma once
#include "kernels/conv/correlation.h"

namespace flambeau {

/// target = bias + correlation, clamped at 0 if relu; writes only the targets of this correlation.
template <class T>
void correlate_direct(const Correlation& correlation, const T* source, const T* weight,
                      const T* bias, bool relu, T* target);

/// grad_weight of the forward correlation: for each weight the sum over items and results of grad
/// (laid out as the target) times the source element it met.
template <class T>
void outer_direct(const Correlation& forward, const T* grad, const T* source, T* grad_weight);

}  // namespace flambeau
