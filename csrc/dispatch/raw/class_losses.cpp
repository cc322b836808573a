// Losses of classes as one call: scores and targets to the reduced loss, without history.
#include "dispatch/raw/class_losses.h"

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "kernels/index/margins.h"
#include "kernels/index/nll.h"

namespace flambeau {

namespace {

/// total, or total / count, as a tensor without dimensions; the mean of nothing is NaN.
TensorRef reduced(double total, double count, Reducing reduction, DType dtype) {
  if (reduction == Reducing::mean) total /= count;
  return scalar_tensor(total, dtype);
}

NllShape nll_shape(const Tensor& scores) {
  NllShape shape = {1, 0, 1, 0, 1, 1};
  if (scores.ndim == 1) {
    shape.classes = scores.sizes[0];
    shape.class_step = scores.strides[0];
    return shape;
  }
  shape.n = scores.sizes[0];
  shape.classes = scores.sizes[1];
  shape.n_step = scores.strides[0];
  shape.class_step = scores.strides[1];
  for (int d = 2; d < scores.ndim; ++d) shape.positions *= scores.sizes[d];
  return shape;
}

}  // namespace

CrossEntropy cross_entropy(RowsKernel kernel, Tensor& input, Tensor& target, int64_t ignored,
                           double smoothing, Reducing reduction) {
  check(input.contiguous && target.contiguous && target.dtype == DType::int64 && input.ndim == 2 &&
            target.numel == input.sizes[0],
        [&] {
          return message(
              "cross_entropy: takes contiguous scores (N, C) and int64 classes (N,), not ",
              describe(input), " and ", describe(target), ".");
        });
  int64_t n = input.sizes[0], classes = input.sizes[1];
  DType dtype = input.dtype == DType::float64 ? DType::float64 : DType::float32;
  int64_t size = itemsize(dtype);
  CrossEntropy made;
  made.loss = empty({n}, dtype);
  made.logsumexp = empty({2, n}, dtype);
  if (input.is_meta()) {
    made.loss = empty(reduction == Reducing::none ? Dims{n} : Dims{}, input.dtype);
    made.counted = 1;
    return made;
  }
  TensorRef share = empty({n}, dtype);
  float single[2] = {static_cast<float>(smoothing), 0};
  RowOperands operands;
  operands.add(*made.loss, size);
  operands.add(*made.logsumexp, size);
  operands.add(*made.logsumexp, size, n * size);
  operands.add(*share, size);
  operands.add(input, classes * itemsize(input.dtype));
  operands.add(target, 8);
  operands.add_number(dtype == DType::float64 ? static_cast<void*>(&smoothing) : single);
  operands.add_number(&ignored);
  run_rows(kernel, operands, n, classes);
  auto total = [&](Tensor& t) { return total_of(t.data(), dtype, n); };
  made.counted = total(*share);
  if (reduction != Reducing::none)
    made.loss = reduced(total(*made.loss), made.counted, reduction, input.dtype);
  else if (dtype != input.dtype)
    made.loss = to_dtype(*made.loss, input.dtype);
  return made;
}

TensorRef cross_entropy_gradient(RowsKernel kernel, Tensor& grad, Tensor& input, Tensor& target,
                                 Tensor& logsumexp, int64_t ignored, double smoothing,
                                 double factor) {
  const int64_t n = input.sizes[0], classes = input.sizes[1];
  const DType wide = logsumexp.dtype;
  const int64_t size = itemsize(wide);
  TensorRef rows = contiguous(*to_dtype(grad, wide)), made = empty(sizes_of(input), input.dtype);
  if (factor != 1) rows = contiguous(*mul_scalar(*rows, factor));
  const float single[2] = {static_cast<float>(smoothing), 0};
  RowOperands operands;
  operands.add(*made, classes * itemsize(input.dtype));
  operands.add(*rows, rows->numel == 1 ? 0 : size);
  operands.add(input, classes * itemsize(input.dtype));
  operands.add(logsumexp, size);
  operands.add(logsumexp, size, n * size);
  operands.add(target, 8);
  operands.add_number(wide == DType::float64 ? static_cast<const void*>(&smoothing) : single);
  operands.add_number(&ignored);
  run_rows(kernel, operands, n, classes);
  return made;
}

Nll nll_loss(Tensor& input, Tensor& target, Tensor* weight, int64_t ignored, Reducing reduction) {
  check(input.ndim > 0, [&] {
    return message("nll_loss: scores must have a dimension of classes, but are ", describe(input),
                   ".");
  });
  TensorRef scores = input.ndim <= 2 ? TensorRef::borrow(&input) : contiguous(input);
  NllShape shape = nll_shape(*scores);
  check(target.contiguous && target.dtype == DType::int64 &&
            target.numel == shape.n * shape.positions && is_floating(scores->dtype) &&
            (!weight || (weight->contiguous && weight->numel == shape.classes &&
                         weight->dtype == scores->dtype)),
        [&] {
          return message("nll_loss: scores ", describe(input), " with targets ", describe(target),
                         weight ? " and weights " : "", weight ? describe(*weight) : std::string(),
                         ".");
        });
  Nll made;
  if (reduction == Reducing::none) made.loss = empty(sizes_of(target), scores->dtype);
  if (input.is_meta()) {
    if (!made.loss) made.loss = empty({}, input.dtype);
    made.weight = 1;
    made.wrong = -1;
    return made;
  }
  NllTotal total;
  {
    LongWork unlocked(target.numel > grain);
    total =
        nll(scores->data(), scores->dtype, shape, target.as<int64_t>(),
            weight ? weight->data() : nullptr, ignored, made.loss ? made.loss->data() : nullptr);
  }
  if (!made.loss) made.loss = reduced(total.loss, total.weight, reduction, scores->dtype);
  made.weight = total.weight;
  made.wrong = total.wrong;
  return made;
}

TensorRef nll_gradient(Tensor& grad, Tensor& input, Tensor& target, Tensor* weight, int64_t ignored,
                       double scale) {
  check(grad.contiguous && grad.dtype == input.dtype && target.contiguous &&
            (grad.numel == 1 || grad.numel == target.numel),
        [] { return message("_nll_backward(): gradient or targets of an odd layout."); });
  TensorRef result = zeros(sizes_of(input), input.dtype);
  NllShape places = nll_shape(*result);
  check(target.dtype == DType::int64 && target.numel == places.n * places.positions &&
            is_floating(input.dtype) &&
            (!weight || (weight->contiguous && weight->numel == places.classes &&
                         weight->dtype == input.dtype)),
        [] { return message("_nll_backward(): scores, targets and weights do not fit."); });
  if (result->is_meta()) return result;
  LongWork unlocked(target.numel > grain);
  nll_backward(result->data(), input.dtype, places, target.as<int64_t>(),
               weight ? weight->data() : nullptr, ignored, grad.data(), grad.numel == 1 ? 0 : 1,
               scale);
  return result;
}

std::tuple<TensorRef, TensorRef, double> cross_entropy_of(RowsKernel kernel, Tensor& input,
                                                          Tensor& target, int64_t ignored,
                                                          double smoothing, Reducing reduction) {
  CrossEntropy made = cross_entropy(kernel, input, target, ignored, smoothing, reduction);
  return {made.loss, made.logsumexp, made.counted};
}

std::tuple<TensorRef, double, int64_t> nll_of(Tensor& input, Tensor& target, Tensor* weight,
                                              int64_t ignored, Reducing reduction) {
  Nll made = nll_loss(input, target, weight, ignored, reduction);
  return {made.loss, made.weight, made.wrong};
}

namespace {

void check_margins(const Margins& of) {
  const Tensor &input = *of.input, &target = *of.target;
  check(input.ndim == 2 && input.sizes[1] > 0 && input.contiguous && target.contiguous &&
            (input.dtype == DType::float32 || input.dtype == DType::float64) &&
            target.dtype == DType::int64 &&
            target.numel == (of.listed ? input.numel : input.sizes[0]) &&
            (!of.weight || (of.weight->contiguous && of.weight->numel == input.sizes[1] &&
                            of.weight->dtype == input.dtype)),
        [&] {
          return message("_margins(): scores ", describe(input), " and targets ", describe(target),
                         " do not fit.");
        });
}

ClassMargin class_margin(const Margins& of) {
  return {of.margin, of.squared, of.weight ? of.weight->data() : nullptr};
}

}  // namespace

std::tuple<TensorRef, int64_t> margins(const Margins& of, Reducing reduction) {
  check_margins(of);
  Tensor &input = *of.input, &target = *of.target;
  const int64_t n = input.sizes[0], classes = input.sizes[1];
  if (input.is_meta())
    return {empty(reduction == Reducing::none ? Dims{n} : Dims{}, input.dtype), -1};
  const int64_t* to = target.as<int64_t>();
  const int64_t wrong = find_no_class(to, target.numel, of.listed ? -1 : 0, classes);
  TensorRef losses = empty({n}, input.dtype);
  if (wrong >= 0) return {losses, wrong};
  {
    LongWork unlocked(input.numel > grain);
    if (of.listed)
      label_margins(input.dtype, n, classes, input.data(), to, losses->data());
    else
      class_margins(input.dtype, n, classes, input.data(), to, class_margin(of), losses->data());
  }
  if (reduction == Reducing::none) return {losses, wrong};
  const double total = total_of(losses->data(), input.dtype, n);
  return {reduced(total, static_cast<double>(n), reduction, input.dtype), wrong};
}

TensorRef margins_backward(Tensor& grad, const Margins& of, double scale) {
  check_margins(of);
  Tensor &input = *of.input, &target = *of.target;
  const int64_t n = input.sizes[0], classes = input.sizes[1];
  check(grad.contiguous && grad.dtype == input.dtype && (grad.numel == 1 || grad.numel == n),
        [] { return message("_margins_backward(): gradient of an odd layout."); });
  TensorRef result = empty(sizes_of(input), input.dtype);
  if (result->is_meta()) return result;
  const int64_t* to = target.as<int64_t>();
  check<IndexError>(find_no_class(to, target.numel, of.listed ? -1 : 0, classes) < 0, [] {
    return message("_margins_backward(): a target is no class any more; something wrote to it.");
  });
  const int64_t step = grad.numel == 1 ? 0 : 1;
  LongWork unlocked(input.numel > grain);
  if (of.listed)
    label_margins_backward(input.dtype, n, classes, input.data(), to, grad.data(), step, scale,
                           result->data());
  else
    class_margins_backward(input.dtype, n, classes, input.data(), to, class_margin(of), grad.data(),
                           step, scale, result->data());
  return result;
}

}  // namespace flambeau
