// A pass of a convolution as one matrix product. Plain values.
#pragma once
#include "kernels/conv/conv.h"
#include "kernels/gemm/gemm.h"

namespace flambeau {

/// The product of (M, K) and (K, N), either stored transposed.
inline AnyGemm product(const ConvShape& s, int64_t M, int64_t N, int64_t K, const void* a,
                       bool trans_a, const void* b, bool trans_b, void* c) {
  AnyGemm g;
  g.dtype = s.dtype;
  g.M = M, g.N = N, g.K = K;
  g.a = a, g.lda = trans_a ? M : K, g.trans_a = trans_a;
  g.b = b, g.ldb = trans_b ? K : N, g.trans_b = trans_b;
  g.c = c, g.ldc = N;
  return g;
}

}  // namespace flambeau
