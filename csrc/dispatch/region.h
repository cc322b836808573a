// A region: the part of a tensor that a view shows, described against the tensor's own layout.
// Its gradient is embedded in zeros of the tensor's sizes. Needs the GIL.
#pragma once
#include "autograd/meta.h"
#include "dispatch/basics.h"

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

/// Records that `view` shows `region` of t; `type` names the operator.
void record_region(Tensor& view, Tensor& t, PyTypeObject* type, const Region& region);

/// A view whose layout `change` makes of t's: records the region it shows.
template <class Change>
TensorRef region_view(Tensor& t, PyTypeObject* type, Change&& change) {
  Dims sizes = sizes_of(t), strides = strides_of(t);
  int64_t offset = 0;
  change(sizes, strides, offset);
  TensorRef v = raw_view(t, sizes, strides, t.offset + offset);
  set_view(*v, t);
  if (needs_view_record(t) && is_differentiable(t.dtype)) {
    Region region{sizes_of(t), strides_of(t), sizes, strides, offset};
    if (!is_dense(t)) {
      region.sizes = sizes_of(t);
      region.base_strides = region.strides = contiguous_strides(sizes_of(t));
      region.offset = 0;
      change(region.sizes, region.strides, region.offset);
    }
    record_region(*v, t, type, region);
  }
  return v;
}

}  // namespace flambeau
