// Sorting, searching, counting, running sums and extrema, and moves along dimensions, of checked
// arguments and without history: what flambeau/ops/{sort,search,unique,scan,move}.py declare
// derivatives for. Needs the GIL.
#pragma once
#include <tuple>
#include <vector>

#include "tensor/called.h"
#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

// Pairs are (values, indices).

std::tuple<TensorRef, TensorRef> sort(Tensor& input, int64_t dim, bool descending);
TensorRef argsort(Tensor& input, int64_t dim, bool descending);
std::tuple<TensorRef, TensorRef> topk(Tensor& input, int64_t k, int64_t dim, bool largest,
                                      bool sorted);
std::tuple<TensorRef, TensorRef> kthvalue(Tensor& input, int64_t k, int64_t dim, bool keepdim);
std::tuple<TensorRef, TensorRef> median(Called op, Tensor& input, int64_t dim, bool keepdim,
                                        bool ignore_nan);
std::tuple<TensorRef, TensorRef> mode(Tensor& input, int64_t dim, bool keepdim);

/// `sorter` may be null.
TensorRef searchsorted(Tensor& sequence, Tensor& values, bool right, bool int32, Tensor* sorter);
/// Places in the last dim, as often as weights (*B, K) say, by numbers u of [0, 1): (*B, S),
/// float64; and whether all rows have weights to draw by.
std::tuple<TensorRef, bool> draw_by_weight(Tensor& weights, Tensor& u);
/// Of a vector of int64; `weights` may be null.
TensorRef bincount(Tensor& input, Tensor* weights, int64_t bins);
TensorRef histc(Tensor& input, Tensor* weights, int64_t bins, double low, double high);
/// Of contiguous rows (n, width): places of the first occurrences, inverse, counts; what is not
/// wanted is empty.
std::tuple<TensorRef, TensorRef, TensorRef> unique(Tensor& input, bool consecutive, int64_t n,
                                                   int64_t width, bool wants_inverse,
                                                   bool wants_counts);
/// The elements of a contiguous tensor that differ from the one before them.
TensorRef without_repeats(Tensor& input);

TensorRef cumsum(Called op, Tensor& input, int64_t dim);
TensorRef cumprod(Called op, Tensor& input, int64_t dim);
TensorRef logcumsumexp(Called op, Tensor& input, int64_t dim);
std::tuple<TensorRef, TensorRef> cummax(Called op, Tensor& input, int64_t dim);
std::tuple<TensorRef, TensorRef> cummin(Called op, Tensor& input, int64_t dim);

TensorRef flip(Tensor& input, const std::vector<int64_t>& dims);
/// Of contiguous matrices in the last two dims.
TensorRef triangle(Tensor& input, bool upper, int64_t diagonal);
/// Of contiguous vectors in the last dim, |offset| below 2**31.
TensorRef embed_diagonal(Tensor& input, int64_t offset);
/// (2, count), int64: see kernels/elements/move.h.
TensorRef triangle_places(int64_t rows, int64_t columns, int64_t offset, bool upper, int64_t count);
TensorRef roll(Tensor& input, const std::vector<int64_t>& shifts, const std::vector<int64_t>& dims);

inline constexpr std::tuple order_functions{
    declare<sort>("sort", "input, dim, descending"),
    declare<argsort>("argsort", "input, dim, descending", "The indices that sort."),
    declare<topk>("topk", "input, k, dim, largest, sorted"),
    declare<kthvalue>("kthvalue", "input, k, dim, keepdim"),
    declare<median>("median", "input, dim, keepdim, ignore_nan"),
    declare<mode>("mode", "input, dim, keepdim"),
    declare<searchsorted>("searchsorted", "sorted_sequence, values, right, int32, sorter"),
    declare<draw_by_weight>("draw_by_weight", "weights, u"),
    declare<bincount>("bincount", "input, weights, minlength"),
    declare<histc>("histc", "input, weights, bins, min, max"),
    declare<unique>("unique", "input, consecutive, rows, width, wants_inverse, wants_counts"),
    declare<without_repeats>("without_repeats", "input"),
    declare<cumsum>("cumsum", "input, dim"),
    declare<cumprod>("cumprod", "input, dim", "Running products."),
    declare<logcumsumexp>("logcumsumexp", "input, dim"),
    declare<cummax>("cummax", "input, dim"),
    declare<cummin>("cummin", "input, dim", "Running minima and their places."),
    declare<flip>("flip", "input, dims"),
    declare<triangle_places>("triangle_places", "rows, columns, offset, upper, count"),
    declare<roll>("roll", "input, shifts, dims")};

}  // namespace flambeau::raw
