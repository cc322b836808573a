// Packing of source planes into the flattened, phase-split bands that conv/simd.h reads.
// A layout is made once a call and shared read-only by all threads.
#pragma once
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/conv/correlation.h"
#include "kernels/conv/simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"

namespace flambeau {

/// One dimension with its source step taken out: tap t reads phase phase_of[t] at i + shift[t].
struct PhasedAxis {
  std::vector<int64_t> phases;  // source index modulo the step, those that occur
  std::vector<int64_t> phase_of, shift;
  int64_t least_shift = 0, span = 0;

  /// With taps_apart (steps of 1 only) each tap has a phase of its own, its offset, and no shift.
  explicit PhasedAxis(const CorrelationAxis& axis, bool taps_apart = false) {
    if (taps_apart) {
      phases = axis.offset;
      shift.assign(phases.size(), 0);
      for (size_t tap = 0; tap < phases.size(); ++tap)
        phase_of.push_back(static_cast<int64_t>(tap));
      return;
    }
    for (int64_t offset : axis.offset) {
      int64_t down = floor_div(offset, axis.source_step), phase = offset - down * axis.source_step;
      auto found = std::find(phases.begin(), phases.end(), phase);
      phase_of.push_back(found - phases.begin());
      if (found == phases.end()) phases.push_back(phase);
      shift.push_back(down);
    }
    if (shift.empty()) return;
    auto [least, most] = std::minmax_element(shift.begin(), shift.end());
    least_shift = *least;
    span = *most - *least;
  }
};

/// The packed form of a band of `rows` result rows of one source plane:
///
///     row phase 0: column phase 0: (rows + row span) x row_length, column phase 1: ...
///     row phase 1: ...
///
/// With taps_apart a column phase is what one column tap reads: then rows are no longer than
/// results.
class PlaneLayout {
 public:
  PlaneLayout(const CorrelationAxis& row_axis, const CorrelationAxis& column_axis, int64_t rows,
              bool taps_apart = false)
      : row_axis_(row_axis),
        column_axis_(column_axis),
        row_(row_axis),
        column_(column_axis, taps_apart) {
    row_length = column_axis.count + column_.span;
    rows_packed_ = rows + row_.span;
    phase_size_ = rows_packed_ * row_length;
    plane_size = phase_size_ * static_cast<int64_t>(row_.phases.size() * column_.phases.size());
    plane_size = (plane_size + 15) / 16 * 16;
    if (plane_size * 4 % 4096 == 0) plane_size += 16;  // planes 4 KiB apart would share cache sets
    for (size_t r = 0; r < row_.shift.size(); ++r)
      for (size_t c = 0; c < column_.shift.size(); ++c)
        tap_offset.push_back(
            (row_.phase_of[r] * static_cast<int64_t>(column_.phases.size()) + column_.phase_of[c]) *
                phase_size_ +
            (row_.shift[r] - row_.least_shift) * row_length + column_.shift[c] -
            column_.least_shift);
  }

  /// Packs the band that starts at result row row0 from `plane`, which is all 0 if null.
  template <class T>
  void pack(const ConvKernels<T>& kernels, const T* plane, int64_t row0, T* to) const {
    if (!plane) {
      std::memset(to, 0, plane_size * sizeof(T));
      return;
    }
    const int64_t row_step = row_axis_.source_step, column_step = column_axis_.source_step;
    T* const plane_end = to + plane_size;
    for (int64_t row_phase : row_.phases)
      for (int64_t column_phase : column_.phases) {
        // The columns c that exist: 0 <= (c + least shift) * step + phase < size.
        int64_t begin = ceil_div(-column_phase, column_step) - column_.least_shift;
        int64_t end = floor_div(column_axis_.source_size - 1 - column_phase, column_step) + 1 -
                      column_.least_shift;
        begin = std::clamp<int64_t>(begin, 0, row_length);
        end = std::clamp<int64_t>(end, begin, row_length);
        // The packed rows that exist, and zeros above and below them.
        int64_t first = ceil_div(-row_phase, row_step) - row_.least_shift - row0;
        int64_t last = floor_div(row_axis_.source_size - 1 - row_phase, row_step) + 1 -
                       row_.least_shift - row0;
        first = std::clamp<int64_t>(first, 0, rows_packed_);
        last = std::clamp<int64_t>(last, first, rows_packed_);
        std::fill(to, to + first * row_length, T(0));
        const int64_t source_row = (row0 + first + row_.least_shift) * row_step + row_phase;
        const T* from = plane + source_row * column_axis_.source_size +
                        (begin + column_.least_shift) * column_step + column_phase;
        kernels.pack_rows(from, row_step * column_axis_.source_size, column_step, last - first,
                          begin, end, row_length, to + first * row_length);
        std::fill(to + last * row_length, to + rows_packed_ * row_length, T(0));
        to += rows_packed_ * row_length;
      }
    std::fill(to, plane_end, T(0));
  }

  int64_t row_length;
  int64_t plane_size;
  std::vector<int64_t> tap_offset;  // of (row tap, column tap), row-major

 private:
  const CorrelationAxis& row_axis_;
  const CorrelationAxis& column_axis_;
  PhasedAxis row_, column_;
  int64_t rows_packed_, phase_size_;
};

/// Units of work in ranges of `size`, each with sums of its own: as many as `most`, and as make
/// `least` products or 16 for each sum, by the shape alone.
struct SumRanges {
  SumRanges(int64_t n_units, int64_t products, int64_t n_sums, int64_t least, int64_t most)
      : size(ceil_div(n_units, std::clamp<int64_t>(products / std::max(least, 16 * n_sums), 1,
                                                   std::min(n_units, most)))),
        n(ceil_div(n_units, size)) {}

  int64_t begin(int64_t range) const { return range * size; }
  int64_t end(int64_t range, int64_t n_units) const {
    return std::min(n_units, (range + 1) * size);
  }

  int64_t size, n;
};

/// to[i] = sums[i] + sums[n + i] + ...: the weights' sums of all ranges, one after the other,
/// unless one range alone has written where they belong.
template <class T>
void add_ranges(const T* sums, int64_t n_ranges, int64_t n, T* to) {
  if (n_ranges == 1) return;
  parallel_ranges(n, 32768, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = sums[i];
    for (int64_t range = 1; range < n_ranges; ++range)
      for (int64_t i = begin; i < end; ++i) to[i] += sums[range * n + i];
  });
}

}  // namespace flambeau
