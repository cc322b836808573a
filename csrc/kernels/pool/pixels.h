// Pooling of images whose channels lie side by side (channels_last): a vector of channels at a
// time. As pool.h: any thread, no GIL, bits that do not depend on the number of threads.
#pragma once
#include "kernels/pool/pool.h"

namespace flambeau {

/// Whether the two below take this dtype and size.
bool pools_pixels(const PoolShape& shape);

/// max_pool_forward where input, output and indices are (images, D, H, W, channels) in memory;
/// shape.n_planes counts the channels of all images.
void max_pool_pixels(const PoolShape& shape, int64_t channels, const void* input, void* output,
                     int64_t* indices);

/// avg_pool_forward of the same order.
void avg_pool_pixels(const PoolShape& shape, bool count_include_pad, int64_t divisor_override,
                     int64_t channels, const void* input, void* output);

/// Their gradients. False where an index leaves the image; its gradient goes nowhere.
bool max_pool_backward_pixels(const PoolShape& shape, int64_t channels, const void* grad_output,
                              const int64_t* indices, void* grad_input);
void avg_pool_backward_pixels(const PoolShape& shape, bool count_include_pad,
                              int64_t divisor_override, int64_t channels, const void* grad_output,
                              void* grad_input);

}  // namespace flambeau
