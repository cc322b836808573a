// Reading by index and by mask.
#include "dispatch/raw/index.h"

#include <algorithm>

#include "dispatch/raw/lanes.h"
#include "kernels/index/bags.h"
#include "kernels/index/index.h"
#include "kernels/index/nonzero.h"

namespace flambeau::raw {

// ---- reading by index

TensorRef gather(Tensor& input, int64_t given_dim, Tensor& given_index) {
  int dim = wrap_dim(given_dim, input.ndim, "gather");
  TensorRef index = places(given_index, "gather");
  check(std::max<int>(1, input.ndim) == std::max<int>(1, index->ndim) || index->numel == 0, [&] {
    return message("gather: index ", shape(*index), " has ", int{index->ndim}, " dims, but input ",
                   shape(input), " has ", int{input.ndim}, ". They must be equal.");
  });
  TensorRef out = empty(sizes_of(*index), input.dtype);
  if (index->numel == 0) return out;
  for (int d = 0; d < input.ndim; ++d)
    check(d == dim || index->sizes[d] <= input.sizes[d], [&] {
      return message("gather: index ", shape(*index), " is larger than input ", shape(input),
                     " in dim ", d, ". Only dim ", dim, ", which it gathers along, may be.");
    });
  if (out->is_meta()) return out;
  Lanes to(*out), from(input), at(*index);
  LongWork unlocked(out->numel > grain);
  flambeau::gather(to, from, dim, at);
  return out;
}

TensorRef index_select(Tensor& input, int64_t given_dim, Tensor& given_index) {
  int dim = wrap_dim(given_dim, input.ndim, "index_select");
  TensorRef index = places(given_index, "index_select");
  check<IndexError>(index->ndim <= 1, [&] {
    return message("index_select: index ", shape(*index),
                   " must be a vector (1 dim) or a single number.");
  });
  check(input.ndim > 0 || index->numel == 1, [&] {
    return message("index_select: input is a number, which takes 1 index, but index has ",
                   index->numel, ".");
  });
  TensorRef out = empty(with_size(input, dim, index->numel), input.dtype);
  if (out->is_meta()) return out;
  Lanes to(*out), from(input), at(*index);
  LongWork unlocked(out->numel > grain);
  flambeau::index_select("index_select", to, from, dim, at);
  return out;
}

/// embedding(weight (N, D), index (*)) -> (*, D)
TensorRef embedding(Tensor& weight, Tensor& given_index) {
  TensorRef index = places(given_index, "embedding", "input");
  check(weight.ndim == 2, [&] {
    return message("embedding: weight must be (rows, features), but it is ", shape(weight), ".");
  });
  Dims sizes = sizes_of(*index);
  sizes.push(weight.sizes[1]);
  TensorRef out = empty(sizes, weight.dtype);
  if (out->is_meta()) return out;
  // As a matrix of rows and a vector, which as views would cost a tenth of a small call each.
  TensorRef flat = contiguous(*index);
  const int64_t rows[] = {index->numel, weight.sizes[1]}, row_strides[] = {weight.sizes[1], 1};
  const Strided to{out->data(), out->dtype, 2, rows, row_strides},
      at{flat->data(), flat->dtype, 1, rows, &row_strides[1]};
  LongWork unlocked(out->numel > grain);
  flambeau::index_select("embedding", to, weight.strided(), 0, at);
  return out;
}

TensorRef bag_sums(Tensor& weight, Tensor& index, Tensor* begins, bool mean) {
  check(weight.ndim == 2 && index.ndim == (begins ? 1 : 2) && index.dtype == DType::int64 &&
            is_floating(weight.dtype) && itemsize(weight.dtype) > 1 &&
            (!begins || (begins->ndim == 1 && begins->dtype == DType::int64)),
        [&] {
          return message("embedding_bag: weight ", describe(weight), " and input ", describe(index),
                         " are no bags of rows.");
        });
  TensorRef from = contiguous(weight), at = contiguous(index), starts;
  if (begins) starts = contiguous(*begins);
  const int64_t count = begins ? begins->sizes[0] : index.sizes[0], width = weight.sizes[1];
  TensorRef out = empty({count, width}, weight.dtype);
  if (out->is_meta() || count == 0) return out;
  Bags bags{at->as<int64_t>(), index.numel, begins ? starts->as<int64_t>() : nullptr, count,
            begins ? 0 : index.sizes[1]};
  bool ok;
  {
    LongWork unlocked(bags.n * width > grain);
    ok = sum_bags(bags, weight.dtype, from->data(), weight.sizes[0], width, mean, out->data());
  }
  if (!ok) {
    check<IndexError>(bags.ascend(), [&] {
      return message("embedding_bag: offsets must ascend from 0 to the ", bags.n,
                     " elements of input: a bag ends before it begins.");
    });
    const auto [low, high] = std::minmax_element(bags.index, bags.index + bags.n);
    throw IndexError(message("embedding_bag: indices go from ", *low, " to ", *high,
                             ", but weight has ", weight.sizes[0], " rows."));
  }
  return out;
}

TensorRef index(Tensor& input, const std::vector<Tensor*>& indices) {
  AdvancedIndex index(input, indices, "indexing");
  TensorRef out = empty(index.result_sizes(), input.dtype);
  if (out->is_meta()) return out;
  Strided to = out->strided(), from = input.strided();
  {
    LongWork unlocked(out->numel > grain);
    flambeau::index(to, from, index.selection());
  }
  return out;
}

TensorRef take(Tensor& input, Tensor& given_index) {
  TensorRef index = places(given_index, "take");
  check<IndexError>(input.numel > 0 || index->numel == 0, [] {
    return message("take: input is empty, so there is nothing for an index to take.");
  });
  TensorRef out = empty(sizes_of(*index), input.dtype);
  if (out->is_meta()) return out;
  // A place in row-major order is divided by sizes to find one with gaps; many pay for a copy.
  const bool packs = !input.contiguous && out->numel >= 256 && out->numel >= input.numel / 4;
  TensorRef packed = packs ? contiguous(input) : TensorRef::borrow(&input);
  Strided to = out->strided(), from = packed->strided(), at = index->strided();
  {
    LongWork unlocked(out->numel > grain);
    flambeau::take(to, from, at);
  }
  return out;
}

// ---- masks

TensorRef masked_select(Tensor& input, Tensor& mask) {
  check_mask(mask, "masked_select");
  Dims sizes = broadcast_sizes(sizes_of(input), sizes_of(mask), "masked_select");
  Dims input_strides = broadcast_strides(input, sizes),
       mask_strides = broadcast_strides(mask, sizes);
  Strided from{input.data(), input.dtype, sizes.n, sizes.v, input_strides.v};
  Strided keep{mask.data(), mask.dtype, sizes.n, sizes.v, mask_strides.v};
  NonzeroCounts counts = count_nonzero(keep);
  TensorRef out = empty({counts.total()}, input.dtype);
  Strided to = out->strided();
  {
    LongWork unlocked(sizes.product() > grain);
    masked_select(to, from, keep, counts);
  }
  return out;
}

}  // namespace flambeau::raw
