// Factorizations as Python functions: what flambeau/ops/linalg/systems.py and its neighbours call.
#include "dispatch/lapack.h"

#include "python/args.h"

namespace flambeau {

namespace {

PyObject* given(std::initializer_list<TensorRef> results) {
  Object tuple = Object::steal(PyTuple_New(static_cast<Py_ssize_t>(results.size())));
  if (!tuple) throw PythonError();
  Py_ssize_t i = 0;
  for (const TensorRef& result : results)
    PyTuple_SET_ITEM(tuple.get(), i++,
                     result ? TensorRef(result).release_py() : Py_NewRef(Py_None));
  return tuple.release();
}

/// Argument 0, matrices: what a hook of saved tensors puts in their place comes here unchecked.
Tensor& matrices(const Args& a, bool square = false) {
  Tensor& A = a.tensor(0);
  check(A.ndim >= 2 && (is_floating(A.dtype) || is_complex(A.dtype)) && itemsize(A.dtype) >= 4 &&
            (!square || A.sizes[A.ndim - 1] == A.sizes[A.ndim - 2]),
        [&] {
          return message(a.function(), ": takes ", square ? "square " : "",
                         "matrices of floating or complex numbers, not ", describe(A), ".");
        });
  return A;
}

/// Argument 1, the right sides of systems whose matrices are A.
Tensor& right_sides(const Args& a, const Tensor& A) {
  Tensor& B = a.tensor(1);
  bool fits = B.dtype == A.dtype && B.ndim == A.ndim;
  for (int d = 0; fits && d < A.ndim - 1; ++d) fits = B.sizes[d] == A.sizes[d];
  check(fits, [&] {
    return message(a.function(), ": right sides ", describe(B), " do not fit matrices ",
                   describe(A), ".");
  });
  return B;
}

PyObject* py_lu(const Call& call) {
  Args a(call);
  auto [LU, pivots, info] = lu_factor(matrices(a));
  return given({LU, pivots, info});
}
PyObject* py_solve(const Call& call) {
  Args a(call);
  Tensor& A = matrices(a, true);
  auto [X, info] = solve(A, right_sides(a, A));
  return given({X, info});
}
PyObject* py_inverse(const Call& call) {
  Args a(call);
  auto [X, info] = inverse(matrices(a, true));
  return given({X, info});
}
PyObject* py_cholesky(const Call& call) {
  Args a(call);
  auto [L, info] = cholesky(matrices(a, true));
  return given({L, info});
}
PyObject* py_solve_triangular(const Call& call) {
  Args a(call);
  Tensor& A = matrices(a, true);
  return solve_triangular(A, right_sides(a, A), a.truth(2), a.truth(3)).release_py();
}
PyObject* py_det(const Call& call) {
  Args a(call);
  return determinant(matrices(a, true)).release_py();
}
PyObject* py_slogdet(const Call& call) {
  Args a(call);
  auto [sign, logarithm] = sign_and_log_det(matrices(a, true));
  return given({sign, logarithm});
}
PyObject* py_qr(const Call& call) {
  Args a(call);
  auto [Q, R] = qr(matrices(a), a.truth(1));
  return given({Q, R});
}
PyObject* py_eigh(const Call& call) {
  Args a(call);
  auto [values, vectors, info] = eigh(matrices(a, true), a.truth(1), a.truth(2));
  return given({values, vectors, info});
}
PyObject* py_svd(const Call& call) {
  Args a(call);
  auto [U, S, Vh, info] = svd(matrices(a), a.truth(1), a.truth(2));
  return given({U, S, Vh, info});
}

PyObject* py_least_squares(const Call& call) {
  Args a(call);
  Tensor& A = matrices(a);
  double rcond = PyFloat_AsDouble(a[2]);
  if (rcond == -1 && PyErr_Occurred()) throw PythonError();
  auto [X, rank] = least_squares(A, right_sides(a, A), rcond);
  return given({X, rank});
}

const NativeEntry entries[] = {
    {"_lu", "A", py_lu, "(LU, pivots, info) of matrices."},
    {"_solve", "A, B", py_solve, "(X, info) with A X = B."},
    {"_inverse", "A", py_inverse, "(the inverses, info)."},
    {"_cholesky", "A", py_cholesky, "(L, info) with A = L L^H."},
    {"_solve_triangular", "A, B, upper, unitriangular", py_solve_triangular,
     "X with A X = B, from one triangle of A."},
    {"_det", "A", py_det, "The determinants."},
    {"_slogdet", "A", py_slogdet,
     "The determinants' signs, and the logarithms of their absolute values."},
    {"_qr", "A, complete=False", py_qr, "(Q, R)."},
    {"_eigh", "A, upper, vectors=True", py_eigh,
     "(eigenvalues, eigenvectors, info) of Hermitian matrices."},
    {"_svd", "A, full, vectors=True", py_svd, "(U, S, Vh, info)."},
    {"_least_squares", "A, B, rcond", py_least_squares,
     "(X, rank) with the least norm of A X - B."},
    {}};

}  // namespace

void initialize_lapack(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
