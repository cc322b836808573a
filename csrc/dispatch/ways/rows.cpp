#include "dispatch/ways/rows.h"

#include <limits>
#include <string_view>

namespace flambeau::ways {

RowsKernel RowKernels::find(int variant, DType dtype) {
  RowsKernel& known = known_[variant][static_cast<int>(dtype)];
  if (known) return known;
  Object address = owned(PyObject_CallFunction(compile_.get(), "is", variant, name(dtype)));
  known = reinterpret_cast<RowsKernel>(PyLong_AsVoidPtr(address.get()));
  if (!known) throw PythonError();
  return known;
}

namespace {

/// Tensors up to here are transposed for a softmax along another dimension than the last; for
/// larger ones Python has a better way.
constexpr int64_t few_elements = 8192;

/// Whether the vector is left out, or contiguous, of those sizes and input's dtype.
bool fits(const Tensor* vector, const Tensor& input, const int64_t* sizes, int count) {
  return !vector || (vector->contiguous && vector->dtype == input.dtype && vector->ndim == count &&
                     std::equal(sizes, sizes + count, vector->sizes));
}
/// Whether the loops of csrc/kernels/norm compute the gradients of an input.
bool has_loops(const Tensor& input, const Tensor& grad) {
  return input.on_cpu() && grad.on_cpu() && grad.dtype == input.dtype &&
         (input.dtype == DType::float32 || input.dtype == DType::float64);
}

/// The gradients of layer_norm or group_norm from what their nodes keep.
template <auto backward>
bool norm_gradient(WayNode& node, Tensor& grad, TensorRef* gradients) {
  TensorRef input = node.kept(0), mean = node.kept(1), rstd = node.kept(2),
            weight = node.kept_or_null(3);
  // Vectors of several dims get their sizes from the implementation.
  if (!has_loops(*input, grad) || (weight && weight->ndim != 1)) return false;
  std::tie(gradients[0], gradients[1], gradients[2]) =
      backward(grad, *input, *mean, *rstd, weight.get(), node.integer(4),
               {node.wants(0), node.wants(1), node.wants(2)});
  return true;
}

}  // namespace

// ---------------------------------------------------------------------------------------- softmax

Softmax::Softmax(const char* name, PyObject* compile, PyObject* backward)
    : kernels_(compile),
      log_(std::string_view(name) == "log_softmax"),
      backward_(name, backward, {"result", "dim"}) {
  backward_.native = [this](WayNode& node, Tensor& grad, TensorRef* to) {
    return gradient(node, grad, to);
  };
}

TensorRef Softmax::take(Tensor& input, int64_t dim) {
  if (!wrap(dim, input.ndim) || input.numel == 0 || !is_floating(input.dtype)) return nullptr;
  const bool columns = raw::is_of_columns(input, dim), last = dim == input.ndim - 1;
  if (!columns && !last && input.numel > few_elements) return nullptr;
  TensorRef result;
  {
    GradModeGuard off(false);
    result = columns ? raw::softmax_of_columns(input, dim, log_)
                     : raw::softmax(kernels_.find(0, input.dtype), input, static_cast<int>(dim));
  }
  leave_base(*result);  // the transposed copy's
  if (records(input)) {
    Ref<WayNode> node = make_way_node(backward_, {&input});
    set_history(*result, &node->node);
    node->keep_result(*result);
    node->keep(dim);
  }
  return result;
}

/// Of contiguous rows or columns; the others go to Python.
bool Softmax::gradient(WayNode& node, Tensor& grad, TensorRef* gradients) {
  TensorRef result = node.kept(0);
  const int64_t dim = node.integer(1);
  if (!result->contiguous || grad.dtype != result->dtype || grad.is_meta() || result->is_meta())
    return false;
  if (raw::is_of_columns(*result, dim))
    gradients[0] = raw::softmax_of_columns_backward(grad, *result, dim, log_);
  else if (dim == result->ndim - 1)
    gradients[0] = raw::softmax_gradient(kernels_.find(1, result->dtype), grad, *result);
  return gradients[0].get() != nullptr;
}

// ------------------------------------------------------------------------------------------ norms

Norm::Norm(const char* name, PyObject* compile, PyObject* backward, bool has_bias)
    : kernels_(compile),
      has_bias_(has_bias),
      backward_(name, backward,
                has_bias
                    ? std::vector<const char*>{"input", "mean", "rstd", "weight", "length", "eps"}
                    : std::vector<const char*>{"input", "rstd", "weight", "length", "eps"}) {
  if (has_bias) backward_.native = norm_gradient<raw::layer_norm_backward>;
}

TensorRef Norm::run(Tensor& input, const Dims& sizes, Tensor* weight, Tensor* bias, double eps) {
  const int64_t* last = input.sizes + input.ndim - sizes.n;
  if (!input.contiguous || input.numel == 0 || !is_floating(input.dtype) || sizes.n == 0 ||
      sizes.n > input.ndim || !std::equal(last, last + sizes.n, sizes.v) ||
      !fits(weight, input, last, sizes.n) || !fits(bias, input, last, sizes.n))
    return nullptr;
  const raw::NormOf of{&input, sizes.product(), weight, bias, eps};
  const bool recorded = records(input) || records(weight) || records(bias);
  const int variant = (weight ? 1 : 0) + (recorded ? 2 : 0);
  TensorRef mean, rstd;
  TensorRef result = raw::norm(input.is_meta() ? nullptr : kernels_.find(variant, input.dtype), of,
                               has_bias_ ? &mean : nullptr, recorded ? &rstd : nullptr);
  if (recorded) record(*result, of, mean, *rstd);
  return result;
}

void Norm::record(Tensor& result, const raw::NormOf& of, const TensorRef& mean, Tensor& rstd) {
  Ref<WayNode> node = has_bias_ ? make_way_node(backward_, {of.input, of.weight, of.bias})
                                : make_way_node(backward_, {of.input, of.weight});
  node->keep(*of.input);
  if (has_bias_) node->keep(*mean);
  node->keep(rstd);
  node->keep(of.weight);
  node->keep(of.length);
  node->keep(of.eps);
  set_history(result, &node->node);
}

TensorRef LayerNorm::take(Tensor& input, const Dims& sizes, Tensor* weight, Tensor* bias,
                          double eps, Any) {
  return !weight == !bias ? run(input, sizes, weight, bias, eps) : nullptr;
}

TensorRef RmsNorm::take(Tensor& input, const Dims& sizes, Tensor* weight,
                        std::optional<double> eps) {
  const double own = input.dtype == DType::float64 ? std::numeric_limits<double>::epsilon()
                                                   : std::numeric_limits<float>::epsilon();
  return run(input, sizes, weight, nullptr, eps.value_or(own));
}

GroupNorm::GroupNorm(const char* name, PyObject* backward)
    : backward_(name, backward, {"input", "mean", "rstd", "weight", "groups", "eps"}) {
  backward_.native = norm_gradient<raw::group_norm_backward>;
}

TensorRef GroupNorm::take(Tensor& input, int64_t groups, Tensor* weight, Tensor* bias, double eps) {
  const bool pixels = input.ndim >= 4 && raw::norms_pixels(input);
  const bool halves = pixels && is_half(input.dtype);
  if (!(has_loops(input, input) || halves) || !(input.contiguous || pixels) || input.ndim < 2 ||
      input.numel == 0 || groups <= 0 || input.sizes[1] % groups != 0 || input.numel == groups ||
      !fits(weight, input, input.sizes + 1, 1) || !fits(bias, input, input.sizes + 1, 1))
    return nullptr;
  const bool recorded = records(input) || records(weight) || records(bias);
  if (recorded && halves) return nullptr;
  // Many short rows are quicker as rows of layer_norm, where nothing is to be kept.
  if (!recorded && !pixels && input.numel > 8192 && input.numel / (input.sizes[0] * groups) < 64)
    return nullptr;
  auto [result, mean, rstd] = raw::group_norm(input, groups, weight, bias, eps);
  if (recorded) {
    Ref<WayNode> node = make_way_node(backward_, {&input, weight, bias});
    node->keep(input);
    node->keep(*mean);
    node->keep(*rstd);
    node->keep(weight);
    node->keep(groups);
    node->keep(eps);
    set_history(*result, &node->node);
  }
  return result;
}

BatchNorm::BatchNorm(const char* name, PyObject* backward)
    : backward_(name, backward, {"input", "mean", "rstd", "weight"}) {
  backward_.native = [](WayNode& node, Tensor& grad, TensorRef* gradients) {
    TensorRef input = node.kept(0), mean = node.kept(1), rstd = node.kept(2),
              weight = node.kept_or_null(3);
    if (!has_loops(*input, grad)) return false;
    std::tie(gradients[0], gradients[1], gradients[2]) = raw::batch_norm_backward(
        grad, *input, *mean, *rstd, weight.get(), {node.wants(0), node.wants(1), node.wants(2)});
    return true;
  };
}

TensorRef BatchNorm::take(Tensor& input, Tensor* running_mean, Tensor* running_var, Tensor* weight,
                          Tensor* bias, bool training, double momentum, double eps) {
  // Sums of fewer channels are no vectors of pixels.
  constexpr int64_t fewest_channels = 8;
  const bool pixels = input.ndim >= 4 && raw::norms_pixels(input) &&
                      (!training || input.sizes[1] >= fewest_channels);
  const bool halves = pixels && !training && is_half(input.dtype);
  if (!(has_loops(input, input) || halves) || !(input.contiguous || pixels) || input.ndim < 2 ||
      input.numel == 0 || !(eps > 0))
    return nullptr;
  for (const Tensor* vector : {running_mean, running_var, weight, bias})
    if (!fits(vector, input, input.sizes + 1, 1) || (vector && !vector->on_cpu())) return nullptr;
  const bool recorded = records(input) || records(weight) || records(bias);
  if (!training) {
    if (recorded || !running_mean || !running_var) return nullptr;
    return raw::batch_norm_by(input, weight, bias, *running_mean, *running_var, eps);
  }
  if (input.numel == input.sizes[1]) return nullptr;
  for (Tensor* kept : {running_mean, running_var}) {
    if (!kept) continue;
    if (requires_grad(*kept)) return nullptr;
    check_inplace(*kept, "lerp_");
  }
  const raw::RunningMoments running{running_mean, running_var, momentum};
  auto [result, mean, rstd] = raw::batch_norm(input, weight, bias, running, eps);
  if (recorded) {
    Ref<WayNode> node = make_way_node(backward_, {&input, weight, bias});
    node->keep(input);
    node->keep(*mean);
    node->keep(*rstd);
    node->keep(weight);
    set_history(*result, &node->node);
  }
  return result;
}

}  // namespace flambeau::ways
