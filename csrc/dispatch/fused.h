// Several operators as one kernel, a map or one of rows, run without history. Needs the GIL, which
// long runs give up.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "dispatch/iterate.h"
#include "dispatch/reduce.h"
#include "tensor/declared.h"

namespace flambeau {

/// What flambeau/compiled made of them, and the kernels that have been compiled of it so far.
struct Fusion {
  Object spec;           // hold(modes) gives a kernel's address until let_go(address)
  int n_out = 0, n = 0;  // outputs; all operands
  bool rows = false;
  bool row_major = false;      // of a map: its outputs are contiguous however the inputs lie
  DType dtypes[max_operands];  // outputs first; of a number the dtype in which it is handed over
  char kinds[max_operands + 1] = {};  // of rows: v or x, 0 behind them
  uint32_t reads[max_operands] = {};  // which inputs, a bit each, an output of several is made of
  Reduction* total = nullptr;  // of a map: the first output is given as its sum or mean, or null
  bool averages = false;
  struct Kernel {
    uint64_t modes;
    void* function;
    uint64_t used;  // the time, in look-ups
  };
  std::vector<Kernel> kernels;
  int running = 0;  // calls under way, maybe without the GIL; meanwhile its kernels stay

  Fusion() = default;
  Fusion(const Fusion&) = delete;
  ~Fusion();
};

/// `kinds` is "" for a map, else it has a letter for each operand; `reads` a mask of inputs for
/// each output. Raises ValueError where these do not fit.
std::unique_ptr<Fusion> make_fusion(Object spec, int n_out, const std::vector<DType>& dtypes,
                                    std::string_view kinds, const std::vector<int64_t>& reads,
                                    bool row_major);

/// What stands for one input: a tensor, or a number's bytes.
struct FusedInputs {
  Tensor* tensors[max_operands];
  TensorRef copies[max_operands];
  alignas(16) char numbers[max_operands][8];
  Dims sizes;  // of the outputs, as they are computed: `run_fused` fills it in
  /// Of each output of a map the sizes that it will be summed to, or null: sums over a few first
  /// dims are then given in place of the outputs, where that spares storing these.
  const Dims* summed = nullptr;
};

/// Fills outputs[n_out] with new tensors, from inputs [n_out, n).
void run_fused(Fusion& self, FusedInputs& inputs, TensorRef* outputs);

/// How many kernels all of them hold at most; beyond, the quarter goes that ran longest ago, and
/// is compiled again (or read from disk) where it is wanted again.
void bound_fused_kernels(int64_t most);
int64_t fused_kernels();

inline constexpr std::tuple fused_functions{
    declare<bound_fused_kernels>("_bound_fused_kernels", "most"),
    fact(declare<fused_kernels>("_fused_kernels", ""))};

}  // namespace flambeau
