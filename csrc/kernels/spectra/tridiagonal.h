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

/// The columns x and y of Z (n, n) become c x + s y and c y - s x.
template <class R, class T>
void turn_columns(int64_t n, T* Z, int64_t x, int64_t y, R c, R s) {
  for (int64_t k = 0; k < n; ++k) {
    T a = Z[x * n + k], b = Z[y * n + k];
    Z[x * n + k] = c * a + s * b;
    Z[y * n + k] = c * b - s * a;
  }
}

/// The values of one block of a matrix, whose e are not 0: they converge at `i`, which moves to
/// `end`, upwards (QL), or downwards (QR) where that end is smaller.
template <class R, class T>
class TridiagonalBlock {
 public:
  TridiagonalBlock(int64_t n, R* d, R* e, T* Z, int64_t first, int64_t last)
      : n_(n), d_(d), e_(e), Z_(Z), down_(std::abs(d[last]) < std::abs(d[first])) {
    i_ = down_ ? last : first;
    end_ = down_ ? first : last;
    step_ = down_ ? -1 : 1;
  }

  /// False where `steps_left` do not suffice.
  bool converge(int64_t& steps_left) {
    while (before_or_at(i_, end_)) {
      const int64_t m = small_one();
      if (m == i_) {
        i_ += step_;
      } else if (m == i_ + step_) {
        solve_two(std::min(i_, m));
        i_ += 2 * step_;
      } else {
        if (steps_left-- == 0) return false;
        sweep(m);
      }
    }
    return true;
  }

 private:
  bool before_or_at(int64_t a, int64_t b) const { return (b - a) * step_ >= 0; }
  R& beside(int64_t k) { return e_[down_ ? k - 1 : k]; }  // between k and k + step

  /// The first place from i on with nothing beside it.
  int64_t small_one() {
    const R eps = std::numeric_limits<R>::epsilon() / 2, tiny = std::numeric_limits<R>::min();
    int64_t m = i_;
    for (; m != end_; m += step_) {
      R off = std::abs(beside(m));
      if (off * off <= eps * eps * std::abs(d_[m]) * std::abs(d_[m + step_]) + tiny) {
        beside(m) = 0;
        break;
      }
    }
    return m;
  }

  void solve_two(int64_t low) {
    TwoByTwo<R> found(d_[low], e_[low], d_[low + 1]);
    turn_columns(n_, Z_, low, low + 1, found.c, found.s);
    d_[low] = found.first;
    d_[low + 1] = found.second;
    e_[low] = 0;
  }

  /// One implicit step from m to i.
  void sweep(int64_t m) {
    R p = d_[i_], g = (d_[i_ + step_] - p) / (2 * beside(i_)), r = std::hypot(g, R(1));
    g = d_[m] - p + beside(i_) / (g + std::copysign(r, g));
    R s = 1, c = 1;
    p = 0;
    rotations_.clear();
    for (int64_t k = m - step_; before_or_at(i_, k); k -= step_) {
      R f = s * beside(k), b = c * beside(k);
      Rotation<R> turned = rotation(g, f);
      c = turned.c;
      s = turned.s;
      if (k != m - step_) beside(k + step_) = turned.r;
      g = d_[k + step_] - p;
      r = (d_[k] - g) * s + 2 * c * b;
      p = s * r;
      d_[k + step_] = g + p;
      g = c * r - b;
      rotations_.push_back({k, turned});
    }
    for (auto& [k, turned] : rotations_) turn_columns(n_, Z_, k + step_, k, turned.c, turned.s);
    d_[i_] -= p;
    beside(i_) = g;
  }

  int64_t n_;
  R *d_, *e_;
  T* Z_;
  bool down_;
  int64_t i_, end_, step_;
  std::vector<std::pair<int64_t, Rotation<R>>> rotations_;
};

/// The end of the block that begins at `begin`; what counts as 0 beside it becomes 0.
template <class R>
int64_t end_of_block(int64_t n, const R* d, R* e, int64_t begin) {
  const R eps = std::numeric_limits<R>::epsilon() / 2;
  int64_t last = begin;
  for (; last + 1 < n && e[last] != 0; ++last)
    if (std::abs(e[last]) <=
        std::sqrt(std::abs(d[last])) * std::sqrt(std::abs(d[last + 1])) * eps) {
      e[last] = 0;
      break;
    }
  return last;
}

/// A power of 2 for a block whose squares would leave the range, else 1.
template <class R>
R scale_of_block(const R* d, const R* e, int64_t first, int64_t last) {
  const R eps = std::numeric_limits<R>::epsilon() / 2, tiny = std::numeric_limits<R>::min();
  const R largest = std::sqrt(1 / tiny) / 3, smallest = std::sqrt(tiny) / (eps * eps);
  R size = std::abs(d[last]);
  for (int64_t i = first; i < last; ++i) size = std::max({size, std::abs(d[i]), std::abs(e[i])});
  if (!(size > largest || (size > 0 && size < smallest))) return 1;
  return 1 /
         std::exp2(std::max(std::floor(std::log2(size)), R(std::numeric_limits<R>::min_exponent)));
}

/// Z (n, n), by columns, becomes Z V, d the eigenvalues, ascending, of the matrix V diag V^T that
/// has d on its diagonal and e (n - 1) beside it. Gives how many elements of e did not become 0.
template <class R, class T>
int tridiagonal_eigen(int64_t n, R* d, R* e, T* Z) {
  int64_t steps_left = 30 * n;
  for (int64_t begin = 0; begin < n;) {
    const int64_t first = begin, last = end_of_block(n, d, e, begin);
    begin = last + 1;
    if (first == last) continue;
    const R scale = scale_of_block(d, e, first, last);
    for (int64_t i = first; i <= last; ++i) d[i] *= scale;
    for (int64_t i = first; i < last; ++i) e[i] *= scale;
    if (!TridiagonalBlock<R, T>(n, d, e, Z, first, last).converge(steps_left))
      return static_cast<int>(std::count_if(e, e + n - 1, [](R x) { return x != 0; }));
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
