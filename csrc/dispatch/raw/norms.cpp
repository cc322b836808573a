// Norms of rows of tensors, without history.
#include "dispatch/raw/norms.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "dispatch/iterate.h"
#include "dispatch/memory_format.h"
#include "dispatch/raw/precision.h"
#include "kernels/norm/distances.h"
#include "kernels/norm/norm.h"
#include "kernels/norm/pixels.h"

namespace flambeau::raw {

namespace {

/// x (n, channels, *) in groups.
GroupNormShape group_shape(const Tensor& x, int64_t groups) {
  check(x.ndim >= 2 && groups > 0 && x.numel && x.sizes[1] % groups == 0,
        [&] { return message("group_norm: x is ", describe(x), " in ", groups, " groups."); });
  const int64_t n = x.sizes[0], channels = x.sizes[1];
  return {n, groups, channels / groups, x.numel / n / channels};
}

NormGradients results(const Tensor& x, int64_t vector, const NormWants& wants) {
  TensorRef none;
  return {wants.x ? empty(sizes_of(x), x.dtype) : none,
          wants.weight ? empty({vector}, x.dtype) : none,
          wants.bias ? empty({vector}, x.dtype) : none};
}

/// run(grad, x, mean, rstd, weight, grad_x, grad_weight, grad_bias) with the operands' memory.
template <class Run>
NormGradients gradients(const char* op, Tensor& given_grad, const TensorRef& x, Tensor& given_mean,
                        Tensor& given_rstd, Tensor* given_weight, int64_t rows, int64_t vector,
                        const NormWants& wants, Run&& run) {
  TensorRef grad = operand(op, "grad", &given_grad, x->dtype, x->numel),
            mean = operand(op, "mean", &given_mean, x->dtype, rows),
            rstd = operand(op, "rstd", &given_rstd, x->dtype, rows),
            weight = operand(op, "weight", given_weight, x->dtype, vector);
  NormGradients made = results(*x, vector, wants);
  if (x->is_meta()) return made;
  in_precision(op, *x, [&]<class T>(T*) {
    const T *g = grad->as<T>(), *from = x->as<T>(), *m = mean->as<T>(), *r = rstd->as<T>(),
            *w = data_of<T>(weight);
    T *to_x = data_of<T>(std::get<0>(made)), *to_weight = data_of<T>(std::get<1>(made)),
      *to_bias = data_of<T>(std::get<2>(made));
    LongWork unlocked(x->numel > long_work);
    run(g, from, m, r, w, to_x, to_weight, to_bias);
  });
  return made;
}

}  // namespace

namespace {

/// The channels-last order that x lies in, if it does, for the loops over pixels.
Format order_of(const Tensor& x) {
  const Format format = format_shown(x);
  return is_channels_last(format) && x.on_cpu() && x.numel && is_in_format(x, format)
             ? format
             : Format::contiguous;
}

/// Whether rows of x are pixels too: a matrix of enough channels for vectors, whose sums stay in
/// cache.
bool is_of_rows(const Tensor& x) {
  constexpr int64_t fewest_channels = 8, most_channels = 1024;
  return x.ndim == 2 && x.contiguous && x.on_cpu() && x.sizes[1] >= fewest_channels &&
         x.sizes[1] <= most_channels;
}

TensorRef empty_like_pixels(const Tensor& x, Format format) {
  if (!is_channels_last(format)) return empty(sizes_of(x), x.dtype);
  return empty_strided(sizes_of(x), channels_last_strides(sizes_of(x), format, "group_norm"),
                       x.dtype);
}

/// A vector as T; null stays null.
template <class T>
std::vector<T> widened(Tensor* t) {
  std::vector<T> values(t ? static_cast<size_t>(t->numel) : 0);
  if (!t) return values;
  if (t->dtype == DType::bfloat16)
    std::copy_n(t->as<bfloat16>(), t->numel, values.begin());
  else if (t->dtype == DType::float16)
    std::copy_n(t->as<float16>(), t->numel, values.begin());
  else
    std::copy_n(t->as<T>(), t->numel, values.begin());
  return values;
}

std::tuple<TensorRef, TensorRef, TensorRef> group_norm_of_pixels(Tensor& x, int64_t groups,
                                                                 Tensor* weight, Tensor* bias,
                                                                 double eps, Format format) {
  const GroupNormShape shape = group_shape(x, groups);
  const DType wide = is_half(x.dtype) ? DType::float32 : x.dtype;
  TensorRef out = empty_like_pixels(x, format), mean = empty({shape.rows()}, wide),
            rstd = empty({shape.rows()}, wide);
  auto run = [&]<class T, class E>(T, E) {
    const std::vector<T> w = widened<T>(weight), b = widened<T>(bias);
    const E* from = x.as<E>();
    E* to = out->as<E>();
    T *m = mean->as<T>(), *r = rstd->as<T>();
    LongWork unlocked(x.numel > long_work);
    group_norm_pixels(shape, from, weight ? w.data() : nullptr, bias ? b.data() : nullptr,
                      static_cast<T>(eps), to, m, r);
  };
  if (x.dtype == DType::float16)
    run(float(), float16());
  else if (x.dtype == DType::bfloat16)
    run(float(), bfloat16());
  else
    in_precision("group_norm", x, [&]<class T>(T*) { run(T(), T()); });
  return {out, mean, rstd};
}

NormGradients gradients_of_pixels(Tensor& given_grad, Tensor& x, Tensor& given_mean,
                                  Tensor& given_rstd, Tensor* given_weight,
                                  const GroupNormShape& shape, const NormWants& wants,
                                  Format format) {
  const char* op = "norm_backward";
  check(given_grad.dtype == x.dtype && given_grad.numel == x.numel,
        [&] { return message(op, ": grad ", describe(given_grad), " of ", describe(x), "."); });
  TensorRef grad = in_format(given_grad, format, op);
  const int64_t channels = x.sizes[1];
  TensorRef mean = operand(op, "mean", &given_mean, x.dtype, shape.rows()),
            rstd = operand(op, "rstd", &given_rstd, x.dtype, shape.rows()),
            weight = operand(op, "weight", given_weight, x.dtype, channels);
  NormGradients made = results(x, channels, {false, wants.weight, wants.bias});
  if (wants.x) std::get<0>(made) = empty_like_pixels(x, format);
  in_precision(op, x, [&]<class T>(T*) {
    T *to = data_of<T>(std::get<0>(made)), *to_weight = data_of<T>(std::get<1>(made)),
      *to_bias = data_of<T>(std::get<2>(made));
    const T *g = grad->as<T>(), *from = x.as<T>(), *m = mean->as<T>(), *r = rstd->as<T>(),
            *w = data_of<T>(weight);
    LongWork unlocked(x.numel > long_work);
    group_norm_pixels_backward(shape, g, from, m, r, w, to, to_weight, to_bias);
  });
  return made;
}

}  // namespace

bool norms_pixels(const Tensor& x) { return is_channels_last(order_of(x)); }

std::tuple<TensorRef, TensorRef, TensorRef> group_norm(Tensor& given, int64_t groups,
                                                       Tensor* given_weight, Tensor* given_bias,
                                                       double eps) {
  const char* op = "group_norm";
  if (const Format format = order_of(given); is_channels_last(format)) {
    const int64_t channels = given.sizes[1];
    TensorRef weight = operand(op, "weight", given_weight, given.dtype, channels),
              bias = operand(op, "bias", given_bias, given.dtype, channels);
    return group_norm_of_pixels(given, groups, weight.get(), bias.get(), eps, format);
  }
  TensorRef x = contiguous(given);
  const GroupNormShape shape = group_shape(*x, groups);
  const int64_t all = shape.groups * shape.channels;
  TensorRef weight = operand(op, "weight", given_weight, x->dtype, all),
            bias = operand(op, "bias", given_bias, x->dtype, all);
  TensorRef out = empty(sizes_of(*x), x->dtype), mean = empty({shape.rows()}, x->dtype),
            rstd = empty({shape.rows()}, x->dtype);
  if (!x->is_meta())
    in_precision(op, *x, [&]<class T>(T*) {
      const T *from = x->as<T>(), *w = data_of<T>(weight), *b = data_of<T>(bias);
      T *to = out->as<T>(), *m = mean->as<T>(), *r = rstd->as<T>();
      LongWork unlocked(x->numel > long_work);
      flambeau::group_norm(shape, from, w, b, static_cast<T>(eps), to, m, r);
    });
  return {out, mean, rstd};
}

NormGradients group_norm_backward(Tensor& grad, Tensor& given, Tensor& mean, Tensor& rstd,
                                  Tensor* weight, int64_t groups, const NormWants& wants) {
  if (const Format format = order_of(given); is_channels_last(format))
    return gradients_of_pixels(grad, given, mean, rstd, weight, group_shape(given, groups), wants,
                               format);
  TensorRef x = contiguous(given);
  const GroupNormShape shape = group_shape(*x, groups);
  return gradients("group_norm_backward", grad, x, mean, rstd, weight, shape.rows(),
                   shape.groups * shape.channels, wants,
                   [&](auto... operands) { flambeau::group_norm_backward(shape, operands...); });
}

NormGradients layer_norm_backward(Tensor& grad, Tensor& given, Tensor& mean, Tensor& rstd,
                                  Tensor* weight, int64_t length, const NormWants& wants) {
  TensorRef x = contiguous(given);
  const int64_t rows = length > 0 ? x->numel / length : 0;
  check(x->numel && rows * length == x->numel, [&] {
    return message("layer_norm_backward: x is ", describe(*x), " in rows of ", length, ".");
  });
  return gradients(
      "layer_norm_backward", grad, x, mean, rstd, weight, rows, length, wants,
      [&](auto... operands) { flambeau::layer_norm_backward(rows, length, operands...); });
}

namespace {

Channels channels_of(const Tensor& x) {
  return {x.sizes[0], x.sizes[1], x.numel / (x.sizes[0] * x.sizes[1])};
}

/// kept moves towards `now` as lerp() has it.
template <class T>
void follow(Tensor* kept, const T* now, double scale, double momentum) {
  if (!kept) return;
  T* to = kept->as<T>();
  const auto weight = static_cast<T>(momentum);
  for (int64_t c = 0; c < kept->numel; ++c) {
    const T end = static_cast<T>(now[c] * scale), step = end - to[c];
    to[c] = std::abs(weight) < T(0.5) ? to[c] + weight * step : end - step * (1 - weight);
  }
  kept->bump_version("lerp_");
}

}  // namespace

std::tuple<TensorRef, TensorRef, TensorRef> batch_norm(Tensor& x, Tensor* weight, Tensor* bias,
                                                       const RunningMoments& running, double eps) {
  const Channels shape = channels_of(x);
  const int64_t channels = shape.channels;
  const auto count = static_cast<double>(shape.n * shape.space);
  const Format format = order_of(x);
  const bool pixels = is_channels_last(format) || is_of_rows(x);
  TensorRef out = empty_like_pixels(x, format), mean = empty({channels}, x.dtype),
            rstd = empty({channels}, x.dtype);
  in_precision("batch_norm", x, [&]<class T>(T*) {
    const T *from = x.as<T>(), *w = weight ? weight->as<T>() : nullptr,
            *b = bias ? bias->as<T>() : nullptr;
    T *to = out->as<T>(), *m = mean->as<T>(), *r = rstd->as<T>();
    std::vector<T> var(channels), factor(channels), shift(channels);
    if (pixels) {  // one image, each channel a group
      {
        LongWork unlocked(x.numel > long_work);
        group_norm_pixels({1, channels, 1, shape.n * shape.space}, from, w, b, static_cast<T>(eps),
                          to, m, r, var.data());
      }
      follow(running.mean, m, 1, running.momentum);
      follow(running.var, var.data(), count / (count - 1), running.momentum);
      return;
    }
    {
      LongWork unlocked(x.numel > long_work);
      channel_moments(shape, from, m, var.data());
    }
    follow(running.mean, m, 1, running.momentum);
    follow(running.var, var.data(), count / (count - 1), running.momentum);
    for (int64_t c = 0; c < channels; ++c) {
      r[c] = static_cast<T>(1 / std::sqrt(static_cast<double>(var[c]) + eps));
      factor[c] = w ? r[c] * w[c] : r[c];
      shift[c] = b ? b[c] : T(0);
    }
    LongWork unlocked(x.numel > long_work);
    channel_scale(shape, from, m, factor.data(), shift.data(), to);
  });
  return {out, mean, rstd};
}

TensorRef batch_norm_by(Tensor& x, Tensor* weight, Tensor* bias, Tensor& mean, Tensor& var,
                        double eps) {
  const Channels shape = channels_of(x);
  const Format format = order_of(x);
  const bool pixels = is_channels_last(format) || is_of_rows(x);
  TensorRef out = empty_like_pixels(x, format);
  auto run = [&]<class T, class E>(T, E) {
    const std::vector<T> w = widened<T>(weight), b = widened<T>(bias), m = widened<T>(&mean),
                         v = widened<T>(&var);
    std::vector<T> factor(shape.channels), shift(shape.channels);
    for (int64_t c = 0; c < shape.channels; ++c) {
      const T rstd = T(1) / std::sqrt(v[c] + static_cast<T>(eps));
      factor[c] = weight ? rstd * w[c] : rstd;
      shift[c] = bias ? b[c] : T(0);
    }
    const E* from = x.as<E>();
    E* to = out->as<E>();
    LongWork unlocked(x.numel > long_work);
    if (pixels)
      scale_pixels(shape.n * shape.space, shape.channels, from, m.data(), factor.data(),
                   shift.data(), to);
    else if constexpr (std::is_same_v<T, E>)
      channel_scale(shape, from, m.data(), factor.data(), shift.data(), to);
  };
  if (x.dtype == DType::float16)
    run(float(), float16());
  else if (x.dtype == DType::bfloat16)
    run(float(), bfloat16());
  else
    in_precision("batch_norm", x, [&]<class T>(T*) { run(T(), T()); });
  return out;
}

NormGradients batch_norm_backward(Tensor& given_grad, Tensor& given, Tensor& mean, Tensor& rstd,
                                  Tensor* weight, const NormWants& wants) {
  if (const Format format = order_of(given); is_channels_last(format) || is_of_rows(given)) {
    const Channels all = channels_of(given);
    return gradients_of_pixels(given_grad, given, mean, rstd, weight,
                               {1, all.channels, 1, all.n * all.space}, wants, format);
  }
  TensorRef x = contiguous(given);
  const Channels shape = channels_of(*x);
  const int64_t channels = shape.channels;
  const auto count = static_cast<double>(shape.n * shape.space);
  return gradients(
      "batch_norm_backward", given_grad, x, mean, rstd, weight, channels, channels, wants,
      [&]<class T>(const T* g, const T* from, const T* m, const T* r, const T* w, T* to,
                   T* to_weight, T* to_bias) {
        std::vector<T> total(channels), along(channels), factor(channels), slope(channels);
        channel_products(shape, g, from, m, total.data(), along.data());
        for (int64_t c = 0; c < channels; ++c) {
          if (to_weight) to_weight[c] = along[c] * r[c];
          if (to_bias) to_bias[c] = total[c];
          factor[c] = w ? r[c] * w[c] : r[c];
          slope[c] = static_cast<T>(r[c] * r[c] * (along[c] / count));
          total[c] = static_cast<T>(total[c] / count);
        }
        if (to) channel_centre(shape, g, from, m, factor.data(), slope.data(), total.data(), to);
      });
}

static std::tuple<TensorRef, TensorRef> products_of_halves(Tensor& given_grad, Tensor& given,
                                                           Tensor& given_mean) {
  const char* op = "channel_products";
  check(given_grad.dtype == given.dtype && given_grad.numel == given.numel,
        [&] { return message(op, ": grad ", describe(given_grad), " of ", describe(given), "."); });
  const Format format = order_of(given);
  const bool pixels = is_channels_last(format);
  TensorRef x = pixels ? TensorRef::borrow(&given) : contiguous(given),
            grad = pixels ? in_format(given_grad, format, op) : contiguous(given_grad);
  const Channels shape = channels_of(*x);
  TensorRef mean = operand(op, "mean", &given_mean, DType::float32, shape.channels),
            total = empty({shape.channels}, DType::float32),
            along = empty({shape.channels}, DType::float32);
  auto run = [&]<class E>(E) {
    const E *g = grad->as<E>(), *from = x->as<E>();
    const float* m = mean->as<float>();
    float *to_total = total->as<float>(), *to_along = along->as<float>();
    LongWork unlocked(x->numel > long_work);
    if (pixels)
      pixel_products(shape.n * shape.space, shape.channels, g, from, m, to_total, to_along);
    else
      channel_products_of_halves(shape, g, from, m, to_total, to_along);
  };
  if (x->is_meta()) return {total, along};
  x->dtype == DType::float16 ? run(float16()) : run(bfloat16());
  return {total, along};
}

std::tuple<TensorRef, TensorRef> channel_products(Tensor& given_grad, Tensor& given,
                                                  Tensor& given_mean) {
  const char* op = "channel_products";
  if (is_half(given.dtype)) return products_of_halves(given_grad, given, given_mean);
  TensorRef x = contiguous(given);
  const GroupNormShape shape = group_shape(*x, 1);
  const int64_t channels = shape.channels;
  TensorRef grad = operand(op, "grad", &given_grad, x->dtype, x->numel),
            mean = operand(op, "mean", &given_mean, x->dtype, channels),
            total = empty({channels}, x->dtype), along = empty({channels}, x->dtype);
  if (!x->is_meta())
    in_precision(op, *x, [&]<class T>(T*) {
      const T *g = grad->as<T>(), *from = x->as<T>(), *m = mean->as<T>();
      T *to_total = total->as<T>(), *to_along = along->as<T>();
      LongWork unlocked(x->numel > long_work);
      flambeau::channel_products({shape.n, channels, shape.space}, g, from, m, to_total, to_along);
    });
  return {total, along};
}

// ---- distances

static Points points_of(const char* op, const Tensor& x1, const Tensor* x2) {
  bool fits = (x1.dtype == DType::float32 || x1.dtype == DType::float64) && x1.ndim >= 2;
  Points points{1, 0, 0, 0, x2 == nullptr};
  if (fits && x2) {
    fits = x2->dtype == x1.dtype && x2->ndim == x1.ndim;
    for (int d = 0; fits && d < x1.ndim; ++d)
      fits = d == x1.ndim - 2 || x2->sizes[d] == x1.sizes[d];
  }
  check(fits, [&] {
    return message(op, ": points are ", describe(x1), " and ", x2 ? describe(*x2) : "the same",
                   "; expected float32 or float64 (*, P, M) and (*, R, M).");
  });
  for (int d = 0; d < x1.ndim - 2; ++d) points.batch *= x1.sizes[d];
  points.n1 = x1.sizes[x1.ndim - 2], points.features = x1.sizes[x1.ndim - 1];
  points.n2 = x2 ? x2->sizes[x1.ndim - 2] : points.n1;
  return points;
}

static Dims distance_sizes(const Points& points, const Tensor& x1) {
  Dims sizes;
  for (int d = 0; d < x1.ndim - 2; ++d) sizes.push(x1.sizes[d]);
  if (!points.pairs) sizes.push(points.n1);
  sizes.push(points.pairs ? points.count() : points.n2);
  return sizes;
}

TensorRef distances(Tensor& given1, Tensor* given2, double p) {
  const Points points = points_of("distances", given1, given2);
  TensorRef out = empty(distance_sizes(points, given1), given1.dtype);
  if (out->is_meta() || out->numel == 0) return out;
  TensorRef x1 = contiguous(given1), x2 = given2 ? contiguous(*given2) : x1;
  in_precision("distances", *x1, [&]<class T>(T*) {
    const T *one = x1->as<T>(), *other = x2->as<T>();
    T* to = out->as<T>();
    LongWork unlocked(out->numel * (points.features + 4) > long_work);
    flambeau::distances(points, p, one, other, to);
  });
  return out;
}

TensorRef distances_backward(Tensor& given_grad, Tensor& given1, Tensor* given2, Tensor& distance,
                             double p) {
  const Points points = points_of("distances_backward", given1, given2);
  const Dims sizes = distance_sizes(points, given1);
  check(sizes_of(given_grad) == sizes && sizes_of(distance) == sizes &&
            given_grad.dtype == given1.dtype && distance.dtype == given1.dtype,
        [&] {
          return message("distances_backward: grad ", describe(given_grad), " and distances ",
                         describe(distance), " do not fit points ", describe(given1), ".");
        });
  TensorRef result = empty(sizes_of(given1), given1.dtype);
  if (result->is_meta() || result->numel == 0) return result;
  if (p == 0 || given_grad.numel == 0) {
    fill_bytes(*result, 0);
    return result;
  }
  TensorRef x1 = contiguous(given1), x2 = given2 ? contiguous(*given2) : x1,
            grad = contiguous(given_grad), lengths = contiguous(distance);
  in_precision("distances_backward", *x1, [&]<class T>(T*) {
    const T *one = x1->as<T>(), *other = x2->as<T>(), *g = grad->as<T>(), *d = lengths->as<T>();
    T* to = result->as<T>();
    LongWork unlocked(grad->numel * (points.features + 4) > long_work);
    flambeau::distances_backward(points, p, one, other, g, d, to);
  });
  return result;
}

}  // namespace flambeau::raw
