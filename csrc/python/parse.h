// The parameters of an operator and the one parser of its arguments: into slots, by position and by
// name, with checks by type before anything runs, so that a float where a bool belongs is a
// TypeError everywhere and not a truth value. Needs the GIL.
#pragma once
#include <Python.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/ref.h"

namespace flambeau {

/// The parameters of one operator in their order, and a letter for each: what it takes.
///   b a bool
///   i an int
///   z ints (one, or a sequence)
///   p ints or a str
///   n a number, or a tensor of one
///   t a dtype
///   m a memory format
///   l a sequence of tensors
///   * anything
/// A capital letter takes None too. Types that are none of Python's own (NumPy's integers, proxies)
/// pass: the operator looks at them itself.
inline constexpr Py_ssize_t few_parameters = 12;
class Parameters {
 public:
  /// kinds has a letter for each of names, of which the first `positional` may come without a name;
  /// defaults has ... where an argument is required.
  Parameters(PyObject* names, std::string kinds, Py_ssize_t positional, PyObject* defaults);
  /// From Python's text of a signature, "input, dim=0, *, out=None", for functions of the core. One
  /// may be *NAME, which takes what is given by position from there on, or one object by its name.
  explicit Parameters(const char* signature);

  Py_ssize_t count() const { return PyTuple_GET_SIZE(names_.get()); }
  PyObject* names() const { return names_.get(); }
  PyObject* defaults() const { return defaults_.get(); }
  PyObject* default_at(size_t i) const {
    return PyTuple_GET_ITEM(defaults_.get(), static_cast<Py_ssize_t>(i));
  }
  Py_ssize_t positional() const { return positional_; }

  /// The place of a keyword among the names, or -1.
  Py_ssize_t place(PyObject* key) const;
  /// The same for NumPy's spelling of a name: axis for dim (flambeau/calls.py).
  Py_ssize_t place_of_spelling(PyObject* key) const;

  /// Lays the arguments of a call into slots[count()], defaults where there are none; raises
  /// TypeError, in the name of `function`, for one too many, unknown, given twice or missing. Where
  /// `out` is not null, a keyword of that name goes there. The slot of *NAME is null unless it is
  /// given by name.
  void bind(PyObject* function, PyObject* const* args, Py_ssize_t n, PyObject* keys,
            PyObject** slots, PyObject** out = nullptr) const;

  /// The same of a call without names to a function of the core; false where there is something to
  /// raise.
  bool bind_plain(PyObject* const* args, Py_ssize_t n, PyObject** slots) const {
    if (n < required_ || n > most_) return false;
    const Py_ssize_t placed = rest_ < 0 ? n : std::min(n, rest_), all = count();
    for (Py_ssize_t i = 0; i < placed; ++i) slots[i] = args[i];
    PyObject* const* defaults = &PyTuple_GET_ITEM(defaults_.get(), 0);
    for (Py_ssize_t i = placed; i < all; ++i) slots[i] = defaults[i];
    if (rest_ >= 0) slots[rest_] = nullptr;
    return true;
  }

  /// The same of any call to an operator of few parameters, by their own names; false where there
  /// is something to raise, or more to know. `given` gets a bit for each argument that is there.
  bool lay_out(PyObject* const* args, Py_ssize_t n, PyObject* keys, PyObject** slots,
               uint32_t& given) const;

  /// Whether a call gives anything that has a kind.
  bool concerns(Py_ssize_t n, PyObject* keys) const {
    return (n > first_ && checked_ > first_) || (keys && any_);
  }
  /// Whether the arguments have types that their places take; `wrong` comes with a TypeError set.
  enum class Fit { wrong, right, right_but_types };
  Fit fit(PyObject* function, PyObject* const* args, Py_ssize_t n, PyObject* keys) const;
  /// The arguments with dtypes in place of float, int, bool and complex, where a dtype belongs
  /// (after Fit::right_but_types).
  std::vector<PyObject*> with_dtypes(PyObject* const* args, Py_ssize_t n, PyObject* keys) const;

 private:
  bool takes_dtype(Py_ssize_t place) const {
    return (kinds_[static_cast<size_t>(place)] | 0x20) == 't';
  }
  Object names_, defaults_;
  mutable Object spellings_;  // {NumPy's spelling: place}, once one is met
  std::string kinds_;
  Py_ssize_t positional_;
  Py_ssize_t most_;                       // by position
  Py_ssize_t rest_ = -1;                  // the place of *NAME
  Py_ssize_t required_ = PY_SSIZE_T_MAX;  // how many bind_plain must be given
  // The positional parameters with a kind lie in [first_, checked_).
  Py_ssize_t first_ = 0, checked_;
  bool any_;
};

}  // namespace flambeau
