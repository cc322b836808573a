// Matrix products as Python functions.
#include "dispatch/matmul.h"

#include "dispatch/autocast.h"
#include "dispatch/views.h"
#include "python/args.h"
#include "runtime/blas.h"

namespace flambeau {

namespace {

PyObject* py_mm(const Call& call) {
  Args a(call);
  Tensor &x = a.tensor(0), &y = a.tensor(1);
  check(x.ndim == 2 && y.ndim == 2, [&] {
    return message("mm: takes two matrices (2 dims), not ", shape(x), " and ", shape(y),
                   ". For stacks of matrices use bmm or matmul.");
  });
  return mm(x, y, "mm").release_py();
}
PyObject* py_bmm(const Call& call) {
  Args a(call);
  Tensor &x = a.tensor(0), &y = a.tensor(1);
  check(x.ndim == 3 && y.ndim == 3, [&] {
    return message("bmm: takes two stacks of matrices (3 dims), not ", shape(x), " and ", shape(y),
                   ".");
  });
  return mm(x, y, "bmm").release_py();
}
PyObject* py_matmul(const Call& call) {
  Args a(call);
  return matmul(a.tensor(0), a.tensor(1)).release_py();
}
void check_ndim(const char* op, const char* name, const Tensor& t, int ndim) {
  check(t.ndim == ndim, [&] {
    return message(op, ": ", name, " is ", shape(t), "; it takes ", ndim, " dim",
                   ndim > 1 ? "s" : "", ".");
  });
}
PyObject* py_mv(const Call& call) {
  Args a(call);
  Tensor &x = a.tensor(0), &y = a.tensor(1);
  check_ndim("mv", "input", x, 2);
  check_ndim("mv", "vec", y, 1);
  check(x.sizes[1] == y.sizes[0], [&] {
    return message("mv: inner dimensions differ (", x.sizes[1], " != ", y.sizes[0], "): input ",
                   shape(x), " @ vec ", shape(y), ".");
  });
  return matmul(x, y, "mv").release_py();
}
PyObject* py_dot(const Call& call) {
  Args a(call);
  Tensor &x = a.tensor(0), &y = a.tensor(1);
  check_ndim("dot", "input", x, 1);
  check_ndim("dot", "tensor", y, 1);
  check(x.sizes[0] == y.sizes[0], [&] {
    return message("dot: the vectors have ", x.sizes[0], " and ", y.sizes[0],
                   " elements; they must have equally many.");
  });
  return matmul(x, y, "dot").release_py();
}
double number(PyObject* o) {
  const double value = PyFloat_AsDouble(o);
  if (value == -1 && PyErr_Occurred()) throw PythonError();
  return value;
}
/// One function for addmm and its kin: the last argument is the operator's name.
PyObject* py_addmm(const Call& call) {
  Args a(call);
  const char* name = text_of(a[5]);
  return addmm(a.tensor(0), a.tensor(1), a.tensor(2), number(a[3]), number(a[4]), name)
      .release_py();
}
PyObject* py_addmv(const Call& call) {
  Args a(call);
  Tensor &input = a.tensor(0), &mat = a.tensor(1), &vec = a.tensor(2);
  check_ndim("addmv", "mat", mat, 2);
  check_ndim("addmv", "vec", vec, 1);
  TensorRef columns = input.ndim ? unsqueeze(input, 1) : TensorRef::borrow(&input);
  TensorRef out = addmm(*columns, mat, *unsqueeze(vec, 1), number(a[3]), number(a[4]), "addmv");
  return squeeze(*out, {1}).release_py();
}
TensorRef linear_of_any_shape(Tensor& input, Tensor& weight, Tensor* bias) {
  if (weight.ndim == 1) {
    // One output: the last dimension goes away.
    TensorRef row = unsqueeze(weight, 0);
    TensorRef single = bias ? reshape(*bias, {1}) : nullptr;
    TensorRef out = linear(input, *row, single.get());
    return squeeze(*out, {-1});
  }
  if (bias && bias->ndim != 1) {
    TensorRef out = linear(input, weight, nullptr);
    return add(*out, *bias);
  }
  return linear(input, weight, bias);
}
PyObject* py_linear(const Call& call) {
  Args a(call);
  Tensor* bias = a.given(2) ? &a.tensor(2) : nullptr;
  if (!autocast.on) return linear_of_any_shape(a.tensor(0), a.tensor(1), bias).release_py();
  TensorRef input = autocasted(a.tensor(0)), weight = autocasted(a.tensor(1)),
            lower = bias ? autocasted(*bias) : nullptr;
  AutocastOff off;
  return linear_of_any_shape(*input, *weight, lower.get()).release_py();
}
PyObject* py_blas_load(const Call& call) {
  Args a(call);
  blas_load(text_of(a[0]));
  Py_RETURN_NONE;
}
PyObject* py_lapack_symbol(const Call& call) {
  Args a(call);
  return PyLong_FromVoidPtr(lapack_symbol(text_of(a[0])));
}

const NativeEntry entries[] = {
    {"mm", "input, mat2", py_mm, "The product of two matrices."},
    {"bmm", "input, mat2", py_bmm, "The products of two stacks of matrices."},
    {"matmul", "input, other", py_matmul, "The product of vectors, matrices or stacks of them."},
    {"mv", "input, vec", py_mv, "The product of a matrix and a vector."},
    {"dot", "input, tensor", py_dot, "The sum of the products of two vectors."},
    {"_addmv", "input, mat, vec, beta, alpha", py_addmv, "beta * input + alpha * (mat @ vec)."},
    {"_addmm", "input, mat1, mat2, beta, alpha, name", py_addmm,
     "beta * input + alpha * (mat1 @ mat2)."},
    {"linear", "input, weight, bias=None", py_linear, "input @ weight.T + bias."},
    {"_blas_load", "path", py_blas_load, "Opens the BLAS library."},
    {"_lapack_symbol", "name", py_lapack_symbol,
     "The address of a LAPACK routine, 0 if there is none."},
    {}};

}  // namespace

void initialize_matmul(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
