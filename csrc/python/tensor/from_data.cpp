#include "python/tensor/from_data.h"

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/promotion.h"
#include "python/args.h"

namespace flambeau {

namespace {

bool is_plain_number(PyObject* o) {
  return PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o);
}
bool is_any_text(PyObject* o) {
  return PyUnicode_Check(o) || PyBytes_Check(o) || (is_array_scalar(o) && PySequence_Check(o));
}

/// The next item of a list that was `n` long when its reading began.
Object item_of(PyObject* list, Py_ssize_t i, Py_ssize_t n, const char* function) {
  check<ValueError>(PySequence_Fast_GET_SIZE(list) == n, [&] {
    return message(function, ": a list of ", n, " items changed to ",
                   PySequence_Fast_GET_SIZE(list), " while it was read.");
  });
  return Object::borrow(PySequence_Fast_GET_ITEM(list, i));
}

/// The elements of an object that has an array of its own; null for one that has none.
TensorRef array_of(PyObject* o, bool copy, const char* function) {
  if (PyObject_CheckBuffer(o)) {
    if (!copy) {
      Py_buffer probe;
      if (PyObject_GetBuffer(o, &probe, PyBUF_STRIDED_RO | PyBUF_FORMAT) == 0) {
        PyBuffer_Release(&probe);
        return share_buffer(o, function);
      }
      PyErr_Clear();
    } else if (TensorRef t = copy_buffer(o, function)) {
      return t;
    }
    if (is_array(o)) refuse_array(o, function);
  }
  if (PyType_Check(o) ||
      !(has_attribute(o, "__array_interface__") || has_attribute(o, "__array__")))
    return nullptr;
  Object numpy = Object::steal(PyImport_ImportModule("numpy"));
  Object array =
      numpy ? Object::steal(PyObject_CallMethod(numpy.get(), "asarray", "O", o)) : nullptr;
  if (!array) throw PythonError();
  if (!is_array(array.get())) return nullptr;
  return array_of(array.get(), copy, function);
}

/// Reads nested sequences in two passes: sizes and plain lists first, then dtype and values.
class Reader {
 public:
  Reader(const char* function, bool has_dtype, DType dtype)
      : function_(function), has_dtype_(has_dtype), dtype_(dtype) {}

  /// data with everything that is no list made one, or a tensor: what remains are lists and tuples
  /// of numbers, tensors of no dimensions and tensors that are blocks of several elements.
  Object plain_lists(PyObject* data, int depth = 0) {
    if (is_list(data)) {
      Py_ssize_t n = PySequence_Fast_GET_SIZE(data);
      enter(depth, n, data);
      bool change = false;
      for (Py_ssize_t i = 0; i < n && !change; ++i)
        change = !is_plain_number(PySequence_Fast_GET_ITEM(data, i));
      if (!change) {
        if (n) leaf(depth + 1, PySequence_Fast_GET_ITEM(data, 0));
        return Object::borrow(data);
      }
      Object list = owned(PyList_New(n));
      for (Py_ssize_t i = 0; i < n; ++i) {
        Object item = item_of(data, i, n, function_);
        PyList_SET_ITEM(list.get(), i, plain_lists(item.get(), depth + 1).release());
      }
      return list;
    }
    if (is_tensor(data)) return block(Object::borrow(data), depth, true);
    if (is_number(data)) {
      leaf(depth, data);
      return Object::borrow(data);
    }
    check<TypeError>(!is_any_text(data), [&] {
      return message(function_, ": text (", Py_TYPE(data)->tp_name,
                     ") has no numbers to make a tensor of.");
    });
    if (TensorRef t = array_of(data, false, function_))
      return block(Object::steal(t.release_py()), depth, false);
    check(PySequence_Check(data), [&] {
      return message(function_, ": expected numbers, sequences of numbers or an array, not ",
                     Py_TYPE(data)->tp_name, ".");
    });
    Py_ssize_t n = PySequence_Size(data);
    if (n < 0) throw PythonError();
    enter(depth, n, data);
    Object list = owned(PyList_New(n));
    for (Py_ssize_t i = 0; i < n; ++i) {
      Object item = Object::steal(PySequence_GetItem(data, i));
      if (!item) refuse_item(data, i);
      PyList_SET_ITEM(list.get(), i, plain_lists(item.get(), depth + 1).release());
    }
    return list;
  }

