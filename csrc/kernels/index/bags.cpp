#include "kernels/index/bags.h"

#include <algorithm>
#include <atomic>

#include "kernels/elements/clones.h"
#include "kernels/elements/walk.h"
#include "kernels/gemm/dots.h"
#include "kernels/index/cells.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

/// How many rows ahead memory is asked for: they lie anywhere, so the machine cannot guess them.
constexpr int64_t ahead = 16;
constexpr int indices_slot = 0;

/// Columns [j, width) of some bags, n_vectors vectors at a time, whose sums stay in registers while
/// the rows of a bag pass by; gives the first column that is left.
template <int n_vectors, class T>
[[gnu::always_inline]] inline int64_t sum_columns(const Bags& bags, int64_t first, int64_t last,
                                                  const T* weight, int64_t width, bool mean, T* out,
                                                  int64_t j) {
  using V = typename Lanes<T>::V;
  constexpr int64_t lanes = Lanes<T>::count, block = n_vectors * lanes, line = 64 / sizeof(T);
  const int64_t stop = bags.begin(last);
  for (; j + block <= width; j += block)
    for (int64_t b = first; b < last; ++b) {
      const int64_t begin = bags.begin(b), end = bags.begin(b + 1);
      auto ask = [&](int64_t i) __attribute__((always_inline)) {
        if (i + ahead >= stop) return;
        const T* row = weight + bags.row(i + ahead) * width + j;
#pragma GCC unroll 8
        for (int64_t k = 0; k < block; k += line) __builtin_prefetch(row + k);
      };
      auto part = [&](int64_t i) __attribute__((always_inline)) {
        return reinterpret_cast<const V*>(weight + bags.row(i) * width + j);
      };
      V sums[n_vectors] = {};
      if (begin < end) {
        ask(begin);
#pragma GCC unroll 8
        for (int v = 0; v < n_vectors; ++v) sums[v] = part(begin)[v];
      }
      for (int64_t i = begin + 1; i < end; ++i) {
        ask(i);
#pragma GCC unroll 8
        for (int v = 0; v < n_vectors; ++v) sums[v] += part(i)[v];
      }
      T* to = out + b * width + j;
#pragma GCC unroll 8
      for (int v = 0; v < n_vectors; ++v) {
        if (mean && end > begin) sums[v] /= static_cast<T>(end - begin);
        reinterpret_cast<V*>(to)[v] = sums[v];
      }
    }
  return j;
}

template <class T>
[[gnu::always_inline]] inline void sum_some(const Bags& bags, int64_t first, int64_t last,
                                            const T* weight, int64_t width, bool mean, T* out) {
  int64_t j = sum_columns<8>(bags, first, last, weight, width, mean, out, 0);
  j = sum_columns<2>(bags, first, last, weight, width, mean, out, j);
  for (int64_t b = first; b < last && j < width; ++b) {
    const int64_t begin = bags.begin(b), end = bags.begin(b + 1);
    for (int64_t c = j; c < width; ++c) {
      T sum = begin < end ? weight[bags.row(begin) * width + c] : T(0);
      for (int64_t i = begin + 1; i < end; ++i) sum += weight[bags.row(i) * width + c];
      out[b * width + c] = mean && end > begin ? sum / static_cast<T>(end - begin) : sum;
    }
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

bool sum_bags(const Bags& given, DType dtype, const void* weight, int64_t rows, int64_t width,
              bool mean, void* out) {
  std::atomic<bool> ok{true};
  const int64_t work = width * std::max<int64_t>(1, given.n / std::max<int64_t>(1, given.count));
  const int64_t grain = std::max<int64_t>(1, walk_grain / std::max<int64_t>(1, work));
  auto sum = [&](int64_t first, int64_t last) {
    // Each index is read for some columns at a time; nobody may change it meanwhile.
    Bags bags = given;
    bags.skipped = bags.begin(first);
    const int64_t n = bags.begin(last) - bags.skipped;
    auto* own = Workspace::get<int64_t>(indices_slot, static_cast<size_t>(n));
    if (!take_over(given.index + bags.skipped, n, rows, own))
      return ok.store(false, std::memory_order_relaxed);
    bags.index = own;
    if (dtype == DType::float32)
      sum_of(bags, first, last, static_cast<const float*>(weight), width, mean,
             static_cast<float*>(out));
    else
      sum_of(bags, first, last, static_cast<const double*>(weight), width, mean,
             static_cast<double*>(out));
  };
  // Indices are looked at some bags before they are used, and come from memory meanwhile.
  auto ask_for = [&](int64_t first, int64_t last) {
    constexpr int64_t line = 64 / sizeof(int64_t), most = 64 * line;
    const int64_t begin = given.begin(first), end = given.begin(last);
    for (int64_t i = begin; i < std::min(end, begin + most); i += line)
      __builtin_prefetch(given.index + i);
  };
  parallel_shares(given.count, grain, [&](int64_t first, int64_t last) {
    for (int64_t next; first < last; first = next) {
      next = std::min(last, first + grain);
      if (next < last) ask_for(next, std::min(last, next + grain));
      sum(first, next);
    }
  });
  return ok;
}

}  // namespace flambeau
