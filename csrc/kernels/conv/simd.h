// Register-blocked inner loops of convolution, compiled once for each instruction set and chosen by
// the machine's. Pure loops over raw memory: any thread, no GIL, no allocation.
//
// A source plane is a flattened image of row length Wq, so that output pixel p = row * Wq + col
// reads tap t at p + offset[t]: consecutive pixels are consecutive in memory and fill vectors
// across row ends. The Wq - columns pixels between two rows are computed too and dropped by
// store_tile.
#pragma once
#include <cstdint>

namespace flambeau {

/// Where a tile of output pixels goes: pixel (row, col) to row * row_step + col * col_step.
struct TileTarget {
  int64_t row_length;  // Wq
  int64_t columns;     // pixels of a row that exist
  int64_t row_step, col_step;
  int64_t channel_step;
};

/// At most a vector of consecutive pixels: where they read, and where row 0 of them is packed and
/// how far from it row 1.
struct PixelChunk {
  int64_t from, to, to_row;
  int count;
};

/// The pixels [begin, end) of a chunk that a tap reads inside the source.
struct TapRange {
  int begin, end;
};

/// What the taps of chunks of pixels read, and where it goes: see pack_taps.
template <class T>
struct TapBlock {
  const T* from;
  int64_t n_channels, channel_step, column_step;
  int64_t n_taps;
  const int64_t* offset;  // of each tap
  int64_t n_chunks;
  const PixelChunk* chunk;
  const TapRange* range;  // of (tap, chunk)
  T* to;
  int64_t fetch_rows, fetch_row;  // of the source, that a row of pixels reads first, and their step
};

constexpr int most_depthwise_taps = 8;

/// One dimension of a depthwise convolution: tap k of result i < count reads i * step + offset[k],
/// which is inside the source for i in [begin[k], end[k]).
struct DepthwiseTaps {
  int64_t count;
  int n_taps;
  int64_t offset[most_depthwise_taps], begin[most_depthwise_taps], end[most_depthwise_taps];
};

/// Planes of which each has a kernel of its own. With two phases of columns, these give the even
/// and the odd results of a row.
template <class T>
struct DepthwiseTask {
  int64_t first_plane, n_planes, n_channels;  // plane p belongs to channel p % n_channels
  const T* source;
  int64_t source_plane, source_row;
  T* target;
  int64_t target_plane, target_row;
  int64_t row_step, column_step;
  DepthwiseTaps rows, columns[2];
  int n_phases;
  int tap[2][most_depthwise_taps * most_depthwise_taps];  // index in the kernel of (row, column)
  const T* weight;
  int64_t weight_channel;
  const T* bias;  // of each channel, or none
  bool relu;
  T* bordered;  // dense_depthwise_size elements for a plane with its border, or none
};

/// What a square kernel without gaps or steps needs in DepthwiseTask::bordered: rows of whole
/// vectors, and one vector more.
constexpr int64_t dense_rows = 4;
constexpr int64_t dense_depthwise_row(int64_t columns, int64_t lanes) {
  return (columns + 2 * lanes - 1) / (2 * lanes) * 2 * lanes + 2 * lanes;
}
constexpr int64_t dense_depthwise_size(int64_t rows, int64_t columns, int64_t taps, int64_t lanes) {
  return ((rows + dense_rows - 1) / dense_rows * dense_rows + taps - 1) *
         dense_depthwise_row(columns, lanes);
}

/// The same where the kernel goes two pixels a step: even and odd columns apart, in rows of whole
/// vectors and one more for its taps.
constexpr int64_t halved_row(int64_t columns, int64_t lanes) {
  return (columns + lanes - 1) / lanes * lanes + lanes;
}
constexpr int64_t halved_depthwise_size(int64_t rows, int64_t columns, int64_t taps,
                                        int64_t lanes) {
  return 2 * (2 * (rows - 1) + taps) * halved_row(columns, lanes);
}

/// One dimension of AcrossTask: tap k of result i < count reads i * step + offset[k], which is
/// inside the source for i in [begin[k], end[k]).
struct AcrossAxis {
  int64_t count, step, target_start, target_step, n_taps;
  const int64_t *offset, *begin, *end;
};
struct AcrossPhase {
  AcrossAxis axis[3];
  const int64_t* tap;  // index in the kernel of (depth, row, column)
};

/// Planes of one to three dimensions of which each has a kernel of its own, as many at a time as a
/// vector has lanes: any kernel, any step, and rows as short as they are.
template <class T>
struct AcrossTask {
  int64_t first_plane, n_planes, n_channels;  // plane p belongs to channel p % n_channels
  const T* source;
  T* target;
  int64_t source_size[3], target_size[3];
  int64_t left, row;  // zeros before a row in `in`, and its length with them and those after it
  int64_t n_phases;
  const AcrossPhase* phases;
  bool leaves_gaps;  // results of no phase
  const T* weight;   // n_weights of a channel
  int64_t n_weights;
  const T* bias;  // of each channel, or none
  bool relu;
  T *in, *weights, *out;  // memory for the planes, the kernels and the results of all lanes
};

/// Kernels of channels of their own over an image whose pixels have their channels side by side, at
/// least a vector of them. Given: what the image holds, T or the bits of bfloat16.
template <class T, class Given>
struct ChannelsTask {
  int64_t n_channels;
  const Given* source;
  Given* target;  // or the gradients of results
  int64_t source_size[3], target_size[3];
  int64_t n_phases;
  const AcrossPhase* phases;
  T* weights;  // [block of channels][tap][lane] of n_weights taps, or the sums for their gradients
  int64_t n_weights;
  const T* bias;       // of each channel, or none
  bool relu, fetches;  // whether images are too large for the cache
};
/// The first channel of a block: the last one shares some with that before it.
constexpr int64_t first_of_block(int64_t block, int64_t lanes, int64_t n_channels) {
  return block * lanes < n_channels - lanes ? block * lanes : n_channels - lanes;
}

/// Tiles of a row of tiles that lie in one vector of four elements a tile: where that vector begins
/// in their plane, were all its elements read from there on; which rows of the tiles lie inside;
/// and which lanes of the vector, and of that of what lies 4 elements further, these tiles fill.
struct TileChunk {
  int64_t at;
  int tile;  // the first, among those of a call
  int row_begin, row_end, begin[2], end[2];
};

/// The transforms of conv/winograd.h over n tiles side by side, up to a register tile of them,
/// whole vectors at a time. Point q of tile t is at q * point_step + t. Chunks are in the order of
/// their tiles.
template <class T>
struct WinogradLoops {
  /// From tiles of taps + 3 squared elements, 4 apart, and of 4 x 4 that do not overlap. The same
  /// tiles of another plane, `next` elements on, are fetched meanwhile, unless that is 0.
  void (*input)(const T* plane, int64_t row_step, const TileChunk* chunks, int64_t n_chunks,
                int64_t n, int64_t next, T* points, int64_t point_step);
  void (*grad)(const T* plane, int64_t row_step, const TileChunk* chunks, int64_t n_chunks,
               int64_t n, int64_t next, T* points, int64_t point_step);
  /// To tiles of 4 x 4 elements, plus bias, and clamped at 0 if relu. False if one of them is
  /// infinite or NaN before it is clamped.
  bool (*output)(const T* points, int64_t point_step, int64_t n, T bias, bool relu,
                 const TileChunk* chunks, int64_t n_chunks, T* plane, int64_t row_step);
  /// Weight: kernel t has its weights at weight + kernel_step * t, taken in the order `tap`.
  void (*weight)(const T* weight, int64_t kernel_step, const int64_t* tap, int64_t n, T* points,
                 int64_t point_step);
  /// Sums: the way back of weight for its gradient, of kernels without gaps; reads whole vectors of
  /// points.
  void (*sums)(const T* points, int64_t point_step, int64_t n, const int64_t* tap, T* weight);
};

template <class T>
struct ConvKernels {
  int lanes;           // elements of a vector
  int tile_m, tile_v;  // largest tile of correlate: channels, vectors of pixels
  int tile_g, tile_x;  // largest tile of outer: grad channels, source columns

