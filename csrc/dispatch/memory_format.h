// Orders of memory: dimension 1 (channels) innermost, or the last one. Need the GIL.
#pragma once
#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

enum class Format { unsaid, preserve, contiguous, channels_last, channels_last_3d };

inline bool is_channels_last(Format f) {
  return f == Format::channels_last || f == Format::channels_last_3d;
}
/// Dense strides of these sizes in channels-last order; raises unless the format has their number.
Dims channels_last_strides(const Dims& sizes, Format format, const char* op);
/// Whether t's elements lie densely in this order (any order for `preserve`).
bool is_in_format(const Tensor& t, Format format);
/// The channels-last format whose order t's strides show, gaps allowed; else `contiguous`.
Format format_shown(const Tensor& t);
/// t itself if it is in this format, else a copy, with history.
TensorRef in_format(Tensor& t, Format format, const char* op);
/// What contiguous(), is_contiguous() and clone() do with the format that they are given.
TensorRef in_order(Called op, Tensor& t, Format format);
bool is_in_order(Called op, Tensor& t, Format format);
TensorRef clone_of(Tensor& t, Format format);
/// The result in the channels-last format that input shows, if it does and has its dims.
TensorRef keep_format(Tensor& result, Tensor& input);
/// What to() does: another dtype and device; `later` lets copies to and from a GPU run on.
TensorRef converted(Called op, Tensor& t, DType dtype, Device device, bool copy, bool later,
                    Format format);
/// Puts a result, whose memory nobody else has seen, into channels-last order, in place.
void lay_out(Tensor& result, Format format);

inline constexpr std::tuple format_functions{
    method(declare<in_order>("contiguous", "input, memory_format=None",
                             "The tensor itself if contiguous, else a copy that is.")),
    fact(method(declare<is_in_order>("is_contiguous", "input, memory_format=None -> bool",
                                     "Whether the elements lie in order without gaps."))),
    both(declare<clone_of>("clone", "input, *, memory_format=None", "A copy, part of the graph.")),
    declare<keep_format>("_keep_format", "result, input")};

}  // namespace flambeau
