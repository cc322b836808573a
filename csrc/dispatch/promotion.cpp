#include "dispatch/promotion.h"

#include <cmath>
#include <limits>

namespace flambeau {

namespace {

int kind_rank(DType d) {
  switch (facts(d).kind) {
    case 'b': return 0;
    case 'f': return 2;
    case 'c': return 3;
    default: return 1;
  }
}

DType signed_of(int64_t bytes) {
  return bytes <= 1   ? DType::int8
         : bytes == 2 ? DType::int16
         : bytes == 4 ? DType::int32
                      : DType::int64;
}

}  // namespace

DType promote_types(DType a, DType b) {
  if (a == b) return a;
  if (kind_rank(a) < kind_rank(b)) std::swap(a, b);
  int ra = kind_rank(a), rb = kind_rank(b);
  if (ra == 3) return rb == 3 ? DType::complex128 : b == DType::float64 ? DType::complex128 : a;
  if (ra == 2) {
    if (rb < 2) return a;
    if (a == DType::float64 || b == DType::float64) return DType::float64;
    return DType::float32;  // float16 with bfloat16, or either with float32
  }
  if (ra == 1 && rb == 0) return a;
  bool ua = facts(a).kind == 'u', ub = facts(b).kind == 'u';
  int64_t wa = itemsize(a), wb = itemsize(b);
  if (ua == ub) return wa >= wb ? a : b;
  // A signed type that holds both, as far as there is one.
  int64_t unsigned_width = ua ? wa : wb, signed_width = ua ? wb : wa;
  return signed_of(std::max(2 * unsigned_width, signed_width));
}

Promotion::Category Promotion::combine(const Category& higher, const Category& lower) {
  if (!higher.any) return lower;
  if (!lower.any) return higher;
  int rh = kind_rank(higher.dtype), rl = kind_rank(lower.dtype);
  if (rh >= rl) return higher;
  if (rh == 2) return {true, to_complex(higher.dtype)};
  if (rh == 0 || rl >= 2) return {true, promote_types(higher.dtype, lower.dtype)};
  return higher;
}

DType Promotion::result() const { return combine(dim_, combine(zero_, number_)).dtype; }

bool Promotion::number(PyObject* o) {
  if (!is_number(o)) return false;
  join(number_, number_dtype(o));
  return true;
}

bool is_number(PyObject* o) {
  if (PyLong_Check(o) || PyFloat_Check(o) || PyComplex_Check(o)) return true;  // bool is an int
  if (is_tensor(o) || PyUnicode_Check(o) || PySequence_Check(o)) return false;
  return PyNumber_Check(o) && !PyType_Check(o);
}

DType number_dtype(PyObject* o) {
  if (PyBool_Check(o)) return DType::bool_;
  if (PyLong_Check(o)) return DType::int64;
  if (PyFloat_Check(o)) return default_dtype;
  if (PyComplex_Check(o)) return to_complex(default_dtype);
  if (PyIndex_Check(o)) return DType::int64;
  if (strncmp(Py_TYPE(o)->tp_name, "numpy.bool", 10) == 0) return DType::bool_;
  if (PyObject_HasAttrString(o, "__complex__") && !PyObject_HasAttrString(o, "__float__"))
    return to_complex(default_dtype);
  return default_dtype;
}

namespace {

// An int beyond int64 wraps only where the dtype is unsigned 64-bit.
int64_t to_int64(PyObject* o, DType dtype) {
  Object index = Object::steal(PyNumber_Index(o));
  if (!index) throw PythonError();
  int overflow = 0;
  long long value = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (overflow > 0 && dtype == DType::uint64) {
    unsigned long long wide = PyLong_AsUnsignedLongLong(index.get());
    if (!PyErr_Occurred()) return static_cast<int64_t>(wide);
    PyErr_Clear();
  }
  check(!overflow,
        [&] { return message("an integer does not fit ", name(dtype), " (overflow)."); });
  if (value == -1 && PyErr_Occurred()) throw PythonError();
  return value;
}

double to_double(PyObject* o) {
  double value = PyFloat_AsDouble(o);
  if (value == -1.0 && PyErr_Occurred()) throw PythonError();
  return value;
}

}  // namespace

void store_number(PyObject* o, DType dtype, void* to) {
  with_scalar_type(dtype, [&]<class T>() {
    T value;
    if constexpr (is_complex_type<T>) {
      Py_complex c = PyComplex_Check(o) ? PyComplex_AsCComplex(o) : Py_complex{to_double(o), 0};
      using Real = typename T::value_type;
      value = T(static_cast<Real>(c.real), static_cast<Real>(c.imag));
    } else if constexpr (std::is_same_v<T, bool>) {
      int truth = PyObject_IsTrue(o);
      if (truth < 0) throw PythonError();
      value = truth != 0;
    } else {
      if (PyComplex_Check(o)) {
        Py_complex c = PyComplex_AsCComplex(o);
        check(c.imag == 0, [&] {
          return message("a complex number with an imaginary part does not fit ", name(dtype),
                         ". Take its .real or abs() first.");
        });
        value = static_cast<T>(c.real);
      } else if constexpr (std::is_integral_v<T>) {
        if (PyFloat_Check(o) || !PyIndex_Check(o)) {
          double d = to_double(o);
          check(std::isfinite(d), [&] {
            return message(d, " does not fit ", name(dtype),
                           ": integers have no infinities and no NaN.");
          });
          value = static_cast<T>(static_cast<int64_t>(d));
        } else {
          value = static_cast<T>(to_int64(o, dtype));
        }
      } else {
        value = static_cast<T>(to_double(o));
      }
    }
    std::memcpy(to, &value, sizeof value);
  });
}

namespace {

/// The largest finite number of T.
template <class T>
double largest() {
  if constexpr (std::is_same_v<T, float16>) return 65504;
  if constexpr (std::is_same_v<T, bfloat16>) return 0x1.fep127;
  return static_cast<double>(std::numeric_limits<T>::max());
}

template <class T>
bool fits_integer(PyObject* o) {
  constexpr int64_t high = std::is_same_v<T, uint64_t>
                               ? std::numeric_limits<int64_t>::max()
                               : static_cast<int64_t>(std::numeric_limits<T>::max());
  constexpr int64_t low = std::is_signed_v<T> ? std::numeric_limits<T>::min() : -high;
  if (PyFloat_Check(o)) {
    double d = std::trunc(PyFloat_AS_DOUBLE(o));
    return !std::isfinite(d) || (d >= static_cast<double>(low) && d < largest<T>() + 1);
  }
  int overflow = 0;
  long long value = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow) return true;  // store_number knows
  return value >= low && value <= high;
}

}  // namespace

