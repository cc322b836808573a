#include "kernels/norm/norm.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels/norm/simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// Elements that are worth a task.
constexpr int64_t task_elements = 1 << 14;

int64_t rows_at_once(int64_t length) {
  return std::max<int64_t>(1, task_elements / std::max<int64_t>(1, length));
}

/// Channels of fewer elements are not gone through one by one: a row has its weights side by side.
constexpr int64_t least_space = 32;

/// A weight; NaN for an infinite one, which leaves no number.
template <class T>
T usable(T weight) {
  return weight + (weight - weight);
}

template <class T>
bool any_unusable(int64_t n, const T* weights) {
  int any = 0;
  for (int64_t i = 0; i < n; ++i) any |= weights[i] - weights[i] != 0;
  return any;
}

/// An infinite factor meets x and the mean each for itself, as in PyTorch: NaN or an infinity.
template <class T>
void scale_apart(int64_t n, const T* x, T mean, T factor, T shift, T* out) {
  const T rest = shift - factor * mean;
  for (int64_t j = 0; j < n; ++j) out[j] = x[j] * factor + rest;
}

/// The parameters of channels of few elements, one for each element of an image; null stays null.
template <class T>
class Spread {
 public:
  Spread(const GroupNormShape& shape, const T* each, bool weights) : data_(each) {
    const int64_t channels = shape.groups * shape.channels;
    if (!each || (shape.space == 1 && !(weights && any_unusable(channels, each)))) return;
    own_ = std::make_unique_for_overwrite<T[]>(channels * shape.space);
    for (int64_t c = 0; c < channels; ++c)
      std::fill_n(own_.get() + c * shape.space, shape.space, weights ? usable(each[c]) : each[c]);
    data_ = own_.get();
  }
  /// All of them.
  const T* get() const { return data_; }
  /// Those of the elements of a row.
  const T* of(int64_t row, const GroupNormShape& shape) const {
    return data_ ? data_ + row % shape.groups * shape.length() : nullptr;
  }

 private:
  std::unique_ptr<T[]> own_;
  const T* data_;
};

/// to[j] = the sum of n parts, `step` apart, in their order.
template <class T>
void add_up(int64_t n, int64_t step, int64_t length, const T* parts, T* to) {
  if (!to) return;
  parallel_ranges(length, 4096, [&](int64_t begin, int64_t end) {
    std::copy(parts + begin, parts + end, to + begin);
    for (int64_t i = 1; i < n; ++i)
      for (int64_t j = begin; j < end; ++j) to[j] += parts[i * step + j];
  });
}

}  // namespace

template <class T>
void group_norm(const GroupNormShape& shape, const T* x, const T* weight, const T* bias, T eps,
                T* out, T* mean, T* rstd) {
  const auto& kernels = norm_kernels<T>();
  const int64_t length = shape.length(), space = shape.space;
  const auto count = static_cast<double>(length);
  const bool together =
      space < least_space && !(weight && any_unusable(shape.groups * shape.channels, weight));
  const Spread<T> weights(shape, together ? weight : nullptr, false),
      biases(shape, together ? bias : nullptr, false);
  parallel_ranges(shape.rows(), rows_at_once(length), [&](int64_t begin, int64_t end) {
    if (together)
      return kernels.rows(end - begin, length, x + begin * length, eps, weights.get(), biases.get(),
                          begin % shape.groups, shape.groups, out + begin * length, mean + begin,
                          rstd + begin);
    for (int64_t row = begin; row < end; ++row) {
      const T* from = x + row * length;
      T m = static_cast<T>(kernels.sum(length, from) / count);
      m += m - m;  // an infinity among others leaves no mean: NaN
      const double var = kernels.squares(length, from, m) / count;
      const T r = static_cast<T>(1 / std::sqrt(var + static_cast<double>(eps)));
      mean[row] = m;
      rstd[row] = r;
      const int64_t first = row % shape.groups * shape.channels;
      for (int64_t c = 0; c < shape.channels; ++c) {
        const T factor = weight ? r * weight[first + c] : r, shift = bias ? bias[first + c] : T(0);
        T* to = out + row * length + c * space;
        if (factor - factor != 0)
          scale_apart(space, from + c * space, m, factor, shift, to);
        else
          kernels.scale(space, from + c * space, m, factor, shift, to);
      }
    }
  });
}

