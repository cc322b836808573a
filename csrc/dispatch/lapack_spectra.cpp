// QR, eigenvalues of Hermitian matrices, singular values, least squares.
#include "dispatch/lapack.h"
#include "dispatch/lapack_work.h"
#include "kernels/gemm/condition.h"
#include "kernels/gemm/qr.h"
#include "kernels/spectra/eigen.h"
#include "kernels/spectra/slots.h"
#include "kernels/spectra/stacks_simd.h"
#include "runtime/workspace.h"

namespace flambeau {

using namespace lapack;

namespace {

/// A reflection of a column whose sums left the range spoils all of the column that it touches, and
/// what that column reflects. Libraries leave out zeros at the vectors' ends, and numbers remain
/// that mean nothing.
template <class T>
void spread_nan(int64_t m, int64_t n, T* factors, T* tau) {
  constexpr auto nan = std::numeric_limits<real_t<T>>::quiet_NaN();
  T nothing;
  if constexpr (is_complex_v<T>)
    nothing = T(nan, nan);
  else
    nothing = nan;
  int64_t spoiled = m;  // rows of all further columns from here on
  for (int64_t j = 1; j < n; ++j) {
    T* column = factors + j * m;
    int64_t i = 0;
    while (i < std::min({j, m, spoiled}) && column[i] - column[i] == T(0)) ++i;
    // In the last row the reflection is one by 0, and of the columns beyond it alone; so what an
    // infinite sum of the two numbers above and in it has left there stays.
    if (j >= m && column[m - 1] - column[m - 1] != T(0)) column[m - 1] = nothing;
    if (i == std::min(j, m) && i < spoiled) continue;
    const bool only_last = j < m && i + 1 == m - 1 && spoiled == m;
    if (!only_last || tau[i] - tau[i] != T(0))
      std::fill(column + std::min(i + 1, spoiled), column + m, nothing);
    if (j < m - 1) {
      tau[j] = nothing;
      spoiled = std::min(spoiled, j);
    }
  }
}

/// R (width, n) takes what stands on and above the diagonal of factors (m, n), and 0 below it; both
/// by columns.
template <class T>
void copy_upper(const T* factors, int64_t m, int64_t n, int64_t width, T* R) {
  for (int64_t j = 0; j < n; ++j) {
    const int64_t high = std::min(j + 1, width);
    std::copy_n(factors + j * m, high, R + j * width);
    std::fill(R + j * width + high, R + (j + 1) * width, T(0));
  }
}

template <class T>
bool qr_of_small(Tensor& A, Tensor& Q, Tensor& R) {
  const int64_t m = rows(A), n = columns(A), k = std::min(m, n), width = columns(Q);
  if (m > small_qr_rows || std::max(n, width) > small_qr_columns || k == 0) return false;
  TensorRef factors = copy_by_rows(A);
  T *f = elements<T>(factors), *q = Q.as<T>(), *r = R.as<T>();
  if (!all_squares_fit(f, A.numel)) return false;
  each_matrix(matrices_in(A), 2 * m * n * k, [&](int64_t b) {
    Room<T> tau(k), sums(small_qr_columns), made(small_qr_rows * small_qr_columns);
    T *matrix = f + b * m * n, *upper = r + b * width * n;
    small_qr(matrix, m, n, tau.data(), sums.data());
    small_q(matrix, n, tau.data(), k, made.data(), m, width, sums.data());
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = 0; i < width; ++i)
        upper[j * width + i] = i <= j && i < m ? matrix[i * n + j] : T(0);
    transpose(made.data(), q + b * m * width, m, width);
  });
  return true;
}

}  // namespace

