// out=: where a caller wants a result. Needs the GIL.
#pragma once
#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

/// Raises where autograd would have to record the write to out=.
void check_out_unrecorded(bool out_recorded, bool input_recorded, const char* operator_name);
/// Checks a caller's out= tensor; of other sizes it is resized to these, with these strides.
void prepare_out(Tensor& out, const Dims& sizes, const Dims& strides, DType result,
                 const char* operator_name);
/// The result, or out with the result in it where there is one.
TensorRef finish_out(TensorRef result, Tensor* out, const char* operator_name);

// The same of operators written in Python, in whose names messages speak: what has been given need
// not be a tensor.
TensorRef finish_given(Tensor& result, PyObject* out, const char* operator_name);
/// Raises unless out has this dtype and lies apart from the tensors among inputs.
void check_given(PyObject* out, DType expected, PyObject* inputs, const char* operator_name);
/// Raises if a tensor may not be written in place.
void check_writable(PyObject* input, const char* operator_name);

inline constexpr std::tuple out_functions{
    declare<finish_given>("_finish_out", "result, out, name"),
    declare<check_given>("_check_out", "out, dtype, inputs, name"),
    declare<check_writable>("_check_inplace", "input, name")};

}  // namespace flambeau
