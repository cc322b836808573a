// Matrix products as functions.
#include "dispatch/products.h"
#include "python/bind.h"
#include "runtime/blas.h"

namespace flambeau {

namespace {

Object chain_order(const std::vector<int64_t>& sizes) {
  Object list = owned(PyList_New(0));
  for (auto [left, right] : cheapest_chain(sizes)) {
    Object pair = Object::steal(Py_BuildValue("LL", left, right));
    if (!pair || PyList_Append(list.get(), pair.get()) < 0) throw PythonError();
  }
  return list;
}

const NativeEntry entries[] = {
    bind<mm_of_matrices>("mm", "input, mat2", "The product of two matrices."),
    bind<bmm>("bmm", "input, mat2", "The products of two stacks of matrices."),
    bind<[](Tensor& input, Tensor& other) { return matmul(input, other); }>(
        "matmul", "input, other", "The product of vectors, matrices or stacks of them."),
    bind<mv>("mv", "input, vec", "The product of a matrix and a vector."),
    bind<dot>("dot", "input, tensor", "The sum of the products of two vectors."),
    bind<addmv>("_addmv", "input, mat, vec, beta, alpha"),
    bind<addmm>("_addmm", "input, mat1, mat2, beta, alpha, name"),
    bind<chain_order>("_chain_order", "sizes",
                      "[(left, right)] of the products of a chain of matrices, the cheapest order; "
                      "products count on behind the matrices."),
    bind<linear_of_any_shape>("linear", "input, weight, bias=None", "input @ weight.T + bias."),
    bind<[](const char* path) { blas_load(path); }>("_blas_load", "path",
                                                    "Opens the BLAS library."),
    bind<[](const char* name) { return Object::steal(PyLong_FromVoidPtr(lapack_symbol(name))); }>(
        "_lapack_symbol", "name", "The address of a LAPACK routine, 0 if there is none."),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
