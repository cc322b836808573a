// Eigenvalues of general matrices.
#include <optional>

#include "dispatch/lapack.h"
#include "dispatch/lapack_work.h"
#include "kernels/spectra/hessenberg.h"

namespace flambeau {

using namespace lapack;

namespace {

/// Complex vectors by columns from LAPACK's real ones: of a pair one column holds the real parts,
/// the next the imaginary ones of the first.
template <class R>
void join_pairs(int64_t n, const R* imaginary, const R* columns, std::complex<R>* V) {
  for (int64_t j = 0; j < n; ++j) {
    const R *real = columns + j * n, *other = real + n;
    const bool is_pair = imaginary[j] > 0 && j + 1 < n;
    for (int64_t i = 0; i < n; ++i) V[j * n + i] = {real[i], is_pair ? other[i] : R(0)};
    if (!is_pair) continue;
    for (int64_t i = 0; i < n; ++i) V[(j + 1) * n + i] = {real[i], -other[i]};
    ++j;
  }
}

/// Eigenvalues and right vectors (by columns) of a real matrix by columns, which is lost, as
/// LAPACK's geev finds them, with QR steps of our own.
template <class T>
class SmallEigen {
 public:
  explicit SmallEigen(int64_t n)
      : n_(static_cast<Int>(n)),
        standard_form_(reinterpret_cast<StandardForm<T>>(
            lapack_symbol(std::is_same_v<T, float> ? "slanv2_" : "dlanv2_"))) {}

  /// For larger ones LAPACK takes many steps at once and looks ahead, which is quicker.
  static constexpr int64_t most_rows = 128;

  /// False where LAPACK would scale the matrix, and nothing is done then.
  bool fits(const T* A) const {
    constexpr T tiny = std::numeric_limits<T>::min(), unit = std::numeric_limits<T>::epsilon();
    const T least = std::sqrt(tiny) / unit;
    T size = 0;
    for (int64_t i = 0; i < int64_t{n_} * n_; ++i) size = std::max(size, std::abs(A[i]));
    return standard_form_ && size >= least && size <= 1 / least;
  }

  /// V (n, n) may be null. LAPACK's info.
  Int operator()(T* A, T* real, T* imaginary, T* V) const {
    const int64_t n = n_;
    Int N = n_, low, high, info = 0, length = n_ * 32;
    std::vector<T> scale(n), tau(n), work(length);
    balance_("B", &N, A, &N, &low, &high, scale.data(), &info, one_letter);
    reduce_(&N, &low, &high, A, &N, tau.data(), work.data(), &length, &info);
    if (V) {
      std::copy_n(A, n * n, V);
      form_(&N, &low, &high, V, &N, tau.data(), work.data(), &length, &info);
    }
    const int64_t failed =
        hessenberg_eigen(n, low - 1, high, A, V, real, imaginary, standard_form_);
    if (failed || !V) return static_cast<Int>(failed);
    T* none = nullptr;
    Int one = 1, found;
    vectors_("R", "B", &none, &N, A, &N, none, &one, V, &N, &N, &found, work.data(), &length, &info,
             one_letter, one_letter);
    unbalance_("B", "R", &N, &low, &high, scale.data(), &N, V, &N, &info, one_letter, one_letter);
    for (int64_t j = 0; j < n; ++j) {
      if (imaginary[j] == T(0)) {
        divide(V + j * n, n, length_of_vector(V + j * n, n));
      } else if (imaginary[j] > T(0)) {
        normalize_pair(V + j * n, V + (j + 1) * n);
        ++j;
      }
    }
    return 0;
  }

 private:
  static double length_of_vector(const T* x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return std::sqrt(sum);
  }

  static void divide(T* x, int64_t n, double length) {
    for (int64_t i = 0; i < n; ++i) x[i] = static_cast<T>(static_cast<double>(x[i]) / length);
  }

  /// Neighbouring columns become of length 1 together, and their largest number real.
  void normalize_pair(T* x, T* y) const {
    const int64_t n = n_;
    const double length = std::hypot(length_of_vector(x, n), length_of_vector(y, n));
    divide(x, n, length);
    divide(y, n, length);
    int64_t largest = 0;
    auto size = [&](int64_t i) { return x[i] * x[i] + y[i] * y[i]; };
    for (int64_t i = 1; i < n; ++i)
      if (size(i) > size(largest)) largest = i;
    const Rotation<T> turn = rotation(x[largest], y[largest]);
    turn_columns(n, x, 0, 1, turn.c, turn.s);  // y follows x
    y[largest] = 0;
  }

