// Operator: the one callable that stands for every public function, method and in-place form.
// A call passes the door (watchers, __torch_function__), then goes one way: native code, a compiled
// kernel, or an implementation in Python. Needs the GIL; operators live as long as the process.
#pragma once
#include <Python.h>

#include <cstdint>

namespace flambeau {

class Parameters;
class Way;
struct NativeEntry;
struct Operator;
struct Pointwise;

/// What stands behind the door: the result, or null with an error set.
using Run = PyObject* (*)(Operator & self, PyObject* const* args, Py_ssize_t n, PyObject* keys);

/// A native way for some sparse arguments, given by position; null where the call is not for it.
using Shortcut = PyObject* (*)(PyObject* const* args, Py_ssize_t n);

struct Operator {
  /// How out= is served: not at all (or by the way itself), by a copy of the result that is cast,
  /// only of the result's dtype, or that and apart from the inputs.
  enum class Out : uint8_t { none, cast, same, exact };
  /// What autocast does to the arguments: nothing, its own dtype, float32, or the widest of theirs.
  enum class Precision : uint8_t { given, lower, full, widest };

  PyObject_HEAD vectorcallfunc vectorcall;
  Run run;
  Pointwise* record;         // of a pointwise operator
  const NativeEntry* entry;  // of a native one
  Way* way;                  // a native way into a Python implementation, for plain calls; or null
  Parameters* parameters;    // null where the way alone knows
  PyObject* declared;        // the Python function that declared it, or null
  PyObject* implementation;  // what is called; of a primitive with ctx in front
  PyObject* backward;        // of a primitive
  PyObject* sparse;          // what is called where an argument is sparse: True for itself, or null
  Shortcut shortcut;         // tried before that, or null
  PyTypeObject* node_type;   // of a primitive
  PyObject* batch_rule;      // called instead where an argument is batched, or null
  PyObject *dict, *weakrefs;
  Out out;
  Precision precision;
  bool inplace;       // of a pointwise operator: writes its result over the first argument
  bool is_private;    // only other operators call it
  bool respells;      // NumPy's names of arguments are understood
  bool keeps_format;  // results of a primitive are channels last where a tensor argument is
};

extern PyTypeObject* operator_type;
inline bool is_operator(PyObject* o) { return Py_TYPE(o) == operator_type; }
inline Operator& as_operator(PyObject* o) { return *reinterpret_cast<Operator*>(o); }
inline bool is_pointwise(PyObject* o) { return is_operator(o) && as_operator(o).record; }
inline Pointwise& record_of(PyObject* o) { return *as_operator(o).record; }

}  // namespace flambeau
