// New tensors as programs ask for them: of sizes and options, or put into out=. Needs the GIL.
#pragma once
#include "dispatch/memory_format.h"
#include "tensor/called.h"

namespace flambeau {

/// How a new tensor is to be.
struct Options {
  DType dtype = default_dtype;
  bool has_dtype = false, has_device = false;
  Device device = other_devices ? default_device : on_cpu;
  bool requires_grad = false, pinned = false;
  PyObject* layout = nullptr;  // one that is not strided
};

/// What has been made, with its gradient wanted and its memory pinned where that is asked.
TensorRef as_asked(TensorRef made, const Options& o);
/// out=, with these sizes; what it holds is to be overwritten.
TensorRef take_out(Tensor& out, const Dims& sizes, const Options& o, const char* op);
/// Uninitialised, or out.
TensorRef new_tensor(Called op, const Dims& sizes, Tensor* out, const Options& o,
                     Format format = Format::unsaid);
/// Of t's sizes and, where nothing else is said, its dtype, device and order of memory.
TensorRef new_tensor_like(const Tensor& t, Options o, Format format);
TensorRef new_strided(Called op, const Dims& sizes, const Dims& strides, const Options& o);
/// `value` is a number, or a tensor of no dimensions whose dtype counts.
TensorRef full(Called op, const Dims& sizes, PyObject* value, Tensor* out, Options o);
/// Layouts other than strided are left out.
void refuse_layout(const Options& o, const char* op);

}  // namespace flambeau