std::tuple<TensorRef, TensorRef> qr(Tensor& A, bool complete) {
  return with_matrix_type(A, [&]<class T>() {
    int64_t m = rows(A), n = columns(A), k = std::min(m, n), width = complete ? m : k;
    Dims batch = batch_of(A);
    int64_t count = matrices_in(A);
    TensorRef Q = empty_by_columns(with(batch, {m, width}), A.dtype),
              R = empty_by_columns(with(batch, {width, n}), A.dtype);
    if (m == 0 || count == 0) return std::tuple{Q, R};
    if (qr_of_small<T>(A, *Q, *R)) return std::tuple{Q, R};
    TensorRef factors = copy_by_columns<T>(A);
    if constexpr (std::is_floating_point_v<T>)
      if (k > 0 && squares_fit(elements<T>(factors), A.numel)) {
        each_matrix(count, 2 * m * n * k, [&](int64_t b) {
          T *source = elements<T>(factors) + b * m * n, *q = elements<T>(Q) + b * m * width;
          BlockedQr<T> blocked(m, n);
          blocked.factor(source);
          copy_upper(source, m, n, width, elements<T>(R) + b * width * n);
          blocked.form(source, q, width);
        });
        return std::tuple{Q, R};
      }
    Routine<T> geqrf("geqrf"), orgqr(is_complex_v<T> ? "ungqr" : "orgqr");
    Int M = m, N = n, K = k, W = width, query = -1, ignored;
    T first(0), second(0), *f = elements<T>(factors), *q = elements<T>(Q), *r = elements<T>(R);
    if (k) geqrf(&M, &N, f, &M, &first, &first, &query, &ignored);
    orgqr(&M, &W, &K, q, &M, &second, &second, &query, &ignored);
    Int length = std::max(length_of(first), length_of(second));
    each_matrix(count, 2 * m * n * std::max<int64_t>(k, 1), [&](int64_t b) {
      std::vector<T> work(length), tau(k);
      Int info;
      T *source = f + b * m * n, *target = q + b * m * width;
      if (k) geqrf(&M, &N, source, &M, tau.data(), work.data(), &length, &info);
      spread_nan(m, n, source, tau.data());
      copy_upper(source, m, n, width, r + b * width * n);
      std::copy(source, source + m * k, target);
      std::fill(target + m * k, target + m * width, T(0));
      orgqr(&M, &W, &K, target, &M, tau.data(), work.data(), &length, &info);
    });
    return std::tuple{Q, R};
  });
}

namespace {

// Up to here LAPACK takes no divide and conquer but QL steps, with rotations of another sign than
// PyTorch's.
constexpr int64_t by_steps = 25;

/// V, with the Hermitian matrices of which it has one triangle by columns, becomes their vectors.
template <class T>
void small_eigh(int64_t count, int64_t n, bool upper, T* V, real_t<T>* values, Int* failed) {
  using R = real_t<T>;
  Routine<T> reduce(is_complex_v<T> ? "hetrd" : "sytrd"), form(is_complex_v<T> ? "ungtr" : "orgtr");
  const R least = std::sqrt(std::numeric_limits<R>::min() / std::numeric_limits<R>::epsilon());
  Int N = n, length = 32 * n;
  each_matrix(count, 9 * cube(n), [&](int64_t b) {
    const char* triangle = upper ? "U" : "L";
    T *v = V + b * n * n, tau[by_steps], work[32 * by_steps];
    R *d = values + b * n, e[by_steps], size = 0;
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = upper ? 0 : j; i < (upper ? j + 1 : n); ++i)
        size = std::max(size, std::abs(v[j * n + i]));
    // Of an infinite matrix nothing is left: 0 * inf is NaN.
    R scale = n == 1                     ? 1
              : size > 0 && size < least ? least / size
              : size > 1 / least         ? 1 / least / size
                                         : 1;
    for (int64_t i = 0; scale != 1 && i < n * n; ++i) v[i] *= scale;
    reduce(triangle, &N, v, &N, d, e, tau, work, &length, failed + b, one_letter);
    form(triangle, &N, v, &N, tau, work, &length, failed + b, one_letter);
    failed[b] = tridiagonal_eigen(n, d, e, v);
    for (int64_t i = 0; scale != 1 && i < n; ++i) d[i] /= scale;
  });
}

}  // namespace

