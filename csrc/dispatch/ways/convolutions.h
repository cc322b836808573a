// Native ways into convolutions of batches, with history. Need the GIL.
#pragma once
#include "dispatch/raw/layers.h"
#include "dispatch/ways/way.h"

namespace flambeau::ways {

/// What both keep: input, weight, stride, padding, dilation and groups. For contiguous operands of
/// one full precision on the CPU; whatever watches the parts of operators sees those in Python.
class Convolving {
 public:
  Convolving(PyObject* backward, bool transposed);

 protected:
  struct Call {
    Tensor &input, &weight;
    Tensor* bias;
    raw::ConvWindow window;
  };
  /// Whether the loops take it, but for its sizes; fills the window.
  static bool reads(Call& call, const DimOrDims& stride, const DimOrDims& padding,
                    const DimOrDims& dilation, int64_t inputs, int64_t outputs);
  TensorRef with_history(TensorRef result, Call& call);

 private:
  WayBackward backward_;
};

/// conv1d, conv2d and conv3d
struct Convolution : Convolving {
  static constexpr const char* takes[] = {"weight",  "bias",     "stride",
                                          "padding", "dilation", "groups"};
  Convolution(const char*, PyObject* backward) : Convolving(backward, false) {}
  TensorRef take(Tensor& input, Tensor& weight, Tensor* bias, const DimOrDims& stride,
                 const DimOrDims& padding, const DimOrDims& dilation, int64_t groups);
};
/// conv_transpose1d, conv_transpose2d and conv_transpose3d
struct TransposedConvolution : Convolving {
  static constexpr const char* takes[] = {"weight",         "bias",   "stride",  "padding",
                                          "output_padding", "groups", "dilation"};
  TransposedConvolution(const char*, PyObject* backward) : Convolving(backward, true) {}
  TensorRef take(Tensor& input, Tensor& weight, Tensor* bias, const DimOrDims& stride,
                 const DimOrDims& padding, const DimOrDims& extra, int64_t groups,
                 const DimOrDims& dilation);
};

inline constexpr std::tuple convolution_ways{
    way<Convolution, PyObject*>("_convolution_way", "operation, result_type, backward"),
    way<TransposedConvolution, PyObject*>("_transposed_convolution_way",
                                          "operation, result_type, backward")};

}  // namespace flambeau::ways
