// Fourier transforms as Python functions: what flambeau/ops/fourier.py calls.
#include "kernels/fft/fft.h"

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "python/args.h"

namespace flambeau {

namespace {

constexpr int64_t long_work = 4096;  // points

/// The points along `dim`, with all dims before and behind it.
FourierShape shape_along(const Tensor& t, int dim, int64_t n) {
  FourierShape shape{1, n, 1};
  for (int d = 0; d < dim; ++d) shape.outer *= t.sizes[d];
  for (int d = dim + 1; d < t.ndim; ++d) shape.inner *= t.sizes[d];
  return shape;
}

double real_argument(const Args& a, int i) {
  double value = PyFloat_AsDouble(a[i]);
  if (value == -1 && PyErr_Occurred()) throw PythonError();
  return value;
}

/// Argument 0, which must be one of two dtypes; a hook of saved tensors may have put in another.
Tensor& transformable(const Args& a, DType narrow, DType wide) {
  Tensor& t = a.tensor(0);
  check(t.dtype == narrow || t.dtype == wide, [&] {
    return message(a.function(), ": input is ", name(t.dtype), "; it must be ", name(narrow),
                   " or ", name(wide), ".");
  });
  return t;
}

/// A tensor of t's sizes but for n along dim.
TensorRef empty_along(const Tensor& t, int dim, int64_t n, DType dtype) {
  Dims sizes = sizes_of(t);
  sizes[dim] = n;
  return empty(sizes, dtype);
}

/// fn(input, output) as numbers of the precision of `in`, without the GIL where that takes long.
template <class F>
void in_precision(Tensor& in, Tensor& out, F&& fn) {
  LongWork unlocked(std::max(in.numel, out.numel) > long_work);
  if (to_real(in.dtype) == DType::float32)
    fn(static_cast<const float*>(in.data()), static_cast<float*>(out.data()));
  else
    fn(static_cast<const double*>(in.data()), static_cast<double*>(out.data()));
}

PyObject* py_fourier(const Call& call) {
  Args a(call);
  Tensor& input = transformable(a, DType::complex64, DType::complex128);
  std::vector<int> dims;
  for (int64_t dim : to_integers(a[1], "_fourier"))
    dims.push_back(wrap_dim(dim, input.ndim, "_fourier"));
  double scale = real_argument(a, 2);
  bool inverse = a.truth(3);
  TensorRef from = contiguous(input), out = empty(sizes_of(input), input.dtype);
  if (out->is_meta() || input.numel == 0) return out.release_py();
  in_precision(*from, *out, [&]<class T>(const T* in, T* to) {
    for (int dim : dims) {
      fourier(shape_along(input, dim, input.sizes[dim]), in, to, static_cast<T>(scale), inverse);
      in = to;
      scale = 1;
    }
  });
  return out.release_py();
}

PyObject* py_fourier_real(const Call& call) {
  Args a(call);
  Tensor& input = transformable(a, DType::float32, DType::float64);
  int dim = wrap_dim(a.integer(1), input.ndim, "_fourier_real");
  double scale = real_argument(a, 2);
  bool inverse = a.truth(3);
  const int64_t n = input.sizes[dim];
  TensorRef from = contiguous(input);
  TensorRef out = empty_along(input, dim, n / 2 + 1, to_complex(input.dtype));
  if (out->is_meta() || input.numel == 0) return out.release_py();
  in_precision(*from, *out, [&]<class T>(const T* in, T* to) {
    fourier_real(shape_along(input, dim, n), in, to, static_cast<T>(scale), inverse);
  });
  return out.release_py();
}

PyObject* py_fourier_to_real(const Call& call) {
  Args a(call);
  Tensor& input = transformable(a, DType::complex64, DType::complex128);
  int dim = wrap_dim(a.integer(1), input.ndim, "_fourier_to_real");
  int64_t size = a.integer(2);
  check(size >= 1 && input.sizes[dim] == size / 2 + 1, [&] {
    return message("_fourier_to_real: ", size, " points have ", size / 2 + 1, " coefficients, not ",
                   input.sizes[dim], ".");
  });
  double scale = real_argument(a, 3);
  bool inverse = a.truth(4);
  TensorRef from = contiguous(input), out = empty_along(input, dim, size, to_real(input.dtype));
  if (out->is_meta() || input.numel == 0) return out.release_py();
  in_precision(*from, *out, [&]<class T>(const T* in, T* to) {
    fourier_to_real(shape_along(input, dim, size), in, to, static_cast<T>(scale), inverse);
  });
  return out.release_py();
}

const NativeEntry entries[] = {{"_fourier", "input, dims, scale, inverse", py_fourier,
                                "scale times the transform of complex input over dims."},
                               {"_fourier_real", "input, dim, scale, inverse", py_fourier_real,
                                "The first half of the coefficients of real input."},
                               {"_fourier_to_real", "input, dim, size, scale, inverse",
                                py_fourier_to_real, "The real signal of `size` points."},
                               {}};

}  // namespace

void initialize_fourier(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