namespace {

/// Eigenvalues and, with vectors, in V the eigenvectors of a real symmetric matrix of which V has
/// one triangle by columns: LAPACK's info. False, and nothing done, where squares leave the range.
template <class T>
bool eigh_by_blocks(int64_t n, bool upper, T* V, T* values, bool vectors, Int* info) {
  for (int64_t j = 0; j < n; ++j)
    if (!squares_fit(V + j * n + (upper ? 0 : j), upper ? j + 1 : n - j,
                     std::is_same_v<T, float> ? 1e30 : 1e140))
      return false;
  SymmetricEigen<T> eigen(n);
  eigen.reduce(V, upper);
  if (vectors) {
    *info = eigen.vectors(values, V);
    return true;
  }
  Int N = n;
  std::copy_n(eigen.diagonal(), n, values);
  Routine<T>("sterf")(&N, values, eigen.beside(), info);
  return true;
}

/// Whether a matrix in each lane wins over LAPACK, matrix by matrix, even where lanes stay empty.
bool go_in_lanes(int64_t count, int64_t longer, int64_t shorter) {
  if (shorter > most_in_lanes || longer > 2 * most_in_lanes) return false;
  return shorter <= 8 || count >= shorter - 8;
}

/// A kernel of stack_kernels for all matrices (m, n) of a stack, of whose values a matrix has n,
/// and one_by_one(b) for those that it leaves.
template <class T, class Kernel, class OneByOne>
void each_in_lanes(const T* matrices, const LittleStack<real_t<T>>& all, real_t<T>* values,
                   Kernel kernel, OneByOne&& one_by_one) {
  using R = real_t<T>;
  const int64_t lanes = stack_kernels<R>().lanes, size = all.m * all.n;
  each_matrix((all.count + lanes - 1) / lanes, 20 * lanes * size * all.n, [&](int64_t group) {
    const int64_t begin = group * lanes;
    LittleStack<R> stack = all;
    stack.matrices = reinterpret_cast<const R*>(matrices + begin * size);
    stack.count = std::min(lanes, all.count - begin);
    R* room = Workspace::get<R>(matrices_slot, stack.numbers() * lanes);
    const uint32_t left = kernel(stack, values + begin * all.n, room);
    for (int64_t l = 0; left && l < stack.count; ++l)
      if (left >> l & 1) one_by_one(begin + l);
  });
}

/// Of matrices of one number: its sign or phase, its size and 1, as LAPACK has it. False where a
/// size has lost digits below the normal numbers.
template <class T>
bool svd_of_numbers(int64_t count, const T* a, T* u, real_t<T>* s, T* vh) {
  using R = real_t<T>;
  for (int64_t i = 0; i < count; ++i) {
    s[i] = std::abs(a[i]);
    if constexpr (is_complex_v<T>) {
      if (s[i] != 0 && s[i] < std::numeric_limits<R>::min()) return false;
      u[i] = s[i] == 0 ? T(1) : T(a[i].real() / s[i], a[i].imag() / s[i]);
    } else {
      u[i] = a[i] < 0 ? T(-1) : T(1);
    }
    vh[i] = T(1);
  }
  return true;
}

}  // namespace

std::tuple<TensorRef, TensorRef, TensorRef> eigh(Tensor& A, bool upper, bool vectors) {
  return with_matrix_type(A, [&]<class T>() {
    using R = real_t<T>;
    int64_t n = rows(A);
    Dims batch = batch_of(A);
    int64_t count = matrices_in(A);
    TensorRef values = empty(with(batch, {n}), dtype_of<R>), info = zeros(batch, DType::int32),
              V = copy_by_columns<T>(A);
    if (n == 0 || count == 0) return std::tuple{values, V, info};
    Routine<T> evd(is_complex_v<T> ? "heevd" : "syevd");
    const char *job = vectors ? "V" : "N", *triangle = upper ? "U" : "L";
    T* v = elements<T>(V);
    R* w = elements<R>(values);
    Int* failed = elements<Int>(info);
    if (vectors && n <= by_steps) {
      small_eigh(count, n, upper, v, w, failed);
      return std::tuple{values, V, info};
    }
    Int N = n, query = -1, ignored, integers = 0;
    T size(0);
    R reals(0);
    auto run = [&](T* a, R* out, T* work, Int* l, R* rwork, Int* lr, Int* iwork, Int* li,
                   Int* bad) {
      if constexpr (is_complex_v<T>)
        evd(job, triangle, &N, a, &N, out, work, l, rwork, lr, iwork, li, bad, one_letter,
            one_letter);
      else
        evd(job, triangle, &N, a, &N, out, work, l, iwork, li, bad, one_letter, one_letter);
    };
    run(v, w, &size, &query, &reals, &query, &integers, &query, &ignored);
    Int length = length_of(size), real_length = length_of(reals),
        int_length = std::max(integers, 1);
    auto one_by_one = [&](int64_t b) {
      if constexpr (!is_complex_v<T>)
        if (n > 1 && eigh_by_blocks(n, upper, v + b * n * n, w + b * n, vectors, failed + b))
          return;
      std::vector<T> work(length);
      std::vector<R> rwork(real_length);
      std::vector<Int> iwork(int_length);
      run(v + b * n * n, w + b * n, work.data(), &length, rwork.data(), &real_length, iwork.data(),
          &int_length, failed + b);
    };
    if (!vectors && go_in_lanes(count, n, n)) {
      const LittleStack<R> stack{{}, is_complex_v<T>, count, n, n, upper ? n : 1, upper ? 1 : n};
      each_in_lanes(v, stack, w, stack_kernels<R>().eigenvalues, one_by_one);
    } else {
      each_matrix(count, 9 * cube(n), one_by_one);
    }
    return std::tuple{values, V, info};
  });
}

