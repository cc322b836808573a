#include "kernels/conv_gemm.h"

#include <algorithm>

#include "kernels/conv_simd.h"
#include "runtime/blas.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { source_slot, partial_slot };

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The source elements that a strided 1x1 kernel meets, packed like the results: (channels,
/// positions).
template <class T>
const T* subsampled(const Correlation& c, const T* source) {
  const CorrelationAxis &depth = c.axis[0], &rows = c.axis[1], &columns = c.axis[2];
  const int64_t n_channels = c.n_items * c.groups * c.n_source;
  const int64_t plane = rows.count * columns.count;
  T* packed = Workspace::get<T>(source_slot, n_channels * depth.count * plane);
  const int64_t per_chunk = std::max<int64_t>(1, 16384 / std::max<int64_t>(plane, 1));
  parallel_ranges(n_channels * depth.count, per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t channel = i / depth.count,
                    d = i % depth.count * depth.source_step + depth.offset[0];
      const T* from = source +
                      ((channel * depth.source_size + d) * rows.source_size + rows.offset[0]) *
                          columns.source_size +
                      columns.offset[0];
      conv_kernels<T>().pack_rows(from, rows.source_step * columns.source_size, columns.source_step,
                                  rows.count, 0, columns.count, columns.count, packed + i * plane);
    }
  });
  return packed;
}

}  // namespace

bool outer_is_gemm(const Correlation& c) {
  for (const CorrelationAxis& axis : c.axis)
    if (axis.tap.size() != 1 || !axis.stays_inside()) return false;
  return c.n_source >= 16 && c.n_target >= 16;
}

template <class T>
void outer_gemm(const Correlation& c, const T* grad, const T* source, T* grad_weight) {
  int64_t n_positions = 1;
  bool dense = true;
  for (const CorrelationAxis& axis : c.axis) {
    n_positions *= axis.count;
    dense = dense && axis.source_step == 1 && axis.count == axis.source_size;
  }
  if (!dense) source = subsampled(c, source);

  // Tiles of the weight, and ranges of items whose sums are added in order where tiles are few.
  constexpr int64_t tile = 128;
  const int64_t tiles_m = ceil_div(c.n_target, tile), tiles_n = ceil_div(c.n_source, tile);
  const int64_t n_tiles = c.groups * tiles_m * tiles_n,
                n_weights = c.groups * c.n_target * c.n_source;
  int64_t n_ranges = std::clamp<int64_t>(16 / n_tiles, 1, std::max<int64_t>(c.n_items, 1));
  const int64_t range_items = ceil_div(std::max<int64_t>(c.n_items, 1), n_ranges);
  n_ranges = ceil_div(std::max<int64_t>(c.n_items, 1), range_items);
  T* sums = n_ranges == 1 ? grad_weight : Workspace::get<T>(partial_slot, n_ranges * n_weights);

  parallel_for(n_ranges * n_tiles, [&](int64_t index) {
    const int64_t range = index / n_tiles, group = index % n_tiles / (tiles_m * tiles_n);
    const int64_t m0 = index / tiles_n % tiles_m * tile, n0 = index % tiles_n * tile;
    Gemm<T> product;
    product.M = std::min(tile, c.n_target - m0);
    product.N = std::min(tile, c.n_source - n0);
    product.K = n_positions;
    product.trans_b = true;
    product.lda = product.ldb = n_positions;
    product.ldc = c.n_source;
    product.c = sums + range * n_weights + (group * c.n_target + m0) * c.n_source + n0;
    const int64_t first = range * range_items, last = std::min(c.n_items, first + range_items);
    for (int64_t item = first; item < last; ++item) {
      product.a = grad + ((item * c.groups + group) * c.n_target + m0) * n_positions;
      product.b = source + ((item * c.groups + group) * c.n_source + n0) * n_positions;
      product.beta = item == first ? T(0) : T(1);
      gemm_tile(product);
    }
  });
  if (n_ranges == 1) return;
  parallel_ranges(n_weights, 32768, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T sum = sums[i];
      for (int64_t range = 1; range < n_ranges; ++range) sum += sums[range * n_weights + i];
      grad_weight[i] = sum;
    }
  });
}

template void outer_gemm(const Correlation&, const float*, const float*, float*);
template void outer_gemm(const Correlation&, const double*, const double*, double*);

}  // namespace flambeau
