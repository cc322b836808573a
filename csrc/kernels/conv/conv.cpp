#include "kernels/conv/conv.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

#include "kernels/conv/across.h"
#include "kernels/conv/complex.h"
#include "kernels/conv/costs.h"
#include "kernels/conv/depthwise.h"
#include "kernels/conv/dilated.h"
#include "kernels/conv/direct.h"
#include "kernels/conv/factors.h"
#include "kernels/conv/loops.h"
#include "kernels/conv/pairs.h"
#include "kernels/conv/panels.h"
#include "kernels/conv/patches.h"
#include "kernels/conv/pixels.h"
#include "kernels/conv/product.h"
#include "kernels/conv/spread.h"
#include "kernels/conv/strided.h"
#include "kernels/conv/winograd.h"
#include "runtime/threads.h"
#include "tensor/error.h"

namespace flambeau {
namespace {

struct Sizes {
  int64_t input, weight, output, products;
  explicit Sizes(const ConvShape& s) {
    input = s.N * s.C * s.in[0] * s.in[1] * s.in[2];
    weight = s.O * (s.C / s.groups) * s.kernel[0] * s.kernel[1] * s.kernel[2];
    output = s.N * s.O * s.out[0] * s.out[1] * s.out[2];
    products = output * (s.C / s.groups) * s.kernel[0] * s.kernel[1] * s.kernel[2];
  }
};

/// float32 and float64, by the fastest way for the shape.
template <class T>
void correlate(const Correlation& c, const T* source, const T* weight, const T* bias, bool relu,
               T* target) {
  if constexpr (std::is_same_v<T, float>) {
    if (winograd_fits(c) && correlate_winograd(c, source, weight, bias, relu, target)) return;
    if (correlate_dilated(c, source, weight, bias, relu, target)) return;
    if (correlate_strided(c, source, weight, bias, relu, target)) return;
  }
  if (panels_are_quicker<T>(c)) return correlate_panels<T>(c, source, weight, bias, relu, target);
  correlate_direct<T>(c, source, weight, bias, relu, target);
}

/// Phases that are not empty, by the fastest way that fits them all.
template <class T>
void correlate_all(const std::vector<Correlation>& phases, const T* source, const T* weight,
                   const T* bias, bool relu, T* target) {
  if (correlate_fits_across<T>(phases) &&
      !(correlate_fits_depthwise<T>(phases) && rows_are_quicker<T>(phases)))
    return correlate_across<T>(phases, source, weight, bias, relu, target);
  if (correlate_fits_depthwise<T>(phases))
    return correlate_depthwise<T>(phases, source, weight, bias, relu, target);
  if constexpr (std::is_same_v<T, float>)
    if (correlate_strided(phases, source, weight, bias, relu, target)) return;
  for (const Correlation& phase : phases) correlate<T>(phase, source, weight, bias, relu, target);
}

int64_t numel_of_target(const Correlation& c) {
  return c.axis[0].target_size * c.axis[1].target_size * c.axis[2].target_size;
}

/// Whether the results are few enough to look at: where one is not finite they are summed once more
/// in PyTorch's order for one image (conv/loops.cpp).
bool is_one_small_image(const Correlation& c) {
  constexpr int64_t few = 4096;
  return c.n_items == 1 && c.groups == 1 && c.n_target * numel_of_target(c) <= few;
}

/// All phases of a correlation; `padded`: see correlate_loops.
template <class T>
void correlate_phases(const std::vector<Correlation>& phases, const T* source, const T* weight,
                      const T* bias, bool relu, T* target, const Sizes& sizes, bool padded) {
  if (needs_exact_borders(weight, sizes.weight,
                          sizes.products / std::max<int64_t>(1, sizes.weight))) {
    for (const Correlation& phase : phases)
      correlate_loops<T>(phase, source, weight, bias, relu, target, padded);
    return;
  }
  if (phases.empty()) return;
  correlate_all<T>(phases, source, weight, bias, relu, target);
  if (!is_one_small_image(phases[0])) return;
  if (any_not_finite(target, phases[0].n_target * numel_of_target(phases[0])))
    for (const Correlation& phase : phases)
      correlate_loops<T>(phase, source, weight, bias, relu, target, padded);
}

/// Whether one of the ways that need fewer products than the definition fits all phases.
template <class T>
bool saves_products(const std::vector<Correlation>& phases) {
  if constexpr (std::is_same_v<T, float>)
    return strided_fits(phases) || std::ranges::all_of(phases, [](const Correlation& phase) {
             return winograd_fits(phase) || dilated_fits(phase);
           });
  return false;
}

/// Whether halves are multiplied two at a time. Not where results are looked at once more.
template <class T>
bool multiplies_pairs(const ConvShape& s, const std::vector<Correlation>& phases, const T* weight,
                      bool backward) {
  if constexpr (!std::is_same_v<T, bfloat16>) return false;
  if (!fits_pairs(phases) || is_one_small_image(phases[0]) || (backward && fits_spread(s)))
    return false;
  // Where one estimate is nearly the other, pairs were the slower ones: of phases more often.
  const double least = backward ? 1.5 : 1.1;
  if (pairs_saving(s, phases, backward, saves_products<float>(phases)) < least) return false;
  return std::all_of(weight, weight + Sizes(s).weight, [](T w) {
    constexpr uint16_t exponent = 0x7f80;
    return (std::bit_cast<uint16_t>(w) & exponent) != exponent;
  });
}

template <class T>
void outer(const Correlation& c, const T* grad, const T* source, T* grad_weight,
           const Sizes& sizes) {
  auto look = [&](const T* factors, int64_t n) {
    return needs_exact_borders(factors, n, sizes.products / std::max<int64_t>(1, n));
  };
  if (look(grad, sizes.output) || look(source, sizes.input))
    return outer_loops<T>(c, grad, source, grad_weight);
  if constexpr (std::is_same_v<T, float>) {
    if (outer_winograd_fits(c) && outer_winograd(c, grad, source, grad_weight)) return;
    if (outer_dilated(c, grad, source, grad_weight)) return;
    if (outer_strided(c, grad, source, grad_weight)) return;
  }
  if (outer_fits_across<T>(c)) return outer_across<T>(c, grad, source, grad_weight);
  if (outer_fits_depthwise<T>(c)) return outer_depthwise<T>(c, grad, source, grad_weight);
  if (outer_panels_are_quicker<T>(c)) return outer_panels<T>(c, grad, source, grad_weight);
  outer_direct<T>(c, grad, source, grad_weight);
}

/// What a backward-input convolution gives where no tap reaches: the bias, or 0.
template <class T>
void fill_channels(const ConvShape& s, const T* bias, T* to) {
  const int64_t space = s.in[0] * s.in[1] * s.in[2];
  parallel_ranges(s.N * s.C, std::max<int64_t>(1, 65536 / std::max<int64_t>(1, space)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t plane = begin; plane < end; ++plane)
                      std::fill_n(to + plane * space, space, bias ? bias[plane % s.C] : T(0));
                  });
}

/// conv_backward_input of float32 and float64.
template <class T>
void correlate_back(const ConvShape& shape, const Phases& parts, const T* grad_output,
                    const T* weight, const T* bias, T* grad_input) {
  const bool saves = saves_products<T>(parts.list);
  if (fits_spread(shape) && !saves)
    return spread_backward_input<T>(shape, grad_output, weight, bias, grad_input);
  const Spreading spreading = quicker_spreading<T>(shape, parts.list, saves);
  if (spreading == Spreading::pixels)
    return spread_backward_input<T>(shape, grad_output, weight, bias, grad_input);
  if (spreading == Spreading::rows)
    return spread_rows_backward_input<T>(shape, grad_output, weight, bias, grad_input);
  if (parts.leaves_gaps) fill_channels<T>(shape, bias, grad_input);
  correlate_phases<T>(parts.list, grad_output, weight, bias, false, grad_input, Sizes(shape),
                      false);
}

/// Whether the kernel covers the input once, from edge to edge: then all three are plain products.
bool is_product(const ConvShape& s) {
  bool covers = s.groups == 1 && s.dtype != DType::bool_ && s.dtype != DType::complex32;
  for (int d = 0; d < 3; ++d)
    covers = covers && s.out[d] == 1 && s.padding[d] == 0 && s.in[d] == s.kernel[d] &&
             (s.dilation[d] == 1 || s.kernel[d] == 1);
  return covers;
}

/// Elements of one input, of which each output takes them all.
int64_t volume(const ConvShape& s) { return s.C * s.in[0] * s.in[1] * s.in[2]; }

constexpr int64_t most_groups = 8;  // whose products are computed one after the other

/// Whether matrices of pixels are multiplied as they lie, halves too: not where results are many
/// and products few, of which the other ways write more at once.
bool multiplies_pixels(const ConvShape& s, int64_t sources, int64_t targets) {
  if (!fits_pixels(s) || s.N == 0) return false;
  if (s.groups > most_groups) return false;
  if (is_half(s.dtype)) return true;
  constexpr int64_t few_sources = 8, many_results = 1 << 18;
  const int64_t results = targets * s.out[0] * s.out[1] * s.out[2];
  return (s.dtype == DType::float32 || s.dtype == DType::float64) &&
         (sources >= few_sources * s.groups || results < many_results);
}

/// Whether the gradient of the weight is a sum of products for each image. Halves would be rounded
/// after each.
bool sums_pixels(const ConvShape& s) {
  constexpr int64_t least_pixels = 48;
  const bool sums = s.N == 1
                        ? is_half(s.dtype) || s.dtype == DType::float32 || s.dtype == DType::float64
                        : s.dtype == DType::float32 || s.dtype == DType::float64;
  return sums && fits_pixels(s) && s.N > 0 && s.groups <= most_groups &&
         (s.N == 1 || s.out[0] * s.out[1] * s.out[2] >= least_pixels);
}

/// Whether some of a few results of one image are not finite: then they are summed once more.
bool is_summed_again(const ConvShape& s, const void* results, int64_t n) {
  constexpr int64_t few = 4096;
  if (s.N > 1 || n > few) return false;
  if (s.dtype == DType::float32) return any_not_finite(static_cast<const float*>(results), n);
  return s.dtype == DType::float64 && any_not_finite(static_cast<const double*>(results), n);
}

template <class T>
inline constexpr bool is_refused = std::is_same_v<T, Truth> || std::is_same_v<T, complex32>;

[[noreturn]] void refuse(DType dtype) {
  throw NotImplementedError(
      message("convolution: ", name(dtype), " input is not computed. Convert it with ",
              dtype == DType::bool_ ? ".float() or .int()" : ".to(torch.complex64)", " first."));
}

}  // namespace

