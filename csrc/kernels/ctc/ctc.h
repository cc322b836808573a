// Connectionist temporal classification (Graves et al., ICML 2006): the likelihood of labels under
// all their alignments with a sequence, in logarithms. Threads divide samples. Any thread; no GIL.
#pragma once
#include <cstdint>

namespace flambeau {

/// log_probs (steps, n, classes), contiguous. Sample i has input_lengths[i] steps and
/// label_lengths[i] labels, those of all samples one after the other.
struct CtcShape {
  int64_t steps, n, classes, blank;
  const int64_t *input_lengths, *label_lengths, *labels;
};

/// Elements from one row of alpha to the next, for samples of at most `longest` labels.
template <class T>
int64_t ctc_row(int64_t longest);

/// losses (n,), and alpha (n, steps, row): logarithms of the sums over alignments up to a step that
/// end in a state.
template <class T>
void ctc(const CtcShape& shape, int64_t row, const T* log_probs, T* alpha, T* losses);

/// The gradient of the scores of which log_probs are the log_softmax, as PyTorch has it:
/// exp(log_probs) less the expected counts, times factors (n,). Where `finite` infinite losses have
/// none.
template <class T>
void ctc_backward(const CtcShape& shape, int64_t row, const T* log_probs, const T* alpha,
                  const T* losses, const T* factors, bool finite, T* grad);

}  // namespace flambeau
