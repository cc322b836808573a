#include "dispatch/numbers.h"

#include <cmath>
#include <limits>

#include "dispatch/promotion.h"
#include "runtime/cuda.h"
#include "tensor/float8.h"
#include "tensor/objects.h"

namespace flambeau {

namespace {

struct ScalarType {
  const char* name;
  DType dtype;
  PyTypeObject* type = nullptr;
};

/// NumPy's scalar types that have a dtype here. Several names may stand for one type, and two types
/// for one dtype (long and longlong).
ScalarType scalar_types[] = {
    {"float64", DType::float64},     {"float32", DType::float32},       {"int64", DType::int64},
    {"int32", DType::int32},         {"bool_", DType::bool_},           {"uint8", DType::uint8},
    {"float16", DType::float16},     {"int16", DType::int16},           {"int8", DType::int8},
    {"uint16", DType::uint16},       {"uint32", DType::uint32},         {"uint64", DType::uint64},
    {"complex64", DType::complex64}, {"complex128", DType::complex128}, {"longlong", DType::int64},
    {"ulonglong", DType::uint64},
};
PyTypeObject *generic_type = nullptr, *array_type = nullptr;

/// Learns NumPy's types, if the program has imported it: only then are there such scalars.
bool know_numpy() {
  if (generic_type) return true;
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "numpy");
  if (!module) return false;
  auto type_of = [&](const char* name) -> PyTypeObject* {
    PyObject* type = PyObject_GetAttrString(module, name);
    if (type && PyType_Check(type)) return reinterpret_cast<PyTypeObject*>(type);  // kept for good
    Py_XDECREF(type);
    PyErr_Clear();  // NumPy is still being imported
    return nullptr;
  };
  for (auto& s : scalar_types)
    if (!s.type && !(s.type = type_of(s.name))) return false;
  array_type = type_of("ndarray");
  return array_type && (generic_type = type_of("generic"));
}

bool is_plain(PyObject* o) {
  return PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o) ||
         PyComplex_CheckExact(o);
}

const ScalarType* scalar_type_of(PyObject* o) {
  if (!is_array_scalar(o)) return nullptr;
  for (const auto& s : scalar_types)
    if (Py_TYPE(o) == s.type) return &s;
  for (const auto& s : scalar_types)
    if (PyType_IsSubtype(Py_TYPE(o), s.type)) return &s;
  return nullptr;
}

bool is_complex_number(PyObject* o) {
  if (PyFloat_CheckExact(o) || PyLong_CheckExact(o)) return false;
  return PyComplex_Check(o) || is_complex(number_dtype(o));
}

}  // namespace

bool is_array_scalar(PyObject* o) {
  return !is_plain(o) && know_numpy() && PyType_IsSubtype(Py_TYPE(o), generic_type);
}

bool is_array(PyObject* o) { return know_numpy() && PyType_IsSubtype(Py_TYPE(o), array_type); }

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
  if (const ScalarType* s = scalar_type_of(o)) {
    switch (facts(s->dtype).kind) {
      case 'b': return DType::bool_;
      case 'f': return default_dtype;
      case 'c': return to_complex(default_dtype);
      default: return DType::int64;
    }
  }
  if (PyIndex_Check(o)) return DType::int64;
  if (PyObject_HasAttrString(o, "__complex__") && !PyObject_HasAttrString(o, "__float__"))
    return to_complex(default_dtype);
  return default_dtype;
}

DType own_dtype(PyObject* o) {
  if (is_plain(o)) return number_dtype(o);
  if (const ScalarType* s = scalar_type_of(o)) return s->dtype;
  check<TypeError>(!is_array_scalar(o), [&] {
    return message("tensor: NumPy's type ", Py_TYPE(o)->tp_name,
                   " has no dtype here; convert it first, for example with .astype('float64').");
  });
  return number_dtype(o);
}