  Routine<T> balance_{"gebal"}, reduce_{"gehrd"}, form_{"orghr"}, vectors_{"trevc3"},
      unbalance_{"gebak"};
  Int n_;
  StandardForm<T> standard_form_;
};

/// LAPACK's eigenvalues and right vectors of matrices of one size by columns, which it spoils.
template <class T>
class GeneralEigen {
 public:
  using R = real_t<T>;
  using C = std::complex<R>;
  GeneralEigen(int64_t n, bool vectors) : n_(static_cast<Int>(n)), vectors_(vectors) {
    T size(0), other(0);
    R real(0);  // written to by the query, too
    run(&other, &other, &real, &other, &size, -1, &real);
    length_ = length_of(size);
    if constexpr (!is_complex_v<T>)
      if (n <= SmallEigen<T>::most_rows) small_.emplace(n);
  }

  /// values (n) and, with vectors, V (n, n) by columns; LAPACK's info.
  Int operator()(T* matrix, C* values, C* V) const {
    const int64_t n = n_;
    std::vector<T> work(length_);
    if constexpr (is_complex_v<T>) {
      std::vector<R> reals(2 * n);
      return run(matrix, values, nullptr, V, work.data(), length_, reals.data());
    } else {
      std::vector<R> parts(2 * n), columns(vectors_ ? n * n : 0);
      R *real = parts.data(), *imaginary = real + n;
      const bool small = small_ && small_->fits(matrix);
      const Int info =
          small ? (*small_)(matrix, real, imaginary, vectors_ ? columns.data() : nullptr)
                : run(matrix, real, imaginary, columns.data(), work.data(), length_, nullptr);
      for (int64_t i = 0; i < n; ++i) values[i] = {real[i], imaginary[i]};
      if (vectors_) join_pairs(n, imaginary, columns.data(), V);
      return info;
    }
  }

 private:
  Int run(T* matrix, T* values, R* imaginary, T* vectors, T* work, Int length, R* reals) const {
    Int n = n_, one = 1, info = 0;
    T* none = nullptr;
    const char* job = vectors_ ? "V" : "N";
    if constexpr (is_complex_v<T>)
      geev_("N", job, &n, matrix, &n, values, none, &one, vectors, &n, work, &length, reals, &info,
            one_letter, one_letter);
    else
      geev_("N", job, &n, matrix, &n, values, imaginary, none, &one, vectors, &n, work, &length,
            &info, one_letter, one_letter);
    return info;
  }

  Routine<T> geev_{"geev"};
  Int n_, length_ = 0;
  bool vectors_;
  std::optional<SmallEigen<real_t<T>>> small_;  // of real matrices
};

}  // namespace

std::tuple<TensorRef, TensorRef, TensorRef> eig(Tensor& A, bool vectors) {
  return with_matrix_type(A, [&]<class T>() {
    using R = real_t<T>;
    using C = std::complex<R>;
    const int64_t n = rows(A), count = matrices_in(A);
    Dims batch = batch_of(A);
    TensorRef values = empty(with(batch, {n}), dtype_of<C>), info = zeros(batch, DType::int32), V;
    if (vectors) V = empty_by_columns(with(batch, {n, n}), dtype_of<C>);
    if (n == 0 || count == 0) return std::tuple{values, V, info};
    TensorRef matrices = copy_by_columns<T>(A);
    const GeneralEigen<T> eigen(n, vectors);
    T* a = elements<T>(matrices);
    C *w = elements<C>(values), *v = vectors ? elements<C>(V) : nullptr;
    Int* failed = elements<Int>(info);
    each_matrix(count, 25 * cube(n), [&](int64_t b) {
      T* matrix = a + b * n * n;
      constexpr R nan = std::numeric_limits<R>::quiet_NaN();
      if (std::all_of(matrix, matrix + n * n, [](T x) { return x - x == T(0); })) {
        failed[b] = eigen(matrix, w + b * n, v ? v + b * n * n : nullptr);
        return;
      }
      failed[b] = -1;
      std::fill_n(w + b * n, n, C(nan));
      if (v) std::fill_n(v + b * n * n, n * n, C(nan));
    });
    return std::tuple{values, V, info};
  });
}

}  // namespace flambeau
