// A tensor of one element as a number: bool(), float(), int(), and as an index.
#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "python/tensor/type.h"
#include "runtime/program.h"

namespace flambeau {

namespace {

PyObject* item_of(Tensor& t, const char* what) {
  check<ValueError>(t.numel == 1, [&] {
    return message(what, ": tensor ", shape(t), " has ", t.numel,
                   " elements; only one element makes a Python number. Use tolist(), or a sum or "
                   "mean.");
  });
  return number_of(t, what);
}

int nb_bool(PyObject* o) {
  return guarded([&] {
    if (is_overridden(o)) {
      Object answer = Object::steal(call_method_override("__bool__", &o, 1));
      // Where the override answers with such a tensor again, no Python frame counts the rounds.
      if (!answer || Py_EnterRecursiveCall(" in the truth of an override's answer")) return -1;
      int truth = PyObject_IsTrue(answer.get());
      Py_LeaveRecursiveCall();
      return truth;
    }
    Tensor& t = self_of(o);
    check(t.numel == 1, [&] {
      return message("bool: the truth of ", t.numel, " elements, shape ", shape(t),
                     ", is ambiguous. Use any(), all() or item().");
    });
    return PyObject_IsTrue(owned(number_of(t, "bool")).get());
  });
}
/// float() or int() of the only element.
template <Name what, Name method, auto convert>
PyObject* number(PyObject* o) {
  if (is_overridden(o)) return call_method_override(method.text, &o, 1);
  return guarded([&]() -> PyObject* {
    Tensor& t = self_of(o);
    if (convert == PyNumber_Float && requires_grad(t))
      warn_once("float of what requires a gradient",
                "float: the tensor requires a gradient, and the number has no part in it. Write "
                "x.item() or x.detach().");
    Object value = owned(item_of(t, what.text));
    if (PyComplex_Check(value.get())) {
      Py_complex c = PyComplex_AsCComplex(value.get());
      check(c.imag == 0, [] {
        return message(what.text, ": the number is complex. Take its .real or abs() first.");
      });
      value = owned(PyFloat_FromDouble(c.real));
    }
    return convert(value.get());
  });
}
PyObject* nb_index(PyObject* o) {
  if (is_overridden(o)) return call_method_override("__index__", &o, 1);
  return guarded([&]() -> PyObject* {
    Tensor& t = self_of(o);
    check<TypeError>(!is_differentiable(t.dtype) && t.numel == 1, [&] {
      return message("index: ", describe(t),
                     " does not count as one; it must be an integer tensor of one element.");
    });
    return PyNumber_Long(owned(number_of(t, "index")).get());
  });
}

}  // namespace

const Slots number_slots = {
    slot(Py_nb_bool, nb_bool), slot(Py_nb_float, number<"float", "__float__", PyNumber_Float>),
    slot(Py_nb_int, number<"int", "__int__", PyNumber_Long>), slot(Py_nb_index, nb_index)};

}  // namespace flambeau
