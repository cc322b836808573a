// Arguments of native functions: positional and named ones into slots, and the small conversions.
// Needs the GIL.
#pragma once
#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "dispatch/memory_format.h"
#include "dispatch/promotion.h"
#include "python/parse.h"
#include "tensor/device_scope.h"
#include "tensor/guard.h"
#include "tensor/tensor.h"

namespace flambeau {

/// A str's text, which lives as long as the str.
inline const char* text_of(PyObject* o) {
  const char* text = PyUnicode_AsUTF8(o);
  if (!text) throw PythonError();
  return text;
}
inline bool truth_of(PyObject* o) {
  int truth = PyObject_IsTrue(o);
  if (truth < 0) throw PythonError();
  return truth != 0;
}

/// Python's True and False, or NumPy's.
bool is_bool(PyObject* o);
/// An argument that is True or False; anything else is a TypeError.
bool flag_of(PyObject* o, const char* function, const char* name);

struct Call {
  PyObject* const* args;
  Py_ssize_t n;     // positional
  PyObject* names;  // of the named ones behind them, or null
  Py_ssize_t n_named() const { return names ? PyTuple_GET_SIZE(names) : 0; }
};

/// The arguments of one call by the order of `names`; null where one is missing.
class Args {
 public:
  Args(const char* function, const Call& call, std::initializer_list<const char*> names,
       int required = 1)
      : function_(function) {
    auto find = [&](PyObject* key) {
      Py_ssize_t at = 0;
      for (const char* name : names) {
        if (PyUnicode_CompareWithASCIIString(key, name) == 0 || is_spelling_of(key, name))
          return at;
        ++at;
      }
      return Py_ssize_t{-1};
    };
    lay_out(
        call.args, call.n, call.names, static_cast<Py_ssize_t>(names.size()), slots_, nullptr, find,
        [&] { return listed(names); }, [function] { return function; });
    for (int i = 0; i < required; ++i)
      check<TypeError>(slots_[i] != nullptr, [&] {
        return message(function, ": argument '", names.begin()[i], "' is missing. It takes (",
                       listed(names), ").");
      });
  }

  PyObject* operator[](int i) const { return slots_[i]; }
  bool given(int i) const { return slots_[i] && slots_[i] != Py_None; }
  Tensor& tensor(int i) const {
    check<TypeError>(slots_[i] && is_tensor(slots_[i]), [&] {
      return message(function_, ": argument ", i + 1, " must be a Tensor, not ",
                     slots_[i] ? Py_TYPE(slots_[i])->tp_name : "missing", ".");
    });
    return *as_tensor(slots_[i]);
  }
  int64_t integer(int i, int64_t otherwise = 0) const;
  /// The same, but None is as good as nothing.
  int64_t integer_or_none(int i, int64_t otherwise) const {
    return given(i) ? integer(i) : otherwise;
  }
  bool truth(int i, bool otherwise = false) const {
    return given(i) ? truth_of(slots_[i]) : otherwise;
  }
  bool flag(int i, const char* name) const {
    return slots_[i] && flag_of(slots_[i], function_, name);
  }
  const char* function() const { return function_; }

 private:
  static std::string listed(std::initializer_list<const char*> names) {
    std::string text;
    for (const char* name : names) text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
  }
  const char* function_;
  PyObject* slots_[12] = {};
};

/// An int, or anything with __index__ (a zero-dimensional integer tensor too).
int64_t to_integer(PyObject* o, const char* function);
inline int64_t Args::integer(int i, int64_t otherwise) const {
  return slots_[i] ? to_integer(slots_[i], function_) : otherwise;
}
/// The tensor that a method, or a function of a tensor and numbers, was called with.
Tensor& first_tensor(const Call& call, const char* function);
/// The items of a sequence: a list or tuple itself, of anything else a list of what its length,
/// asked once, promises. Null with an error set for what is no sequence or fails to answer.
Object listed(PyObject* o);
/// A sequence of ints, or one int: at most one for each dimension that a tensor can have.
Dims to_dims(PyObject* o, const char* function);
/// The same of any length.
std::vector<int64_t> to_integers(PyObject* o, const char* function);
/// Sizes given as f(2, 3) or f((2, 3)): positional arguments from `first` on.
Dims rest_as_dims(const Call& call, Py_ssize_t first, const char* function, const char* keyword);
/// dim=None, an int or a sequence as non-negative dimensions (None and (): all of them).
/// PyTorch keeps the dims of a reduction in a set of 64 bits; what it refuses is refused here too.
inline constexpr int most_reducible_dims = 64;
Dims to_reduced_dims(PyObject* o, int ndim, const char* function);

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

/// An operator's name as a template argument.
template <size_t n>
struct Name {
  char text[n];
  constexpr Name(const char (&literal)[n]) { std::copy(literal, literal + n, text); }
};

/// A tensor of another Python type (a subclass) over t's memory, without history.
TensorRef retype(Tensor& t, PyTypeObject* type);
/// What an operator with out= returns: result itself, or out with the result in it.
/// A view of t of another Python type, part of the graph.
TensorRef as_subclass(Tensor& t, PyTypeObject* type);
void mark_requires_grad(Tensor& t, bool wanted);

using NativeFunction = PyObject* (*)(const Call& call);
/// Whether watchers of calls see a function: not if it only tells facts.
enum class Shown : bool { no, yes };
struct NativeEntry {
  const char* name;
  NativeFunction function;
  const char* doc;
  Mixing mixing = Mixing::numbers;  // of devices, among its arguments
  Shown shown = Shown::yes;
};
/// Adds functions to the module; each is callable and, set on a class, a method.
void add_functions(PyObject* module, const NativeEntry* entries);

void initialize_types(PyObject* module);
void initialize_tensor_type(PyObject* module);
void initialize_subscripts(PyObject* module);
void initialize_views(PyObject* module);
void initialize_methods(PyObject* module);
void initialize_storages(PyObject* module);
void initialize_reductions(PyObject* module);
void initialize_raw_kernels(PyObject* module);
void initialize_out(PyObject* module);
void initialize_settings(PyObject* module);
void initialize_creation(PyObject* module);
void initialize_dlpack(PyObject* module);
void initialize_function_node(PyObject* module);
void initialize_matmul(PyObject* module);
void initialize_fourier(PyObject* module);
void initialize_lapack(PyObject* module);
void initialize_counts(PyObject* module);
void initialize_autograd(PyObject* module);
void initialize_conv(PyObject* module);
void initialize_pool(PyObject* module);
void initialize_reduction_ways(PyObject* module);
void initialize_losses(PyObject* module);
void initialize_row_ways(PyObject* module);
void initialize_loss_ways(PyObject* module);

}  // namespace flambeau
