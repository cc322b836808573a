#include "kernels/norm/distances.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "kernels/elements/clones.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

// Vectors are handed over between functions that are inlined, so by no convention.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace flambeau {
namespace {

constexpr int vector_bytes = 32, vectors = 4;  // of one point's sums in registers
template <class T>
struct Lanes {
  typedef T Vector __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
  static constexpr int count = vector_bytes / sizeof(T), width = vectors * count;
};
template <class T>
using Vector = typename Lanes<T>::Vector;

/// Terms that are summed before they are added to the whole.
constexpr int64_t summed = 128;
/// Terms that are worth a task.
constexpr int64_t task_terms = 32768;

/// Powers that are made by products and a root: of half-integers from -1/2 on. `many` of twice the
/// kind.
enum class Kind { nonzero, absolute, square, greatest, halves, any };

/// Powers of half-integers from -1/2 on are made by products and a root.
struct Power {
  double exponent;
  int whole;
  bool root, inverse;
  explicit Power(double exponent)
      : exponent(exponent),
        whole(exponent < 0 ? 0 : static_cast<int>(std::min(exponent, 64.0))),
        root(exponent == -0.5 || std::floor(exponent) != exponent),
        inverse(exponent == -0.5) {}
  static bool is_halves(double exponent) {
    return exponent >= -0.5 && exponent <= 8 && std::floor(2 * exponent) == 2 * exponent;
  }
};

#if defined(__SSE2__)
// Vectors by instruction: a loop of calls would set errno.
template <class T>
[[gnu::always_inline]] inline Vector<T> roots_of(Vector<T> x) {
  if constexpr (sizeof(T) == 4) {
    const __m128 low = _mm_sqrt_ps(__builtin_shufflevector(x, x, 0, 1, 2, 3)),
                 high = _mm_sqrt_ps(__builtin_shufflevector(x, x, 4, 5, 6, 7));
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
  } else {
    const __m128d low = _mm_sqrt_pd(__builtin_shufflevector(x, x, 0, 1)),
                  high = _mm_sqrt_pd(__builtin_shufflevector(x, x, 2, 3));
    return __builtin_shufflevector(low, high, 0, 1, 2, 3);
  }
}
#else
template <class T>
[[gnu::always_inline]] inline Vector<T> roots_of(Vector<T> x) {
  for (int i = 0; i < Lanes<T>::count; ++i) x[i] = std::sqrt(x[i]);
  return x;
}
#endif

/// x**power of x that is 0 or more.
template <Kind kind, class T>
[[gnu::always_inline]] inline Vector<T> raised(Vector<T> x, const Power& power) {
  if constexpr (kind == Kind::halves) {
    Vector<T> y = Vector<T>{} + T(1), square = x;
    for (int bits = power.whole; bits != 0; bits >>= 1) {
      if (bits & 1) y *= square;
      if (bits > 1) square *= square;
    }
    if (power.root) {
      const Vector<T> root = roots_of<T>(x);
      y = power.inverse ? y / root : y * root;
    }
    return y;
  } else {
    for (int i = 0; i < Lanes<T>::count; ++i)
      x[i] = static_cast<T>(std::pow(x[i], static_cast<T>(power.exponent)));
    return x;
  }
}

template <class T>
[[gnu::always_inline]] inline Vector<T> absolute(Vector<T> x) {
  using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  typedef Bits Mask __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
  return (Vector<T>)((Mask)x & (Mask{} + std::numeric_limits<Bits>::max()));
}

/// sum with one more difference in it.
template <Kind kind, class T>
[[gnu::always_inline]] inline Vector<T> with(Vector<T> sum, Vector<T> difference,
                                             const Power& power) {
  if constexpr (kind == Kind::nonzero) {
    const Vector<T> one = Vector<T>{} + T(1);
    // A NaN counts as one, and makes the distance NaN.
    return sum + (difference != difference ? difference : difference != 0 ? one : Vector<T>{});
  } else if constexpr (kind == Kind::square) {
    return sum + difference * difference;
  } else if constexpr (kind == Kind::absolute) {
    return sum + absolute<T>(difference);
  } else if constexpr (kind == Kind::greatest) {
    const Vector<T> size = absolute<T>(difference);
    return (size > sum) | (size != size) ? size : sum;
  } else {
    return sum + raised<kind, T>(absolute<T>(difference), power);
  }
}

/// out[r][lanes] = distances of `rows` points to those of a panel, whose features lie side by side.
template <Kind kind, int rows, class T>
[[gnu::always_inline]] inline void row_of_panel(const T* const* x, const T* panel, int64_t features,
                                                const Power& power, double p,
                                                T (*out)[Lanes<T>::width]) {
  using V = Vector<T>;
  V total[rows][vectors] = {};
  for (int64_t begin = 0; begin < features; begin += summed) {
    const int64_t end = std::min(features, begin + summed);
    V sum[rows][vectors];
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < vectors; ++v) sum[r][v] = kind == Kind::greatest ? total[r][v] : V{};
    for (int64_t f = begin; f < end; ++f) {
      const V* at = reinterpret_cast<const V*>(panel + f * Lanes<T>::width);
      for (int r = 0; r < rows; ++r) {
        const V value = V{} + x[r][f];
        for (int v = 0; v < vectors; ++v)
          sum[r][v] = with<kind, T>(sum[r][v], value - at[v], power);
      }
    }
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < vectors; ++v)
        total[r][v] = kind == Kind::greatest ? sum[r][v] : total[r][v] + sum[r][v];
  }
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v) {
      V result = total[r][v];
      if constexpr (kind == Kind::square) result = roots_of<T>(result);
      if constexpr (kind == Kind::halves || kind == Kind::any)
        for (int i = 0; i < Lanes<T>::count; ++i)
          result[i] = p == 0.5 ? result[i] * result[i]
                      : p == 3 ? std::cbrt(result[i])
                               : static_cast<T>(std::pow(result[i], static_cast<T>(1 / p)));
      reinterpret_cast<V*>(out[r])[v] = result;
    }
}

