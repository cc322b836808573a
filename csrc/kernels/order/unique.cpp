#include "kernels/order/unique.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <numeric>
#include <type_traits>

#include "kernels/elements/walk.h"
#include "kernels/index/cells.h"
#include "kernels/order/order.h"
#include "kernels/order/sort.h"
#include "runtime/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace flambeau {
namespace {

/// Whether two values are unequal, as a NaN is to all. Of halves by their bits: there is no
/// instruction that compares float16.
template <class T>
[[gnu::always_inline]] inline bool differ(T a, T b) {
  if constexpr (is_half_type<T>) {
    const uint16_t x = std::bit_cast<uint16_t>(a), y = std::bit_cast<uint16_t>(b);
    constexpr uint16_t infinity = std::is_same_v<T, float16> ? 0x7c00 : 0x7f80;
    const bool zeros = ((x | y) & 0x7fff) == 0, nan = (x & 0x7fff) > infinity;
    return !((x == y && !nan) || zeros);
  } else {
    return !(a == b);
  }
}

/// Collects distinct values in their order, place by place.
class Collector {
 public:
  Collector(int64_t n, bool wants_inverse, bool wants_counts)
      : wants_inverse_(wants_inverse), wants_counts_(wants_counts) {
    if (wants_inverse) result_.inverse.resize(n);
  }
  void add(int64_t place, bool differs) {
    if (differs) {
      result_.first.push_back(place);
      if (wants_counts_) result_.counts.push_back(0);
    }
    if (wants_counts_) ++result_.counts.back();
    if (wants_inverse_) result_.inverse[place] = static_cast<int64_t>(result_.first.size()) - 1;
  }
  Unique take() { return std::move(result_); }

 private:
  Unique result_;
  bool wants_inverse_, wants_counts_;
};

/// Integers in a range that is not much longer than their number are counted in a table. False, and
/// nothing is done, of others.
template <class T>
bool count_in_table(const T* values, int64_t n, bool wants_inverse, bool wants_counts,
                    Unique& result) {
  if (n == 0) return false;
  using Number = std::conditional_t<std::is_same_v<T, Truth>, uint8_t, T>;
  auto number = [=](int64_t i) { return static_cast<Number>(values[i]); };
  Number least = number(0), greatest = least;
  for (int64_t i = 0; i < n; ++i) {
    least = std::min(least, number(i));
    greatest = std::max(greatest, number(i));
  }
  const uint64_t range = static_cast<uint64_t>(greatest) - static_cast<uint64_t>(least);
  if (range > static_cast<uint64_t>(n) + 1024) return false;
  auto at = [&](int64_t i) {  // no further than the table: another thread may have written there
    return limited(
        static_cast<int64_t>(static_cast<uint64_t>(number(i)) - static_cast<uint64_t>(least)),
        static_cast<int64_t>(range));
  };
  std::vector<int64_t> first(range + 1, n), rank;
  for (int64_t i = n - 1; i >= 0; --i) first[at(i)] = i;
  if (wants_inverse || wants_counts) rank.resize(range + 1);
  for (uint64_t v = 0; v <= range; ++v) {
    if (first[v] == n) continue;
    if (!rank.empty()) rank[v] = static_cast<int64_t>(result.first.size());
    result.first.push_back(first[v]);
  }
  if (wants_counts) {
    result.counts.resize(result.first.size());
    for (int64_t i = 0; i < n; ++i) ++result.counts[rank[at(i)]];
  }
  if (wants_inverse) {
    result.inverse.resize(n);
    for (int64_t i = 0; i < n; ++i) result.inverse[i] = rank[at(i)];
  }
  return true;
}

#if defined(__x86_64__)
/// A bit for each of 64 bytes of values that differs from the one before it.
[[gnu::target("avx512f"), gnu::always_inline]] inline uint32_t differing(const int64_t* at) {
  return _mm512_cmpneq_epi64_mask(_mm512_loadu_si512(at), _mm512_loadu_si512(at - 1));
}
[[gnu::target("avx512f"), gnu::always_inline]] inline uint32_t differing(const int32_t* at) {
  return _mm512_cmpneq_epi32_mask(_mm512_loadu_si512(at), _mm512_loadu_si512(at - 1));
}
[[gnu::target("avx512f"), gnu::always_inline]] inline uint32_t differing(const double* at) {
  return _mm512_cmp_pd_mask(_mm512_loadu_pd(at), _mm512_loadu_pd(at - 1), _CMP_NEQ_UQ);
}
[[gnu::target("avx512f"), gnu::always_inline]] inline uint32_t differing(const float* at) {
  return _mm512_cmp_ps_mask(_mm512_loadu_ps(at), _mm512_loadu_ps(at - 1), _CMP_NEQ_UQ);
}

/// Whole vectors of values[begin:end] of those that differ; moves both ends on. Nothing is written
/// behind the last one: there another thread may have written already.
template <class T>
[[gnu::target("avx512f,popcnt")]] void write_vectors(T*& to, const T* stop, const T* values,
                                                     int64_t& begin, int64_t end) {
  constexpr int64_t lanes = 64 / sizeof(T);
  for (; begin + lanes <= end; begin += lanes) {
    const uint32_t differs = differing(values + begin), count = __builtin_popcount(differs);
    if (count > static_cast<uint64_t>(stop - to)) return;
    const __m512i all = _mm512_loadu_si512(values + begin);
    const auto first = static_cast<__mmask16>((1u << count) - 1);
    if constexpr (lanes == 8)
      _mm512_mask_storeu_epi64(to, first, _mm512_maskz_compress_epi64(differs, all));
    else
      _mm512_mask_storeu_epi32(to, first, _mm512_maskz_compress_epi32(differs, all));
    to += count;
  }
}
#endif

template <class T>
constexpr bool has_vectors = std::is_same_v<T, int64_t> || std::is_same_v<T, int32_t> ||
                             std::is_same_v<T, float> || std::is_same_v<T, double>;

/// Writes those of values[begin:end] that differ from the one before them, and returns how many:
/// `most`, if another thread makes more of them meanwhile.
template <class T>
int64_t write_changes(T* out, int64_t most, const T* values, int64_t begin, int64_t end) {
  constexpr int64_t block = 256;
  T kept[block + 1];
  uint8_t differs[block];
  T* to = out;
  const T* const stop = out + most;
  if (begin == 0 && end > 0 && most > 0) *to++ = values[begin++];
#if defined(__x86_64__)
  if constexpr (has_vectors<T>)
    if (cpu_level() == CpuLevel::avx512) write_vectors(to, stop, values, begin, end);
#endif
  for (; begin < end; begin += block) {
    const int64_t n = std::min(block, end - begin);
    const T* from = values + begin;
    for (int64_t i = 0; i < n; ++i) differs[i] = differ(from[i], from[i - 1]);
    // Without a branch: what differs can't be foreseen.
    int64_t count = 0;
    for (int64_t i = 0; i < n; ++i) {
      kept[count] = from[i];
      count += differs[i];
    }
    count = std::min<int64_t>(count, stop - to);
    std::memcpy(to, kept, count * sizeof(T));
    to += count;
  }
  return to - out;
}

}  // namespace

