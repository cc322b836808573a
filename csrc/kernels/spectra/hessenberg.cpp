#include "kernels/spectra/hessenberg.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elements/clones.h"
#include "kernels/gemm/dots.h"
#include "runtime/rounding.h"

namespace flambeau {

namespace {

/// A reflection I - t1 v v^T of two or three numbers; v begins with 1.
template <class T>
struct Reflection {
  int size;
  T v2, v3, t1;
};

/// A value or a vector of each of columns x, x + step (, x + 2 step) is reflected.
template <class V, class T>
[[gnu::always_inline]] inline void reflect_at(T* x, int64_t step, const Reflection<T>& r) {
  V &first = *reinterpret_cast<V*>(x), &second = *reinterpret_cast<V*>(x + step);
  const V a = first, b = second;
  if (r.size == 3) {
    V& third = *reinterpret_cast<V*>(x + 2 * step);
    const V c = third, sum = a + b * r.v2 + c * r.v3;
    first = a - sum * r.t1;
    second = b - sum * (r.t1 * r.v2);
    third = c - sum * (r.t1 * r.v3);
  } else {
    const V sum = a + b * r.v2;
    first = a - sum * r.t1;
    second = b - sum * (r.t1 * r.v2);
  }
}

/// The first n rows.
template <class T>
[[gnu::always_inline]] inline void reflect_columns(int64_t n, T* x, int64_t step,
                                                   const Reflection<T>& reflection) {
  const Reflection<T> r = reflection;
  constexpr int lanes = Lanes<T>::count;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) reflect_at<typename Lanes<T>::V>(x + i, step, r);
  for (; i < n; ++i) reflect_at<T>(x + i, step, r);
}

/// Neighbouring rows, from x on, of n columns. One number after another: the next reflection reads
/// two of these three, and a pair that two stores have written has to wait for both.
template <class T>
[[gnu::always_inline]] inline void reflect_rows(int64_t n, T* x, int64_t step,
                                                const Reflection<T>& r) {
  const T v2 = r.v2, v3 = r.v3, t1 = r.t1, t2 = t1 * v2, t3 = t1 * v3;
  auto apart = [] { asm volatile("" ::: "memory"); };
  if (r.size == 3) {
    for (int64_t j = 0; j < n; ++j, x += step) {
      const T a = x[0], b = x[1], c = x[2], sum = a + v2 * b + v3 * c;
      x[0] = a - sum * t1;
      apart();
      x[1] = b - sum * t2;
      apart();
      x[2] = c - sum * t3;
    }
  } else {
    for (int64_t j = 0; j < n; ++j, x += step) {
      const T a = x[0], b = x[1], sum = a + v2 * b;
      x[0] = a - sum * t1;
      apart();
      x[1] = b - sum * t2;
    }
  }
}

/// What one reflection of rows and columns k, ... changes: `columns` from k on, `rows` up to
/// `first` + rows, and Z.
template <class T>
[[gnu::always_inline]] inline void reflect_all_of(int64_t n, T* H, T* Z, int64_t k, int64_t first,
                                                  int64_t rows, int64_t columns,
                                                  const Reflection<T>& r) {
  reflect_rows(columns, H + k * (n + 1), n, r);
  if (Z) reflect_columns(n, Z + k * n, n, r);
  reflect_columns(rows, H + k * n + first, n, r);
}

// A clone for each instruction set cannot be a template.
FLAMBEAU_CLONES void reflect_all(int64_t n, float* H, float* Z, int64_t k, int64_t first,
                                 int64_t rows, int64_t columns, const Reflection<float>& r) {
  reflect_all_of(n, H, Z, k, first, rows, columns, r);
}
FLAMBEAU_CLONES void reflect_all(int64_t n, double* H, double* Z, int64_t k, int64_t first,
                                 int64_t rows, int64_t columns, const Reflection<double>& r) {
  reflect_all_of(n, H, Z, k, first, rows, columns, r);
}

/// The reflection of v to a multiple of the first unit vector, which v[0] becomes.
template <class T>
Reflection<T> reflection_of(int size, T* v) {
  Reflection<T> r{size, T(0), T(0), T(0)};
  const T scale = std::max({std::abs(v[0]), std::abs(v[1]), size == 3 ? std::abs(v[2]) : T(0)});
  if (v[1] == T(0) && (size == 2 || v[2] == T(0))) return r;
  const T a = v[0] / scale, b = v[1] / scale, c = size == 3 ? v[2] / scale : T(0);
  const T beta = -std::copysign(std::sqrt(a * a + b * b + c * c), a);
  r.t1 = (beta - a) / beta;
  r.v2 = b / (a - beta);
  r.v3 = c / (a - beta);
  v[0] = beta * scale;
  return r;
}

template <class T>
class Francis {
 public:
  Francis(int64_t n, int64_t begin, int64_t end, T* H, T* Z)
      : n_(n), begin_(begin), end_(end), H_(H), Z_(Z) {
    for (int64_t j = 0; j < n; ++j)
      std::fill(H + j * n + std::min(n, j + 2), H + (j + 1) * n, T(0));
    const T tiny = std::numeric_limits<T>::min();
    least_ = tiny * (static_cast<T>(end - begin) / unit);
  }

