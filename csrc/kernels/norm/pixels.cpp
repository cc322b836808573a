#include "kernels/norm/pixels.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <type_traits>
#include <vector>

#include "kernels/elements/clones.h"
#include "kernels/elements/convert.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

enum Slot { wide_slot = 4, sums_slot };

/// Elements that are worth a task, and pixels whose sums stay in T.
constexpr int64_t task_elements = 1 << 14, some_pixels = 64;

/// Pixels that are read at once: halves are converted where they stay in the first cache.
int64_t pixels_at_once(int64_t channels) {
  return std::clamp<int64_t>(2048 / channels, 1, some_pixels);
}

/// sums[c] += a, along[c] += a * (x - middle) of channel c, over some pixels; a is x - middle, or
/// the gradient if there is one.
template <class T>
[[gnu::always_inline]] inline void add_products(int64_t pixels, int64_t channels, const T* grad,
                                                const T* x, const T* middle, T* sums, T* along) {
  typedef T Vector __attribute__((vector_size(32), aligned(sizeof(T)), may_alias));
  constexpr int64_t lanes = 32 / sizeof(T);
  auto at = [](const T* p)
                __attribute__((always_inline)) { return reinterpret_cast<const Vector*>(p); };
  auto some = [&]<int count>(int64_t c) __attribute__((always_inline)) {
    Vector s[count], q[count], m[count];
    for (int v = 0; v < count; ++v) {
      m[v] = at(middle + c)[v];
      s[v] = at(sums + c)[v];
      q[v] = at(along + c)[v];
    }
    for (int64_t p = 0; p < pixels; ++p)
      for (int v = 0; v < count; ++v) {
        const Vector off = at(x + p * channels + c)[v] - m[v];
        const Vector a = grad ? at(grad + p * channels + c)[v] : off;
        s[v] += a;
        q[v] += a * off;
      }
    for (int v = 0; v < count; ++v) {
      reinterpret_cast<Vector*>(sums + c)[v] = s[v];
      reinterpret_cast<Vector*>(along + c)[v] = q[v];
    }
  };
  int64_t c = 0;
  for (; c + 4 * lanes <= channels; c += 4 * lanes) some.template operator()<4>(c);
  for (; c + lanes <= channels; c += lanes) some.template operator()<1>(c);
  for (; c < channels; ++c) {
    T s = sums[c], q = along[c];
    for (int64_t p = 0; p < pixels; ++p) {
      const T off = x[p * channels + c] - middle[c], a = grad ? grad[p * channels + c] : off;
      s += a;
      q += a * off;
    }
    sums[c] = s;
    along[c] = q;
  }
}

/// One of each for a channel.
template <class T>
struct Lines {
  const T *middle, *factor, *shift, *slope;
};

/// out = (x - middle) * factor + shift; an infinite factor meets x and the middle each for itself,
/// as in PyTorch.
template <class T>
[[gnu::always_inline]] inline void scale(int64_t pixels, int64_t channels, const T* x,
                                         const Lines<T>& by, bool usable, T* __restrict out) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, out += channels)
    if (usable)
      for (int64_t c = 0; c < channels; ++c)
        out[c] = (x[c] - by.middle[c]) * by.factor[c] + by.shift[c];
    else
      for (int64_t c = 0; c < channels; ++c)
        out[c] = by.factor[c] - by.factor[c] == 0
                     ? (x[c] - by.middle[c]) * by.factor[c] + by.shift[c]
                     : x[c] * by.factor[c] + (by.shift[c] - by.factor[c] * by.middle[c]);
}

/// out = grad * factor + (x - middle) * slope + shift
template <class T>
[[gnu::always_inline]] inline void combine(int64_t pixels, int64_t channels, const T* grad,
                                           const T* x, const Lines<T>& by, T* __restrict out) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, grad += channels, out += channels)
    for (int64_t c = 0; c < channels; ++c)
      out[c] = grad[c] * by.factor[c] + (x[c] - by.middle[c]) * by.slope[c] + by.shift[c];
}

#define FLAMBEAU_PIXEL_PASSES(T)                                                                   \
  FLAMBEAU_CLONES void products_added(int64_t pixels, int64_t channels, const T* grad, const T* x, \
                                      const T* middle, T* sums, T* along) {                        \
    add_products(pixels, channels, grad, x, middle, sums, along);                                  \
  }                                                                                                \
  FLAMBEAU_CLONES void scaled(int64_t pixels, int64_t channels, const T* x, const Lines<T>& by,    \
                              bool usable, T* out) {                                               \
    scale(pixels, channels, x, by, usable, out);                                                   \
  }                                                                                                \
  FLAMBEAU_CLONES void combined(int64_t pixels, int64_t channels, const T* grad, const T* x,       \
                                const Lines<T>& by, T* out) {                                      \
    combine(pixels, channels, grad, x, by, out);                                                   \
  }
