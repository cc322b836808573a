// From a pointwise call to its kernel: finds or compiles it, lays the operands out, runs it.
// Needs the GIL, which long runs give up.
#pragma once
#include "dispatch/iterate.h"
#include "dispatch/pointwise.h"

namespace flambeau {

/// Operands of a map on a GPU, outputs first: tensors there, and numbers (of at most 16 bytes) that
/// travel with the launch, as those of tensors of no dims on the CPU do.
class DeviceOperands {
 public:
  DeviceOperands(int index, const Dims& sizes) : index_(index), sizes_(sizes) {}
  void add(Tensor& t, const Dims& strides);
  void add_number(const void* value, int64_t itemsize);
  /// `loop` is over `operands`, whose data is null: the device's addresses are kept here.
  void run(MapKernel kernel, Loop& loop, const char* name);

  Operand operands[max_operands];
  int n = 0;

 private:
  /// How many elements a thread can take at once: 16 bytes of the widest, where all lie aligned.
  int64_t lanes(const Loop& loop, bool flat) const;
  int index_;
  Dims sizes_;
  alignas(16) uint64_t words_[max_operands][2] = {};
  bool values_[max_operands] = {};
};

/// The kernel for operands of these dtypes in these modes, outputs first; compiled by Python if
/// need be, which refuses dtypes that the operator does not take.
MapKernel find_kernel(Pointwise& record, const Mode* modes, const DType* dtypes, int n_out, int n,
                      DType compute);
/// Puts number i of a call, at most 16 bytes, at `to`; returns its dtype.
DType place_number(const Pointwise& record, int i, PyObject* number, DType compute, char* to);

/// What the arguments promote to, but for those that keep their dtype.
DType promoted_dtype(const Pointwise& record, const Arg* args);
/// The kernel over flat memory: every tensor contiguous and of one shape.
void launch_flat(Pointwise& record, Tensor& out, const Arg* args, DType compute);
/// The kernel over anything: fills outputs from args, all broadcast to sizes.
void launch(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* args, int n_args,
            const Dims& sizes, DType compute);

}  // namespace flambeau
