#include "kernels/conv/windows.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "kernels/conv/factors.h"
#include "kernels/conv/product.h"
#include "kernels/gemm/simd.h"
#include "runtime/rounding.h"

namespace flambeau {
namespace {

/// Bytes of the rows that are multiplied at once.
constexpr int64_t chunk_bytes = 2 << 20;
/// Elements copied in a task.
constexpr int64_t task_elements = 1 << 14;

int64_t volume(const int64_t (&sizes)[3]) { return sizes[0] * sizes[1] * sizes[2]; }

/// Copies window `row` of those of all images, its taps one after the other.
void copy_window(const ConvShape& s, const char* images, int64_t row, int64_t pixel, char* to) {
  const int64_t per_image = volume(s.out), place = row % per_image;
  const int64_t at[3] = {
      place / s.out[2] / s.out[1] * s.stride[0] - s.padding[0],
      place / s.out[2] % s.out[1] * s.stride[1] - s.padding[1],
      place % s.out[2] * s.stride[2] - s.padding[2],
  };
  images += row / per_image * volume(s.in) * pixel;
  const int64_t step = s.dilation[2], line = s.kernel[2] * pixel;
  const int64_t begin = std::clamp<int64_t>(ceil_div(-at[2], step), 0, s.kernel[2]),
                end = std::clamp<int64_t>(floor_div(s.in[2] - 1 - at[2], step) + 1, begin,
                                          s.kernel[2]);
  for (int64_t a = 0; a < s.kernel[0]; ++a)
    for (int64_t b = 0; b < s.kernel[1]; ++b, to += line) {
      const int64_t d = at[0] + a * s.dilation[0], r = at[1] + b * s.dilation[1];
      if (d < 0 || d >= s.in[0] || r < 0 || r >= s.in[1]) {
        std::memset(to, 0, line);
        continue;
      }
      const char* from = images + ((d * s.in[1] + r) * s.in[2] + at[2]) * pixel;
      std::memset(to, 0, begin * pixel);
      if (step == 1)
        std::memcpy(to + begin * pixel, from + begin * pixel, (end - begin) * pixel);
      else
        for (int64_t k = begin; k < end; ++k)
          std::memcpy(to + k * pixel, from + k * step * pixel, pixel);
      std::memset(to + end * pixel, 0, line - end * pixel);
    }
}

template <class T>
bool all_finite(const T* numbers, int64_t n) {
  if constexpr (is_half_type<T>)
    return !any_not_finite(widened<T>(numbers, n).get(), n);
  else
    return !any_not_finite(numbers, n);
}

template <class T>
bool forward(const ConvShape& s, const T* input, const T* weight, const void* bias, bool relu,
             T* output) {
  const int64_t taps = volume(s.kernel), length = taps * s.C, rows = s.N * volume(s.out);
  if (!all_finite(weight, s.O * length)) return false;
  auto turned = std::make_unique_for_overwrite<T[]>(s.O * length);
  parallel_ranges(s.O, std::max<int64_t>(1, task_elements / length),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t o = begin; o < end; ++o)
                      for (int64_t c = 0; c < s.C; ++c)
                        for (int64_t k = 0; k < taps; ++k)
                          turned[(o * taps + k) * s.C + c] = weight[(o * s.C + c) * taps + k];
                  });
  const int64_t item = static_cast<int64_t>(sizeof(T)), pixel = s.C * item;
  const int64_t most = balanced(rows, std::max<int64_t>(64, chunk_bytes / (length * item)));
  auto windows = std::make_unique_for_overwrite<T[]>(most * length);
  for (int64_t first = 0; first < rows; first += most) {
    const int64_t n = std::min(most, rows - first);
    parallel_ranges(n, std::max<int64_t>(1, task_elements / length),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i)
                        copy_window(s, reinterpret_cast<const char*>(input), first + i, pixel,
                                    reinterpret_cast<char*>(windows.get() + i * length));
                    });
    AnyGemm g =
        product(s, n, s.O, length, windows.get(), false, turned.get(), true, output + first * s.O);
    g.epilogue = {bias, false, relu};
    gemm(g);
  }
  constexpr int64_t few = 4096;
  return s.N > 1 || rows * s.O > few || all_finite(output, rows * s.O);
}

}  // namespace

bool fits_windows(const ConvShape& s) {
  // Else the other ways repay that all pixels are brought into another order, and the results back.
  constexpr int64_t least_sources = 48, most_targets = 8;
  const bool is_single = s.dtype == DType::float32 || s.dtype == DType::float64;
  const int64_t rows = s.N * volume(s.out), most_copies = is_single ? 3 : 6;
  return (is_single || is_half(s.dtype)) && s.groups == 1 && s.C >= least_sources &&
         s.O <= most_targets && s.O > 0 && rows >= 4 * s.O && volume(s.kernel) > 1 &&
         rows * volume(s.kernel) <= most_copies * s.N * volume(s.in);
}

bool windows_forward(const ConvShape& s, const void* input, const void* weight, const void* bias,
                     bool relu, void* output) {
  auto run = [&]<class T>() {
    return forward(s, static_cast<const T*>(input), static_cast<const T*>(weight), bias, relu,
                   static_cast<T*>(output));
  };
  switch (s.dtype) {
    case DType::float32: return run.template operator()<float>();
    case DType::float64: return run.template operator()<double>();
    case DType::float16: return run.template operator()<float16>();
    default: return run.template operator()<bfloat16>();
  }
}

}  // namespace flambeau
