// Resampling of tensors, without history.
#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/memory_format.h"
#include "dispatch/raw/precision.h"
#include "dispatch/raw/resampling.h"
#include "kernels/vision/resize.h"
#include "kernels/vision/resize_images.h"
#include "tensor/device_scope.h"

namespace flambeau::raw {

namespace {

struct WindowsKey {
  Resampling kind;
  int64_t in_size, out_size;
  double ratio;
  bool corners, back;
  bool operator==(const WindowsKey&) const = default;
};
template <class T>
struct KeptWindows {
  WindowsKey key;
  ResizeWindows<T> windows;
};

/// Programs resize to the same sizes again and again: each thread keeps the windows it had last,
/// and of more than some thousand places the very last only.
template <class T>
std::shared_ptr<const KeptWindows<T>> windows_for(const WindowsKey& key) {
  constexpr int64_t some_places = 4096, most_places = 1 << 16;
  static thread_local std::array<std::shared_ptr<const KeptWindows<T>>, 7> recent;
  static thread_local size_t oldest = 0;
  for (const auto& had : recent)
    if (had && had->key == key) return had;
  auto made = std::make_shared<const KeptWindows<T>>(
      key,
      key.back
          ? windows_of(key.kind, key.out_size, key.in_size, key.ratio, key.corners).transposed()
          : windows_of(key.kind, key.in_size, key.out_size, key.ratio, key.corners));
  const int64_t places = std::max(key.in_size, key.out_size);
  if (places <= some_places)
    recent[oldest++ % (recent.size() - 1)] = made;
  else if (places <= most_places)
    recent.back() = made;
  return made;
}

/// What a resampling does with the last dims of its input.
struct Job {
  Dims sizes;  // the new ones
  const ResizeSteps& steps;
  Resampling kind;
  bool corners, back;

  /// The ratio of the last dim but `behind`; below 0 the dim stays as it is.
  double ratio(int behind) const { return steps.ratio[2 - behind]; }
  int64_t size(int behind) const { return sizes[sizes.n - 1 - behind]; }