Unique unique(const void* data, DType dtype, int64_t n, int64_t width, bool consecutive,
              bool wants_inverse, bool wants_counts) {
  Collector collector(n, wants_inverse, wants_counts);
  if (!consecutive && width == 1) {
    Unique counted;
    bool done = false;
    with_ordered_type(dtype, [&]<class T>() {
      if constexpr (std::is_integral_v<T> || std::is_same_v<T, Truth>)
        done = count_in_table(static_cast<const T*>(data), n, wants_inverse, wants_counts, counted);
    });
    if (done) return counted;
    SortedOrder order = sorted_order(data, dtype, n);
    for (int64_t i = 0; i < n; ++i) collector.add(order.places[i], order.differs[i]);
    return collector.take();
  }
  with_ordered_type(dtype, [&]<class T>() {
    const T* rows = static_cast<const T*>(data);
    std::vector<int64_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::unique_ptr<T[]> own;
    if (!consecutive) {
      // What changes while it is sorted has no order, and leads the algorithm outside.
      own = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(n * width));
      rows = std::copy_n(rows, n * width, own.get()) - n * width;
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        for (int64_t i = 0; i < width; ++i) {
          auto x = Order<T>::key(rows[a * width + i]), y = Order<T>::key(rows[b * width + i]);
          if (x != y) return x < y;
        }
        return false;
      });
    }
    for (int64_t i = 0; i < n; ++i) {
      const T* row = rows + order[i] * width;
      collector.add(order[i], i == 0 || !std::equal(row, row + width, rows + order[i - 1] * width));
    }
  });
  return collector.take();
}

std::vector<int64_t> count_changes(const void* data, DType dtype, int64_t n) {
  std::vector<int64_t> before((n + walk_grain - 1) / walk_grain + 1);
  with_ordered_type(dtype, [&]<class T>() {
    const T* values = static_cast<const T*>(data);
    parallel_ranges(n, walk_grain, [&](int64_t begin, int64_t end) {
      int64_t count = begin == 0;
      for (int64_t i = std::max<int64_t>(begin, 1); i < end; ++i)
        count += differ(values[i], values[i - 1]);
      before[begin / walk_grain + 1] = count;
    });
  });
  std::partial_sum(before.begin(), before.end(), before.begin());
  return before;
}

int64_t without_repeats(void* out, const void* data, DType dtype, int64_t n) {
  int64_t count = 0;
  with_ordered_type(dtype, [&]<class T>() {
    count = write_changes(static_cast<T*>(out), n, static_cast<const T*>(data), 0, n);
  });
  return count;
}

void without_repeats(void* out, const void* data, DType dtype, int64_t n,
                     const std::vector<int64_t>& before) {
  with_ordered_type(dtype, [&]<class T>() {
    parallel_ranges(n, walk_grain, [&](int64_t begin, int64_t end) {
      const int64_t first = before[begin / walk_grain], last = before[begin / walk_grain + 1];
      write_changes(static_cast<T*>(out) + first, last - first, static_cast<const T*>(data), begin,
                    end);
    });
  });
}

}  // namespace flambeau
