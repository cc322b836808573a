// What the raw functions of indexing, sorting, searching and scanning share: their arguments,
// checks and results, and how they become functions of the module. Needs the GIL.
#pragma once
#include "autograd/meta.h"
#include "dispatch/advanced_index.h"
#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "python/args.h"
#include "python/batches.h"

namespace flambeau {

/// The positional arguments of one call, converted as they are asked for.
class IndexArgs {
 public:
  IndexArgs(const char* op, PyObject* const* items, Py_ssize_t n) : op_(op), items_(items), n_(n) {}

  const char* op() const { return op_; }

  Tensor& tensor(int i, const char* name) const {
    PyObject* item = at(i, name);
    check<TypeError>(is_tensor(item), [&] {
      return message(op_, ": ", name, " must be a Tensor, not ", Py_TYPE(item)->tp_name, ".");
    });
    return *as_tensor(item);
  }
  Tensor* optional_tensor(int i, const char* name) const {
    return at(i, name) == Py_None ? nullptr : &tensor(i, name);
  }

  int64_t integer(int i, const char* name) const {
    PyObject* item = at(i, name);
    Object number = Object::steal(PyNumber_Index(item));
    if (!number) {
      PyErr_Clear();
      throw TypeError(
          message(op_, ": ", name, " must be an int, not ", Py_TYPE(item)->tp_name, "."));
    }
    int64_t value = PyLong_AsLongLong(number.get());
    if (value == -1 && PyErr_Occurred()) throw PythonError();
    return value;
  }
  int dim(int i, const Tensor& of) const { return wrap_dim(integer(i, "dim"), of.ndim, op_); }
  bool flag(int i) const { return truth_of(at(i, "flag")); }
  double real(int i, const char* name) const {
    double value = PyFloat_AsDouble(at(i, name));
    if (value == -1 && PyErr_Occurred()) throw PythonError();
    return value;
  }
  std::vector<int64_t> integers(int i, const char* name) const {
    return to_integers(at(i, name), op_);
  }
  /// A sequence of tensors and None.
  std::vector<Tensor*> indices(int i) const {
    Object list = listed(at(i, "indices"));
    if (!list) throw PythonError();
    std::vector<Tensor*> tensors(PySequence_Fast_GET_SIZE(list.get()));
    for (size_t k = 0; k < tensors.size(); ++k) {
      PyObject* item = PySequence_Fast_GET_ITEM(list.get(), k);
      check<TypeError>(item == Py_None || is_tensor(item), [&] {
        return message(op_, ": indices must be Tensors or None, not ", Py_TYPE(item)->tp_name, ".");
      });
      tensors[k] = item == Py_None ? nullptr : as_tensor(item);
    }
    return tensors;
  }
  /// An int32 or int64 tensor, as int64; an empty one may have any dtype.
  TensorRef index(int i, const char* name = "index") const {
    Tensor& t = tensor(i, name);
    check(t.dtype == DType::int64 || t.dtype == DType::int32 || t.numel == 0, [&] {
      return message(op_, ": ", name, " must be int64 or int32, not ", flambeau::name(t.dtype),
                     ". Convert it with .long().");
    });
    return as_int64(t);
  }

 private:
  PyObject* at(int i, const char* name) const {
    check<TypeError>(i < n_, [&] { return message(op_, ": argument '", name, "' is missing."); });
    return items_[i];
  }
  const char* op_;
  PyObject* const* items_;
  Py_ssize_t n_;
};

/// The kernels' view of a tensor; one without dims stands as one of size (1).
class Lanes {
 public:
  Lanes(const Tensor& t) : view_(t.strided()) {
    if (view_.ndim > 0) return;
    view_.ndim = 1;
    view_.sizes = view_.strides = one_;
  }
  Lanes(const Lanes&) = delete;
  operator const Strided&() const { return view_; }
  const Strided* operator&() const { return &view_; }
  const Strided* operator->() const { return &view_; }