  /// Calls number(object) and block(tensor) in the order of the elements of plain lists; whatever
  /// has changed since they were made is noticed.
  template <class Number, class Block>
  void walk(PyObject* data, int depth, Number&& number, Block&& block) {
    if (is_list(data)) {
      Py_ssize_t n = PySequence_Fast_GET_SIZE(data);
      enter(depth, n, data);
      for (Py_ssize_t i = 0; i < n; ++i) {
        Object item = item_of(data, i, n, function_);
        if (is_plain_number(item.get()) && depth + 1 == sizes_.n)
          number(item.get());
        else
          walk(item.get(), depth + 1, number, block);
      }
    } else if (is_tensor(data) && as_tensor(data)->ndim > 0) {
      Dims rest(sizes_.v + depth, std::max(0, sizes_.n - depth));
      check<ValueError>(sizes_of(*as_tensor(data)) == rest, [&] {
        return message(function_, ": an array of shape ", shape(*as_tensor(data)),
                       " stands where the first item has shape ", to_string(rest), ".");
      });
      block(*as_tensor(data));
    } else {
      leaf(depth, data);
      check<TypeError>(is_tensor(data) || is_number(data), [&] { return uneven(depth, data); });
      number(data);
    }
  }
  const Dims& sizes() const { return sizes_; }

 private:
  std::string uneven(int depth, PyObject* data) const {
    return message(function_,
                   ": the lists are uneven: some items are numbers where others are lists (a ",
                   Py_TYPE(data)->tp_name, " in dim ", depth, ").");
  }

  /// A sequence of n items at a depth: the first one of each depth tells the size.
  void enter(int depth, Py_ssize_t n, PyObject* data) {
    check<ValueError>(depth < max_ndim, [&] {
      return message(function_, ": nested deeper than the ", max_ndim,
                     " dimensions a tensor may have, or without end.");
    });
    if (!sized_) {
      sizes_.push(n);
      // A few lists that hold each other many times may stand for more elements than there is
      // memory for, and an object may claim any length.
      if (sizes_.product() > int64_t{1} << 26) empty(sizes_, has_dtype_ ? dtype_ : DType::bool_);
      sized_ = n == 0;
      return;
    }
    check<TypeError>(depth < sizes_.n, [&] { return uneven(depth, data); });
    check<ValueError>(sizes_[depth] == n, [&] {
      return message(function_, ": the lists are uneven: one in dim ", depth, " has ", n,
                     " items, another ", sizes_[depth],
                     ". All of one depth must be of equal length.");
    });
  }

  /// Raises ValueError for an item that a sequence promised and does not give, by what it raised.
  [[noreturn]] void refuse_item(PyObject* data, Py_ssize_t i) const {
    if (PyErr_ExceptionMatches(PyExc_Exception))
      _PyErr_FormatFromCause(PyExc_ValueError, "%s: item %zd of a %s could not be read.", function_,
                             i, Py_TYPE(data)->tp_name);
    throw PythonError();
  }

  void leaf(int depth, PyObject* data) {
    sized_ = true;
    check<TypeError>(depth == sizes_.n, [&] { return uneven(depth, data); });
  }

  /// A tensor among the items; one of a single element is a number where the user wrote a tensor.
  Object block(Object data, int depth, bool number) {
    Tensor& t = *as_tensor(data.get());
    if (t.ndim == 0 || (number && t.numel == 1)) {
      leaf(depth, data.get());
      return t.ndim == 0 ? data : Object::steal(raw_view(t, {}, {}, t.offset).release_py());
    }
    if (!sized_)
      for (int d = 0; d < t.ndim; ++d) sizes_.push(t.sizes[d]);
    sized_ = true;
    return data;
  }

