// Python's and NumPy's numbers: which objects are one, what dtype it has, its value as an element.
// A NumPy scalar is told by its type, without NumPy's headers. Need the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// True for what may stand where a tensor is expected: Python's and NumPy's numbers.
bool is_number(PyObject* o);
/// The dtype that a number brings into type promotion: bool, int64, the default dtype, its complex.
DType number_dtype(PyObject* number);
/// The dtype that a new tensor of this one number has; a NumPy scalar keeps its own.
DType own_dtype(PyObject* number);
/// Whether o is a NumPy scalar of any kind, numbers or not.
bool is_array_scalar(PyObject* o);
/// Whether o is a NumPy array.
bool is_array(PyObject* o);

/// Writes a Python number as an element of dtype; raises where it does not fit the kind. What an
/// integer dtype does not hold wraps, as operands do, or with a checker (an operator's name) raises
/// there, as what a tensor is to hold does; -1 is still the largest unsigned value. What a floating
/// dtype does not hold becomes an infinity if it `rounds`, or raises.
void store_number(PyObject* number, DType dtype, void* to, const char* checker = nullptr,
                  bool rounds = true);
/// The element at p as a Python number.
PyObject* load_number(const void* p, DType dtype);
/// The only element of t as one; RuntimeError on the meta device.
PyObject* number_of(const Tensor& t, const char* operator_name);

}  // namespace flambeau
