#include "kernels/pool/pixels.h"

#include <algorithm>
#include <type_traits>

#include "kernels/elements/clones.h"
#include "runtime/threads.h"

namespace flambeau {
namespace {

constexpr int64_t beside = 256;  // channels at a time, whose results stay in the first cache

/// Numbers whose channels are compared and added up as they are, or as float32.
inline float wide(bfloat16 x) { return static_cast<float>(x); }
inline float wide(float x) { return x; }
inline double wide(double x) { return x; }
template <class T>
using Wide = decltype(wide(T()));

/// fn(window of d, of h, of w, index of the result) for results [begin, end) of one image.
template <class F>
[[gnu::always_inline]] inline void each_window(const PoolShape& s, int64_t begin, int64_t end,
                                               F fn) {
  const auto &d = s.axis[0].windows, &h = s.axis[1].windows, &w = s.axis[2].windows;
  const int64_t n_h = static_cast<int64_t>(h.size()), n_w = static_cast<int64_t>(w.size());
  for (int64_t i = begin; i < end; ++i)
    fn(d[static_cast<size_t>(i / n_w / n_h)], h[static_cast<size_t>(i / n_w % n_h)],
       w[static_cast<size_t>(i % n_w)], i);
}

/// Some channels of the pixels of an image that a window covers: fn(pixel) row by row, and
/// row_ends() behind each row.
template <class F, class G>
[[gnu::always_inline]] inline void each_pixel(const PoolShape& s, const PoolWindow& d,
                                              const PoolWindow& h, const PoolWindow& w, F fn,
                                              G row_ends) {
  for (int64_t i = d.begin; i < d.end; i += d.step)
    for (int64_t j = h.begin; j < h.end; j += h.step) {
      const int64_t row = (i * s.axis[1].size + j) * s.axis[2].size;
      for (int64_t k = w.begin; k < w.end; k += w.step) fn(row + k);
      row_ends();
    }
}

template <class T>
[[gnu::always_inline]] inline void largest(const PoolShape& s, int64_t channels, int64_t begin,
                                           int64_t end, const T* in, T* out, int64_t* indices) {
  Wide<T> best[beside];
  int32_t place[beside];
  each_window(s, begin, end,
              [&](const auto& d, const auto& h, const auto& w, int64_t i)
                  __attribute__((always_inline)) {
                    for (int64_t c0 = 0; c0 < channels; c0 += beside) {
                      const int64_t n = std::min(beside, channels - c0);
                      bool first = true;
                      each_pixel(
                          s, d, h, w,
                          [&](int64_t pixel) __attribute__((always_inline)) {
                            const T* x = in + pixel * channels + c0;
                            const auto at = static_cast<int32_t>(pixel);
                            if (first) {
                              for (int64_t c = 0; c < n; ++c) best[c] = wide(x[c]);
                              std::fill_n(place, n, at);
                              first = false;
                            } else if (indices) {
                              for (int64_t c = 0; c < n; ++c) {
                                const Wide<T> value = wide(x[c]);
                                const bool taken = value > best[c] || value != value;
                                best[c] = taken ? value : best[c];
                                place[c] = taken ? at : place[c];
                              }
                            } else {
                              for (int64_t c = 0; c < n; ++c) {
                                const Wide<T> value = wide(x[c]);
                                const bool taken = value > best[c] || value != value;
                                best[c] = taken ? value : best[c];
                              }
                            }
                          },
                          [] {});
                      for (int64_t c = 0; c < n; ++c)
                        out[i * channels + c0 + c] = static_cast<T>(best[c]);
                      if (indices) std::copy_n(place, n, indices + i * channels + c0);
                    }
                  });
}

template <class T>
[[gnu::always_inline]] inline void mean(const PoolShape& s, const double* divisors,
                                        int64_t channels, int64_t begin, int64_t end, const T* in,
                                        T* out) {
  // Row by row, so that rounding errors do not grow with a whole plane.
  Wide<T> sum[beside], of_row[beside];
  each_window(s, begin, end,
              [&](const auto& d, const auto& h, const auto& w, int64_t i)
                  __attribute__((always_inline)) {
                    const auto by = static_cast<Wide<T>>(divisors[i]);
                    for (int64_t c0 = 0; c0 < channels; c0 += beside) {
                      const int64_t n = std::min(beside, channels - c0);
                      std::fill_n(sum, n, Wide<T>(0));
                      std::fill_n(of_row, n, Wide<T>(0));
                      each_pixel(
                          s, d, h, w,
                          [&](int64_t pixel) __attribute__((always_inline)) {
                            const T* x = in + pixel * channels + c0;
                            for (int64_t c = 0; c < n; ++c) of_row[c] += wide(x[c]);
                          },
                          [&]() __attribute__((always_inline)) {
                            for (int64_t c = 0; c < n; ++c) sum[c] += of_row[c];
                            std::fill_n(of_row, n, Wide<T>(0));
                          });
                      for (int64_t c = 0; c < n; ++c)
                        out[i * channels + c0 + c] = static_cast<T>(sum[c] / by);
                    }
                  });
}

FLAMBEAU_CLONES void largest_of(const PoolShape& s, int64_t channels, int64_t begin, int64_t end,
                                const float* in, float* out, int64_t* indices) {
  largest(s, channels, begin, end, in, out, indices);
}
FLAMBEAU_CLONES void mean_of(const PoolShape& s, const double* divisors, int64_t channels,
                             int64_t begin, int64_t end, const float* in, float* out) {
  mean(s, divisors, channels, begin, end, in, out);
}
FLAMBEAU_CLONES void largest_of(const PoolShape& s, int64_t channels, int64_t begin, int64_t end,
                                const double* in, double* out, int64_t* indices) {
  largest(s, channels, begin, end, in, out, indices);
}
FLAMBEAU_CLONES void mean_of(const PoolShape& s, const double* divisors, int64_t channels,
                             int64_t begin, int64_t end, const double* in, double* out) {
  mean(s, divisors, channels, begin, end, in, out);
}
FLAMBEAU_CLONES void largest_of(const PoolShape& s, int64_t channels, int64_t begin, int64_t end,
                                const bfloat16* in, bfloat16* out, int64_t* indices) {
  largest(s, channels, begin, end, in, out, indices);
}
FLAMBEAU_CLONES void mean_of(const PoolShape& s, const double* divisors, int64_t channels,
                             int64_t begin, int64_t end, const bfloat16* in, bfloat16* out) {
  mean(s, divisors, channels, begin, end, in, out);
}

/// body(T(), image, begin, end) for the results of all images, in ranges.
template <class Body>
void for_each_result(const PoolShape& s, int64_t channels, Body&& body) {
  int64_t covered = 1, results = 1;
  for (const PoolAxis& axis : s.axis) {
    int64_t most = 1;
    for (const PoolWindow& w : axis.windows) most = std::max(most, w.count());
    covered *= most;
    results *= static_cast<int64_t>(axis.windows.size());
  }
  const int64_t grain = std::max<int64_t>(1, 16384 / (covered * channels));
  auto all = [&]<class T>(T none) {
    parallel_ranges(s.n_planes / channels * results, grain, [&](int64_t begin, int64_t end) {
      while (begin < end) {
        const int64_t image = begin / results, first = begin % results;
        const int64_t last = std::min(results, first + end - begin);
        body(none, image, first, last);
        begin += last - first;
      }
    });
  };
  if (s.dtype == DType::float32)
    all(float());
  else if (s.dtype == DType::float64)
    all(double());
  else
    all(bfloat16());
}

int64_t pixels_in(const PoolShape& s) { return s.axis[0].size * s.axis[1].size * s.axis[2].size; }
int64_t pixels_out(const PoolShape& s) {
  return static_cast<int64_t>(s.axis[0].windows.size() * s.axis[1].windows.size() *
                              s.axis[2].windows.size());
}

}  // namespace

bool pools_pixels(const PoolShape& s) {
  return (s.dtype == DType::float32 || s.dtype == DType::float64 || s.dtype == DType::bfloat16) &&
         pixels_in(s) <= INT32_MAX;
}

void max_pool_pixels(const PoolShape& s, int64_t channels, const void* input, void* output,
                     int64_t* indices) {
  const int64_t in = pixels_in(s) * channels, out = pixels_out(s) * channels;
  for_each_result(s, channels, [&]<class T>(T, int64_t image, int64_t begin, int64_t end) {
    largest_of(s, channels, begin, end, static_cast<const T*>(input) + image * in,
               static_cast<T*>(output) + image * out, indices ? indices + image * out : nullptr);
  });
}

void avg_pool_pixels(const PoolShape& s, bool include_pad, int64_t divisor_override,
                     int64_t channels, const void* input, void* output) {
  const std::vector<double> divisors = pool_divisors(s, include_pad, divisor_override);
  const int64_t in = pixels_in(s) * channels, out = pixels_out(s) * channels;
  for_each_result(s, channels, [&]<class T>(T, int64_t image, int64_t begin, int64_t end) {
    mean_of(s, divisors.data(), channels, begin, end, static_cast<const T*>(input) + image * in,
            static_cast<T*>(output) + image * out);
  });
}

}  // namespace flambeau
