#include "kernels/conv/spread.h"

#include <algorithm>
#include <vector>

#include "kernels/gemm/problem.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { grads_slot, products_slot };

constexpr int64_t most_pixels = 64;
/// Channels are multiplied by sixteens, so that rows of the product are whole vectors, and as many
/// at once as have their products in the second-level cache.
constexpr int64_t unit = 16, most_products = 1 << 16;

int64_t volume(const int64_t (&sizes)[3]) { return sizes[0] * sizes[1] * sizes[2]; }

/// The pixels of one output that a tap of the kernel spreads, and where in a plane of the input.
struct Spreading {
  int64_t from, to;
};

std::vector<std::vector<Spreading>> spreadings(const ConvShape& s) {
  std::vector<std::vector<Spreading>> taps;
  /// Where output index i of dimension d meets tap k; negative if outside.
  auto place = [&](int d, int64_t i, int64_t k) {
    const int64_t at = i * s.stride[d] + k * s.dilation[d] - s.padding[d];
    return at < s.in[d] ? at : -1;
  };
  for (int64_t a = 0; a < s.kernel[0]; ++a)
    for (int64_t b = 0; b < s.kernel[1]; ++b)
      for (int64_t c = 0; c < s.kernel[2]; ++c) {
        std::vector<Spreading>& tap = taps.emplace_back();
        for (int64_t i = 0; i < volume(s.out); ++i) {
          const int64_t depth = place(0, i / s.out[2] / s.out[1], a),
                        row = place(1, i / s.out[2] % s.out[1], b),
                        column = place(2, i % s.out[2], c);
          if (depth >= 0 && row >= 0 && column >= 0)
            tap.push_back({i, (depth * s.in[1] + row) * s.in[2] + column});
        }
      }
  return taps;
}

}  // namespace

bool fits_spread(const ConvShape& s) {
  const int64_t pixels = s.N * volume(s.out);
  return s.groups == 1 && pixels > 0 && pixels <= most_pixels && s.C >= unit && s.O >= 2 * unit &&
         volume(s.kernel) <= 64;
}

bool fits_spread_short(const ConvShape& s) {
  constexpr int64_t longest_row = 16, most_of_channel = 1 << 17;
  return s.groups == 1 && s.out[2] <= longest_row &&
         s.N * volume(s.out) * volume(s.kernel) <= most_of_channel;
}

template <class T>
void spread_backward_input(const ConvShape& s, const T* grad_output, const T* weight, const T* bias,
                           T* grad_input) {
  const int64_t per_item = volume(s.out), plane = volume(s.in), n_taps = volume(s.kernel);
  const int64_t pixels = s.N * per_item;
  // Row o: channel o of all items.
  T* grads = Workspace::get<T>(grads_slot, s.O * pixels);
  for (int64_t o = 0; o < s.O; ++o)
    for (int64_t n = 0; n < s.N; ++n)
      std::copy_n(grad_output + (n * s.O + o) * per_item, per_item,
                  grads + o * pixels + n * per_item);
  const std::vector<std::vector<Spreading>> taps = spreadings(s);
  // As many items at a time as have the products of a unit of channels in the cache.
  const int64_t items =
      balanced(s.N, std::max<int64_t>(1, most_products / (per_item * n_taps * unit)));
  const int64_t fitting = most_products / (items * per_item * n_taps) / unit * unit;
  const int64_t step = std::clamp<int64_t>(fitting, unit, round_up(ceil_div(s.C, 4), unit));
  const int64_t n_blocks = ceil_div(s.C, step);
  parallel_for(n_blocks * ceil_div(s.N, items), [&](int64_t index) {
    const int64_t first = index % n_blocks * step, channels = std::min(step, s.C - first);
    const int64_t item = index / n_blocks * items, last = std::min(s.N, item + items);
    Gemm<T> product;
    product.M = (last - item) * per_item, product.N = channels * n_taps, product.K = s.O;
    product.a = grads + item * per_item, product.lda = pixels, product.trans_a = true;
    product.b = weight + first * n_taps, product.ldb = s.C * n_taps;
    product.c = Workspace::get<T>(products_slot, items * per_item * product.N);
    product.ldc = product.N;
    gemm(product);
    for (int64_t n = item; n < last; ++n)
      for (int64_t c = 0; c < channels; ++c) {
        T* to = grad_input + (n * s.C + first + c) * plane;
        std::fill_n(to, plane, bias ? bias[first + c] : T(0));
        for (int64_t t = 0; t < n_taps; ++t) {
          const T* from = product.c + (n - item) * per_item * product.N + c * n_taps + t;
          for (const Spreading& pixel : taps[t]) to[pixel.to] += from[pixel.from * product.N];
        }
      }
  });
}

