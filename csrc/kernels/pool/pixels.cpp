#include "kernels/pool/pixels.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <type_traits>

#include "kernels/elements/clones.h"
#include "kernels/elements/convert.h"
#include "kernels/pool/boxes.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { sums_slot = 4 };

constexpr int64_t beside = 256;  // channels at a time, whose results stay in the first cache

/// Numbers whose channels are compared and added up as they are, or as float32.
inline float wide(bfloat16 x) { return static_cast<float>(x); }
inline float wide(float16 x) { return static_cast<float>(x); }
inline float wide(float x) { return x; }
inline double wide(double x) { return x; }
template <class T>
using Wide = std::conditional_t<sizeof(T) == 2, float, T>;

/// n numbers as they are read: float16 through `room`, for one by one it has no instructions.
template <class T>
[[gnu::always_inline]] inline auto readable(const T* x, int64_t n, float* room) {
  if constexpr (std::is_same_v<T, float16>) {
    convert(x, room, n);
    return static_cast<const float*>(room);
  } else {
    return x;
  }
}

template <class T>
[[gnu::always_inline]] inline void write(const Wide<T>* from, T* to, int64_t n) {
  if constexpr (sizeof(T) == 2)
    convert(from, to, n);
  else
    std::copy_n(from, n, to);
}

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

/// fn(first pixel of a row) for the rows of an image that a window covers.
template <class F>
[[gnu::always_inline]] inline void each_row(const PoolShape& s, const PoolWindow& d,
                                            const PoolWindow& h, F fn) {
  for (int64_t i = d.begin; i < d.end; i += d.step)
    for (int64_t j = h.begin; j < h.end; j += h.step) fn((i * s.axis[1].size + j) * s.axis[2].size);
}

template <class T>
[[gnu::always_inline]] inline void largest(const PoolShape& s, int64_t channels, int64_t begin,
                                           int64_t end, const T* in, T* out, int64_t* indices) {
  Wide<T> best[beside];
  int32_t place[beside];
  float room[std::is_same_v<T, float16> ? beside : 1];
  each_window(s, begin, end,
              [&](const auto& d, const auto& h, const auto& w, int64_t i)
                  __attribute__((always_inline)) {
                    for (int64_t c0 = 0; c0 < channels; c0 += beside) {
                      const int64_t n = std::min(beside, channels - c0);
                      bool first = true;
                      auto look = [&](int64_t pixel) __attribute__((always_inline)) {
                        const auto* x = readable(in + pixel * channels + c0, n, room);
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
                      };
                      each_row(s, d, h, [&](int64_t row) __attribute__((always_inline)) {
                        for (int64_t k = w.begin; k < w.end; k += w.step) look(row + k);
                      });
                      write(best, out + i * channels + c0, n);
                      if (indices) std::copy_n(place, n, indices + i * channels + c0);
                    }
                  });
}

/// sum[c] += x[pixel * channels + c] over some pixels one after the other, for c < n. Vectors of
/// channels stay in registers, each in two sums: one alone would wait for itself.
template <class T>
[[gnu::always_inline]] inline void add_run(const T* x, int64_t pixels, int64_t channels, int64_t n,
                                           T* sum) {
  typedef T Vector __attribute__((vector_size(32), aligned(sizeof(T)), may_alias));
  constexpr int64_t lanes = 32 / sizeof(T);
  constexpr int vectors = 2;
  auto at = [](auto* p)
                __attribute__((always_inline)) { return reinterpret_cast<const Vector*>(p); };
  auto some = [&]<int count>(int64_t c) __attribute__((always_inline)) {
    Vector even[count] = {}, odd[count] = {};
    int64_t p = 0;
    for (; p + 2 <= pixels; p += 2)
      for (int v = 0; v < count; ++v) {
        even[v] += at(x + p * channels + c)[v];
        odd[v] += at(x + (p + 1) * channels + c)[v];
      }
    for (int v = 0; v < count; ++v) {
      if (p < pixels) even[v] += at(x + p * channels + c)[v];
      reinterpret_cast<Vector*>(sum + c)[v] += even[v] + odd[v];
    }
  };
  int64_t c = 0;
  for (; c + vectors * lanes <= n; c += vectors * lanes) some.template operator()<vectors>(c);
  for (; c + lanes <= n; c += lanes) some.template operator()<1>(c);
  for (; c < n; ++c) {
    T parts[4] = {};
    int64_t p = 0;
    for (; p + 4 <= pixels; p += 4)
      for (int k = 0; k < 4; ++k) parts[k] += x[(p + k) * channels + c];
    for (; p < pixels; ++p) parts[0] += x[p * channels + c];
    sum[c] += (parts[0] + parts[1]) + (parts[2] + parts[3]);
  }
}

