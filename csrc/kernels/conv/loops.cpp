#include "kernels/conv/loops.h"

#include <algorithm>
#include <cmath>

#include "kernels/elements/arithmetic.h"
#include "runtime/threads.h"

namespace flambeau {
namespace {

/// The results i whose tap with this offset stays inside the source: [begin, end).
struct Range {
  int64_t begin, end;
  Range(const CorrelationAxis& axis, int64_t offset) {
    begin = offset >= 0 ? 0 : (-offset + axis.source_step - 1) / axis.source_step;
    int64_t room = axis.source_size - 1 - offset;
    end = room < 0 ? 0 : std::min(axis.count, room / axis.source_step + 1);
    begin = std::min(begin, end);
  }
};

/// Calls visit(tap index in the kernel, source row offset, target row offset, columns) for every
/// row of results that a tap reaches; a row is `columns.end - columns.begin` results.
template <class Visit>
void for_each_row(const Correlation& c, Visit&& visit) {
  const CorrelationAxis &depth = c.axis[0], &rows = c.axis[1], &columns = c.axis[2];
  for (size_t a = 0; a < depth.tap.size(); ++a)
    for (size_t b = 0; b < rows.tap.size(); ++b)
      for (size_t k = 0; k < columns.tap.size(); ++k) {
        Range d_range(depth, depth.offset[a]), r_range(rows, rows.offset[b]),
            c_range(columns, columns.offset[k]);
        if (c_range.begin == c_range.end) continue;
        const int64_t tap = c.tap_at(depth.tap[a], rows.tap[b], columns.tap[k]);
        for (int64_t d = d_range.begin; d < d_range.end; ++d)
          for (int64_t r = r_range.begin; r < r_range.end; ++r) {
            int64_t from = ((d * depth.source_step + depth.offset[a]) * rows.source_size +
                            r * rows.source_step + rows.offset[b]) *
                               columns.source_size +
                           columns.offset[k];
            int64_t to = ((depth.target_start + d * depth.target_step) * rows.target_size +
                          rows.target_start + r * rows.target_step) *
                             columns.target_size +
                         columns.target_start;
            visit(tap, from, to, c_range);
          }
      }
}

/// Where result (d, r, k) of one channel is written.
int64_t target_offset(const Correlation& c, int64_t d, int64_t r, int64_t k) {
  const CorrelationAxis &depth = c.axis[0], &rows = c.axis[1], &columns = c.axis[2];
  return ((depth.target_start + d * depth.target_step) * rows.target_size + rows.target_start +
          r * rows.target_step) *
             columns.target_size +
         columns.target_start + k * columns.target_step;
}

/// Calls visit(offset) for every target of one channel.
template <class Visit>
void for_each_target(const Correlation& c, Visit&& visit) {
  for (int64_t d = 0; d < c.axis[0].count; ++d)
    for (int64_t r = 0; r < c.axis[1].count; ++r)
      for (int64_t k = 0; k < c.axis[2].count; ++k) visit(target_offset(c, d, r, k));
}

/// Calls visit(tap index in the kernel, offset of the target) where a tap that is wanted meets a
/// zero beside the source.
template <class Wanted, class Visit>
void for_each_zero(const Correlation& c, Wanted&& wanted, Visit&& visit) {
  const CorrelationAxis &depth = c.axis[0], &rows = c.axis[1], &columns = c.axis[2];
  auto outside = [](const CorrelationAxis& axis, int64_t i, size_t tap) {
    const int64_t at = i * axis.source_step + axis.offset[tap];
    return at < 0 || at >= axis.source_size;
  };
  for (size_t a = 0; a < depth.tap.size(); ++a)
    for (size_t b = 0; b < rows.tap.size(); ++b)
      for (size_t e = 0; e < columns.tap.size(); ++e) {
        const int64_t tap = c.tap_at(depth.tap[a], rows.tap[b], columns.tap[e]);
        if (!wanted(tap)) continue;
        for (int64_t d = 0; d < depth.count; ++d)
          for (int64_t r = 0; r < rows.count; ++r)
            for (int64_t k = 0; k < columns.count; ++k)
              if (outside(depth, d, a) || outside(rows, r, b) || outside(columns, k, e))
                visit(tap, target_offset(c, d, r, k));
      }
}

/// Adds the products of weights that are not finite with the zeros around the source to a channel.
template <class T>
void add_borders(const Correlation& c, const T* weight, T* out) {
  for_each_zero(
      c, [&](int64_t tap) { return weight[tap] * T(0) != T(0); },
      [&](int64_t tap, int64_t at) { out[at] += weight[tap] * T(0); });
}

int64_t source_numel(const Correlation& c) {
  return c.axis[0].source_size * c.axis[1].source_size * c.axis[2].source_size;
}
int64_t target_numel(const Correlation& c) {
  return c.axis[0].target_size * c.axis[1].target_size * c.axis[2].target_size;
}

}  // namespace

template <class T>
void correlate_loops(const Correlation& c, const T* source, const T* weight, const T* bias,
                     bool relu, T* target, bool padded) {
  const int64_t source_step = c.axis[2].source_step, target_step = c.axis[2].target_step;
  parallel_for(c.n_items * c.groups * c.n_target, [&](int64_t index) {
    const int64_t m = index % c.n_target, group = index / c.n_target % c.groups;
    const int64_t item = index / c.n_target / c.groups;
    T* out = target + index * target_numel(c);
    const T start = bias ? bias[group * c.n_target + m] : T(0);
    for_each_target(c, [&](int64_t at) { out[at] = start; });
    const int64_t plane = source_numel(c);
    const T* in = source + (item * c.groups + group) * c.n_source * plane;
    const T* w = weight + group * c.weight_group + m * c.weight_target;
    // Which sums are infinite and which NaN is PyTorch's choice for one image: where taps are
    // spread over the results channels are summed for each tap first, in one rounding a product;
    // else products are rounded before they are added.
    if constexpr (std::is_floating_point_v<T>)
      if (!padded) {
        for_each_row(c, [&](int64_t tap, int64_t from, int64_t to, Range range) {
          for (int64_t k = range.begin; k < range.end; ++k) {
            T sum(0);
            for (int64_t s = 0; s < c.n_source; ++s)
              sum = std::fma(w[s * c.weight_source + tap], in[s * plane + from + k * source_step],
                             sum);
            out[to + k * target_step] += sum;
          }
        });
        return;
      }
    for (int64_t s = 0; s < c.n_source; ++s, in += plane, w += c.weight_source) {
      for_each_row(c, [&](int64_t tap, int64_t from, int64_t to, Range range) {
        for (int64_t k = range.begin; k < range.end; ++k) {
          T& sum = out[to + k * target_step];
          sum = multiply_add(sum, w[tap], in[from + k * source_step]);
        }
      });
      if constexpr (!std::is_integral_v<T>)
        if (padded) add_borders(c, w, out);
    }
    if constexpr (std::is_integral_v<T>)
      if (relu) for_each_target(c, [&](int64_t at) { out[at] = out[at] < T(0) ? T(0) : out[at]; });
  });
}

template <class T>
void outer_loops(const Correlation& c, const T* grad, const T* source, T* grad_weight) {
  const int64_t source_step = c.axis[2].source_step, target_step = c.axis[2].target_step;
  parallel_for(c.groups * c.n_target * c.n_source, [&](int64_t index) {
    const int64_t s = index % c.n_source, m = index / c.n_source % c.n_target;
    const int64_t group = index / c.n_source / c.n_target;
    T* w = grad_weight + group * c.weight_group + m * c.weight_target + s * c.weight_source;
    std::fill(w, w + c.kernel[0] * c.kernel[1] * c.kernel[2], T(0));
    for (int64_t item = 0; item < c.n_items; ++item) {
      const T* g = grad + ((item * c.groups + group) * c.n_target + m) * target_numel(c);
      const T* in = source + ((item * c.groups + group) * c.n_source + s) * source_numel(c);
      for_each_row(c, [&](int64_t tap, int64_t from, int64_t to, Range range) {
        T sum = w[tap];
        for (int64_t k = range.begin; k < range.end; ++k)
          sum = multiply_add(sum, g[to + k * target_step], in[from + k * source_step]);
        w[tap] = sum;
      });
      if constexpr (!std::is_integral_v<T>)
        if (!std::all_of(g, g + target_numel(c), [](T value) { return value * T(0) == T(0); }))
          for_each_zero(
              c, [](int64_t) { return true; },
              [&](int64_t tap, int64_t at) { w[tap] += g[at] * T(0); });
    }
  });
}

template void correlate_loops(const Correlation&, const float*, const float*, const float*, bool,
                              float*, bool);
template void outer_loops(const Correlation&, const float*, const float*, float*);
template void correlate_loops(const Correlation&, const double*, const double*, const double*, bool,
                              double*, bool);
template void outer_loops(const Correlation&, const double*, const double*, double*);
template void correlate_loops(const Correlation&, const uint8_t*, const uint8_t*, const uint8_t*,
                              bool, uint8_t*, bool);
template void outer_loops(const Correlation&, const uint8_t*, const uint8_t*, uint8_t*);
template void correlate_loops(const Correlation&, const int8_t*, const int8_t*, const int8_t*, bool,
                              int8_t*, bool);
template void outer_loops(const Correlation&, const int8_t*, const int8_t*, int8_t*);
template void correlate_loops(const Correlation&, const int16_t*, const int16_t*, const int16_t*,
                              bool, int16_t*, bool);
template void outer_loops(const Correlation&, const int16_t*, const int16_t*, int16_t*);
template void correlate_loops(const Correlation&, const int32_t*, const int32_t*, const int32_t*,
                              bool, int32_t*, bool);
template void outer_loops(const Correlation&, const int32_t*, const int32_t*, int32_t*);
template void correlate_loops(const Correlation&, const int64_t*, const int64_t*, const int64_t*,
                              bool, int64_t*, bool);
template void outer_loops(const Correlation&, const int64_t*, const int64_t*, int64_t*);
template void correlate_loops(const Correlation&, const uint16_t*, const uint16_t*, const uint16_t*,
                              bool, uint16_t*, bool);
template void outer_loops(const Correlation&, const uint16_t*, const uint16_t*, uint16_t*);
template void correlate_loops(const Correlation&, const uint32_t*, const uint32_t*, const uint32_t*,
                              bool, uint32_t*, bool);
template void outer_loops(const Correlation&, const uint32_t*, const uint32_t*, uint32_t*);
template void correlate_loops(const Correlation&, const uint64_t*, const uint64_t*, const uint64_t*,
                              bool, uint64_t*, bool);
template void outer_loops(const Correlation&, const uint64_t*, const uint64_t*, uint64_t*);
template void correlate_loops(const Correlation&, const complex64*, const complex64*,
                              const complex64*, bool, complex64*, bool);
template void outer_loops(const Correlation&, const complex64*, const complex64*, complex64*);
template void correlate_loops(const Correlation&, const complex128*, const complex128*,
                              const complex128*, bool, complex128*, bool);
template void outer_loops(const Correlation&, const complex128*, const complex128*, complex128*);

}  // namespace flambeau
