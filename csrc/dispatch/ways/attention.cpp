#include "dispatch/ways/attention.h"

#include <cmath>

#include "autograd/door.h"
#include "dispatch/raw/layers.h"
#include "dispatch/views.h"
#include "kernels/attention/attention.h"

namespace flambeau::ways {

namespace {

bool has_loops(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float64 ||
         (dtype == DType::bfloat16 && attends_bfloat16());
}

/// Whether these are (*B, T, E), (*B, S, E) and (*B, S, V) of one such dtype, with elements.
bool fit(const Tensor& query, const Tensor& key, const Tensor& value) {
  const int n = query.ndim;
  bool fits = n >= 2 && key.ndim == n && value.ndim == n && has_loops(query.dtype) &&
              key.dtype == query.dtype && value.dtype == query.dtype;
  for (const Tensor* t : {&query, &key, &value}) fits = fits && t->on_cpu() && t->numel > 0;
  for (int d = 0; fits && d < n - 2; ++d)
    fits = query.sizes[d] == key.sizes[d] && query.sizes[d] == value.sizes[d];
  return fits && query.sizes[n - 1] == key.sizes[n - 1] && key.sizes[n - 2] == value.sizes[n - 2];
}

/// The mask as (*B, T, S); null where it does not spread over that.
TensorRef spread_mask(Tensor& mask, const Tensor& query, const Tensor& key) {
  Dims sizes = sizes_of(query);
  sizes[sizes.n - 1] = key.sizes[key.ndim - 2];
  const int missing = sizes.n - mask.ndim;
  bool fits = missing >= 0 && mask.on_cpu() && !needs_record(mask) &&
              (mask.dtype == DType::bool_ || mask.dtype == query.dtype);
  for (int d = 0; fits && d < mask.ndim; ++d)
    fits = mask.sizes[d] == 1 || mask.sizes[d] == sizes[missing + d];
  return fits ? expand(mask, sizes) : nullptr;
}

bool gradient(WayNode& node, Tensor& grad, TensorRef* gradients) {
  TensorRef query = node.kept(0), key = node.kept(1), value = node.kept(2), result = node.kept(3),
            norms = node.kept(4);
  if (grad.dtype != query->dtype || !grad.on_cpu()) return false;
  PyObject* how = node.values[5].get();
  const raw::AttentionOf of{*query,
                            *key,
                            *value,
                            nullptr,
                            PyTuple_GET_ITEM(how, 0) == Py_True,
                            PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(how, 1)),
                            0,
                            0,
                            0};
  std::tie(gradients[0], gradients[1], gradients[2]) =
      raw::attend_backward(of, *result, *norms, grad);
  return true;
}

}  // namespace

Attention::Attention(const char* name, PyObject* backward)
    : backward_(name, backward, {"query", "key", "value", "result", "norms", "options"}) {
  backward_.native = gradient;
}

TensorRef Attention::take(Tensor& query, Tensor& key, Tensor& value, Tensor* given, double dropout,
                          bool causal, std::optional<double> scale) {
  const bool recorded = records(query) || records(key) || records(value);
  if (dropout != 0 || (given && (causal || recorded)) || !fit(query, key, value) ||
      (watchers & watch_function_modes))
    return nullptr;
  GradModeGuard off(false);
  TensorRef mask;
  if (given && !(mask = spread_mask(*given, query, key))) return nullptr;
  const double factor =
      scale ? *scale : 1 / std::sqrt(static_cast<double>(query.sizes[query.ndim - 1]));
  auto parts = raw::attend({query, key, value, mask.get(), causal, factor, 0, 0, 0});
  if (!parts) return nullptr;  // a score is not finite
  auto& [result, norms] = *parts;
  if (recorded) {
    Ref<WayNode> node = make_way_node(backward_, {&query, &key, &value});
    set_history(*result, &node->node);
    node->keep(query);
    node->keep(key);
    node->keep(value);
    node->keep_result(*result);
    node->keep(*norms);
    PyObject* options[] = {PyBool_FromLong(causal), PyFloat_FromDouble(factor)};
    node->keep(tuple_of(2, [&](Py_ssize_t i) { return options[i]; }));
  }
  return result;
}

}  // namespace flambeau::ways
