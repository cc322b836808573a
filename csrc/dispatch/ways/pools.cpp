#include "dispatch/ways/pools.h"

#include "autograd/door.h"
#include "dispatch/memory_format.h"

namespace flambeau::ways {

namespace {

/// Whether t has numbers on the CPU, in the usual order or channels last, which results keep.
bool is_poolable(const Tensor& t) {
  const bool numbers = t.on_cpu() && t.numel > 0 &&
                       (t.dtype == DType::float32 || t.dtype == DType::float64 || is_half(t.dtype));
  return numbers &&
         (t.contiguous || (is_channels_last(format_shown(t)) && is_in_format(t, format_shown(t))));
}

/// The windows over the last n dims; none where Python has to check, or a window may hold nothing.
std::optional<raw::PoolWindows> windows_of(Tensor& input, int n, const DimOrDims& given_kernel,
                                           const DimOrDims& given_stride,
                                           const DimOrDims& given_padding,
                                           const DimOrDims* given_dilation, bool ceil_mode) {
  Dims kernel, stride, padding, dilation;
  const bool fits = !ceil_mode && !(watchers & watch_inside) && !records(input) &&
                    is_poolable(input) && (input.ndim == n + 1 || input.ndim == n + 2) &&
                    spread(given_kernel, n, 1, kernel) && spread(given_padding, n, 0, padding) &&
                    (!given_stride.given || spread(given_stride, n, 1, stride)) &&
                    (!given_dilation || spread(*given_dilation, n, 1, dilation));
  if (!fits) return std::nullopt;
  if (!given_stride.given) stride = kernel;
  Dims in, out;
  for (int d = 0; d < n; ++d) {
    if (!given_dilation) dilation.push(1);
    const int64_t size = input.sizes[input.ndim - n + d], step = dilation[d],
                  reach = step * (kernel[d] - 1) + 1, room = size + 2 * padding[d] - reach;
    if (room < 0 || padding[d] > reach / 2 || step > size) return std::nullopt;
    in.push(size);
    out.push(room / stride[d] + 1);
  }
  return raw::PoolWindows{in, out, kernel, stride, padding, dilation};
}

}  // namespace

template <int n>
TensorRef MaxPooling<n>::take(Tensor& input, const DimOrDims& kernel, const DimOrDims& stride,
                              const DimOrDims& padding, const DimOrDims& dilation, bool ceil_mode) {
  const auto windows = windows_of(input, n, kernel, stride, padding, &dilation, ceil_mode);
  return windows ? std::get<0>(raw::max_pool(input, false, *windows)) : nullptr;
}

template <int n>
TensorRef AveragePooling<n>::take(Tensor& input, const DimOrDims& kernel, const DimOrDims& stride,
                                  const DimOrDims& padding, bool ceil_mode) {
  const auto windows = windows_of(input, n, kernel, stride, padding, nullptr, ceil_mode);
  return windows ? raw::avg_pool(input, true, 0, *windows) : nullptr;
}

template struct MaxPooling<1>;
template struct MaxPooling<2>;
template struct MaxPooling<3>;
template struct AveragePooling<1>;
template struct AveragePooling<2>;
template struct AveragePooling<3>;

}  // namespace flambeau::ways
