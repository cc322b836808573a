// Depthwise convolution with a lane for each plane: small planes, steps and kernels of any size,
// one to three dimensions. Any thread may call; the GIL is not touched.
#pragma once
#include "kernels/conv/correlation.h"

namespace flambeau {

/// Whether each group has one source and one target, planes fill the lanes, and those of all lanes
/// fit into the cache. `phases` are one forward correlation or all of backward_correlations().
template <class T>
bool correlate_fits_across(const std::vector<Correlation>& phases);
/// Whether rows of these planes fill vectors so well that bringing each plane into a lane does not
/// pay, for what conv/depthwise.h computes too.
template <class T>
bool rows_are_quicker(const std::vector<Correlation>& phases);
template <class T>
bool outer_fits_across(const Correlation& forward);

/// As correlate_direct (conv/direct.h), for all phases at once, gaps between them too if they leave
/// any. T: float, double.
template <class T>
void correlate_across(const std::vector<Correlation>& phases, const T* source, const T* weight,
                      const T* bias, bool relu, T* target);

/// As outer_direct (conv/direct.h). T: float, double.
template <class T>
void outer_across(const Correlation& forward, const T* grad, const T* source, T* grad_weight);

}  // namespace flambeau
