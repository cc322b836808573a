// Losses that want the scores of a sample's classes to be above those of all others by a margin.
// Any thread; no GIL. Scores are (n, classes), contiguous, float32 or float64; differences that are
// not above 0, and NaN, do not count. Results do not depend on the number of threads.
#pragma once
#include "tensor/dtype.h"

namespace flambeau {

/// One class a sample, all of them above it: the sum of weight[t] * max(0, margin - x[t] + x[c]),
/// or of its square, over c != t, divided by the number of classes.
struct ClassMargin {
  double margin;
  bool squared;
  const void* weight;  // for each class, or null
};

/// The first place whose target is no class, or -1.
int64_t find_no_class(const int64_t* target, int64_t n, int64_t least, int64_t classes);

/// losses (n) of scores with targets (n).
void class_margins(DType dtype, int64_t n, int64_t classes, const void* scores,
                   const int64_t* target, const ClassMargin& how, void* losses);
/// The gradients of scores: scale * grad[i * grad_step] times that of losses[i].
void class_margins_backward(DType dtype, int64_t n, int64_t classes, const void* scores,
                            const int64_t* target, const ClassMargin& how, const void* grad,
                            int64_t grad_step, double scale, void* grad_scores);

/// Targets (n, classes) list classes up to the first -1: the sum of max(0, 1 - x[t] + x[c]) over
/// all t that are listed and all c that are not, divided by the number of classes.
void label_margins(DType dtype, int64_t n, int64_t classes, const void* scores,
                   const int64_t* target, void* losses);
void label_margins_backward(DType dtype, int64_t n, int64_t classes, const void* scores,
                            const int64_t* target, const void* grad, int64_t grad_step,
                            double scale, void* grad_scores);

}  // namespace flambeau