FLAMBEAU_PIXEL_PASSES(float)
FLAMBEAU_PIXEL_PASSES(double)

/// Pixels of images in pieces: run(image, number of the piece, first pixel, how many).
struct Pieces {
  int64_t images, space, all, length, each;

  explicit Pieces(const GroupNormShape& shape)
      : images(shape.n),
        space(shape.space),
        all(shape.groups * shape.channels),
        length(std::max<int64_t>(1, std::min(space, task_elements / all))),
        each((space + length - 1) / length) {}

  template <class Run>
  void run(Run&& run) const {
    parallel_ranges(images * each, std::max<int64_t>(1, task_elements / (length * all)),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t first = i % each * length;
                        run(i / each, i, first, std::min(length, space - first));
                      }
                    });
  }
};

/// The two sums of each image, (n, 2, channels). grad(at, n) and read(at, n) give the gradient, or
/// null, and x from an element on, middle(i) what is taken off the channels of image i.
template <class T, class Grad, class Read, class Middle>
std::vector<double> sums_of_pixels(const Pieces& pieces, Grad&& grad, Read&& read,
                                   Middle&& middle) {
  const int64_t all = pieces.all, width = 2 * all;
  std::vector<double> parts(static_cast<size_t>(pieces.images * pieces.each * width));
  pieces.run([&](int64_t image, int64_t piece, int64_t first, int64_t n) {
    double* to = parts.data() + piece * width;
    T* own = Workspace::get<T>(sums_slot, static_cast<size_t>(width));
    const int64_t at_once = pixels_at_once(all);
    for (int64_t p = 0; p < n; p += some_pixels) {
      std::fill_n(own, width, T(0));
      const int64_t end = std::min(n, p + some_pixels);
      for (int64_t q = p; q < end; q += at_once) {
        const int64_t at = (image * pieces.space + first + q) * all;
        const int64_t some = std::min(at_once, end - q);
        products_added(some, all, grad(at, some * all), read(at, some * all), middle(image), own,
                       own + all);
      }
      for (int64_t j = 0; j < width; ++j) to[j] += static_cast<double>(own[j]);
    }
  });
  if (pieces.each == 1) return parts;
  std::vector<double> sums(static_cast<size_t>(pieces.images * width));
  for (int64_t i = 0; i < pieces.images * pieces.each; ++i)
    for (int64_t j = 0; j < width; ++j)
      sums[static_cast<size_t>(i / pieces.each * width + j)] +=
          parts[static_cast<size_t>(i * width + j)];
  return sums;
}

/// The mean of a group and its variance, from sums of what its channels are off some numbers.
template <class T>
std::pair<double, double> moments(int64_t channels, double space, const T* off, const double* sums,
                                  const double* squares) {
  double total = 0;
  for (int64_t c = 0; c < channels; ++c) total += sums[c] + space * static_cast<double>(off[c]);
  const double count = space * static_cast<double>(channels), mean = total / count;
  double var = 0;
  for (int64_t c = 0; c < channels; ++c) {
    const double by = static_cast<double>(off[c]) - mean;
    var += squares[c] + by * (2 * sums[c] + space * by);
  }
  return {mean, std::max(0.0, var / count)};
}

}  // namespace

