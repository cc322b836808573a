// Dimensions as programs name them, and views in the forms that they ask for: parts of a dimension,
// dimensions joined. Need the GIL.
#pragma once
#include <optional>

#include "dispatch/views.h"
#include "tensor/declared.h"

namespace flambeau {

inline Dims all_dims(int ndim) {
  Dims dims;
  for (int d = 0; d < ndim; ++d) dims.push(d);
  return dims;
}
/// Distinct dims, counted from the front.
Dims wrapped_dims(Dims dims, int ndim, const char* operator_name);
/// The same of a reduction, for which none is all of them; of a 0-dim tensor there are none.
/// PyTorch keeps the dims of a reduction in a set of 64 bits; what it refuses is refused here too.
inline constexpr int most_reducible_dims = 64;
Dims reduced_dims(const Dims& dims, int ndim, const char* operator_name);
/// The dims of a reduction as they are given, None too.
struct ReducedDims {
  Dims dims;
  bool given = false;
  Dims of(int ndim, const char* operator_name) const {
    if (!given && ndim <= most_reducible_dims) return all_dims(ndim);  // as most calls are
    return reduced_dims(dims, ndim, operator_name);
  }
};

/// A matrix with its dimensions exchanged; what has fewer comes back as a view of the same shape.
TensorRef transpose_matrix(Tensor& t);
/// `length` indices of dim from `start` on, which counts from the end where it is negative.
TensorRef narrow(Tensor& t, int64_t dim, int64_t start, int64_t length);
/// The dimensions reversed, and the last two exchanged.
TensorRef reversed(Tensor& t);
TensorRef matrices_turned(Tensor& t);
/// Bytes of all elements; raises where they lie in tensors of their own.
int64_t bytes_of_elements(const Tensor& t);
/// The dimensions from `first` to `last` joined into one.
TensorRef flatten(Tensor& t, int64_t first, int64_t last);
/// Parts of `size` indices of dim; the last may be smaller.
std::vector<TensorRef> split_evenly(Tensor& t, int64_t size, int64_t dim,
                                    const char* operator_name = "split");
/// At most `chunks` equal parts of dim.
std::vector<TensorRef> chunk(Tensor& t, int64_t chunks, int64_t dim);

/// The same views with what may be left out.
inline TensorRef slice_of(Tensor& t, int64_t dim, std::optional<int64_t> start,
                          std::optional<int64_t> end, int64_t step) {
  return slice(t, dim, start.value_or(0), end.value_or(INT64_MAX), step);
}
inline TensorRef squeeze_of(Tensor& t, const std::optional<Dims>& dims) {
  return dims ? squeeze(t, *dims) : squeeze(t);
}

template <TensorRef (*view)(Tensor&, const Dims&), class Sizes>
TensorRef with_sizes(Tensor& t, const Sizes& sizes) {
  return view(t, sizes);
}
inline TensorRef reshape_to(Tensor& t, const Dims& sizes) { return reshape(t, sizes); }
inline TensorRef strided_as(Tensor& t, const SequenceDims& size, const SequenceDims& stride,
                            std::optional<int64_t> offset) {
  return as_strided(t, size, stride, offset.value_or(t.offset));
}

inline constexpr std::tuple view_functions{
    function(declare<with_sizes<reshape_to, SequenceDims>>(
        "reshape", "input, shape", "The same elements with other sizes; a view where possible.")),
    method(declare<with_sizes<reshape_to, RestDims>>(
        "reshape", "input, *shape", "The same elements with other sizes; a view where possible.")),
    method(declare<with_sizes<expand, RestDims>>("expand", "input, *size",
                                                 "A view with dimensions of size 1 repeated.")),
    function(declare<with_sizes<permute, SequenceDims>>(
        "permute", "input, dims", "A view with the dimensions in another order.")),
    method(declare<with_sizes<permute, RestDims>>("permute", "input, *dims",
                                                  "A view with the dimensions in another order.")),
    both(declare<strided_as>("as_strided", "input, size, stride, storage_offset=None",
                             "A view with the given sizes, strides and storage offset.")),
    both(declare<transpose>("transpose", "input, dim0, dim1",
                            "A view with two dimensions exchanged.")),
    both(declare<transpose_matrix>(
        "t", "input",
        "The matrix with its two dimensions exchanged; what has fewer comes back as it is.")),
    both(declare<select>("select", "input, dim, index",
                         "A view of one index of a dimension, which goes away.")),
    declare<slice_of>("_slice", "input, dim=0, start=None, end=None, step=1",
                      "A view of input[start:end:step] along dim."),
    both(declare<unsqueeze>("unsqueeze", "input, dim",
                            "A view with a new dimension of size 1 at dim.")),
    both(declare<squeeze_of>("squeeze", "input, dim=None",
                             "A view without the dimensions of size 1.")),
    both(declare<diagonal>("diagonal", "input, offset=0, dim1=0, dim2=1",
                           "A view of the diagonal of two dimensions, as the last dimension.")),
    method(declare<unfold>("unfold", "input, dimension, size, step",
                           "A view of all windows of `size` along a dimension, every `step`.")),
    function(declare<view_as_real>(
        "view_as_real", "input",
        "A complex tensor as a real one with a last dimension (real, imaginary).")),
    function(declare<view_as_complex>(
        "view_as_complex", "input",
        "A real tensor whose last dimension is (real, imaginary) as a complex one.")),
    both(declare<detach>("detach", "input", "The same memory without history.")),
    both(declare<flatten>("flatten", "input, start_dim=0, end_dim=-1",
                          "The dimensions from start_dim to end_dim joined into one.")),
    both(declare<unbind>("unbind", "input, dim=0 -> tuple",
                         "A tuple of views, one for each index of dim.")),
    both(declare<chunk>("chunk", "input, chunks, dim=0 -> tuple",
                        "A tuple of at most `chunks` views of consecutive, equal parts of dim."))};

}  // namespace flambeau
