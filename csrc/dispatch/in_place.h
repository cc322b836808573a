// Tensors that become others: filled, resized, given the layout or the storage of another. Each
// checks that autograd lets it and counts as a write. Need the GIL.
#pragma once
#include <Python.h>

#include "dispatch/memory_format.h"
#include "tensor/tensor.h"

namespace flambeau {

/// Every element becomes a number, or what a tensor without dimensions holds.
Tensor& fill_(Tensor& t, PyObject* value);
Tensor& zero_(Tensor& t);
/// `source` is a tensor or a number.
Tensor& copy_from(Tensor& t, PyObject* source);

/// The address of t's first element, 0 where it has none; whoever asks may write there.
uint64_t lent_place(Tensor& t);
/// The place of `dim` among sizes or strides.
int place_of(const char* op, const Tensor& t, int64_t dim);
/// New elements are uninitialised.
Tensor& resize_(Tensor& t, const Dims& sizes, Format format);
/// Another number of bytes for its storage; those that stay are kept.
void resize_bytes(Tensor& t, int64_t nbytes);
/// t becomes what `view`, a view of it, shows: t_, squeeze_ ...
Tensor& take_layout(Tensor& t, Tensor& view);
/// t looks at source's storage from now on. Of a new t, which nobody has seen, that is no write.
Tensor& set_storage(Tensor& t, Tensor& source, int64_t offset, const Dims& sizes,
                    const Dims& strides, bool is_new);

/// copy_from() and resize_() as programs call them; `later` lets copies to and from a GPU run on.
Tensor& copy_into(Tensor& t, PyObject* source, Flag later);
inline Tensor& resize_to_sizes(Tensor& t, const RestDims& sizes, Format format) {
  return resize_(t, sizes, format);
}

inline void note_write(Tensor& t) { t.bump_version("an in-place operator"); }

inline constexpr std::tuple in_place_functions{
    declare<note_write>("_bump_version", "input"),
    method(declare<copy_into>("copy_", "input, src, non_blocking=False",
                              "Copies src into the tensor, broadcast and converted.", Mixing::all)),
    method(declare<resize_to_sizes>("resize_", "input, *size, memory_format=None",
                                    "Other sizes in place; new elements are uninitialised.")),
    method(declare<fill_>("fill_", "input, value", "Sets every element to value.")),
    method(declare<zero_>("zero_", "input", "Sets every element to 0.")),
    fact(method(declare<lent_place>("data_ptr", "input -> int",
                                    "Where in memory the tensor begins, as a number."))),
    declare<take_layout>("_take_layout", "input, view"),
    declare<resize_bytes>("_storage_resize", "input, nbytes"),
    declare<set_storage>("_set_layout", "input, source, storage_offset, size, stride, is_new=False",
                         nullptr, Mixing::all)};

}  // namespace flambeau
