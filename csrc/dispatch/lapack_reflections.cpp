// QR factorizations as reflections, products of these, and with these.
#include "dispatch/lapack.h"
#include "dispatch/lapack_work.h"
#include "kernels/gemm/qr.h"

namespace flambeau {

using namespace lapack;

namespace {

/// Matrices up to this size: calls of LAPACK would cost more than the arithmetic.
bool is_small(int64_t m, int64_t n) { return m <= small_qr_rows && n <= small_qr_columns; }

}  // namespace

std::tuple<TensorRef, TensorRef> reflections(Tensor& A) {
  return with_matrix_type(A, [&]<class T>() {
    const int64_t m = rows(A), n = columns(A), k = std::min(m, n);
    const int64_t count = k ? matrices_in(A) : 0;
    TensorRef factors = copy_by_columns<T>(A), taus = empty(with(batch_of(A), {k}), A.dtype);
    if (count == 0) return std::tuple{factors, taus};
    T *f = elements<T>(factors), *tau = elements<T>(taus);
    const bool fit = all_squares_fit(f, A.numel);
    if (fit && is_small(m, n)) {
      each_matrix(count, 2 * m * n * k, [&](int64_t b) {
        Room<T> by_rows(m * n), sums(n);
        transpose(f + b * m * n, by_rows.data(), n, m);
        small_qr(by_rows.data(), m, n, tau + b * k, sums.data());
        transpose(by_rows.data(), f + b * m * n, m, n);
      });
      return std::tuple{factors, taus};
    }
    if constexpr (!is_complex_v<T>)
      if (fit) {
        each_matrix(count, 2 * m * n * k,
                    [&](int64_t b) { BlockedQr<T>(m, n).factor(f + b * m * n, tau + b * k); });
        return std::tuple{factors, taus};
      }
    Routine<T> geqrf("geqrf");
    Int M = m, N = n, query = -1, ignored;
    T size(0);
    geqrf(&M, &N, f, &M, &size, &size, &query, &ignored);
    Int length = length_of(size);
    each_matrix(count, 2 * m * n * k, [&](int64_t b) {
      std::vector<T> work(length);
      Int info;
      geqrf(&M, &N, f + b * m * n, &M, tau + b * k, work.data(), &length, &info);
    });
    return std::tuple{factors, taus};
  });
}

TensorRef product_of_reflections(Tensor& A, Tensor& taus) {
  return with_matrix_type(A, [&]<class T>() {
    const int64_t m = rows(A), n = columns(A), k = taus.sizes[taus.ndim - 1];
    const int64_t count = m * n > 0 ? matrices_in(A) : 0,
                  flops = 2 * m * n * std::max<int64_t>(k, 1);
    TensorRef Q = empty_by_columns(sizes_of(A), A.dtype), lined = contiguous(taus);
    const T* tau = elements<T>(lined);
    T* q = elements<T>(Q);
    if (is_small(m, n)) {
      const Matrices<T> given(A);
      each_matrix(count, flops, [&](int64_t b) {
        Room<T, small_qr_rows * small_qr_columns> vectors(m * n), made(m * n);
        Room<T> sums(n);
        given.read(b, vectors.data());
        small_q(vectors.data(), n, tau + b * k, k, made.data(), m, n, sums.data());
        transpose(made.data(), q + b * m * n, m, n);
      });
      return Q;
    }
    TensorRef factors = copy_by_columns<T>(A);
    const T* f = elements<T>(factors);
    if constexpr (!is_complex_v<T>) {
      each_matrix(count, flops, [&](int64_t b) {
        BlockedQr<T> blocked(m, k);
        blocked.take(f + b * m * n, tau + b * k);
        blocked.form(f + b * m * n, q + b * m * n, n);
      });
      return Q;
    } else {
      if (count == 0) return Q;
      Routine<T> form("ungqr");
      Int M = m, N = n, K = k, query = -1, ignored;
      T size(0);
      form(&M, &N, &K, q, &M, &size, &size, &query, &ignored);
      Int length = length_of(size);
      each_matrix(count, flops, [&](int64_t b) {
        std::vector<T> work(length);
        Int info;
        std::copy_n(f + b * m * n, m * n, q + b * m * n);
        form(&M, &N, &K, q + b * m * n, &M, tau + b * k, work.data(), &length, &info);
      });
      return Q;
    }
  });
}

TensorRef times_reflections(Tensor& A, Tensor& taus, Tensor& B, bool adjoint) {
  return with_matrix_type(A, [&]<class T>() {
    const int64_t m = rows(A), n = columns(A), k = taus.sizes[taus.ndim - 1], c = columns(B);
    const int64_t count = m * c > 0 ? matrices_in(A) : 0,
                  flops = 4 * m * c * std::max<int64_t>(k, 1);
    TensorRef lined = contiguous(taus);
    const T* tau = elements<T>(lined);
    if (is_small(m, n)) {
      TensorRef out = empty_by_columns(sizes_of(B), B.dtype);
      T* to = elements<T>(out);
      const Matrices<T> given(A), right(B);
      each_matrix(count, flops, [&](int64_t b) {
        Room<T, small_qr_rows * small_qr_columns> vectors(m * n), x(m * c);
        Room<T> sums(c);
        given.read(b, vectors.data());
        right.read(b, x.data());
        for (int64_t step = 0; step < k; ++step) {
          const int64_t j = adjoint ? step : k - 1 - step;
          const T factor = adjoint ? conjugate(tau[b * k + j]) : tau[b * k + j];
          reflect(vectors.data() + j, n, factor, j, x.data(), m, c, 0, c, sums.data());
        }
        transpose(x.data(), to + b * m * c, m, c);
      });
      return out;
    }
    TensorRef out = copy_by_columns<T>(B), factors = copy_by_columns<T>(A);
    const T* f = elements<T>(factors);
    T* to = elements<T>(out);
    if (k == 0) return out;
    if constexpr (!is_complex_v<T>) {
      each_matrix(count, flops, [&](int64_t b) {
        BlockedQr<T> blocked(m, k);
        blocked.take(f + b * m * n, tau + b * k);
        if (adjoint)
          blocked.multiply_transposed(f + b * m * n, to + b * m * c, c);
        else
          blocked.multiply(f + b * m * n, to + b * m * c, c);
      });
    } else if (count) {
      Routine<T> multiply("unmqr");
      const char *side = "L", *turned = adjoint ? "C" : "N";
      Int M = m, C = c, K = k, query = -1, ignored;
      T size(0);
      multiply(side, turned, &M, &C, &K, f, &M, &size, to, &M, &size, &query, &ignored, one_letter,
               one_letter);
      Int length = length_of(size);
      each_matrix(count, flops, [&](int64_t b) {
        std::vector<T> work(length), vectors(f + b * m * n, f + (b + 1) * m * n);
        Int info;
        multiply(side, turned, &M, &C, &K, vectors.data(), &M, tau + b * k, to + b * m * c, &M,
                 work.data(), &length, &info, one_letter, one_letter);
      });
    }
    return out;
  });
}

}  // namespace flambeau
