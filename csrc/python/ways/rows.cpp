// Native ways into softmax and the norms of rows.
#include "python/ways/rows.h"

#include <limits>
#include <string_view>

#include "dispatch/raw/norms.h"
#include "dispatch/raw/rows.h"
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
  Object address = owned(PyObject_CallFunction(compile_.get(), "iO", variant, dtype_object(dtype)));
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
  const bool log;
  SoftmaxWay(PyObject* compile, PyObject* callable, const char* name)
      : RowWay(compile, callable, name, {"result", "dim"}),
        log(std::string_view(name) == "log_softmax") {
    backward.native = gradient;
  }

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    Py_ssize_t n_keys = count_of(keys);
    if (n < 1 || n + n_keys != 2 || !is_ready(args[0]) ||
        (n_keys && !is_text(PyTuple_GET_ITEM(keys, 0), "dim")))
      return nullptr;
    Tensor& input = *as_tensor(args[0]);
    int d = plain_dim(args[1], input.ndim);
    if (d < 0 || input.numel == 0 || !is_floating(input.dtype)) return nullptr;
    const bool columns = raw::is_of_columns(input, d), last = d == input.ndim - 1;
    if (!columns && !last && input.numel > few_elements) return nullptr;
    TensorRef result;
    {
      GradModeGuard off(false);
      result = columns ? raw::softmax_of_columns(input, d, log)
                       : raw::softmax(find(0, input.dtype), input, d);
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
  /// Of contiguous rows or columns; the others go to Python.
  static bool gradient(Way* made_by, WayNode& node, Tensor& grad, TensorRef* gradients) {
    auto* way = static_cast<SoftmaxWay*>(made_by);
    TensorRef result = node.kept(0);
    const int64_t dim = node.integer(1);
    if (!result->contiguous || grad.dtype != result->dtype || grad.is_meta() || result->is_meta())
      return false;
    if (raw::is_of_columns(*result, dim))
      gradients[0] = raw::softmax_of_columns_backward(grad, *result, dim, way->log);
    else if (dim == result->ndim - 1)
      gradients[0] = raw::softmax_gradient(way->find(1, result->dtype), grad, *result);
    else
      return false;
    return true;
  }
};

enum Place { input_place, shape_place, weight_place, bias_place, eps_place, n_places };

/// The arguments of a norm into slots; false where there are others.
bool lay_out(PyObject* const* args, Py_ssize_t n, PyObject* keys, bool has_bias, PyObject** slots) {
  const Py_ssize_t n_keys = count_of(keys);
  if (n < 2 || n + n_keys > (has_bias ? 5 : 4)) return false;
  for (Py_ssize_t i = 0; i < n; ++i)
    slots[!has_bias && i == 3 ? int{eps_place} : static_cast<int>(i)] = args[i];
  for (Py_ssize_t k = 0; k < n_keys; ++k) {
    PyObject* key = PyTuple_GET_ITEM(keys, k);
    int at = is_text(key, "weight")             ? weight_place
             : is_text(key, "bias") && has_bias ? bias_place
             : is_text(key, "eps")              ? eps_place
                                                : -1;
    if (at < 0 || slots[at]) return false;
    slots[at] = args[n + k];
  }
  return true;
}

/// Whether `o` is left out, or contiguous, of those sizes and input's dtype: then in `to`.
bool take_vector(PyObject* o, const Tensor& input, const int64_t* sizes, int count, Tensor*& to) {
  if (!o || o == Py_None) return true;
  if (!is_ready(o)) return false;
  to = as_tensor(o);
  return to->contiguous && to->dtype == input.dtype && to->ndim == count &&
         std::equal(sizes, sizes + count, to->sizes);
}

