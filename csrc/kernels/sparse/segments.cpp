#include "kernels/sparse/segments.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "kernels/elements/arithmetic.h"
#include "runtime/threads.h"
#include "tensor/error.h"

namespace flambeau::sparse {

namespace {

constexpr int64_t grain = 1 << 14;  // elements to a chunk

template <class T>
constexpr bool is_narrow = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;

template <class T>
void add_row(T* sum, const T* row, int64_t width) {
  if constexpr (std::is_same_v<T, Truth>) {
    for (int64_t j = 0; j < width; ++j) sum[j] = sum[j] || row[j];
  } else if constexpr (std::is_same_v<T, complex32>) {
    for (int64_t j = 0; j < width; ++j)
      sum[j] = complex32(static_cast<complex64>(sum[j]) + static_cast<complex64>(row[j]));
  } else {
    for (int64_t j = 0; j < width; ++j) sum[j] = multiply_add<T>(sum[j], T(1), row[j]);
  }
}

/// One segment of a narrow dtype: each column in float32.
template <class T>
void sum_narrow(const T* values, int64_t width, const int64_t* order, int64_t count, T* out,
                std::vector<float>& sums) {
  sums.assign(static_cast<size_t>(width), 0.0f);
  for (int64_t i = 0; i < count; ++i) {
    const T* row = values + order[i] * width;
    for (int64_t j = 0; j < width; ++j) sums[static_cast<size_t>(j)] += static_cast<float>(row[j]);
  }
  for (int64_t j = 0; j < width; ++j) out[j] = T(sums[static_cast<size_t>(j)]);
}

}  // namespace

void sum_segments(DType dtype, const void* values, int64_t width, const int64_t* order,
                  const int64_t* starts, int64_t groups, void* out) {
  with_scalar_type(dtype, [&]<class T>() {
    const T* from = static_cast<const T*>(values);
    T* to = static_cast<T*>(out);
    const int64_t rows = std::max<int64_t>(1, grain / std::max<int64_t>(1, width));
    parallel_ranges(groups, rows, [&](int64_t begin, int64_t end) {
      std::vector<float> sums;
      for (int64_t g = begin; g < end; ++g) {
        const int64_t* first = order + starts[g];
        const int64_t count = starts[g + 1] - starts[g];
        if constexpr (is_narrow<T>) {
          if (count > 1) {
            sum_narrow(from, width, first, count, to + g * width, sums);
            continue;
          }
        }
        std::memcpy(to + g * width, from + first[0] * width,
                    static_cast<size_t>(width) * sizeof(T));
        for (int64_t i = 1; i < count; ++i) add_row(to + g * width, from + first[i] * width, width);
      }
    });
  });
}

namespace {

/// Calls body(first place of a segment, how many) with T for each segment.
template <class Body>
void each_segment(DType dtype, int64_t width, const int64_t* order, const int64_t* starts,
                  int64_t groups, Body&& body) {
  check<NotImplementedError>(dtype == DType::float32 || dtype == DType::float64, [&] {
    return message("sparse softmax: computes in float32 and float64, not in ", name(dtype), ".");
  });
  const int64_t rows = std::max<int64_t>(1, grain / std::max<int64_t>(1, 4 * width));
  parallel_ranges(groups, rows, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      if (dtype == DType::float32)
        body.template operator()<float>(order + starts[g], starts[g + 1] - starts[g]);
      else
        body.template operator()<double>(order + starts[g], starts[g + 1] - starts[g]);
    }
  });
}

}  // namespace

void shift_segments(DType dtype, const void* values, int64_t width, const int64_t* order,
                    const int64_t* starts, int64_t groups, void* out) {
  each_segment(dtype, width, order, starts, groups, [&]<class T>(const int64_t* at, int64_t n) {
    const T* from = static_cast<const T*>(values);
    T* to = static_cast<T*>(out);
    for (int64_t j = 0; j < width; ++j) {
      T most = from[at[0] * width + j];
      for (int64_t i = 1; i < n; ++i) {
        const T value = from[at[i] * width + j];
        most = value > most || value != value ? value : most;
      }
      for (int64_t i = 0; i < n; ++i) to[at[i] * width + j] = from[at[i] * width + j] - most;
    }
  });
}

void divide_segments(DType dtype, void* values, int64_t width, const int64_t* order,
                     const int64_t* starts, int64_t groups) {
  each_segment(dtype, width, order, starts, groups, [&]<class T>(const int64_t* at, int64_t n) {
    T* to = static_cast<T*>(values);
    for (int64_t j = 0; j < width; ++j) {
      T sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += to[at[i] * width + j];
      for (int64_t i = 0; i < n; ++i) to[at[i] * width + j] /= sum;
    }
  });
}

}  // namespace flambeau::sparse
