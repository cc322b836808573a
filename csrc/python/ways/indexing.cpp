// _core.indexing: reading, writing and ordering by index, as functions without history.
#include "dispatch/advanced_index.h"
#include "dispatch/raw/index.h"
#include "dispatch/raw/order.h"
#include "python/bind.h"

namespace flambeau {

namespace {

consteval NativeEntry scatter(const char* name) {
  return bind<raw::scatter_>(name, "self, dim, index, src, combine, include_self",
                             "Writes src to self at index along dim.");
}
consteval NativeEntry index_write(const char* name) {
  return bind<raw::index_write_>(name, "self, dim, index, source, combine, include_self",
                                 "Writes source to the given indices of dim.");
}

const NativeEntry indexing[] = {
    bind<raw::gather>("gather", "input, dim, index", "Elements of input at index along dim."),
    bind<raw::index_select>("index_select", "input, dim, index"),
    bind<raw::embedding>("embedding", "weight, input"),
    bind<raw::bag_sums>("bag_sums", "weight, input, offsets, mean"),
    bind<raw::index>("index", "input, indices", nullptr, Mixing::indices),
    bind<raw::take>("take", "input, index"),
    bind<[](Tensor& input) { return nonzero(input); }>(
        "nonzero", "input", "The coordinates of the elements that are not zero."),
    bind<raw::masked_select>("masked_select", "input, mask"),

    scatter("scatter_"),
    scatter("scatter_add_"),
    scatter("scatter_reduce_"),
    index_write("index_add_"),
    index_write("index_copy_"),
    index_write("index_fill_"),
    index_write("index_reduce_"),
    bind<raw::index_put_>("index_put_", "self, indices, values, accumulate",
                          "self[indices] = values, or += values.", Mixing::indices),
    bind<raw::put_>("put_", "self, index, source, accumulate",
                    "Writes source to places in row-major order."),
    bind<raw::masked_scatter_>("masked_scatter_", "self, mask, source",
                               "Writes source to the places where mask is true."),

    bind<raw::sort>("sort", "input, dim, descending"),
    bind<raw::argsort>("argsort", "input, dim, descending", "The indices that sort."),
    bind<raw::topk>("topk", "input, k, dim, largest, sorted"),
    bind<raw::kthvalue>("kthvalue", "input, k, dim, keepdim"),
    bind<raw::median>("median", "input, dim, keepdim, ignore_nan"),
    bind<raw::mode>("mode", "input, dim, keepdim"),
    bind<raw::searchsorted>("searchsorted", "sorted_sequence, values, right, int32, sorter"),
    bind<raw::draw_by_weight>("draw_by_weight", "weights, u"),
    bind<raw::bincount>("bincount", "input, weights, minlength"),
    bind<raw::histc>("histc", "input, weights, bins, min, max"),
    bind<raw::unique>("unique", "input, consecutive, rows, width, wants_inverse, wants_counts"),
    bind<raw::without_repeats>("without_repeats", "input"),

    bind<raw::cumsum>("cumsum", "input, dim"),
    bind<raw::cumprod>("cumprod", "input, dim", "Running products."),
    bind<raw::logcumsumexp>("logcumsumexp", "input, dim"),
    bind<raw::cummax>("cummax", "input, dim"),
    bind<raw::cummin>("cummin", "input, dim", "Running minima and their places."),
    bind<raw::flip>("flip", "input, dims"),
    bind<raw::roll>("roll", "input, shifts, dims"),
    {}};

const Functions functions(indexing, "indexing");

}  // namespace

}  // namespace flambeau
