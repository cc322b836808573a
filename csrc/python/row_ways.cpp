// Native ways into softmax, the norms of rows and the losses of classes.
#include <array>

#include "dispatch/basics.h"
#include "python/losses.h"
#include "python/plain.h"

namespace flambeau {

namespace {

/// Tensors up to here are transposed for a softmax along another dimension than the last; for
/// larger ones Python has a better way.
constexpr int64_t few_elements = 8192;

bool is_key(PyObject* key, const char* name) {
  return PyUnicode_CompareWithASCIIString(key, name) == 0;
}

/// The row kernels of one operator: compile(variant, dtype name) -> address, kept.
class Kernels {
 public:
  explicit Kernels(PyObject* compile) : compile_(Object::borrow(compile)) {}
  RowsKernel find(int variant, DType dtype) {
    RowsKernel& known = known_[variant][static_cast<int>(dtype)];
    if (known) return known;
    Object address =
        Object::steal(PyObject_CallFunction(compile_.get(), "iO", variant, dtype_object(dtype)));
    if (!address) throw PythonError();
    known = reinterpret_cast<RowsKernel>(PyLong_AsVoidPtr(address.get()));
    if (!known) throw PythonError();
    return known;
  }

 private:
  Object compile_;
  std::array<RowsKernel, dtype_count> known_[2] = {};
};

/// softmax(input, dim) and log_softmax
struct SoftmaxWay : Way {
  Kernels kernels;
  explicit SoftmaxWay(PyObject* compile) : kernels(compile) {}

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    Py_ssize_t n_keys = keys ? PyTuple_GET_SIZE(keys) : 0;
    if (n < 1 || n + n_keys != 2 || !is_plain(args[0]) ||
        (n_keys && !is_key(PyTuple_GET_ITEM(keys, 0), "dim")))
      return nullptr;
    Tensor& input = *as_tensor(args[0]);
    int d = plain_dim(args[1], input.ndim);
    if (d < 0 || input.numel == 0 || !is_floating(input.dtype)) return nullptr;
    bool last = d == input.ndim - 1;
    if (!last && input.numel > few_elements) return nullptr;
    RowsKernel kernel = kernels.find(0, input.dtype);
    int64_t length = input.sizes[d], step = length * itemsize(input.dtype);
    TensorRef source = last ? contiguous(input) : contiguous(*transpose(input, d, input.ndim - 1));
    // A transposed copy is ours, so its softmax may take its place.
    bool own = !last && source->storage != input.storage;
    TensorRef result = own ? source : empty(sizes_of(*source), input.dtype);
    if (!result->is_meta()) {
      RowOperands operands;
      operands.add(result->data(), step);
      operands.add(source->data(), step);
      run_rows(kernel, operands, input.numel / length, length);
    }
    if (last) return result.release_py();
    return contiguous(*transpose(*result, d, input.ndim - 1)).release_py();
  }
};

/// layer_norm(input, normalized_shape, weight, bias, eps), with both vectors or none, and rms_norm
/// without a bias
struct NormWay : Way {
  Kernels kernels;
  bool has_bias;
  NormWay(PyObject* compile, bool bias) : kernels(compile), has_bias(bias) {}

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    enum { input_, shape_, weight_, bias_, eps_ };
    PyObject* slots[5] = {};
    Py_ssize_t n_keys = keys ? PyTuple_GET_SIZE(keys) : 0;
    if (n < 2 || n + n_keys > (has_bias ? 5 : 4)) return nullptr;
    for (Py_ssize_t i = 0; i < n; ++i)
      slots[!has_bias && i == 3 ? int{eps_} : static_cast<int>(i)] = args[i];
    for (Py_ssize_t k = 0; k < n_keys; ++k) {
      PyObject* key = PyTuple_GET_ITEM(keys, k);
      int at = is_key(key, "weight")             ? weight_
               : is_key(key, "bias") && has_bias ? bias_
               : is_key(key, "eps")              ? eps_
                                                 : -1;
      if (at < 0 || slots[at]) return nullptr;
      slots[at] = args[n + k];
    }
    if (!is_plain(slots[input_])) return nullptr;
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
      if (!is_plain(o)) return false;
      Tensor& t = *as_tensor(o);
      bool same = t.contiguous && t.dtype == input.dtype && t.ndim == count;
      for (int i = 0; i < count && same; ++i) same = t.sizes[i] == input.sizes[first + i];
      return same;
    };
    bool weighted = slots[weight_] && slots[weight_] != Py_None;
    bool shifted = slots[bias_] && slots[bias_] != Py_None;
    if (has_bias && weighted != shifted) return nullptr;
    if ((weighted && !vector(slots[weight_])) || (shifted && !vector(slots[bias_]))) return nullptr;
    double eps = 1e-5;
    if (!has_bias) eps = input.dtype == DType::float64 ? 2.220446049250313e-16 : 1.1920929e-07;
    if (slots[eps_] && slots[eps_] != Py_None) {
      if (!PyFloat_CheckExact(slots[eps_])) return nullptr;
      eps = PyFloat_AS_DOUBLE(slots[eps_]);
    } else if (itemsize(input.dtype) == 2 && !has_bias) {
      return nullptr;
    }
    auto eps32 = static_cast<float>(eps);
    RowsKernel kernel = kernels.find(weighted, input.dtype);
    TensorRef result = empty(sizes_of(input), input.dtype);
    if (result->is_meta()) return result.release_py();
    int64_t step = length * itemsize(input.dtype);
    RowOperands operands;
    operands.add(result->data(), step);
    operands.add(input.data(), step);
    if (weighted) operands.add(as_tensor(slots[weight_])->data(), 0);
    if (shifted) operands.add(as_tensor(slots[bias_])->data(), 0);
    operands.add(input.dtype == DType::float64 ? static_cast<void*>(&eps) : &eps32, 0);
    run_rows(kernel, operands, input.numel / length, length);
    return result.release_py();
  }
};