 private:
  static constexpr int64_t one_[1] = {1};
  Strided view_;
};

inline Dims with_size(const Tensor& t, int dim, int64_t size) {
  Dims sizes = sizes_of(t);
  if (sizes.n > 0) sizes[dim] = size;
  return sizes;
}
inline Dims without_dim(const Tensor& t, int dim) {
  Dims sizes;
  for (int d = 0; d < t.ndim; ++d)
    if (d != dim) sizes.push(t.sizes[d]);
  return sizes;
}
inline int64_t size_at(const Tensor& t, int dim) { return t.ndim == 0 ? 1 : t.sizes[dim]; }

inline PyObject* pair(TensorRef first, TensorRef second) {
  Object result = Object::steal(PyTuple_Pack(2, first.py(), second.py()));
  if (!result) throw PythonError();
  return result.release_py();
}
inline PyObject* triple(TensorRef first, TensorRef second, TensorRef third) {
  Object result = Object::steal(PyTuple_Pack(3, first.py(), second.py(), third.py()));
  if (!result) throw PythonError();
  return result.release_py();
}
inline PyObject* returned(Tensor& t) { return TensorRef::borrow(&t).release_py(); }

inline void check_ordered(const Tensor& t, const char* op) {
  check(!is_complex(t.dtype), [&] {
    return message(op, ": complex numbers have no order; input is ", describe(t), ".");
  });
}
inline void check_same_dtype(const Tensor& self, const Tensor& other, const char* op,
                             const char* other_name) {
  check(self.dtype == other.dtype, [&] {
    return message(op, ": ", other_name, " is ", name(other.dtype), " and self is ",
                   name(self.dtype), ". Convert one of them with .to().");
  });
}
/// Before a raw write in place: it is allowed, and every element has a place of its own.
inline void check_writable(Tensor& self, const char* op) {
  check_inplace(self, op);
  check(!may_overlap_itself(sizes_of(self), strides_of(self)), [&] {
    return message(op, ": elements of self ", shape(self),
                   " share memory, so a write to one changes others. clone() it first.");
  });
}
/// Before a raw write in place that PyTorch lets through: elements that share memory are warned of.
inline void warn_of_repeats(Tensor& self, const char* op) {
  check_inplace(self, op);
  if (!may_overlap_itself(sizes_of(self), strides_of(self))) return;
  std::string text = message(op, " on expanded tensors writes some elements of ", shape(self),
                             " many times, for they share memory. clone() it first.");
  if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) throw PythonError();
}

inline Tensor& mask_arg(const IndexArgs& args, int i) {
  Tensor& mask = args.tensor(i, "mask");
  check(mask.dtype == DType::bool_, [&] {
    return message(args.op(), ": mask is ", name(mask.dtype),
                   "; it must be bool. Convert it with .bool().");
  });
  return mask;
}

/// IndexError that is a RuntimeError too: PyTorch raises the one or the other, depending on the
/// operator.
extern PyObject* index_range_error;

template <Name name, PyObject* (*body)(const IndexArgs&), Mixing mixing>
PyObject* entry(PyObject*, PyObject* const* items, Py_ssize_t n) {
  return guarded(
      [&]() -> PyObject* {
        if ((watchers & watch_batches) && any_batched(items, n))
          return call_named_rule(name.text, items, n);
        try {
          DeviceScope scope(name.text, items, n, mixing);
          return body(IndexArgs(name.text, items, n));
        } catch (const IndexError& error) {
          PyErr_SetString(index_range_error, error.what());
          throw PythonError();
        }
      },
      name.text);
}

template <Name name, PyObject* (*body)(const IndexArgs&), Mixing mixing = Mixing::numbers>
constexpr PyMethodDef method() {
  return {name.text,
          reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(entry<name, body, mixing>)),
          METH_FASTCALL, nullptr};
}

extern PyMethodDef index_methods[];    // index.cpp: reading by index, masks
extern PyMethodDef scatter_methods[];  // scatter.cpp: writing by index
extern PyMethodDef order_methods[];    // order.cpp: sorting, searching, counting
extern PyMethodDef scan_methods[];     // scan.cpp: scans and moves

}  // namespace flambeau