namespace {

[[noreturn]] void does_not_fit(PyObject* o, DType dtype, const char* checker) {
  Object text = Object::steal(PyObject_Repr(o));
  const char* value = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  if (!value) PyErr_Clear();
  throw Error(message(checker, ": ", value ? value : "the number", " is beyond the range of ",
                      name(dtype), "."));
}

/// The largest finite number of a floating T.
template <class T>
double largest() {
  if constexpr (std::is_same_v<T, float16>) return 65504;
  if constexpr (std::is_same_v<T, bfloat16>) return 0x1.fep127;
  return static_cast<double>(std::numeric_limits<T>::max());
}

double to_double(PyObject* o) {
  double value = PyFloat_AsDouble(o);
  if (value == -1.0 && PyErr_Occurred()) throw PythonError();
  return value;
}

Py_complex to_complex_value(PyObject* o) {
  Py_complex c = PyComplex_AsCComplex(o);  // asks __complex__, then __float__
  if (c.real == -1.0 && PyErr_Occurred()) throw PythonError();
  return c;
}

template <class T>
T integer_of_float(PyObject* o, double d, DType dtype, const char* checker) {
  check(std::isfinite(d), [&] { return message("cannot convert ", d, " to ", name(dtype), "."); });
  d = std::trunc(d);
  if (checker) {
    // 2**n of n value bits is exact in a double; the largest value of 64 bits is not.
    double beyond = std::ldexp(1.0, std::numeric_limits<T>::digits);
    if (d >= beyond || d < (std::is_signed_v<T> ? -beyond : 0.0)) does_not_fit(o, dtype, checker);
  }
  if (d >= -0x1p63 && d < 0x1p63) return static_cast<T>(static_cast<int64_t>(d));
  if (d >= 0 && d < 0x1p64) return static_cast<T>(static_cast<uint64_t>(d));
  return static_cast<T>(std::numeric_limits<int64_t>::min());
}

template <class T>
T integer_of_index(PyObject* o, DType dtype, const char* checker) {
  Object index = owned(PyNumber_Index(o));
  int overflow = 0;
  long long value = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (value == -1 && PyErr_Occurred()) throw PythonError();
  if (overflow > 0 && (!checker || std::is_same_v<T, uint64_t>)) {
    unsigned long long wide = PyLong_AsUnsignedLongLong(index.get());
    if (!PyErr_Occurred()) return static_cast<T>(wide);
    PyErr_Clear();
  }
  if (overflow) {
    PyErr_Format(PyExc_OverflowError, "the number %R does not fit %s.", index.get(), name(dtype));
    throw PythonError();
  }
  if (checker && sizeof(T) < 8) {
    constexpr int64_t high = static_cast<int64_t>(std::numeric_limits<T>::max());
    constexpr int64_t low = std::is_signed_v<T> ? -high - 1 : -high;
    if (value < low || value > high) does_not_fit(index.get(), dtype, checker);
  }
  return static_cast<T>(value);
}

template <class T>
T real_part(PyObject* o, DType dtype, const char* checker, bool rounds) {
  if (is_complex_number(o)) {
    Py_complex c = to_complex_value(o);
    check(c.imag == 0, [&] {
      return message("the complex number ", c.real, c.imag < 0 ? " - " : " + ", std::abs(c.imag),
                     "i does not fit ", name(dtype), ": its imaginary part would be lost.");
    });
    if constexpr (std::is_integral_v<T>) return integer_of_float<T>(o, c.real, dtype, checker);
    return static_cast<T>(c.real);
  }
  if constexpr (std::is_integral_v<T>) {
    if (PyFloat_Check(o) || !PyIndex_Check(o))
      return integer_of_float<T>(o, to_double(o), dtype, checker);
    return integer_of_index<T>(o, dtype, checker);
  } else {
    double d = to_double(o);
    if (!rounds && PyFloat_Check(o) && std::abs(d) > largest<T>() && !std::isinf(d))
      does_not_fit(o, dtype, checker);
    return static_cast<T>(d);
  }
}

[[gnu::noinline]] void store_float8(PyObject* o, DType dtype, void* to, const char* checker,
                                    bool rounds) {
  float value;
  store_number(o, DType::float32, &value, checker, rounds);
  if (!rounds && PyFloat_Check(o)) {
    bool beyond =
        std::isinf(value) ? dtype != DType::float8_e5m2 : std::abs(value) > largest_float8(dtype);
    if (beyond) does_not_fit(o, dtype, checker);
  }
  uint8_t code = to_float8(value, dtype);
  std::memcpy(to, &code, 1);
}

}  // namespace