/// The distances of points [i0, i1) of x1 to the `n` of a panel that begins with j0.
template <Kind kind, class T>
[[gnu::always_inline]] inline void panel_of(const Points& points, double p, const T* x1,
                                            const T* panel, int64_t i0, int64_t i1, int64_t j0,
                                            int64_t n, T* out) {
  constexpr int width = Lanes<T>::width;
  const Power power(p);
  const int64_t features = points.features;
  T made[2][width];
  auto store = [&](int64_t i, const T* from) {
    if (!points.pairs) {
      std::memcpy(out + i * points.n2 + j0, from, static_cast<size_t>(n) * sizeof(T));
      return;
    }
    const int64_t first = std::max(j0, i + 1);
    if (first < j0 + n)
      std::memcpy(out + points.place(i, first), from + (first - j0),
                  static_cast<size_t>(j0 + n - first) * sizeof(T));
  };
  int64_t i = i0;
  for (; i + 2 <= i1; i += 2) {
    const T* x[] = {x1 + i * features, x1 + (i + 1) * features};
    row_of_panel<kind, 2, T>(x, panel, features, power, p, made);
    store(i, made[0]);
    store(i + 1, made[1]);
  }
  if (i < i1) {
    const T* x[] = {x1 + i * features};
    row_of_panel<kind, 1, T>(x, panel, features, power, p, made);
    store(i, made[0]);
  }
}

template <class T>
[[gnu::always_inline]] inline void panel_of(Kind kind, const Points& points, double p, const T* x1,
                                            const T* panel, int64_t i0, int64_t i1, int64_t j0,
                                            int64_t n, T* out) {
  switch (kind) {
    case Kind::nonzero: return panel_of<Kind::nonzero>(points, p, x1, panel, i0, i1, j0, n, out);
    case Kind::absolute: return panel_of<Kind::absolute>(points, p, x1, panel, i0, i1, j0, n, out);
    case Kind::square: return panel_of<Kind::square>(points, p, x1, panel, i0, i1, j0, n, out);
    case Kind::greatest: return panel_of<Kind::greatest>(points, p, x1, panel, i0, i1, j0, n, out);
    case Kind::halves: return panel_of<Kind::halves>(points, p, x1, panel, i0, i1, j0, n, out);
    case Kind::any: return panel_of<Kind::any>(points, p, x1, panel, i0, i1, j0, n, out);
  }
}

