#include "dispatch/raw/ctc.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "dispatch/iterate.h"
#include "dispatch/raw/precision.h"
#include "kernels/ctc/ctc.h"

namespace flambeau::raw {

namespace {

constexpr const char* op = "ctc_loss";

void check_lengths(const char* what, const std::vector<int64_t>& lengths, int64_t n) {
  check(static_cast<int64_t>(lengths.size()) == n, [&] {
    return message(op, ": ", what, " must hold one length for each sequence of the batch, ", n,
                   ", but holds ", lengths.size(), ".");
  });
  for (int64_t length : lengths)
    check(length >= 0, [&] {
      return message(op, ": ", what, " holds ", length, "; lengths must be 0 or more.");
    });
}

int64_t largest_of(const std::vector<int64_t>& lengths) {
  return lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end());
}

/// What can be said of lengths and targets without the labels.
void check_targets(const Tensor& log_probs, const Tensor& given,
                   const std::vector<int64_t>& input_lengths,
                   const std::vector<int64_t>& target_lengths) {
  const int64_t steps = log_probs.sizes[0], n = log_probs.sizes[1];
  check_lengths("input_lengths", input_lengths, n);
  check_lengths("target_lengths", target_lengths, n);
  check(largest_of(input_lengths) <= steps, [&] {
    return message(op, ": input_lengths reach ", largest_of(input_lengths),
                   ", but log_probs have only ", steps, " steps.");
  });
  const int64_t n_labels =
      std::accumulate(target_lengths.begin(), target_lengths.end(), int64_t{0});
  const bool in_rows = given.ndim == 2;
  check(given.ndim == 1 || in_rows, [&] {
    return message(op, ": targets ", describe(given),
                   " must be (N, S), or all labels in one vector.");
  });
  check(in_rows || given.numel >= n_labels, [&] {
    return message(op, ": targets hold fewer labels than target_lengths say, ", given.numel, " of ",
                   n_labels, ".");
  });
  const int64_t longest = largest_of(target_lengths);
  check(!in_rows || (given.sizes[0] == n && given.sizes[1] >= longest), [&] {
    return message(op, ": target_lengths reach ", longest, " in a batch of ", n, ", but targets ",
                   shape(given), " have only ", given.sizes[1], " labels in a row, and ",
                   given.sizes[0], " rows.");
  });
}

/// Lengths of inputs and of targets, then the labels of all samples.
TensorRef lengths_and_labels(Tensor& given, const std::vector<int64_t>& input_lengths,
                             const std::vector<int64_t>& target_lengths, int64_t classes) {
  const auto n = static_cast<int64_t>(target_lengths.size());
  const int64_t n_labels =
      std::accumulate(target_lengths.begin(), target_lengths.end(), int64_t{0});
  TensorRef targets = contiguous(*to_dtype(given, DType::int64));
  const bool in_rows = targets->ndim == 2;
  TensorRef made = empty({2 * n + n_labels}, DType::int64);
  int64_t* to = made->as<int64_t>();
  to = std::copy(input_lengths.begin(), input_lengths.end(), to);
  to = std::copy(target_lengths.begin(), target_lengths.end(), to);
  const int64_t* from = targets->as<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    const int64_t* row = in_rows ? from + i * targets->sizes[1] : from;
    to = std::copy(row, row + target_lengths[i], to);
    for (const int64_t* label = to - target_lengths[i]; label < to; ++label)
      check(*label >= 0 && *label < classes, [&] {
        return message(op, ": targets hold the label ", *label, ", which is outside of 0 to ",
                       classes - 1, ", those that log_probs have.");
      });
    if (!in_rows) from += target_lengths[i];
  }
  return made;
}

CtcShape shape_of(const Tensor& log_probs, const Tensor& lengths, int64_t blank) {
  const int64_t n = log_probs.sizes[1];
  const auto* at = lengths.as<int64_t>();
  return {log_probs.sizes[0], n, log_probs.sizes[2], blank, at, at + n, at + 2 * n};
}

