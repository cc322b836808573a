// View operators as Python functions and methods.
#include "dispatch/views.h"

#include "python/args.h"

namespace flambeau {

namespace {

PyObject* py_view(const Call& call) {
  Tensor& t = first_tensor(call);
  PyObject* dtype = nullptr;
  if (call.n == 2 && (is_dtype(call.args[1]) || PyType_Check(call.args[1]))) dtype = call.args[1];
  if (call.n == 1 && call.n_named() == 1 &&
      PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(call.names, 0), "dtype") == 0)
    dtype = call.args[1];
  return (dtype ? view_dtype(t, to_dtype_value(dtype, "view")) : view(t, rest_as_dims(call, 1)))
      .release_py();
}
PyObject* py_reshape(const Call& call) {
  return reshape(first_tensor(call), rest_as_dims(call, 1)).release_py();
}
PyObject* py_expand(const Call& call) {
  return expand(first_tensor(call), rest_as_dims(call, 1)).release_py();
}
PyObject* py_permute(const Call& call) {
  return permute(first_tensor(call), rest_as_dims(call, 1)).release_py();
}
PyObject* py_transpose(const Call& call) {
  Args a(call);
  return transpose(a.tensor(0), a.integer(1), a.integer(2)).release_py();
}
PyObject* py_t(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  check(t.ndim <= 2, [&] {
    return message("t: input ", shape(t),
                   " has more than 2 dims. Use .mT to exchange the last two, or permute.");
  });
  return (t.ndim < 2 ? view(t, sizes_of(t)) : transpose(t, 0, 1)).release_py();
}
PyObject* py_select(const Call& call) {
  Args a(call);
  return select(a.tensor(0), a.integer(1), a.integer(2)).release_py();
}
PyObject* py_slice(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  return slice(t, a.integer(1), a.integer_or_none(2, 0), a.integer_or_none(3, INT64_MAX),
               a.integer(4))
      .release_py();
}
PyObject* py_narrow(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  check(t.ndim > 0, [] { return message("narrow: a 0-dim tensor has no dim to narrow."); });
  int d = wrap_dim(a.integer(1), t.ndim, "narrow");
  if (is_tensor(a[2])) {
    Tensor& at = a.tensor(2);
    check(
        at.ndim == 0 && !is_floating(at.dtype) && !is_complex(at.dtype) && at.dtype != DType::bool_,
        [&] {
          return message("narrow: start is ", describe(at),
                         "; it must be an int or a 0-dim integer tensor.");
        });
  }
  int64_t start = a.integer(2), length = a.integer(3), size = t.sizes[d];
  check(length >= 0,
        [&] { return message("narrow: length is ", length, "; it must be 0 or more."); });
  check<IndexError>(start >= -size && start <= size, [&] {
    return message("narrow: start ", start, " is outside dim ", d, " of size ", size,
                   " (allowed are ", -size, " to ", size, ").");
  });
  if (start < 0) start += size;
  check(length <= size - start, [&] {
    return message("narrow: start ", start, " and length ", length, " reach beyond dim ", d,
                   " of size ", size, ".");
  });
  return slice(t, d, start, start + length, 1).release_py();
}
PyObject* py_unsqueeze(const Call& call) {
  Args a(call);
  return unsqueeze(a.tensor(0), a.integer(1)).release_py();
}
PyObject* py_squeeze(const Call& call) {
  Args a(call);
  return (a.given(1) ? squeeze(a.tensor(0), to_dims(a[1], "squeeze")) : squeeze(a.tensor(0)))
      .release_py();
}
PyObject* py_as_strided(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  return as_strided(t, to_dims(a[1], "as_strided"), to_dims(a[2], "as_strided"),
                    a.integer_or_none(3, t.offset))
      .release_py();
}
PyObject* py_diagonal(const Call& call) {
  Args a(call);
  return diagonal(a.tensor(0), a.integer(1), a.integer(2), a.integer(3)).release_py();
}
PyObject* py_unfold(const Call& call) {
  Args a(call);
  return unfold(a.tensor(0), a.integer(1), a.integer(2), a.integer(3)).release_py();
}
PyObject* py_view_as_real(const Call& call) {
  Args a(call);
  return view_as_real(a.tensor(0)).release_py();
}
PyObject* py_view_as_complex(const Call& call) {
  Args a(call);
  return view_as_complex(a.tensor(0)).release_py();
}
PyObject* py_detach(const Call& call) {
  Args a(call);
  return detach(a.tensor(0)).release_py();
}
PyObject* py_flatten(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  int from = wrap_dim(a.integer(1), t.ndim, "flatten"),
      to = wrap_dim(a.integer(2), t.ndim, "flatten");
  if (t.ndim == 0) return reshape(t, {1}).release_py();
  check(from <= to,
        [&] { return message("flatten: start_dim ", from, " stands behind end_dim ", to, "."); });
  if (from == to) return TensorRef::borrow(&t).release_py();
  Dims sizes;
  int64_t joined = 1;
  for (int d = 0; d < t.ndim; ++d) {
    if (d >= from && d <= to && __builtin_mul_overflow(joined, t.sizes[d], &joined))
      throw_too_large(sizes_of(t));
    if (d < from || d > to) sizes.push(t.sizes[d]);
    if (d == to) sizes.push(joined);
  }
  return reshape(t, sizes).release_py();
}
PyObject* py_unbind(const Call& call) {
  Args a(call);
  return tensor_tuple(unbind(a.tensor(0), a.integer(1)));
}

PyObject* split_evenly(Tensor& t, int64_t size, int64_t dim, const char* function) {
  check(t.ndim > 0, [&] {
    return message(function, ": a 0-dim tensor cannot be split; it needs 1 dim or more.");
  });
  int d = wrap_dim(dim, t.ndim, function);
  check(size >= 0 && (size > 0 || t.sizes[d] == 0), [&] {
    return message(function, ": the size of the parts is ", size, "; it must be 1 or more.");
  });
  std::vector<int64_t> sizes;
  int64_t parts = size > 0 ? (t.sizes[d] - 1) / size + 1 : 1;
  check_room(parts > INT64_MAX / 512 ? INT64_MAX : parts * 256);  // what a view takes, and more
  sizes.reserve(static_cast<size_t>(parts));
  for (int64_t left = t.sizes[d]; left > 0; left -= size) sizes.push_back(std::min(size, left));
  if (sizes.empty()) sizes.push_back(0);
  return tensor_tuple(split(t, sizes, d));
}
PyObject* py_split(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  if (PyIndex_Check(a[1])) return split_evenly(t, a.integer(1), a.integer(2), "split");
  return tensor_tuple(split(t, to_integers(a[1], "split"), a.integer(2)));
}
PyObject* py_chunk(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  int64_t chunks = a.integer(1);
  check(chunks > 0,
        [&] { return message("chunk: chunks is ", chunks, "; it must be 1 or more."); });
  check(t.ndim > 0,
        [] { return message("chunk: a 0-dim tensor cannot be split; it needs 1 dim or more."); });
  int d = wrap_dim(a.integer(2), t.ndim, "chunk");
  int64_t size = t.sizes[d] == 0 ? 0 : (t.sizes[d] - 1) / chunks + 1;
  if (size == 0) {
    check_room(chunks > INT64_MAX / 512 ? INT64_MAX : chunks * 256);
    return tensor_tuple(split(t, std::vector<int64_t>(static_cast<size_t>(chunks), 0), d));
  }
  return split_evenly(t, size, d, "chunk");
}

const NativeEntry entries[] = {
    method({"view", "input, *size", py_view,
            "The same memory with other sizes, or seen as another dtype."}),
    both({"reshape", "input, *shape", py_reshape,
          "The same elements with other sizes; a view where possible."}),
    method({"expand", "input, *size", py_expand, "A view with dimensions of size 1 repeated."}),
    both({"permute", "input, *dims", py_permute, "A view with the dimensions in another order."}),
    both({"transpose", "input, dim0, dim1", py_transpose, "A view with two dimensions exchanged."}),
    both({"t", "input", py_t,
          "The matrix with its two dimensions exchanged; what has fewer comes back as "
          "it is."}),
    both({"select", "input, dim, index", py_select,
          "A view of one index of a dimension, which goes away."}),
    {"_slice", "input, dim=0, start=None, end=None, step=1", py_slice,
     "A view of input[start:end:step] along dim."},
    both({"narrow", "input, dim, start, length", py_narrow,
          "A view of `length` indices of dim from `start` on."}),
    both(
        {"unsqueeze", "input, dim", py_unsqueeze, "A view with a new dimension of size 1 at dim."}),
    both({"squeeze", "input, dim=None", py_squeeze, "A view without the dimensions of size 1."}),
    both({"as_strided", "input, size, stride, storage_offset=None", py_as_strided,
          "A view with the given sizes, strides and storage offset."}),
    both({"diagonal", "input, offset=0, dim1=0, dim2=1", py_diagonal,
          "A view of the diagonal of two dimensions, as the last dimension."}),
    method({"unfold", "input, dimension, size, step", py_unfold,
            "A view of all windows of `size` along a dimension, every `step`."}),
    function({"view_as_real", "input", py_view_as_real,
              "A complex tensor as a real one with a last dimension (real, imaginary)."}),
    function({"view_as_complex", "input", py_view_as_complex,
              "A real tensor whose last dimension is (real, imaginary) as a complex one."}),
    both({"detach", "input", py_detach, "The same memory without history."}),
    both({"flatten", "input, start_dim=0, end_dim=-1", py_flatten,
          "The dimensions from start_dim to end_dim joined into one."}),
    both({"unbind", "input, dim=0 -> tuple", py_unbind,
          "A tuple of views, one for each index of dim."}),
    both({"split", "tensor, split_size_or_sections, dim=0 -> tuple", py_split,
          "A tuple of views of consecutive parts of dim."}),
    both({"chunk", "input, chunks, dim=0 -> tuple", py_chunk,
          "A tuple of at most `chunks` views of consecutive, equal parts of dim."}),
    {}};

}  // namespace

void initialize_views(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
