// Arrow's C data interface, by which libraries share columns: here numbers of a byte, or groups of
// four of them, which Pillow's images are. Needs the GIL; what others call takes it.
// Source of the structures: Apache Arrow, "The Arrow C data interface".
#pragma once
#include "tensor/tensor.h"

namespace flambeau::arrow {

struct ArrowSchema {
  const char *format, *name, *metadata;
  int64_t flags, n_children;
  ArrowSchema **children, *dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void** buffers;
  ArrowArray **children, *dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

/// t's memory, uint8 (N,) or (N, 4) and contiguous, for somebody else, who releases both once.
void lend(Tensor& t, ArrowSchema& schema, ArrowArray& array);
/// Raises unless the array is of bytes, and nobody has taken it.
void check_bytes(const ArrowSchema& schema, const ArrowArray& array);
/// A tensor (length,) or (length, 4) over such memory, which `owner` keeps.
TensorRef adopt(const ArrowSchema& schema, const ArrowArray& array, PyObject* owner);

}  // namespace flambeau::arrow
