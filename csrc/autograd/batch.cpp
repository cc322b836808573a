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

Dims behind_batches(const Tensor& value, int n, const Dims& sizes) {
  Dims all(value.sizes, n);
  for (int d = 0; d < sizes.n; ++d) all.push(sizes[d]);
  return all;
}

}  // namespace flambeau
