// _core.indexing: reading, writing and ordering by index, as functions without history.
#include "dispatch/advanced_index.h"
#include "dispatch/raw/index.h"
#include "dispatch/raw/order.h"
#include "python/bind.h"
#include "python/ways/plain.h"

namespace flambeau {

namespace {

Object not_implemented() { return Object::borrow(Py_NotImplemented); }

// Calls as programs write them; NotImplemented of all others, which the implementation takes.

/// input[index] of a mask of its sizes, of one tensor of int64 with dims, or of a tuple of such and
/// of whole dims, one for each of the first dims; all on one device.
Object index_first(Tensor& input, PyObject* index) {
  if (input.is_cuda()) return not_implemented();  // flambeau/ops/cuda has taken what it knows
  if (is_tensor(index) && as_tensor(index)->dtype == DType::bool_) {
    Tensor& mask = *as_tensor(index);
    const bool fits = input.ndim > 0 && !mask.is_meta() && mask.device() == input.device() &&
                      sizes_of(mask) == sizes_of(input);
    return fits ? Object::steal(raw::masked_select(input, mask).release_py()) : not_implemented();
  }
  std::vector<Tensor*> indices;
  auto add = [&](PyObject* o) {
    if (is_whole_slice(o)) {
      indices.push_back(nullptr);
      return true;
    }
    if (!is_tensor(o) || as_tensor(o)->dtype != DType::int64 || as_tensor(o)->ndim == 0 ||
        as_tensor(o)->device() != input.device())
      return false;
    indices.push_back(as_tensor(o));
    return true;
  };
  bool fits = true;
  if (PyTuple_CheckExact(index))
    for (Py_ssize_t i = 0; fits && i < PyTuple_GET_SIZE(index); ++i)
      fits = add(PyTuple_GET_ITEM(index, i));
  else
    fits = add(index);
  if (!fits || indices.size() > static_cast<size_t>(input.ndim)) return not_implemented();
  while (!indices.empty() && !indices.back()) indices.pop_back();
  if (indices.empty()) return not_implemented();
  return Object::steal(raw::index(input, indices).release_py());
}

/// flip(input, dim), flip(input, dim, other) or flip(input, dims)
Object flip_plain(Tensor& input, PyObject* first, PyObject* second) {
  std::vector<int64_t> dims;
  auto add = [&](PyObject* o) {
    const int dim = plain_dim(o, input.ndim);
    if (dim < 0 || std::find(dims.begin(), dims.end(), dim) != dims.end()) return false;
    dims.push_back(dim);
    return true;
  };
  bool fits = input.contiguous;
  if (PyTuple_CheckExact(first))
    for (Py_ssize_t i = 0; fits && i < PyTuple_GET_SIZE(first); ++i)
      fits = second == Py_None && add(PyTuple_GET_ITEM(first, i));
  else
    fits = fits && add(first) && (second == Py_None || add(second));
  return fits ? Object::steal(raw::flip(input, dims).release_py()) : not_implemented();
}

/// roll(input, shift, dim)
Object roll_plain(Tensor& input, PyObject* shifts, PyObject* dims) {
  int64_t shift;
  const int dim = plain_dim(dims, input.ndim);
  if (dim < 0 || !plain_integer(shifts, shift) || !input.contiguous) return not_implemented();
  return Object::steal(raw::roll(input, {shift}, {dim}).release_py());
}

/// tril(input, diagonal) and triu
template <bool upper>
Object triangle(Tensor& input, PyObject* given) {
  int64_t diagonal;
  if (!plain_integer(given, diagonal) || input.ndim < 2 || !input.contiguous ||
      is_quantized(input.dtype))
    return not_implemented();
  return Object::steal(raw::triangle(input, upper, diagonal).release_py());
}

consteval NativeEntry scatter(const char* name) {
  return bind<raw::scatter_>(name, "self, dim, index, src, combine, include_self",
                             "Writes src to self at index along dim.");
}
consteval NativeEntry index_write(const char* name) {
  return bind<raw::index_write_>(name, "self, dim, index, source, combine, include_self",
                                 "Writes source to the given indices of dim.");
}

const NativeEntry indexing[] = {
    bind<raw::gather>("gather", "input, dim, index", "Elements of input at index along dim."),
    bind<raw::index_select>("index_select", "input, dim, index"),
    bind<raw::embedding>("embedding", "weight, input"),
    bind<raw::bag_sums>("bag_sums", "weight, input, offsets, mean"),
    bind<raw::index>("index", "input, indices", nullptr, Mixing::indices),
    bind<index_first>("index_first", "input, index", nullptr, Mixing::all),
    bind<raw::take>("take", "input, index"),
    bind<[](Tensor& input) { return nonzero(input); }>(
        "nonzero", "input", "The coordinates of the elements that are not zero."),
    bind<raw::masked_select>("masked_select", "input, mask"),

    scatter("scatter_"),
    scatter("scatter_add_"),
    scatter("scatter_reduce_"),
    index_write("index_add_"),
    index_write("index_copy_"),
    index_write("index_fill_"),
    index_write("index_reduce_"),
    bind<raw::index_put_>("index_put_", "self, indices, values, accumulate",
                          "self[indices] = values, or += values.", Mixing::indices),
    bind<raw::put_>("put_", "self, index, source, accumulate",
                    "Writes source to places in row-major order."),
    bind<raw::masked_scatter_>("masked_scatter_", "self, mask, source",
                               "Writes source to the places where mask is true."),

    bind<raw::sort>("sort", "input, dim, descending"),
    bind<raw::argsort>("argsort", "input, dim, descending", "The indices that sort."),
    bind<raw::topk>("topk", "input, k, dim, largest, sorted"),
    bind<raw::kthvalue>("kthvalue", "input, k, dim, keepdim"),
    bind<raw::median>("median", "input, dim, keepdim, ignore_nan"),
    bind<raw::mode>("mode", "input, dim, keepdim"),
    bind<raw::searchsorted>("searchsorted", "sorted_sequence, values, right, int32, sorter"),
    bind<raw::draw_by_weight>("draw_by_weight", "weights, u"),
    bind<raw::bincount>("bincount", "input, weights, minlength"),
    bind<raw::histc>("histc", "input, weights, bins, min, max"),
    bind<raw::unique>("unique", "input, consecutive, rows, width, wants_inverse, wants_counts"),
    bind<raw::without_repeats>("without_repeats", "input"),

    bind<raw::cumsum>("cumsum", "input, dim"),
    bind<raw::cumprod>("cumprod", "input, dim", "Running products."),
    bind<raw::logcumsumexp>("logcumsumexp", "input, dim"),
    bind<raw::cummax>("cummax", "input, dim"),
    bind<raw::cummin>("cummin", "input, dim", "Running minima and their places."),
    bind<raw::flip>("flip", "input, dims"),
    bind<raw::roll>("roll", "input, shifts, dims"),
    bind<flip_plain>("flip_plain", "input, dim, other=None"),
    bind<roll_plain>("roll_plain", "input, shift, dim"),
    bind<triangle<false>>("tril", "input, diagonal=0"),
    bind<triangle<true>>("triu", "input, diagonal=0"),
    {}};

const Functions functions(indexing, "indexing");

}  // namespace

}  // namespace flambeau
