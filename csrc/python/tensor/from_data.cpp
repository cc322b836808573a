#include "python/tensor/from_data.h"

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/promotion.h"
#include "python/bind.h"

namespace flambeau {

namespace {

/// Elements to come, numbers and tensors: first all of them tell their dtype, then they are stored.
class Elements {
 public:
  Elements(const char* function, std::optional<DType> dtype)
      : function_(function), wanted_(dtype) {}

  void tell(PyObject* o) {
    const bool plain = wanted_ && (PyFloat_CheckExact(o) || PyLong_CheckExact(o));
    if (plain) return;
    const DType own = dtype_of(o);
    if (!wanted_) {
      promoted_ = any_ ? promote_types(promoted_, own) : own;
      any_ = true;
      return;
    }
    check<TypeError>(!is_complex(own) || is_complex(*wanted_) || *wanted_ == DType::bool_, [&] {
      return message(function_, ": a complex number cannot be an element of ", name(*wanted_),
                     "; take its .real, or a complex dtype.");
    });
  }
  void make(const Dims& sizes) {
    result_ = empty(sizes, wanted_.value_or(promoted_));
    to_ = result_->as<char>();
  }
  void store(PyObject* o) {
    const DType dtype = result_->dtype;
    if (is_tensor(o) && as_tensor(o)->numel != 1) return store_block(*as_tensor(o));
    if (PyFloat_CheckExact(o) && dtype == DType::float32) {
      const auto value = static_cast<float>(PyFloat_AS_DOUBLE(o));
      std::memcpy(to_, &value, sizeof value);
    } else if (is_tensor(o)) {
      store_number(owned(number_of(*as_tensor(o), function_)).get(), dtype, to_, function_);
    } else {
      store_number(o, dtype, to_, function_);
    }
    to_ += itemsize(dtype);
  }
  TensorRef result() { return std::move(result_); }

 private:
  DType dtype_of(PyObject* o) const {
    if (is_tensor(o)) return as_tensor(o)->dtype;
    if (PyLong_CheckExact(o)) {
      int overflow = 0;
      PyLong_AsLongLongAndOverflow(o, &overflow);
      check<ValueError>(!overflow || wanted_, [&] {
        return message(function_, ": an int beyond 64 bits, or beyond int64 without dtype=uint64.");
      });
    }
    return own_dtype(o);
  }
  void store_block(Tensor& t) {
    const Dims own = sizes_of(t);
    const int64_t at = (to_ - result_->as<char>()) / itemsize(result_->dtype);
    copy_bytes(*raw_view(*result_, own, contiguous_strides(own), at), t);
    to_ += t.numel * itemsize(result_->dtype);
  }

  const char* function_;
  std::optional<DType> wanted_;
  DType promoted_ = default_dtype;
  bool any_ = false;
  TensorRef result_;
  char* to_ = nullptr;
};

/// A number, or a tensor of no dims, that is read without code of the program's, which could change
/// what is being read.
bool is_safe_number(PyObject* o) {
  if (PyFloat_CheckExact(o) || PyLong_CheckExact(o)) return true;
  if (is_tensor(o)) return as_tensor(o)->ndim == 0;
  return is_number(o) && !PyType_HasFeature(Py_TYPE(o), Py_TPFLAGS_HEAPTYPE);
}

/// The sizes of nested lists and tuples as their first items show them; false where these are no
/// numbers in the end.
bool sizes_shown(PyObject* data, Dims& sizes) {
  while (is_list(data)) {
    if (sizes.n == max_ndim) return false;
    sizes.push(PySequence_Fast_GET_SIZE(data));
    if (sizes[sizes.n - 1] == 0) return true;
    data = PySequence_Fast_GET_ITEM(data, 0);
  }
  return is_safe_number(data);
}

/// Calls visit(number) for those in nested lists and tuples; false where they have other sizes than
/// shown, or hold anything else.
template <class Visit>
bool each_number(PyObject* data, const Dims& sizes, int dim, Visit&& visit) {
  if (dim == sizes.n) {
    if (!is_safe_number(data)) return false;
    visit(data);
    return true;
  }
  if (!is_list(data) || PySequence_Fast_GET_SIZE(data) != sizes[dim]) return false;
  for (PyObject* item : Items(data))
    if (!each_number(item, sizes, dim + 1, visit)) return false;
  return true;
}

/// Numbers, and lists and tuples of such; null for what holds anything else. Nothing changes
/// between the passes.
TensorRef from_numbers(PyObject* data, std::optional<DType> dtype, const char* function) {
  Dims sizes;
  if (!sizes_shown(data, sizes)) return nullptr;
  // A few lists that hold each other many times may stand for more elements than there is memory.
  if (sizes.product() > int64_t{1} << 26) empty(sizes, dtype.value_or(DType::bool_));
  Elements elements(function, dtype);
  if (!each_number(data, sizes, 0, [&](PyObject* o) { elements.tell(o); })) return nullptr;
  elements.make(sizes);
  each_number(data, sizes, 0, [&](PyObject* o) { elements.store(o); });
  return elements.result();
}

/// The same of numbers and tensors in row-major order, where a tensor of several elements is a
/// block.
TensorRef from_parts(const Dims& sizes, PyObject* parts, std::optional<DType> dtype,
                     const char* function) {
  DeviceScope scope(function, on_cpu);
  Elements elements(function, dtype);
  each_item(parts, [&](PyObject* o) { elements.tell(o); });
  elements.make(sizes);
  each_item(parts, [&](PyObject* o) { elements.store(o); });
  return elements.result();
}

/// The elements of an object that lends its memory; null where it does not.
TensorRef from_buffer(PyObject* o, bool copy, const char* function) {
  if (!PyObject_CheckBuffer(o) || PyBytes_Check(o) || is_array_scalar(o)) return nullptr;
  DeviceScope scope(function, on_cpu);
  if (copy) {
    if (TensorRef t = copy_buffer(o, function)) return t;
  } else if (Buffer().get(o, PyBUF_STRIDED_RO | PyBUF_FORMAT)) {
    return share_buffer(o, function);
  }
  PyErr_Clear();
  if (is_array(o)) refuse_array(o, function);
  return nullptr;
}

const NativeEntry entries[] = {
    fact(bind<from_parts>("_from_parts", "sizes, parts, dtype, function")),
    fact(bind<from_buffer>("_from_buffer", "object, copy, function")),
    fact(bind<is_number>("_is_number", "object")),
    fact(bind<is_array_scalar>("_is_array_scalar", "object")),
    {}};
const Functions functions(entries);

}  // namespace

TensorRef from_data(PyObject* data, std::optional<DType> dtype, bool copy, const char* function) {
  if (is_tensor(data)) {
    Tensor& t = *as_tensor(data);
    GradModeGuard keep(copy ? false : grad_mode_enabled);
    TensorRef r = dtype && *dtype != t.dtype ? to_dtype(t, *dtype)
                  : copy                     ? clone(t)
                                             : TensorRef::borrow(&t);
    return copy && requires_grad(*r) ? detach(*r) : r;
  }
  TensorRef t = is_list(data) || is_number(data) ? from_numbers(data, dtype, function)
                                                 : from_buffer(data, copy, function);
  if (!t) {
    Object read = called(imported<"flambeau.ops.odd_data", "read">(), data,
                         dtype ? dtype_object(*dtype) : Py_None, copy ? Py_True : Py_False,
                         owned(PyUnicode_FromString(function)).get());
    t = TensorRef::borrow(as_tensor(read.get()));
  }
  return dtype && *dtype != t->dtype ? to_dtype(*t, *dtype) : t;
}

}  // namespace flambeau
