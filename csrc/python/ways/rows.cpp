// Native ways into softmax and the norms of rows.
#include "python/ways/rows.h"

#include <limits>

#include "dispatch/basics.h"
#include "dispatch/reduce.h"
#include "python/ways/plain.h"

namespace flambeau {

RowWay::RowWay(PyObject* compile, PyObject* callable, const char* name,
               std::vector<const char*> kept)
    : compile_(Object::borrow(compile)) {
  backward.callable = Object::borrow(callable);
  backward.names = std::move(kept);
  backward.way = this;
  backward.type = node_subtype(backward_name(name));
}

RowsKernel RowWay::find(int variant, DType dtype) {
  RowsKernel& known = known_[variant][static_cast<int>(dtype)];
  if (known) return known;
  Object address =
      Object::steal(PyObject_CallFunction(compile_.get(), "iO", variant, dtype_object(dtype)));
  if (!address) throw PythonError();
  known = reinterpret_cast<RowsKernel>(PyLong_AsVoidPtr(address.get()));
  if (!known) throw PythonError();
  return known;
}

namespace {

/// Tensors up to here are transposed for a softmax along another dimension than the last; for
/// larger ones Python has a better way.
constexpr int64_t few_elements = 8192;

/// softmax(input, dim) and log_softmax; kernels: forward, backward
struct SoftmaxWay : RowWay {
  SoftmaxWay(PyObject* compile, PyObject* callable, const char* name)
      : RowWay(compile, callable, name, {"result", "dim"}) {
    backward.native = gradient;
  }

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    Py_ssize_t n_keys = keys ? PyTuple_GET_SIZE(keys) : 0;
    if (n < 1 || n + n_keys != 2 || !is_ready(args[0]) ||
        (n_keys && !is_key(PyTuple_GET_ITEM(keys, 0), "dim")))
      return nullptr;
    Tensor& input = *as_tensor(args[0]);
    int d = plain_dim(args[1], input.ndim);
    if (d < 0 || input.numel == 0 || !is_floating(input.dtype)) return nullptr;
    bool last = d == input.ndim - 1;
    if (!last && input.numel > few_elements) return nullptr;
    TensorRef result;
    {
      GradModeGuard off(false);
      result = along(input, d);
    }
    if (records(input)) {
      Ref<WayNode> node = make_way_node(backward, {&input});
      set_history(*result, &node->node);
      node->keep_result(*result);
      node->keep(Object::steal(PyLong_FromLong(d)));
    }
    return result.release_py();
  }

 private:
  TensorRef along(Tensor& input, int d) {
    bool last = d == input.ndim - 1;
    RowsKernel kernel = find(0, input.dtype);
    int64_t length = input.sizes[d], step = length * itemsize(input.dtype);
    TensorRef source = last ? contiguous(input) : contiguous(*transpose(input, d, input.ndim - 1));
    // A transposed copy is ours, so its softmax may take its place.
    bool own = !last && source->storage != input.storage;
    TensorRef result = own ? source : empty(sizes_of(*source), input.dtype);
    if (!result->is_meta()) {
      RowOperands operands;
      operands.add(*result, step);
      operands.add(*source, step);
      run_rows(kernel, operands, input.numel / length, length);
    }
    return last ? result : contiguous(*transpose(*result, d, input.ndim - 1));
  }

