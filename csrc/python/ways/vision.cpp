// The native halves of flambeau/vision/ops: checked arguments in, results without history out.
#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "kernels/vision/deform.h"
#include "kernels/vision/nms.h"
#include "kernels/vision/resample.h"
#include "kernels/vision/roi.h"
#include "python/args.h"

namespace flambeau {

namespace {

constexpr int64_t long_work = 2000;  // elements

double real_argument(const Args& a, int i) {
  double value = PyFloat_AsDouble(a[i]);
  if (value == -1 && PyErr_Occurred()) throw PythonError();
  return value;
}

/// Calls body with a null pointer of the type of t's elements, float32 or float64.
template <class Body>
void in_precision(const Args& a, const Tensor& t, Body&& body) {
  if (t.dtype == DType::float32) return body(static_cast<float*>(nullptr));
  check<NotImplementedError>(t.dtype == DType::float64, [&] {
    return message(a.function(), ": ", name(t.dtype), "; it takes float32 and float64.");
  });
  body(static_cast<double*>(nullptr));
}

void check_alike(const Args& a, const Tensor& t, const Tensor& other) {
  check(t.dtype == other.dtype, [&] {
    return message(a.function(), ": dtypes differ, ", describe(t), " and ", describe(other), ".");
  });
}

/// _nms(boxes (N, 4), order (N,), threshold) -> the places in `order` that stay
PyObject* py_nms(const Call& call) {
  Args a(call);
  TensorRef boxes = contiguous(a.tensor(0)), order = contiguous(a.tensor(1));
  const int64_t n = order->numel;
  check(boxes->numel == 4 * n && order->dtype == DType::int64, [&] {
    return message("nms: boxes ", describe(*boxes), " do not fit an order ", describe(*order), ".");
  });
  const double threshold = real_argument(a, 2);
  TensorRef kept = empty(sizes_of(*order), DType::int64);
  int64_t count = 0;
  in_precision(a, *boxes, [&]<class T>(T*) {
    const T* from = boxes->as<T>();
    const auto* places = order->as<int64_t>();
    auto* to = kept->as<int64_t>();
    LongWork unlocked(n > 100);
    count = nms(from, places, n, threshold, to);
  });
  return slice(*kept, 0, 0, count, 1).release_py();
}

/// From argument `first` on: sizes (n, channels, height, width), bins (rows, columns), scale,
/// sampling, flags: 1 aligned, 2 by position, 4 means of pixels.
RoiShape roi_shape(const Args& a, int first, const Tensor& regions) {
  const Dims sizes = to_dims(a[first], a.function()), bins = to_dims(a[first + 1], a.function());
  RoiShape shape;
  shape.n = sizes[0], shape.channels = sizes[1], shape.height = sizes[2], shape.width = sizes[3];
  shape.rows = bins[0], shape.columns = bins[1];
  shape.scale = real_argument(a, first + 2);
  shape.sampling = a.integer(first + 3);
  const int64_t flags = a.integer(first + 4);
  shape.aligned = flags & 1, shape.by_position = flags & 2, shape.bilinear = !(flags & 4);
  shape.regions = regions.ndim ? regions.sizes[0] : 0;
  check(regions.ndim == 2 && regions.sizes[1] == 5, [&] {
    return message(a.function(), ": boxes are ", describe(regions), "; they must be (K, 5).");
  });
  return shape;
}

/// Each region names an image that is there.
template <class T>
void check_images(const Args& a, const RoiShape& shape, const T* regions) {
  for (int64_t k = 0; k < shape.regions; ++k)
    check<IndexError>(regions[5 * k] >= 0 && regions[5 * k] < static_cast<T>(shape.n), [&] {
      return message(a.function(), ": box ", k, " is of image ",
                     static_cast<int64_t>(regions[5 * k]), ", but there are ", shape.n, ".");
    });
}

PyObject* py_roi_mean(const Call& call) {
  Args a(call);
  TensorRef input = contiguous(a.tensor(0)), regions = contiguous(a.tensor(1));
  check_alike(a, *input, *regions);
  const RoiShape shape = roi_shape(a, 2, *regions);
  TensorRef output =
      empty({shape.regions, shape.out_channels(), shape.rows, shape.columns}, input->dtype);
  if (output->numel && !output->is_meta())
    in_precision(a, *input, [&]<class T>(T*) {
      const T *from = input->as<T>(), *boxes = regions->as<T>();
      T* to = output->as<T>();
      check_images(a, shape, boxes);
      LongWork unlocked(output->numel > long_work);
      roi_mean(shape, from, boxes, to);
    });
  return output.release_py();
}

PyObject* py_roi_mean_backward(const Call& call) {
  Args a(call);
  TensorRef grad = contiguous(a.tensor(0)), regions = contiguous(a.tensor(1));
  check_alike(a, *grad, *regions);
  const RoiShape shape = roi_shape(a, 2, *regions);
  TensorRef result = empty({shape.n, shape.channels, shape.height, shape.width}, grad->dtype);
  if (result->is_meta()) return result.release_py();
  fill_bytes(*result, 0);
  if (grad->numel && result->numel)
    in_precision(a, *grad, [&]<class T>(T*) {
      const T *from = grad->as<T>(), *boxes = regions->as<T>();
      T* to = result->as<T>();
      check_images(a, shape, boxes);
      LongWork unlocked(grad->numel > long_work);
      roi_mean_backward(shape, from, boxes, to);
    });
  return result.release_py();
}

PyObject* py_roi_max(const Call& call) {
  Args a(call);
  TensorRef input = contiguous(a.tensor(0)), regions = contiguous(a.tensor(1));
  check_alike(a, *input, *regions);
  const RoiShape shape = roi_shape(a, 2, *regions);
  TensorRef output =
      empty({shape.regions, shape.channels, shape.rows, shape.columns}, input->dtype);
  TensorRef places = empty(sizes_of(*output), DType::int64);
  if (output->numel && !output->is_meta())
    in_precision(a, *input, [&]<class T>(T*) {
      const T *from = input->as<T>(), *boxes = regions->as<T>();
      T* to = output->as<T>();
      auto* at = places->as<int64_t>();
      check_images(a, shape, boxes);
      LongWork unlocked(output->numel > long_work);
      roi_max(shape, from, boxes, to, at);
    });
  return tensor_tuple({output, places});
}

/// From argument `first` on: kernel, stride, padding, dilation, out (pairs), groups.
DeformShape deform_shape(const Args& a, int first, const Tensor& input) {
  DeformShape shape;
  shape.n = input.sizes[0], shape.channels = input.sizes[1];
  shape.height = input.sizes[2], shape.width = input.sizes[3];
  int64_t* pairs[] = {shape.kernel, shape.stride, shape.padding, shape.dilation, shape.out};
  for (int i = 0; i < 5; ++i) {
    const Dims pair = to_dims(a[first + i], a.function());
    pairs[i][0] = pair[0], pairs[i][1] = pair[1];
  }
  shape.groups = a.integer(first + 5);
  return shape;
}

PyObject* py_deform_columns(const Call& call) {
  Args a(call);
  TensorRef input = contiguous(a.tensor(0)), offset = contiguous(a.tensor(1)), mask;
  if (a.given(2)) mask = contiguous(a.tensor(2));
  const DeformShape shape = deform_shape(a, 3, *input);
  TensorRef columns = empty({shape.n, shape.channels * shape.taps(), shape.places()}, input->dtype);
  if (columns->numel && !columns->is_meta())
    in_precision(a, *input, [&]<class T>(T*) {
      const T *from = input->as<T>(), *moves = offset->as<T>();
      const T* factor = mask ? mask->as<T>() : nullptr;
      T* to = columns->as<T>();
      LongWork unlocked(columns->numel > long_work);
      deform_columns(shape, from, moves, factor, to);
    });
  return columns.release_py();
}

PyObject* py_deform_columns_backward(const Call& call) {
  Args a(call);
  TensorRef grad = contiguous(a.tensor(0)), input = contiguous(a.tensor(1)),
            offset = contiguous(a.tensor(2)), mask;
  if (a.given(3)) mask = contiguous(a.tensor(3));
  const DeformShape shape = deform_shape(a, 4, *input);
  TensorRef grad_input = empty(sizes_of(*input), input->dtype),
            grad_offset = empty(sizes_of(*offset), input->dtype), grad_mask;
  fill_bytes(*grad_input, 0);
  if (mask) grad_mask = empty(sizes_of(*mask), input->dtype);
  if (grad->numel)
    in_precision(a, *input, [&]<class T>(T*) {
      const T *g = grad->as<T>(), *from = input->as<T>(), *moves = offset->as<T>();
      const T* factor = mask ? mask->as<T>() : nullptr;
      T *to_input = grad_input->as<T>(), *to_offset = grad_offset->as<T>();
      T* to_mask = mask ? grad_mask->as<T>() : nullptr;
      LongWork unlocked(grad->numel > long_work);
      deform_columns_backward(shape, g, from, moves, factor, to_input, to_offset, to_mask);
    });
  std::vector<TensorRef> results{grad_input, grad_offset};
  if (mask) results.push_back(grad_mask);
  return tensor_tuple(results);
}

/// _resample(images uint8 (N, H, W), height, width, cubic) -> uint8 (N, height, width)
PyObject* py_resample(const Call& call) {
  Args a(call);
  TensorRef images = contiguous(a.tensor(0));
  check(images->dtype == DType::uint8 && images->ndim == 3, [&] {
    return message(a.function(), ": images are ", describe(*images),
                   "; they must be uint8 (N, H, W).");
  });
  const int64_t height = a.integer(1), width = a.integer(2);
  const Filter filter = a.truth(3) ? Filter::cubic : Filter::triangle;
  TensorRef result = empty({images->sizes[0], height, width}, DType::uint8);
  if (result->numel && !result->is_meta()) {
    const auto* from = images->as<uint8_t>();
    auto* to = result->as<uint8_t>();
    LongWork unlocked(result->numel > long_work);
    resample(from, images->sizes[0], images->sizes[1], images->sizes[2], to, height, width, filter);
  }
  return result.release_py();
}

const NativeEntry functions[] = {
    {"_resample", "images, height, width, cubic", py_resample,
     "Images of bytes in another size, antialiased."},
    {"_nms", "boxes, order, threshold", py_nms, "Which boxes stay, in their order."},
    {"_roi_mean", "input, boxes, sizes, bins, scale, sampling, flags", py_roi_mean,
     "Means of bins of regions, without history."},
    {"_roi_mean_backward", "grad_output, boxes, sizes, bins, scale, sampling, flags",
     py_roi_mean_backward, "Gradients spread over the bins of regions."},
    {"_roi_max", "input, boxes, sizes, bins, scale, sampling, flags", py_roi_max,
     "Maxima of bins of regions and their places, without history."},
    {"_deform_columns", "input, offset, mask, kernel, stride, padding, dilation, out, groups",
     py_deform_columns, "What moved taps see, without history."},
    {"_deform_columns_backward",
     "grad, input, offset, mask, kernel, stride, padding, dilation, out, groups",
     py_deform_columns_backward, "Gradients of what moved taps see."},
    {}};

}  // namespace

void initialize_vision(PyObject* module) { add_functions(module, functions); }

}  // namespace flambeau
