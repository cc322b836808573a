// Running results along one dim: cumsum, cumprod, logcumsumexp, cummax, cummin.
// Every operand has ndim >= 1 and the sizes of self. Lanes run in parallel, each in its own order.
#pragma once
#include "tensor/strided.h"

namespace flambeau {

/// out is int64 for bool and integers, which wrap around, else of the dtype of self. float32
/// accumulates in float64, half types in float32.
void cumsum(const Strided& out, const Strided& self, int dim);
void cumprod(const Strided& out, const Strided& self, int dim);

/// log of the running sum of exp, floating and complex.
void logcumsumexp(const Strided& out, const Strided& self, int dim);

/// The greatest (least) value so far and the place of its last occurrence; from a NaN on, NaN. No
/// complex dtypes.
void cummax(const Strided& values, const Strided& indices, const Strided& self, int dim);
void cummin(const Strided& values, const Strided& indices, const Strided& self, int dim);

}  // namespace flambeau
