// Arguments of native functions: positional and named ones into slots, and the small conversions.
// Needs the GIL.
#pragma once
#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "dispatch/memory_format.h"
#include "dispatch/operator.h"
#include "dispatch/promotion.h"
#include "dispatch/shapes.h"
#include "python/parse.h"
#include "tensor/declared.h"
#include "tensor/device_scope.h"
#include "tensor/guard.h"
#include "tensor/objects.h"
#include "tensor/tensor.h"

namespace flambeau {

/// A str's text, which lives as long as the str.
inline const char* text_of(PyObject* o) {
  const char* text = PyUnicode_AsUTF8(o);
  if (!text) throw PythonError();
  return text;
}
inline bool truth_of(PyObject* o) {
  if (o == Py_True || o == Py_False) return o == Py_True;
  int truth = PyObject_IsTrue(o);
  if (truth < 0) throw PythonError();
  return truth != 0;
}

/// Whether o has the attribute; what its lookup raises, other than AttributeError, is raised.
inline bool has_attribute(PyObject* o, const char* name) {
  Object value = Object::steal(PyObject_GetAttrString(o, name));
  if (value) return true;
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw PythonError();
  PyErr_Clear();
  return false;
}

/// The low 64 bits of an int.
inline uint64_t low_bits_of(PyObject* o) {
  uint64_t value = PyLong_AsUnsignedLongLongMask(o);
  if (value == static_cast<uint64_t>(-1) && PyErr_Occurred()) throw PythonError();
  return value;
}
inline double real_of(PyObject* o) {
  double value = PyFloat_AsDouble(o);
  if (value == -1 && PyErr_Occurred()) throw PythonError();
  return value;
}

/// Python's True and False, or NumPy's.
bool is_bool(PyObject* o);

/// Objects given by position, as many as there are; or one given by name.
struct Rest {
  PyObject* const* items;
  Py_ssize_t n;
  bool by_name;
};

/// The arguments of one call in the order of its signature, defaults where they are missing.
class Args {
 public:
  explicit Args(const Call& call) : function_(call.function()), call_(call) {
    parameters_ = call.self->parameters;
    if (!parameters_ || call.names || !parameters_->bind_plain(call.args, call.n, slots_)) bind();
  }

  PyObject* operator[](int i) const { return slots_[i]; }
  const char* function() const { return function_; }
  /// What the signature calls it.
  const char* name(int i) const;
  /// What *NAME, the parameter i, was given.
  Rest rest(int i) const {
    if (slots_[i]) return {&slots_[i], 1, true};
    return call_.n > i ? Rest{call_.args + i, call_.n - i, false} : Rest{nullptr, 0, false};
  }

 private:
  void bind();
  const char* function_;
  const Call& call_;
  const Parameters* parameters_;
  PyObject* slots_[12];
};

/// An int, or anything with __index__ (a zero-dimensional integer tensor too).
int64_t to_integer(PyObject* o, const char* function);
/// The items of a sequence: a list or tuple itself, of anything else a list of what its length,
/// asked once, promises. Null with an error set for what is no sequence or fails to answer.
Object listed(PyObject* o);
/// Calls use(item) for each item of a sequence; its size is asked each time, as use() may change
/// it. Only the items of a list or tuple outlive this.
template <class Use>
void each_item(PyObject* sequence, Use&& use) {
  Object list = listed(sequence);
  if (!list) throw PythonError();
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i)
    use(PySequence_Fast_GET_ITEM(list.get(), i));
}
/// A sequence of tensors, and with `or_none` of None, which is null.
std::vector<TensorRef> to_tensors(PyObject* o, const char* function, bool or_none = false);
/// A list or tuple of tensors and None, which is null.
std::vector<Tensor*> tensors_or_none(PyObject* o, const char* function);
/// A sequence of ints, or one int: at most one for each dimension that a tensor can have.
Dims to_dims(PyObject* o, const char* function);
/// The same of any length.
std::vector<int64_t> to_integers(PyObject* o, const char* function);
/// Sizes given as f(2, 3), f((2, 3)) or f(NAME=(2, 3)).
Dims to_dims(Rest rest, const char* function);
/// An int, or an int or a sequence of distinct ones, as non-negative dimensions of a tensor of
/// `ndim`; a 0-dim tensor has dims -1 and 0. None: all there are.
int to_dim(PyObject* o, int ndim, const char* function);
Dims to_wrapped_dims(PyObject* o, int ndim, const char* function);
/// The same of a reduction, for which () is all of them, too.
inline ReducedDims to_reduced_dims(PyObject* o, const char* function) {
  if (o == Py_None) return ReducedDims();
  return {to_dims(o, function), true};
}

bool is_dtype(PyObject* o);
bool is_memory_format(PyObject* o);
/// What a memory_format argument says; `unsaid` for None and null.
Format to_format(PyObject* o, const char* function);
DType to_dtype_value(PyObject* o, const char* function);
/// Whether o is one of Python's types that stand for a dtype: float, int, bool, complex.
bool is_python_dtype(PyObject* o, DType& meant);
PyObject* dtype_object(DType d);  // borrowed
PyObject* make_size(const int64_t* sizes, int n);
/// A device's name or a torch.device; raises NotImplementedError for one that is not available.
Device to_device_value(PyObject* o, const char* function);
bool is_device(PyObject* o);
PyObject* device_object(Device device);  // borrowed
PyObject* tensor_tuple(const std::vector<TensorRef>& tensors);

/// A table of functions, which become the module's once it is loaded: `const Functions
/// functions(entries);` beside the table. With a name they are private and make a module of their
/// own, core.NAME, where an index outside of its dimension is an IndexError that is a RuntimeError
/// too: PyTorch raises the one or the other.
class Functions {
 public:
  explicit Functions(const NativeEntry* entries, const char* module = nullptr)
      : entries_(entries), module_(module), next_(std::exchange(first_, this)) {}
  static void add_all(PyObject* core);

 private:
  const NativeEntry* entries_;
  const char* module_;
  const Functions* next_;
  static inline constinit const Functions* first_ = nullptr;
};

void initialize_types(PyObject* module);
void initialize_tensor_type(PyObject* module);
void initialize_subscripts(PyObject* module);
void initialize_function_node(PyObject* module);
void initialize_cuda();

}  // namespace flambeau
