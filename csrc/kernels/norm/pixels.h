// group_norm of images whose channels lie side by side (channels_last). As norm.h: any thread, no
// GIL; pixels are cut by sizes alone and parts added up in order: the same bits for any number of
// threads.
#pragma once
#include "kernels/norm/norm.h"

namespace flambeau {

/// group_norm of images (n, space, groups * channels). E: T, or a half that is rounded once. The
/// variances too, where they are wanted.
template <class T, class E>
void group_norm_pixels(const GroupNormShape& shape, const E* x, const T* weight, const T* bias,
                       T eps, E* out, T* mean, T* rstd, T* var = nullptr);

/// out = (x - mean) * factor + shift of so many pixels, with one of each for a channel.
template <class T, class E>
void scale_pixels(int64_t pixels, int64_t channels, const E* x, const T* mean, const T* factor,
                  const T* shift, E* out);

/// The gradients of group_norm_pixels; each may be null.
template <class T>
void group_norm_pixels_backward(const GroupNormShape& shape, const T* grad, const T* x,
                                const T* mean, const T* rstd, const T* weight, T* grad_x,
                                T* grad_weight, T* grad_bias);

/// channel_products of halves that lie by pixels.
template <class E>
void pixel_products(int64_t pixels, int64_t channels, const E* grad, const E* x, const float* mean,
                    float* total, float* along);

}  // namespace flambeau
