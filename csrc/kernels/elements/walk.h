// Walk: the common coordinates of K strided operands, visited row by row.
// Pure values, no allocation; any thread; no GIL. Strides are in elements of each operand.
#pragma once
#include <algorithm>
#include <array>

#include "runtime/threads.h"
#include "tensor/strided.h"

namespace flambeau {

/// Elements per task of a parallel loop: about 20 us of light work, so that a task outweighs its
/// start.
inline constexpr int64_t walk_grain = 32768;

/// The coordinates [0, sizes) of K operands in row-major order. Dims of size 1 are dropped and
/// neighbours that every operand steps through evenly are merged, so rows are as long as they can
/// be.
template <int K>
class Walk {
 public:
  using Offsets = std::array<int64_t, K>;

  Walk(int ndim, const int64_t* sizes, const std::array<const int64_t*, K>& strides) {
    for (int d = 0; d < ndim; ++d) append(sizes[d], strides, d);
    finish();
  }

  /// The same without dim `skip`: each coordinate is then a whole lane along that dim.
  Walk(int ndim, const int64_t* sizes, const std::array<const int64_t*, K>& strides, int skip) {
    for (int d = 0; d < ndim; ++d)
      if (d != skip) append(sizes[d], strides, d);
    finish();
  }

  int64_t numel() const { return numel_; }
  int64_t inner_stride(int k) const { return strides_[ndim_ - 1][k]; }
  /// The dims that are left, outermost first.
  int ndim() const { return ndim_; }
  int64_t size(int d) const { return sizes_[d]; }
  int64_t stride(int d, int k) const { return strides_[d][k]; }

  /// Calls row(offsets, n) for consecutive stretches of the innermost dim that make up the linear
  /// range [begin, end).
  template <class Row>
  void rows(int64_t begin, int64_t end, Row&& row) const {
    if (begin >= end) return;
    int64_t at[max_long_dims];
    Offsets offsets{};
    int64_t rest = begin;
    for (int d = ndim_ - 1; d >= 0; --d) {
      at[d] = rest % sizes_[d];
      rest /= sizes_[d];
      for (int k = 0; k < K; ++k) offsets[k] += at[d] * strides_[d][k];
    }
    int inner = ndim_ - 1;
    while (true) {
      int64_t n = std::min(sizes_[inner] - at[inner], end - begin);
      row(static_cast<const Offsets&>(offsets), n);
      begin += n;
      if (begin >= end) return;
      for (int k = 0; k < K; ++k) offsets[k] -= at[inner] * strides_[inner][k];
      at[inner] = 0;
      // Whole rows of one plane, in a loop that keeps its offsets in registers.
      int plane = inner - 1;
      int64_t rows = std::min(sizes_[plane] - 1 - at[plane], (end - begin) / sizes_[inner]);
      if (rows > 0) {
        Offsets there = offsets;
        const Offsets step = strides_[plane];
        for (int64_t r = 0; r < rows; ++r) {
          for (int k = 0; k < K; ++k) there[k] += step[k];
          row(static_cast<const Offsets&>(there), sizes_[inner]);
        }
        offsets = there;
        at[plane] += rows;
        begin += rows * sizes_[inner];
        if (begin >= end) return;
      }
      for (int d = plane; d >= 0; --d) {
        for (int k = 0; k < K; ++k) offsets[k] += strides_[d][k];
        if (++at[d] < sizes_[d]) break;
        for (int k = 0; k < K; ++k) offsets[k] -= sizes_[d] * strides_[d][k];
        at[d] = 0;
      }
    }
  }

  /// rows() over everything, in parallel ranges of `grain` coordinates.
  template <class Row>
  void parallel_rows(int64_t grain, Row&& row) const {
    parallel_ranges(numel_, grain, [&](int64_t begin, int64_t end) { rows(begin, end, row); });
  }
  /// The same in equal shares for all threads, where it does not show what a range is.
  template <class Row>
  void shared_rows(int64_t grain, Row&& row) const {
    constexpr int64_t unit = 64;
    parallel_shares(
        numel_, grain, [&](int64_t begin, int64_t end) { rows(begin, end, row); }, unit);
  }

 private:
  void append(int64_t size, const std::array<const int64_t*, K>& strides, int d) {
    numel_ *= size;
    if (size == 1 || numel_ == 0) return;
    bool merge = ndim_ > 0;
    for (int k = 0; k < K; ++k)
      if (merge && strides_[ndim_ - 1][k] != strides[k][d] * size) merge = false;
    if (!merge) sizes_[ndim_++] = 1;
    sizes_[ndim_ - 1] *= size;
    for (int k = 0; k < K; ++k) strides_[ndim_ - 1][k] = strides[k][d];
  }
  void finish() {
    if (ndim_ > 0 && numel_ > 0) return;
    ndim_ = 1;
    sizes_[0] = numel_;  // 1 or 0
    strides_[0] = {};
  }

  int ndim_ = 0;
  int64_t numel_ = 1;
  int64_t sizes_[max_long_dims];
  Offsets strides_[max_long_dims];
};

/// Opaque elements for kernels that only move bytes: one instantiation for each itemsize, not
/// dtype.
struct alignas(8) Item16 {
  uint64_t low, high;
};

template <class Body>
decltype(auto) with_item_type(int64_t itemsize, Body&& body) {
  switch (itemsize) {
    case 1: return body.template operator()<uint8_t>();
    case 2: return body.template operator()<uint16_t>();
    case 4: return body.template operator()<uint32_t>();
    case 8: return body.template operator()<uint64_t>();
    default: return body.template operator()<Item16>();
  }
}

}  // namespace flambeau