bool reads_weight_by_pixels(const ConvShape& s, bool backward) {
  // Of so few pixels a copy of the weights takes longer than what products of a tap at a time lose.
  constexpr int64_t few_pixels = 112;
  if (s.dtype != DType::float32 || is_product(s) || fits_patches(s) ||
      s.kernel[0] * s.kernel[1] * s.kernel[2] == 1)
    return false;
  if (!backward)
    return s.N * s.out[0] * s.out[1] * s.out[2] <= few_pixels ||
           winograd_fits(forward_correlation(s));
  const std::vector<Correlation> phases = backward_correlations(s).list;
  return phases.size() == 1 && winograd_fits(phases[0]) &&
         quicker_spreading<float>(s, phases, true) == Spreading::none;
}

void conv_forward(const ConvShape& shape, const void* input, const void* weight, const void* bias,
                  bool relu, void* output) {
  if (is_product(shape)) {
    AnyGemm g = product(shape, shape.N, shape.O, volume(shape), input, false, weight, true, output);
    g.epilogue = {bias, false, relu};
    return gemm(g);
  }
  if (fits_patches(shape)) return patches_forward(shape, input, weight, bias, relu, output);
  if (multiplies_pixels(shape, shape.C, shape.O)) {
    pixels_forward(shape, input, ImageOrder::by_channels, weight, bias, relu, output,
                   ImageOrder::by_channels);
    if (!is_summed_again(shape, output, Sizes(shape).output)) return;
  }
  if (fits_parts(shape) && !relu) return parts_forward(shape, input, weight, bias, output);
  const std::vector<Correlation> correlation = {forward_correlation(shape)};
  with_scalar_type(shape.dtype, [&]<class T>() {
    auto x = static_cast<const T*>(input);
    auto w = static_cast<const T*>(weight);
    auto b = static_cast<const T*>(bias);
    auto out = static_cast<T*>(output);
    if constexpr (is_refused<T>) {
      refuse(shape.dtype);
    } else if constexpr (is_half_type<T>) {
      Sizes n(shape);
      if (multiplies_pairs(shape, correlation, w, false)) {
        if constexpr (std::is_same_v<T, bfloat16>) correlate_pairs(correlation, x, w, b, relu, out);
        return;
      }
      auto wide = std::make_unique_for_overwrite<float[]>(n.output);
      correlate_phases<float>(correlation, widened<T>(x, n.input).get(),
                              widened<T>(w, n.weight).get(), widened<T>(b, shape.O).get(), relu,
                              wide.get(), n, true);
      narrow<T>(wide.get(), out, n.output);
    } else if constexpr (std::is_floating_point_v<T>) {
      correlate_phases<T>(correlation, x, w, b, relu, out, Sizes(shape), true);
    } else {
      correlate_loops<T>(correlation[0], x, w, b, relu, out, true);
    }
  });
}

