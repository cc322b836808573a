// Operators that Python declares and the core calls by name. Needs the GIL.
#pragma once
#include "dispatch/promotion.h"

namespace flambeau {

void bind_operator(const char* name, PyObject* callable);
bool is_bound(const char* name);
/// Borrowed; raises if nothing of that name is bound. `name` is a literal: it is known by its
/// address.
PyObject* bound_operator(const char* name);
/// Raises where number is beyond the range of t's dtype, as store_number tells.
void fill_number(Tensor& t, PyObject* number, const char* operator_name = "fill_",
                 bool rounds = false);

}  // namespace flambeau
