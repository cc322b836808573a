// From a pointwise call to its kernel: finds or compiles it, lays the operands out, runs it.
// Needs the GIL, which long runs give up.
#pragma once
#include "dispatch/pointwise.h"

namespace flambeau {

/// The kernel for operands of these dtypes in these modes, outputs first; compiled by Python if need
/// be, which refuses dtypes that the operator does not take.
MapKernel find_kernel(Pointwise& record, const Mode* modes, const DType* dtypes, int n_out, int n,
                      DType compute);
/// Puts number i of a call, at most 16 bytes, at `to`; returns its dtype.
DType place_number(const Pointwise& record, int i, PyObject* number, DType compute, char* to);

/// What the arguments promote to, but for those that keep their dtype.
DType promoted_dtype(const Pointwise& record, const Arg* args);
/// The kernel over flat memory: every tensor contiguous and of one shape.
void launch_flat(Pointwise& record, Tensor& out, const Arg* args, DType compute);
/// The kernel over anything: fills outputs from args, all broadcast to sizes.
void launch(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* args, int n_args,
            const Dims& sizes, DType compute);

}  // namespace flambeau