// A clone for each instruction set cannot be a template.
FLAMBEAU_CLONES void run_panel(Kind kind, const Points& points, double p, const float* x1,
                               const float* panel, int64_t i0, int64_t i1, int64_t j0, int64_t n,
                               float* out) {
  panel_of(kind, points, p, x1, panel, i0, i1, j0, n, out);
}
FLAMBEAU_CLONES void run_panel(Kind kind, const Points& points, double p, const double* x1,
                               const double* panel, int64_t i0, int64_t i1, int64_t j0, int64_t n,
                               double* out) {
  panel_of(kind, points, p, x1, panel, i0, i1, j0, n, out);
}

Kind order_of(double p, double exponent) {
  if (p == 0) return Kind::nonzero;
  if (p == 1) return Kind::absolute;
  if (p == 2) return Kind::square;
  if (std::isinf(p)) return Kind::greatest;
  return Power::is_halves(exponent) ? Kind::halves : Kind::any;
}

// ---- gradients

/// sum and one term of a gradient: factor times a slope of the difference, which for powers is
/// divided by the distance first (scale is its inverse).
template <Kind kind, class T>
[[gnu::always_inline]] inline void add_term(Vector<T>& sum, const Vector<T>& difference, T factor,
                                            T scale, const Power& power) {
  using V = Vector<T>;
  const V f = V{} + factor;
  if constexpr (kind == Kind::square) {
    sum += difference * f;
    return;
  }
  // A NaN stays one.
  const V sign = difference > 0 ? f : difference < 0 ? -f : difference;
  if constexpr (kind == Kind::greatest)
    sum += absolute<T>(difference) < scale ? V{} : sign;
  else if constexpr (kind == Kind::absolute)
    sum += sign;
  else
    sum += difference == 0 ? V{} : sign * raised<kind, T>(absolute<T>(difference) * scale, power);
}

/// The gradient of one point x of padded features, by what n others are multiplied with.
template <Kind kind, class T>
[[gnu::always_inline]] inline void gradient_of(int64_t n, int64_t padded, const Power& power,
                                               const T* x, const T* others, const T* factor,
                                               const T* scale, T* grad) {
  using V = Vector<T>;
  constexpr int count = Lanes<T>::count;
  auto of_few = [&]<int few>(int64_t f) __attribute__((always_inline)) {
    const V* own = reinterpret_cast<const V*>(x + f);
    constexpr int apart = 4 / few;
    V total[few] = {};
    for (int64_t begin = 0; begin < n; begin += summed) {
      const int64_t end = std::min(n, begin + summed);
      // Few vectors have several sums each: one alone would wait for itself.
      V sum[apart][few] = {};
      int64_t j = begin;
      auto add = [&](int64_t j, V* to) __attribute__((always_inline)) {
        const V* other = reinterpret_cast<const V*>(others + j * padded + f);
        for (int v = 0; v < few; ++v)
          add_term<kind, T>(to[v], own[v] - other[v], factor[j], scale[j], power);
      };
      for (; j + apart <= end; j += apart)
        for (int a = 0; a < apart; ++a) add(j + a, sum[a]);
      for (; j < end; ++j) add(j, sum[0]);
      for (int a = 1; a < apart; ++a)
        for (int v = 0; v < few; ++v) sum[0][v] += sum[a][v];
      for (int v = 0; v < few; ++v) total[v] += sum[0][v];
    }
    for (int v = 0; v < few; ++v) reinterpret_cast<V*>(grad + f)[v] = total[v];
  };
  int64_t f = 0;
  for (; f + 4 * count <= padded; f += 4 * count) of_few.template operator()<4>(f);
  for (; f + 2 * count <= padded; f += 2 * count) of_few.template operator()<2>(f);
  for (; f < padded; f += count) of_few.template operator()<1>(f);
}