void conv_backward_input(const ConvShape& shape, const void* grad_output, const void* weight,
                         const void* bias, void* grad_input) {
  if (is_product(shape)) {
    AnyGemm g = product(shape, shape.N, volume(shape), shape.O, grad_output, false, weight, false,
                        grad_input);
    if (bias) {
      with_scalar_type(shape.dtype, [&]<class T>() {
        fill_channels<T>(shape, static_cast<const T*>(bias), static_cast<T*>(grad_input));
      });
      g.beta = 1;
    }
    return gemm(g);
  }
  if (fits_patches(shape)) {
    if (patches_leave_gaps(shape))
      with_scalar_type(shape.dtype, [&]<class T>() {
        fill_channels<T>(shape, static_cast<const T*>(bias), static_cast<T*>(grad_input));
      });
    return patches_backward_input(shape, grad_output, weight, bias, grad_input);
  }
  if (multiplies_pixels(shape, shape.O, shape.C)) {
    pixels_backward_input(shape, grad_output, ImageOrder::by_channels, weight, bias, grad_input,
                          ImageOrder::by_channels);
    if (!is_summed_again(shape, grad_input, Sizes(shape).input)) return;
  }
  if (fits_parts(shape)) return parts_backward_input(shape, grad_output, weight, bias, grad_input);
  const Phases parts = backward_correlations(shape);
  const std::vector<Correlation>& phases = parts.list;
  with_scalar_type(shape.dtype, [&]<class T>() {
    auto g = static_cast<const T*>(grad_output);
    auto w = static_cast<const T*>(weight);
    auto b = static_cast<const T*>(bias);
    auto out = static_cast<T*>(grad_input);
    if constexpr (is_refused<T>) {
      refuse(shape.dtype);
    } else if constexpr (is_half_type<T>) {
      Sizes n(shape);
      if (multiplies_pairs(shape, phases, w, true)) {
        if (parts.leaves_gaps) fill_channels<T>(shape, b, out);
        if constexpr (std::is_same_v<T, bfloat16>) correlate_pairs(phases, g, w, b, false, out);
        return;
      }
      auto wide = std::make_unique_for_overwrite<float[]>(n.input);
      auto wide_g = widened<T>(g, n.output), wide_w = widened<T>(w, n.weight),
           wide_b = widened<T>(b, shape.C);
      correlate_back<float>(shape, parts, wide_g.get(), wide_w.get(), wide_b.get(), wide.get());
      narrow<T>(wide.get(), out, n.input);
    } else if constexpr (std::is_floating_point_v<T>) {
      correlate_back<T>(shape, parts, g, w, b, out);
    } else {
      if (parts.leaves_gaps) fill_channels<T>(shape, b, out);
      for (const Correlation& phase : phases) correlate_loops<T>(phase, g, w, b, false, out, false);
    }
  });
}