/// The usual case, a Python float or int for a float32 or float64 that holds it; false for any
/// other.
static bool store_float(PyObject* o, DType dtype, void* to) {
  if (dtype != DType::float32 && dtype != DType::float64) return false;
  double d;
  if (PyFloat_CheckExact(o)) {
    d = PyFloat_AS_DOUBLE(o);
  } else if (PyLong_CheckExact(o)) {
    int overflow;
    long value = PyLong_AsLongAndOverflow(o, &overflow);
    if (overflow) return false;
    d = static_cast<double>(value);
  } else {
    return false;
  }
  if (dtype == DType::float64) return std::memcpy(to, &d, sizeof d);
  if (std::abs(d) > largest<float>()) return false;
  auto f = static_cast<float>(d);
  return std::memcpy(to, &f, sizeof f);
}

void store_number(PyObject* o, DType dtype, void* to, const char* checker, bool rounds) {
  if (store_float(o, dtype, to)) return;
  if (is_float8(dtype)) [[unlikely]]
    return store_float8(o, dtype, to, checker, rounds);
  with_scalar_type(dtype, [&]<class T>() {
    T value;
    if constexpr (is_complex_type<T>) {
      Py_complex c =
          PyFloat_CheckExact(o) ? Py_complex{PyFloat_AS_DOUBLE(o), 0} : to_complex_value(o);
      using Real = typename T::value_type;
      value = T(static_cast<Real>(c.real), static_cast<Real>(c.imag));
    } else if constexpr (std::is_same_v<T, Truth>) {
      int truth = PyObject_IsTrue(o);
      if (truth < 0) throw PythonError();
      value = truth != 0;
    } else {
      value = real_part<T>(o, dtype, checker, rounds);
    }
    std::memcpy(to, &value, sizeof value);
  });
}

PyObject* load_number(const void* p, DType dtype) {
  if (is_float8(dtype)) {
    uint8_t code;
    std::memcpy(&code, p, 1);
    return PyFloat_FromDouble(static_cast<double>(from_float8(code, dtype)));
  }
  return with_scalar_type(dtype, [&]<class T>() -> PyObject* {
    T value;
    std::memcpy(&value, p, sizeof value);
    if constexpr (is_complex_type<T>)
      return PyComplex_FromDoubles(static_cast<double>(value.real()),
                                   static_cast<double>(value.imag()));
    else if constexpr (std::is_same_v<T, Truth>)
      return PyBool_FromLong(value);
    else if constexpr (std::is_same_v<T, uint64_t>)
      return PyLong_FromUnsignedLongLong(value);
    else if constexpr (std::is_integral_v<T>)
      return PyLong_FromLongLong(static_cast<long long>(value));
    else
      return PyFloat_FromDouble(static_cast<double>(value));
  });
}

PyObject* number_of(const Tensor& t, const char* op) {
  check(!t.batched, [&] {
    return message("vmap: ", op, ": ", describe(t),
                   " has another value in each slice, so there is no one number or truth to go by. "
                   "Write torch.where(condition, a, b) for a branch, and keep numbers as tensors.");
  });
  check(!t.is_meta(), [&] {
    return message(op, ": ", describe(t),
                   " is on the meta device, where tensors have sizes but no values.");
  });
  if (t.is_cuda()) {
    alignas(16) char bytes[16];
    cuda::to_host(bytes, t.address(), t.device().index, itemsize(t.dtype), true);
    return load_number(bytes, t.dtype);
  }
  return load_number(t.data(), t.dtype);
}

}  // namespace flambeau
