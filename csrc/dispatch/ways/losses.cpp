#include "dispatch/ways/losses.h"

#include <limits>

#include "dispatch/basics.h"

namespace flambeau::ways {

namespace {

bool fits(const Tensor& input, const Tensor& target) {
  return is_floating(input.dtype) && target.dtype == DType::int64 && input.ndim == 2 &&
         target.ndim == 1 && target.numel == input.sizes[0] && input.numel != 0 && !input.is_cuda();
}

constexpr const char* reduction_names[] = {"none", "mean", "sum"};

/// As programs read them. Made by hand: Py_BuildValue would take a fifth of a small loss's time.
Object kept_options(const ClassLossOptions& o) {
  static PyObject* const names[] = {PyUnicode_InternFromString(reduction_names[0]),
                                    PyUnicode_InternFromString(reduction_names[1]),
                                    PyUnicode_InternFromString(reduction_names[2])};
  PyObject* items[] = {PyFloat_FromDouble(o.smoothing), PyLong_FromLongLong(o.ignored),
                       Py_NewRef(names[static_cast<int>(o.reduction)]),
                       PyFloat_FromDouble(o.counted)};
  return tuple_of(4, [&](Py_ssize_t i) { return items[i]; });
}

/// `other`: logsumexp, or the weights or null.
void record(WayBackward& backward, Tensor& loss, Tensor& input, Tensor& target, Tensor* other,
            const ClassLossOptions& o) {
  Ref<WayNode> node = make_way_node(backward, {&input});
  node->keep(input);
  node->keep(target);
  node->keep(other);
  node->keep(kept_options(o));
  set_history(loss, &node->node);
}

ClassLossOptions options_in(const WayNode& node, int place) {
  PyObject* tuple = node.values[place].get();
  ClassLossOptions o{};
  for (int i = 0; i < 3; ++i)
    if (is_text(PyTuple_GET_ITEM(tuple, 2), reduction_names[i])) o.reduction = Reducing{i};
  o.smoothing = PyFloat_AsDouble(PyTuple_GET_ITEM(tuple, 0));
  o.ignored = PyLong_AsLongLong(PyTuple_GET_ITEM(tuple, 1));
  o.counted = PyFloat_AsDouble(PyTuple_GET_ITEM(tuple, 3));
  return o;
}

/// What each gradient is to be multiplied with; NaN for the mean of nothing.
double factor(const ClassLossOptions& o) {
  if (o.reduction != Reducing::mean) return 1;
  return o.counted != 0 ? 1 / o.counted : std::numeric_limits<double>::quiet_NaN();
}

bool nll_gradient_of(WayNode& node, Tensor& grad, TensorRef* gradients) {
  TensorRef input = node.kept(0), target = node.kept(1);
  const TensorRef weight = node.kept_or_null(2);
  const ClassLossOptions o = options_in(node, 3);
  if (input->is_meta() || grad.is_meta() || grad.dtype != input->dtype) return false;
  gradients[0] =
      nll_gradient(*contiguous(grad), *input, *target, weight.get(), o.ignored, factor(o));
  return true;
}

}  // namespace

CrossEntropyLoss::CrossEntropyLoss(const char*, PyObject* compile, PyObject* backward)
    : kernels_(compile),
      backward_("cross_entropy_loss", backward, {"self", "target", "logsumexp", "options"}) {
  backward_.native = [this](WayNode& node, Tensor& grad, TensorRef* to) {
    return gradient(node, grad, to);
  };
}

TensorRef CrossEntropyLoss::take(Tensor& input, Plain given, int64_t ignored, Reducing reduction,
                                 double smoothing) {
  if (!(smoothing >= 0 && smoothing <= 1) || !fits(input, *given) || !input.contiguous)
    return nullptr;
  const bool recorded = records(input);
  GradModeGuard off(false);
  TensorRef target = contiguous(*given);  // a column of a batch of sentences is not
  CrossEntropy made =
      cross_entropy(kernels_.find(0, input.dtype), input, *target, ignored, smoothing, reduction);
  if (made.counted != made.counted) return nullptr;
  if (recorded)
    record(backward_, *made.loss, input, *target, made.logsumexp.get(),
           {smoothing, ignored, reduction, made.counted});
  return made.loss;
}

bool CrossEntropyLoss::gradient(WayNode& node, Tensor& grad, TensorRef* gradients) {
  TensorRef input = node.kept(0), target = node.kept(1), logsumexp = node.kept(2);
  const ClassLossOptions o = options_in(node, 3);
  if (!input->contiguous || input->is_meta() || grad.is_meta()) return false;
  gradients[0] = cross_entropy_gradient(kernels_.find(1, input->dtype), grad, *input, *target,
                                        *logsumexp, o.ignored, o.smoothing, factor(o));
  return true;
}

NllLoss::NllLoss(const char*, PyObject* backward)
    : backward_("nll_loss", backward, {"self", "target", "weight", "options"}) {
  backward_.native = nll_gradient_of;
}

TensorRef NllLoss::take(Tensor& input, Plain given, Tensor* weight, int64_t ignored,
                        Reducing reduction) {
  if (!fits(input, *given)) return nullptr;
  if (weight && (records(weight) || weight->ndim != 1 || !weight->contiguous ||
                 weight->dtype != input.dtype || weight->numel != input.sizes[1]))
    return nullptr;
  const bool recorded = records(input);
  GradModeGuard off(false);
  TensorRef target = contiguous(*given);
  Nll made = nll_loss(input, *target, weight, ignored, reduction);
  if (made.wrong >= 0) return nullptr;
  if (recorded)
    record(backward_, *made.loss, input, *target, weight, {0, ignored, reduction, made.weight});
  return made.loss;
}

MeanSquares::MeanSquares(const char*, Reduction& mean, Reduction& sum, PyObject* backward)
    : mean_(Ref<Reduction>::borrow(&mean)),
      sum_(Ref<Reduction>::borrow(&sum)),
      backward_("mse_loss", backward, {"self", "target", "scale"}) {}

TensorRef MeanSquares::take(Tensor& input, Tensor& target, Reducing reduction) {
  if (reduction == Reducing::none || input.dtype != target.dtype || !is_floating(input.dtype) ||
      input.numel == 0 || input.ndim == 0 || input.ndim > most_reducible_dims ||
      !(sizes_of(input) == sizes_of(target)))
    return nullptr;
  const bool means = reduction == Reducing::mean;
  TensorRef result =
      run_reduction(means ? *mean_ : *sum_, {TensorRef::borrow(&input), TensorRef::borrow(&target)},
                    all_dims(input.ndim), false, {input.dtype})[0];
  if (records(input) || records(target)) {
    Ref<WayNode> node = make_way_node(backward_, {&input, &target});
    node->keep(input);
    node->keep(target);
    node->keep(means ? 2 / static_cast<double>(input.numel) : 2.0);
    set_history(*result, &node->node);
  }
  return result;
}

}  // namespace flambeau::ways
