// Native ways into the losses of classes.
#include <cmath>
#include <limits>

#include "dispatch/basics.h"
#include "dispatch/raw/class_losses.h"
#include "dispatch/reduce.h"
#include "python/ways/plain.h"
#include "python/ways/rows.h"

namespace flambeau {

namespace {

/// cross_entropy and nll_loss(input, target, ignore_index=, reduction=, label_smoothing=)
struct LossWay : RowWay {
  bool from_logits;
  LossWay(PyObject* compile, PyObject* callable, bool logits)
      : RowWay(compile, callable, logits ? "cross_entropy_loss" : "nll_loss",
               logits ? std::vector<const char*>{"self", "target", "logsumexp", "options"}
                      : std::vector<const char*>{"self", "target", "options"}),
        from_logits(logits) {
    backward.native = logits ? logits_gradient : scores_gradient;
  }

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    if (n != 2 || !is_ready(args[0]) || !is_plain(args[1])) return nullptr;
    Tensor &input = *as_tensor(args[0]), &target = *as_tensor(args[1]);
    int64_t ignored = -100;
    double smoothing = 0;
    Reducing reduction = Reducing::mean;
    for (Py_ssize_t k = 0; keys && k < PyTuple_GET_SIZE(keys); ++k) {
      PyObject *key = PyTuple_GET_ITEM(keys, k), *value = args[n + k];
      if (is_text(key, "weight") && value == Py_None) continue;
      if (is_text(key, "ignore_index") && PyLong_CheckExact(value)) {
        ignored = PyLong_AsLongLong(value);
      } else if (is_text(key, "label_smoothing") && from_logits && PyFloat_CheckExact(value)) {
        smoothing = PyFloat_AS_DOUBLE(value);
        if (!(smoothing >= 0 && smoothing <= 1)) return nullptr;
      } else if (is_text(key, "reduction") && PyUnicode_Check(value)) {
        if (is_text(value, "none"))
          reduction = Reducing::none;
        else if (is_text(value, "sum"))
          reduction = Reducing::sum;
        else if (!is_text(value, "mean"))
          return nullptr;
      } else {
        return nullptr;
      }
    }
    if (PyErr_Occurred()) {
      PyErr_Clear();
      return nullptr;
    }
    if (!is_floating(input.dtype) || target.dtype != DType::int64 || !target.contiguous ||
        input.ndim != 2 || target.ndim != 1 || target.numel != input.sizes[0] || input.numel == 0 ||
        input.is_cuda())
      return nullptr;
    bool record = records(input);
    Options options{smoothing, 0, ignored, reduction};
    GradModeGuard off(false);
    if (!from_logits) {
      Nll made = nll_loss(input, target, nullptr, ignored, reduction);
      if (made.wrong >= 0) return nullptr;
      options.counted = made.weight;
      if (record) attach(*made.loss, input, target, nullptr, options);
      return made.loss.release_py();
    }
    if (!input.contiguous) return nullptr;
    CrossEntropy made =
        cross_entropy(find(0, input.dtype), input, target, ignored, smoothing, reduction);
    if (made.counted != made.counted) return nullptr;
    options.counted = made.counted;
    if (record) attach(*made.loss, input, target, made.logsumexp.get(), options);
    return made.loss.release_py();
  }

