#include "kernels/order/log_sums.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/order/simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "tensor/dtype.h"

namespace flambeau {

double log_add_exp(double a, double b) {
  double low = std::min(a, b), high = std::max(a, b);
  if (a != a || b != b) return a + b;
  if (low == high && std::isinf(low)) return low;
  return std::log1p(std::exp(low - high)) + high;
}

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int64_t segment = 1024;
// exp() of what is further below the largest is not a normal number any more.
constexpr double reach = 700;

/// exp(most) * sum.
struct Total {
  double most = -infinity, sum = 0;

  static Total of(double log) {
    if (log == -infinity) return {};
    return {log, 1};
  }
  double log() const { return sum == 0 ? most : std::log(sum) + most; }
};

/// A stretch of a lane: running sums of exp(x - most), each as exact as a sum of numbers.
struct Segment {
  double x[segment], sums[segment];
  double most;
  int64_t n;
  bool finite;

  template <class T>
  Segment(const T* from, int64_t n) : most(-infinity), n(n) {
    double differences = 0;  // of each and itself: 0, or NaN where one is not finite
    for (int64_t i = 0; i < n; ++i) {
      x[i] = static_cast<double>(from[i]);
      differences += x[i] - x[i];
      most = std::max(most, x[i]);
    }
    finite = differences == 0;
    if (!finite) return;
    log_sum_kernels().exponentials(n, x, most, sums);
    for (int64_t i = 1; i < n; ++i) sums[i] += sums[i - 1];
  }

  Total total() const { return {most, sums[n - 1]}; }

  /// Whether no sum of its first numbers, behind `before`, is lost beside the largest number.
  bool follows(const Total& before) const {
    return finite && before.most < infinity && std::max(before.most, x[0]) >= most - reach;
  }
};

Total joined(const Total& a, const Total& b) {
  const double most = std::max(a.most, b.most);
  return {most, a.sum * std::exp(a.most - most) + b.sum * std::exp(b.most - most)};
}

/// Writes the running sums behind `before`, of a segment that follows it.
template <class T>
void write(Segment& s, const Total& before, T* to) {
  const double most = std::max(before.most, s.most);
  log_sum_kernels().logarithms(s.n, s.sums, std::exp(s.most - most),
                               before.sum * std::exp(before.most - most), most, s.x);
  for (int64_t i = 0; i < s.n; ++i) to[i] = static_cast<T>(s.x[i]);
}

/// Segment by segment: one in which something is lost, or not finite, number by number.
template <class T>
void in_order(int64_t n, const T* from, T* to) {
  Total before;
  for (int64_t at = 0; at < n; at += segment) {
    Segment s(from + at, std::min(segment, n - at));
    if (s.follows(before)) {
      write(s, before, to + at);
      before = joined(before, s.total());
      continue;
    }
    double log = before.log();
    for (int64_t i = at; i < at + s.n; ++i) {
      log = log_add_exp(log, static_cast<double>(from[i]));
      to[i] = static_cast<T>(log);
    }
    before = Total::of(log);
  }
}

}  // namespace

template <class T>
void log_sums(int64_t n, const T* from, T* to) {
  if (n < 8 * segment || runs_serially()) return in_order(n, from, to);
  const int64_t count = ceil_div(n, segment);
  auto part = [&](int64_t i) {
    return Segment(from + i * segment, std::min(segment, n - i * segment));
  };
  // The totals first, then what each begins with: with the same arithmetic as in_order().
  std::vector<Total> before(count + 1);
  parallel_ranges(count, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Segment s = part(i);
      before[i + 1] = s.finite ? s.total() : Total{infinity, 1};
    }
  });
  for (int64_t i = 0; i < count; ++i) {
    const double most = before[i + 1].most;
    const double least = std::max(before[i].most, static_cast<double>(from[i * segment]));
    if (!(most < infinity) || !(least >= most - reach)) return in_order(n, from, to);
    before[i + 1] = joined(before[i], before[i + 1]);
  }
  parallel_ranges(count, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Segment s = part(i);
      write(s, before[i], to + i * segment);
    }
  });
}

template void log_sums(int64_t, const float*, float*);
template void log_sums(int64_t, const double*, double*);
template void log_sums(int64_t, const float16*, float16*);
template void log_sums(int64_t, const bfloat16*, bfloat16*);

}  // namespace flambeau