  /// tile[i][p] = sum over e < n_source, t < n_taps of weight[e * weight_step + t * m + i]
  /// * source[e * source_step + offset[t] + p] for i < m, p < n_vectors * lanes; n_vectors is at
  /// most tile_v, or for one channel 6 or 4, whose sums would else be too few to hide their
  /// latency.
  void (*correlate)(int m, int n_vectors, const T* weight, int64_t weight_step, const T* source,
                    int64_t n_source, int64_t source_step, const int64_t* offset, int64_t n_taps,
                    T* tile);

  /// Writes pixels [p0, p0 + n) of m rows of `tile` (row stride tile_step), plus bias[i] if given,
  /// and clamped at 0 if relu.
  void (*store_tile)(int m, int64_t p0, int64_t n, const T* tile, int64_t tile_step, const T* bias,
                     bool relu, T* out, const TileTarget& target);

  /// sums[i * sums_step + j] += sum over items b, p < n_pixels (a multiple of lanes) of
  /// grad[b * grad_item + i * grad_step + p] * source[b * source_item + offset[j] + p].
  void (*outer)(int m, int n_columns, int64_t n_items, int64_t n_pixels, const T* grad,
                int64_t grad_item, int64_t grad_step, const T* source, int64_t source_item,
                const int64_t* offset, T* sums, int64_t sums_step);

