#include "kernels/conv/pixels.h"

#include <algorithm>
#include <memory>

#include "kernels/conv/planes.h"
#include "kernels/gemm/gemm.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"

namespace flambeau {
namespace {

/// One side of a convolution: C channels of all groups, those of group g from g * part on.
struct Side {
  const void* data;
  ImageOrder order;
  int64_t C, part;
};

const char* at(const void* data, int64_t index, DType dtype) {
  return static_cast<const char*>(data) + index * itemsize(dtype);
}

int64_t pixels_of(const ConvShape& s) { return s.out[0] * s.out[1] * s.out[2]; }

/// target = source by weights, of which each group has rows of `row` elements: a row for each
/// channel of the target, or of the source.
void multiply(const ConvShape& s, const Side& source, const void* weight, bool row_a_target,
              int64_t row, const void* bias, bool relu, const Side& target) {
  const int64_t pixels = pixels_of(s), per_group = source.part * target.part;
  const bool by_pixels = target.order == ImageOrder::by_pixels,
             together = by_pixels && source.order == ImageOrder::by_pixels;
  for (int64_t group = 0; group < s.groups; ++group) {
    AnyGemm g;
    g.dtype = s.dtype;
    g.K = source.part;
    g.batch = together ? 1 : s.N;
    const int64_t n_pixels = together ? s.N * pixels : pixels;
    // A vector of channels a pixel, or of pixels a channel.
    const bool pixels_first = source.order == ImageOrder::by_pixels;
    const void* from = at(source.data, group * source.part * (pixels_first ? 1 : pixels), s.dtype);
    void* to =
        const_cast<char*>(at(target.data, group * target.part * (by_pixels ? 1 : pixels), s.dtype));
    const void* w = at(weight, group * per_group, s.dtype);
    const int64_t from_row = pixels_first ? source.C : pixels;
    const int64_t from_item = source.C * pixels;
    if (by_pixels) {
      g.M = n_pixels, g.N = target.part;
      g.a = from, g.lda = from_row, g.trans_a = !pixels_first, g.batch_stride_a = from_item;
      g.b = w, g.ldb = row, g.trans_b = row_a_target;
      g.ldc = target.C;
    } else {
      g.M = target.part, g.N = n_pixels;
      g.a = w, g.lda = row, g.trans_a = !row_a_target;
      g.b = from, g.ldb = from_row, g.trans_b = pixels_first, g.batch_stride_b = from_item;
      g.ldc = pixels;
    }
    g.c = to, g.batch_stride_c = target.C * pixels;
    g.epilogue = {bias ? at(bias, group * target.part, s.dtype) : nullptr, !by_pixels, relu};
    gemm(g);
  }
}

}  // namespace

bool fits_pixels(const ConvShape& s) {
  bool fits = s.dtype != DType::bool_ && s.dtype != DType::complex32;
  for (int d = 0; d < 3; ++d)
    fits = fits && s.kernel[d] == 1 && s.padding[d] == 0 && s.in[d] == s.out[d] &&
           (s.stride[d] == 1 || s.out[d] == 1);
  return fits;
}

void pixels_forward(const ConvShape& s, const void* input, ImageOrder input_order,
                    const void* weight, const void* bias, bool relu, void* output,
                    ImageOrder output_order) {
  const int64_t row = s.C / s.groups;
  multiply(s, {input, input_order, s.C, row}, weight, true, row, bias, relu,
           {output, output_order, s.O, s.O / s.groups});
}

void pixels_backward_input(const ConvShape& s, const void* grad_output, ImageOrder grad_order,
                           const void* weight, const void* bias, void* grad_input,
                           ImageOrder input_order) {
  const int64_t row = s.C / s.groups;
  multiply(s, {grad_output, grad_order, s.O, s.O / s.groups}, weight, false, row, bias, false,
           {grad_input, input_order, s.C, row});
}

void pixels_backward_weight(const ConvShape& s, const void* grad_output, const void* input,
                            void* grad_weight) {
  const int64_t m = s.O / s.groups, n = s.C / s.groups;
  for (int64_t group = 0; group < s.groups; ++group) {
    AnyGemm g;
    g.dtype = s.dtype;
    g.M = m, g.N = n, g.K = s.N * pixels_of(s);
    g.a = at(grad_output, group * m, s.dtype), g.lda = s.O, g.trans_a = true;
    g.b = at(input, group * n, s.dtype), g.ldb = s.C;
    g.c = const_cast<char*>(at(grad_weight, group * m * n, s.dtype)), g.ldc = n;
    gemm(g);
  }
}

void planes_backward_weight(const ConvShape& s, const void* grad_output, const void* input,
                            void* grad_weight) {
  const int64_t m = s.O / s.groups, n = s.C / s.groups, pixels = pixels_of(s);
  // Images in some ranges, each with sums of its own: one image is little work for threads.
  constexpr double least_products = 1e6;
  constexpr int64_t wanted = 8;
  const double all = static_cast<double>(s.N * pixels * s.O) * static_cast<double>(n);
  const int64_t range =
                    ceil_div(s.N, std::clamp<int64_t>(static_cast<int64_t>(all / least_products), 1,
                                                      std::min(wanted, s.N))),
                n_ranges = ceil_div(s.N, range), n_weights = s.O * n;
  auto sum = [&](int64_t index, void* sums) {
    for (int64_t item = index * range; item < std::min(s.N, (index + 1) * range); ++item)
      for (int64_t group = 0; group < s.groups; ++group) {
        AnyGemm g;
        g.dtype = s.dtype;
        g.M = m, g.N = n, g.K = pixels;
        g.a = at(grad_output, (item * s.O + group * m) * pixels, s.dtype), g.lda = pixels;
        g.b = at(input, (item * s.C + group * n) * pixels, s.dtype), g.ldb = pixels;
        g.trans_b = true;
        g.c = const_cast<char*>(at(sums, group * m * n, s.dtype)), g.ldc = n;
        g.beta = item > index * range;
        gemm(g);
      }
  };
  if (n_ranges == 1) return sum(0, grad_weight);
  auto add = [&]<class T>() {
    auto sums = std::make_unique_for_overwrite<T[]>(n_ranges * n_weights);
    parallel_for(n_ranges, [&](int64_t index) { sum(index, sums.get() + index * n_weights); });
    add_ranges(sums.get(), n_ranges, n_weights, static_cast<T*>(grad_weight));
  };
  s.dtype == DType::float32 ? add.template operator()<float>() : add.template operator()<double>();
}

}  // namespace flambeau
