// Stacks of products of which each is less than a dozen of sums: what a product of matrices
// prepares for each would cost more. Any thread, no GIL; bits do not depend on the number of
// threads.
#pragma once
#include "kernels/gemm/gemm.h"

namespace flambeau {

/// Whether little_products takes this: a stack of up to 4 rows and columns, of up to 8 terms.
bool are_little_products(const AnyGemm& problem);
void little_products(const AnyGemm& problem);

}  // namespace flambeau
