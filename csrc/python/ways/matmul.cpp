// Matrix products as functions.
#include "dispatch/products.h"
#include "python/bind.h"
#include "runtime/blas.h"

namespace flambeau {

namespace {

const NativeEntry entries[] = {
    bind<mm_of_matrices>("mm", "input, mat2", "The product of two matrices."),
    bind<bmm>("bmm", "input, mat2", "The products of two stacks of matrices."),
    bind<[](Tensor& input, Tensor& other) { return matmul(input, other); }>(
        "matmul", "input, other", "The product of vectors, matrices or stacks of them."),
    bind<mv>("mv", "input, vec", "The product of a matrix and a vector."),
    bind<dot>("dot", "input, tensor", "The sum of the products of two vectors."),
    bind<addmv>("_addmv", "input, mat, vec, beta, alpha"),
    bind<addmm>("_addmm", "input, mat1, mat2, beta, alpha, name"),
    bind<cheapest_chain>("_chain_order", "sizes"),
    bind<linear_of_any_shape>("linear", "input, weight, bias=None", "input @ weight.T + bias."),
    bind<blas_load>("_blas_load", "path"),
    bind<lapack_symbol>("_lapack_symbol", "name"),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
