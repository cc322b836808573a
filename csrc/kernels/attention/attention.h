// softmax(scale * Q K^T + mask) V for a batch of heads, and its gradient. T: float, double, and
// bfloat16 where attends_bfloat16() (pairs.cpp). Raw memory, no GIL; runs in threads, with the same
// bits for any number of them.
#pragma once
#include <cstdint>
#include <vector>

#include "tensor/dtype.h"

namespace flambeau {

/// Rows of a stack of matrices, each row contiguous: row r of matrix b is at data + at[b] + r *
/// row.
template <class T>
struct Rows {
  T* data;
  std::vector<int64_t> at;
  int64_t row;
  T* of(int64_t b) const { return data + at[b]; }
};

enum class MaskKind { none, visible, added };

/// Each weight is 0 with probability p, else divided by 1 - p; which, the number `call` of `seed`
/// says by its place among all weights (elements/dropout.h). Not of float64.
struct WeightDropout {
  float p = 0;
  uint64_t seed = 0, call = 0;
};

template <class T>
struct Attention {
  int64_t n_heads;                  // times batch: matrices in a stack
  int64_t n_queries, n_keys, E, V;  // all 1 or more
  Rows<const T> query, key, value;  // (n_queries, E), (n_keys, E), (n_keys, V)
  computed_t<T> scale;
  bool causal;  // row t sees columns up to t
  MaskKind mask_kind = MaskKind::none;
  const void* mask = nullptr;  // bool, true where seen; or T, added to the scores
  std::vector<int64_t> mask_at;
  int64_t mask_row = 0, mask_column = 0;
  WeightDropout dropout;
};

/// out (n_heads, n_queries, V) and norms (n_heads, n_queries, 2), both contiguous: the largest
/// score of each row and 1 / the sum of its exponentials (their logarithm in one number with the
/// largest would be lost beside a large one, as masks of finfo.min make). A row that a mask leaves
/// nothing gives 0. False if a score is NaN or infinite otherwise: what out holds then means
/// nothing.
template <class T>
bool attend(const Attention<T>& a, T* out, computed_t<T>* norms);

/// The gradients, contiguous, from that of out and from what attend() gave.
template <class T>
void attend_backward(const Attention<T>& a, const T* out, const computed_t<T>* norms, const T* grad,
                     T* grad_query, T* grad_key, T* grad_value);

/// Whether this machine multiplies pairs of bfloat16.
bool attends_bfloat16();
template <>
bool attend(const Attention<bfloat16>& a, bfloat16* out, float* norms);
template <>
void attend_backward(const Attention<bfloat16>& a, const bfloat16* out, const float* norms,
                     const bfloat16* grad, bfloat16* grad_query, bfloat16* grad_key,
                     bfloat16* grad_value);

}  // namespace flambeau
