// What a Fourier transform needs to know of its size: made once, kept for the next call.
#pragma once
#include <list>
#include <memory>
#include <vector>

#include "kernels/fft/simd.h"

namespace flambeau {

/// A plan for n points has one or two of these: steps (all points of several signals at once), a
/// cut (one signal as a matrix of columns and rows), a chirp (a convolution, where n has a prime
/// factor beyond 31).
template <class T>
struct FourierPlan {
  int64_t n = 0;

  std::vector<FourierStep<T>> steps;
  std::list<std::vector<T>> tables;  // what the steps point at

  /// n = columns->n * rows->n; lane_roots[k * lanes + l] is exp(-2 pi i k l / n) in lanes form.
  std::shared_ptr<const FourierPlan> columns, rows;
  std::vector<T> lane_roots;
  /// exp(-2 pi i j / n) is fine[j % fine_size] * coarse[j / fine_size].
  std::vector<double> fine, coarse;

  /// chirp[k] is exp(-pi i k^2 / n); spectrum that of its conjugate around 0 over convolution->n
  /// points, divided by their number.
  std::shared_ptr<const FourierPlan> convolution;
  std::vector<T> chirp, spectrum;

  bool has_steps() const { return !steps.empty() || n == 1; }
  size_t n_bytes() const;
};

/// The plan for n >= 1 points. Any thread; the newest plans are kept.
template <class T>
std::shared_ptr<const FourierPlan<T>> fourier_plan(int64_t n);

/// exp(-2 pi i k / n) for k up to n / 4, kept as plans are: what a real signal of an even size
/// needs.
template <class T>
std::shared_ptr<const std::vector<T>> half_roots(int64_t n);

}  // namespace flambeau
