#include "dispatch/subscript.h"

#include <algorithm>

#include "autograd/meta.h"
#include "dispatch/bound.h"

namespace flambeau {

int64_t BasicIndex::size_of_next() {
  check<IndexError>(!all_named_, [] {
    return message("indexing: an index stands behind a second '...', which leaves it no dim.");
  });
  check<IndexError>(dim_ < t_.ndim, [&] {
    return t_.ndim == 0
               ? message("indexing: a 0-dim tensor has no dim to index. Use item() for its value.")
               : message("indexing: tensor ", shape(t_), " has ", int{t_.ndim},
                         " dims, fewer than there are indices.");
  });
  return t_.sizes[dim_];
}

void BasicIndex::select(int64_t index) {
  const int64_t size = size_of_next();
  if (index < -size || index >= size) throw_outside(index, dim_, size, "indexing");
  ++dim_;
  steps_.push_back({IndexStep::Kind::select, index < 0 ? index + size : index, 0, 0});
}

void BasicIndex::slice(int64_t start, int64_t stop, int64_t step) {
  const int64_t size = size_of_next();
  check<ValueError>(step > 0, [&] {
    return message("indexing: the slice's step is ", step,
                   "; it must be 1 or more. torch.flip(input, [", dim_, "]) reverses a dim.");
  });
  start = std::clamp<int64_t>(start < 0 ? start + size : start, 0, size);
  stop = std::clamp<int64_t>(stop < 0 ? stop + size : stop, start, size);
  ++dim_;
  if (start == 0 && stop == size && step == 1)
    steps_.push_back({IndexStep::Kind::keep, 0, 0, 0});
  else
    steps_.push_back({IndexStep::Kind::slice, start, stop, step});
}

void BasicIndex::ellipsis() {
  all_named_ = has_ellipsis_;  // a second one finds no dims left
  if (has_ellipsis_) return;
  has_ellipsis_ = true;
  for (int k = t_.ndim - consumed_; k > 0; --k, ++dim_)
    steps_.push_back({IndexStep::Kind::keep, 0, 0, 0});
}

void put_into(Tensor& place, Tensor& value) {
  // Leading dimensions of size 1 beyond the place's own are let go, as in NumPy.
  TensorRef fitted = TensorRef::borrow(&value);
  while (fitted->ndim > place.ndim && fitted->sizes[0] == 1) fitted = select(*fitted, 0, 0);
  // x[:] = x[1] reads what it writes over, which is refused unless it is plain that one row is
  // meant.
  if (fitted->storage == place.storage && fitted->ndim <= place.ndim &&
      !(sizes_of(*fitted) == sizes_of(place)))
    fitted = expand(*fitted, sizes_of(place));
  copy_(place, *fitted);
}

void put_into(Tensor& t, Tensor& place, PyObject* number) {
  if (needs_record(t) || place.batched) {
    TensorRef value = empty({}, place.dtype);
    fill_number(*value, number, "index", true);
    copy_(place, *value);
    return;
  }
  fill_number(place, number, "index", true);
  t.bump_version("__setitem__");
}

}  // namespace flambeau
