#include "kernels/index/bags.h"

#include <algorithm>
#include <atomic>

#include "kernels/elements/clones.h"
#include "kernels/elements/convert.h"
#include "kernels/elements/walk.h"
#include "kernels/index/cells.h"
#include "runtime/threads.h"

namespace flambeau {
namespace {

/// How many rows ahead memory is asked for: they lie anywhere, so the machine cannot guess them.
constexpr int64_t ahead = 16;

/// Some columns of a weight. Another thread may write to the indices of its rows: each is looked at
/// whenever it is used, and one outside stands for row 0 and is told.
template <class T>
struct Columns {
  const T* data;  // of row 0
  int64_t rows, width;
  bool outside = false;

  [[gnu::always_inline]] const T* row(int64_t index) {
    if (static_cast<uint64_t>(index) >= static_cast<uint64_t>(rows)) [[unlikely]] {
      outside = true;
      return data;
    }
    return data + index * width;
  }
};

/// Calls body(b, begin, end) for each bag in [first, last). Where another thread wrote what makes
/// no bag, that one is empty, and it gives false.
template <class Body>
[[gnu::always_inline]] inline bool each_bag(const Bags& bags, int64_t first, int64_t last,
                                            Body body) {
  bool ascending = true;
  for (int64_t b = first, begin = bags.begin(first), end; b < last; ++b, begin = end) {
    end = bags.begin(b + 1);
    if (begin < 0 || begin > end || end > bags.n) [[unlikely]] {
      ascending = false;
      body(b, int64_t{0}, int64_t{0});
    } else {
      body(b, begin, end);
    }
  }
  return ascending;
}

/// `n_bytes` of a row in vectors of at most 64; fewer columns than two are no vector.
template <class T, int n_bytes>
struct Part {
  static constexpr int vector_bytes = n_bytes < 64 ? n_bytes : 64;
  static constexpr int count = n_bytes / vector_bytes;
  typedef T V __attribute__((vector_size(vector_bytes), aligned(alignof(T)), may_alias));
};
template <class T>
struct Part<T, sizeof(T)> {
  static constexpr int count = 1;
  typedef T V __attribute__((may_alias));
};

/// `n_bytes` of the rows of some bags, whose sums stay in registers while the rows of a bag pass
/// by; false where an index or a bag lies outside.
template <int n_bytes, class T>
[[gnu::always_inline]] inline bool sum_columns(const Bags& bags, int64_t first, int64_t last,
                                               Columns<T> from, bool mean, T* out) {
  using V = typename Part<T, n_bytes>::V;
  constexpr int n_vectors = Part<T, n_bytes>::count;
  constexpr int64_t block = n_bytes / sizeof(T), line = 64 / sizeof(T);
  const int64_t* index = bags.index;
  const uint64_t row_bytes = from.width * sizeof(T);
  const int64_t asked = std::min(bags.begin(last), bags.n) - ahead;
  const bool ascending = each_bag(bags, first, last, [&](int64_t b, int64_t i, int64_t end) {
    V sums[n_vectors] = {};
    const int64_t count = end - i;
    auto next = [&]() __attribute__((always_inline)) {
      if (i < asked) {
        // Of a wrong index it may be any address; none is read.
        const uint64_t away = static_cast<uint64_t>(index[i + ahead]) * row_bytes;
        const auto* row = reinterpret_cast<const T*>(reinterpret_cast<uintptr_t>(from.data) + away);
#pragma GCC unroll 8
        for (int64_t k = 0; k < block; k += line) __builtin_prefetch(row + k);
      }
      return reinterpret_cast<const V*>(from.row(index[i++]));
    };
    if (i < end) {
      const V* row = next();
#pragma GCC unroll 8
      for (int v = 0; v < n_vectors; ++v) sums[v] = row[v];
    }
    while (i < end) {
      const V* row = next();
#pragma GCC unroll 8
      for (int v = 0; v < n_vectors; ++v) sums[v] += row[v];
    }
    V* to = reinterpret_cast<V*>(out + b * from.width);
#pragma GCC unroll 8
    for (int v = 0; v < n_vectors; ++v) {
      if (mean && count > 0) sums[v] /= static_cast<T>(count);
      to[v] = sums[v];
    }
  });
  return ascending && !from.outside;
}

/// All columns by parts of `n_bytes`, then by shorter ones; of the last, those of less than a line,
/// one may begin in the part before it, whose sums are then made twice.
template <int n_bytes, class T>
[[gnu::always_inline]] inline bool sum_parts(const Bags& bags, int64_t first, int64_t last,
                                             const Columns<T>& weight, int64_t j, bool mean,
                                             T* out) {
  constexpr int64_t block = n_bytes / sizeof(T);
  bool ok = true;
  auto sum = [&](int64_t at) __attribute__((always_inline)) {
    const Columns<T> from{weight.data + at, weight.rows, weight.width};
    ok &= sum_columns<n_bytes>(bags, first, last, from, mean, out + at);
  };
  for (; j + block <= weight.width; j += block) sum(j);
  if (j == weight.width) return ok;
  if constexpr (n_bytes > sizeof(T)) {
    constexpr int shorter = n_bytes > 64 ? 64 : n_bytes / 2;
    if (n_bytes > 64 || weight.width < block)
      return ok & sum_parts<shorter>(bags, first, last, weight, j, mean, out);
    sum(weight.width - block);
  }
  return ok;
}

template <class T>
[[gnu::always_inline]] inline bool sum_some(const Bags& bags, int64_t first, int64_t last,
                                            const Columns<T>& weight, bool mean, T* out) {
  return sum_parts<256>(bags, first, last, weight, 0, mean, out);
}

FLAMBEAU_WIDE_CLONES bool sum_of(const Bags& bags, int64_t first, int64_t last,
                                 const Columns<float>& weight, bool mean, float* out) {
  return sum_some(bags, first, last, weight, mean, out);
}
FLAMBEAU_WIDE_CLONES bool sum_of(const Bags& bags, int64_t first, int64_t last,
                                 const Columns<double>& weight, bool mean, double* out) {
  return sum_some(bags, first, last, weight, mean, out);
}

/// Rows of halves, summed in float32 some columns at a time and rounded once.
template <class T>
bool sum_halves(const Bags& bags, int64_t first, int64_t last, Columns<T> from, bool mean, T* out) {
  constexpr int64_t block = 512;
  float sums[block];
  const bool ascending = each_bag(bags, first, last, [&](int64_t b, int64_t begin, int64_t end) {
    for (int64_t j = 0; j < from.width; j += block) {
      const int64_t n = std::min(block, from.width - j);
      if (begin == end) std::fill_n(sums, n, 0.0f);
      for (int64_t i = begin; i < end; ++i) {
        const T* row = from.row(bags.index[i]) + j;
        if (i == begin)
          convert(row, sums, n);
        else
          add_converted(row, sums, n);
      }
      if (mean && end > begin)
        for (int64_t c = 0; c < n; ++c) sums[c] /= static_cast<float>(end - begin);
      convert(sums, out + b * from.width + j, n);
    }
  });
  return ascending && !from.outside;
}
bool sum_of(const Bags& bags, int64_t first, int64_t last, const Columns<bfloat16>& weight,
            bool mean, bfloat16* out) {
  return sum_halves(bags, first, last, weight, mean, out);
}
bool sum_of(const Bags& bags, int64_t first, int64_t last, const Columns<float16>& weight,
            bool mean, float16* out) {
  return sum_halves(bags, first, last, weight, mean, out);
}

}  // namespace

bool Bags::ascend() const {
  for (int64_t b = 0; b < count; ++b)
    if (begin(b) < 0 || begin(b) > begin(b + 1)) return false;
  return true;
}

bool sum_bags(const Bags& bags, DType dtype, const void* weight, int64_t rows, int64_t width,
              bool mean, void* out) {
  if (rows == 0 || width == 0) {
    std::fill_n(static_cast<char*>(out), bags.count * width * itemsize(dtype), 0);
    return bags.ascend() && !any_outside(bags.index, bags.n, rows);
  }
  std::atomic<bool> ok{true};
  const int64_t work = width * std::max<int64_t>(1, bags.n / std::max<int64_t>(1, bags.count));
  const int64_t grain = std::max<int64_t>(1, walk_grain / std::max<int64_t>(1, work));
  auto sum = [&]<class T>(int64_t first, int64_t last, T* to) {
    const Columns<T> columns{static_cast<const T*>(weight), rows, width};
    if (!sum_of(bags, first, last, columns, mean, to)) ok.store(false, std::memory_order_relaxed);
  };
  parallel_shares(bags.count, grain, [&](int64_t first, int64_t last) {
    switch (dtype) {
      case DType::float32: return sum(first, last, static_cast<float*>(out));
      case DType::bfloat16: return sum(first, last, static_cast<bfloat16*>(out));
      case DType::float16: return sum(first, last, static_cast<float16*>(out));
      default: return sum(first, last, static_cast<double*>(out));
    }
  });
  return ok;
}

}  // namespace flambeau