 private:
  struct Options {
    double smoothing, counted;
    int64_t ignored;
    Reducing reduction;
  };
  /// As backward's callable takes them: (smoothing, ignored, reduction, counted).
  static Object packed(const Options& o) {
    static const char* names[] = {"none", "mean", "sum"};
    Object tuple = owned(Py_BuildValue("dLsd", o.smoothing, static_cast<long long>(o.ignored),
                                       names[static_cast<int>(o.reduction)], o.counted));
    return tuple;
  }
  static Options unpacked(PyObject* tuple) {
    std::string_view name = text_of(PyTuple_GET_ITEM(tuple, 2));
    return {PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(tuple, 0)),
            PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(tuple, 3)),
            PyLong_AsLongLong(PyTuple_GET_ITEM(tuple, 1)),
            name == "none"   ? Reducing::none
            : name == "mean" ? Reducing::mean
                             : Reducing::sum};
  }

  void attach(Tensor& loss, Tensor& input, Tensor& target, Tensor* logsumexp,
              const Options& options) {
    Ref<WayNode> node = make_way_node(backward, {&input});
    node->keep(input);
    node->keep(target);
    if (logsumexp) node->keep(*logsumexp);
    node->keep(packed(options));
    set_history(loss, &node->node);
  }

  /// What each gradient is to be multiplied with; NaN for the mean of nothing.
  static double factor(const Options& o) {
    if (o.reduction != Reducing::mean) return 1;
    return o.counted != 0 ? 1 / o.counted : std::numeric_limits<double>::quiet_NaN();
  }

  static bool logits_gradient(Way* way, WayNode& node, Tensor& grad, TensorRef* gradients) {
    TensorRef input = node.kept(0), target = node.kept(1), logsumexp = node.kept(2);
    Options o = unpacked(node.values[3].get());
    if (!input->contiguous || input->is_meta() || grad.is_meta()) return false;
    RowsKernel kernel = static_cast<LossWay*>(way)->find(1, input->dtype);
    gradients[0] = cross_entropy_gradient(kernel, grad, *input, *target, *logsumexp, o.ignored,
                                          o.smoothing, factor(o));
    return true;
  }

  static bool scores_gradient(Way*, WayNode& node, Tensor& grad, TensorRef* gradients) {
    TensorRef input = node.kept(0), target = node.kept(1);
    Options o = unpacked(node.values[2].get());
    if (input->is_meta() || grad.is_meta() || grad.dtype != input->dtype) return false;
    gradients[0] = nll_gradient(*contiguous(grad), *input, *target, nullptr, o.ignored, factor(o));
    return true;
  }
};

/// mse_loss(input, target, reduction=) of two tensors of one shape and dtype
struct SquaresWay : Way {
  Reduction &mean, &sum;
  WayBackward backward;

  SquaresWay(PyObject* mean_of_squares, PyObject* sum_of_squares, PyObject* callable)
      : mean(*reinterpret_cast<Reduction*>(Py_NewRef(mean_of_squares))),
        sum(*reinterpret_cast<Reduction*>(Py_NewRef(sum_of_squares))) {
    backward.callable = Object::borrow(callable);
    backward.names = {"self", "target", "scale"};
    backward.type = node_subtype(backward_name("mse_loss"));
  }

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    if (n != 2 || !is_ready(args[0]) || !is_ready(args[1])) return nullptr;
    Tensor &input = *as_tensor(args[0]), &target = *as_tensor(args[1]);
    bool means = true;
    for (Py_ssize_t k = 0; keys && k < PyTuple_GET_SIZE(keys); ++k) {
      PyObject* value = args[n + k];
      if (!is_text(PyTuple_GET_ITEM(keys, k), "reduction") || !PyUnicode_Check(value))
        return nullptr;
      means = is_text(value, "mean");
      if (!means && !is_text(value, "sum")) return nullptr;
    }
    if (input.dtype != target.dtype || !is_floating(input.dtype) || input.numel == 0 ||
        input.ndim == 0 || input.ndim > most_reducible_dims ||
        !(sizes_of(input) == sizes_of(target)))
      return nullptr;
    Dims all;
    for (int d = 0; d < input.ndim; ++d) all.push(d);
    TensorRef result =
        run_reduction(means ? mean : sum, {TensorRef::borrow(&input), TensorRef::borrow(&target)},
                      all, false, {input.dtype})[0];
    if (records(input) || records(target)) {
      Ref<WayNode> node = make_way_node(backward, {&input, &target});
      node->keep(input);
      node->keep(target);
      double scale = means ? 2 / static_cast<double>(input.numel) : 2;
      node->keep(Object::steal(PyFloat_FromDouble(scale)));
      set_history(*result, &node->node);
    }
    return result.release_py();
  }
};

/// _squares_way(operation, mean, sum, backward): the reductions of squared differences;
/// backward(grad, input, target, scale, wanted).
PyObject* py_squares_way(const Call& call) {
  Args a(call);
  for (int i : {1, 2})
    check<TypeError>(Py_TYPE(a[i]) == reduction_type,
                     [] { return message("_squares_way(): expected two Reductions."); });
  add_way(a[0], new SquaresWay(a[1], a[2], a[3]));
  Py_RETURN_NONE;
}

const NativeEntry entries[] = {{"_squares_way", "operation, mean, sum, backward", py_squares_way,
                                "A native way into mse_loss."},
                               {}};

const Functions functions(entries);

}  // namespace

Way* make_loss_way(std::string_view name, PyObject* compile, PyObject* callable) {
  bool logits = name == "cross_entropy";
  return logits || name == "nll_loss" ? new LossWay(compile, callable, logits) : nullptr;
}

}  // namespace flambeau
