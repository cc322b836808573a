// From a pointwise call to its kernel: finds or compiles it, lays the operands out, runs it.
// Needs the GIL, which long runs give up.
#pragma once
#include "dispatch/pointwise.h"

namespace flambeau {

/// The kernel over flat memory: every tensor contiguous and of one shape.
void launch_flat(Pointwise& record, Tensor& out, const Arg* args, DType compute);
/// The kernel over anything: fills outputs from args, all broadcast to sizes.
void launch(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* args, int n_args,
            const Dims& sizes, DType compute);

}  // namespace flambeau
