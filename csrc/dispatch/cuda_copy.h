// Copies that touch a GPU: to it, from it, within it and between two. Need the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

/// dst[...] = src for tensors of one shape of which one at least lies on a GPU, of any strides and
/// dtypes.
void copy_with_device(Tensor& dst, Tensor& src);

/// While it lives, copies of this thread between pinned memory and a GPU do not wait: they are
/// complete after a synchronisation, and what they read must stay as it is until then.
class NonBlocking {
 public:
  explicit NonBlocking(bool on);
  ~NonBlocking();
  NonBlocking(const NonBlocking&) = delete;

 private:
  bool before_;
};

}  // namespace flambeau
