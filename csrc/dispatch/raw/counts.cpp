// The functions of kernels/elements/counts.h, airy.h, incomplete_gamma.h, polynomials.h and
// kernels/order/shuffle.h.
#include "kernels/elements/counts.h"

#include <algorithm>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/raw/numbers.h"
#include "kernels/elements/airy.h"
#include "kernels/elements/cross.h"
#include "kernels/elements/incomplete_gamma.h"
#include "kernels/elements/polynomials.h"
#include "kernels/order/shuffle.h"

namespace flambeau::raw {

namespace {

/// Raises unless all are contiguous, of the first one's shape and dtype.
void check_alike(const char* op, std::initializer_list<const Tensor*> operands) {
  const Tensor& first = **operands.begin();
  for (const Tensor* t : operands)
    check(t->contiguous && t->dtype == first.dtype && sizes_of(*t) == sizes_of(first),
          [&] { return message(op, ": expected contiguous operands of one shape and dtype."); });
}
/// A result for operands that must be float64; on meta there is nothing to fill.
TensorRef result_of(const char* op, std::initializer_list<const Tensor*> operands) {
  check_alike(op, operands);
  const Tensor& first = **operands.begin();
  check(first.dtype == DType::float64, [&] { return message(op, ": expected float64."); });
  return empty(sizes_of(first), DType::float64);
}

template <class Kernel>
TensorRef of_integers(const char* op, Tensor& x, Tensor& y, Kernel&& kernel) {
  check_alike(op, {&x, &y});
  TensorRef out = empty(sizes_of(x), x.dtype);
  if (out->is_meta()) return out;
  LongWork unlocked(x.numel > 4096);
  with_scalar_type(x.dtype, [&]<class T>() {
    if constexpr (std::is_integral_v<T>) kernel(x.numel, x.as<T>(), y.as<T>(), out->as<T>());
  });
  return out;
}

}  // namespace

TensorRef gcd(Tensor& x, Tensor& y) {
  return of_integers("gcd", x, y, [](auto... of) { flambeau::gcd(of...); });
}
TensorRef lcm(Tensor& x, Tensor& y) {
  return of_integers("lcm", x, y, [](auto... of) { flambeau::lcm(of...); });
}

TensorRef incomplete_gamma(Tensor& a, Tensor& x, bool upper) {
  check_alike("incomplete_gamma", {&a, &x});
  check(a.dtype == DType::float32 || a.dtype == DType::float64,
        [] { return message("incomplete_gamma: expected float32 or float64."); });
  TensorRef out = empty(sizes_of(a), a.dtype);
  if (out->is_meta()) return out;
  auto run = [&]<class T>() {
    const T *orders = a.as<T>(), *ends = x.as<T>();
    T* to = out->as<T>();
    LongWork unlocked(out->numel > 256);
    flambeau::incomplete_gamma(out->numel, orders, ends, upper, to);
  };
  a.dtype == DType::float32 ? run.operator()<float>() : run.operator()<double>();
  return out;
}
TensorRef polynomial(Tensor& input, Tensor* degrees, double degree, int64_t kind) {
  check(
      (input.dtype == DType::float32 || input.dtype == DType::float64) &&
          (!degrees || (degrees->dtype == input.dtype && sizes_of(*degrees) == sizes_of(input))) &&
          kind >= 0 && kind < n_polynomials,
      [] { return message("polynomial: expected float32 or float64, and degrees alike."); });
  TensorRef out = empty(sizes_of(input), input.dtype);
  if (out->is_meta()) return out;
  const auto which = static_cast<Polynomial>(kind);
  const bool ends = which == Polynomial::laguerre || which == Polynomial::legendre;
  TensorRef x = contiguous(input), n = degrees ? contiguous(*degrees) : nullptr;
  auto run = [&]<class T>() {
    const T *points = x->as<T>(), *all = n ? n->as<T>() : nullptr;
    T* to = out->as<T>();
    if (ends && all && std::any_of(all, all + n->numel, [](T d) { return d > most_steps; }))
      return false;
    LongWork unlocked(out->numel > 1024);
    flambeau::polynomial(which, out->numel, points, all, degree, to);
    return true;
  };
  const bool done =
      input.dtype == DType::float32 ? run.operator()<float>() : run.operator()<double>();
  return done ? out : nullptr;
}
TensorRef airy_ai(Tensor& input) {
  check_alike("airy_ai", {&input});
  check(input.dtype == DType::float32 || input.dtype == DType::float64,
        [] { return message("airy_ai: expected float32 or float64."); });
  TensorRef out = empty(sizes_of(input), input.dtype);
  if (out->is_meta()) return out;
  LongWork unlocked(out->numel > 1024);
  if (input.dtype == DType::float32)
    flambeau::airy_ai(out->numel, input.as<float>(), out->as<float>());
  else
    flambeau::airy_ai(out->numel, input.as<double>(), out->as<double>());
  return out;
}
TensorRef poisson(Tensor& rate, uint64_t seed, uint64_t draw) {
  TensorRef out = result_of("poisson", {&rate});
  if (out->is_meta()) return out;
  LongWork unlocked(out->numel > 1024);
  flambeau::poisson(out->numel, rate.as<double>(), seed, draw, out->as<double>());
  return out;
}
TensorRef binomial(Tensor& count, Tensor& prob, uint64_t seed, uint64_t draw) {
  TensorRef out = result_of("binomial", {&count, &prob});
  if (out->is_meta()) return out;
  LongWork unlocked(out->numel > 1024);
  flambeau::binomial(out->numel, count.as<double>(), prob.as<double>(), seed, draw,
                     out->as<double>());
  return out;
}

TensorRef cross(Tensor& input, Tensor& other, int64_t dim) {
  check(dim >= 0 && dim < input.ndim && input.sizes[dim] == 3 && input.dtype == other.dtype &&
            sizes_of(input) == sizes_of(other),
        [] { return message("cross: expected vectors of 3, of one shape and dtype."); });
  TensorRef out = empty(sizes_of(input), input.dtype);
  if (out->is_meta() || out->numel == 0) return out;
  TensorRef a = contiguous(input), b = contiguous(other);
  int64_t outer = 1, inner = 1;
  for (int d = 0; d < input.ndim; ++d)
    if (d != dim) (d < dim ? outer : inner) *= input.sizes[d];
  LongWork unlocked(out->numel > 16384);
  auto run = [&]<class T>() {
    flambeau::cross(outer, inner, a->as<T>(), b->as<T>(), out->as<T>());
  };
  switch (input.dtype) {
    case DType::float32: run.operator()<float>(); break;
    case DType::float64: run.operator()<double>(); break;
    case DType::complex64: run.operator()<complex64>(); break;
    case DType::complex128: run.operator()<complex128>(); break;
    case DType::float16: run.operator()<float16>(); break;
    case DType::bfloat16: run.operator()<bfloat16>(); break;
    case DType::int32: run.operator()<int32_t>(); break;
    case DType::int64: run.operator()<int64_t>(); break;
    default:
      throw Error(
          message("cross: expected floating, complex, int32 or int64, not ", describe(input), "."));
  }
  return out;
}

void random_order(Tensor& out, uint64_t seed, uint64_t draw) {
  check(out.contiguous && out.dtype == DType::int64 && out.ndim == 1, [&] {
    return message("random_order: expected a contiguous vector of int64, not ", describe(out), ".");
  });
  if (out.is_meta()) return;
  LongWork unlocked(out.numel > 4096);
  flambeau::random_order(out.numel, seed, draw, out.as<int64_t>());
}

}  // namespace flambeau::raw