template <class T>
void group_norm_backward(const GroupNormShape& shape, const T* grad, const T* x, const T* mean,
                         const T* rstd, const T* weight, T* grad_x, T* grad_weight, T* grad_bias) {
  const auto& kernels = norm_kernels<T>();
  const int64_t length = shape.length(), space = shape.space;
  const int64_t all = shape.groups * shape.channels;
  const auto count = static_cast<double>(length);
  // For each image and channel the sums that go to bias and weight.
  const auto parts = std::make_unique_for_overwrite<T[]>(2 * shape.n * all);
  T *for_bias = parts.get(), *for_weight = parts.get() + shape.n * all;
  const bool together = space < least_space;
  const bool single = space == 1;  // then g itself goes to bias
  const Spread<T> weights(shape, together ? weight : nullptr, true);
  parallel_ranges(shape.rows(), rows_at_once(2 * length), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T *g = grad + row * length, *from = x + row * length;
      const T m = mean[row], r = rstd[row];
      const int64_t first = row % shape.groups * shape.channels;
      double sums[2] = {0, 0};
      if (together) {
        T* to_weight = for_weight + row * shape.channels;
        for (int64_t c = 0; !single && c < shape.channels; ++c) {
          T own[2] = {0, 0};
          for (int64_t j = c * space; j < (c + 1) * space; ++j) {
            own[0] += g[j];
            own[1] += g[j] * ((from[j] - m) * r);
          }
          for_bias[row * shape.channels + c] = own[0];
          to_weight[c] = own[1];
        }
        const T* each = weights.of(row, shape);
        kernels.weighted_products(length, g, from, each, m, r, sums);
        kernels.combine_each(length, g, from, m, r, each, static_cast<T>(-sums[1] / count) * r * r,
                             static_cast<T>(-sums[0] / count) * r,
                             grad_x ? grad_x + row * length : nullptr,
                             single && grad_weight ? to_weight : nullptr);
        continue;
      }
      for (int64_t c = 0; c < shape.channels; ++c) {
        double own[2];
        kernels.products(space, g + c * space, from + c * space, m, r, own);
        for_bias[row * shape.channels + c] = static_cast<T>(own[0]);
        for_weight[row * shape.channels + c] = static_cast<T>(own[1]);
        const double w = weight ? static_cast<double>(weight[first + c]) : 1.0;
        sums[0] += w * own[0];
        sums[1] += w * own[1];
      }
      if (!grad_x) continue;
      const T slope = static_cast<T>(-sums[1] / count) * r * r,
              shift = static_cast<T>(-sums[0] / count) * r;
      for (int64_t c = 0; c < shape.channels; ++c)
        kernels.combine(space, g + c * space, from + c * space, m,
                        weight ? r * weight[first + c] : r, slope, shift,
                        grad_x + row * length + c * space);
    }
  });
  add_up(shape.n, all, all, single ? grad : for_bias, grad_bias);
  add_up(shape.n, all, all, for_weight, grad_weight);
}

template <class T>
void layer_norm_backward(int64_t rows, int64_t length, const T* grad, const T* x, const T* mean,
                         const T* rstd, const T* weight, T* grad_x, T* grad_weight, T* grad_bias) {
  const auto& kernels = norm_kernels<T>();
  const auto count = static_cast<double>(length);
  constexpr int64_t most_parts = 64;
  const int64_t at_once =
      round_up(std::max(rows_at_once(2 * length), ceil_div(rows, most_parts)), 4);
  const int64_t n_parts = ceil_div(rows, at_once);
  const auto parts = std::make_unique<T[]>(2 * n_parts * length);
  parallel_for(n_parts, [&](int64_t part) {
    T* for_bias = parts.get() + 2 * part * length;
    T* for_weight = for_bias + length;
    const int64_t end = std::min(rows, (part + 1) * at_once);
    for (int64_t row = part * at_once; row < end; row += 4) {
      const int n = static_cast<int>(std::min<int64_t>(4, end - row));
      T sums[4][2];
      for (int q = 0; grad_x && q < n; ++q) {
        double own[2];
        kernels.weighted_products(length, grad + (row + q) * length, x + (row + q) * length, weight,
                                  mean[row + q], rstd[row + q], own);
        sums[q][0] = static_cast<T>(own[0] / count);
        sums[q][1] = static_cast<T>(own[1] / count);
      }
      kernels.finish_rows(n, length, grad + row * length, x + row * length, weight, mean + row,
                          rstd + row, sums, grad_x ? grad_x + row * length : nullptr,
                          grad_weight ? for_weight : nullptr, grad_bias ? for_bias : nullptr);
    }
  });
  add_up(n_parts, 2 * length, length, parts.get(), grad_bias);
  add_up(n_parts, 2 * length, length, parts.get() + length, grad_weight);
}

template void group_norm(const GroupNormShape&, const float*, const float*, const float*, float,
                         float*, float*, float*);
template void group_norm(const GroupNormShape&, const double*, const double*, const double*, double,
                         double*, double*, double*);
template void group_norm_backward(const GroupNormShape&, const float*, const float*, const float*,
                                  const float*, const float*, float*, float*, float*);
template void group_norm_backward(const GroupNormShape&, const double*, const double*,
                                  const double*, const double*, const double*, double*, double*,
                                  double*);
template void layer_norm_backward(int64_t, int64_t, const float*, const float*, const float*,
                                  const float*, const float*, float*, float*, float*);
template void layer_norm_backward(int64_t, int64_t, const double*, const double*, const double*,
                                  const double*, const double*, double*, double*, double*);

}  // namespace flambeau