template <class T>
[[gnu::always_inline]] inline void gradient_of(Kind kind, int64_t n, int64_t padded,
                                               const Power& power, const T* x, const T* others,
                                               const T* factor, const T* scale, T* grad) {
  switch (kind) {
    case Kind::nonzero: return;
    case Kind::absolute:
      return gradient_of<Kind::absolute>(n, padded, power, x, others, factor, scale, grad);
    case Kind::square:
      return gradient_of<Kind::square>(n, padded, power, x, others, factor, scale, grad);
    case Kind::greatest:
      return gradient_of<Kind::greatest>(n, padded, power, x, others, factor, scale, grad);
    case Kind::halves:
      return gradient_of<Kind::halves>(n, padded, power, x, others, factor, scale, grad);
    case Kind::any: return gradient_of<Kind::any>(n, padded, power, x, others, factor, scale, grad);
  }
}

FLAMBEAU_CLONES void run_gradient(Kind kind, int64_t n, int64_t padded, const Power& power,
                                  const float* x, const float* others, const float* factor,
                                  const float* scale, float* grad) {
  gradient_of(kind, n, padded, power, x, others, factor, scale, grad);
}
FLAMBEAU_CLONES void run_gradient(Kind kind, int64_t n, int64_t padded, const Power& power,
                                  const double* x, const double* others, const double* factor,
                                  const double* scale, double* grad) {
  gradient_of(kind, n, padded, power, x, others, factor, scale, grad);
}

/// Divides the factors of pairs by the number of features that have the greatest difference, which
/// share it.
template <class T>
[[gnu::always_inline]] inline void share_greatest(int64_t n, int64_t features, int64_t padded,
                                                  const T* x, const T* others, const T* distance,
                                                  T* factor) {
  for (int64_t j = 0; j < n; ++j) {
    const T* other = others + j * padded;
    const T greatest = distance[j];
    int64_t ties = 0;
    for (int64_t f = 0; f < features; ++f) ties += std::abs(x[f] - other[f]) >= greatest;
    if (ties > 1) factor[j] /= static_cast<T>(ties);
  }
}

FLAMBEAU_CLONES void run_shares(int64_t n, int64_t features, int64_t padded, const float* x,
                                const float* others, const float* distance, float* factor) {
  share_greatest(n, features, padded, x, others, distance, factor);
}
FLAMBEAU_CLONES void run_shares(int64_t n, int64_t features, int64_t padded, const double* x,
                                const double* others, const double* distance, double* factor) {
  share_greatest(n, features, padded, x, others, distance, factor);
}

/// What the terms of n pairs are multiplied with: of powers the distance comes as its inverse.
template <class T>
void factors(Kind kind, int64_t n, const T* grad, const T* distance, T* factor, T* scale) {
  if (kind == Kind::absolute || kind == Kind::greatest) {
    if (factor == grad) return;
    std::copy_n(grad, n, factor);
    std::copy_n(distance, n, scale);
  } else if (kind == Kind::square) {
    for (int64_t j = 0; j < n; ++j) {
      const T quotient = grad[j] / distance[j];
      factor[j] = distance[j] == 0 ? T(0) : quotient;
    }
  } else {
    for (int64_t j = 0; j < n; ++j) {
      const T inverse = 1 / distance[j];
      factor[j] = distance[j] == 0 ? T(0) : grad[j];
      scale[j] = distance[j] == 0 ? T(0) : inverse;
    }
  }
}

/// The row of point i out of what was made of pairs.
template <class T>
void row_of_pairs(const Points& points, int64_t i, const T* pairs, T* row) {
  const T* at = pairs + i - 1;  // (0, i), and from (j, i) to (j + 1, i) they are n - j - 2 apart
  for (int64_t j = 0; j < i; at += points.n1 - j - 2, ++j) row[j] = *at;
  row[i] = 0;
  std::copy_n(pairs + points.place(i, i + 1), points.n1 - i - 1, row + i + 1);
}

}  // namespace

