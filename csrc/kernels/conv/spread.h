// The gradient for the input of a convolution with few pixels and many weights: each pixel of the
// output times all weights is one product, which reads the weights once, as they lie; its results
// are then added up where the taps reach. Any thread may call; the GIL is not touched.
#pragma once
#include "kernels/conv/conv.h"

namespace flambeau {

/// Whether there are so few pixels that weights turned for another way would take longer.
bool fits_spread(const ConvShape& shape);

/// Whether rows are so short that spread_rows_backward_input would add up a few elements at a time.
bool fits_spread_short(const ConvShape& shape);

/// As conv_backward_input (conv/conv.h). T: float, double.
template <class T>
void spread_backward_input(const ConvShape& shape, const T* grad_output, const T* weight,
                           const T* bias, T* grad_input);

/// The same for any number of pixels, some rows of them at a time: where the phases of a step would
/// have many sources for each of few targets, or most taps of a wider input meet no output.
template <class T>
void spread_rows_backward_input(const ConvShape& shape, const T* grad_output, const T* weight,
                                const T* bias, T* grad_input);

}  // namespace flambeau
