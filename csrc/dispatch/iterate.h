// Runs a map kernel over broadcast, strided operands: orders and merges dimensions, picks the
// layout variant, shares the work out to threads: where it was cut does not show. Needs the GIL,
// which it gives up for long runs.
#pragma once
#include "tensor/gil.h"
#include "tensor/tensor.h"

namespace flambeau {

inline constexpr int max_operands = 16;

using MapKernel = void (*)(int64_t n_inner, int64_t n_outer, int64_t index0, char* const* ptrs,
                           const int64_t* inner_strides, const int64_t* outer_strides);

/// How an operand moves in the inner loop.
enum class Mode : uint8_t { contiguous, scalar, general, streamed };
inline constexpr char mode_letters[] = {'c', 's', 'g', 'n'};

/// Elements to a chunk of a long contiguous run, and of one whose result goes past the caches: such
/// a chunk ends with a wait for its stores.
inline constexpr int64_t grain = 16384, streamed_grain = 131072;

struct Operand {
  void* data;
  int64_t itemsize;
  Dims strides;  // in elements, over the common sizes
};

/// Operands brought to few dimensions, innermost first. Strides are in bytes.
class Loop {
 public:
  /// Outputs first. keep_order: linear indices must follow the sizes as given (kernels that use
  /// index()).
  Loop(const Dims& sizes, const Operand* operands, int n, bool keep_order = false);
  const Mode* modes() const { return modes_; }
  /// Inputs, those from n_out on, that lie across the others are turned a block at a time before
  /// the kernel reads them, as contiguous ones: along the loop each of their elements is in a line
  /// of the cache of its own. Not for kernels that use index().
  void turn_inputs(int n_out);
  /// Whether the first operand, a fresh result in memory that begins with a line, is to be written
  /// past the caches: its rows begin with a line each, and it would not stay there.
  bool is_streamed() const;
  void run(MapKernel kernel, int64_t chunk = grain) const;
  int64_t numel() const { return numel_; }
  int ndim() const { return ndim_; }
  int64_t size(int d) const { return sizes_[d]; }
  int64_t stride(int d, int operand) const { return strides_[d][operand]; }
  char* data(int operand) const { return data_[operand]; }

 private:
  void find_row(int64_t row, char** at) const;
  void run_rows(MapKernel kernel, int64_t first, int64_t last) const;
  void run_pieces(MapKernel kernel, int64_t chunk) const;
  int64_t bytes_of(int operand) const;
  void run_turned(MapKernel kernel, int64_t batch, char* const* at) const;
  int n_, ndim_;
  int64_t numel_;
  int64_t sizes_[max_long_dims];
  int64_t strides_[max_long_dims][max_operands];
  char* data_[max_operands];
  int64_t itemsizes_[max_operands];
  Mode modes_[max_operands];
  uint32_t turned_ = 0;  // bits of operands
};

/// The kernel over `numel` elements of n operands with one stride each.
void run_elements(MapKernel kernel, int64_t numel, char* const* data, const int64_t* strides, int n,
                  int64_t grain);

}  // namespace flambeau
