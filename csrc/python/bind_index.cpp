#include "python/bind_index.h"

#include <optional>

#include "autograd/meta.h"
#include "dispatch/advanced_index.h"
#include "dispatch/basics.h"
#include "kernels/index.h"
#include "kernels/move.h"
#include "kernels/nonzero.h"
#include "kernels/scan.h"
#include "kernels/scatter.h"
#include "kernels/search.h"
#include "kernels/sort.h"
#include "kernels/unique.h"
#include "python/guard.h"

namespace flambeau {
namespace {

/// The positional arguments of one call, converted as they are asked for.
class Args {
 public:
  Args(const char* op, PyObject* const* items, Py_ssize_t n) : op_(op), items_(items), n_(n) {}

  const char* op() const { return op_; }

  Tensor& tensor(int i, const char* name) const {
    PyObject* item = at(i, name);
    check<TypeError>(is_tensor(item), [&] {
      return message(op_, "(): argument '", name, "' must be Tensor, not ", Py_TYPE(item)->tp_name);
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
          message(op_, "(): argument '", name, "' must be int, not ", Py_TYPE(item)->tp_name));
    }
    int64_t value = PyLong_AsLongLong(number.get());
    if (value == -1 && PyErr_Occurred()) throw PythonError();
    return value;
  }
  int dim(int i, const Tensor& of) const { return wrap_dim(integer(i, "dim"), of.ndim, op_); }
  bool flag(int i) const { return PyObject_IsTrue(at(i, "flag")) == 1; }
  double real(int i, const char* name) const {
    double value = PyFloat_AsDouble(at(i, name));
    if (value == -1 && PyErr_Occurred()) throw PythonError();
    return value;
  }
  std::vector<int64_t> integers(int i, const char* name) const {
    Object list = Object::steal(PySequence_Fast(at(i, name), "expected a sequence of ints"));
    if (!list) throw PythonError();
    std::vector<int64_t> values(PySequence_Fast_GET_SIZE(list.get()));
    for (size_t k = 0; k < values.size(); ++k) {
      values[k] = PyLong_AsLongLong(PySequence_Fast_GET_ITEM(list.get(), k));
      if (values[k] == -1 && PyErr_Occurred()) throw PythonError();
    }
    return values;
  }
  /// A sequence of tensors and None.
  std::vector<Tensor*> indices(int i) const {
    Object list =
        Object::steal(PySequence_Fast(at(i, "indices"), "indices must be a sequence of tensors"));
    if (!list) throw PythonError();
    std::vector<Tensor*> tensors(PySequence_Fast_GET_SIZE(list.get()));
    for (size_t k = 0; k < tensors.size(); ++k) {
      PyObject* item = PySequence_Fast_GET_ITEM(list.get(), k);
      check<TypeError>(item == Py_None || is_tensor(item), [&] {
        return message(op_, "(): indices must be tensors or None, not ", Py_TYPE(item)->tp_name);
      });
      tensors[k] = item == Py_None ? nullptr : as_tensor(item);
    }
    return tensors;
  }
  /// An int32 or int64 tensor, as int64; an empty one may have any dtype.
  TensorRef index(int i, const char* name = "index") const {
    Tensor& t = tensor(i, name);
    check(t.dtype == DType::int64 || t.dtype == DType::int32 || t.numel == 0, [&] {
      return message(op_, "(): Expected dtype int32/int64 for ", name, ", but it is ",
                     flambeau::name(t.dtype), ".");
    });
    return as_int64(t);
  }

 private:
  PyObject* at(int i, const char* name) const {
    check<TypeError>(i < n_, [&] { return message(op_, "() missing argument '", name, "'"); });
    return items_[i];
  }
  const char* op_;
  PyObject* const* items_;
  Py_ssize_t n_;
};

/// Gives up the GIL for work that is worth it.
class MaybeReleaseGil {
 public:
  explicit MaybeReleaseGil(int64_t work) : state_(work > 16384 ? PyEval_SaveThread() : nullptr) {}
  ~MaybeReleaseGil() {
    if (state_) PyEval_RestoreThread(state_);
  }
  MaybeReleaseGil(const MaybeReleaseGil&) = delete;

