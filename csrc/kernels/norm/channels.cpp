// Passes over the channels of images. Where a channel has few elements in an image, the columns of
// whole images are gone through side by side.
#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels/elements/convert.h"
#include "kernels/norm/norm.h"
#include "kernels/norm/simd.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// Elements that are worth a task.
constexpr int64_t task_elements = 1 << 14;
/// Channels of fewer elements in an image are not gone through one by one.
constexpr int64_t least_space = 32;

int64_t at_once(int64_t length) {
  return std::max<int64_t>(1, task_elements / std::max<int64_t>(1, length));
}

std::unique_ptr<double[]> numbers(int64_t n) { return std::make_unique<double[]>(n); }

/// `width` sums over images: add(image, sums). Images are cut by sizes alone, and parts added up in
/// their order.
template <class Add>
std::unique_ptr<double[]> sums_over(const Channels& shape, int64_t width, int64_t most, Add&& add) {
  const int64_t images = std::max(at_once(2 * shape.length()), (shape.n + most - 1) / most);
  const int64_t parts = (shape.n + images - 1) / images;
  auto sums = numbers(parts * width);
  parallel_for(parts, [&](int64_t part) {
    const int64_t end = std::min(shape.n, (part + 1) * images);
    for (int64_t i = part * images; i < end; ++i) add(i, sums.get() + part * width);
  });
  for (int64_t part = 1; part < parts; ++part)
    for (int64_t j = 0; j < width; ++j) sums[j] += sums[part * width + j];
  return sums;
}

/// Sums of each column over images, and n_sums - 1 more behind them: add(first element, columns,
/// sums). Long images are cut into columns, so that the sums stay in cache.
template <int n_sums, class Add>
std::unique_ptr<double[]> sums_of_columns(const Channels& shape, Add&& add) {
  constexpr int64_t block = 512, few_blocks = 8, most_parts = 16;
  const int64_t length = shape.length();
  if (length < few_blocks * block)
    return sums_over(shape, n_sums * length, most_parts,
                     [&](int64_t i, double* sums) { add(i * length, 0, length, sums); });
  auto sums = numbers(n_sums * length);
  parallel_ranges(length, block, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < shape.n; ++i)
      add(i * length + begin, begin, end - begin, sums.get() + begin);
  });
  return sums;
}

/// The sum of the columns of each channel.
double folded(const double* columns, int64_t channel, int64_t space) {
  double sum = 0;
  for (int64_t j = channel * space; j < (channel + 1) * space; ++j) sum += columns[j];
  return sum;
}

/// Numbers of channels, one for each element of an image.
template <class T>
std::unique_ptr<T[]> spread(const Channels& shape, const T* each) {
  auto all = std::make_unique_for_overwrite<T[]>(shape.length());
  for (int64_t c = 0; c < shape.channels; ++c)
    std::fill_n(all.get() + c * shape.space, shape.space, each[c]);
  return all;
}

template <class T>
void moments_of_planes(const Channels& shape, const T* x, T* mean, T* var) {
  const auto& kernels = norm_kernels<T>();
  const int64_t planes = shape.n * shape.channels, space = shape.space;
  const auto width = static_cast<double>(space), count = width * static_cast<double>(shape.n);
  // Of each plane the sum, and the squares around its own mean: it is read while it is in cache.
  const auto sums = numbers(2 * planes);
  auto own_mean = [&](double sum) { return static_cast<T>(sum / width); };
  parallel_ranges(planes, at_once(space), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const double sum = kernels.sum(space, x + p * space);
      sums[2 * p] = sum;
      sums[2 * p + 1] = kernels.squares(space, x + p * space, own_mean(sum));
    }
  });
  for (int64_t c = 0; c < shape.channels; ++c) {
    double total = 0, squares = 0;
    for (int64_t p = c; p < planes; p += shape.channels) total += sums[2 * p];
    const double middle = total / count;
    for (int64_t p = c; p < planes; p += shape.channels) {
      const auto own = static_cast<double>(own_mean(sums[2 * p]));
      const double off = own - middle;
      squares += sums[2 * p + 1] + off * (2 * (sums[2 * p] - width * own) + width * off);
    }
    mean[c] = static_cast<T>(middle);
    var[c] = static_cast<T>(squares / count);
  }
}

template <class T>
void moments_of_columns(const Channels& shape, const T* x, T* mean, T* var) {
  const auto& kernels = norm_kernels<T>();
  const auto count = static_cast<double>(shape.n * shape.space);
  const auto totals = sums_of_columns<1>(shape, [&](int64_t at, int64_t, int64_t n, double* sums) {
    kernels.add_columns(n, x + at, sums);
  });
  const auto middles = numbers(shape.channels);
  for (int64_t c = 0; c < shape.channels; ++c) {
    middles[c] = folded(totals.get(), c, shape.space) / count;
    mean[c] = static_cast<T>(middles[c]);
  }
  const auto means = spread(shape, mean);
  const auto squares =
      sums_of_columns<1>(shape, [&](int64_t at, int64_t first, int64_t n, double* sums) {
        kernels.add_squares(n, x + at, means.get() + first, sums);
      });
  for (int64_t c = 0; c < shape.channels; ++c) {
    const double off = static_cast<double>(mean[c]) - middles[c];
    var[c] = static_cast<T>(folded(squares.get(), c, shape.space) / count - off * off);
  }
}

}  // namespace