template <class T>
void distances(const Points& points, double p, const T* x1, const T* x2, T* out) {
  constexpr int width = Lanes<T>::width;
  const int64_t features = points.features, panels = (points.n2 + width - 1) / width;
  const Kind kind = order_of(p, p);
  // A task is some rows of points of x1 beside one panel of x2.
  const int64_t rows = std::max<int64_t>(
      8, std::min(points.n1, 4 * task_terms / std::max<int64_t>(1, features * width)));
  const int64_t parts = (points.n1 + rows - 1) / rows;
  parallel_ranges(points.batch * panels * parts, 1, [&](int64_t begin, int64_t end) {
    T* panel = Workspace::get<T>(0, static_cast<size_t>(features * width));
    int64_t packed = -1;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t part = task % parts, at = task / parts, b = at / panels;
      const int64_t j0 = at % panels * width, n = std::min<int64_t>(width, points.n2 - j0);
      const int64_t i0 = part * rows;
      int64_t i1 = std::min(points.n1, i0 + rows);
      if (points.pairs) i1 = std::min(i1, j0 + n - 1);
      if (i0 >= i1) continue;
      if (packed != at) {
        const T* from = x2 + (b * points.n2 + j0) * features;
        for (int64_t f = 0; f < features; ++f) {
          for (int64_t j = 0; j < n; ++j) panel[f * width + j] = from[j * features + f];
          for (int64_t j = n; j < width; ++j) panel[f * width + j] = 0;
        }
        packed = at;
      }
      run_panel(kind, points, p, x1 + b * points.n1 * features, panel, i0, i1, j0, n,
                out + b * points.count());
    }
  });
}

template <class T>
void distances_backward(const Points& points, double p, const T* x1, const T* x2, const T* grad,
                        const T* distance, T* grad1) {
  constexpr int count = Lanes<T>::count;
  const int64_t features = points.features, n1 = points.n1, n2 = points.n2;
  const int64_t padded = (features + count - 1) / count * count;
  const Kind kind = order_of(p, p - 1);
  const Power power(p - 1);
  for (int64_t b = 0; b < points.batch; ++b) {
    // Rows of whole vectors: the other points, shared by all tasks.
    T* others = Workspace::get<T>(1, static_cast<size_t>(n2 * padded));
    for (int64_t j = 0; j < n2; ++j) {
      std::memcpy(others + j * padded, x2 + (b * n2 + j) * features,
                  static_cast<size_t>(features) * sizeof(T));
      std::fill(others + j * padded + features, others + (j + 1) * padded, T(0));
    }
    const int64_t at_once = std::max<int64_t>(1, task_terms / std::max<int64_t>(1, n2 * padded));
    parallel_ranges(n1, at_once, [&](int64_t begin, int64_t end) {
      T* own = Workspace::get<T>(2, static_cast<size_t>(2 * padded + 2 * n2));
      T *made = own + padded, *factor = made + padded, *scale = factor + n2;
      for (int64_t i = begin; i < end; ++i) {
        std::memcpy(own, x1 + (b * n1 + i) * features, static_cast<size_t>(features) * sizeof(T));
        std::fill(own + features, own + padded, T(0));
        const T *g = grad + (b * n1 + i) * n2, *d = distance + (b * n1 + i) * n2;
        if (points.pairs) {
          row_of_pairs(points, i, grad + b * points.count(), factor);
          row_of_pairs(points, i, distance + b * points.count(), scale);
          g = factor, d = scale;
        }
        factors(kind, n2, g, d, factor, scale);
        if (kind == Kind::greatest) run_shares(n2, features, padded, own, others, scale, factor);
        run_gradient(kind, n2, padded, power, own, others, factor, scale, made);
        std::memcpy(grad1 + (b * n1 + i) * features, made,
                    static_cast<size_t>(features) * sizeof(T));
      }
    });
  }
}

template void distances(const Points&, double, const float*, const float*, float*);
template void distances(const Points&, double, const double*, const double*, double*);
template void distances_backward(const Points&, double, const float*, const float*, const float*,
                                 const float*, float*);
template void distances_backward(const Points&, double, const double*, const double*, const double*,
                                 const double*, double*);

}  // namespace flambeau
