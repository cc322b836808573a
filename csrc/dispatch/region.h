// A region: the part of a tensor that a view shows, described against the tensor's own layout.
// Its gradient is embedded in zeros of the tensor's sizes. Needs the GIL.
#pragma once
#include "autograd/meta.h"

namespace flambeau {

struct Region {
  Dims base_sizes, base_strides;  // the container
  Dims sizes, strides;            // of the part
  int64_t offset = 0;
};

/// The part of t (laid out as region.base) that region describes, and its reverse: part embedded in
/// zeros (overlapping elements add up). Both record history; each is the other's gradient.
TensorRef region_take(Tensor& t, const Region& region);
TensorRef region_embed(Tensor& part, const Region& region);

/// The node of `view` as a region of `base` (which its in-place history went through).
Ref<Node> region_node(Tensor& base, Tensor& view);

}  // namespace flambeau