/// cross_entropy and nll_loss(input, target, ignore_index=, reduction=, label_smoothing=)
struct LossWay : Way {
  Kernels kernels;
  bool from_logits;
  LossWay(PyObject* compile, bool logits) : kernels(compile), from_logits(logits) {}

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    if (n != 2 || !is_plain(args[0]) || !is_plain(args[1])) return nullptr;
    Tensor &input = *as_tensor(args[0]), &target = *as_tensor(args[1]);
    int64_t ignored = -100;
    double smoothing = 0;
    Reducing reduction = Reducing::mean;
    for (Py_ssize_t k = 0; keys && k < PyTuple_GET_SIZE(keys); ++k) {
      PyObject *key = PyTuple_GET_ITEM(keys, k), *value = args[n + k];
      if (is_key(key, "weight") && value == Py_None) continue;
      if (is_key(key, "ignore_index") && PyLong_CheckExact(value)) {
        ignored = PyLong_AsLongLong(value);
      } else if (is_key(key, "label_smoothing") && from_logits && PyFloat_CheckExact(value)) {
        smoothing = PyFloat_AS_DOUBLE(value);
        if (!(smoothing >= 0 && smoothing <= 1)) return nullptr;
      } else if (is_key(key, "reduction") && PyUnicode_Check(value)) {
        if (is_key(value, "none"))
          reduction = Reducing::none;
        else if (is_key(value, "sum"))
          reduction = Reducing::sum;
        else if (!is_key(value, "mean"))
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
        input.ndim != 2 || target.ndim != 1 || target.numel != input.sizes[0] || input.numel == 0)
      return nullptr;
    if (!from_logits) {
      Nll made = nll_loss(input, target, nullptr, ignored, reduction);
      return made.wrong < 0 ? made.loss.release_py() : nullptr;
    }
    if (!input.contiguous) return nullptr;
    CrossEntropy made =
        cross_entropy(kernels.find(0, input.dtype), input, target, ignored, smoothing, reduction);
    return made.counted == made.counted ? made.loss.release_py() : nullptr;
  }
};

/// _row_way(operation, way, compile): way is softmax, layer_norm, rms_norm, cross_entropy or
/// nll_loss.
PyObject* py_row_way(const Call& call) {
  Args a("_row_way", call, {"operation", "way", "compile"}, 3);
  std::string_view way = text_of(a[1]);
  auto add = [&](Way* made) {
    add_way(a[0], made);
    return Py_NewRef(Py_None);
  };
  if (way == "softmax") return add(new SoftmaxWay(a[2]));
  if (way == "layer_norm") return add(new NormWay(a[2], true));
  if (way == "rms_norm") return add(new NormWay(a[2], false));
  if (way == "cross_entropy") return add(new LossWay(a[2], true));
  if (way == "nll_loss") return add(new LossWay(a[2], false));
  throw ValueError(message("_row_way(): there is no way '", way, "'."));
}

const NativeEntry entries[] = {{"_row_way", py_row_way, "A native way into an operator of rows."},
                               {nullptr, nullptr, nullptr}};

}  // namespace

void initialize_row_ways(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
