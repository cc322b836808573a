#include "dispatch/memory_format.h"

#include "dispatch/basics.h"
#include "dispatch/cuda_copy.h"

namespace flambeau {

namespace {

int ndim_of(Format format) { return format == Format::channels_last_3d ? 5 : 4; }

Dims strides_channels_innermost(const Dims& sizes) {
  Dims strides = sizes;
  int64_t step = 1;
  auto visit = [&](int d) {
    strides[d] = step;
    step *= std::max<int64_t>(sizes[d], 1);
  };
  visit(1);
  for (int d = sizes.n - 1; d >= 2; --d) visit(d);
  visit(0);
  return strides;
}

}  // namespace

Dims channels_last_strides(const Dims& sizes, Format format, const char* op) {
  check(sizes.n == ndim_of(format), [&] {
    return message(
        op,
        ": memory_format=", format == Format::channels_last ? "channels_last" : "channels_last_3d",
        " needs ", ndim_of(format), " dimensions, but got sizes ", to_string(sizes), ".");
  });
  return strides_channels_innermost(sizes);
}

bool is_in_format(const Tensor& t, Format format) {
  if (format == Format::preserve) return true;
  if (!is_channels_last(format)) return t.contiguous;
  if (t.ndim != ndim_of(format)) return false;
  Dims wanted = strides_channels_innermost(sizes_of(t));
  for (int d = 0; d < t.ndim; ++d)
    if (t.sizes[d] != 1 && t.strides[d] != wanted[d]) return t.numel == 0;
  return true;
}

Format format_shown(const Tensor& t) {
  if ((t.ndim != 4 && t.ndim != 5) || t.numel == 0) return Format::contiguous;
  // Each dimension's stride is at least what the ones inside it span. That of the channels is not
  // 0, and the batch steps further than one channel, for else any order fits.
  int64_t span = 0;
  auto fits = [&](int d) {
    if (t.strides[d] < span || (d == 0 && span == t.strides[1])) return false;
    span = t.strides[d] * t.sizes[d];
    return true;
  };
  bool shown = t.strides[1] != 0 && fits(1);
  for (int d = t.ndim - 1; shown && d >= 2; --d) shown = fits(d);
  if (!shown || !fits(0)) return Format::contiguous;
  return t.ndim == 4 ? Format::channels_last : Format::channels_last_3d;
}

TensorRef in_format(Tensor& t, Format format, const char* op) {
  if (!is_channels_last(format))
    return format == Format::contiguous ? contiguous(t) : TensorRef::borrow(&t);
  Dims strides = channels_last_strides(sizes_of(t), format, op);
  if (is_in_format(t, format)) return TensorRef::borrow(&t);
  return clone_with(t, strides);
}

void lay_out(Tensor& result, Format format) {
  if (!is_channels_last(format) || result.ndim != ndim_of(format) ||
      result.storage->version.references != 1)
    return;
  Dims sizes = sizes_of(result), strides = strides_channels_innermost(sizes);
  if (is_in_format(result, format)) {  // but for strides of dimensions of size 1, which show it
    set_layout(result, sizes, strides, result.offset);
    return;
  }
  TensorRef made = empty_strided(sizes, strides, result.dtype);
  copy_bytes(*made, result);
  std::swap(result.storage, made->storage);
  set_layout(result, sizes, strides, 0);
}

/// What orders memory: preserve_format names none.
static Format order_named(const char* op, Format format) {
  check(format != Format::preserve,
        [&] { return message(op, ": preserve_format is not an order of memory; name one."); });
  return format;
}

TensorRef in_order(Called op, Tensor& t, Format format) {
  return in_format(t, format == Format::unsaid ? Format::contiguous : order_named(op, format), op);
}

bool is_in_order(Called, Tensor& t, Format format) {
  return format == Format::unsaid || format == Format::preserve ? t.contiguous
                                                                : is_in_format(t, format);
}

TensorRef clone_of(Tensor& t, Format format) {
  if (format == Format::contiguous) return clone_with(t, contiguous_strides(sizes_of(t)));
  if (is_channels_last(format))
    return clone_with(t, channels_last_strides(sizes_of(t), format, "clone"));
  return clone(t);
}

TensorRef keep_format(Tensor& result, Tensor& input) {
  const Format format = result.ndim == input.ndim ? format_shown(input) : Format::contiguous;
  return is_channels_last(format) ? in_format(result, format, "_keep_format")
                                  : TensorRef::borrow(&result);
}

TensorRef converted(Called op, Tensor& t, DType dtype, Device device, bool copy, bool later,
                    Format format) {
  TensorRef out = dtype != t.dtype               ? to_dtype(t, dtype)
                  : copy && device == t.device() ? clone(t)
                                                 : TensorRef::borrow(&t);
  {
    NonBlocking copies(later);
    out = to_device(*out, device);
  }
  if (format == Format::contiguous || is_channels_last(format)) out = in_format(*out, format, op);
  return out;
}

}  // namespace flambeau
