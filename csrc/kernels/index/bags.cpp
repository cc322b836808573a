#include "kernels/index/bags.h"

#include <algorithm>
#include <atomic>

#include "kernels/elements/clones.h"
#include "kernels/elements/walk.h"
#include "kernels/index/cells.h"

namespace flambeau {
namespace {

/// Asks for a row of weight that will be read soon: rows lie anywhere, so the machine cannot guess
/// them.
template <class T>
[[gnu::always_inline]] inline void ask_for(const T* row, int64_t width) {
  constexpr int64_t line = 64 / sizeof(T), most = 8 * line;
  for (int64_t j = 0; j < std::min(width, most); j += line) __builtin_prefetch(row + j);
}

template <class T>
[[gnu::always_inline]] inline void sum_some(const Bags& bags, int64_t first, int64_t last,
                                            const T* weight, int64_t width, bool mean, T* out) {
  constexpr int64_t ahead = 12;
  const int64_t stop = bags.begin(last);
  auto prepare = [&](int64_t i) __attribute__((always_inline)) {
    if (i + ahead < stop) ask_for(weight + bags.index[i + ahead] * width, width);
  };
  for (int64_t i = bags.begin(first); i < std::min(stop, bags.begin(first) + ahead); ++i)
    ask_for(weight + bags.index[i] * width, width);
  for (int64_t b = first; b < last; ++b) {
    T* __restrict to = out + b * width;
    const int64_t begin = bags.begin(b), end = bags.begin(b + 1);
    if (begin == end) {
      std::fill_n(to, width, T(0));
      continue;
    }
    prepare(begin);
    std::copy_n(weight + bags.index[begin] * width, width, to);
    int64_t i = begin + 1;
    for (; i + 2 <= end; i += 2) {
      prepare(i);
      prepare(i + 1);
      const T *one = weight + bags.index[i] * width, *two = weight + bags.index[i + 1] * width;
      for (int64_t j = 0; j < width; ++j) to[j] = (to[j] + one[j]) + two[j];
    }
    if (i < end) {
      prepare(i);
      const T* row = weight + bags.index[i] * width;
      for (int64_t j = 0; j < width; ++j) to[j] += row[j];
    }
    if (mean)
      for (int64_t j = 0; j < width; ++j) to[j] /= static_cast<T>(end - begin);
  }
}

FLAMBEAU_CLONES void sum_of(const Bags& bags, int64_t first, int64_t last, const float* weight,
                            int64_t width, bool mean, float* out) {
  sum_some(bags, first, last, weight, width, mean, out);
}
FLAMBEAU_CLONES void sum_of(const Bags& bags, int64_t first, int64_t last, const double* weight,
                            int64_t width, bool mean, double* out) {
  sum_some(bags, first, last, weight, width, mean, out);
}

}  // namespace

bool sum_bags(const Bags& bags, DType dtype, const void* weight, int64_t rows, int64_t width,
              bool mean, void* out) {
  std::atomic<bool> ok{true};
  const int64_t work = width * std::max<int64_t>(1, bags.n / std::max<int64_t>(1, bags.count));
  const int64_t grain = std::max<int64_t>(1, walk_grain / std::max<int64_t>(1, work));
  parallel_ranges(bags.count, grain, [&](int64_t first, int64_t last) {
    const int64_t begin = bags.begin(first), end = bags.begin(last);
    if (any_outside(bags.index + begin, end - begin, rows))
      return ok.store(false, std::memory_order_relaxed);
    if (dtype == DType::float32)
      sum_of(bags, first, last, static_cast<const float*>(weight), width, mean,
             static_cast<float*>(out));
    else
      sum_of(bags, first, last, static_cast<const double*>(weight), width, mean,
             static_cast<double*>(out));
  });
  return ok;
}

}  // namespace flambeau
