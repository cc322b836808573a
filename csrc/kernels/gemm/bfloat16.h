// Products of bfloat16 by the instructions that multiply pairs and add them up in float32
// (AVX512-BF16), where the machine has them: twice the products a cycle. Denormal numbers count as
// 0 there.
#pragma once
#include "kernels/gemm/problem.h"

namespace flambeau {

/// Computes the product and says true, or false where the general way is the better one. Any
/// thread, no GIL.
bool gemm_pairs(const Gemm<bfloat16>& problem);

/// tile (rows, 48) += A B over n_pairs pairs of k: A has `a_row` pairs from row to row, B 48
/// columns of pairs for each; rows is at most 8. Null where the machine lacks the instructions.
using PairTile = void (*)(int rows, int64_t n_pairs, const uint32_t* a, int64_t a_row,
                          const uint32_t* b, float* tile);
PairTile pair_tile();

inline constexpr int pair_columns = 48, pair_rows = 8;

}  // namespace flambeau
