// The loops of kernels/sparse as functions of tensors.
#include "dispatch/raw/sparse.h"

#include "dispatch/raw/lanes.h"
#include "kernels/elements/copy.h"
#include "kernels/sparse/order.h"
#include "kernels/sparse/products.h"
#include "kernels/sparse/segments.h"
#include "kernels/sparse/simd.h"

namespace flambeau::raw {

static constexpr int64_t long_work = 1 << 13;

static TensorRef indices(Tensor& given, const char* op, const char* name) {
  return contiguous(*places(given, op, name));
}

/// The same in memory that no other thread knows of, so that what was checked of them stays true.
static TensorRef own_indices(Tensor& given, const char* op, const char* name) {
  return contiguous(*clone(*places(given, op, name)));
}

Pair order(Tensor& given) {
  TensorRef keys = indices(given, "order", "keys");
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
  return Pair(order, starts);
}

TensorRef pointers(Tensor& given, int64_t extent) {
  TensorRef rows = indices(given, "pointers", "rows");
  check<ValueError>(extent >= 0, [&] { return message("pointers: extent is ", extent, "."); });
  TensorRef out = empty({extent + 1}, DType::int64);
  LongWork unlocked(rows->numel + extent > long_work);
  sparse::count_rows(rows->as<int64_t>(), rows->numel, extent, out->as<int64_t>());
  return out;
}

bool is_order(Tensor& given_rows, Tensor& given_order, Tensor& given_pointers) {
  TensorRef rows = indices(given_rows, "is_order", "rows"),
            order = indices(given_order, "is_order", "order"),
            pointers = indices(given_pointers, "is_order", "pointers");
  const int64_t n = order->numel;
  if (rows->numel != n || pointers->numel < 1) return false;
  LongWork unlocked(n > long_work);
  return sparse::are_in_order(rows->as<int64_t>(), order->as<int64_t>(), n, pointers->as<int64_t>(),
                              pointers->numel - 1);
}

TensorRef expand(Tensor& given, int64_t n) {
  TensorRef pointers = own_indices(given, "expand", "pointers");
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
  return out;
}

TensorRef coordinates(Tensor& given_pointers, Tensor& given_columns) {
  TensorRef pointers = own_indices(given_pointers, "coordinates", "pointers"),
            columns = indices(given_columns, "coordinates", "columns");
  const int64_t n = columns->numel;
  check(pointers->ndim == 1 && pointers->numel >= 1,
        [&] { return message("sparse: compressed indices are ", shape(*pointers), "."); });
  TensorRef out = empty({2, n}, DType::int64);
  LongWork unlocked(n + pointers->numel > long_work);
  sparse::expand_rows(pointers->as<int64_t>(), 1, pointers->numel - 1, n, out->as<int64_t>());
  copy_memory(out->as<int64_t>() + n, columns->data(), columns->nbytes());
  return out;
}

Pair merge(Tensor& given, int64_t first) {
  TensorRef keys = indices(given, "merge", "keys");
  const int64_t n = keys->numel;
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
  return Pair(order, starts);
}

Pair common(Tensor& given, Tensor& other) {
  TensorRef a = indices(given, "common", "keys"), b = indices(other, "common", "other keys");
  const int64_t most = std::min(a->numel, b->numel);
  TensorRef in_a = empty({most}, DType::int64), in_b = empty({most}, DType::int64);
  int64_t found;
  {
    LongWork unlocked(a->numel + b->numel > long_work);
    found = sparse::common_keys(a->as<int64_t>(), a->numel, b->as<int64_t>(), b->numel,
                                in_a->as<int64_t>(), in_b->as<int64_t>());
  }
  auto cut = [&](TensorRef& t) { return contiguous(*slice(*t, 0, 0, found, 1)); };
  return Pair(cut(in_a), cut(in_b));
}

/// The values, order and starts among the arguments, checked.
namespace {
struct Segments {
  TensorRef values, order, starts;
  int64_t groups, width;
  Segments(const char* op, Tensor& given_values, Tensor& given_order, Tensor& given_starts)
      : values(contiguous(given_values)),
        order(indices(given_order, op, "order")),
        starts(indices(given_starts, op, "starts")) {
    check(values->ndim >= 1 && order->numel == values->sizes[0] && starts->numel >= 1,
          [&] { return message(op, ": an order of ", order->numel, " for ", shape(*values)); });
    const int64_t n = order->numel;
    groups = starts->numel - 1;
    width = n ? values->numel / n : 0;
    const int64_t *o = order->as<int64_t>(), *s = starts->as<int64_t>();
    bool right = s[0] >= 0 && s[groups] <= n;
    for (int64_t g = 0; g < groups; ++g) right &= s[g] < s[g + 1];
    for (int64_t i = 0; i < n; ++i) right &= o[i] >= 0 && o[i] < n;
    check<IndexError>(right, [&] { return message(op, ": order or starts lead outside."); });
  }
};
}  // namespace

TensorRef shift(Tensor& values, Tensor& order, Tensor& starts) {
  Segments a("shift", values, order, starts);
  TensorRef out = empty(sizes_of(*a.values), a.values->dtype);
  if (out->numel == 0) return out;
  LongWork unlocked(out->numel > long_work);
  sparse::shift_segments(out->dtype, a.values->data(), a.width, a.order->as<int64_t>(),
                         a.starts->as<int64_t>(), a.groups, out->data());
  return out;
}

TensorRef divide(Tensor& values, Tensor& order, Tensor& starts) {
  Segments a("divide", values, order, starts);
  TensorRef out = clone(*a.values);
  if (out->numel == 0) return out;
  LongWork unlocked(out->numel > long_work);
  sparse::divide_segments(out->dtype, out->data(), a.width, a.order->as<int64_t>(),
                          a.starts->as<int64_t>(), a.groups);
  return out;
}

TensorRef segment_sum(Tensor& values, Tensor& order, Tensor& starts) {
  Segments a("segment_sum", values, order, starts);
  Dims sizes = sizes_of(*a.values);
  sizes[0] = a.groups;
  TensorRef out = empty(sizes, a.values->dtype);
  if (out->numel == 0) return out;
  LongWork unlocked(a.values->numel > long_work);
  sparse::sum_segments(out->dtype, a.values->data(), a.width, a.order->as<int64_t>(),
                       a.starts->as<int64_t>(), a.groups, out->data());
  return out;
}

/// A matrix of compressed rows among the arguments: (pointers, columns, values, order or None).
namespace {
struct RowsOf {
  TensorRef pointers, at, values, order;
  sparse::Rows rows;
  RowsOf(const char* op, Compressed given, int64_t columns, bool looks_at_columns = true,
         bool owns_columns = false)
      : pointers(own_indices(given.pointers, op, "pointers")),
        at((owns_columns ? own_indices : indices)(given.columns, op, "columns")),
        values(contiguous(given.values)) {
    if (given.order) order = indices(*given.order, op, "order");
    check(
        pointers->numel >= 1 && values->numel == at->numel && (!order || order->numel == at->numel),
        [&] { return message(op, ": ", at->numel, " columns for ", values->numel, " values."); });
    rows = {pointers->numel - 1,     columns,           at->numel,
            pointers->as<int64_t>(), at->as<int64_t>(), order ? order->as<int64_t>() : nullptr};
    sparse::check_pointers(rows);
    if (looks_at_columns) sparse::check_columns(rows);
    check<IndexError>(
        !order || sparse_kernels<float>().within(rows.order, rows.entries, rows.entries),
        [&] { return message(op, ": order leads outside."); });
  }
};
}  // namespace

static void check_same(const Tensor& a, const Tensor& b, const char* op) {
  check(a.dtype == b.dtype, [&] {
    return message(op, ": the matrices are ", name(a.dtype), " and ", name(b.dtype),
                   ". Convert one of them with .to().");
  });
}

TensorRef times_dense(Compressed given, Tensor& given_dense) {
  TensorRef dense = contiguous(given_dense);
  check(dense->ndim == 1 || dense->ndim == 2,
        [&] { return message("mm: dense is ", shape(*dense), "."); });
  Dims sizes = sizes_of(*dense);
  const int64_t width = sizes.n == 2 ? sizes[1] : 1;
  const bool is_vector =
      width == 1 && (dense->dtype == DType::float32 || dense->dtype == DType::float64);
  RowsOf a("times_dense", given, dense->sizes[0], !is_vector);
  check_same(*a.values, *dense, "times_dense");
  sizes[0] = a.rows.rows;
  TensorRef out = empty(sizes, dense->dtype);
  if (out->numel == 0) return out;
  LongWork unlocked(a.rows.entries * width + out->numel > long_work);
  if (is_vector)
    sparse::rows_times_vector(dense->dtype, a.rows, a.values->data(), dense->data(), out->data());
  else
    sparse::rows_times_dense(dense->dtype, a.rows, a.values->data(), dense->data(), width,
                             out->data());
  return out;
}

TensorRef sampled(Tensor& given_rows, Tensor& given_columns, Tensor& given_x, Tensor& given_y) {
  TensorRef rows = indices(given_rows, "sampled", "rows"),
            columns = indices(given_columns, "sampled", "columns");
  TensorRef x = contiguous(given_x), y = contiguous(given_y);
  check(x->ndim == 2 && y->ndim == 2 && x->sizes[1] == y->sizes[1] && rows->numel == columns->numel,
        [&] { return message("sampled product: ", shape(*x), " and ", shape(*y), "."); });
  check_same(*x, *y, "sampled");
  TensorRef out = empty({rows->numel}, x->dtype);
  LongWork unlocked(rows->numel * x->sizes[1] > long_work);
  sparse::sampled_product(x->dtype, rows->numel, rows->as<int64_t>(), columns->as<int64_t>(),
                          x->data(), x->sizes[0], y->data(), y->sizes[0], x->sizes[1], out->data());
  return out;
}

std::tuple<TensorRef, TensorRef, TensorRef> times_rows(Compressed left, Compressed right,
                                                       int64_t columns_of_right) {
  // Their work is counted before it is done, so columns must stay as they are.
  RowsOf b("times_rows", right, columns_of_right, true, true);
  RowsOf a("times_rows", left, b.rows.rows, true, true);
  check_same(*a.values, *b.values, "times_rows");
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
    sparse::join(dtype, pieces, columns->as<int64_t>(), values->data());
  }
  return std::tuple(pointers, columns, values);
}

}  // namespace flambeau::raw