template <class T, class E>
void group_norm_pixels(const GroupNormShape& shape, const E* x, const T* weight, const T* bias,
                       T eps, E* out, T* mean, T* rstd, T* var) {
  const Pieces pieces(shape);
  const int64_t all = pieces.all, channels = shape.channels, at_once = pixels_at_once(all);
  auto read = [&](int64_t at, int64_t n) {
    if constexpr (std::is_same_v<T, E>) {
      return x + at;
    } else {
      T* wide = Workspace::get<T>(wide_slot, static_cast<size_t>(2 * at_once * all));
      convert(x + at, wide, n);
      return static_cast<const T*>(wide);
    }
  };
  // Squares are of what a channel is off its first pixel: of large numbers that vary little they
  // would cancel out.
  std::vector<T> firsts(static_cast<size_t>(shape.n * all)), lines(firsts.size() * 3);
  for (int64_t i = 0; i < shape.n; ++i)
    for (int64_t c = 0; c < all; ++c)
      firsts[static_cast<size_t>(i * all + c)] = static_cast<T>(x[i * shape.space * all + c]);
  const auto sums = sums_of_pixels<T>(
      pieces, [](int64_t, int64_t) { return static_cast<const T*>(nullptr); }, read,
      [&](int64_t image) { return firsts.data() + image * all; });
  std::vector<char> usable(static_cast<size_t>(shape.n), 1);
  for (int64_t row = 0; row < shape.rows(); ++row) {
    const int64_t image = row / shape.groups, first = row % shape.groups * channels;
    const double* own = sums.data() + image * 2 * all + first;
    const auto [m, v] = moments(channels, static_cast<double>(shape.space),
                                firsts.data() + image * all + first, own, own + all);
    mean[row] = static_cast<T>(m);
    rstd[row] = static_cast<T>(1 / std::sqrt(v + static_cast<double>(eps)));
    if (var) var[row] = static_cast<T>(v);
    T* line = lines.data() + image * 3 * all + first;
    for (int64_t c = 0; c < channels; ++c) {
      line[c] = mean[row];
      line[all + c] = weight ? rstd[row] * weight[first + c] : rstd[row];
      line[2 * all + c] = bias ? bias[first + c] : T(0);
      if (line[all + c] - line[all + c] != 0) usable[static_cast<size_t>(image)] = 0;
    }
  }
  pieces.run([&](int64_t image, int64_t, int64_t first, int64_t n) {
    const T* line = lines.data() + image * 3 * all;
    const Lines<T> by{line, line + all, line + 2 * all, nullptr};
    const bool all_usable = usable[static_cast<size_t>(image)] != 0;
    for (int64_t p = 0; p < n; p += at_once) {
      const int64_t at = (image * pieces.space + first + p) * all;
      const int64_t some = std::min(at_once, n - p);
      const T* from = read(at, some * all);
      if constexpr (std::is_same_v<T, E>) {
        scaled(some, all, from, by, all_usable, out + at);
      } else {
        T* made =
            Workspace::get<T>(wide_slot, static_cast<size_t>(2 * at_once * all)) + at_once * all;
        scaled(some, all, from, by, all_usable, made);
        convert(made, out + at, some * all);
      }
    }
  });
}

template <class T, class E>
void scale_pixels(int64_t pixels, int64_t channels, const E* x, const T* mean, const T* factor,
                  const T* shift, E* out) {
  // Few channels are no vectors: several pixels go as one.
  constexpr int64_t fewest = 32;
  const int64_t together = channels < fewest ? fewest / channels : 1, width = together * channels;
  std::vector<T> lines(static_cast<size_t>(3 * width));
  for (int64_t i = 0; i < width; ++i) {
    lines[static_cast<size_t>(i)] = mean[i % channels];
    lines[static_cast<size_t>(width + i)] = factor[i % channels];
    lines[static_cast<size_t>(2 * width + i)] = shift[i % channels];
  }
  const Lines<T> by{lines.data(), lines.data() + width, lines.data() + 2 * width, nullptr};
  const bool usable = std::all_of(factor, factor + channels, [](T f) { return f - f == 0; });
  auto run = [&](int64_t rows, int64_t length, const E* from, E* to) {
    if constexpr (std::is_same_v<T, E>) {
      scaled(rows, length, from, by, usable, to);
    } else {
      T* wide = Workspace::get<T>(wide_slot, static_cast<size_t>(2 * rows * length));
      convert(from, wide, rows * length);
      scaled(rows, length, wide, by, usable, wide + rows * length);
      convert(wide + rows * length, to, rows * length);
    }
  };
  const int64_t rows = pixels / together, at_once = pixels_at_once(width);
  parallel_ranges(rows, std::max<int64_t>(at_once, task_elements / width),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t p = begin; p < end; p += at_once)
                      run(std::min(at_once, end - p), width, x + p * width, out + p * width);
                  });
  if (const int64_t rest = pixels * channels - rows * width)
    run(1, rest, x + rows * width, out + rows * width);
}