std::tuple<TensorRef, TensorRef, TensorRef, TensorRef> svd(Tensor& A, bool full, bool vectors) {
  return with_matrix_type(A, [&]<class T>() {
    using R = real_t<T>;
    int64_t m = rows(A), n = columns(A), k = std::min(m, n);
    Dims batch = batch_of(A);
    int64_t count = matrices_in(A), wide = full ? m : k, high = full ? n : k;
    TensorRef S = empty(with(batch, {k}), dtype_of<R>), info = zeros(batch, DType::int32), U, Vh;
    if (vectors) {
      U = empty_by_columns(with(batch, {m, wide}), A.dtype);
      Vh = empty_by_columns(with(batch, {high, n}), A.dtype);
    }
    if (k == 0 || count == 0) {
      for (TensorRef* square : {&U, &Vh})
        if (vectors && (*square)->numel && !A.is_meta()) {
          std::fill_n((*square)->template as<T>(), (*square)->numel, T(0));
          for (int64_t b = 0, s = rows(**square); b < count; ++b)
            for (int64_t i = 0; i < s; ++i) (*square)->template as<T>()[(b * s + i) * s + i] = T(1);
        }
      return std::tuple{U, S, Vh, info};
    }
    // Of A itself, not of A^T that lies in its memory: the signs of the vectors are PyTorch's then.
    TensorRef copy = copy_by_columns<T>(A);
    if (vectors && std::max(m, n) == 1 &&
        svd_of_numbers(count, elements<T>(copy), elements<T>(U), elements<R>(S), elements<T>(Vh)))
      return std::tuple{U, S, Vh, info};
    Routine<T> gesdd("gesdd");
    const char* job = !vectors ? "N" : full ? "A" : "S";
    Int M = m, N = n, H = std::max<int64_t>(high, 1), query = -1, ignored;
    T size(0), *a = elements<T>(copy);
    int64_t longer = std::max(m, n);
    int64_t reals = !vectors ? 7 * k : k * std::max(5 * k + 7, 2 * longer + 2 * k + 1);
    auto run = [&](int64_t b, T* work, Int* length, R* rwork, Int* iwork, Int* bad) {
      T* u = vectors ? elements<T>(U) + b * m * wide : work;
      T* vt = vectors ? elements<T>(Vh) + b * high * n : work;
      R* s = elements<R>(S) + b * k;
      if constexpr (is_complex_v<T>)
        gesdd(job, &M, &N, a + b * m * n, &M, s, u, &M, vt, &H, work, length, rwork, iwork, bad,
              one_letter);
      else
        gesdd(job, &M, &N, a + b * m * n, &M, s, u, &M, vt, &H, work, length, iwork, bad,
              one_letter);
    };
    // What small ones need at least is what they would ask for.
    const bool small = !is_complex_v<T> && longer <= by_steps;
    if (!small) run(0, &size, &query, nullptr, nullptr, &ignored);
    Int length = small ? static_cast<Int>(4 * k * k + 10 * k + 2 * longer) : length_of(size);
    auto one_by_one = [&](int64_t b) {
      std::vector<T> work(length);
      std::vector<R> rwork(is_complex_v<T> ? reals : 0);
      std::vector<Int> iwork(8 * k);
      run(b, work.data(), &length, rwork.data(), iwork.data(), elements<Int>(info) + b);
    };
    if (!vectors && go_in_lanes(count, longer, k)) {
      const bool wide = m < n;  // then of A^T
      const LittleStack<R> stack{{}, is_complex_v<T>, count, longer, k, wide ? m : 1, wide ? 1 : m};
      each_in_lanes(a, stack, elements<R>(S), stack_kernels<R>().singular_values, one_by_one);
    } else {
      each_matrix(count, 20 * m * n * k, one_by_one);
    }
    return std::tuple{U, S, Vh, info};
  });
}

namespace {

/// Least squares of a real matrix whose columns, or rows where it is wide, are far from dependent,
/// by a QR without exchanges of columns, for which there is no need then; not for all others.
template <class T>
class PlainLeastSquares {
 public:
  PlainLeastSquares(int64_t m, int64_t n, int64_t k, double rcond)
      : m_(m),
        n_(n),
        k_(k),
        limit_(std::max(rcond, 4 * static_cast<double>(std::numeric_limits<T>::epsilon()))) {}

