// The 8-bit floating formats: one number from and to float, by the formats' definitions.
// Sources: Micikevicius et al., "FP8 Formats for Deep Learning", 2022, arXiv:2209.05433 (e4m3fn,
// e5m2); Noune et al., "8-bit Numerical Formats for Deep Neural Networks", 2022, arXiv:2206.02915
// (fnuz: no infinities, one NaN in the place of -0); OCP Microscaling Formats 1.0, 2023 (e8m0).
#pragma once
#include "tensor/dtype.h"

namespace flambeau {

/// The number that a code stands for; NaN for the codes that stand for none.
float from_float8(uint8_t code, DType dtype);
float largest_float8(DType dtype);
/// The nearest code, of two the even one. Beyond the largest number: that one in e4m3fn, infinity
/// in e5m2, NaN in the others, as in PyTorch.
uint8_t to_float8(float value, DType dtype);

}  // namespace flambeau
