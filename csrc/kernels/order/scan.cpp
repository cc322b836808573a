#include "kernels/order/scan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/elements/convert.h"
#include "kernels/elements/sums.h"
#include "kernels/elements/walk.h"
#include "kernels/order/log_sums.h"
#include "runtime/threads.h"

namespace flambeau {
namespace {

/// Not inlined, for it has many callers.
template <class From, class To, class Acc, class Step>
__attribute__((noinline)) void scan_lane(int64_t n, const From* from, int64_t self_step, To* to,
                                         int64_t out_step, Acc acc, Step&& step) {
  if (self_step == 1 && out_step == 1) {
    // Four at a time: loads do not wait for the stores before them.
    constexpr int64_t at_once = 4;
    int64_t i = 0;
    for (; i + at_once <= n; i += at_once) {
      Acc next[at_once];
      for (int64_t k = 0; k < at_once; ++k) next[k] = static_cast<Acc>(from[i + k]);
      for (int64_t k = 0; k < at_once; ++k) {
        acc = step(acc, next[k]);
        to[i + k] = static_cast<To>(acc);
      }
    }
    for (; i < n; ++i) {
      acc = step(acc, static_cast<Acc>(from[i]));
      to[i] = static_cast<To>(acc);
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    acc = step(acc, static_cast<Acc>(from[i * self_step]));
    to[i * out_step] = static_cast<To>(acc);
  }
}

/// A lane of integers side by side: in any order of steps the result is the same, so some elements
/// are scanned by themselves, and only their last waits for what came before them.
template <class From, class To, class Acc, class Step>
void scan_integers(int64_t n, const From* from, To* to, Acc acc, Step&& step) {
  constexpr int64_t at_once = 8;
  int64_t i = 0;
  for (; i + at_once <= n; i += at_once) {
    Acc part[at_once];
    part[0] = static_cast<Acc>(from[i]);
    for (int64_t k = 1; k < at_once; ++k)
      part[k] = step(part[k - 1], static_cast<Acc>(from[i + k]));
    for (int64_t k = 0; k < at_once; ++k) to[i + k] = static_cast<To>(step(acc, part[k]));
    acc = step(acc, part[at_once - 1]);
  }
  for (; i < n; ++i) {
    acc = step(acc, static_cast<Acc>(from[i]));
    to[i] = static_cast<To>(acc);
  }
}

constexpr int64_t segment =
    4080;  // of a long lane; no power of two, which would meet in one cache set

/// Whether b may stand for a, with which it agrees but for rounding: what has become infinite, NaN
/// or 0 in the order of the lane stays so. A product of T whose wider accumulator has but a few
/// bits left is as good as 0: denormal numbers times 0.9 round to themselves and never get there.
template <class T, class Acc>
bool alike(Acc a, Acc b) {
  if constexpr (std::is_integral_v<Acc>) {
    return true;
  } else {
    const Acc least = std::is_same_v<T, Acc> ? 0 : 256 * std::numeric_limits<Acc>::denorm_min();
    auto gone = [&](Acc x) { return std::abs(x) <= least; };
    return (a - a == 0) == (b - b == 0) && gone(a) == gone(b);
  }
}

/// A long lane of which the elements lie side by side, by segments: their totals, in lanes of a
/// vector, give what each of them begins with; then they are scanned several at a time, which hides
/// the latency of one addition, and in threads. False where rounding may have hidden something: the
/// lane is then to be scanned in its order.
template <class From, class To, class Acc, class Step>
__attribute__((noinline)) bool scan_segments(int64_t n, const From* from, To* to, Acc initial,
                                             Step&& step) {
  constexpr int64_t at_once = 4, lanes = 8;
  const int64_t count = (n + segment - 1) / segment, tasks = (count + at_once - 1) / at_once;
  std::vector<Acc> starts(count + 1), ends(count);
  starts[0] = initial;
  auto length = [n](int64_t i) { return std::min(segment, n - i * segment); };
  parallel_for(tasks, [&](int64_t task) {
    for (int64_t i = task * at_once; i < std::min(count, (task + 1) * at_once); ++i) {
      const From* values = from + i * segment;
      const int64_t size = length(i);
      Acc parts[lanes];
      std::fill_n(parts, lanes, initial);
      int64_t k = 0;
      for (; k + lanes <= size; k += lanes)
        for (int64_t l = 0; l < lanes; ++l)
          parts[l] = step(parts[l], static_cast<Acc>(values[k + l]));
      for (; k < size; ++k) parts[0] = step(parts[0], static_cast<Acc>(values[k]));
      for (int64_t l = 1; l < lanes; ++l) parts[0] = step(parts[0], parts[l]);
      starts[i + 1] = parts[0];
    }
  });
  for (int64_t i = 0; i < count; ++i) starts[i + 1] = step(starts[i], starts[i + 1]);
  parallel_for(tasks, [&](int64_t task) {
    const int64_t first = task * at_once;
    if (first + at_once <= count && length(first + at_once - 1) == segment) {
      const From* values = from + first * segment;
      To* results = to + first * segment;
      Acc acc[at_once];
      std::copy_n(&starts[first], at_once, acc);
      for (int64_t i = 0; i < segment; ++i)
        for (int64_t k = 0; k < at_once; ++k) {
          acc[k] = step(acc[k], static_cast<Acc>(values[k * segment + i]));
          results[k * segment + i] = static_cast<To>(acc[k]);
        }
      std::copy_n(acc, at_once, &ends[first]);
      return;
    }
    for (int64_t i = first; i < std::min(count, first + at_once); ++i) {
      Acc acc = starts[i];
      for (int64_t k = i * segment; k < i * segment + length(i); ++k) {
        acc = step(acc, static_cast<Acc>(from[k]));
        to[k] = static_cast<To>(acc);
      }
      ends[i] = acc;
    }
  });
  for (int64_t i = 0; i < count; ++i)
    if (!alike<To>(ends[i], starts[i + 1])) return false;
  return true;
}

template <class T>
constexpr bool is_half = is_floating_type<T> && sizeof(T) == 2;

constexpr int64_t beside = 256;  // neighbouring lanes that one thread takes: whole cache lines

/// Lanes beside each other, all of one row before the next: memory is met in its order, and the
/// running values stay in the first cache.
template <class From, class To, class Acc, class Step>
void scan_beside(int64_t lanes, int64_t n, const From* from, int64_t self_step, To* to,
                 int64_t out_step, Acc initial, Step&& step) {
  Acc acc[beside];
  for (int64_t first = 0; first < lanes; first += beside) {
    const int64_t width = std::min(beside, lanes - first);
    std::fill_n(acc, width, initial);
    for (int64_t i = 0; i < n; ++i) {
      const From* x = from + first + i * self_step;
      To* y = to + first + i * out_step;
      for (int64_t lane = 0; lane < width; ++lane) {
        acc[lane] = step(acc[lane], static_cast<Acc>(x[lane]));
        y[lane] = static_cast<To>(acc[lane]);
      }
    }
  }
}

/// out[i] = acc = step(acc, self[i]) along dim for every lane, of which the elements lie `apart` or
/// side by side. `tile` lanes advance together, which hides the latency of one addition: many where
/// neighbours fill cache lines and vectors, few where distant ones would only evict each other's
/// lines (measured: rows of 1024 floats, 32 at once 5.1 ms a million, 4 at once 0.4 ms).
template <class From, class To, bool apart, class Step>
void scan_tiles(const Strided& out, const Strided& self, int dim, accumulator_t<To> initial,
                int64_t cost, Step&& step) {
  using Acc = accumulator_t<To>;
  constexpr int64_t tile = apart ? 32 : 4;
  const int64_t n = self.sizes[dim], out_step = out.strides[dim],
                self_step = apart ? self.strides[dim] : 1;
  if (n == 0) return;
  Walk<2> walk(self.ndim, self.sizes, {out.strides, self.strides}, dim);
  // Integers have no latency to hide, and one thread would read them twice.
  const bool in_order = std::is_integral_v<Acc> && runs_serially();
  if constexpr (std::is_arithmetic_v<Acc> && !apart)
    if (walk.numel() == 1 && !in_order && cost == 1 && n >= 8 * segment && out_step == 1 &&
        self.data != out.data &&
        scan_segments(n, self.as<const From>(), out.as<To>(), initial, step))
      return;
  int64_t out_next = walk.inner_stride(0), self_next = walk.inner_stride(1);
  int64_t grain = std::max<int64_t>(1, walk_grain / (n * cost));
  // Where threads meet in a line of every row, each takes it from the other, which costs more than
  // a cheap step does.
  if constexpr (apart)
    if (out_next == 1 && self_next == 1)
      return walk.parallel_rows(std::max(grain, cost == 1 ? beside : tile),
                                [&](const auto& at, int64_t lanes) {
                                  scan_beside(lanes, n, self.as<const From>() + at[1], self_step,
                                              out.as<To>() + at[0], out_step, initial, step);
                                });
  walk.parallel_rows((grain + tile - 1) / tile * tile, [&](const auto& at, int64_t lanes) {
    if constexpr (std::is_integral_v<Acc> && !apart)
      if (out_step == 1) {
        for (int64_t lane = 0; lane < lanes; ++lane)
          scan_integers(n, self.as<const From>() + at[1] + lane * self_next,
                        out.as<To>() + at[0] + lane * out_next, initial, step);
        return;
      }
    for (int64_t first = 0; first < lanes; first += tile) {
      int64_t width = std::min(tile, lanes - first);
      To* to = out.as<To>() + at[0] + first * out_next;
      const From* from = self.as<const From>() + at[1] + first * self_next;
      if (width == tile) {
        Acc acc[tile];
        std::fill(acc, acc + tile, initial);
        for (int64_t i = 0; i < n; ++i) {
          for (int64_t lane = 0; lane < tile; ++lane) {
            acc[lane] = step(acc[lane], static_cast<Acc>(from[i * self_step + lane * self_next]));
            to[i * out_step + lane * out_next] = static_cast<To>(acc[lane]);
          }
        }
      } else {
        for (int64_t lane = 0; lane < width; ++lane)
          scan_lane(n, from + lane * self_next, self_step, to + lane * out_next, out_step, initial,
                    step);
      }
    }
  });
}

/// Halves, a run of which is converted at a time: one by one float16 has no instructions. False,
/// and nothing is done, of lanes that lie neither side by side nor beside each other.
template <class T, class Step>
bool scan_halves(const Strided& out, const Strided& self, int dim, float initial, int64_t cost,
                 Step&& step) {
  constexpr int64_t at_once = 4, block = 128;
  const int64_t n = self.sizes[dim], out_step = out.strides[dim], self_step = self.strides[dim];
  Walk<2> walk(self.ndim, self.sizes, {out.strides, self.strides}, dim);
  const int64_t out_next = walk.inner_stride(0), self_next = walk.inner_stride(1);
  const int64_t grain = std::max<int64_t>(1, walk_grain / (std::max<int64_t>(n, 1) * cost));
  if (self_step != 1 && out_next == 1 && self_next == 1) {
    walk.parallel_rows(std::max(grain, beside), [&](const auto& at, int64_t lanes) {
      float acc[beside], row[beside];
      for (int64_t first = 0; first < lanes; first += beside) {
        const int64_t width = std::min(beside, lanes - first);
        std::fill_n(acc, width, initial);
        for (int64_t i = 0; i < n; ++i) {
          convert(self.as<const T>() + at[1] + first + i * self_step, row, width);
          for (int64_t l = 0; l < width; ++l) acc[l] = step(acc[l], row[l]);
          convert(acc, out.as<T>() + at[0] + first + i * out_step, width);
        }
      }
    });
    return true;
  }
  // One long lane is better scanned by segments.
  if (self_step != 1 || out_step != 1 || walk.numel() == 1) return false;
  walk.parallel_rows((grain + at_once - 1) / at_once * at_once, [&](const auto& at, int64_t lanes) {
    float rows[at_once][block] = {};
    for (int64_t first = 0; first < lanes; first += at_once) {
      const int64_t width = std::min(at_once, lanes - first);
      float acc[at_once];
      std::fill_n(acc, at_once, initial);
      for (int64_t begin = 0; begin < n; begin += block) {
        const int64_t count = std::min(block, n - begin);
        for (int64_t l = 0; l < width; ++l)
          convert(self.as<const T>() + at[1] + (first + l) * self_next + begin, rows[l], count);
        for (int64_t i = 0; i < count; ++i)
          for (int64_t l = 0; l < at_once; ++l) rows[l][i] = acc[l] = step(acc[l], rows[l][i]);
        for (int64_t l = 0; l < width; ++l)
          convert(rows[l], out.as<T>() + at[0] + (first + l) * out_next + begin, count);
      }
    }
  });
  return true;
}

template <class From, class To, class Step>
void scan(const Strided& out, const Strided& self, int dim, accumulator_t<To> initial, int64_t cost,
          Step&& step) {
  if constexpr (is_half<To> && std::is_same_v<From, To>)
    if (scan_halves<To>(out, self, dim, initial, cost, step)) return;
  if (self.strides[dim] == 1)
    scan_tiles<From, To, false>(out, self, dim, initial, cost, step);
  else
    scan_tiles<From, To, true>(out, self, dim, initial, cost, step);
}

inline complex128 log_add_exp(complex128 a, complex128 b) {
  if (std::isnan(a.real()) || std::isnan(a.imag()) || std::isnan(b.real()) || std::isnan(b.imag()))
    return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  complex128 low = a.real() < b.real() ? a : b, high = a.real() < b.real() ? b : a;
  if (std::isinf(low.real()) && low.real() < 0) return high;
  if (std::isinf(high.real())) return std::log(std::exp(low) + std::exp(high));
  return std::log(1.0 + std::exp(low - high)) + high;
}

template <class T>
void log_sums_of_lanes(const Strided& out, const Strided& self, int dim) {
  const int64_t n = self.sizes[dim];
  Walk<2> walk(self.ndim, self.sizes, {out.strides, self.strides}, dim);
  const int64_t out_next = walk.inner_stride(0), self_next = walk.inner_stride(1);
  walk.parallel_rows(std::max<int64_t>(1, walk_grain / (n * 4)), [&](const auto& at,
                                                                     int64_t lanes) {
    for (int64_t i = 0; i < lanes; ++i)
      log_sums(n, self.as<const T>() + at[1] + i * self_next, out.as<T>() + at[0] + i * out_next);
  });
}

/// Integers of any width are read as they lie: a copy of a mask as int64 is eight times the mask.
template <class Step>
void scan_numbers(const Strided& out, const Strided& self, int dim, int initial, Step&& step) {
  with_scalar_type(self.dtype, [&]<class T>() {
    using To = std::conditional_t<std::is_integral_v<accumulator_t<T>>, uint64_t, T>;
    scan<T, To>(out, self, dim, accumulator_t<To>(initial), 1, step);
  });
}

}  // namespace

void cumsum(const Strided& out, const Strided& self, int dim) {
  scan_numbers(out, self, dim, 0, []<class Acc>(Acc a, Acc b) { return static_cast<Acc>(a + b); });
}

void cumprod(const Strided& out, const Strided& self, int dim) {
  scan_numbers(out, self, dim, 1, []<class Acc>(Acc a, Acc b) { return static_cast<Acc>(a * b); });
}

void logcumsumexp(const Strided& out, const Strided& self, int dim) {
  with_scalar_type(self.dtype, [&]<class T>() {
    using Acc = accumulator_t<T>;
    if constexpr (is_floating_type<T>) {
      if (self.strides[dim] == 1 && out.strides[dim] == 1)
        return log_sums_of_lanes<T>(out, self, dim);
      scan<T, T>(out, self, dim, -std::numeric_limits<Acc>::infinity(), 16,
                 [](Acc a, Acc b) { return static_cast<Acc>(log_add_exp(a, b)); });
    } else if constexpr (std::is_same_v<Acc, complex128>)
      scan<T, T>(out, self, dim, Acc(-std::numeric_limits<double>::infinity(), 0), 32,
                 [](Acc a, Acc b) { return log_add_exp(a, b); });
  });
}

}  // namespace flambeau
