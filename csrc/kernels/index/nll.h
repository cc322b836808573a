// Negative log likelihood: the element of each column of scores that a class index names, weighted.
// Any thread; no GIL. Scores are (N, C, S); targets (N, S), contiguous.
#pragma once
#include "tensor/strided.h"

namespace flambeau {

struct NllShape {
  int64_t n, classes, positions;     // N, C, S
  int64_t n_step, class_step, step;  // between scores, in elements
};

struct NllTotal {
  double loss = 0, weight = 0;
  int64_t wrong = -1;  // the first place whose target is no class
};

/// loss[i] = -weight[t] * score[t] and 0 where t == ignored; `loss` may be null (only the total is
/// wanted; else there is none), and so may `weight` (all 1). Summed in float64, in the same order
/// for any number of threads.
NllTotal nll(const void* scores, DType dtype, const NllShape& shape, const int64_t* target,
             const void* weight, int64_t ignored, void* loss);

/// grad_scores[t] = -weight[t] * scale * grad[i] into zeros (N, C, S), contiguous; grad_step is 0
/// for one gradient shared by all.
void nll_backward(void* grad_scores, DType dtype, const NllShape& shape, const int64_t* target,
                  const void* weight, int64_t ignored, const void* grad, int64_t grad_step,
                  double scale);

}  // namespace flambeau
