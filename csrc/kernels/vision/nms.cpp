#include "kernels/vision/nms.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/elements/clones.h"

namespace flambeau {

namespace {

constexpr int maybe = 2;  // overlaps so much that the quotient must tell; bit 0 is "out"

/// Sets out[j] of [begin, end) that are not out to `maybe` where box (x1, y1, x2, y2, area) may
/// overlap box j above the threshold; returns 0 if there are none.
template <class T, class Flag>
inline __attribute__((always_inline)) int64_t overlaps_body(const T* box, const T* x1, const T* y1,
                                                            const T* x2, const T* y2, const T* area,
                                                            T threshold, int64_t begin, int64_t end,
                                                            Flag* out) {
  const T left = box[0], top = box[1], right = box[2], bottom = box[3], own = box[4];
  Flag sum = 0;
  for (int64_t j = begin; j < end; ++j) {
    // All loads and both sides of each choice happen always, so that the loop has no branches.
    const T a = x1[j], b = y1[j], c = x2[j], d = y2[j], other = area[j];
    const Flag before = out[j];
    T w = (right < c ? right : c) - (left > a ? left : a);
    T h = (bottom < d ? bottom : d) - (top > b ? top : b);
    w = w > 0 ? w : 0;
    h = h > 0 ? h : 0;
    const T both = w * h;
    const Flag seen = -static_cast<Flag>(both >= threshold * (own + other - both)) & maybe;
    const Flag fresh = seen & (before - 1);  // before is 0 or 1
    out[j] = before | fresh;
    sum += fresh;
  }
  return sum;
}

FLAMBEAU_CLONES int64_t overlaps(const float* box, const float* x1, const float* y1,
                                 const float* x2, const float* y2, const float* area,
                                 float threshold, int64_t begin, int64_t end, int32_t* out) {
  return overlaps_body(box, x1, y1, x2, y2, area, threshold, begin, end, out);
}
FLAMBEAU_CLONES int64_t overlaps(const double* box, const double* x1, const double* y1,
                                 const double* x2, const double* y2, const double* area,
                                 double threshold, int64_t begin, int64_t end, int64_t* out) {
  return overlaps_body(box, x1, y1, x2, y2, area, threshold, begin, end, out);
}

/// The boxes that are still in question, coordinate by coordinate, so that the loop over them takes
/// several at a time.
template <class T>
struct Candidates {
  // As wide as T: a comparison's result needs no conversion.
  using Flag = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  std::vector<T> x1, y1, x2, y2, area;
  std::vector<Flag> out;
  std::vector<int64_t> place;
  int64_t gone = 0;  // since the gaps were closed

  Candidates(const T* boxes, const int64_t* order, int64_t n) {
    for (auto* v : {&x1, &y1, &x2, &y2, &area}) v->resize(static_cast<size_t>(n));
    out.assign(static_cast<size_t>(n), 0);
    place.assign(order, order + n);
    for (int64_t i = 0; i < n; ++i) {
      const T* box = boxes + 4 * order[i];
      x1[i] = box[0], y1[i] = box[1], x2[i] = box[2], y2[i] = box[3];
      area[i] = (box[2] - box[0]) * (box[3] - box[1]);
    }
  }

  /// Marks what box i leaves out of (i, n).
  void leave_out(int64_t i, int64_t n, T threshold) {
    const T box[] = {x1[i], y1[i], x2[i], y2[i], area[i]};
    // A product in the place of the quotient, a little in doubt, decides which are worth a
    // division.
    const T doubtful = threshold * (1 - 8 * std::numeric_limits<T>::epsilon());
    if (!overlaps(box, x1.data(), y1.data(), x2.data(), y2.data(), area.data(), doubtful, i + 1, n,
                  out.data()))
      return;
    for (int64_t j = i + 1; j < n; ++j) {
      if (out[j] != maybe) continue;
      T w = std::max(std::min(box[2], x2[j]) - std::max(box[0], x1[j]), T(0));
      T h = std::max(std::min(box[3], y2[j]) - std::max(box[1], y1[j]), T(0));
      T both = w * h;
      out[j] = both / (box[4] + area[j] - both) > threshold;
      gone += out[j];
    }
  }

  /// Closes the gaps behind i; returns the new end.
  int64_t close(int64_t i, int64_t n) {
    int64_t to = i + 1;
    for (int64_t j = i + 1; j < n; ++j) {
      if (out[j]) continue;
      x1[to] = x1[j], y1[to] = y1[j], x2[to] = x2[j], y2[to] = y2[j];
      area[to] = area[j], place[to] = place[j];
      ++to;
    }
    std::fill(out.begin() + i + 1, out.begin() + to, Flag{0});
    gone = 0;
    return to;
  }
};

/// The largest T that is not above `value`: x > value and x > this say the same of every T.
template <class T>
T round_down(double value) {
  T rounded = static_cast<T>(value);
  return static_cast<double>(rounded) > value
             ? std::nextafter(rounded, -std::numeric_limits<T>::infinity())
             : rounded;
}

}  // namespace

template <class T>
int64_t nms(const T* boxes, const int64_t* order, int64_t n, double threshold, int64_t* kept) {
  Candidates<T> left(boxes, order, n);
  const T limit = round_down<T>(threshold);
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (left.out[i]) {
      --left.gone;
      continue;
    }
    kept[count++] = left.place[i];
    left.leave_out(i, n, limit);
    // Closing costs more than a look at each box, so it waits until an eighth is gone.
    if (8 * left.gone > n - i) n = left.close(i, n);
  }
  return count;
}

template int64_t nms(const float*, const int64_t*, int64_t, double, int64_t*);
template int64_t nms(const double*, const int64_t*, int64_t, double, int64_t*);

}  // namespace flambeau
