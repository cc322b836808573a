// Keys in order, segments of entries, and products of compressed rows, of tensors of indices and
// values and without history: what flambeau/ops/sparse/ is made of. Needs the GIL.
#pragma once
#include <tuple>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

/// (order, starts): the places of the keys in ascending order, and where in it each different key
/// begins, with the end behind.
std::tuple<TensorRef, TensorRef> order(Tensor& keys);
/// The same of two lists in order, the first of n keys.
std::tuple<TensorRef, TensorRef> merge(Tensor& keys, int64_t n);
/// Where the keys that both have stand in each of two lists in order.
std::tuple<TensorRef, TensorRef> common(Tensor& keys, Tensor& other_keys);

/// How many rows lie below each: (extent + 1).
TensorRef pointers(Tensor& rows, int64_t extent);
/// Whether order(rows) and pointers(rows, extent), kept from before, are still those of these rows.
bool is_order(Tensor& rows, Tensor& order, Tensor& pointers);
/// The row of each entry: pointers (*B, extent + 1) -> (*B, n).
TensorRef expand(Tensor& pointers, int64_t n);
/// Row and column of each entry: pointers (extent + 1), columns (n) -> (2, n).
TensorRef coordinates(Tensor& pointers, Tensor& columns);

// Segments of values (N, *D), as order() gives them.

/// Minus the largest of each segment: (N, *D).
TensorRef shift(Tensor& values, Tensor& order, Tensor& starts);
/// Over the sum of each segment: (N, *D).
TensorRef divide(Tensor& values, Tensor& order, Tensor& starts);
/// (groups, *D)
TensorRef segment_sum(Tensor& values, Tensor& order, Tensor& starts);

/// A matrix of compressed rows; `order` says where in values an entry lies, null: in order.
struct Compressed {
  Tensor &pointers, &columns, &values;
  Tensor* order;
  using Arguments = std::tuple<Tensor&, Tensor&, Tensor&, Tensor*>;
};
/// times dense (K, N) -> (M, N), or (K) -> (M)
TensorRef times_dense(Compressed rows, Tensor& dense);
/// (pointers, columns, values) of the product of two.
std::tuple<TensorRef, TensorRef, TensorRef> times_rows(Compressed left, Compressed right,
                                                       int64_t columns_of_right);
/// The entries (rows[i], columns[i]) of x (M, K) @ y (N, K).T.
TensorRef sampled(Tensor& rows, Tensor& columns, Tensor& x, Tensor& y);

inline constexpr std::tuple sparse_functions{
    declare<order>("order", "keys"),
    declare<merge>("merge", "keys, n"),
    declare<common>("common", "keys, other_keys"),
    declare<pointers>("pointers", "rows, extent"),
    declare<is_order>("is_order", "rows, order, pointers"),
    declare<expand>("expand", "pointers, n"),
    declare<coordinates>("coordinates", "pointers, columns"),
    declare<segment_sum>("segment_sum", "values, order, starts"),
    declare<shift>("shift", "values, order, starts"),
    declare<divide>("divide", "values, order, starts"),
    declare<times_dense>("times_dense", "pointers, columns, values, order, dense"),
    declare<sampled>("sampled", "rows, columns, x, y"),
    declare<times_rows>("times_rows",
                        "pointers, columns, values, order, other_pointers, other_columns, "
                        "other_values, other_order, columns_of_other")};

}  // namespace flambeau::raw