void conv_backward_weight(const ConvShape& shape, const void* grad_output, const void* input,
                          void* grad_weight) {
  if (is_product(shape))
    return gemm(product(shape, shape.O, volume(shape), shape.N, grad_output, true, input, false,
                        grad_weight));
  if (fits_patches(shape)) return patches_backward_weight(shape, grad_output, input, grad_weight);
  if (sums_pixels(shape)) return planes_backward_weight(shape, grad_output, input, grad_weight);
  if (fits_parts(shape)) return parts_backward_weight(shape, grad_output, input, grad_weight);
  const Correlation correlation = forward_correlation(shape);
  with_scalar_type(shape.dtype, [&]<class T>() {
    auto g = static_cast<const T*>(grad_output);
    auto x = static_cast<const T*>(input);
    auto out = static_cast<T*>(grad_weight);
    if constexpr (is_refused<T>) {
      refuse(shape.dtype);
    } else if constexpr (is_half_type<T>) {
      Sizes n(shape);
      auto wide = std::make_unique_for_overwrite<float[]>(n.weight);
      outer<float>(correlation, widened<T>(g, n.output).get(), widened<T>(x, n.input).get(),
                   wide.get(), n);
      narrow<T>(wide.get(), out, n.weight);
    } else if constexpr (std::is_floating_point_v<T>) {
      outer<T>(correlation, g, x, out, Sizes(shape));
    } else {
      outer_loops<T>(correlation, g, x, out);
    }
  });
}

