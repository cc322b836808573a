// words_body.h for vectors of 64 bytes, inside the including file's namespace. No include guard.

// 24 sums of 32 registers, three vectors of B, and words of A read as they are needed.
constexpr int vector_bytes = 64, word_rows = 8, word_vectors = 3;
#include "kernels/simd/vector_body.h"
// Uses that vector.
#include "kernels/gemm/words_body.h"
