// Arrow's C data interface, by which libraries share columns: here numbers of a byte, or groups of
// four of them, which Pillow's images are. Needs the GIL; what others call takes it.
// Source of the structures: Apache Arrow, "The Arrow C data interface".
#pragma once
#include "tensor/capsule.h"

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

/// (schema, array), capsules over t's memory, uint8 (N,) or (N, 4) and contiguous.
std::tuple<Object, Object> to_arrow(Tensor& t);
/// The bytes of such an array, (length,) or (length, 4), which is used up.
TensorRef from_arrow(PyObject* schema, PyObject* array);

inline constexpr std::tuple functions{declare<to_arrow>("_to_arrow", "input"),
                                      declare<from_arrow>("_from_arrow", "schema, array")};

}  // namespace flambeau::arrow
