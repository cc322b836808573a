// What a tensor tells of itself, as methods. Needs the GIL.
#pragma once
#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

inline int64_t dim_of(const Tensor& t) { return t.ndim; }
inline int64_t numel_of(const Tensor& t) { return t.numel; }
inline Dims all_sizes_of(const Tensor& t) { return sizes_of(t); }
inline int64_t offset_of(const Tensor& t) { return t.offset; }
inline int64_t itemsize_of(const Tensor& t) { return itemsize(t.dtype); }
inline bool is_floating_of(const Tensor& t) { return is_floating(t.dtype); }
inline bool is_complex_of(const Tensor& t) { return is_complex(t.dtype); }

inline constexpr std::tuple fact_functions{
    fact(method(declare<dim_of>("dim", "input -> int", "The number of dimensions."))),
    fact(both(declare<numel_of>("numel", "input -> int", "The number of elements."))),
    fact(method(declare<offset_of>("storage_offset", "input -> int",
                                   "Where in its storage the tensor begins, in elements."))),
    fact(method(declare<itemsize_of>("element_size", "input -> int", "Bytes to an element."))),
    fact(both(declare<is_floating_of>("is_floating_point", "input -> bool",
                                      "Whether the dtype is floating."))),
    fact(both(
        declare<is_complex_of>("is_complex", "input -> bool", "Whether the dtype is complex."))),
    fact(declare<all_sizes_of>("_sizes_of", "input")),
    declare<is_dense>("_is_dense", "input")};

}  // namespace flambeau