  int64_t run(T* real, T* imaginary, StandardForm<T> standard_form) {
    int64_t steps_left = 30 * std::max<int64_t>(10, end_ - begin_);
    for (int64_t i = 0; i < n_; ++i)
      if (i < begin_ || i >= end_) real[i] = at(i, i), imaginary[i] = 0;
    int64_t last = end_ - 1;
    int without = 0;  // steps since something was found
    while (last >= begin_) {
      const int64_t first = start_of_block(last);
      if (first > begin_) at(first, first - 1) = 0;
      if (first >= last - 1) {
        if (first == last)
          real[last] = at(last, last), imaginary[last] = 0;
        else
          finish_pair(last - 1, real, imaginary, standard_form);
        last = first - 1;
        without = 0;
        continue;
      }
      if (steps_left-- == 0) return last + 1;
      step(first, last, ++without);
    }
    return 0;
  }

 private:
  static constexpr T unit = std::numeric_limits<T>::epsilon();

  T& at(int64_t i, int64_t j) { return H_[j * n_ + i]; }

  /// The row behind the last number beside the diagonal that counts as 0.
  int64_t start_of_block(int64_t last) {
    int64_t k = last;
    for (; k > begin_; --k) {
      const T beside = std::abs(at(k, k - 1));
      if (beside <= least_) break;
      T size = std::abs(at(k - 1, k - 1)) + std::abs(at(k, k));
      if (size == 0) {
        if (k - 2 >= begin_) size += std::abs(at(k - 1, k - 2));
        if (k + 1 < end_) size += std::abs(at(k + 1, k));
      }
      if (beside > unit * size) continue;
      const T other = std::abs(at(k - 1, k)), high = std::max(beside, other),
              low = std::min(beside, other);
      const T here = std::abs(at(k, k)), gap = std::abs(at(k - 1, k - 1) - at(k, k));
      const T more = std::max(here, gap), less = std::min(here, gap), sum = more + high;
      if (low * (high / sum) <= std::max(least_, unit * (less * (more / sum)))) break;
    }
    return k;
  }

  /// Both shifts of a step, whose parts are real[2] and +-imaginary.
  struct Shifts {
    T first, second, imaginary;
  };

  Shifts shifts_of(int64_t first, int64_t last, int without) {
    T a = at(last - 1, last - 1), c = at(last, last - 1), b = at(last - 1, last),
      d = at(last, last);
    // Others than the usual ones where these do not help.
    if (without % 10 == 0) {
      const bool at_end = without % 20 == 0;
      c = at_end ? std::abs(at(last, last - 1)) + std::abs(at(last - 1, last - 2))
                 : std::abs(at(first + 1, first)) + std::abs(at(first + 2, first + 1));
      a = d = T(0.75) * c + (at_end ? at(last, last) : at(first, first));
      b = T(-0.4375) * c;
    }
    const T size = std::abs(a) + std::abs(b) + std::abs(c) + std::abs(d);
    if (size == 0) return {0, 0, 0};
    a /= size, b /= size, c /= size, d /= size;
    const T middle = (a + d) / 2, det = (a - middle) * (d - middle) - b * c,
            root = std::sqrt(std::abs(det));
    if (det >= 0) return {middle * size, middle * size, root * size};
    const T high = middle + root, low = middle - root;
    const T nearer = (std::abs(high - d) <= std::abs(low - d) ? high : low) * size;
    return {nearer, nearer, 0};
  }

