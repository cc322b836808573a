// The slots and attributes of the Python type Tensor, by file: attributes, operators, numbers,
// subscripts. Bindings only; needs the GIL.
#pragma once
#include "python/attributes.h"
#include "python/overrides.h"

namespace flambeau {

inline Tensor& self_of(PyObject* o) { return *as_tensor(o); }

extern PyGetSetDef tensor_attributes[];  // tensor_attributes.cpp

/// Appends the slots that a file implements; a type is made of all of them.
using Slots = std::vector<PyType_Slot>;
void add_operator_slots(Slots& slots);   // tensor_operators.cpp
void add_number_slots(Slots& slots);     // tensor_numbers.cpp
void add_subscript_slots(Slots& slots);  // tensor_subscript.cpp

}  // namespace flambeau
