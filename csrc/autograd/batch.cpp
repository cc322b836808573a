#include "autograd/batch.h"

#include "autograd/meta.h"

namespace flambeau {

TensorRef make_batched(TensorRef value, const Levels& levels) {
  check(value->ndim >= levels.n, [&] {
    return message("vmap: a value of shape ", shape(*value), " has no dimension for each of ",
                   levels.n, " levels (a fault of flambeau's own).");
  });
  Storage* storage = new Storage;
  storage->device = value->device();
  storage->resizable = false;
  if (storage->device != on_cpu) count_other_devices(1);
  const int n = levels.n;
  TensorRef t;
  try {
    t = make_tensor(storage, value->dtype, Dims(value->sizes + n, value->ndim - n),
                    Dims(value->strides + n, value->ndim - n), 0);
  } catch (...) {
    release(storage);
    throw;
  }
  release(storage);
  t->batched = true;
  t->inference = value->inference;
  AutogradMeta& meta = need_meta(*t);
  meta.batch = std::make_unique<Batch>(std::move(value), levels);
  return t;
}

Levels levels_of(const std::vector<int64_t>& numbers) {
  check(numbers.size() <= max_levels,
        [] { return message("vmap: nested more than ", max_levels, " levels deep."); });
  Levels levels;
  for (int64_t number : numbers) levels.v[levels.n++] = number;
  return levels;
}

TensorRef batched(Tensor& value, const Levels& levels) {
  return levels.n ? make_batched(TensorRef::borrow(&value), levels) : TensorRef::borrow(&value);
}

std::pair<TensorRef, Levels> unbatched(Tensor& t) {
  if (!t.batched) return {TensorRef::borrow(&t), {}};
  return {batch_in(t).value, batch_in(t).levels};
}

void become_batched(Tensor& t, Tensor& value, const Levels& levels) {
  TensorRef made = make_batched(TensorRef::borrow(&value), levels);
  check((t.batched || !t.autograd) && sizes_of(t) == sizes_of(*made), [&] {
    return message("_become(): ", describe(t), " is no fresh tensor of the shape of ",
                   describe(*made), ".");
  });
  std::swap(t.storage, made->storage);
  t.batched = true;
  need_meta(t).batch = std::move(made->autograd->batch);
  made->batched = false;
}

Dims behind_batches(const Tensor& value, int n, const Dims& sizes) {
  Dims all(value.sizes, n);
  for (int d = 0; d < sizes.n; ++d) all.push(sizes[d]);
  return all;
}

}  // namespace flambeau