  /// One step on rows [first, last] with two shifts, `without` one found before.
  void step(int64_t first, int64_t last, int without) {
    const Shifts s = shifts_of(first, last, without);
    T v[3];
    int64_t m = last - 2;
    for (;; --m) {
      const T size = std::abs(at(m, m) - s.second) + s.imaginary + std::abs(at(m + 1, m)),
              beside = at(m + 1, m) / size;
      v[0] = beside * at(m, m + 1) + (at(m, m) - s.first) * ((at(m, m) - s.second) / size) +
             s.imaginary * (s.imaginary / size);
      v[1] = beside * (at(m, m) + at(m + 1, m + 1) - s.first - s.second);
      v[2] = beside * at(m + 2, m + 1);
      const T sum = std::abs(v[0]) + std::abs(v[1]) + std::abs(v[2]);
      for (T& x : v) x /= sum;
      if (m == first) break;
      const T around = std::abs(at(m - 1, m - 1)) + std::abs(at(m, m)) + std::abs(at(m + 1, m + 1));
      if (std::abs(at(m, m - 1)) * (std::abs(v[1]) + std::abs(v[2])) <=
          unit * std::abs(v[0]) * around)
        break;
    }
    for (int64_t k = m; k < last; ++k) {
      const int size = static_cast<int>(std::min<int64_t>(3, last - k + 1));
      if (k > m)
        for (int i = 0; i < size; ++i) v[i] = at(k + i, k - 1);
      const Reflection<T> r = reflection_of(size, v);
      if (k > m) {
        at(k, k - 1) = v[0];
        for (int i = 1; i < size; ++i) at(k + i, k - 1) = 0;
      } else if (m > first) {
        at(k, k - 1) *= 1 - r.t1;
      }
      // Without vectors only this block counts. Whole vectors of rows: those below hold 0.
      const int64_t top = Z_ ? 0 : first, columns = (Z_ ? n_ : last + 1) - k;
      const int64_t rows = round_up(std::min(k + 3, last) + 1 - top, int64_t{8});
      reflect_all(n_, H_, Z_, k, top, std::min(rows, n_ - top), columns, r);
    }
  }

  /// Rows and columns k, k + 1 become the standard form of a pair of values.
  void finish_pair(int64_t k, T* real, T* imaginary, StandardForm<T> standard_form) {
    T c, s;
    standard_form(&at(k, k), &at(k, k + 1), &at(k + 1, k), &at(k + 1, k + 1), real + k,
                  imaginary + k, real + k + 1, imaginary + k + 1, &c, &s);
    if (!Z_) return;
    for (int64_t j = k + 2; j < n_; ++j) rotate(at(k, j), at(k + 1, j), c, s);
    for (int64_t i = 0; i < k; ++i) rotate(at(i, k), at(i, k + 1), c, s);
    for (int64_t i = 0; i < n_; ++i) rotate(Z_[k * n_ + i], Z_[(k + 1) * n_ + i], c, s);
  }

  static void rotate(T& x, T& y, T c, T s) {
    const T turned = c * x + s * y;
    y = c * y - s * x;
    x = turned;
  }

  int64_t n_, begin_, end_;
  T *H_, *Z_;
  T least_;
};

}  // namespace

template <class T>
int64_t hessenberg_eigen(int64_t n, int64_t begin, int64_t end, T* H, T* Z, T* real, T* imaginary,
                         StandardForm<T> standard_form) {
  return Francis<T>(n, begin, end, H, Z).run(real, imaginary, standard_form);
}
template int64_t hessenberg_eigen(int64_t, int64_t, int64_t, float*, float*, float*, float*,
                                  StandardForm<float>);
template int64_t hessenberg_eigen(int64_t, int64_t, int64_t, double*, double*, double*, double*,
                                  StandardForm<double>);

}  // namespace flambeau
