// Norms over rows: group_norm, and the gradients of it and of layer_norm; over channels:
// batch_norm's passes. Raw contiguous memory; any thread may call, the GIL is not touched. Sums
// over rows are cut by their number alone and added up in order: the same bits for any number of
// threads.
#pragma once
#include <cstdint>

namespace flambeau {

/// Images (n, groups * channels, space); a group of an image is a row.
struct GroupNormShape {
  int64_t n, groups, channels, space;  // channels of a group
  int64_t rows() const { return n * groups; }
  int64_t length() const { return channels * space; }
};

/// out = (x - mean) * rstd * weight + bias, with weight and bias (groups * channels) or null; mean
/// and rstd = 1 / sqrt(var + eps) of each row are given out. T: float, double.
template <class T>
void group_norm(const GroupNormShape& shape, const T* x, const T* weight, const T* bias, T eps,
                T* out, T* mean, T* rstd);

/// Each gradient may be null.
template <class T>
void group_norm_backward(const GroupNormShape& shape, const T* grad, const T* x, const T* mean,
                         const T* rstd, const T* weight, T* grad_x, T* grad_weight, T* grad_bias);

/// The gradients of layer_norm of x (rows, length), with weight (length) or null; each may be null.
template <class T>
void layer_norm_backward(int64_t rows, int64_t length, const T* grad, const T* x, const T* mean,
                         const T* rstd, const T* weight, T* grad_x, T* grad_weight, T* grad_bias);

/// Images (n, channels, space), each channel over all of them.
struct Channels {
  int64_t n, channels, space;
  int64_t length() const { return channels * space; }
};

/// The mean and the variance (that divides by the count) of each channel.
template <class T>
void channel_moments(const Channels& shape, const T* x, T* mean, T* var);
/// out = (x - mean) * factor + shift, with one of each for a channel.
template <class T>
void channel_scale(const Channels& shape, const T* x, const T* mean, const T* factor,
                   const T* shift, T* out);
/// For each channel the sums of grad and of grad * (x - mean).
template <class T>
void channel_products(const Channels& shape, const T* grad, const T* x, const T* mean, T* total,
                      T* along);
/// The same of halves, whose channels are long in each image.
template <class E>
void channel_products_of_halves(const Channels& shape, const E* grad, const E* x, const float* mean,
                                float* total, float* along);
/// out = (grad - (x - mean) * slope - shift) * factor, with one of each for a channel; out may be
/// grad.
template <class T>
void channel_centre(const Channels& shape, const T* grad, const T* x, const T* mean,
                    const T* factor, const T* slope, const T* shift, T* out);

}  // namespace flambeau
