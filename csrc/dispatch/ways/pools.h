// Native ways into pooling of batches, where nothing is recorded. Need the GIL.
#pragma once
#include "dispatch/raw/layers.h"
#include "dispatch/ways/way.h"

namespace flambeau::ways {

/// max_pool1d, max_pool2d and max_pool3d: of n dims. As Convolving, for contiguous inputs of full
/// precision on the CPU.
template <int n>
struct MaxPooling {
  static constexpr const char* takes[] = {"kernel_size", "stride", "padding", "dilation",
                                          "ceil_mode"};
  explicit MaxPooling(const char*) {}
  TensorRef take(Tensor& input, const DimOrDims& kernel, const DimOrDims& stride,
                 const DimOrDims& padding, const DimOrDims& dilation, bool ceil_mode);
};
/// avg_pool1d, avg_pool2d and avg_pool3d.
template <int n>
struct AveragePooling {
  static constexpr const char* takes[] = {"kernel_size", "stride", "padding", "ceil_mode"};
  explicit AveragePooling(const char*) {}
  TensorRef take(Tensor& input, const DimOrDims& kernel, const DimOrDims& stride,
                 const DimOrDims& padding, bool ceil_mode);
};

inline constexpr std::tuple pool_ways{
    way<MaxPooling<1>>("_max_pool1d_way", "operation, result_type"),
    way<MaxPooling<2>>("_max_pool2d_way", "operation, result_type"),
    way<MaxPooling<3>>("_max_pool3d_way", "operation, result_type"),
    way<AveragePooling<1>>("_avg_pool1d_way", "operation, result_type"),
    way<AveragePooling<2>>("_avg_pool2d_way", "operation, result_type"),
    way<AveragePooling<3>>("_avg_pool3d_way", "operation, result_type")};

}  // namespace flambeau::ways