  template <class T>
  std::shared_ptr<const KeptWindows<T>> windows(const Tensor& t, int behind) const {
    if (ratio(behind) < 0) return nullptr;
    const int64_t had = t.sizes[t.ndim - 1 - behind];
    return windows_for<T>({kind, had, size(behind), ratio(behind), corners, back});
  }
};

/// t's sizes with the last dim but `behind` of another size.
Dims resized(const Tensor& t, int behind, int64_t size) {
  Dims sizes = sizes_of(t);
  sizes[t.ndim - 1 - behind] = size;
  return sizes;
}

TensorRef empty_in(const Dims& sizes, DType dtype, Format format) {
  if (!is_channels_last(format)) return empty(sizes, dtype);
  return empty_strided(sizes, channels_last_strides(sizes, format, "resize"), dtype);
}

/// One dim resampled, of a tensor that is dense in this order.
template <class T>
TensorRef along(const Job& job, Tensor& input, int behind, Format format) {
  TensorRef result = empty_in(resized(input, behind, job.size(behind)), input.dtype, format);
  const int n = job.sizes.n;
  int64_t outer = 1, inner = 1;
  for (int d = 0; d < input.ndim; ++d) {
    const bool before = d < input.ndim - 1 - behind;
    const bool is_inner = is_channels_last(format) && d == input.ndim - n - 1 ? true : !before;
    if (d != input.ndim - 1 - behind) (is_inner ? inner : outer) *= input.sizes[d];
  }
  const T* from = input.as<T>();
  T* to = result->as<T>();
  LongWork unlocked(result->numel > long_work);
  flambeau::resize(job.windows<T>(input, behind)->windows, outer, inner, from, to);
  return result;
}

/// The last two dims at once, where pixels or small planes allow it; else null. E is the element.
template <class T, class E>
TensorRef images(const Job& job, Tensor& input, Format format) {
  if (job.sizes.n < 2) return nullptr;
  const auto height = job.windows<T>(input, 1), width = job.windows<T>(input, 0);
  if (!height && !width) return nullptr;
  const ImageWindows<T> windows{input.sizes[input.ndim - 2], input.sizes[input.ndim - 1],
                                height ? &height->windows : nullptr,
                                width ? &width->windows : nullptr};
  const int64_t in_plane = windows.in_height * windows.in_width, planes = input.numel / in_plane;
  const bool has_pixels = is_channels_last(format);
  if (!has_pixels && !are_small_planes(windows, planes)) return nullptr;
  Dims sizes = resized(input, 1, windows.out_height());
  sizes[input.ndim - 1] = windows.out_width();
  TensorRef result = empty_in(sizes, input.dtype, format);
  const E* from = input.as<E>();
  E* to = result->as<E>();
  LongWork unlocked(result->numel > long_work);
  if (has_pixels)
    resize_pixels(windows, planes / input.sizes[1], input.sizes[1], from, to);
  else
    resize_planes(windows, planes, from, to);
  return result;
}

/// The dims that change, those that leave less first. Bytes are rounded after each, so the order of
/// these shows: columns come first.
std::vector<int> order_of(const Job& job, const Tensor& input) {
  std::vector<int> dims;
  for (int behind = 0; behind < job.sizes.n; ++behind)
    if (job.ratio(behind) >= 0) dims.push_back(behind);
  auto growth = [&](int behind) {
    return static_cast<double>(job.size(behind)) /
           static_cast<double>(input.sizes[input.ndim - 1 - behind]);
  };
  if (input.dtype != DType::uint8)
    std::stable_sort(dims.begin(), dims.end(), [&](int a, int b) { return growth(a) < growth(b); });
  return dims;
}

/// Dim after dim, but the last two at once where that can be.
template <class T>
TensorRef in_steps(const Job& job, TensorRef input, Format format) {
  bool tried = false, whole = false;  // to make the last two dims at once
  for (int behind : order_of(job, *input)) {
    if (behind < 2 && whole) continue;
    if constexpr (!std::is_same_v<T, uint8_t>)
      if (behind < 2 && !std::exchange(tried, true))
        if (TensorRef made = images<T, T>(job, *input, format)) {
          whole = true;
          input = made;
          continue;
        }
    input = along<T>(job, *input, behind, format);
  }
  return input;
}

}  // namespace

TensorRef resize(Tensor& given, const Dims& sizes, const ResizeSteps& steps, Resampling kind,
                 bool corners, bool back) {
  const int n = sizes.n;
  check(n >= 1 && n <= 3 && n < given.ndim,
        [&] { return message("resize: ", describe(given), " to ", to_string(sizes), "."); });
  const Job job{sizes, steps, kind, corners, back};
  Format format = Format::contiguous;
  // The gradient of bicubic images is contiguous in PyTorch too.
  const bool keeps_order = !(back && kind == Resampling::cubic) && given.dtype != DType::uint8;
  if (keeps_order && n >= 2 && given.ndim == n + 2 && given.on_cpu())
    if (const Format shown = format_shown(given); is_in_format(given, shown)) format = shown;
  if (given.numel == 0 || sizes.product() == 0 || given.is_meta()) {
    Dims made(given.sizes, given.ndim - n);
    for (int d = 0; d < n; ++d) made.push(sizes[d]);
    return empty(made, given.dtype);
  }
  TensorRef input = is_channels_last(format) ? TensorRef::borrow(&given) : contiguous(given);
  if (given.dtype == DType::uint8) return in_steps<uint8_t>(job, input, format);
  if (given.dtype == DType::float16 || given.dtype == DType::bfloat16) {
    const bool is_flat = n == 2 || job.ratio(2) < 0;
    TensorRef made;
    if (is_flat)
      made = given.dtype == DType::float16 ? images<float, float16>(job, *input, format)
                                           : images<float, bfloat16>(job, *input, format);
    if (made) return made;
    return to_dtype(*in_steps<float>(job, to_dtype(*input, DType::float32), format), given.dtype);
  }
  TensorRef made;
  in_precision("resize", *input, [&]<class T>(T*) { made = in_steps<T>(job, input, format); });
  return made;
}

std::tuple<TensorRef, TensorRef, TensorRef> resize_windows(Resampling kind, int64_t had,
                                                           int64_t size, double ratio, bool corners,
                                                           bool back) {
  Windows windows = back ? windows_of(kind, size, had, ratio, corners).transposed()
                         : windows_of(kind, had, size, ratio, corners);
  const DeviceScope here("resize", on_cpu);
  auto tensor = []<class T>(const std::vector<T>& values, DType dtype) {
    TensorRef t = empty({static_cast<int64_t>(values.size())}, dtype);
    std::copy(values.begin(), values.end(), t->as<T>());
    return t;
  };
  return {tensor(windows.begin, DType::int64), tensor(windows.first, DType::int64),
          tensor(windows.weights, DType::float64)};
}

}  // namespace flambeau::raw
