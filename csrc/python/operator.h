// The door in front of every operator, and what makes operators. Needs the GIL.
#pragma once
#include <memory>

#include "autograd/door.h"
#include "dispatch/operator.h"
#include "python/args.h"
#include "python/overrides.h"
#include "python/parse.h"

namespace flambeau {

/// The rest of enter() where somebody watches.
PyObject* enter_watched(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys);

/// The call of an operator that runs as `run`: watchers and arguments that take it over first.
template <Run run>
PyObject* enter(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* keys) {
  Operator& self = as_operator(o);
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  if (watchers) [[unlikely]]
    return enter_watched(self, args, n, keys);
  if (has_override(args, n + count_of(keys))) return call_override(o, args, n, keys);
  return run(self, args, n, keys);
}

/// An operator without attributes, which the caller fills.
Operator& new_operator(vectorcallfunc door, Run run);
/// What messages call it.
const char* name_of(Operator& self);
void set_name(Operator& self, const char* name, const char* doc = nullptr);

/// Gives an operator a way, which lives as long as it.
void add_way(Operator& self, Way* way);

/// Runs a primitive's implementation and records what its backward needs.
Object call_primitive(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys);
/// A primitive's nodes are of this name's type from now on.
void make_primitive(Operator& self, const char* node_name);
/// The declaration of a pointwise operator; a new reference.
PyObject* spec_of(Operator& self);

void initialize_operators(PyObject* module);
void initialize_pointwise(PyObject* module);

}  // namespace flambeau
