// Reading and writing by index and by mask, of checked arguments and without history: what
// flambeau/ops/{index,scatter,masks}.py declare derivatives for. Needs the GIL.
#pragma once
#include <vector>

#include "kernels/index/scatter.h"
#include "tensor/called.h"
#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

TensorRef gather(Tensor& input, int64_t dim, Tensor& index);
TensorRef index_select(Tensor& input, int64_t dim, Tensor& index);
/// weight (N, D), index (*) -> (*, D)
TensorRef embedding(Tensor& weight, Tensor& index);
/// Sums or means of the rows of weight (N, D) that each bag names: index (B, L), or (M,) with
/// `begins` (B,). Contiguous, float32 or float64, int64.
TensorRef bag_sums(Tensor& weight, Tensor& index, Tensor* begins, bool mean);
/// input[indices], null for all of a dimension.
TensorRef index(Tensor& input, const std::vector<Tensor*>& indices);
TensorRef take(Tensor& input, Tensor& index);
TensorRef masked_select(Tensor& input, Tensor& mask);

/// scatter and scatter_add
TensorRef scatter(Called op, Tensor& self, int64_t dim, Tensor& index, Tensor& src,
                  Combine combine);
/// index_add and index_copy
TensorRef index_write(Called op, Tensor& self, int64_t dim, Tensor& index, Tensor& source,
                      Combine combine);

// These write into self and return it.

/// scatter_, scatter_add_ and scatter_reduce_
Tensor& scatter_(Called op, Tensor& self, int64_t dim, Tensor& index, Tensor& src, Combine combine,
                 bool include_self);
/// index_add_, index_copy_, index_fill_ and index_reduce_
Tensor& index_write_(Called op, Tensor& self, int64_t dim, Tensor& index, Tensor& source,
                     Combine combine, bool include_self);
Tensor& index_put_(Tensor& self, std::vector<Tensor*> indices, Tensor& values, bool accumulate);
Tensor& put_(Tensor& self, Tensor& index, Tensor& source, bool accumulate);
Tensor& masked_scatter_(Tensor& self, Tensor& mask, Tensor& source);

consteval auto scattered(const char* name) {
  return declare<scatter>(name, "self, dim, index, src, combine",
                          "A copy of self with src written to it at index along dim.");
}
consteval auto scattering(const char* name) {
  return declare<scatter_>(name, "self, dim, index, src, combine, include_self",
                           "Writes src to self at index along dim.");
}
consteval auto written(const char* name) {
  return declare<index_write>(name, "self, dim, index, source, combine",
                              "A contiguous copy of self with source written to indices of dim.");
}
consteval auto writing(const char* name) {
  return declare<index_write_>(name, "self, dim, index, source, combine, include_self",
                               "Writes source to the given indices of dim.");
}

inline constexpr std::tuple index_functions{
    declare<gather>("gather", "input, dim, index", "Elements of input at index along dim."),
    declare<index_select>("index_select", "input, dim, index"),
    declare<embedding>("embedding", "weight, input"),
    declare<bag_sums>("bag_sums", "weight, input, offsets, mean"),
    declare<index>("index", "input, indices", nullptr, Mixing::indices),
    declare<take>("take", "input, index"),
    declare<masked_select>("masked_select", "input, mask"),
    scattered("scatter"),
    scattered("scatter_add"),
    scattering("scatter_"),
    scattering("scatter_add_"),
    scattering("scatter_reduce_"),
    written("index_add"),
    written("index_copy"),
    writing("index_add_"),
    writing("index_copy_"),
    writing("index_fill_"),
    writing("index_reduce_"),
    declare<index_put_>("index_put_", "self, indices, values, accumulate",
                        "self[indices] = values, or += values.", Mixing::indices),
    declare<put_>("put_", "self, index, source, accumulate",
                  "Writes source to places in row-major order."),
    declare<masked_scatter_>("masked_scatter_", "self, mask, source",
                             "Writes source to the places where mask is true.")};

}  // namespace flambeau::raw
