// Running sums and extrema, and moves along dimensions.
#include "kernels/order/scan.h"

#include "dispatch/memory_format.h"
#include "dispatch/raw/lanes.h"
#include "dispatch/raw/order.h"
#include "kernels/elements/move.h"

namespace flambeau::raw {

/// input itself, or a contiguous copy: to make one takes less than lanes with gaps cost.
static TensorRef packed(Tensor& input) {
  return input.contiguous || input.is_meta() ? TensorRef::borrow(&input) : contiguous(input);
}

template <auto kernel>
static TensorRef scan(Called op, Tensor& input, int64_t given_dim) {
  int dim = wrap_dim(given_dim, input.ndim, op);
  const bool counts = input.dtype == DType::bool_ || is_integral(input.dtype);
  TensorRef out = empty(sizes_of(input), counts ? DType::int64 : input.dtype);
  if (out->is_meta()) return out;
  const TensorRef rows = packed(input);
  Lanes to(*out), from(*rows);
  {
    LongWork unlocked(input.numel > grain);
    if (input.numel) kernel(to, from, dim);
  }
  return out;
}

template <auto kernel>
static Pair running_best(Called op, Tensor& input, int64_t given_dim) {
  int dim = wrap_dim(given_dim, input.ndim, op);
  check_ordered(input, op);
  TensorRef values = empty(sizes_of(input), input.dtype),
            indices = empty(sizes_of(input), DType::int64);
  if (input.is_meta()) return Pair(values, indices);
  const TensorRef rows = packed(input);
  Lanes to(*values), at(*indices), from(*rows);
  {
    LongWork unlocked(input.numel > grain);
    if (input.numel) kernel(to, at, from, dim);
  }
  return Pair(values, indices);
}

TensorRef cumsum(Called op, Tensor& input, int64_t dim) {
  return scan<flambeau::cumsum>(op, input, dim);
}
TensorRef cumprod(Called op, Tensor& input, int64_t dim) {
  return scan<flambeau::cumprod>(op, input, dim);
}
TensorRef logcumsumexp(Called op, Tensor& input, int64_t dim) {
  return scan<flambeau::logcumsumexp>(op, input, dim);
}
Pair cummax(Called op, Tensor& input, int64_t dim) {
  return running_best<flambeau::cummax>(op, input, dim);
}
Pair cummin(Called op, Tensor& input, int64_t dim) {
  return running_best<flambeau::cummin>(op, input, dim);
}

static std::vector<int> wrapped(const std::vector<int64_t>& given, const Tensor& of,
                                const char* op) {
  std::vector<int> dims;
  for (int64_t dim : given) dims.push_back(wrap_dim(dim, of.ndim, op));
  return dims;
}

TensorRef flip(Tensor& input, const std::vector<int64_t>& given_dims) {
  std::vector<int> dims = wrapped(given_dims, input, "flip");
  TensorRef out = empty_like(input, input.dtype);
  if (out->is_meta()) return out;
  Lanes to(*out), from(input);
  {
    LongWork unlocked(input.numel > grain);
    flambeau::flip(to, from, static_cast<int>(dims.size()), dims.data());
  }
  return out;
}

TensorRef roll(Tensor& input, const std::vector<int64_t>& shifts,
               const std::vector<int64_t>& given_dims) {
  std::vector<int> dims = wrapped(given_dims, input, "roll");
  check(shifts.size() == dims.size(), [&] {
    return message("roll: there are ", shifts.size(), " shifts for ", dims.size(),
                   " dims. Give one shift for each dim.");
  });
  TensorRef out = is_channels_last(format_shown(input)) ? empty_like(input, input.dtype)
                                                        : empty(sizes_of(input), input.dtype);
  if (out->is_meta()) return out;
  Lanes to(*out), from(input);
  {
    LongWork unlocked(input.numel > grain);
    flambeau::roll(to, from, static_cast<int>(dims.size()), dims.data(), shifts.data());
  }
  return out;
}

TensorRef triangle(Tensor& input, bool upper, int64_t diagonal) {
  TensorRef out = empty(sizes_of(input), input.dtype);
  if (out->is_meta()) return out;
  Strided to = out->strided(), from = input.strided();
  LongWork unlocked(input.numel > grain);
  flambeau::triangle(to, from, upper, diagonal);
  return out;
}

TensorRef triangle_places(int64_t rows, int64_t columns, int64_t offset, bool upper,
                          int64_t count) {
  TensorRef out = empty(Dims{2, count}, DType::int64);
  if (out->is_meta() || count == 0) return out;
  LongWork unlocked(count > grain);
  flambeau::triangle_places(out->as<int64_t>(), count, rows, columns, offset, upper);
  return out;
}

TensorRef embed_diagonal(Tensor& input, int64_t offset) {
  const int64_t n = input.sizes[input.ndim - 1] + std::abs(offset);
  Dims sizes(input.sizes, input.ndim - 1);
  sizes.push(n);
  sizes.push(n);
  TensorRef out = empty(sizes, input.dtype);
  if (out->is_meta()) return out;
  Strided to = out->strided(), from = input.strided();
  LongWork unlocked(out->numel > grain);
  flambeau::embed_diagonal(to, from, offset);
  return out;
}

}  // namespace flambeau::raw
