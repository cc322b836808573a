#include "tensor/sparse.h"

namespace flambeau {

constinit int64_t sparse_tensors = 0;
constinit TellOfSparse tell_of_sparse = nullptr;

const char* name(Layout layout) {
  static constexpr const char* names[] = {"strided",    "sparse_coo", "sparse_csr",
                                          "sparse_csc", "sparse_bsr", "sparse_bsc"};
  return names[static_cast<int>(layout)];
}

TensorRef make_sparse(SparseParts parts, const Dims& sizes) {
  Storage* storage = wrap_storage(nullptr, 0, nullptr);
  DType dtype = parts.values->dtype;
  Device device = parts.values->device();
  storage->data = nullptr;
  storage->sparse = new SparseParts(std::move(parts));
  if (++sparse_tensors == 1) tell_of_sparse(true);
  storage->device = device;
  if (device != on_cpu) count_other_devices(1);
  TensorRef made;
  try {
    made = make_tensor(storage, dtype, sizes, contiguous_strides(sizes), 0);
  } catch (...) {
    release(storage);
    throw;
  }
  release(storage);
  return made;
}

void take_parts(Tensor& t, const Tensor& from) {
  // What is let go of may run destructors, so it goes last.
  SparseParts before = std::move(*t.storage->sparse);
  *t.storage->sparse = *from.storage->sparse;
  t.dtype = from.dtype;
  set_layout(t, sizes_of(from), contiguous_strides(sizes_of(from)), 0);
}

void destroy_parts(SparseParts* parts) {
  delete parts;
  if (--sparse_tensors == 0) tell_of_sparse(false);
}

}  // namespace flambeau