  /// n_rows rows of row_length: columns [begin, end) are every column_step-th element of a source
  /// row, the others 0. Sources are from_step apart.
  void (*pack_rows)(const T* from, int64_t from_step, int64_t column_step, int64_t n_rows,
                    int64_t begin, int64_t end, int64_t row_length, T* to);

  /// to[chunk[i].to + (c * n_taps + t) * chunk[i].to_row + j] = from[c * channel_step + offset[t] +
  /// chunk[i].from + j * column_step] for pixels j of range[t, i], 0 for the others of the chunk.
  void (*pack_taps)(const TapBlock<T>& block);

  /// Null where there are no masked loads.
  void (*depthwise)(const DepthwiseTask<T>& task) = nullptr;
  /// The sums of grad * source for the kernel of one channel, over n_planes items of all channels;
  /// for 3, 5 or 7 columns. `grad` lies as the target would.
  void (*depthwise_outer)(const DepthwiseTask<T>& task, const T* grad, int64_t channel,
                          T* sums) = nullptr;

  void (*across)(const AcrossTask<T>& task) = nullptr;
  /// The gradient of the kernels of n_channels channels from first_plane on, over n_planes items of
  /// all_channels each; `target` holds the gradients of the results.
  void (*across_outer)(const AcrossTask<T>& task, int64_t all_channels, T* grad_weight) = nullptr;

  /// Rows [first, last) of results of all phases, as far as these have them.
  void (*channels)(const ChannelsTask<T, T>& task, int64_t first, int64_t last) = nullptr;
  /// Adds to the gradients of kernels what these rows give; one phase.
  void (*channels_outer)(const ChannelsTask<T, T>& task, int64_t first, int64_t last) = nullptr;
  /// The same of bfloat16; null for float64.
  void (*channels_of_halves)(const ChannelsTask<T, uint16_t>& task, int64_t first,
                             int64_t last) = nullptr;
  void (*channels_outer_of_halves)(const ChannelsTask<T, uint16_t>& task, int64_t first,
                                   int64_t last) = nullptr;

  /// For kernels of 2 x 2 and of 3 x 3; null for float64.
  WinogradLoops<T> winograd[2] = {};
};

/// The kernels for this machine. T: float, double.
template <class T>
const ConvKernels<T>& conv_kernels();

// One set a translation unit: simd_*.cpp. A set for another architecture is empty (lanes 0).
namespace simd_avx512 {
extern const ConvKernels<float> float_kernels;
extern const ConvKernels<double> double_kernels;
}  // namespace simd_avx512
namespace simd_avx2 {
extern const ConvKernels<float> float_kernels;
extern const ConvKernels<double> double_kernels;
}  // namespace simd_avx2
namespace simd_base {
extern const ConvKernels<float> float_kernels;
extern const ConvKernels<double> double_kernels;
}  // namespace simd_base

}  // namespace flambeau