template <class T>
void channel_moments(const Channels& shape, const T* x, T* mean, T* var) {
  shape.space < least_space ? moments_of_columns(shape, x, mean, var)
                            : moments_of_planes(shape, x, mean, var);
}

template <class T>
void channel_scale(const Channels& shape, const T* x, const T* mean, const T* factor,
                   const T* shift, T* out) {
  const auto& kernels = norm_kernels<T>();
  const int64_t length = shape.length(), space = shape.space;
  const bool usable = std::all_of(factor, factor + shape.channels, [](T f) { return f - f == 0; });
  if (space < least_space && usable) {
    const auto means = spread(shape, mean), factors = spread(shape, factor),
               shifts = spread(shape, shift);
    return parallel_ranges(shape.n, at_once(length), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        kernels.scale_each(length, x + i * length, means.get(), factors.get(), shifts.get(),
                           out + i * length);
    });
  }
  parallel_ranges(shape.n * shape.channels, at_once(space), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t c = p % shape.channels;
      const T *from = x + p * space, f = factor[c];
      T* to = out + p * space;
      if (f - f == 0) {
        kernels.scale(space, from, mean[c], f, shift[c], to);
        continue;
      }
      // An infinite factor meets x and the mean each for itself, as in PyTorch.
      const T rest = shift[c] - f * mean[c];
      for (int64_t j = 0; j < space; ++j) to[j] = from[j] * f + rest;
    }
  });
}

template <class T>
void channel_products(const Channels& shape, const T* grad, const T* x, const T* mean, T* total,
                      T* along) {
  const auto& kernels = norm_kernels<T>();
  const int64_t channels = shape.channels, space = shape.space, length = shape.length();
  if (space < least_space) {
    const auto means = spread(shape, mean);
    const auto sums =
        sums_of_columns<2>(shape, [&](int64_t at, int64_t first, int64_t n, double* to) {
          kernels.add_products(n, grad + at, x + at, means.get() + first, to, to + length);
        });
    for (int64_t c = 0; c < channels; ++c) {
      total[c] = static_cast<T>(folded(sums.get(), c, space));
      along[c] = static_cast<T>(folded(sums.get() + length, c, space));
    }
    return;
  }
  const auto sums = sums_over(shape, 2 * channels, 64, [&](int64_t i, double* to) {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t plane = i * length + c * space;
      double own[2];
      kernels.products(space, grad + plane, x + plane, mean[c], T(1), own);
      to[2 * c] += own[0];
      to[2 * c + 1] += own[1];
    }
  });
  for (int64_t c = 0; c < channels; ++c) {
    total[c] = static_cast<T>(sums[2 * c]);
    along[c] = static_cast<T>(sums[2 * c + 1]);
  }
}

template <class E>
void channel_products_of_halves(const Channels& shape, const E* grad, const E* x, const float* mean,
                                float* total, float* along) {
  constexpr int64_t most = 2048;
  const auto& kernels = norm_kernels<float>();
  const int64_t channels = shape.channels, space = shape.space;
  const auto sums = sums_over(shape, 2 * channels, 64, [&](int64_t i, double* to) {
    float wide[2][most];
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t j = 0; j < space; j += most) {
        const int64_t at = i * shape.length() + c * space + j, n = std::min(most, space - j);
        convert(grad + at, wide[0], n);
        convert(x + at, wide[1], n);
        double own[2];
        kernels.products(n, wide[0], wide[1], mean[c], 1.0f, own);
        to[2 * c] += own[0];
        to[2 * c + 1] += own[1];
      }
  });
  for (int64_t c = 0; c < channels; ++c) {
    total[c] = static_cast<float>(sums[2 * c]);
    along[c] = static_cast<float>(sums[2 * c + 1]);
  }
}

template void channel_products_of_halves(const Channels&, const float16*, const float16*,
                                         const float*, float*, float*);
template void channel_products_of_halves(const Channels&, const bfloat16*, const bfloat16*,
                                         const float*, float*, float*);

template <class T>
void channel_centre(const Channels& shape, const T* grad, const T* x, const T* mean,
                    const T* factor, const T* slope, const T* shift, T* out) {
  const auto& kernels = norm_kernels<T>();
  const int64_t length = shape.length(), space = shape.space;
  if (space < least_space) {
    const auto means = spread(shape, mean), factors = spread(shape, factor),
               slopes = spread(shape, slope), shifts = spread(shape, shift);
    return parallel_ranges(shape.n, at_once(length), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        kernels.centre_each(length, grad + i * length, x + i * length, means.get(), factors.get(),
                            slopes.get(), shifts.get(), out + i * length);
    });
  }
  parallel_ranges(shape.n * shape.channels, at_once(space), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t c = p % shape.channels;
      kernels.centre(space, grad + p * space, x + p * space, mean[c], factor[c], slope[c], shift[c],
                     out + p * space);
    }
  });
}

#define FLAMBEAU_CHANNELS(T)                                                                      \
  template void channel_moments(const Channels&, const T*, T*, T*);                               \
  template void channel_scale(const Channels&, const T*, const T*, const T*, const T*, T*);       \
  template void channel_products(const Channels&, const T*, const T*, const T*, T*, T*);          \
  template void channel_centre(const Channels&, const T*, const T*, const T*, const T*, const T*, \
                               const T*, T*);
FLAMBEAU_CHANNELS(float)
FLAMBEAU_CHANNELS(double)

}  // namespace flambeau
