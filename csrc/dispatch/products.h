// The products of vectors and matrices by their names, which take operands of given dimensions.
// Need the GIL.
#pragma once
#include <utility>
#include <vector>

#include "dispatch/matmul.h"
#include "tensor/declared.h"

namespace flambeau {

/// Of two matrices, and of two stacks.
TensorRef mm_of_matrices(Tensor& input, Tensor& mat2);
TensorRef bmm(Tensor& input, Tensor& mat2);
TensorRef mv(Tensor& input, Tensor& vec);
TensorRef dot(Tensor& input, Tensor& other);
/// beta * input + alpha * (mat @ vec)
TensorRef addmv(Tensor& input, Tensor& mat, Tensor& vec, double beta, double alpha);
/// linear() for a weight of one or two dimensions and any bias, under autocast too.
TensorRef linear_of_any_shape(Tensor& input, Tensor& weight, Tensor* bias);

/// Which operands each product of a chain of matrices takes, so that the chain needs the fewest
/// multiplications: matrix i is sizes[i] x sizes[i + 1] of n, and product i is operand n + i.
std::vector<std::pair<int64_t, int64_t>> cheapest_chain(const std::vector<int64_t>& sizes);

inline TensorRef matmul_of(Tensor& input, Tensor& other) { return matmul(input, other); }

inline constexpr std::tuple product_functions{
    declare<mm_of_matrices>("mm", "input, mat2", "The product of two matrices."),
    declare<bmm>("bmm", "input, mat2", "The products of two stacks of matrices."),
    declare<matmul_of>("matmul", "input, other",
                       "The product of vectors, matrices or stacks of them."),
    declare<mv>("mv", "input, vec", "The product of a matrix and a vector."),
    declare<dot>("dot", "input, tensor", "The sum of the products of two vectors."),
    declare<addmv>("_addmv", "input, mat, vec, beta, alpha"),
    declare<addmm>("_addmm", "input, mat1, mat2, beta, alpha, name"),
    declare<cheapest_chain>("_chain_order", "sizes"),
    declare<linear_of_any_shape>("linear", "input, weight, bias=None", "input @ weight.T + bias.")};

}  // namespace flambeau
