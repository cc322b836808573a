// Factorizations as Python functions: what flambeau/ops/systems.py and its neighbours call.
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

PyObject* py_lu(const Call& call) {
  Args a("_lu", call, {"A"});
  auto [LU, pivots, info] = lu_factor(a.tensor(0));
  return given({LU, pivots, info});
}
PyObject* py_solve(const Call& call) {
  Args a("_solve", call, {"A", "B"}, 2);
  auto [X, info] = solve(a.tensor(0), a.tensor(1));
  return given({X, info});
}
PyObject* py_inverse(const Call& call) {
  Args a("_inverse", call, {"A"});
  auto [X, info] = inverse(a.tensor(0));
  return given({X, info});
}
PyObject* py_cholesky(const Call& call) {
  Args a("_cholesky", call, {"A"});
  auto [L, info] = cholesky(a.tensor(0));
  return given({L, info});
}
PyObject* py_solve_triangular(const Call& call) {
  Args a("_solve_triangular", call, {"A", "B", "upper", "unitriangular"}, 4);
  return solve_triangular(a.tensor(0), a.tensor(1), a.truth(2), a.truth(3)).release_py();
}
PyObject* py_det(const Call& call) {
  Args a("_det", call, {"A"});
  return determinant(a.tensor(0)).release_py();
}
PyObject* py_slogdet(const Call& call) {
  Args a("_slogdet", call, {"A"});
  auto [sign, logarithm] = sign_and_log_det(a.tensor(0));
  return given({sign, logarithm});
}
PyObject* py_qr(const Call& call) {
  Args a("_qr", call, {"A", "complete"});
  auto [Q, R] = qr(a.tensor(0), a.truth(1));
  return given({Q, R});
}
PyObject* py_eigh(const Call& call) {
  Args a("_eigh", call, {"A", "upper", "vectors"}, 2);
  auto [values, vectors, info] = eigh(a.tensor(0), a.truth(1), a.truth(2, true));
  return given({values, vectors, info});
}
PyObject* py_svd(const Call& call) {
  Args a("_svd", call, {"A", "full", "vectors"}, 2);
  auto [U, S, Vh, info] = svd(a.tensor(0), a.truth(1), a.truth(2, true));
  return given({U, S, Vh, info});
}

PyObject* py_least_squares(const Call& call) {
  Args a("_least_squares", call, {"A", "B", "rcond"}, 3);
  double rcond = PyFloat_AsDouble(a[2]);
  if (rcond == -1 && PyErr_Occurred()) throw PythonError();
  auto [X, rank] = least_squares(a.tensor(0), a.tensor(1), rcond);
  return given({X, rank});
}

const NativeEntry entries[] = {
    {"_lu", py_lu, "(LU, pivots, info) of matrices."},
    {"_solve", py_solve, "(X, info) with A X = B."},
    {"_inverse", py_inverse, "(the inverses, info)."},
    {"_cholesky", py_cholesky, "(L, info) with A = L L^H."},
    {"_solve_triangular", py_solve_triangular, "X with A X = B, from one triangle of A."},
    {"_det", py_det, "The determinants."},
    {"_slogdet", py_slogdet,
     "The determinants' signs, and the logarithms of their absolute values."},
    {"_qr", py_qr, "(Q, R)."},
    {"_eigh", py_eigh, "(eigenvalues, eigenvectors, info) of Hermitian matrices."},
    {"_svd", py_svd, "(U, S, Vh, info)."},
    {"_least_squares", py_least_squares, "(X, rank) with the least norm of A X - B."},
    {nullptr, nullptr, nullptr}};

}  // namespace

void initialize_lapack(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
