// Arithmetic and comparison of tensors: each slot calls the operator that Python declared.
#include "dispatch/autocast.h"
#include "dispatch/bound.h"
#include "dispatch/matmul.h"
#include "dispatch/numbers.h"
#include "python/tensor/type.h"
#include "tensor/device_scope.h"

namespace flambeau {

namespace {

/// A Python operator's operand (else: NotImplemented, and Python asks the other operand).
bool usable(PyObject* o) { return is_tensor(o) || is_number(o); }

/// The operator bound to a name, looked up at its first use.
template <Name name>
PyObject* operator_called() {
  static PyObject* callable = nullptr;
  if (!callable) callable = bound_operator(name.text);
  return callable;
}

/// The methods of Tensor by which an override knows a slot: with the tensor on the left, and on the
/// right.
PyObject* overridden(const char* method, const char* reflected, PyObject* a, PyObject* b) {
  PyObject *straight[] = {a, b}, *swapped[] = {b, a};
  return is_tensor(a) ? call_method_override(method, straight, 2)
                      : call_method_override(reflected, swapped, 2);
}

template <Name name, Name method = name, Name reflected = method>
PyObject* binary(PyObject* a, PyObject* b) {
  PyObject* args[] = {a, b};
  if (is_overridden(args, 2)) return overridden(method.text, reflected.text, a, b);
  if (!usable(a) || !usable(b)) Py_RETURN_NOTIMPLEMENTED;
  return guarded([&] { return PyObject_Vectorcall(operator_called<name>(), args, 2, nullptr); });
}
/// array / tensor: NumPy leaves this one operation to us, and computes the product.
PyObject* divide(PyObject* a, PyObject* b) {
  if (!usable(a) && is_array(a) && is_tensor(b))
    return guarded([&] { return PyObject_CallMethod(b, "__rdiv__", "O", a); });
  return binary<"true_divide", "div", "__rtruediv__">(a, b);
}
template <Name name, Name reflected = name>
PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) {
    PyErr_SetString(PyExc_TypeError,
                    "pow: takes two arguments where one is a Tensor, not three. Use "
                    "torch.remainder on the result.");
    return nullptr;
  }
  return binary<name, name, reflected>(a, b);
}
template <Name name, Name method = name>
PyObject* unary(PyObject* a) {
  if (is_overridden(a)) return call_method_override(method.text, &a, 1);
  return guarded([&] { return PyObject_CallOneArg(operator_called<name>(), a); });
}

PyObject* positive(PyObject* a) {
  return is_overridden(a) ? call_method_override("positive", &a, 1) : Py_NewRef(a);
}

/// Straight to the core, unless somebody watches or autocast is to choose the dtype.
PyObject* matrix_multiply(PyObject* a, PyObject* b) {
  PyObject* args[] = {a, b};
  if (!watchers && is_tensor(a) && is_tensor(b) && !autocast.on && !has_override(args, 2))
    return guarded([&] { return matmul(*as_tensor(a), *as_tensor(b)).release_py(); });
  return binary<"matmul", "matmul", "__rmatmul__">(a, b);
}

PyObject* compare(PyObject* a, PyObject* b, int op) {
  if (!is_tensor_exact(b) && is_array(b)) {
    // NumPy leaves it to us, and Python would answer == by identity.
    Object array = Object::steal(PyObject_CallOneArg(bound_operator("as_tensor"), b));
    return array ? compare(a, array.get(), op) : nullptr;
  }
  switch (op) {
    case Py_EQ: return binary<"eq", "__eq__">(a, b);
    case Py_NE: return binary<"ne">(a, b);
    case Py_LT: return binary<"lt">(a, b);
    case Py_LE: return binary<"le">(a, b);
    case Py_GT: return binary<"gt">(a, b);
    default: return binary<"ge">(a, b);
  }
}

}  // namespace

const Slots operator_slots = {
    slot(Py_nb_add, binary<"add">),
    slot(Py_nb_subtract, binary<"sub", "sub", "__rsub__">),
    slot(Py_nb_multiply, binary<"mul">),
    slot(Py_nb_true_divide, divide),
    slot(Py_nb_floor_divide, binary<"floor_divide", "__floordiv__", "__rfloordiv__">),
    slot(Py_nb_remainder, binary<"remainder", "remainder", "__rmod__">),
    slot(Py_nb_power, power<"pow", "__rpow__">),
    slot(Py_nb_and, binary<"bitwise_and", "__and__", "bitwise_and">),
    slot(Py_nb_or, binary<"bitwise_or", "__or__", "bitwise_or">),
    slot(Py_nb_xor, binary<"bitwise_xor", "__xor__", "bitwise_xor">),
    slot(Py_nb_lshift, binary<"bitwise_left_shift", "__lshift__", "__rlshift__">),
    slot(Py_nb_rshift, binary<"bitwise_right_shift", "__rshift__", "__rrshift__">),
    slot(Py_nb_matrix_multiply, matrix_multiply),
    slot(Py_nb_inplace_add, binary<"add_">),
    slot(Py_nb_inplace_subtract, binary<"sub_">),
    slot(Py_nb_inplace_multiply, binary<"mul_">),
    slot(Py_nb_inplace_true_divide, binary<"true_divide_", "div_">),
    slot(Py_nb_inplace_floor_divide, binary<"floor_divide_">),
    slot(Py_nb_inplace_remainder, binary<"remainder_">),
    slot(Py_nb_inplace_power, power<"pow_">),
    slot(Py_nb_inplace_and, binary<"bitwise_and_", "__iand__">),
    slot(Py_nb_inplace_or, binary<"bitwise_or_", "__ior__">),
    slot(Py_nb_inplace_xor, binary<"bitwise_xor_", "__ixor__">),
    slot(Py_nb_inplace_lshift, binary<"bitwise_left_shift_", "__ilshift__">),
    slot(Py_nb_inplace_rshift, binary<"bitwise_right_shift_", "__irshift__">),
    slot(Py_nb_negative, unary<"neg">),
    slot(Py_nb_positive, positive),
    slot(Py_nb_absolute, unary<"abs">),
    slot(Py_nb_invert, unary<"bitwise_not", "__invert__">),
    slot(Py_tp_richcompare, compare)};

}  // namespace flambeau