 private:
  PyThreadState* state_;
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

Dims with_size(const Tensor& t, int dim, int64_t size) {
  Dims sizes = sizes_of(t);
  if (sizes.n > 0) sizes[dim] = size;
  return sizes;
}
Dims without_dim(const Tensor& t, int dim) {
  Dims sizes;
  for (int d = 0; d < t.ndim; ++d)
    if (d != dim) sizes.push(t.sizes[d]);
  return sizes;
}
int64_t size_at(const Tensor& t, int dim) { return t.ndim == 0 ? 1 : t.sizes[dim]; }

PyObject* pair(TensorRef first, TensorRef second) {
  Object result = Object::steal(PyTuple_Pack(2, first.py(), second.py()));
  if (!result) throw PythonError();
  return result.release_py();
}
PyObject* triple(TensorRef first, TensorRef second, TensorRef third) {
  Object result = Object::steal(PyTuple_Pack(3, first.py(), second.py(), third.py()));
  if (!result) throw PythonError();
  return result.release_py();
}
PyObject* returned(Tensor& t) { return TensorRef::borrow(&t).release_py(); }

void check_ordered(const Tensor& t, const char* op) {
  check(!is_complex(t.dtype), [&] {
    return message(op, ": complex numbers have no order; input is ", describe(t), ".");
  });
}
void check_same_dtype(const Tensor& self, const Tensor& other, const char* op,
                      const char* other_name) {
  check(self.dtype == other.dtype, [&] {
    return message(op, "(): Expected self.dtype to be equal to ", other_name,
                   ".dtype, but they are ", name(self.dtype), " and ", name(other.dtype), ".");
  });
}
/// Before a raw write in place: it is allowed, and every element has a place of its own.
void check_writable(Tensor& self, const char* op) {
  check_inplace(self, op);
  check(!may_overlap_itself(sizes_of(self), strides_of(self)), [&] {
    return message(op, ": more than one element of the written-to tensor ", shape(self),
                   " refers to a single memory location; clone() it first.");
  });
}

/// source, or a copy where writing to self could change it under way.
TensorRef apart(Tensor& source, const Tensor& self) {
  if (source.storage != self.storage) return TensorRef::borrow(&source);
  GradModeGuard no_history(false);
  return clone(source);
}

Combine combine_arg(const Args& args, int i) {
  return static_cast<Combine>(args.integer(i, "combine"));
}

// ---- reading by index

PyObject* py_gather(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  TensorRef index = args.index(2);
  check(std::max<int>(1, input.ndim) == std::max<int>(1, index->ndim) || index->numel == 0, [&] {
    return message(
        "gather(): Index tensor must have the same number of dimensions as input tensor, but index "
        "is ",
        shape(*index), " and input ", shape(input), ".");
  });
  TensorRef out = empty(sizes_of(*index), input.dtype);
  if (index->numel == 0) return out.release_py();
  for (int d = 0; d < input.ndim; ++d)
    check(d == dim || index->sizes[d] <= input.sizes[d], [&] {
      return message("gather(): Size does not match at dimension ", d, ": expected index ",
                     shape(*index), " to be no larger than self ", shape(input),
                     " apart from dimension ", dim, ".");
    });
  Lanes to(*out), from(input), at(*index);
  MaybeReleaseGil release(out->numel);
  gather(to, from, dim, at);
  return reinterpret_cast<PyObject*>(out.release());
}

PyObject* py_index_select(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  TensorRef index = args.index(2);
  check<IndexError>(index->ndim <= 1, [&] {
    return message("index_select(): Index is supposed to be a vector, but it is ", shape(*index),
                   ".");
  });
  TensorRef out = empty(with_size(input, dim, index->numel), input.dtype);
  Lanes to(*out), from(input), at(*index);
  MaybeReleaseGil release(out->numel);
  index_select("index_select", to, from, dim, at);
  return out.release_py();
}

/// embedding(weight (N, D), index (*)) -> (*, D)
PyObject* py_embedding(const Args& args) {
  Tensor& weight = args.tensor(0, "weight");
  TensorRef index = args.index(1, "input");
  check(weight.ndim == 2,
        [&] { return message("embedding: 'weight' must be 2-D, but it is ", shape(weight), "."); });
  Dims sizes = sizes_of(*index);
  sizes.push(weight.sizes[1]);
  TensorRef out = empty(sizes, weight.dtype);
  TensorRef flat = reshape(*index, {index->numel});
  TensorRef rows = raw_view(*out, {index->numel, weight.sizes[1]}, {weight.sizes[1], 1}, 0);
  Strided to = rows->strided(), from = weight.strided(), at = flat->strided();
  {
    MaybeReleaseGil release(out->numel);
    index_select("embedding", to, from, 0, at);
  }
  return out.release_py();
}

PyObject* py_index(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  AdvancedIndex index(input, args.indices(1), "index");
  TensorRef out = empty(index.result_sizes(), input.dtype);
  Strided to = out->strided(), from = input.strided();
  {
    MaybeReleaseGil release(out->numel);
    flambeau::index(to, from, index.selection());
  }
  return out.release_py();
}

PyObject* py_take(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  TensorRef index = args.index(1);
  check<IndexError>(input.numel > 0 || index->numel == 0,
                    [] { return message("take(): tried to take from an empty tensor"); });
  TensorRef out = empty(sizes_of(*index), input.dtype);
  Strided to = out->strided(), from = input.strided(), at = index->strided();
  {
    MaybeReleaseGil release(out->numel);
    take(to, from, at);
  }
  return out.release_py();
}

// ---- writing by index; the first argument is changed and returned

/// scatter_(operator_name, self, dim, index, src, combine, include_self)
PyObject* py_scatter_(const Args& args) {
  Tensor& self = args.tensor(0, "self");
  int dim = args.dim(1, self);
  TensorRef index = args.index(2);
  Tensor& src = args.tensor(3, "src");
  const char* op = args.op();
  if (index->numel == 0) return returned(self);
  for (const auto& [tensor, role] : {std::pair{&self, "self"}, std::pair{&src, "src"}})
    check(std::max<int>(1, tensor->ndim) == std::max<int>(1, index->ndim), [&] {
      return message(op, "(): Index tensor must have the same number of dimensions as ", role,
                     " tensor, but index is ", shape(*index), " and ", role, " ", shape(*tensor),
                     ".");
    });
  check_same_dtype(self, src, op, "src");
  for (int d = 0; d < index->ndim; ++d) {
    check((d == dim || index->sizes[d] <= size_at(self, d)) && index->sizes[d] <= size_at(src, d),
          [&] {
            return message(op, "(): Expected index ", shape(*index), " to be no larger than self ",
                           shape(self), " apart from dimension ", dim,
                           " and to be no larger than src ", shape(src), ".");
          });
  }
  check_writable(self, op);
  TensorRef apart_src = apart(src, self), apart_index = apart(*index, self);
  Lanes to(self), at(*apart_index), from(*apart_src);
  Combine combine = combine_arg(args, 4);
  bool include_self = args.flag(5);
  {
    MaybeReleaseGil release(index->numel);
    scatter(op, to, dim, at, from, combine, include_self);
  }
  self.bump_version(op);
  return returned(self);
}

/// index_write_(self, dim, index, source, combine, include_self)
PyObject* py_index_write_(const Args& args) {
  Tensor& self = args.tensor(0, "self");
  int dim = args.dim(1, self);
  TensorRef index = args.index(2);
  Tensor& source = args.tensor(3, "source");
  const char* op = args.op();
  check<IndexError>(index->ndim <= 1, [&] {
    return message(op, "(): Index is supposed to be a vector, but it is ", shape(*index), ".");
  });
  check_same_dtype(self, source, op, "source");
  Dims wanted = with_size(self, dim, index->numel);
  bool scalars = source.ndim == 0 && self.ndim <= 1 && index->numel == 1;
  check<IndexError>(scalars || sizes_of(source) == wanted, [&] {
    return message(
        op,
        "(): source tensor shape must match self tensor shape, excluding the specified dimension ",
        dim, ", where index has ", index->numel, ": expected ", to_string(wanted), ", but it is ",
        shape(source), ".");
  });
  check_writable(self, op);
  TensorRef apart_source = apart(source, self), apart_index = apart(*index, self);
  Lanes to(self), at(*apart_index), from(*apart_source);
  Combine combine = combine_arg(args, 4);
  bool include_self = args.flag(5);
  {
    MaybeReleaseGil release(source.numel);
    index_write(op, to, dim, at, from, combine, include_self);
  }
  self.bump_version(op);
  return returned(self);
}

PyObject* py_index_put_(const Args& args) {
  Tensor& self = args.tensor(0, "self");
  TensorRef apart_values = apart(args.tensor(2, "values"), self);
  Tensor& values = *apart_values;
  bool accumulate = args.flag(3);
  AdvancedIndex index(self, args.indices(1), "index_put_");
  check(self.dtype == values.dtype, [&] {
    return message("index_put_: Index put requires the source and destination dtypes match, got ",
                   name(self.dtype), " for the destination and ", name(values.dtype),
                   " for the source.");
  });
  const Dims& sizes = index.result_sizes();
  // As in NumPy, superfluous leading dims of size 1 do not matter.
  int extra = std::max(0, values.ndim - sizes.n);
  Dims strides;
  bool fits = true;
  for (int d = 0; d < extra; ++d) fits = fits && values.sizes[d] == 1;
  int missing = sizes.n + extra - values.ndim;
  for (int d = 0; d < sizes.n; ++d) {
    int from = d + extra - missing;
    int64_t size = from < extra ? 1 : values.sizes[from];
    fits = fits && (size == 1 || size == sizes[d]);
    strides.push(size == 1 ? 0 : values.strides[from]);
  }
  check(fits, [&] {
    return message("index_put_: shape mismatch: value tensor of shape ", shape(values),
                   " cannot be broadcast to indexing result of shape ", to_string(sizes), ".");
  });
  check_writable(self, "index_put_");
  Strided to = self.strided(), from{values.data(), values.dtype, sizes.n, sizes.v, strides.v};
  {
    MaybeReleaseGil release(sizes.product());
    index_put(to, index.selection(), from, accumulate);
  }
  self.bump_version("index_put_");
  return returned(self);
}

PyObject* py_put_(const Args& args) {
  Tensor& self = args.tensor(0, "self");
  TensorRef index = args.index(1);
  Tensor& source = args.tensor(2, "source");
  bool accumulate = args.flag(3);
  check_same_dtype(self, source, "put_", "source");
  check(index->numel == source.numel, [&] {
    return message(
        "put_(): Expected source and index to have the same number of elements, but got "
        "source.numel() = ",
        source.numel, ", index.numel() = ", index->numel, ".");
  });
  check_writable(self, "put_");
  TensorRef flat_index = reshape(*index, {index->numel}),
            flat_source = reshape(*apart(source, self), {index->numel});
  Strided to = self.strided(), at = flat_index->strided(), from = flat_source->strided();
  {
    MaybeReleaseGil release(source.numel);
    put(to, at, from, accumulate);
  }
  self.bump_version("put_");
  return returned(self);
}

// ---- masks

PyObject* py_nonzero(const Args& args) { return nonzero(args.tensor(0, "input")).release_py(); }

Tensor& mask_arg(const Args& args, int i) {
  Tensor& mask = args.tensor(i, "mask");
  check(mask.dtype == DType::bool_, [&] {
    return message(args.op(), ": expected BoolTensor for mask (", args.op(),
                   " only supports boolean masks), but it is ", name(mask.dtype), ".");
  });
  return mask;
}

PyObject* py_masked_select(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  Tensor& mask = mask_arg(args, 1);
  Dims sizes = broadcast_sizes(sizes_of(input), sizes_of(mask), "masked_select");
  Dims input_strides = broadcast_strides(input, sizes),
       mask_strides = broadcast_strides(mask, sizes);
  Strided from{input.data(), input.dtype, sizes.n, sizes.v, input_strides.v};
  Strided keep{mask.data(), mask.dtype, sizes.n, sizes.v, mask_strides.v};
  NonzeroCounts counts = count_nonzero(keep);
  TensorRef out = empty({counts.total()}, input.dtype);
  Strided to = out->strided();
  {
    MaybeReleaseGil release(sizes.product());
    masked_select(to, from, keep, counts);
  }
  return out.release_py();
}

PyObject* py_masked_scatter_(const Args& args) {
  Tensor& self = args.tensor(0, "self");
  Tensor& mask = mask_arg(args, 1);
  Tensor& source = args.tensor(2, "source");
  check(self.dtype == source.dtype, [&] {
    return message("masked_scatter_: expected self and source to have same dtypes but got ",
                   name(self.dtype), " and ", name(source.dtype), ".");
  });
  Dims sizes = sizes_of(self);
  check(broadcast_sizes(sizes, sizes_of(mask), "masked_scatter_") == sizes, [&] {
    return message("masked_scatter_: mask ", shape(mask), " cannot be broadcast to self ",
                   shape(self), ".");
  });
  Dims mask_strides = broadcast_strides(mask, sizes);
  Strided to = self.strided(), write{mask.data(), mask.dtype, sizes.n, sizes.v, mask_strides.v};
  NonzeroCounts counts = count_nonzero(write);
  check(counts.total() <= source.numel, [&] {
    return message("masked_scatter_: Number of elements of source < number of ones in mask (",
                   source.numel, " < ", counts.total(), ").");
  });
  check_writable(self, "masked_scatter_");
  TensorRef flat = reshape(*apart(source, self), {source.numel});
  Strided from = flat->strided();
  {
    MaybeReleaseGil release(self.numel);
    masked_scatter(to, write, from, counts);
  }
  self.bump_version("masked_scatter_");
  return returned(self);
}

// ---- sorting

PyObject* py_sort(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  bool descending = args.flag(2);
  check_ordered(input, "sort");
  TensorRef values = empty(sizes_of(input), input.dtype),
            indices = empty(sizes_of(input), DType::int64);
  Lanes to(*values), at(*indices), from(input);
  {
    MaybeReleaseGil release(input.numel);
    if (input.numel) sort(&to, at, from, dim, descending);
  }
  return pair(values, indices);
}

PyObject* py_argsort(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  bool descending = args.flag(2);
  check_ordered(input, "argsort");
  TensorRef indices = empty(sizes_of(input), DType::int64);
  Lanes at(*indices), from(input);
  {
    MaybeReleaseGil release(input.numel);
    if (input.numel) sort(nullptr, at, from, dim, descending);
  }
  return indices.release_py();
}

PyObject* py_topk(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  int64_t k = args.integer(1, "k");
  int dim = args.dim(2, input);
  bool largest = args.flag(3), sorted = args.flag(4);
  check_ordered(input, "topk");
  check(k >= 0 && k <= size_at(input, dim), [&] {
    return message("topk: selected index k out of range: k is ", k, ", dim ", dim, " has size ",
                   size_at(input, dim), ".");
  });
  Dims sizes = with_size(input, dim, k);
  TensorRef values = empty(sizes, input.dtype), indices = empty(sizes, DType::int64);
  Lanes to(*values), at(*indices), from(input);
  {
    MaybeReleaseGil release(input.numel);
    if (values->numel) topk(to, at, from, dim, k, largest, sorted);
  }
  return pair(values, indices);
}

/// What one lane of input comes down to: values and places, with size 1 along dim or without it.
template <class Kernel>
PyObject* select_one(const Args& args, Tensor& input, int dim, bool keepdim, Kernel&& kernel) {
  check_ordered(input, args.op());
  check<IndexError>(size_at(input, dim) > 0, [&] {
    return message(args.op(), "(): Expected reduction dim ", dim,
                   " to have non-zero size, but input is ", shape(input), ".");
  });
  Dims sizes = with_size(input, dim, 1);
  TensorRef values = empty(sizes, input.dtype), indices = empty(sizes, DType::int64);
  Lanes to(*values), at(*indices), from(input);
  {
    MaybeReleaseGil release(input.numel);
    if (input.numel) kernel(to, at, from);
  }
  if (keepdim || input.ndim == 0) return pair(values, indices);
  Dims out = without_dim(input, dim);
  return pair(view(*values, out), view(*indices, out));
}

PyObject* py_kthvalue(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  int64_t k = args.integer(1, "k");
  int dim = args.dim(2, input);
  check(k >= 1 && k <= size_at(input, dim), [&] {
    return message("kthvalue(): selected number k out of range for dimension ", dim, ": k is ", k,
                   ", the size ", size_at(input, dim), ".");
  });
  return select_one(args, input, dim, args.flag(3),
                    [&](auto& to, auto& at, auto& from) { kthvalue(to, at, from, dim, k); });
}

PyObject* py_median(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  bool ignore_nan = args.flag(3);
  return select_one(args, input, dim, args.flag(2),
                    [&](auto& to, auto& at, auto& from) { median(to, at, from, dim, ignore_nan); });
}

PyObject* py_mode(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  return select_one(args, input, dim, args.flag(2),
                    [&](auto& to, auto& at, auto& from) { mode(to, at, from, dim); });
}

// ---- searching and counting

/// searchsorted(sequence, values, right, out_int32, sorter)
PyObject* py_searchsorted(const Args& args) {
  Tensor& sequence = args.tensor(0, "sorted_sequence");
  Tensor& values = args.tensor(1, "values");
  bool right = args.flag(2), int32 = args.flag(3);
  Tensor* sorter = args.optional_tensor(4, "sorter");
  check_ordered(sequence, "searchsorted");
  check_same_dtype(sequence, values, "searchsorted", "values");
  check(sequence.ndim > 0, [] {
    return message("searchsorted(): sorted_sequence must have at least one dimension.");
  });
  bool rows = sequence.ndim == values.ndim;
  for (int d = 0; rows && d + 1 < values.ndim; ++d) rows = sequence.sizes[d] == values.sizes[d];
  check(sequence.ndim == 1 || rows, [&] {
    return message(
        "searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
        "boundaries ",
        "tensor and input value tensor must match, but got ", shape(sequence), " and ",
        shape(values), ".");
  });
  check(!sorter || (sorter->dtype == DType::int64 && sizes_of(*sorter) == sizes_of(sequence)), [&] {
    return message("searchsorted(): sorter must be int64 and have the shape of sorted_sequence ",
                   shape(sequence), ", but it is ", describe(*sorter), ".");
  });
  TensorRef out = empty(sizes_of(values), int32 ? DType::int32 : DType::int64);
  Strided to = out->strided(), in = sequence.strided(), of = values.strided();
  std::optional<Strided> order;
  if (sorter) order = sorter->strided();
  {
    MaybeReleaseGil release(values.numel);
    searchsorted(to, in, of, right, order ? &*order : nullptr);
  }
  return out.release_py();
}

/// bincount(input int64 1-D, weights or None, minlength)
PyObject* py_bincount(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  Tensor* weights = args.optional_tensor(1, "weights");
  int64_t bins = args.integer(2, "minlength");
  check(input.ndim == 1 && input.dtype == DType::int64,
        [&] { return message("bincount only supports 1-d non-negative integral inputs."); });
  check(bins >= 0, [] { return message("bincount: minlength should be >= 0"); });
  check(!weights || sizes_of(*weights) == sizes_of(input), [] {
    return message("bincount: weights should be 1-d and have the same length as input");
  });
  Strided in = input.strided();
  for (int64_t i = 0; i < input.numel; ++i) {
    int64_t value = in.as<int64_t>()[i * in.strides[0]];
    check(value >= 0, [&] {
      return message("bincount only supports 1-d non-negative integral inputs; element ", i, " is ",
                     value, ".");
    });
    bins = std::max(bins, value + 1);
  }
  TensorRef out = zeros({bins}, weights ? weights->dtype : DType::int64);
  std::optional<Strided> w;
  if (weights) w = weights->strided();
  bincount(out->strided(), in, w ? &*w : nullptr);
  return out.release_py();
}

/// histc(input, weights or None, bins, low, high)
PyObject* py_histc(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  Tensor* weights = args.optional_tensor(1, "weights");
  int64_t bins = args.integer(2, "bins");
  double low = args.real(3, "min"), high = args.real(4, "max");
  check_ordered(input, "histc");
  check(bins > 0, [] { return message("histc: bins must be > 0"); });
  TensorRef out = zeros({bins}, input.dtype);
  Strided to = out->strided(), in = input.strided();
  std::optional<Strided> w;
  if (weights) w = weights->strided();
  MaybeReleaseGil release(input.numel);
  histc(to, in, w ? &*w : nullptr, low, high);
  return reinterpret_cast<PyObject*>(out.release());
}

/// unique(input, consecutive, dim or None) -> places of the first occurrences, inverse, counts
PyObject* py_unique(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  bool consecutive = args.flag(1);
  int64_t n = args.integer(2, "rows"), width = args.integer(3, "width");
  check_ordered(input, "unique");
  check(input.contiguous && n * width == input.numel,
        [] { return message("unique: input must be contiguous rows."); });
  Unique found;
  {
    MaybeReleaseGil release(input.numel);
    found = unique(input.data(), input.dtype, n, width, consecutive);
  }
  auto tensor = [](const std::vector<int64_t>& values) {
    TensorRef t = empty({static_cast<int64_t>(values.size())}, DType::int64);
    if (!values.empty()) std::memcpy(t->data(), values.data(), values.size() * sizeof(int64_t));
    return t;
  };
  return triple(tensor(found.first), tensor(found.inverse), tensor(found.counts));
}

// ---- scans and moves

template <auto kernel>
PyObject* py_scan(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  TensorRef out = empty(sizes_of(input), input.dtype);
  Lanes to(*out), from(input);
  {
    MaybeReleaseGil release(input.numel);
    if (input.numel) kernel(to, from, dim);
  }
  return out.release_py();
}

template <auto kernel>
PyObject* py_running_best(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  check_ordered(input, args.op());
  TensorRef values = empty(sizes_of(input), input.dtype),
            indices = empty(sizes_of(input), DType::int64);
  Lanes to(*values), at(*indices), from(input);
  {
    MaybeReleaseGil release(input.numel);
    if (input.numel) kernel(to, at, from, dim);
  }
  return pair(values, indices);
}

std::vector<int> dims_arg(const Args& args, int i, const Tensor& of) {
  std::vector<int> dims;
  for (int64_t dim : args.integers(i, "dims")) dims.push_back(wrap_dim(dim, of.ndim, args.op()));
  return dims;
}

PyObject* py_flip(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  std::vector<int> dims = dims_arg(args, 1, input);
  TensorRef out = empty(sizes_of(input), input.dtype);
  Lanes to(*out), from(input);
  {
    MaybeReleaseGil release(input.numel);
    flip(to, from, static_cast<int>(dims.size()), dims.data());
  }
  return out.release_py();
}

/// roll(input, shifts, dims)
PyObject* py_roll(const Args& args) {
  Tensor& input = args.tensor(0, "input");
  std::vector<int64_t> shifts = args.integers(1, "shifts");
  std::vector<int> dims = dims_arg(args, 2, input);
  check(shifts.size() == dims.size(), [&] {
    return message("roll: shifts and dimensions must align. shifts: ", shifts.size(),
                   ", dims: ", dims.size());
  });
  TensorRef out = empty(sizes_of(input), input.dtype);
  Lanes to(*out), from(input);
  {
    MaybeReleaseGil release(input.numel);
    roll(to, from, static_cast<int>(dims.size()), dims.data(), shifts.data());
  }
  return out.release_py();
}

/// IndexError that is a RuntimeError too: PyTorch raises the one or the other, depending on the
/// operator.
PyObject* index_range_error = nullptr;

/// A name as a template argument, for the operator's name in its messages.
template <size_t n>
struct Name {
  char text[n];
  constexpr Name(const char (&literal)[n]) { std::copy(literal, literal + n, text); }
};

template <Name name, PyObject* (*body)(const Args&)>
PyObject* entry(PyObject*, PyObject* const* items, Py_ssize_t n) {
  return guarded([&]() -> PyObject* {
    try {
      return body(Args(name.text, items, n));
    } catch (const IndexError& error) {
      PyErr_SetString(index_range_error, error.what());
      throw PythonError();
    }
  });
}

template <Name name, PyObject* (*body)(const Args&)>
constexpr PyMethodDef method() {
  return {name.text, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(entry<name, body>)),
          METH_FASTCALL, nullptr};
}

PyMethodDef methods[] = {
    method<"gather", py_gather>(),
    method<"index_select", py_index_select>(),
    method<"embedding", py_embedding>(),
    method<"index", py_index>(),
    method<"take", py_take>(),
    method<"scatter_", py_scatter_>(),
    method<"scatter_add_", py_scatter_>(),
    method<"scatter_reduce_", py_scatter_>(),
    method<"index_add_", py_index_write_>(),
    method<"index_copy_", py_index_write_>(),
    method<"index_fill_", py_index_write_>(),
    method<"index_reduce_", py_index_write_>(),
    method<"index_put_", py_index_put_>(),
    method<"put_", py_put_>(),
    method<"nonzero", py_nonzero>(),
    method<"masked_select", py_masked_select>(),
    method<"masked_scatter_", py_masked_scatter_>(),
    method<"sort", py_sort>(),
    method<"argsort", py_argsort>(),
    method<"topk", py_topk>(),
    method<"kthvalue", py_kthvalue>(),
    method<"median", py_median>(),
    method<"mode", py_mode>(),
    method<"searchsorted", py_searchsorted>(),
    method<"bincount", py_bincount>(),
    method<"histc", py_histc>(),
    method<"unique", py_unique>(),
    method<"cumsum", py_scan<cumsum>>(),
    method<"cumprod", py_scan<cumprod>>(),
    method<"logcumsumexp", py_scan<logcumsumexp>>(),
    method<"cummax", py_running_best<cummax>>(),
    method<"cummin", py_running_best<cummin>>(),
    method<"flip", py_flip>(),
    method<"roll", py_roll>(),
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef module_definition = {PyModuleDef_HEAD_INIT,
                                 "flambeau._core.indexing",
                                 nullptr,
                                 -1,
                                 methods,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr};

}  // namespace

void initialize_indexing(PyObject* core) {
  Object module = Object::steal(PyModule_Create(&module_definition));
  Object bases = Object::steal(PyTuple_Pack(2, PyExc_IndexError, PyExc_RuntimeError));
  if (!module || !bases) throw PythonError();
  index_range_error = PyErr_NewExceptionWithDoc(
      "flambeau.IndexRangeError", "An index outside of its dimension.", bases.get(), nullptr);
  if (!index_range_error ||
      PyModule_AddObjectRef(module.get(), "IndexRangeError", index_range_error) < 0 ||
      PyModule_AddObjectRef(core, "indexing", module.get()) < 0)
    throw PythonError();
}

}  // namespace flambeau