template <class T>
void group_norm_pixels_backward(const GroupNormShape& shape, const T* grad, const T* x,
                                const T* mean, const T* rstd, const T* weight, T* grad_x,
                                T* grad_weight, T* grad_bias) {
  const Pieces pieces(shape);
  const int64_t all = pieces.all, channels = shape.channels;
  std::vector<T> lines(static_cast<size_t>(shape.n * 4 * all));
  for (int64_t row = 0; row < shape.rows(); ++row)
    std::fill_n(lines.data() + row / shape.groups * 4 * all + row % shape.groups * channels,
                channels, mean[row]);
  const auto sums = sums_of_pixels<T>(
      pieces, [&](int64_t at, int64_t) { return grad + at; },
      [&](int64_t at, int64_t) { return x + at; },
      [&](int64_t image) { return lines.data() + image * 4 * all; });
  std::vector<double> for_weight(static_cast<size_t>(all)), for_bias(for_weight.size());
  const auto count = static_cast<double>(shape.length());
  for (int64_t row = 0; row < shape.rows(); ++row) {
    const int64_t image = row / shape.groups, first = row % shape.groups * channels;
    const double *own = sums.data() + image * 2 * all + first, *along = own + all;
    T* line = lines.data() + image * 4 * all + first;
    const T r = rstd[row];
    double total[2] = {0, 0};
    for (int64_t c = 0; c < channels; ++c) {
      const double w = weight ? static_cast<double>(weight[first + c]) : 1.0;
      const double normal = along[c] * static_cast<double>(r);
      total[0] += w * own[c];
      total[1] += w * normal;
      for_bias[static_cast<size_t>(first + c)] += own[c];
      for_weight[static_cast<size_t>(first + c)] += normal;
    }
    const T slope = static_cast<T>(-total[1] / count) * r * r,
            shift = static_cast<T>(-total[0] / count) * r;
    for (int64_t c = 0; c < channels; ++c) {
      line[all + c] = weight ? r * weight[first + c] : r;
      line[2 * all + c] = shift;
      line[3 * all + c] = slope;
    }
  }
  for (int64_t c = 0; c < all; ++c) {
    if (grad_weight) grad_weight[c] = static_cast<T>(for_weight[static_cast<size_t>(c)]);
    if (grad_bias) grad_bias[c] = static_cast<T>(for_bias[static_cast<size_t>(c)]);
  }
  if (!grad_x) return;
  pieces.run([&](int64_t image, int64_t, int64_t first, int64_t n) {
    const T* line = lines.data() + image * 4 * all;
    const Lines<T> by{line, line + all, line + 2 * all, line + 3 * all};
    const int64_t at = (image * pieces.space + first) * all;
    combined(n, all, grad + at, x + at, by, grad_x + at);
  });
}

template <class E>
void pixel_products(int64_t pixels, int64_t channels, const E* grad, const E* x, const float* mean,
                    float* total, float* along) {
  const Pieces pieces(GroupNormShape{1, channels, 1, pixels});
  const int64_t most = pixels_at_once(channels) * channels;
  auto wide = [&](const E* from, int64_t room, int64_t n) {
    float* to = Workspace::get<float>(wide_slot, static_cast<size_t>(2 * most)) + room;
    convert(from, to, n);
    return static_cast<const float*>(to);
  };
  const auto sums = sums_of_pixels<float>(
      pieces, [&](int64_t at, int64_t n) { return wide(grad + at, 0, n); },
      [&](int64_t at, int64_t n) { return wide(x + at, most, n); }, [&](int64_t) { return mean; });
  for (int64_t c = 0; c < channels; ++c) {
    total[c] = static_cast<float>(sums[static_cast<size_t>(c)]);
    along[c] = static_cast<float>(sums[static_cast<size_t>(channels + c)]);
  }
}

template void pixel_products(int64_t, int64_t, const float16*, const float16*, const float*, float*,
                             float*);
template void pixel_products(int64_t, int64_t, const bfloat16*, const bfloat16*, const float*,
                             float*, float*);

#define FLAMBEAU_PIXELS(T, E)                                                                     \
  template void group_norm_pixels(const GroupNormShape&, const E*, const T*, const T*, T, E*, T*, \
                                  T*, T*);                                                        \
  template void scale_pixels(int64_t, int64_t, const E*, const T*, const T*, const T*, E*);
FLAMBEAU_PIXELS(float, float)
FLAMBEAU_PIXELS(float, float16)
FLAMBEAU_PIXELS(float, bfloat16)
FLAMBEAU_PIXELS(double, double)
template void group_norm_pixels_backward(const GroupNormShape&, const float*, const float*,
                                         const float*, const float*, const float*, float*, float*,
                                         float*);
template void group_norm_pixels_backward(const GroupNormShape&, const double*, const double*,
                                         const double*, const double*, const double*, double*,
                                         double*, double*);

}  // namespace flambeau
