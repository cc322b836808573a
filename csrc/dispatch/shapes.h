// Views in the forms that programs ask for: parts of a dimension, dimensions joined. Need the GIL.
#pragma once
#include "dispatch/views.h"

namespace flambeau {

/// A matrix with its dimensions exchanged; what has fewer comes back as a view of the same shape.
TensorRef transpose_matrix(Tensor& t);
/// `length` indices of dim from `start` on, which counts from the end where it is negative.
TensorRef narrow(Tensor& t, int64_t dim, int64_t start, int64_t length);
/// The dimensions from `first` to `last` joined into one.
TensorRef flatten(Tensor& t, int64_t first, int64_t last);
/// Parts of `size` indices of dim; the last may be smaller.
std::vector<TensorRef> split_evenly(Tensor& t, int64_t size, int64_t dim,
                                    const char* operator_name = "split");
/// At most `chunks` equal parts of dim.
std::vector<TensorRef> chunk(Tensor& t, int64_t chunks, int64_t dim);

}  // namespace flambeau
