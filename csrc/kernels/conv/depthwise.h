// Depthwise convolution: each channel has one kernel of its own. Rows are read from where they lie,
// with masks at their ends. Any thread may call; the GIL is not touched.
#pragma once
#include "kernels/conv/correlation.h"

namespace flambeau {

/// True for one source and one target a group over one or two dimensions, and steps of 1 and 2.
/// `phases` are one forward correlation or all of backward_correlations().
template <class T>
bool correlate_fits_depthwise(const std::vector<Correlation>& phases);
template <class T>
bool outer_fits_depthwise(const Correlation& forward);

/// As correlate_direct (conv/direct.h), for all phases at once. T: float, double.
template <class T>
void correlate_depthwise(const std::vector<Correlation>& phases, const T* source, const T* weight,
                         const T* bias, bool relu, T* target);

/// As outer_direct (conv/direct.h). T: float, double.
template <class T>
void outer_depthwise(const Correlation& forward, const T* grad, const T* source, T* grad_weight);

}  // namespace flambeau
