// The functions of kernels/elements/counts.h and kernels/order/shuffle.h on contiguous tensors;
// without history.
#include "kernels/elements/counts.h"

#include "dispatch/iterate.h"
#include "kernels/order/shuffle.h"
#include "python/args.h"

namespace flambeau {

namespace {

/// The operands of a call, all contiguous and of the first one's shape and dtype.
Tensor& operand(const Args& a, int i) {
  Tensor &t = a.tensor(i), &first = a.tensor(0);
  check(t.contiguous && t.dtype == first.dtype && sizes_of(t) == sizes_of(first), [&] {
    return message(a.function(), "(): expected contiguous operands of one shape and dtype.");
  });
  return t;
}
double* numbers_of(const Args& a, int i) {
  check(operand(a, i).dtype == DType::float64,
        [&] { return message(a.function(), "(): expected float64."); });
  return a.tensor(i).is_meta() ? nullptr : a.tensor(i).as<double>();
}
uint64_t word(PyObject* o) {
  uint64_t value = PyLong_AsUnsignedLongLongMask(o);
  if (value == static_cast<uint64_t>(-1) && PyErr_Occurred()) throw PythonError();
  return value;
}

template <bool multiple>
PyObject* py_divisor(const Call& call) {
  Args a(call);
  Tensor &x = operand(a, 0), &y = operand(a, 1);
  TensorRef out = empty(sizes_of(x), x.dtype);
  if (out->is_meta()) return out.release_py();
  LongWork unlocked(x.numel > 4096);
  with_scalar_type(x.dtype, [&]<class T>() {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      if (multiple)
        lcm(x.numel, x.as<T>(), y.as<T>(), out->as<T>());
      else
        gcd(x.numel, x.as<T>(), y.as<T>(), out->as<T>());
    }
  });
  return out.release_py();
}
PyObject* py_incomplete_gamma(const Call& call) {
  Args a(call);
  double *first = numbers_of(a, 0), *second = numbers_of(a, 1);
  bool upper = a.truth(2);
  TensorRef out = empty(sizes_of(a.tensor(0)), DType::float64);
  if (out->is_meta()) return out.release_py();
  LongWork unlocked(out->numel > 256);
  incomplete_gamma(out->numel, first, second, upper, out->as<double>());
  return out.release_py();
}
PyObject* py_poisson(const Call& call) {
  Args a(call);
  double* rate = numbers_of(a, 0);
  uint64_t seed = word(a[1]), draw = word(a[2]);
  TensorRef out = empty(sizes_of(a.tensor(0)), DType::float64);
  if (out->is_meta()) return out.release_py();
  LongWork unlocked(out->numel > 1024);
  poisson(out->numel, rate, seed, draw, out->as<double>());
  return out.release_py();
}
PyObject* py_binomial(const Call& call) {
  Args a(call);
  double *trials = numbers_of(a, 0), *chance = numbers_of(a, 1);
  uint64_t seed = word(a[2]), draw = word(a[3]);
  TensorRef out = empty(sizes_of(a.tensor(0)), DType::float64);
  if (out->is_meta()) return out.release_py();
  LongWork unlocked(out->numel > 1024);
  binomial(out->numel, trials, chance, seed, draw, out->as<double>());
  return out.release_py();
}

/// _random_order(out, seed, call): out, int64 (n), becomes 0 ... n - 1 in a random order.
PyObject* py_random_order(const Call& call) {
  Args a(call);
  Tensor& out = a.tensor(0);
  check(out.contiguous && out.dtype == DType::int64 && out.ndim == 1, [&] {
    return message(a.function(), "(): expected a contiguous vector of int64, not ", describe(out),
                   ".");
  });
  uint64_t seed = word(a[1]), draw = word(a[2]);
  if (!out.is_meta()) {
    LongWork unlocked(out.numel > 4096);
    random_order(out.numel, seed, draw, out.as<int64_t>());
  }
  Py_RETURN_NONE;
}

const NativeEntry entries[] = {
    {"_gcd", "input, other", py_divisor<false>, "The greatest common divisors."},
    {"_lcm", "input, other", py_divisor<true>, "The least common multiples."},
    {"_incomplete_gamma", "a, x, upper", py_incomplete_gamma,
     "The regularised incomplete gamma function."},
    {"_poisson", "rate, seed, call", py_poisson, "Numbers of Poisson distributions."},
    {"_binomial", "count, prob, seed, call", py_binomial, "Numbers of binomial distributions."},
    {"_random_order", "out, seed, call", py_random_order, "Fills a vector with a random order."},
    {}};

}  // namespace

void initialize_counts(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
