#include "kernels/ctc/ctc.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/ctc/simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

template <class T>
constexpr T nothing = -std::numeric_limits<T>::infinity();

/// What lies around a row of states, so that neighbours of the first and last can be read.
constexpr int64_t pad = 2;

/// The states of one sample: its labels with blanks around them.
template <class T>
class States {
 public:
  States(const CtcShape& shape, int64_t sample, const int64_t* labels, const T* log_probs, T* space,
         int64_t row)
      : steps(shape.input_lengths[sample]),
        n_labels(shape.label_lengths[sample]),
        n(2 * n_labels + 1),
        padded(round_up(n, ctc_kernels<T>().lanes)),
        skip(space + pad),
        emitted_(space + row + pad),
        labels_(labels),
        from_(log_probs + sample * shape.classes),
        step_(shape.n * shape.classes),
        blank_(shape.blank) {
    std::fill(space, space + 2 * row, nothing<T>);
    // Two states at once: onto a label that differs from the one before.
    for (int64_t i = 1; i < n_labels; ++i)
      if (labels[i] != labels[i - 1]) skip[2 * i + 1] = 0;
  }

  /// log_probs of the states at a step, -infinity behind them.
  const T* emitted(int64_t t) const {
    const T* at = from_ + t * step_;
    const T blank = at[blank_];
    for (int64_t i = 0; i < n_labels; ++i) {
      emitted_[2 * i] = blank;
      emitted_[2 * i + 1] = at[labels_[i]];
    }
    emitted_[2 * n_labels] = blank;
    return emitted_;
  }

  const int64_t steps, n_labels, n, padded;
  T* const skip;  // 0, or -infinity where there is no such step

 private:
  T* const emitted_;
  const int64_t* const labels_;
  const T* const from_;
  const int64_t step_, blank_;
};

/// Where the labels of each sample begin.
std::vector<int64_t> starts_of(const CtcShape& shape) {
  std::vector<int64_t> starts(shape.n);
  for (int64_t i = 0, at = 0; i < shape.n; at += shape.label_lengths[i++]) starts[i] = at;
  return starts;
}

/// run(sample) for all of them; a task is worth some thousand states.
template <class Run>
void by_samples(const CtcShape& shape, int64_t row, Run&& run) {
  const int64_t at_once = std::max<int64_t>(1, 2048 / std::max<int64_t>(1, shape.steps * row));
  parallel_ranges(shape.n, at_once, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) run(i);
  });
}

template <class T>
T log_of_sum(T a, T b) {
  const T most = std::max(a, b);
  return most == nothing<T> ? a + b : most + std::log(std::exp(a - most) + std::exp(b - most));
}

}  // namespace

template <class T>
int64_t ctc_row(int64_t longest) {
  return round_up(2 * longest + 1, ctc_kernels<T>().lanes) + 2 * pad;
}

template <class T>
void ctc(const CtcShape& shape, int64_t row, const T* log_probs, T* alpha, T* losses) {
  const auto& kernels = ctc_kernels<T>();
  const std::vector<int64_t> starts = starts_of(shape);
  by_samples(shape, row, [&](int64_t sample) {
    T* space = Workspace::get<T>(0, 2 * row);
    const States<T> states(shape, sample, shape.labels + starts[sample], log_probs, space, row);
    if (states.steps == 0) {
      losses[sample] = states.n_labels == 0 ? 0 : -nothing<T>;
      return;
    }
    T* now = alpha + sample * shape.steps * row + pad;
    const T* emitted = states.emitted(0);
    std::fill(now - pad, now + states.padded, nothing<T>);
    for (int64_t s = 0; s < std::min<int64_t>(2, states.n); ++s) now[s] = emitted[s];
    for (int64_t t = 1; t < states.steps; ++t) {
      T* next = now + row;
      std::fill(next - pad, next, nothing<T>);
      kernels.step(states.padded, now, now - 1, now - 2, states.skip, states.emitted(t), next);
      now = next;
    }
    const T before = states.n > 1 ? now[states.n - 2] : nothing<T>;
    losses[sample] = -log_of_sum(now[states.n - 1], before);
  });
}

template <class T>
void ctc_backward(const CtcShape& shape, int64_t row, const T* log_probs, const T* alpha,
                  const T* losses, const T* factors, bool finite, T* grad) {
  const auto& kernels = ctc_kernels<T>();
  const std::vector<int64_t> starts = starts_of(shape);
  const int64_t step = shape.n * shape.classes;
  by_samples(shape, row, [&](int64_t sample) {
    T* space = Workspace::get<T>(0, 5 * row);
    const int64_t* labels = shape.labels + starts[sample];
    const States<T> states(shape, sample, labels, log_probs, space, row);
    const T loss = losses[sample], factor = factors[sample];
    T* to = grad + sample * shape.classes;
    const bool infinite = std::isinf(loss), none = infinite && finite;
    for (int64_t t = none ? 0 : states.steps; t < shape.steps; ++t)
      std::fill(to + t * step, to + t * step + shape.classes, T(0));
    if (none) return;
    // beta of a step and of the one behind it, in turn; then the expected counts.
    T *now = space + 2 * row + pad, *next = now + row, *counts = next + row;
    std::fill(now - pad, now - pad + 2 * row, nothing<T>);
    for (int64_t t = states.steps - 1; t >= 0; --t) {
      const T* emitted = states.emitted(t);
      if (t == states.steps - 1)
        for (int64_t s = std::max<int64_t>(0, states.n - 2); s < states.n; ++s) now[s] = emitted[s];
      else
        kernels.step(states.padded, next, next + 1, next + 2, states.skip + 2, emitted, now);
      kernels.posterior(states.padded, alpha + (sample * shape.steps + t) * row + pad, now, emitted,
                        loss, counts);
      T* out = to + t * step;
      kernels.exponentials(shape.classes, log_probs + t * step + sample * shape.classes, out);
      T blanks = counts[2 * states.n_labels];
      for (int64_t i = 0; i < states.n_labels; ++i) {
        blanks += counts[2 * i];
        out[labels[i]] -= counts[2 * i + 1];
      }
      out[shape.blank] -= blanks;
      const T scale = infinite ? std::numeric_limits<T>::quiet_NaN() : factor;
      for (int64_t c = 0; c < shape.classes; ++c) out[c] *= scale;
      std::swap(now, next);
    }
  });
}

template int64_t ctc_row<float>(int64_t);
template int64_t ctc_row<double>(int64_t);
template void ctc(const CtcShape&, int64_t, const float*, float*, float*);
template void ctc(const CtcShape&, int64_t, const double*, double*, double*);
template void ctc_backward(const CtcShape&, int64_t, const float*, const float*, const float*,
                           const float*, bool, float*);
template void ctc_backward(const CtcShape&, int64_t, const double*, const double*, const double*,
                           const double*, bool, double*);

}  // namespace flambeau