/// What a node keeps of a vector that may be left out, and what it then has.
void keep_or_none(WayNode& node, Tensor* t) {
  if (t)
    node.keep(*t);
  else
    node.keep(Object::borrow(Py_None));
}
TensorRef kept_or_null(WayNode& node, int i) { return node.values[i] ? TensorRef() : node.kept(i); }
bool is_recorded(Tensor* t) { return t && records(*t); }
/// Whether the loops of csrc/kernels/norm compute the gradients of an input.
bool has_loops(const Tensor& input, const Tensor& grad) {
  return input.on_cpu() && grad.on_cpu() && grad.dtype == input.dtype &&
         (input.dtype == DType::float32 || input.dtype == DType::float64);
}

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
        eps_(eps) {
    if (has_bias) backward.native = gradient;
  }

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    raw::NormOf of{};
    if (!parse(args, n, keys, of)) return nullptr;
    const bool recorded = is_recorded(of.input) || is_recorded(of.weight) || is_recorded(of.bias);
    TensorRef mean, rstd;
    // Plain, with weight, then the same two with statistics.
    const int variant = (of.weight ? 1 : 0) + (recorded ? 2 : 0);
    TensorRef result = raw::norm(of.input->is_meta() ? nullptr : find(variant, of.input->dtype), of,
                                 has_bias ? &mean : nullptr, recorded ? &rstd : nullptr);
    if (recorded) record(*result, of, mean, *rstd);
    return result.release_py();
  }

 private:
  /// The length of the rows where `shape` is that of input's last dims, how many in `count`; else
  /// 0.
  static int64_t length_of(const Tensor& input, PyObject* shape, int& count) {
    if (!PyList_CheckExact(shape) && !PyTuple_Check(shape)) return 0;
    count = static_cast<int>(PySequence_Fast_GET_SIZE(shape));
    const int first = input.ndim - count;
    if (count == 0 || first < 0) return 0;
    int64_t length = 1;
    for (int i = 0; i < count; ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(shape, i);
      if (!PyLong_CheckExact(item) || PyLong_AsLongLong(item) != input.sizes[first + i]) {
        PyErr_Clear();
        return 0;
      }
      length *= input.sizes[first + i];
    }
    return length;
  }

  bool take_eps(PyObject* o, DType dtype, double& eps) const {
    if (o && o != Py_None) {
      if (!PyFloat_CheckExact(o)) return false;
      eps = PyFloat_AS_DOUBLE(o);
      return true;
    }
    eps = eps_;
    if (eps != 0) return true;
    if (itemsize(dtype) == 2) return false;
    eps = dtype == DType::float64 ? std::numeric_limits<double>::epsilon()
                                  : std::numeric_limits<float>::epsilon();
    return true;
  }

  bool parse(PyObject* const* args, Py_ssize_t n, PyObject* keys, raw::NormOf& of) const {
    PyObject* slots[n_places] = {};
    if (!lay_out(args, n, keys, has_bias, slots) || !is_ready(slots[input_place])) return false;
    Tensor& input = *as_tensor(slots[input_place]);
    of.input = &input;
    int count = 0;
    if (!input.contiguous || input.numel == 0 || !is_floating(input.dtype)) return false;
    of.length = length_of(input, slots[shape_place], count);
    const int64_t* last = input.sizes + input.ndim - count;
    return of.length != 0 && take_vector(slots[weight_place], input, last, count, of.weight) &&
           take_vector(slots[bias_place], input, last, count, of.bias) &&
           (!has_bias || !of.weight == !of.bias) && take_eps(slots[eps_place], input.dtype, of.eps);
  }

  void record(Tensor& result, const raw::NormOf& of, const TensorRef& mean, Tensor& rstd) {
    Ref<WayNode> node = has_bias ? make_way_node(backward, {of.input, of.weight, of.bias})
                                 : make_way_node(backward, {of.input, of.weight});
    node->keep(*of.input);
    if (has_bias) node->keep(*mean);
    node->keep(rstd);
    keep_or_none(*node, of.weight);
    node->keep(Object::steal(PyLong_FromLongLong(of.length)));
    node->keep(Object::steal(PyFloat_FromDouble(of.eps)));
    set_history(result, &node->node);
  }

  static bool gradient(Way*, WayNode& node, Tensor& grad, TensorRef* gradients) {
    TensorRef input = node.kept(0), mean = node.kept(1), rstd = node.kept(2),
              weight = kept_or_null(node, 3);
    // Vectors of several dims get their sizes from the implementation.
    if (!has_loops(*input, grad) || (weight && weight->ndim != 1)) return false;
    std::tie(gradients[0], gradients[1], gradients[2]) =
        raw::layer_norm_backward(grad, *input, *mean, *rstd, weight.get(), node.integer(4),
                                 {node.wants(0), node.wants(1), node.wants(2)});
    return true;
  }
};