  /// Of contiguous rows; the others go to Python.
  static bool gradient(Way* way, WayNode& node, Tensor& grad, TensorRef* gradients) {
    TensorRef result = node.kept(0);
    if (node.integer(1) != result->ndim - 1 || !result->contiguous || grad.dtype != result->dtype ||
        grad.is_meta() || result->is_meta())
      return false;
    TensorRef rows = contiguous(grad), made = empty(sizes_of(*result), result->dtype);
    int64_t length = result->sizes[result->ndim - 1], step = length * itemsize(result->dtype);
    RowOperands operands;
    for (Tensor* t : {made.get(), rows.get(), result.get()}) operands.add(*t, step);
    run_rows(static_cast<SoftmaxWay*>(way)->find(1, result->dtype), operands,
             result->numel / length, length);
    gradients[0] = std::move(made);
    return true;
  }
};

/// layer_norm(input, normalized_shape, weight, bias, eps), with both vectors or none, and rms_norm
/// without a bias
struct NormWay : RowWay {
  bool has_bias;
  double eps_;  // the default; 0: the dtype's own
  NormWay(PyObject* compile, PyObject* callable, const char* name, bool bias, double eps)
      : RowWay(compile, callable, name,
               bias ? std::vector<const char*>{"input", "mean", "rstd", "weight", "length", "eps"}
                    : std::vector<const char*>{"input", "rstd", "weight", "length", "eps"}),
        has_bias(bias),
        eps_(eps) {}

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    enum { input_, shape_, weight_, bias_, eps_place };
    PyObject* slots[5] = {};
    Py_ssize_t n_keys = keys ? PyTuple_GET_SIZE(keys) : 0;
    if (n < 2 || n + n_keys > (has_bias ? 5 : 4)) return nullptr;
    for (Py_ssize_t i = 0; i < n; ++i)
      slots[!has_bias && i == 3 ? int{eps_place} : static_cast<int>(i)] = args[i];
    for (Py_ssize_t k = 0; k < n_keys; ++k) {
      PyObject* key = PyTuple_GET_ITEM(keys, k);
      int at = is_key(key, "weight")             ? weight_
               : is_key(key, "bias") && has_bias ? bias_
               : is_key(key, "eps")              ? eps_place
                                                 : -1;
      if (at < 0 || slots[at]) return nullptr;
      slots[at] = args[n + k];
    }
    if (!is_ready(slots[input_])) return nullptr;
    Tensor& input = *as_tensor(slots[input_]);
    PyObject* shape = slots[shape_];
    bool list = PyList_CheckExact(shape);
    if (!input.contiguous || input.numel == 0 || !is_floating(input.dtype) ||
        !(list || PyTuple_Check(shape)))
      return nullptr;
    int count = static_cast<int>(PySequence_Fast_GET_SIZE(shape)), first = input.ndim - count;
    if (count == 0 || first < 0) return nullptr;
    int64_t length = 1;
    for (int i = 0; i < count; ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(shape, i);
      if (!PyLong_CheckExact(item) || PyLong_AsLongLong(item) != input.sizes[first + i]) {
        PyErr_Clear();
        return nullptr;
      }
      length *= input.sizes[first + i];
    }
    auto vector = [&](PyObject* o) {
      if (!is_ready(o)) return false;
      Tensor& t = *as_tensor(o);
      bool same = t.contiguous && t.dtype == input.dtype && t.ndim == count;
      for (int i = 0; i < count && same; ++i) same = t.sizes[i] == input.sizes[first + i];
      return same;
    };
    bool weighted = slots[weight_] && slots[weight_] != Py_None;
    bool shifted = slots[bias_] && slots[bias_] != Py_None;
    if (has_bias && weighted != shifted) return nullptr;
    if ((weighted && !vector(slots[weight_])) || (shifted && !vector(slots[bias_]))) return nullptr;
    double eps = eps_;
    if (slots[eps_place] && slots[eps_place] != Py_None) {
      if (!PyFloat_CheckExact(slots[eps_place])) return nullptr;
      eps = PyFloat_AS_DOUBLE(slots[eps_place]);
    } else if (eps == 0) {  // the dtype's own
      if (itemsize(input.dtype) == 2) return nullptr;
      eps = input.dtype == DType::float64 ? std::numeric_limits<double>::epsilon()
                                          : std::numeric_limits<float>::epsilon();
    }
    Tensor* weight = weighted ? as_tensor(slots[weight_]) : nullptr;
    Tensor* bias = shifted ? as_tensor(slots[bias_]) : nullptr;
    if (!records(input) && !(weight && records(*weight)) && !(bias && records(*bias)))
      return run(input, length, weight, bias, eps, nullptr, nullptr).release_py();
    TensorRef mean, rstd, result = run(input, length, weight, bias, eps, &mean, &rstd);
    Ref<WayNode> node = has_bias ? make_way_node(backward, {&input, weight, bias})
                                 : make_way_node(backward, {&input, weight});
    node->keep(input);
    if (has_bias) node->keep(*mean);
    node->keep(*rstd);
    if (weight)
      node->keep(*weight);
    else
      node->keep(Object::borrow(Py_None));
    node->keep(Object::steal(PyLong_FromLongLong(length)));
    node->keep(Object::steal(PyFloat_FromDouble(eps)));
    set_history(*result, &node->node);
    return result.release_py();
  }

 private:
  /// With `rstd` the statistics of the rows are given out, for backward; kernels: plain, with
  /// weight, then the same two with statistics.
  TensorRef run(Tensor& input, int64_t length, Tensor* weight, Tensor* bias, double eps,
                TensorRef* mean, TensorRef* rstd) {
    DType statistic = input.dtype == DType::float64 ? DType::float64 : DType::float32;
    int64_t n_rows = input.numel / length;
    TensorRef result = empty(sizes_of(input), input.dtype);
    if (rstd) {
      if (has_bias) *mean = empty({n_rows}, statistic);
      *rstd = empty({n_rows}, statistic);
    }
    if (input.is_meta()) return result;
    RowsKernel kernel = find((weight ? 1 : 0) + (rstd ? 2 : 0), input.dtype);
    int64_t step = length * itemsize(input.dtype);
    RowOperands operands;
    operands.add(*result, step);
    if (rstd && has_bias) operands.add(**mean, itemsize(statistic));
    if (rstd) operands.add(**rstd, itemsize(statistic));
    operands.add(input, step);
    if (weight) operands.add(*weight, 0);
    if (bias) operands.add(*bias, 0);
    float single[2] = {static_cast<float>(eps), 0};
    operands.add_number(input.dtype == DType::float64 ? static_cast<void*>(&eps) : single);
    run_rows(kernel, operands, n_rows, length);
    return result;
  }
};

double default_eps(Operator& operation) {
  Object name = Object::steal(PyUnicode_FromString("eps"));
  if (!name) throw PythonError();
  const Parameters& parameters = *operation.parameters;
  PyObject* eps = PyTuple_GET_ITEM(parameters.defaults(), parameters.place(name.get()));
  return eps == Py_None ? 0 : PyFloat_AsDouble(eps);
}

/// _row_way(operation, way, compile, backward): way is softmax, layer_norm, rms_norm, cross_entropy
/// or nll_loss; compile(variant, dtype) gives the address of a kernel, backward is
/// WayBackward::callable.
PyObject* py_row_way(const Call& call) {
  Args a(call);
  std::string_view way = text_of(a[1]);
  const char* name = name_of(as_operator(a[0]));
  Way* made = nullptr;
  if (way == "softmax")
    made = new SoftmaxWay(a[2], a[3], name);
  else if (way == "layer_norm" || way == "rms_norm")
    made = new NormWay(a[2], a[3], name, way == "layer_norm", default_eps(as_operator(a[0])));
  else
    made = make_loss_way(way, a[2], a[3]);
  check<ValueError>(made != nullptr,
                    [&] { return message("_row_way(): there is no way '", way, "'."); });
  add_way(a[0], made);
  Py_RETURN_NONE;
}

const NativeEntry entries[] = {{"_row_way", "operation, way, compile, backward", py_row_way,
                                "A native way into an operator of rows."},
                               {}};

}  // namespace

void initialize_row_ways(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
