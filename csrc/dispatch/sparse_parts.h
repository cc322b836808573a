// Sparse tensors put together, taken apart and written in place. Need the GIL.
#pragma once
#include <string_view>
#include <tuple>

#include "tensor/declared.h"
#include "tensor/sparse.h"

namespace flambeau {

/// What a sparse tensor holds; raises for a strided one.
SparseParts& parts_of(const char* op, Tensor& t);
/// A sparse tensor of its parts, which are not checked.
TensorRef sparse_of_parts(Layout layout, Tensor* compressed, Tensor& indices, Tensor& values,
                          const Dims& sizes, int64_t dense_dim, bool coalesced);
/// (layout, compressed or null, indices, values, dense_dim, coalesced)
std::tuple<int64_t, TensorRef, TensorRef, TensorRef, int64_t, bool> shown_parts(Called op,
                                                                                Tensor& t);
/// The dict of a sparse tensor in which its products keep what they have found.
Object found_of(Called op, Tensor& t);
/// The operator `writer` made t into `other`, history included.
Tensor& become_sparse(Called op, Tensor& t, Tensor& other, std::string_view writer);
/// Says whether the indices are in order.
inline void set_coalesced(Called op, Tensor& t, bool coalesced) {
  parts_of(op, t).coalesced = coalesced;
}
inline bool any_are_sparse() { return sparse_tensors != 0; }
/// Whether an object is a sparse tensor.
inline bool is_sparse_object(PyObject* o) { return is_tensor(o) && is_sparse(*as_tensor(o)); }

inline constexpr std::tuple sparse_part_functions{
    declare<sparse_of_parts>("_sparse_make",
                             "layout, compressed, indices, values, sizes, dense_dim, coalesced",
                             nullptr, Mixing::all),
    declare<shown_parts>("_sparse_parts", "input", nullptr, Mixing::all),
    declare<found_of>("_sparse_found", "input", nullptr, Mixing::all),
    declare<become_sparse>("_sparse_take", "input, other, name", nullptr, Mixing::all),
    declare<set_coalesced>("_sparse_set_coalesced", "input, coalesced", nullptr, Mixing::all),
    declare<layout_of>("_layout_of", "input", "The layout of a tensor.", Mixing::all),
    declare<is_sparse_object>("_is_sparse", "input", nullptr, Mixing::all),
    declare<any_are_sparse>("_any_sparse", "")};

}  // namespace flambeau
