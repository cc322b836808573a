// What a reduction is to do once its dimensions are sorted and merged; for reduce.cpp,
// reduce_in_pieces.cpp and reduce_cuda.cpp.
#pragma once
#include <functional>
#include <vector>

#include "dispatch/reduce.h"

namespace flambeau {

inline constexpr int max_streams = 10;  // outputs, inputs and parameters of a reduction

/// One dimension of the merged loop nest: its size and each stream's stride in bytes.
struct Axis {
  int64_t size;
  int64_t strides[max_streams];
};

struct Plan {
  std::vector<Axis> kept, reduced;  // outermost first
  char mode;
  int n_out, n;            // streams: outputs first
  int n_params = 0;        // single values behind the inputs
  int64_t outputs, count;  // how many results, of how many elements each
};

constexpr int64_t chunk_elements = 32768;            // of a reduction that is split for threads
constexpr int64_t least_split = 8 * chunk_elements;  // shorter ones take under 10 us on one thread
constexpr int64_t none[max_streams] = {};

ReduceKernel find_kernel(Reduction& r, const std::vector<DType>& ins,
                         const std::vector<DType>& outs, char mode, const char* stage);
/// The dtypes of what a split reduction keeps of each chunk.
const std::vector<DType>& state_dtypes(Reduction& r, const std::vector<DType>& ins,
                                       const std::vector<DType>& outs);
/// reduce_one of a result that waits and that nobody else reads: chunk by chunk, as it is computed.
/// The chunks, and so the bits, are those of a result that is stored. False where it has to be.
/// total: "rsum" or "rmean".
bool reduce_in_pieces(Reduction& r, const char* total, const Tensor& t, const Dims& dims,
                      bool keepdim, DType out, TensorRef& result);

/// Memory of a thread for a piece of what is reduced, kept for the next.
char* piece_memory(int64_t nbytes);
/// Sums over more first rows than these leave a piece so few columns that kernels begin anew more
/// often than that they run.
constexpr int64_t longest_column = 64;

/// The kernels of a reduction of many elements to one result, chunk by chunk.
struct WholeReduction {
  DType in, out;
  std::vector<DType> states;
  ReduceKernel part, combine;
};
WholeReduction whole_reduction(Reduction& r, DType in, DType out);
/// The result, of these sizes; compute(begin, end, to) writes elements of the operand, of which
/// there are `count`, to memory of a thread. It is called by any thread, without the GIL.
using Compute = std::function<void(int64_t begin, int64_t end, char* to)>;
TensorRef reduce_whole(const WholeReduction& how, int64_t count, const Dims& sizes,
                       const Compute& compute);

/// A reduction on a GPU: at most two kept and two reduced axes.
struct DeviceReduction {
  const Plan& plan;
  int index;                 // of the device
  const uint64_t* pointers;  // of each stream; of a parameter the bits of its float64
  std::function<ReduceKernel(char mode, const char* stage)> find;
  std::function<ReduceKernel(const std::vector<DType>& states)> find_partial;
  std::function<std::vector<DType>()> states;
};
void reduce_on_device(const DeviceReduction& reduction);

}  // namespace flambeau
