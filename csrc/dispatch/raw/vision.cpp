// Boxes, regions, moved taps and resampling of tensors, without history.
#include "dispatch/raw/vision.h"

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/raw/precision.h"
#include "kernels/vision/deform.h"
#include "kernels/vision/nms.h"
#include "kernels/vision/pixels.h"
#include "kernels/vision/png.h"
#include "kernels/vision/resample.h"
#include "kernels/vision/roi.h"

namespace flambeau::raw {

namespace {

void check_alike(const char* op, const Tensor& t, const Tensor& other) {
  check(t.dtype == other.dtype, [&] {
    return message(op, ": dtypes differ, ", describe(t), " and ", describe(other), ".");
  });
}

RoiShape roi_shape(const char* op, const RoiBins& given, const Tensor& regions) {
  const Dims &sizes = given.sizes, &bins = given.bins;
  RoiShape shape;
  shape.n = sizes[0], shape.channels = sizes[1], shape.height = sizes[2], shape.width = sizes[3];
  shape.rows = bins[0], shape.columns = bins[1];
  shape.scale = given.scale;
  shape.sampling = given.sampling;
  const int64_t flags = given.flags;
  shape.aligned = flags & 1, shape.by_position = flags & 2, shape.bilinear = !(flags & 4);
  shape.regions = regions.ndim ? regions.sizes[0] : 0;
  check(regions.ndim == 2 && regions.sizes[1] == 5,
        [&] { return message(op, ": boxes are ", describe(regions), "; they must be (K, 5)."); });
  return shape;
}

/// Each region names an image that is there.
template <class T>
void check_images(const char* op, const RoiShape& shape, const T* regions) {
  for (int64_t k = 0; k < shape.regions; ++k)
    check<IndexError>(regions[5 * k] >= 0 && regions[5 * k] < static_cast<T>(shape.n), [&] {
      return message(op, ": box ", k, " is of image ", static_cast<int64_t>(regions[5 * k]),
                     ", but there are ", shape.n, ".");
    });
}

}  // namespace

TensorRef nms(Tensor& given_boxes, Tensor& given_order, double threshold) {
  TensorRef boxes = contiguous(given_boxes), order = contiguous(given_order);
  const int64_t n = order->numel;
  check(boxes->numel == 4 * n && order->dtype == DType::int64, [&] {
    return message("nms: boxes ", describe(*boxes), " do not fit an order ", describe(*order), ".");
  });
  TensorRef kept = empty(sizes_of(*order), DType::int64);
  int64_t count = 0;
  in_precision("nms", *boxes, [&]<class T>(T*) {
    const T* from = boxes->as<T>();
    const auto* places = order->as<int64_t>();
    auto* to = kept->as<int64_t>();
    LongWork unlocked(n > 100);
    count = flambeau::nms(from, places, n, threshold, to);
  });
  return slice(*kept, 0, 0, count, 1);
}

TensorRef roi_mean(Tensor& given, Tensor& boxes, const RoiBins& bins) {
  const char* op = "roi_mean";
  TensorRef input = contiguous(given), regions = contiguous(*clone(boxes));
  check_alike(op, *input, *regions);
  const RoiShape shape = roi_shape(op, bins, *regions);
  TensorRef output =
      empty({shape.regions, shape.out_channels(), shape.rows, shape.columns}, input->dtype);
  if (output->numel && !output->is_meta())
    in_precision(op, *input, [&]<class T>(T*) {
      const T *from = input->as<T>(), *regions_at = regions->as<T>();
      T* to = output->as<T>();
      check_images(op, shape, regions_at);
      LongWork unlocked(output->numel > long_work);
      flambeau::roi_mean(shape, from, regions_at, to);
    });
  return output;
}

TensorRef roi_mean_backward(Tensor& grad_output, Tensor& boxes, const RoiBins& bins) {
  const char* op = "roi_mean_backward";
  TensorRef grad = contiguous(grad_output), regions = contiguous(*clone(boxes));
  check_alike(op, *grad, *regions);
  const RoiShape shape = roi_shape(op, bins, *regions);
  TensorRef result = empty({shape.n, shape.channels, shape.height, shape.width}, grad->dtype);
  if (result->is_meta()) return result;
  fill_bytes(*result, 0);
  if (grad->numel && result->numel)
    in_precision(op, *grad, [&]<class T>(T*) {
      const T *from = grad->as<T>(), *regions_at = regions->as<T>();
      T* to = result->as<T>();
      check_images(op, shape, regions_at);
      LongWork unlocked(grad->numel > long_work);
      flambeau::roi_mean_backward(shape, from, regions_at, to);
    });
  return result;
}

std::tuple<TensorRef, TensorRef> roi_max(Tensor& given, Tensor& boxes, const RoiBins& bins) {
  const char* op = "roi_max";
  TensorRef input = contiguous(given), regions = contiguous(*clone(boxes));
  check_alike(op, *input, *regions);
  const RoiShape shape = roi_shape(op, bins, *regions);
  TensorRef output =
      empty({shape.regions, shape.channels, shape.rows, shape.columns}, input->dtype);
  TensorRef places = empty(sizes_of(*output), DType::int64);
  if (output->numel && !output->is_meta())
    in_precision(op, *input, [&]<class T>(T*) {
      const T *from = input->as<T>(), *regions_at = regions->as<T>();
      T* to = output->as<T>();
      auto* at = places->as<int64_t>();
      check_images(op, shape, regions_at);
      LongWork unlocked(output->numel > long_work);
      flambeau::roi_max(shape, from, regions_at, to, at);
    });
  return {output, places};
}

static DeformShape deform_shape(const DeformTaps& taps, const Tensor& input) {
  DeformShape shape;
  shape.n = input.sizes[0], shape.channels = input.sizes[1];
  shape.height = input.sizes[2], shape.width = input.sizes[3];
  for (auto [to, pair] : {std::pair{shape.kernel, &taps.kernel},
                          {shape.stride, &taps.stride},
                          {shape.padding, &taps.padding},
                          {shape.dilation, &taps.dilation},
                          {shape.out, &taps.out}})
    to[0] = (*pair)[0], to[1] = (*pair)[1];
  shape.groups = taps.groups;
  return shape;
}

TensorRef deform_columns(Tensor& given_input, Tensor& given_offset, Tensor* given_mask,
                         const DeformTaps& taps) {
  TensorRef input = contiguous(given_input), offset = contiguous(given_offset), mask;
  if (given_mask) mask = contiguous(*given_mask);
  const DeformShape shape = deform_shape(taps, *input);
  TensorRef columns = empty({shape.n, shape.channels * shape.taps(), shape.places()}, input->dtype);
  if (columns->numel && !columns->is_meta())
    in_precision("deform_columns", *input, [&]<class T>(T*) {
      const T *from = input->as<T>(), *moves = offset->as<T>();
      const T* factor = mask ? mask->as<T>() : nullptr;
      T* to = columns->as<T>();
      LongWork unlocked(columns->numel > long_work);
      flambeau::deform_columns(shape, from, moves, factor, to);
    });
  return columns;
}

std::tuple<TensorRef, TensorRef, TensorRef> deform_columns_backward(Tensor& grad_columns,
                                                                    Tensor& given_input,
                                                                    Tensor& given_offset,
                                                                    Tensor* given_mask,
                                                                    const DeformTaps& taps) {
  TensorRef grad = contiguous(grad_columns), input = contiguous(given_input),
            offset = contiguous(given_offset), mask;
  if (given_mask) mask = contiguous(*given_mask);
  const DeformShape shape = deform_shape(taps, *input);
  TensorRef grad_input = empty(sizes_of(*input), input->dtype),
            grad_offset = empty(sizes_of(*offset), input->dtype), grad_mask;
  fill_bytes(*grad_input, 0);
  if (mask) grad_mask = empty(sizes_of(*mask), input->dtype);
  if (grad->numel)
    in_precision("deform_columns", *input, [&]<class T>(T*) {
      const T *g = grad->as<T>(), *from = input->as<T>(), *moves = offset->as<T>();
      const T* factor = mask ? mask->as<T>() : nullptr;
      T *to_input = grad_input->as<T>(), *to_offset = grad_offset->as<T>();
      T* to_mask = mask ? grad_mask->as<T>() : nullptr;
      LongWork unlocked(grad->numel > long_work);
      flambeau::deform_columns_backward(shape, g, from, moves, factor, to_input, to_offset,
                                        to_mask);
    });
  return {grad_input, grad_offset, grad_mask};
}

TensorRef resample(Tensor& given, int64_t height, int64_t width, bool cubic) {
  TensorRef images = contiguous(given);
  check(images->dtype == DType::uint8 && images->ndim == 3, [&] {
    return message("resample: images are ", describe(*images), "; they must be uint8 (N, H, W).");
  });
  const Filter filter = cubic ? Filter::cubic : Filter::triangle;
  TensorRef result = empty({images->sizes[0], height, width}, DType::uint8);
  if (result->numel && !result->is_meta()) {
    const auto* from = images->as<uint8_t>();
    auto* to = result->as<uint8_t>();
    LongWork unlocked(result->numel > long_work);
    flambeau::resample(from, images->sizes[0], images->sizes[1], images->sizes[2], to, height,
                       width, filter);
  }
  return result;
}

namespace {

/// The bytes between two rows of pixels, whose bytes lie side by side.
int64_t row_of_pixels(const char* op, const Tensor& pixels) {
  check(pixels.dtype == DType::uint8 && pixels.ndim == 3 && pixels.sizes[2] == 4 &&
            pixels.strides[2] == 1 && pixels.strides[1] == 4,
        [&] {
          return message(op, ": pixels are ", describe(pixels),
                         "; they must be uint8 (H, W, 4), those of a row side by side.");
        });
  return pixels.strides[0];
}

}  // namespace

TensorRef resample_pixels(Tensor& pixels, int64_t height, int64_t width, bool cubic,
                          bool height_first) {
  const int64_t row = row_of_pixels("resample_pixels", pixels);
  check(pixels.numel > 0 && height > 0 && width > 0, [&] {
    return message("resample_pixels: pixels are ", describe(pixels), ", the size is (", height,
                   ", ", width, "); none of them may be 0.");
  });
  TensorRef result = empty({height, width, 4}, DType::uint8);
  const auto* from = pixels.as<uint8_t>();
  auto* to = result->as<uint8_t>();
  LongWork unlocked(result->numel > long_work);
  flambeau::resample_pixels(from, row, pixels.sizes[0], pixels.sizes[1], to, height, width,
                            cubic ? Filter::cubic : Filter::triangle, height_first);
  return result;
}

TensorRef planes(Tensor& pixels, int64_t channels, bool floating) {
  const int64_t row = row_of_pixels("planes", pixels), height = pixels.sizes[0],
                width = pixels.sizes[1];
  check(channels > 0 && channels <= 4,
        [&] { return message("planes: channels is ", channels, "; it must be 1 to 4."); });
  TensorRef result = empty({channels, height, width}, floating ? DType::float32 : DType::uint8);
  if (!result->numel) return result;
  const auto* from = pixels.as<uint8_t>();
  void* to = result->data();
  LongWork unlocked(result->numel > long_work);
  if (floating)
    flambeau::planes(from, row, channels, height, width, static_cast<float*>(to));
  else
    flambeau::planes(from, row, channels, height, width, static_cast<uint8_t*>(to));
  return result;
}

TensorRef png_lines(Tensor& given, int64_t step) {
  TensorRef lines = contiguous(given);
  check(lines->dtype == DType::uint8 && lines->ndim == 2 && lines->sizes[1] > 0 && step > 0, [&] {
    return message("png_lines: lines are ", describe(*lines), " and step is ", step,
                   "; they must be uint8 (rows, 1 + bytes) and above 0.");
  });
  const int64_t rows = lines->sizes[0], bytes = lines->sizes[1] - 1;
  TensorRef result = empty({rows, bytes}, DType::uint8);
  int64_t wrong = -1;
  if (result->numel) {
    const auto* from = lines->as<uint8_t>();
    auto* to = result->as<uint8_t>();
    LongWork unlocked(result->numel > long_work);
    wrong = flambeau::png_lines(from, rows, bytes, step, to);
  }
  check(wrong < 0, [&] {
    return message("decode_png: the filter of line ", wrong,
                   " is none of PNG; the file is damaged.");
  });
  return result;
}

}  // namespace flambeau::raw