namespace {

/// The results [begin, end) of a dimension from which a tap reaches the input, and where the first
/// of all results would.
struct Reach {
  int64_t begin, end, first;
  Reach(const ConvShape& s, int d, int64_t tap) : first(tap * s.dilation[d] - s.padding[d]) {
    const int64_t step = s.stride[d], room = s.in[d] - 1 - first;
    end = room < 0 ? 0 : std::min(s.out[d], room / step + 1);
    begin = std::min(first >= 0 ? 0 : ceil_div(-first, step), end);
  }
};

/// Adds the products of one channel of the input, those of a tap in a row of n pixels, which are
/// rows [row0, row0 + n_rows) of the output, (depth, row) as one number.
template <class T>
void spread_rows(const ConvShape& s, const T* products, int64_t row0, int64_t n_rows, T* plane) {
  const int64_t n = n_rows * s.out[2], step = s.stride[2];
  for (int64_t a = 0; a < s.kernel[0]; ++a)
    for (int64_t b = 0; b < s.kernel[1]; ++b)
      for (int64_t k = 0; k < s.kernel[2]; ++k, products += n) {
        const Reach depths(s, 0, a), rows(s, 1, b), columns(s, 2, k);
        for (int64_t i = 0; i < n_rows; ++i) {
          const int64_t d = (row0 + i) / s.out[1], r = (row0 + i) % s.out[1];
          if (d < depths.begin || d >= depths.end || r < rows.begin || r >= rows.end) continue;
          const T* from = products + i * s.out[2];
          T* to = plane +
                  ((d * s.stride[0] + depths.first) * s.in[1] + r * s.stride[1] + rows.first) *
                      s.in[2] +
                  columns.first;
          if (step == 1)
            for (int64_t j = columns.begin; j < columns.end; ++j) to[j] += from[j];
          else
            for (int64_t j = columns.begin; j < columns.end; ++j) to[j * step] += from[j];
        }
      }
}

}  // namespace

template <class T>
void spread_rows_backward_input(const ConvShape& s, const T* grad_output, const T* weight,
                                const T* bias, T* grad_input) {
  const int64_t per_item = volume(s.out), plane = volume(s.in), n_taps = volume(s.kernel);
  const int64_t n_sources = s.O / s.groups, n_targets = s.C / s.groups;
  const int64_t n_out_rows = s.out[0] * s.out[1];
  // Channels of a task: so few that threads have enough to do, and one row has its products in
  // the second-level cache.
  constexpr int64_t wanted_units = 8;
  int64_t part = n_targets;
  while (part > 1 &&
         (part * n_taps * s.out[2] > 2 * most_products ||
          (s.N * s.groups * ceil_div(n_targets, part) < wanted_units && part * n_taps >= 64)))
    part = ceil_div(part, 2);
  const int64_t n_parts = ceil_div(n_targets, part);
  const int64_t chunk =
      balanced(n_out_rows, std::max<int64_t>(1, most_products / (part * n_taps * s.out[2])));
  parallel_for(s.N * s.groups * n_parts, [&](int64_t unit) {
    const int64_t first = unit % n_parts * part, channels = std::min(part, n_targets - first);
    const int64_t group = unit / n_parts % s.groups, item = unit / n_parts / s.groups;
    const int64_t channel = group * n_targets + first;
    T* target = grad_input + (item * s.C + channel) * plane;
    for (int64_t c = 0; c < channels; ++c)
      std::fill_n(target + c * plane, plane, bias ? bias[channel + c] : T(0));
    Gemm<T> product;
    product.M = channels * n_taps, product.K = n_sources;
    product.a = weight + (group * n_sources * n_targets + first) * n_taps;
    product.lda = n_targets * n_taps, product.trans_a = true;
    product.ldb = per_item;
    product.c = Workspace::get<T>(products_slot, part * n_taps * chunk * s.out[2]);
    for (int64_t row = 0; row < n_out_rows; row += chunk) {
      const int64_t n_rows = std::min(chunk, n_out_rows - row);
      product.N = product.ldc = n_rows * s.out[2];
      product.b = grad_output + (item * s.O + group * n_sources) * per_item + row * s.out[2];
      gemm(product);
      for (int64_t c = 0; c < channels; ++c)
        spread_rows(s, product.c + c * n_taps * product.N, row, n_rows, target + c * plane);
    }
  });
}

template void spread_rows_backward_input(const ConvShape&, const float*, const float*, const float*,
                                         float*);
template void spread_rows_backward_input(const ConvShape&, const double*, const double*,
                                         const double*, double*);
template void spread_backward_input(const ConvShape&, const float*, const float*, const float*,
                                    float*);
template void spread_backward_input(const ConvShape&, const double*, const double*, const double*,
                                    double*);

}  // namespace flambeau