  const char* function_;
  bool has_dtype_;
  DType dtype_;
  Dims sizes_;
  bool sized_ = false;
};

DType dtype_of(PyObject* number, const char* function) {
  if (is_tensor(number)) return as_tensor(number)->dtype;
  if (PyLong_CheckExact(number)) {
    int overflow = 0;
    PyLong_AsLongLongAndOverflow(number, &overflow);
    check<ValueError>(!overflow, [&] {
      return message(function, ": an int beyond 64 bits, or beyond int64 without dtype=uint64.");
    });
  }
  return own_dtype(number);
}

void check_real(DType given, DType wanted, const char* function) {
  check<TypeError>(!is_complex(given) || is_complex(wanted) || wanted == DType::bool_, [&] {
    return message(function, ": a complex number cannot be an element of ", name(wanted),
                   "; take its .real, or a complex dtype.");
  });
}

TensorRef from_sequences(PyObject* data, bool has_dtype, DType dtype, const char* function) {
  Reader reader(function, has_dtype, dtype);
  Object lists = reader.plain_lists(data);
  bool any = false;
  DType promoted = default_dtype;
  auto join = [&](DType d) {
    promoted = any ? promote_types(promoted, d) : d;
    any = true;
  };
  reader.walk(
      lists.get(), 0,
      [&](PyObject* o) {
        if (!has_dtype)
          join(dtype_of(o, function));
        else if (!is_plain_number(o))
          check_real(is_tensor(o) ? as_tensor(o)->dtype : own_dtype(o), dtype, function);
      },
      [&](Tensor& t) { has_dtype ? check_real(t.dtype, dtype, function) : join(t.dtype); });
  if (!has_dtype) dtype = promoted;
  TensorRef result = empty(reader.sizes(), dtype);
  int64_t at = 0, size = itemsize(dtype);
  reader.walk(
      lists.get(), 0,
      [&](PyObject* o) {
        char* to = result->as<char>() + at++ * size;
        if (PyFloat_CheckExact(o) && dtype == DType::float32) {
          float value = static_cast<float>(PyFloat_AS_DOUBLE(o));
          std::memcpy(to, &value, sizeof value);
        } else if (is_tensor(o)) {
          Object value = Object::steal(number_of(*as_tensor(o), function));
          store_number(value.get(), dtype, to, function);
        } else {
          store_number(o, dtype, to, function);
        }
      },
      [&](Tensor& t) {
        Dims own = sizes_of(t);
        TensorRef place = raw_view(*result, own, contiguous_strides(own), at);
        copy_bytes(*place, t);
        at += t.numel;
      });
  return result;
}

/// The elements of a storage, which share its memory; null where data is no storage. One of bytes
/// alone, an UntypedStorage, is read as the dtype asked for.
TensorRef elements_of_storage(PyObject* data, bool has_dtype, DType dtype, const char* function) {
  if (PyType_Check(data) || !has_attribute(data, "_elements_as")) return nullptr;
  Object elements = owned(PyObject_CallMethod(data, "_elements_as", "sO", function,
                                              has_dtype ? dtype_object(dtype) : Py_None));
  return is_tensor(elements.get()) ? TensorRef::borrow(as_tensor(elements.get())) : nullptr;
}

}  // namespace

TensorRef from_data(PyObject* data, bool has_dtype, DType dtype, bool copy, const char* function) {
  if (is_tensor(data)) {
    Tensor& t = *as_tensor(data);
    GradModeGuard keep(copy ? false : grad_mode_enabled);
    TensorRef r = has_dtype && dtype != t.dtype ? to_dtype(t, dtype)
                  : copy                        ? clone(t)
                                                : TensorRef::borrow(&t);
    return copy && requires_grad(*r) ? detach(*r) : r;
  }
  if (!is_list(data) && !is_number(data) && !is_any_text(data)) {
    if (TensorRef t = array_of(data, copy, function))
      return has_dtype && dtype != t->dtype ? to_dtype(*t, dtype) : t;
    if (TensorRef t = elements_of_storage(data, has_dtype, dtype, function)) return t;
  }
  return from_sequences(data, has_dtype, dtype, function);
}

}  // namespace flambeau
