// Fourier transforms of tensors, without history.
#include "kernels/fft/fft.h"

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/promotion.h"
#include "dispatch/raw/numbers.h"

namespace flambeau::raw {

namespace {

constexpr int64_t long_work = 4096;  // points

/// The points along `dim`, with all dims before and behind it.
FourierShape shape_along(const Tensor& t, int dim, int64_t n) {
  FourierShape shape{1, n, 1};
  for (int d = 0; d < dim; ++d) shape.outer *= t.sizes[d];
  for (int d = dim + 1; d < t.ndim; ++d) shape.inner *= t.sizes[d];
  return shape;
}

/// A hook of saved tensors may have put in a tensor of another dtype.
void check_transformable(const char* op, const Tensor& t, DType narrow, DType wide) {
  check(t.dtype == narrow || t.dtype == wide, [&] {
    return message(op, ": input is ", name(t.dtype), "; it must be ", name(narrow), " or ",
                   name(wide), ".");
  });
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

}  // namespace

TensorRef fourier(Tensor& input, const std::vector<int64_t>& given_dims, double scale,
                  bool inverse) {
  check_transformable("fourier", input, DType::complex64, DType::complex128);
  std::vector<int> dims;
  for (int64_t dim : given_dims) dims.push_back(wrap_dim(dim, input.ndim, "fourier"));
  TensorRef from = contiguous(input), out = empty(sizes_of(input), input.dtype);
  if (out->is_meta() || input.numel == 0) return out;
  in_precision(*from, *out, [&]<class T>(const T* in, T* to) {
    std::vector<T> infinite;
    for (int dim : dims) {
      bool seen = flambeau::fourier(shape_along(input, dim, input.sizes[dim]), in, to,
                                    static_cast<T>(scale), inverse);
      if (seen) infinite.assign(to, to + 2 * input.numel);
      in = seen ? infinite.data() : to;
      scale = 1;
    }
  });
  return out;
}

TensorRef fourier_real(Tensor& input, int64_t given_dim, double scale, bool inverse) {
  check_transformable("fourier_real", input, DType::float32, DType::float64);
  int dim = wrap_dim(given_dim, input.ndim, "fourier_real");
  const int64_t n = input.sizes[dim];
  TensorRef from = contiguous(input);
  TensorRef out = empty_along(input, dim, n / 2 + 1, to_complex(input.dtype));
  if (out->is_meta() || input.numel == 0) return out;
  in_precision(*from, *out, [&]<class T>(const T* in, T* to) {
    flambeau::fourier_real(shape_along(input, dim, n), in, to, static_cast<T>(scale), inverse);
  });
  return out;
}

TensorRef fourier_to_real(Tensor& input, int64_t given_dim, int64_t size, double scale,
                          bool inverse) {
  check_transformable("fourier_to_real", input, DType::complex64, DType::complex128);
  int dim = wrap_dim(given_dim, input.ndim, "fourier_to_real");
  check(size >= 1 && input.sizes[dim] == size / 2 + 1, [&] {
    return message("fourier_to_real: ", size, " points have ", size / 2 + 1, " coefficients, not ",
                   input.sizes[dim], ".");
  });
  TensorRef from = contiguous(input), out = empty_along(input, dim, size, to_real(input.dtype));
  if (out->is_meta() || input.numel == 0) return out;
  in_precision(*from, *out, [&]<class T>(const T* in, T* to) {
    flambeau::fourier_to_real(shape_along(input, dim, size), in, to, static_cast<T>(scale),
                              inverse);
  });
  return out;
}

}  // namespace flambeau::raw
