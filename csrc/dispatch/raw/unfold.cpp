// Windows of planes as columns, of checked arguments and without history.
#include "kernels/elements/unfold.h"

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/raw/layers.h"

namespace flambeau::raw {

namespace {

Unfolding unfolding_of(const char* op, const Tensor& t, int64_t planes, const Dims& sizes,
                       const PlaneWindows& w) {
  Unfolding u;
  u.planes = planes;
  bool fits =
      sizes.n == 2 && w.kernel.n == 2 && w.dilation.n == 2 && w.padding.n == 2 && w.stride.n == 2;
  for (int d = 0; d < 2 && fits; ++d) {
    u.size[d] = sizes[d], u.kernel[d] = w.kernel[d], u.dilation[d] = w.dilation[d];
    u.padding[d] = w.padding[d], u.stride[d] = w.stride[d];
    fits = w.kernel[d] >= 1 && w.dilation[d] >= 1 && w.padding[d] >= 0 && w.stride[d] >= 1;
    if (!fits) break;
    const int64_t room = sizes[d] + 2 * w.padding[d] - w.dilation[d] * (w.kernel[d] - 1) - 1;
    u.count[d] = room / w.stride[d] + 1;
    fits = room >= 0;
  }
  check(fits, [&] {
    return message(op, ": windows of ", to_string(w.kernel), " have no place in ", describe(t),
                   " of sizes ", to_string(sizes), ".");
  });
  return u;
}

}  // namespace

TensorRef unfold(Tensor& given, const PlaneWindows& windows) {
  check(given.ndim == 4, [&] { return message("unfold: input is ", describe(given), "."); });
  TensorRef input = contiguous(given);
  const int64_t n = given.sizes[0], channels = given.sizes[1];
  const Unfolding u = unfolding_of("unfold", given, n * channels, {given.sizes + 2, 2}, windows);
  TensorRef result =
      empty({n, channels * u.kernel[0] * u.kernel[1], u.count[0] * u.count[1]}, given.dtype);
  if (result->numel == 0 || result->is_meta()) return result;
  const void* from = input->data();
  void* to = result->data();
  LongWork unlocked(result->numel > grain);
  flambeau::unfold(u, itemsize(given.dtype), from, to);
  return result;
}

TensorRef fold(Tensor& given, const Dims& sizes, const PlaneWindows& windows) {
  check(given.ndim == 3 && windows.kernel.n == 2 &&
            (given.dtype == DType::float32 || given.dtype == DType::float64 ||
             given.dtype == DType::complex64 || given.dtype == DType::complex128),
        [&] { return message("fold: columns are ", describe(given), "."); });
  TensorRef columns = contiguous(given);
  const int64_t n = given.sizes[0], taps = windows.kernel[0] * windows.kernel[1];
  const int64_t channels = given.sizes[1] / taps;
  const Unfolding u = unfolding_of("fold", given, n * channels, sizes, windows);
  check(channels * taps == given.sizes[1] && u.count[0] * u.count[1] == given.sizes[2], [&] {
    return message("fold: columns ", describe(given), " do not fit sizes ", to_string(sizes), ".");
  });
  TensorRef result = empty({n, channels, sizes[0], sizes[1]}, given.dtype);
  if (result->numel == 0 || result->is_meta()) return result;
  const void* from = columns->data();
  void* to = result->data();
  LongWork unlocked(columns->numel > grain);
  flambeau::fold(u, given.dtype, from, to);
  return result;
}

}  // namespace flambeau::raw
