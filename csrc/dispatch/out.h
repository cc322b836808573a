// out=: where a caller wants a result. Needs the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// Raises where autograd would have to record the write to out=.
void check_out_unrecorded(bool out_recorded, bool input_recorded, const char* operator_name);
/// Checks a caller's out= tensor; of other sizes it is resized to these, with these strides.
void prepare_out(Tensor& out, const Dims& sizes, const Dims& strides, DType result,
                 const char* operator_name);
/// The result, or out with the result in it where there is one.
TensorRef finish_out(TensorRef result, Tensor* out, const char* operator_name);

}  // namespace flambeau
