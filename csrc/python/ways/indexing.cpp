// _core.indexing and _core.sparse: reading, writing and ordering by index, and the loops of sparse
// tensors, as functions without history.
#include "dispatch/advanced_index.h"
#include "dispatch/raw/index.h"
#include "dispatch/raw/order.h"
#include "dispatch/raw/sparse.h"
#include "python/bind.h"

namespace flambeau {

template <>
struct Argument<raw::Compressed> : Members<raw::Compressed, Tensor&, Tensor&, Tensor&, Tensor*> {};

namespace {

/// input[index] of one tensor of int64 with dims; NotImplemented of anything else.
Object index_first(Tensor& input, Tensor& index) {
  if (index.dtype != DType::int64 || index.ndim == 0 || input.ndim == 0)
    return Object::borrow(Py_NotImplemented);
  return Object::steal(raw::index(input, {&index}).release_py());
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
    bind<raw::index_select>("index_select", "input, dim, index", "Some indices of dim."),
    bind<raw::embedding>("embedding", "weight, input", "Rows of a matrix."),
    bind<raw::index>("index", "input, indices", "input[indices]; None is all of a dim.",
                     Mixing::indices),
    bind<index_first>("index_first", "input, index", "input[index] of one tensor of int64.",
                      Mixing::second),
    bind<raw::take>("take", "input, index", "Elements by their place in row-major order."),
    bind<[](Tensor& input) { return nonzero(input); }>(
        "nonzero", "input", "The coordinates of the elements that are not zero."),
    bind<raw::masked_select>("masked_select", "input, mask", "The elements where mask is true."),

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

    bind<raw::sort>("sort", "input, dim, descending", "(values, indices) in order."),
    bind<raw::argsort>("argsort", "input, dim, descending", "The indices that sort."),
    bind<raw::topk>("topk", "input, k, dim, largest, sorted", "The k largest, or smallest."),
    bind<raw::kthvalue>("kthvalue", "input, k, dim, keepdim", "The k-th smallest."),
    bind<raw::median>("median", "input, dim, keepdim, ignore_nan", "The lower of the middle ones."),
    bind<raw::mode>("mode", "input, dim, keepdim", "The most frequent."),
    bind<raw::searchsorted>("searchsorted", "sorted_sequence, values, right, int32, sorter",
                            "Where values belong in a sequence in order."),
    bind<raw::bincount>("bincount", "input, weights, minlength", "How often each integer occurs."),
    bind<raw::histc>("histc", "input, weights, bins, min, max", "A histogram."),
    bind<raw::unique>("unique", "input, consecutive, rows, width",
                      "Of rows: places of the first occurrences, inverse, counts."),

    bind<raw::cumsum>("cumsum", "input, dim", "Running sums."),
    bind<raw::cumprod>("cumprod", "input, dim", "Running products."),
    bind<raw::logcumsumexp>("logcumsumexp", "input, dim", "log of running sums of exp."),
    bind<raw::cummax>("cummax", "input, dim", "Running maxima and their places."),
    bind<raw::cummin>("cummin", "input, dim", "Running minima and their places."),
    bind<raw::flip>("flip", "input, dims", "Dims in reverse order."),
    bind<raw::roll>("roll", "input, shifts, dims", "Dims moved around in a circle."),
    {}};

const NativeEntry sparse[] = {
    bind<raw::order>("order", "keys", "(order, where each different key begins in it)."),
    bind<raw::merge>("merge", "keys, n", "order() of two lists in order."),
    bind<raw::common>("common", "keys, other_keys", "Where shared keys stand in two lists."),
    bind<raw::pointers>("pointers", "rows, extent", "How many rows lie below each."),
    bind<raw::expand>("expand", "pointers, n", "The row of each entry."),
    bind<raw::coordinates>("coordinates", "pointers, columns", "Row and column of each entry."),
    bind<raw::segment_sum>("segment_sum", "values, order, starts", "The sum of each segment."),
    bind<raw::shift>("shift", "values, order, starts", "Minus the largest of each segment."),
    bind<raw::divide>("divide", "values, order, starts", "Over the sum of each segment."),
    bind<raw::times_dense>("times_dense", "pointers, columns, values, order, dense",
                           "Compressed rows times a dense matrix."),
    bind<raw::sampled>("sampled", "rows, columns, x, y", "Entries of x @ y.T."),
    bind<raw::times_rows>("times_rows",
                          "pointers, columns, values, order, other_pointers, other_columns, "
                          "other_values, other_order, columns_of_other",
                          "The product of two matrices of compressed rows."),
    {}};

}  // namespace

void initialize_indexing(PyObject* core) {
  add_private_module(core, "indexing", indexing);
  add_private_module(core, "sparse", sparse);
}

}  // namespace flambeau