  /// X (max(m, n), k) has the solution in its first n rows; A (m, n) and B (m, k); all by columns.
  bool run(const T* A, const T* B, T* X) const {
    if (!squares_fit(A, m_ * n_)) return false;
    const int64_t high = std::max(m_, n_), width = std::min(m_, n_);
    const bool wide = m_ < n_;
    std::vector<T> factors(A, A + m_ * n_), R(width * width);
    if (wide) transpose(A, factors.data(), n_, m_);
    BlockedQr<T> blocked(high, width);
    blocked.factor(factors.data());
    for (int64_t j = 0; j < width; ++j)
      std::copy_n(factors.data() + j * high, j + 1, R.data() + j * width);
    if (!is_far_from_singular(width, R.data(), limit_)) return false;
    for (int64_t j = 0; j < k_; ++j) {
      std::copy_n(B + j * m_, m_, X + j * high);
      std::fill(X + j * high + m_, X + (j + 1) * high, T(0));
    }
    if (!wide) blocked.multiply_transposed(factors.data(), X, k_);
    solve(width, R.data(), X, high, wide);
    if (wide) blocked.multiply(factors.data(), X, k_);
    return true;
  }

 private:
  /// The first n rows of X become what R, or its transpose, makes them of.
  void solve(int64_t n, const T* R, T* X, int64_t step, bool transposed) const {
    if (k_ > few_right_sides) {
      Int N = static_cast<Int>(n), K = static_cast<Int>(k_), S = static_cast<Int>(step), info;
      trtrs_("U", transposed ? "T" : "N", "N", &N, &K, R, &N, X, &S, &info, one_letter, one_letter,
             one_letter);
      return;
    }
    // By columns one is upper, by rows the other lower.
    const Triangle shape{.n = n, .upper = !transposed, .unit = false, .by_columns = !transposed};
    for (int64_t j = 0; j < k_; ++j) solve_triangle(shape, R, X + j * step, 1);
  }

  Routine<T> trtrs_{"trtrs"};
  int64_t m_, n_, k_;
  double limit_;
};

}  // namespace

std::tuple<TensorRef, TensorRef> least_squares(Tensor& A, Tensor& B, double rcond) {
  return with_matrix_type(A, [&]<class T>() {
    using R = real_t<T>;
    int64_t m = rows(A), n = columns(A), k = columns(B), high = std::max(m, n);
    Dims batch = batch_of(A);
    int64_t count = matrices_in(A);
    TensorRef rank = zeros(batch, DType::int64), X = zeros(with(batch, {n, k}), A.dtype);
    if (X->numel == 0 || m == 0) return std::tuple{X, rank};
    TensorRef factors = copy_by_columns<T>(A), right = copy_by_columns<T>(B);
    Routine<T> gelsy("gelsy");
    Int M = m, N = n, K = k, H = high, query = -1;
    R limit = static_cast<R>(rcond);
    T *a = elements<T>(factors), *x = elements<T>(X);
    const T* b = elements<T>(right);
    auto run = [&](T* matrix, T* solution, Int* order, Int* r, T* work, Int* length, R* reals) {
      Int info = 0;
      if constexpr (is_complex_v<T>)
        gelsy(&M, &N, &K, matrix, &M, solution, &H, order, &limit, r, work, length, reals, &info);
      else
        gelsy(&M, &N, &K, matrix, &M, solution, &H, order, &limit, r, work, length, &info);
    };
    auto put = [&](int64_t i, const std::vector<T>& solution, int64_t r) {
      rank->template as<int64_t>()[i] = r;
      for (int64_t row = 0; row < n; ++row)
        for (int64_t j = 0; j < k; ++j) x[(i * n + row) * k + j] = solution[j * high + row];
    };
    auto plain = [&](int64_t i) {
      if constexpr (!is_complex_v<T>) {
        std::vector<T> solution(high * k);
        const PlainLeastSquares<T> way(m, n, k, rcond);
        if (!way.run(a + i * m * n, b + i * m * k, solution.data())) return false;
        put(i, solution, std::min(m, n));
        return true;
      }
      return false;
    };
    each_matrix(count, 2 * m * n * (std::min(m, n) + k), [&](int64_t i) {
      if (plain(i)) return;
      Int ignored, found;
      T size(0);
      std::vector<T> solution(high * k);
      run(a + i * m * n, solution.data(), &ignored, &found, &size, &query, nullptr);
      Int length = length_of(size);
      std::vector<T> work(length);
      std::vector<R> reals(2 * n);
      std::vector<Int> order(n, 0);
      for (int64_t j = 0; j < k; ++j)
        std::copy_n(b + (i * k + j) * m, m, solution.data() + j * high);
      Int r = 0;
      run(a + i * m * n, solution.data(), order.data(), &r, work.data(), &length, reals.data());
      put(i, solution, r);
    });
    return std::tuple{X, rank};
  });
}

}  // namespace flambeau
