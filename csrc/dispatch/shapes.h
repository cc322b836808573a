// Dimensions as programs name them, and views in the forms that they ask for: parts of a dimension,
// dimensions joined. Need the GIL.
#pragma once
#include "dispatch/views.h"

namespace flambeau {

Dims all_dims(int ndim);
/// Distinct dims, counted from the front.
Dims wrapped_dims(Dims dims, int ndim, const char* operator_name);
/// The same of a reduction, for which none is all of them; of a 0-dim tensor there are none.
/// PyTorch keeps the dims of a reduction in a set of 64 bits; what it refuses is refused here too.
inline constexpr int most_reducible_dims = 64;
Dims reduced_dims(const Dims& dims, int ndim, const char* operator_name);

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

}  // namespace flambeau
