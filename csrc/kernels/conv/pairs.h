// Convolution of bfloat16 by the instructions that multiply pairs of them: two neighbouring source
// channels lie side by side in words, which are packed as panels.h packs numbers. Any thread may
// call; the GIL is not touched.
#pragma once
#include "kernels/conv/correlation.h"
#include "tensor/dtype.h"

namespace flambeau {

/// Whether the machine has such instructions and all phases have channels enough.
bool fits_pairs(const std::vector<Correlation>& phases);

/// As correlate_direct (conv/direct.h), all phases, each of which has results and taps.
void correlate_pairs(const std::vector<Correlation>& phases, const bfloat16* source,
                     const bfloat16* weight, const bfloat16* bias, bool relu, bfloat16* target);

}  // namespace flambeau