void check_number_fits(PyObject* o, DType dtype, const char* op, bool rounds) {
  bool is_int = PyLong_Check(o);
  if (!is_int && !PyFloat_Check(o)) return;
  bool fits = with_scalar_type(dtype, [&]<class T>() {
    if constexpr (is_complex_type<T> || std::is_same_v<T, bool> || std::is_same_v<T, double>) {
      return true;
    } else if constexpr (is_floating_type<T>) {
      if (is_int || rounds) return true;
      double d = std::abs(PyFloat_AS_DOUBLE(o));
      return !(d > largest<T>()) || std::isinf(d);
    } else {
      return fits_integer<T>(o);
    }
  });
  check(fits, [&] {
    Object text = Object::steal(PyObject_Repr(o));
    return message(op, ": ", text ? PyUnicode_AsUTF8(text.get()) : "the number",
                   " is beyond the range of ", name(dtype), ".");
  });
}

PyObject* load_number(const void* p, DType dtype) {
  return with_scalar_type(dtype, [&]<class T>() -> PyObject* {
    T value;
    std::memcpy(&value, p, sizeof value);
    if constexpr (is_complex_type<T>)
      return PyComplex_FromDoubles(static_cast<double>(value.real()),
                                   static_cast<double>(value.imag()));
    else if constexpr (std::is_same_v<T, bool>)
      return PyBool_FromLong(value);
    else if constexpr (std::is_same_v<T, uint64_t>)
      return PyLong_FromUnsignedLongLong(value);
    else if constexpr (std::is_integral_v<T>)
      return PyLong_FromLongLong(static_cast<long long>(value));
    else
      return PyFloat_FromDouble(static_cast<double>(value));
  });
}

}  // namespace flambeau