void conv_backward_bias(const ConvShape& shape, const void* grad_output, void* grad_bias) {
  const int64_t space = shape.out[0] * shape.out[1] * shape.out[2];
  with_scalar_type(shape.dtype, [&]<class T>() {
    auto g = static_cast<const T*>(grad_output);
    auto out = static_cast<T*>(grad_bias);
    if constexpr (is_refused<T>) {
      refuse(shape.dtype);
    } else {
      using Sum = std::conditional_t<is_half_type<T>, float, T>;
      int64_t per_chunk = std::max<int64_t>(1, 65536 / std::max<int64_t>(1, shape.N * space));
      parallel_ranges(shape.O, per_chunk, [&](int64_t begin, int64_t end) {
        constexpr int64_t most = 2048;
        Sum wide[is_half_type<T> ? most : 1];
        for (int64_t o = begin; o < end; ++o) {
          Sum total{};
          for (int64_t n = 0; n < shape.N; ++n) {
            // 16 sums side by side: the loop vectorises and long sums lose less.
            Sum lanes[16] = {};
            auto add = [&](const auto* row, int64_t length) {
              int64_t i = 0;
              for (; i + 16 <= length; i += 16)
                for (int lane = 0; lane < 16; ++lane)
                  lanes[lane] += static_cast<Sum>(row[i + lane]);
              for (; i < length; ++i) lanes[i & 15] += static_cast<Sum>(row[i]);
            };
            const T* row = g + (n * shape.O + o) * space;
            if constexpr (is_half_type<T>) {
              for (int64_t i = 0; i < space; i += most) {
                const int64_t length = std::min(most, space - i);
                convert(row + i, wide, length);
                add(wide, length);
              }
            } else {
              add(row, space);
            }
            for (int width = 8; width > 0; width /= 2)
              for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
            total += lanes[0];
          }
          out[o] = static_cast<T>(total);
        }
      });
    }
  });
}

}  // namespace flambeau
