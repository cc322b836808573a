// The native way into attention. Needs the GIL.
#pragma once
#include <optional>

#include "dispatch/ways/way.h"

namespace flambeau::ways {

/// scaled_dot_product_attention without dropout of tensors on the CPU with equal batch sizes, in
/// the dtypes of the core's loops; not recorded where there is a mask. Keeps query, key, value, the
/// result, the norms of its rows and (is_causal, scale).
class Attention {
 public:
  static constexpr const char* takes[] = {"key",       "value",     "attn_mask",
                                          "dropout_p", "is_causal", "scale"};
  Attention(const char* name, PyObject* backward);
  TensorRef take(Tensor& query, Tensor& key, Tensor& value, Tensor* mask, double dropout,
                 bool causal, std::optional<double> scale);

 private:
  WayBackward backward_;
};

inline constexpr std::tuple attention_ways{
    way<Attention, PyObject*>("_attention_way", "operation, result_type, backward")};

}  // namespace flambeau::ways