/// group_norm(input, groups, weight, bias, eps) of a contiguous input on the CPU.
struct GroupNormWay : Way {
  WayBackward backward;
  double eps_;
  GroupNormWay(PyObject* callable, const char* name, double eps) : eps_(eps) {
    backward.callable = Object::borrow(callable);
    backward.names = {"input", "mean", "rstd", "weight", "groups", "eps"};
    backward.type = node_subtype(backward_name(name));
    backward.native = gradient;
  }

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    PyObject* slots[n_places] = {};
    if (!lay_out(args, n, keys, true, slots) || !is_ready(slots[input_place])) return nullptr;
    Tensor& input = *as_tensor(slots[input_place]);
    int64_t groups;
    if (!has_loops(input, input) || !input.contiguous || input.ndim < 2 || input.numel == 0 ||
        !plain_integer(slots[shape_place], groups) || groups <= 0 || input.sizes[1] % groups != 0 ||
        input.numel == groups)
      return nullptr;
    Tensor *weight = nullptr, *bias = nullptr;
    const int64_t* channels = input.sizes + 1;
    PyObject* given = slots[eps_place];
    if (!take_vector(slots[weight_place], input, channels, 1, weight) ||
        !take_vector(slots[bias_place], input, channels, 1, bias) ||
        (given && !PyFloat_CheckExact(given)))
      return nullptr;
    const double eps = given ? PyFloat_AS_DOUBLE(given) : eps_;
    auto [result, mean, rstd] = raw::group_norm(input, groups, weight, bias, eps);
    if (is_recorded(&input) || is_recorded(weight) || is_recorded(bias)) {
      Ref<WayNode> node = make_way_node(backward, {&input, weight, bias});
      node->keep(input);
      node->keep(*mean);
      node->keep(*rstd);
      keep_or_none(*node, weight);
      node->keep(owned(PyLong_FromLongLong(groups)));
      node->keep(owned(PyFloat_FromDouble(eps)));
      set_history(*result, &node->node);
    }
    return result.release_py();
  }

 private:
  static bool gradient(Way*, WayNode& node, Tensor& grad, TensorRef* gradients) {
    TensorRef input = node.kept(0), mean = node.kept(1), rstd = node.kept(2),
              weight = kept_or_null(node, 3);
    if (!has_loops(*input, grad)) return false;
    std::tie(gradients[0], gradients[1], gradients[2]) =
        raw::group_norm_backward(grad, *input, *mean, *rstd, weight.get(), node.integer(4),
                                 {node.wants(0), node.wants(1), node.wants(2)});
    return true;
  }
};

double default_eps(Operator& operation) {
  Object name = owned(PyUnicode_FromString("eps"));
  const Parameters& parameters = *operation.parameters;
  PyObject* eps = PyTuple_GET_ITEM(parameters.defaults(), parameters.place(name.get()));
  return eps == Py_None ? 0 : PyFloat_AsDouble(eps);
}

/// _row_way(operation, way, compile, backward): way is softmax, layer_norm, rms_norm, group_norm,
/// cross_entropy or nll_loss; compile(variant, dtype) gives the address of a kernel, backward is
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
  else if (way == "group_norm")
    made = new GroupNormWay(a[3], name, default_eps(as_operator(a[0])));
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

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