/// The same of halves, as many at a time as `room` holds.
template <class T>
[[gnu::always_inline]] inline void add_halves(const T* x, int64_t pixels, int64_t channels,
                                              int64_t n, float* room, int64_t size, float* sum) {
  const bool whole = n == channels;
  const int64_t at_once = whole ? std::max<int64_t>(1, size / n) : 1;
  for (int64_t p = 0; p < pixels; p += at_once) {
    const int64_t some = std::min(at_once, pixels - p);
    convert(x + p * channels, room, some * n);
    add_run(room, some, n, n, sum);
  }
}

template <class T>
[[gnu::always_inline]] inline void mean(const PoolShape& s, const double* divisors,
                                        int64_t channels, int64_t begin, int64_t end, const T* in,
                                        T* out) {
  constexpr int64_t room_size = 2048;
  Wide<T> sum[beside];
  float room[sizeof(T) == 2 ? room_size : 1];
  // Row by row, so that rounding errors do not grow with a whole plane.
  auto add = [&](int64_t pixel, int64_t count, int64_t c0, int64_t n)
                 __attribute__((always_inline)) {
                   const T* x = in + pixel * channels + c0;
                   if constexpr (sizeof(T) == 2)
                     add_halves(x, count, channels, n, room, room_size, sum);
                   else
                     add_run(x, count, channels, n, sum);
                 };
  each_window(s, begin, end,
              [&](const auto& d, const auto& h, const auto& w, int64_t i)
                  __attribute__((always_inline)) {
                    const auto by = static_cast<Wide<T>>(divisors[i]);
                    for (int64_t c0 = 0; c0 < channels; c0 += beside) {
                      const int64_t n = std::min(beside, channels - c0);
                      std::fill_n(sum, n, Wide<T>(0));
                      each_row(s, d, h, [&](int64_t row) __attribute__((always_inline)) {
                        if (w.step == 1)
                          add(row + w.begin, w.end - w.begin, c0, n);
                        else
                          for (int64_t k = w.begin; k < w.end; k += w.step) add(row + k, 1, c0, n);
                      });
                      for (int64_t c = 0; c < n; ++c) sum[c] /= by;
                      write(sum, out + i * channels + c0, n);
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

FLAMBEAU_CLONES void largest_of(const PoolShape& s, int64_t channels, int64_t begin, int64_t end,
                                const float16* in, float16* out, int64_t* indices) {
  largest(s, channels, begin, end, in, out, indices);
}
FLAMBEAU_CLONES void mean_of(const PoolShape& s, const double* divisors, int64_t channels,
                             int64_t begin, int64_t end, const float16* in, float16* out) {
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
  else if (s.dtype == DType::float16)
    all(float16());
  else
    all(bfloat16());
}

int64_t pixels_in(const PoolShape& s) { return s.axis[0].size * s.axis[1].size * s.axis[2].size; }
int64_t pixels_out(const PoolShape& s) {
  return static_cast<int64_t>(s.axis[0].windows.size() * s.axis[1].windows.size() *
                              s.axis[2].windows.size());
}

/// Windows of few neighbours, whose rows may be added up first: of large ones rounding errors would
/// grow.
bool are_small_boxes(const PoolShape& s) {
  constexpr int64_t most = 16;
  int64_t covered = 1;
  for (const PoolAxis& axis : s.axis) {
    int64_t longest = 0;
    for (const PoolWindow& w : axis.windows) {
      if (w.step != 1) return false;
      longest = std::max(longest, w.end - w.begin);
    }
    covered *= longest;
  }
  return covered <= most;
}

/// Each gradient added where its maximum was, of n channels from `in`'s first on: `step` elements
/// of `to` lie from pixel to pixel. False if an index leaves the image.
template <class T, class E>
bool add_where(const E* grad, const int64_t* indices, int64_t results, int64_t pixels,
               int64_t channels, int64_t n, int64_t step, T* to, float* room) {
  bool inside = true;
  for (int64_t i = 0; i < results; ++i, grad += channels, indices += channels) {
    const auto* g = readable(grad, n, room);
    for (int64_t c = 0; c < n; ++c) {
      if (static_cast<uint64_t>(indices[c]) >= static_cast<uint64_t>(pixels)) {
        inside = false;
      } else {
        T& sum = to[indices[c] * step + c];
        sum = static_cast<T>(wide(sum) + wide(g[c]));
      }
    }
  }
  return inside;
}

}  // namespace

bool max_pool_backward_pixels(const PoolShape& s, int64_t channels, const void* grad,
                              const int64_t* indices, void* grad_input) {
  constexpr int64_t block = 64;  // channels of a task
  const int64_t pixels = pixels_in(s), results = pixels_out(s);
  const int64_t blocks = (channels + block - 1) / block;
  std::atomic<bool> inside = true;
  auto run = [&]<class E>(E) {
    using T = Wide<E>;
    parallel_for(s.n_planes / channels * blocks, [&](int64_t task) {
      const int64_t image = task / blocks, c0 = task % blocks * block;
      const int64_t n = std::min(block, channels - c0);
      const int64_t at = image * results * channels + c0;
      E* to = static_cast<E*>(grad_input) + image * pixels * channels + c0;
      float room[block];
      auto add = [&](auto* sums, int64_t step) {
        const size_t run = static_cast<size_t>(n) * sizeof(*sums);
        if (n == step)
          std::memset(static_cast<void*>(sums), 0, pixels * run);
        else
          for (int64_t p = 0; p < pixels; ++p)
            std::memset(static_cast<void*>(sums + p * step), 0, run);
        if (!add_where(static_cast<const E*>(grad) + at, indices + at, results, pixels, channels, n,
                       step, sums, room))
          inside = false;
      };
      // One maximum of a channel is no sum, for which halves need room.
      if (std::is_same_v<T, E> || results == 1) return add(to, channels);
      T* sums = Workspace::get<T>(sums_slot, static_cast<size_t>(pixels * n));
      add(sums, n);
      if constexpr (!std::is_same_v<T, E>) {
        if (n == channels)
          convert(sums, to, pixels * n);
        else
          for (int64_t p = 0; p < pixels; ++p) convert(sums + p * n, to + p * channels, n);
      }
    });
  };
  if (s.dtype == DType::float32)
    run(float());
  else if (s.dtype == DType::float64)
    run(double());
  else if (s.dtype == DType::float16)
    run(float16());
  else
    run(bfloat16());
  return inside;
}

void avg_pool_backward_pixels(const PoolShape& s, bool include_pad, int64_t divisor_override,
                              int64_t channels, const void* grad, void* grad_input) {
  const std::vector<double> divisors = pool_divisors(s, include_pad, divisor_override);
  const BoxAxis axis[3] = {covering_windows(s.axis[0]), covering_windows(s.axis[1]),
                           covering_windows(s.axis[2])};
  sum_boxes(s.dtype, s.n_planes / channels, channels, axis, {divisors.data(), nullptr}, grad,
            grad_input);
}

bool pools_pixels(const PoolShape& s) {
  return (s.dtype == DType::float32 || s.dtype == DType::float64 || s.dtype == DType::bfloat16 ||
          s.dtype == DType::float16) &&
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
  if (are_small_boxes(s)) {
    const BoxAxis axis[3] = {windows_themselves(s.axis[0]), windows_themselves(s.axis[1]),
                             windows_themselves(s.axis[2])};
    return sum_boxes(s.dtype, s.n_planes / channels, channels, axis, {nullptr, divisors.data()},
                     input, output);
  }
  const int64_t in = pixels_in(s) * channels, out = pixels_out(s) * channels;
  for_each_result(s, channels, [&]<class T>(T, int64_t image, int64_t begin, int64_t end) {
    mean_of(s, divisors.data(), channels, begin, end, static_cast<const T*>(input) + image * in,
            static_cast<T*>(output) + image * out);
  });
}

}  // namespace flambeau
