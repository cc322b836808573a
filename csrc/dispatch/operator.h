// Operator: the one callable that stands for every public function, method and in-place form.
// A call passes the door (watchers, __torch_function__), then goes one way: native code, a compiled
// kernel, or an implementation in Python. Needs the GIL; operators live as long as the process.
#pragma once
#include <Python.h>

#include <cstdint>

#include "tensor/declared.h"

namespace flambeau {

class Parameters;
struct Operator;
struct Pointwise;

/// What stands behind the door: the result, or null with an error set.
using Run = PyObject* (*)(Operator & self, PyObject* const* args, Py_ssize_t n, PyObject* keys);

/// A native way for some sparse arguments, given by position; null where the call is not for it.
using Shortcut = PyObject* (*)(PyObject* const* args, Py_ssize_t n);

struct Call;
using NativeFunction = PyObject* (*)(const Call& call);
/// A function of the core: C++ behind what it is declared as.
struct NativeEntry : Declaration {
  NativeFunction function = nullptr;
  constexpr NativeEntry() = default;
  constexpr NativeEntry(const Declaration& declared, NativeFunction fn)
      : Declaration(declared), function(fn) {}
  constexpr NativeEntry(const char* name, const char* signature, NativeFunction fn,
                        const char* doc = nullptr, Mixing mixing = Mixing::numbers)
      : Declaration{name, signature, doc, mixing}, function(fn) {}
};

/// A native way into an operator that is implemented in Python, for the calls that programs make
/// all the time. A way looks at the arguments; what it does not take (history, other dtypes, out=,
/// a subclass, an error) is left to the implementation, so a way decides nothing.
class Way {
 public:
  virtual ~Way() = default;
  Mixing mixing = Mixing::numbers;  // of devices, among the arguments
  /// The result, or null where the call is not for this way (or an error is set).
  virtual PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) = 0;
};

struct Operator {
  /// How out= is served: not at all (or by the way itself), by a copy of the result that is cast,
  /// only of the result's dtype, that and apart from the inputs, or by its dtype, which the
  /// operator computes in where dtype= does not say another.
  enum class Out : uint8_t { none, cast, same, exact, computed };
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

/// A call of a function of the core.
struct Call {
  PyObject* const* args;
  Py_ssize_t n;     // positional
  PyObject* names;  // of the named ones behind them, or null
  Operator* self;
  /// What messages call it: raw functions speak for their operators.
  const char* function() const { return self->entry->name + (self->entry->name[0] == '_'); }
  Py_ssize_t n_named() const { return names ? PyTuple_GET_SIZE(names) : 0; }
};

}  // namespace flambeau
