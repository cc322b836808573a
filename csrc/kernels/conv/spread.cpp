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
  const int64_t fitting = most_products / (pixels * n_taps) / unit * unit;
  const int64_t step = std::clamp<int64_t>(fitting, unit, round_up(ceil_div(s.C, 4), unit));
  parallel_for(ceil_div(s.C, step), [&](int64_t block) {
    const int64_t first = block * step, channels = std::min(step, s.C - first);
    Gemm<T> product;
    product.M = pixels, product.N = channels * n_taps, product.K = s.O;
    product.a = grads, product.lda = pixels, product.trans_a = true;
    product.b = weight + first * n_taps, product.ldb = s.C * n_taps;
    product.c = Workspace::get<T>(products_slot, pixels * product.N);
    product.ldc = product.N;
    gemm(product);
    for (int64_t n = 0; n < s.N; ++n)
      for (int64_t c = 0; c < channels; ++c) {
        T* to = grad_input + (n * s.C + first + c) * plane;
        std::fill_n(to, plane, bias ? bias[first + c] : T(0));
        for (int64_t t = 0; t < n_taps; ++t) {
          const T* from = product.c + n * per_item * product.N + c * n_taps + t;
          for (const Spreading& pixel : taps[t]) to[pixel.to] += from[pixel.from * product.N];
        }
      }
  });
}

template void spread_backward_input(const ConvShape&, const float*, const float*, const float*,
                                    float*);
template void spread_backward_input(const ConvShape&, const double*, const double*, const double*,
                                    double*);

}  // namespace flambeau
