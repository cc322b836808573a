// Borders around tensors, without history.
#include "kernels/elements/border.h"

#include <algorithm>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/numbers.h"
#include "dispatch/raw/layers.h"

namespace flambeau::raw {

namespace {

/// Where the place p, which may lie outside of [0, size), takes its value from; `kept` is what
/// cutting leaves of [0, size).
int64_t source_of(std::string_view mode, int64_t p, int64_t size,
                  std::pair<int64_t, int64_t> kept) {
  if (mode == "replicate") return std::clamp<int64_t>(p, 0, size - 1);
  if (mode == "reflect") return size - 1 - std::abs(size - 1 - std::abs(p));
  const int64_t length = kept.second - kept.first, rest = (p - kept.first) % length;
  return kept.first + (rest < 0 ? rest + length : rest);
}

/// Sums of two of these and a size do not overflow; no memory holds as much.
constexpr int64_t widest = int64_t{1} << 60;

bool sane(const std::vector<int64_t>& pad, int64_t least) {
  return std::all_of(pad.begin(), pad.end(), [&](int64_t p) { return p >= least && p <= widest; });
}

/// A tensor, the mode, and (before, after) for each of its last dims, the last one first: the
/// border, and the sizes with it, or without it where `sizes` has it already.
struct Padding {
  Border border;
  Dims sizes;

  Padding(const char* op, const Tensor& t, std::string_view mode, const std::vector<int64_t>& pad,
          bool has_border)
      : sizes(sizes_of(t)) {
    const int n = static_cast<int>(pad.size() / 2), first = t.ndim - n;
    check(n <= 3 && n <= t.ndim && sane(pad, -widest), [&] {
      return message(op, ": ", n, " dims are to be padded of a tensor ", describe(t), ".");
    });
    for (int d = 0; d < first; ++d) border.planes *= t.sizes[d];
    for (int d = 0; d < 3; ++d) {
      const int own = first + d - (3 - n);  // the tensor's dim
      const bool is_there = d >= 3 - n;
      const int64_t before = is_there ? pad[2 * (2 - d)] : 0,
                    after = is_there ? pad[2 * (2 - d) + 1] : 0;
      const int64_t given = is_there ? t.sizes[own] : 1;
      const int64_t size = has_border ? given - before - after : given,
                    wide = size + before + after;
      const std::pair<int64_t, int64_t> kept{std::max<int64_t>(0, -before),
                                             size - std::max<int64_t>(0, -after)};
      const bool has_source =
          mode == "replicate" ||
          (mode == "reflect" ? before < size && after < size : kept.first < kept.second);
      check(size >= 1 && wide >= 1 && has_source, [&] {
        return message(op, ": ", before, " and ", after, " do not fit dim ", own, " of ",
                       describe(t), ".");
      });
      border.size[d] = size;
      border.source[d].resize(wide);
      for (int64_t i = 0; i < wide; ++i)
        border.source[d][i] = source_of(mode, i - before, size, kept);
      // Where one side takes all of the middle away, the other's places may be cut too.
      border.inside[d] = {std::clamp<int64_t>(before, 0, wide),
                          std::max<int64_t>(0, kept.second - kept.first)};
      if (is_there) sizes[own] = has_border ? size : wide;
    }
  }
};

}  // namespace

TensorRef add_border(Tensor& input, std::string_view mode, const std::vector<int64_t>& pad) {
  const Padding padding("add_border", input, mode, pad, false);
  TensorRef from = contiguous(input), out = empty(padding.sizes, input.dtype);
  if (out->is_meta() || out->numel == 0) return out;
  LongWork unlocked(out->numel > grain);
  flambeau::add_border(padding.border, itemsize(input.dtype), from->data(), out->data());
  return out;
}

TensorRef add_constant_border(Tensor& input, const std::vector<int64_t>& pad, PyObject* value) {
  const int n = static_cast<int>(pad.size() / 2);
  check(n <= 3 && n <= input.ndim && sane(pad, 0),
        [&] { return message("pad: this border is not for ", describe(input), "."); });
  ConstantBorder border;
  Dims sizes = sizes_of(input);
  for (int d = 0; d < input.ndim - n; ++d) border.planes *= input.sizes[d];
  for (int i = 0; i < n; ++i) {
    const int own = input.ndim - 1 - i;
    border.size[2 - i] = input.sizes[own];
    border.before[2 - i] = pad[2 * i];
    border.after[2 - i] = pad[2 * i + 1];
    sizes[own] += pad[2 * i] + pad[2 * i + 1];
  }
  alignas(16) char item[16];
  store_number(value, input.dtype, item, "pad");
  TensorRef from = contiguous(input), out = empty(sizes, input.dtype);
  if (out->is_meta() || out->numel == 0) return out;
  LongWork unlocked(out->numel > grain);
  flambeau::add_constant_border(border, itemsize(input.dtype), item, from->data(), out->data());
  return out;
}

TensorRef fold_border(Tensor& grad, std::string_view mode, const std::vector<int64_t>& pad) {
  check(grad.dtype == DType::float32 || grad.dtype == DType::float64 || is_complex(grad.dtype),
        [&] { return message("fold_border: the gradient is ", name(grad.dtype), "."); });
  const Padding padding("fold_border", grad, mode, pad, true);
  TensorRef from = contiguous(grad), out = empty(padding.sizes, grad.dtype);
  if (out->is_meta() || out->numel == 0) return out;
  LongWork unlocked(grad.numel > grain);
  flambeau::fold_border(padding.border, grad.dtype, from->data(), out->data());
  return out;
}

}  // namespace flambeau::raw
