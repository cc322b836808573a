// The slots and attributes of the Python type Tensor, by file: attributes, operators, numbers,
// subscripts. Bindings only; needs the GIL.
#pragma once
#include "python/attributes.h"
#include "python/overrides.h"

namespace flambeau {

inline Tensor& self_of(PyObject* o) { return *as_tensor(o); }

extern PyGetSetDef tensor_attributes[];  // tensor_attributes.cpp

/// The slots that a file implements; a type is made of all of them.
using Slots = std::vector<PyType_Slot>;
extern const Slots operator_slots, number_slots, subscript_slots;

}  // namespace flambeau