/// What the loss of a sample counts for in the result.
double share_of(const CtcShape& shape, int64_t sample, Reducing reduction) {
  if (reduction != Reducing::mean) return 1;
  const auto labels = static_cast<double>(std::max<int64_t>(1, shape.label_lengths[sample]));
  return 1 / (labels * static_cast<double>(shape.n));
}

}  // namespace

std::tuple<TensorRef, TensorRef, TensorRef, TensorRef> ctc(
    Tensor& given, Tensor& targets, const std::vector<int64_t>& input_lengths,
    const std::vector<int64_t>& target_lengths, int64_t blank, const CtcLosses& of) {
  check(given.ndim == 3, [&] {
    return message(op, ": log_probs is ", describe(given), ", but it must be (T, N, C).");
  });
  TensorRef log_probs = contiguous(given);
  const int64_t steps = given.sizes[0], n = given.sizes[1];
  const bool whole = of.reduction != Reducing::none;
  TensorRef result = empty(whole ? Dims{} : Dims{n}, given.dtype);
  TensorRef losses = empty({n}, given.dtype);
  // Lengths that lie on meta are not known.
  if (!given.is_meta() || !input_lengths.empty() || !target_lengths.empty())
    check_targets(given, targets, input_lengths, target_lengths);
  if (given.is_meta()) return {result, losses, empty({0}, given.dtype), empty({0}, DType::int64)};
  TensorRef lengths = lengths_and_labels(targets, input_lengths, target_lengths, given.sizes[2]);
  const CtcShape shape = shape_of(*log_probs, *lengths, blank);
  TensorRef alpha;
  in_precision(op, given, [&]<class T>(T*) {
    const int64_t row = ctc_row<T>(largest_of(target_lengths));
    alpha = empty({n, steps, row}, given.dtype);
    const T* from = log_probs->as<T>();
    T *to = losses->as<T>(), *states = alpha->as<T>();
    {
      LongWork unlocked(alpha->numel > long_work);
      flambeau::ctc(shape, row, from, states, to);
    }
    double total = 0;
    for (int64_t i = 0; i < n; ++i) {
      const T loss = of.finite && std::isinf(to[i]) ? T(0) : to[i];
      if (whole)
        total += static_cast<double>(loss) * share_of(shape, i, of.reduction);
      else
        result->as<T>()[i] = loss;
    }
    if (whole) *result->as<T>() = static_cast<T>(total);
  });
  return {result, losses, alpha, lengths};
}

TensorRef ctc_backward(Tensor& grad, Tensor& given, Tensor& losses, Tensor& alpha, Tensor& lengths,
                       int64_t blank, const CtcLosses& of) {
  TensorRef log_probs = contiguous(given), made = empty(sizes_of(given), given.dtype);
  if (given.is_meta()) return made;
  const CtcShape shape = shape_of(given, lengths, blank);
  const bool whole = of.reduction != Reducing::none;
  TensorRef gradients = operand(op, "grad", &grad, given.dtype, whole ? 1 : shape.n),
            factors = empty({shape.n}, given.dtype);
  in_precision(op, given, [&]<class T>(T*) {
    const T *g = gradients->as<T>(), *from = log_probs->as<T>(), *states = alpha.as<T>(),
            *had = losses.as<T>();
    T *factor = factors->as<T>(), *to = made->as<T>();
    for (int64_t i = 0; i < shape.n; ++i)
      factor[i] =
          static_cast<T>(static_cast<double>(g[whole ? 0 : i]) * share_of(shape, i, of.reduction));
    LongWork unlocked(alpha.numel > long_work);
    flambeau::ctc_backward(shape, alpha.sizes[2], from, states, had, factor, of.finite, to);
  });
  return made;
}

}  // namespace flambeau::raw
