// New tensors as programs ask for them: of sizes and options, or put into out=. Needs the GIL.
#pragma once
#include "dispatch/memory_format.h"
#include "tensor/declared.h"

namespace flambeau {

/// How a new tensor is to be.
struct Options {
  DType dtype = default_dtype;
  bool has_dtype = false, has_device = false;
  Device device = other_devices ? default_device : on_cpu;
  bool requires_grad = false, pinned = false;
  PyObject* layout = nullptr;  // one that is not strided

  void take(DType asked) { dtype = asked, has_dtype = true; }
  void take(Device asked) { device = asked, has_device = true; }
  /// What is not asked for is as in t.
  void take_missing(const Tensor& t) {
    if (!has_dtype) dtype = t.dtype;
    if (!has_device) device = t.device();
  }
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
TensorRef full(Called op, const SequenceDims& sizes, PyObject* value, Tensor* out, Options o);
/// empty, and with a value zeros and ones; the same of t's sizes. Of a sparse layout only what has
/// no entries is made.
TensorRef empty_of(Called op, const RestDims& size, Tensor* out, const Options& o, Format format);
template <int value>
TensorRef filled_of(Called op, const RestDims& size, Tensor* out, const Options& o);
TensorRef empty_as(Called op, Tensor& t, Options o, Format format);
template <int value>
TensorRef filled_as(Called op, Tensor& t, const Options& o, Format format);
/// Layouts other than strided are left out.
void refuse_layout(const Options& o, const char* op);
/// Raises where memory is to be pinned and there is nothing that would use it.
void check_pinned(const Options& o, const char* op);
/// A tensor over memory that owner keeps alive.
TensorRef wrap_memory(void* data, int64_t nbytes, PyObject* owner, DType dtype, const Dims& sizes,
                      const Dims& strides, int64_t offset);

inline constexpr Name made_options =
    "dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, names=None";

template <auto like>
consteval auto declare_like(const char* name, const char* doc) {
  return function(
      declare<like>(name, joined<"input, *, ", made_options, ", memory_format=None">.data(), doc));
}

inline constexpr std::tuple creation_functions{
    function(declare<empty_of>(
        "empty", joined<"*size, out=None, ", made_options, ", memory_format=None">.data(),
        "An uninitialised tensor of the given sizes.")),
    function(declare<filled_of<0>>("zeros", joined<"*size, out=None, ", made_options>.data(),
                                   "A tensor of zeros of the given sizes.")),
    function(declare<filled_of<1>>("ones", joined<"*size, out=None, ", made_options>.data(),
                                   "A tensor of ones of the given sizes.")),
    function(declare<full>("full", joined<"size, fill_value, *, out=None, ", made_options>.data(),
                           "A tensor of the given sizes filled with one value.")),
    declare_like<empty_as>("empty_like", "An uninitialised tensor of input's sizes and dtype."),
    declare_like<filled_as<0>>("zeros_like", "Zeros of input's sizes and dtype."),
    declare_like<filled_as<1>>("ones_like", "Ones of input's sizes and dtype."),
    function(declare<new_strided>("empty_strided", joined<"size, stride, *, ", made_options>.data(),
                                  "An uninitialised tensor of the given sizes and strides.")),
    declare<wrap_memory>("_wrap_memory", "address, nbytes, owner, dtype, size, stride, offset=0")};

}  // namespace flambeau
