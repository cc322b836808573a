#pragma once

/// Eigenvalues and vectors of small symmetric tridiagonal matrices, by implicit QL and QR steps.
/// Pure arithmetic: no tensor, no lock, no allocation but of two vectors of rotations.
///
/// LAPACK has the same algorithm, but since 3.10 with rotations of another sign, and with them
/// other signs of the vectors. Here they are those of its earlier versions, which PyTorch's library
/// kept. Source: Dubrulle, Numer. Math. 15 (1970) 450; Greenbaum, Dongarra, LAPACK Working Note 17.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace flambeau {

template <class R>
struct Rotation {
  R c, s, r;  ///< [c s; -s c] [f; g] = [r; 0]
};

template <class R>
Rotation<R> rotation(R f, R g) {
  if (g == 0) return {1, 0, f};
  if (f == 0) return {0, 1, g};
  R r = std::hypot(f, g), c = f / r, s = g / r;
  if (std::abs(f) > std::abs(g) && c < 0) return {-c, -s, -r};
  return {c, s, r};
}

/// The eigenvalues of [a b; b d], the one of larger size first, and (c, s), the vector of that one.
template <class R>
struct TwoByTwo {
  R first, second, c, s;

  TwoByTwo(R a, R b, R d) {
    R sum = a + d, difference = a - d, twice = b + b, width = std::hypot(difference, twice);
    R larger = std::abs(a) > std::abs(d) ? a : d, smaller = std::abs(a) > std::abs(d) ? d : a;
    bool negative = sum < 0, falling = difference < 0;
    first = (negative ? sum - width : sum + width) / 2;
    second = sum == 0 ? -width / 2 : (larger / first) * smaller - (b / first) * b;
    R along = falling ? difference - width : difference + width;
    if (std::abs(along) > std::abs(twice)) {
      R t = -twice / along;
      s = 1 / std::sqrt(1 + t * t);
      c = t * s;
    } else if (twice == 0) {
      c = 1;
      s = 0;
    } else {
      R t = -along / twice;
      c = 1 / std::sqrt(1 + t * t);
      s = t * c;
    }
    if (negative == falling) {
      R t = c;
      c = -s;
      s = t;
    }
  }
};

/// Z (n, n), by columns, becomes Z V, d the eigenvalues, ascending, of the matrix V diag V^T that
/// has d on its diagonal and e (n - 1) beside it. Gives how many elements of e did not become 0.
template <class R, class T>
int tridiagonal_eigen(int64_t n, R* d, R* e, T* Z) {
  const R eps = std::numeric_limits<R>::epsilon() / 2, tiny = std::numeric_limits<R>::min();
  const R largest = std::sqrt(1 / tiny) / 3, smallest = std::sqrt(tiny) / (eps * eps);
  int64_t steps_left = 30 * n;
  std::vector<std::pair<int64_t, Rotation<R>>> rotations;
  // The columns x and y become c x + s y and c y - s x.
  auto turn = [&](int64_t x, int64_t y, R c, R s) {
    for (int64_t k = 0; k < n; ++k) {
      T a = Z[x * n + k], b = Z[y * n + k];
      Z[x * n + k] = c * a + s * b;
      Z[y * n + k] = c * b - s * a;
    }
  };
  for (int64_t begin = 0; begin < n;) {
    int64_t last = begin;  // of a block whose e are not 0
    for (; last + 1 < n && e[last] != 0; ++last)
      if (std::abs(e[last]) <=
          std::sqrt(std::abs(d[last])) * std::sqrt(std::abs(d[last + 1])) * eps) {
        e[last] = 0;
        break;
      }
    int64_t first = begin;
    begin = last + 1;
    if (first == last) continue;
    R size = std::abs(d[last]);
    for (int64_t i = first; i < last; ++i) size = std::max({size, std::abs(d[i]), std::abs(e[i])});
    // By a power of 2, where squares would leave the range.
    R scale = size > largest || (size > 0 && size < smallest)
                  ? 1 / std::exp2(std::max(std::floor(std::log2(size)),
                                           R(std::numeric_limits<R>::min_exponent)))
                  : 1;
    for (int64_t i = first; i <= last; ++i) d[i] *= scale;
    for (int64_t i = first; i < last; ++i) e[i] *= scale;
    // Values converge at i, which moves to `end`: upwards (QL), or downwards (QR) where that end is
    // smaller.
    bool down = std::abs(d[last]) < std::abs(d[first]);
    int64_t i = down ? last : first, end = down ? first : last, step = down ? -1 : 1;
    auto beside = [&](int64_t k) -> R& { return e[down ? k - 1 : k]; };  // between k and k + step
    auto left = [&] { return (end - i) * step; };
    while (left() >= 0) {
      int64_t m = i;
      for (; m != end; m += step) {
        R off = std::abs(beside(m));
        if (off * off <= eps * eps * std::abs(d[m]) * std::abs(d[m + step]) + tiny) {
          beside(m) = 0;
          break;
        }
      }
      if (m == i) {
        i += step;
        continue;
      }
      if (m == i + step) {
        int64_t low = std::min(i, m);
        TwoByTwo<R> found(d[low], e[low], d[low + 1]);
        turn(low, low + 1, found.c, found.s);
        d[low] = found.first;
        d[low + 1] = found.second;
        e[low] = 0;
        i += 2 * step;
        continue;
      }
      if (steps_left-- == 0)
        return static_cast<int>(std::count_if(e, e + n - 1, [](R x) { return x != 0; }));
      R p = d[i], g = (d[i + step] - p) / (2 * beside(i)), r = std::hypot(g, R(1));
      g = d[m] - p + beside(i) / (g + std::copysign(r, g));
      R s = 1, c = 1;
      p = 0;
      rotations.clear();
      for (int64_t k = m - step; (k - i) * step >= 0; k -= step) {
        R f = s * beside(k), b = c * beside(k);
        Rotation<R> turned = rotation(g, f);
        c = turned.c;
        s = turned.s;
        if (k != m - step) beside(k + step) = turned.r;
        g = d[k + step] - p;
        r = (d[k] - g) * s + 2 * c * b;
        p = s * r;
        d[k + step] = g + p;
        g = c * r - b;
        rotations.push_back({k, turned});
      }
      for (auto& [k, turned] : rotations) turn(k + step, k, turned.c, turned.s);
      d[i] -= p;
      beside(i) = g;
    }
    for (int64_t k = first; k <= last; ++k) d[k] /= scale;
  }
  for (int64_t i = 0; i + 1 < n; ++i) {
    int64_t least = std::min_element(d + i, d + n) - d;
    if (least == i) continue;
    std::swap(d[i], d[least]);
    std::swap_ranges(Z + i * n, Z + (i + 1) * n, Z + least * n);
  }
  return 0;
}

}  // namespace flambeau
