#include "kernels/order/search.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <vector>

#include "kernels/elements/clones.h"
#include "kernels/elements/walk.h"
#include "kernels/index/cells.h"
#include "kernels/order/order.h"

namespace flambeau {
namespace {

/// A row of the sequence, read through the sorter where there is one.
template <class T>
struct Row {
  const T* entries;
  int64_t n, step;
  const int64_t* sorter;
  int64_t sorter_step;

  T operator[](int64_t i) const {
    return entries[(sorter ? limited(sorter[i * sorter_step], n - 1) : i) * step];
  }
};

// Written with negations so that a NaN value goes to the end, as PyTorch has it.
template <class T>
bool goes_before(T entry, T value, bool right) {
  return right ? !(entry > value) : !(entry >= value);
}

/// The place of value in an ascending row.
template <class T>
int64_t place_in_ascending(const Row<T>& row, T value, bool right) {
  // The same number of halvings for every value, without branches to mispredict.
  int64_t begin = 0;
  for (int64_t n = row.n; n > 0; n /= 2) {
    int64_t half = n - n / 2;
    begin += goes_before(row[begin + half - 1], value, right) ? half : 0;
  }
  return begin;
}

/// The places of a few values in an ascending contiguous row, side by side: one search waits for
/// memory most of the time.
template <int count, bool right, class T>
void places_in_ascending(const T* row, int64_t length, const T* values, int64_t* places) {
  int64_t begin[count] = {};
  for (int64_t n = length; n > 0; n /= 2) {
    const int64_t half = n - n / 2;
    for (int k = 0; k < count; ++k)
      begin[k] += goes_before(row[begin[k] + half - 1], values[k], right) ? half : 0;
  }
  std::copy(begin, begin + count, places);
}

/// The same place by the textbook's bisection: in a row that does not ascend, where every library
/// that bisects so finds it.
template <class T>
int64_t place_in_any(const Row<T>& row, T value, bool right) {
  int64_t begin = 0, end = row.n;
  while (begin < end) {
    int64_t middle = begin + (end - begin) / 2;
    if (goes_before(row[middle], value, right))
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

/// a + b, which wraps for integers.
template <class T>
T sum(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return static_cast<T>(a + b);
}

int64_t row_count(const Strided& sequence) {
  int64_t rows = 1;
  for (int d = 0; d + 1 < sequence.ndim; ++d) rows *= sequence.sizes[d];
  return rows;
}

/// Whether no entry of any row is below the one before it, or NaN.
template <class T>
bool all_ascend(const Strided& sequence, const Strided* sorter) {
  int last = sequence.ndim - 1;
  Walk<2> rows(last, sequence.sizes,
               {sequence.strides, sorter ? sorter->strides : sequence.strides});
  bool ascend = true;
  rows.rows(0, rows.numel(), [&](const auto& at, int64_t count) {
    for (int64_t i = 0; i < count && ascend; ++i) {
      Row<T> row{sequence.as<T>() + at[0] + i * rows.inner_stride(0), sequence.sizes[last],
                 sequence.strides[last],
                 sorter ? sorter->as<int64_t>() + at[1] + i * rows.inner_stride(1) : nullptr,
                 sorter ? sorter->strides[last] : 0};
      for (int64_t k = 1; k < row.n && ascend; ++k) ascend = row[k - 1] <= row[k];
    }
  });
  return ascend;
}

}  // namespace

void searchsorted(const Strided& out, const Strided& sequence, const Strided& values, bool right,
                  const Strided* sorter) {
  int last = sequence.ndim - 1;
  int64_t n = sequence.sizes[last], step = sequence.strides[last];
  int64_t sorter_step = sorter ? sorter->strides[last] : 0;
  if (sorter)
    check_indices("searchsorted", *sorter, n, false, "the last dimension of sorted_sequence");
  int64_t zeros[max_ndim] = {}, row_strides[max_ndim] = {}, sorter_strides[max_ndim] = {};
  if (sequence.ndim > 1) {
    std::copy(sequence.strides, sequence.strides + last, row_strides);
    if (sorter) std::copy(sorter->strides, sorter->strides + last, sorter_strides);
  }
  Walk<4> walk(values.ndim, values.sizes,
               {out.strides, values.strides, sequence.ndim > 1 ? row_strides : zeros,
                sequence.ndim > 1 ? sorter_strides : zeros});
  int64_t steps = 1 + std::bit_width(static_cast<uint64_t>(n));
  int64_t grain = walk_grain / (4 * steps);
  with_ordered_type(sequence.dtype, [&]<class T>() {
    // Reading the whole sequence first pays where the search reads more of it.
    bool ascends =
        walk.numel() * steps > row_count(sequence) * n && all_ascend<T>(sequence, sorter);
    const bool plain = ascends && !sorter && step == 1 && walk.inner_stride(2) == 0;
    auto put = [&](int64_t to, int64_t place) {
      if (out.dtype == DType::int32)
        out.as<int32_t>()[to] = static_cast<int32_t>(place);
      else
        out.as<int64_t>()[to] = place;
    };
    walk.parallel_rows(grain, [&](const auto& at, int64_t count) {
      int64_t i = 0;
      constexpr int few = 8;
      for (; plain && i + few <= count; i += few) {
        T some[few];
        int64_t places[few];
        for (int k = 0; k < few; ++k)
          some[k] = values.as<T>()[at[1] + (i + k) * walk.inner_stride(1)];
        const T* row = sequence.as<T>() + at[2];
        if (right)
          places_in_ascending<few, true>(row, n, some, places);
        else
          places_in_ascending<few, false>(row, n, some, places);
        for (int k = 0; k < few; ++k) put(at[0] + (i + k) * walk.inner_stride(0), places[k]);
      }
      for (; i < count; ++i) {
        int64_t to = at[0] + i * walk.inner_stride(0);
        T value = values.as<T>()[at[1] + i * walk.inner_stride(1)];
        Row<T> row{sequence.as<T>() + at[2] + i * walk.inner_stride(2), n, step,
                   sorter ? sorter->as<int64_t>() + at[3] + i * walk.inner_stride(3) : nullptr,
                   sorter_step};
        int64_t place =
            ascends ? place_in_ascending(row, value, right) : place_in_any(row, value, right);
        put(to, place);
      }
    });
  });
}

/// Counts and classes fit into 31 bits: their lower halves are compared, as vectors, and all bits
/// are collected beside them. Numbers of 64 bits are compared one by one.
FLAMBEAU_CLONES static std::pair<int64_t, int64_t> extremes_of(const int64_t* values, int64_t n) {
  int64_t bits = 0;
  int32_t low_least = INT32_MAX, low_greatest = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto low = static_cast<int32_t>(values[i]);
    bits |= values[i];
    low_least = std::min(low_least, low);
    low_greatest = std::max(low_greatest, low);
  }
  if (bits >= 0 && bits <= INT32_MAX) return {low_least, low_greatest};
  int64_t least = values[0], greatest = values[0];
  for (int64_t i = 0; i < n; ++i) {
    least = std::min(least, values[i]);
    greatest = std::max(greatest, values[i]);
  }
  return {least, greatest};
}

std::pair<int64_t, int64_t> extremes_of(const Strided& values) {
  const int64_t n = values.numel(), step = values.strides[0];
  if (n == 0) return {0, 0};
  std::vector<std::pair<int64_t, int64_t>> parts(
      static_cast<size_t>((n + walk_grain - 1) / walk_grain), {INT64_MAX, INT64_MIN});
  parallel_for(static_cast<int64_t>(parts.size()), [&](int64_t part) {
    const int64_t begin = part * walk_grain, count = std::min(walk_grain, n - begin);
    const int64_t* from = values.as<int64_t>() + begin * step;
    auto& found = parts[static_cast<size_t>(part)];
    if (step == 1)
      found = extremes_of(from, count);
    else
      for (int64_t i = 0; i < count; ++i)
        found = {std::min(found.first, from[i * step]), std::max(found.second, from[i * step])};
  });
  auto all = parts[0];
  for (const auto& part : parts)
    all = {std::min(all.first, part.first), std::max(all.second, part.second)};
  return all;
}

/// counts[v] += 1 for n values, `step` apart, which were below `bins` when these were counted.
static void count_values(const int64_t* values, int64_t n, int64_t step, int64_t* counts,
                         int64_t bins) {
  int64_t i = 0;
  auto value = [&](int64_t k) { return limited(values[k * step], bins - 1); };
  if (bins <= 1024 && n >= 4 * bins) {
    // Four tables in turn: a count that was just written is not waited for.
    std::vector<int64_t> more(static_cast<size_t>(3 * bins));
    int64_t *second = more.data(), *third = second + bins, *fourth = third + bins;
    for (; i + 4 <= n; i += 4) {
      ++counts[value(i)];
      ++second[value(i + 1)];
      ++third[value(i + 2)];
      ++fourth[value(i + 3)];
    }
    for (int64_t b = 0; b < bins; ++b) counts[b] += second[b] + third[b] + fourth[b];
  }
  for (; i < n; ++i) ++counts[value(i)];
}

void bincount(const Strided& out, const Strided& input, const Strided* weights) {
  int64_t n = input.sizes[0], step = input.strides[0], out_step = out.strides[0];
  const int64_t* values = input.as<int64_t>();
  if (!weights) {
    int64_t *counts = out.as<int64_t>(), bins = out.sizes[0];
    const int64_t chunk = std::max(walk_grain, 16 * bins);  // so that tables cost little beside it
    if (n <= chunk || runs_serially()) return count_values(values, n, step, counts, bins);
    const int64_t n_chunks = (n + chunk - 1) / chunk;
    std::vector<int64_t> tables(static_cast<size_t>(n_chunks * bins));
    parallel_for(n_chunks, [&](int64_t i) {
      count_values(values + i * chunk * step, std::min(chunk, n - i * chunk), step,
                   tables.data() + i * bins, bins);
    });
    for (int64_t i = 0; i < n_chunks; ++i)
      for (int64_t b = 0; b < bins; ++b) counts[b] += tables[static_cast<size_t>(i * bins + b)];
    return;
  }
  with_ordered_type(out.dtype, [&]<class T>() {
    for (int64_t i = 0; i < n; ++i) {
      T& bin = out.as<T>()[limited(values[i * step], out.sizes[0] - 1) * out_step];
      bin = sum(bin, weights->as<T>()[i * weights->strides[0]]);
    }
  });
}

void histc(const Strided& out, const Strided& input, const Strided* weights, double low,
           double high) {
  int64_t bins = out.sizes[0], out_step = out.strides[0];
  Walk<2> walk(input.ndim, input.sizes,
               {input.strides, weights ? weights->strides : input.strides});
  int64_t step = walk.inner_stride(0), weight_step = walk.inner_stride(1);
  // Halved, a range of all numbers is finite too.
  const bool wide = !std::isfinite(high - low);
  const double scale = static_cast<double>(bins) / (wide ? high / 2 - low / 2 : high - low);
  auto bin_of = [&](double value) {
    double place = (wide ? value / 2 - low / 2 : value - low) * scale;
    return std::min(static_cast<int64_t>(place), bins - 1);
  };
  with_ordered_type(input.dtype, [&]<class T>() {
    if (!weights && bins <= 1 << 20) {
      std::vector<int64_t> counts(static_cast<size_t>(bins));
      auto count = [&](auto bin_of) {
        walk.rows(0, walk.numel(), [&, table = counts.data()](const auto& at, int64_t n) {
          const T* values = input.as<T>() + at[0];
          for (int64_t i = 0; i < n; ++i) {
            double value = static_cast<double>(values[i * step]);
            if (value >= low && value <= high) ++table[bin_of(value)];
          }
        });
      };
      if (wide)
        count(bin_of);
      else
        count([low, scale, last = bins - 1](double value) {
          return std::min(static_cast<int64_t>((value - low) * scale), last);
        });
      for (int64_t b = 0; b < bins; ++b)
        out.as<T>()[b * out_step] =
            static_cast<T>(static_cast<double>(counts[static_cast<size_t>(b)]));
      return;
    }
    walk.rows(0, walk.numel(), [&](const auto& at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        double value = static_cast<double>(input.as<T>()[at[0] + i * step]);
        if (!(value >= low && value <= high)) continue;
        T& count = out.as<T>()[bin_of(value) * out_step];
        count = sum(count, weights ? weights->as<T>()[at[1] + i * weight_step] : static_cast<T>(1));
      }
    });
  });
}

bool draw_by_weight(const DrawShape& shape, const void* weights, DType dtype, const double* u,
                    int64_t* out) {
  const auto [rows, width, draws] = shape;
  const int64_t cost = width + draws * std::bit_width(static_cast<uint64_t>(width));
  std::atomic<bool> good = true;
  with_ordered_type(dtype, [&]<class T>() {
    parallel_ranges(
        rows, std::max<int64_t>(1, walk_grain / (2 * cost)), [&](int64_t begin, int64_t end) {
          std::vector<double> sums(static_cast<size_t>(width));
          for (int64_t row = begin; row < end; ++row) {
            const T* from = static_cast<const T*>(weights) + row * width;
            double total = 0;
            bool none_bad = true;
            for (int64_t i = 0; i < width; ++i) {
              const auto weight = static_cast<double>(from[i]);
              none_bad &= weight >= 0;  // neither is a NaN
              sums[static_cast<size_t>(i)] = total += weight;
            }
            if (!none_bad || !(total > 0) || !std::isfinite(total)) good = false;
            const Row<double> ascending{sums.data(), width, 1, nullptr, 0};
            for (int64_t k = row * draws; k < (row + 1) * draws; ++k)
              out[k] = std::min(place_in_ascending(ascending, u[k] * total, true), width - 1);
          }
        });
  });
  return good;
}

}  // namespace flambeau
