// What the named arguments of a Python operator may be: checked by type before its function runs,
// so that a float where a bool belongs is a TypeError everywhere and not a truth value. Needs the
// GIL.
#pragma once
#include <Python.h>

#include <string>
#include <vector>

#include "tensor/ref.h"

namespace flambeau {

/// The parameters of one function in their order, and a letter for each: what it takes.
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
class Expected {
 public:
  /// kinds has a letter for each of names, of which the first `positional` may come without a name.
  Expected(PyObject* names, std::string kinds, Py_ssize_t positional);

  /// The place of a keyword among the names, or -1.
  Py_ssize_t place(PyObject* key) const;
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
  Py_ssize_t place_of_alias(PyObject* key) const;
  bool takes_dtype(Py_ssize_t place) const {
    return (kinds_[static_cast<size_t>(place)] | 0x20) == 't';
  }
  Object names_;
  std::string kinds_;
  // The positional parameters with a kind lie in [first_, checked_).
  Py_ssize_t first_ = 0, checked_;
  bool any_;
};

}  // namespace flambeau
