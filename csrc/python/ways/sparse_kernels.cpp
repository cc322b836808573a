// Adds the submodule "sparse": the loops of kernels/sparse as raw functions of contiguous tensors,
// which know nothing of gradients. Needs the GIL.
#include "kernels/sparse/order.h"
#include "kernels/sparse/products.h"
#include "kernels/sparse/segments.h"
#include "python/tensor/layouts.h"
#include "python/ways/index_args.h"

namespace flambeau {

namespace {

constexpr int64_t long_work = 1 << 13;

TensorRef indices(const IndexArgs& args, int i, const char* name) {
  return contiguous(*args.index(i, name));
}

/// order(keys) -> (order, starts): the places of the keys in ascending order, and where in it each
/// different key begins, with the end behind.
PyObject* py_order(const IndexArgs& args) {
  TensorRef keys = indices(args, 0, "keys");
  const int64_t n = keys->numel;
  TensorRef order = empty({n}, DType::int64), starts = empty({n + 1}, DType::int64);
  int64_t groups;
  {
    LongWork unlocked(n > long_work);
    sparse::sort_keys(keys->as<int64_t>(), n, order->as<int64_t>());
    groups =
        sparse::find_groups(keys->as<int64_t>(), order->as<int64_t>(), n, starts->as<int64_t>());
  }
  if (groups < n) starts = contiguous(*slice(*starts, 0, 0, groups + 1, 1));
  return pair(order, starts);
}

/// pointers(rows, extent) -> (extent + 1): how many rows lie below each.
PyObject* py_pointers(const IndexArgs& args) {
  TensorRef rows = indices(args, 0, "rows");
  const int64_t extent = args.integer(1, "extent");
  check<ValueError>(extent >= 0, [&] { return message("pointers: extent is ", extent, "."); });
  TensorRef out = empty({extent + 1}, DType::int64);
  LongWork unlocked(rows->numel + extent > long_work);
  sparse::count_rows(rows->as<int64_t>(), rows->numel, extent, out->as<int64_t>());
  return out.release_py();
}

/// expand(pointers (*B, extent + 1), n) -> (*B, n): the row of each entry.
PyObject* py_expand(const IndexArgs& args) {
  TensorRef pointers = indices(args, 0, "pointers");
  const int64_t n = args.integer(1, "n");
  check(pointers->ndim >= 1 && pointers->sizes[pointers->ndim - 1] >= 1 && n >= 0, [&] {
    return message("sparse: compressed indices are ", shape(*pointers), " for ", n, " entries.");
  });
  Dims sizes = sizes_of(*pointers);
  const int64_t extent = sizes[sizes.n - 1] - 1;
  sizes[sizes.n - 1] = n;
  TensorRef out = empty(sizes, DType::int64);
  LongWork unlocked(out->numel + pointers->numel > long_work);
  sparse::expand_rows(pointers->as<int64_t>(), pointers->numel / (extent + 1), extent, n,
                      out->as<int64_t>());
  return out.release_py();
}

/// coordinates(pointers (extent + 1), columns (n)) -> (2, n): row and column of each entry.
PyObject* py_coordinates(const IndexArgs& args) {
  TensorRef pointers = indices(args, 0, "pointers"), columns = indices(args, 1, "columns");
  const int64_t n = columns->numel;
  check(pointers->ndim == 1 && pointers->numel >= 1,
        [&] { return message("sparse: compressed indices are ", shape(*pointers), "."); });
  TensorRef out = empty({2, n}, DType::int64);
  LongWork unlocked(n + pointers->numel > long_work);
  sparse::expand_rows(pointers->as<int64_t>(), 1, pointers->numel - 1, n, out->as<int64_t>());
  if (n) std::memcpy(out->as<int64_t>() + n, columns->data(), columns->nbytes());
  return out.release_py();
}

/// merge(keys, n) -> (order, starts) as order(), of two lists in order, the first of n keys.
PyObject* py_merge(const IndexArgs& args) {
  TensorRef keys = indices(args, 0, "keys");
  const int64_t n = keys->numel, first = args.integer(1, "n");
  check(first >= 0 && first <= n, [&] { return message("merge: ", first, " of ", n, " keys."); });
  TensorRef order = empty({n}, DType::int64), starts = empty({n + 1}, DType::int64);
  int64_t groups;
  {
    LongWork unlocked(n > long_work);
    sparse::merge_keys(keys->as<int64_t>(), first, n, order->as<int64_t>());
    groups =
        sparse::find_groups(keys->as<int64_t>(), order->as<int64_t>(), n, starts->as<int64_t>());
  }
  if (groups < n) starts = contiguous(*slice(*starts, 0, 0, groups + 1, 1));
  return pair(order, starts);
}

/// common(keys, other keys) -> where the shared ones stand in each of two lists in order.
PyObject* py_common(const IndexArgs& args) {
  TensorRef a = indices(args, 0, "keys"), b = indices(args, 1, "other keys");
  const int64_t most = std::min(a->numel, b->numel);
  TensorRef in_a = empty({most}, DType::int64), in_b = empty({most}, DType::int64);
  int64_t found;
  {
    LongWork unlocked(a->numel + b->numel > long_work);
    found = sparse::common_keys(a->as<int64_t>(), a->numel, b->as<int64_t>(), b->numel,
                                in_a->as<int64_t>(), in_b->as<int64_t>());
  }
  auto cut = [&](TensorRef& t) { return contiguous(*slice(*t, 0, 0, found, 1)); };
  return pair(cut(in_a), cut(in_b));
}

/// The values, order and starts among the arguments, checked.
struct Segments {
  TensorRef values, order, starts;
  int64_t groups, width;
  Segments(const IndexArgs& args)
      : values(contiguous(args.tensor(0, "values"))),
        order(indices(args, 1, "order")),
        starts(indices(args, 2, "starts")) {
    check(values->ndim >= 1 && order->numel == values->sizes[0] && starts->numel >= 1, [&] {
      return message(args.op(), ": an order of ", order->numel, " for ", shape(*values));
    });
    const int64_t n = order->numel;
    groups = starts->numel - 1;
    width = n ? values->numel / n : 0;
    const int64_t *o = order->as<int64_t>(), *s = starts->as<int64_t>();
    bool right = s[0] >= 0 && s[groups] <= n;
    for (int64_t g = 0; g < groups; ++g) right &= s[g] < s[g + 1];
    for (int64_t i = 0; i < n; ++i) right &= o[i] >= 0 && o[i] < n;
    check<IndexError>(right, [&] { return message(args.op(), ": order or starts lead outside."); });
  }
};

/// shift(values (N, *D), order, starts) -> (N, *D): minus the largest of each segment.
PyObject* py_shift(const IndexArgs& args) {
  Segments a(args);
  TensorRef out = empty(sizes_of(*a.values), a.values->dtype);
  if (out->numel == 0) return out.release_py();
  LongWork unlocked(out->numel > long_work);
  sparse::shift_segments(out->dtype, a.values->data(), a.width, a.order->as<int64_t>(),
                         a.starts->as<int64_t>(), a.groups, out->data());
  return out.release_py();
}

/// divide(values (N, *D), order, starts) -> (N, *D): over the sum of each segment.
PyObject* py_divide(const IndexArgs& args) {
  Segments a(args);
  TensorRef out = clone(*a.values);
  if (out->numel == 0) return out.release_py();
  LongWork unlocked(out->numel > long_work);
  sparse::divide_segments(out->dtype, out->data(), a.width, a.order->as<int64_t>(),
                          a.starts->as<int64_t>(), a.groups);
  return out.release_py();
}

/// segment_sum(values (N, *D), order, starts) -> (groups, *D)
PyObject* py_segment_sum(const IndexArgs& args) {
  Segments a(args);
  Dims sizes = sizes_of(*a.values);
  sizes[0] = a.groups;
  TensorRef out = empty(sizes, a.values->dtype);
  if (out->numel == 0) return out.release_py();
  LongWork unlocked(a.values->numel > long_work);
  sparse::sum_segments(out->dtype, a.values->data(), a.width, a.order->as<int64_t>(),
                       a.starts->as<int64_t>(), a.groups, out->data());
  return out.release_py();
}

/// A matrix of compressed rows among the arguments: (pointers, columns, values, order or None).
struct RowsOf {
  TensorRef pointers, at, values, order;
  sparse::Rows rows;
  RowsOf(const IndexArgs& args, int i, int64_t columns, bool looks_at_columns = true)
      : pointers(indices(args, i, "pointers")),
        at(indices(args, i + 1, "columns")),
        values(contiguous(args.tensor(i + 2, "values"))) {
    if (args.optional_tensor(i + 3, "order")) order = indices(args, i + 3, "order");
    check(
        pointers->numel >= 1 && values->numel == at->numel && (!order || order->numel == at->numel),
        [&] {
          return message(args.op(), ": ", at->numel, " columns for ", values->numel, " values.");
        });
    rows = {pointers->numel - 1,     columns,           at->numel,
            pointers->as<int64_t>(), at->as<int64_t>(), order ? order->as<int64_t>() : nullptr};
    sparse::check_pointers(rows);
    if (looks_at_columns) sparse::check_columns(rows);
    bool right = true;
    for (int64_t e = 0; order && e < rows.entries; ++e)
      right &= rows.order[e] >= 0 && rows.order[e] < rows.entries;
    check<IndexError>(right, [&] { return message(args.op(), ": order leads outside."); });
  }
};

void check_same(const Tensor& a, const Tensor& b, const char* op) {
  check(a.dtype == b.dtype, [&] {
    return message(op, ": the matrices are ", name(a.dtype), " and ", name(b.dtype),
                   ". Convert one of them with .to().");
  });
}

/// times_dense(pointers, columns, values, order or None, dense (K, N)) -> (M, N)
PyObject* py_times_dense(const IndexArgs& args) {
  TensorRef dense = contiguous(args.tensor(4, "dense"));
  check(dense->ndim == 2, [&] { return message("mm: dense is ", shape(*dense), "."); });
  const int64_t width = dense->sizes[1];
  const bool is_vector =
      width == 1 && (dense->dtype == DType::float32 || dense->dtype == DType::float64);
  RowsOf a(args, 0, dense->sizes[0], !is_vector);
  check_same(*a.values, *dense, args.op());
  TensorRef out = empty({a.rows.rows, width}, dense->dtype);
  if (out->numel == 0) return out.release_py();
  LongWork unlocked(a.rows.entries * width + out->numel > long_work);
  if (is_vector)
    sparse::rows_times_vector(dense->dtype, a.rows, a.values->data(), dense->data(), out->data());
  else
    sparse::rows_times_dense(dense->dtype, a.rows, a.values->data(), dense->data(), width,
                             out->data());
  return out.release_py();
}

/// sampled(rows, columns, x (M, K), y (N, K)) -> (entries)
PyObject* py_sampled(const IndexArgs& args) {
  TensorRef rows = indices(args, 0, "rows"), columns = indices(args, 1, "columns");
  TensorRef x = contiguous(args.tensor(2, "x")), y = contiguous(args.tensor(3, "y"));
  check(x->ndim == 2 && y->ndim == 2 && x->sizes[1] == y->sizes[1] && rows->numel == columns->numel,
        [&] { return message("sampled product: ", shape(*x), " and ", shape(*y), "."); });
  check_same(*x, *y, args.op());
  TensorRef out = empty({rows->numel}, x->dtype);
  LongWork unlocked(rows->numel * x->sizes[1] > long_work);
  sparse::sampled_product(x->dtype, rows->numel, rows->as<int64_t>(), columns->as<int64_t>(),
                          x->data(), x->sizes[0], y->data(), y->sizes[0], x->sizes[1], out->data());
  return out.release_py();
}

/// times_rows(pointers, columns, values, order, of b: the same four, columns of b)
///     -> (pointers, columns, values)
PyObject* py_times_rows(const IndexArgs& args) {
  RowsOf b(args, 4, args.integer(8, "columns of b"));
  RowsOf a(args, 0, b.rows.rows);
  check_same(*a.values, *b.values, args.op());
  TensorRef pointers = empty({a.rows.rows + 1}, DType::int64);
  const DType dtype = a.values->dtype;
  const bool is_long = a.rows.entries + b.rows.entries > long_work;
  std::vector<sparse::Piece> pieces;
  {
    LongWork unlocked(is_long);
    pieces = sparse::multiply(dtype, a.rows, a.values->data(), b.rows, b.values->data(),
                              pointers->as<int64_t>());
  }
  const int64_t n = pointers->as<int64_t>()[a.rows.rows];
  TensorRef columns = empty({n}, DType::int64), values = empty({n}, dtype);
  {
    LongWork unlocked(is_long);
    sparse::join(pieces, columns->as<int64_t>(), values->data());
  }
  return triple(pointers, columns, values);
}

PyMethodDef methods[] = {
    method<"order", py_order>(),
    method<"pointers", py_pointers>(),
    method<"expand", py_expand>(),
    method<"coordinates", py_coordinates>(),
    method<"merge", py_merge>(),
    method<"common", py_common>(),
    method<"segment_sum", py_segment_sum>(),
    method<"shift", py_shift>(),
    method<"divide", py_divide>(),
    method<"times_dense", py_times_dense>(),
    method<"sampled", py_sampled>(),
    method<"times_rows", py_times_rows>(),
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef module_definition = {PyModuleDef_HEAD_INIT,
                                 "flambeau._core.sparse",
                                 nullptr,
                                 -1,
                                 methods,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr};

}  // namespace

void initialize_sparse_kernels(PyObject* core) {
  Object module = Object::steal(PyModule_Create(&module_definition));
  if (!module || PyModule_AddObjectRef(core, "sparse", module.get()) < 0) throw PythonError();
}

}  // namespace flambeau
