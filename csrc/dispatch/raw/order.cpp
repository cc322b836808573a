// Sorting, searching and counting.
#include "dispatch/raw/order.h"

#include <cstring>
#include <limits>
#include <optional>

#include "dispatch/raw/lanes.h"
#include "kernels/order/search.h"
#include "kernels/order/sort.h"
#include "kernels/order/unique.h"
#include "runtime/threads.h"

namespace flambeau::raw {

// ---- sorting

/// Lanes that hold one value each, as expand() makes them: nothing is to be sorted.
static bool repeats_along(const Tensor& t, int dim) {
  return t.ndim > 0 && t.strides[dim] == 0 && t.numel > 0 && !t.is_meta();
}

/// Each lane of `to` becomes 0, 1, 2 ...
static void count_along(Tensor& to, int dim) {
  const int64_t n = to.sizes[dim];
  TensorRef places = empty({n}, DType::int64);
  for (int64_t i = 0; i < n; ++i) places->as<int64_t>()[i] = i;
  Dims strides = sizes_of(to);
  for (int d = 0; d < to.ndim; ++d) strides[d] = d == dim;
  copy_bytes(to, *raw_view(*places, sizes_of(to), strides, 0));
}

Pair sort(Tensor& input, int64_t given_dim, bool descending) {
  int dim = wrap_dim(given_dim, input.ndim, "sort");
  check_ordered(input, "sort");
  TensorRef values = empty_like(input, input.dtype), indices = empty_like(input, DType::int64);
  if (input.is_meta()) return Pair(values, indices);
  if (repeats_along(input, dim)) {
    copy_bytes(*values, input);
    count_along(*indices, dim);
    return Pair(values, indices);
  }
  Lanes to(*values), at(*indices), from(input);
  {
    LongWork unlocked(input.numel > grain);
    if (input.numel) flambeau::sort(&to, at, from, dim, descending);
  }
  return Pair(values, indices);
}

TensorRef argsort(Tensor& input, int64_t given_dim, bool descending) {
  int dim = wrap_dim(given_dim, input.ndim, "argsort");
  check_ordered(input, "argsort");
  TensorRef indices = empty_like(input, DType::int64);
  if (input.is_meta()) return indices;
  if (repeats_along(input, dim)) {
    count_along(*indices, dim);
    return indices;
  }
  Lanes at(*indices), from(input);
  {
    LongWork unlocked(input.numel > grain);
    if (input.numel) flambeau::sort(nullptr, at, from, dim, descending);
  }
  return indices;
}

Pair topk(Tensor& input, int64_t k, int64_t given_dim, bool largest, bool sorted) {
  int dim = wrap_dim(given_dim, input.ndim, "topk");
  check_ordered(input, "topk");
  check(k >= 0 && k <= size_at(input, dim), [&] {
    return message("topk: k is ", k, ", but dim ", dim, " has size ", size_at(input, dim),
                   " (allowed are 0 to ", size_at(input, dim), ").");
  });
  Dims sizes = with_size(input, dim, k);
  TensorRef values = empty(sizes, input.dtype), indices = empty(sizes, DType::int64);
  if (input.is_meta()) return Pair(values, indices);
  Lanes to(*values), at(*indices), from(input);
  {
    LongWork unlocked(input.numel > grain);
    if (input.ndim == 0) k = 1;  // a number is its own best, also of none
    if (values->numel) flambeau::topk(to, at, from, dim, k, largest, sorted);
  }
  return Pair(values, indices);
}

static void check_elements(const char* op, Tensor& input, int dim) {
  check<IndexError>(size_at(input, dim) > 0, [&] {
    return message(op, ": dim ", dim, " of input ", shape(input),
                   " is empty, so no element of it can be chosen.");
  });
}

/// What one lane of input comes down to: values and places, with size 1 along dim or without it.
template <class Kernel>
static Pair select_one(const char* op, Tensor& input, int dim, bool keepdim, Kernel&& kernel) {
  check_ordered(input, op);
  check_elements(op, input, dim);
  Dims sizes = with_size(input, dim, 1);
  TensorRef values = empty(sizes, input.dtype), indices = empty(sizes, DType::int64);
  if (!input.is_meta()) {
    Lanes to(*values), at(*indices), from(input);
    LongWork unlocked(input.numel > grain);
    if (input.numel) kernel(to, at, from);
  }
  if (keepdim || input.ndim == 0) return Pair(values, indices);
  Dims out = without_dim(input, dim);
  return Pair(view(*values, out), view(*indices, out));
}

Pair kthvalue(Tensor& input, int64_t k, int64_t given_dim, bool keepdim) {
  int dim = wrap_dim(given_dim, input.ndim, "kthvalue");
  check_elements("kthvalue", input, dim);
  check(k >= 1 && k <= size_at(input, dim), [&] {
    return message("kthvalue: k is ", k, ", but dim ", dim, " has size ", size_at(input, dim),
                   " (allowed are 1 to ", size_at(input, dim), ").");
  });
  return select_one("kthvalue", input, dim, keepdim, [&](auto& to, auto& at, auto& from) {
    flambeau::kthvalue(to, at, from, dim, k);
  });
}

Pair median(Called op, Tensor& input, int64_t given_dim, bool keepdim, bool ignore_nan) {
  int dim = wrap_dim(given_dim, input.ndim, op);
  return select_one(op, input, dim, keepdim, [&](auto& to, auto& at, auto& from) {
    flambeau::median(to, at, from, dim, ignore_nan);
  });
}

Pair mode(Tensor& input, int64_t given_dim, bool keepdim) {
  int dim = wrap_dim(given_dim, input.ndim, "mode");
  return select_one("mode", input, dim, keepdim,
                    [&](auto& to, auto& at, auto& from) { flambeau::mode(to, at, from, dim); });
}

// ---- searching and counting

/// searchsorted(sequence, values, right, out_int32, sorter)
TensorRef searchsorted(Tensor& sequence, Tensor& values, bool right, bool int32, Tensor* sorter) {
  check_ordered(sequence, "searchsorted");
  check_same_dtype(sequence, values, "searchsorted", "values");
  check(sequence.ndim > 0,
        [] { return message("searchsorted: sorted_sequence is 0-dim; it needs 1 dim or more."); });
  bool rows = sequence.ndim == values.ndim;
  for (int d = 0; rows && d + 1 < values.ndim; ++d) rows = sequence.sizes[d] == values.sizes[d];
  check(sequence.ndim == 1 || rows, [&] {
    return message("searchsorted: sorted_sequence ", shape(sequence),
                   " must have 1 dim, or the sizes of values ", shape(values),
                   " in all dims but the last.");
  });
  check(!sorter || (sorter->dtype == DType::int64 && sizes_of(*sorter) == sizes_of(sequence)), [&] {
    return message("searchsorted: sorter ", describe(*sorter), " must be int64 ", shape(sequence),
                   ", as argsort(sorted_sequence) gives it.");
  });
  TensorRef out = empty(sizes_of(values), int32 ? DType::int32 : DType::int64);
  if (out->is_meta()) return out;
  Strided to = out->strided(), in = sequence.strided(), of = values.strided();
  std::optional<Strided> order;
  if (sorter) order = sorter->strided();
  {
    LongWork unlocked(values.numel > grain);
    searchsorted(to, in, of, right, order ? &*order : nullptr);
  }
  return out;
}

std::tuple<TensorRef, bool> draw_by_weight(Tensor& weights, Tensor& u) {
  check_ordered(weights, "multinomial");
  bool fits = weights.ndim > 0 && weights.ndim == u.ndim && u.dtype == DType::float64 &&
              size_at(weights, weights.ndim - 1) > 0;
  for (int d = 0; fits && d < u.ndim - 1; ++d) fits = weights.sizes[d] == u.sizes[d];
  check(fits, [&] {
    return message("multinomial: numbers ", describe(u), " do not fit weights ", describe(weights),
                   ".");
  });
  TensorRef out = empty(sizes_of(u), DType::int64);
  if (out->is_meta()) return {out, true};
  TensorRef rows = contiguous(weights), numbers = contiguous(u);
  const int64_t width = weights.sizes[weights.ndim - 1], draws = u.sizes[u.ndim - 1];
  LongWork unlocked(weights.numel + u.numel > grain);
  const bool good =
      flambeau::draw_by_weight({weights.numel / width, width, draws}, rows->data(), weights.dtype,
                               numbers->as<double>(), out->as<int64_t>());
  return {out, good};
}

/// bincount(input int64 1-D, weights or None, minlength)
TensorRef bincount(Tensor& input, Tensor* weights, int64_t bins) {
  check(input.ndim == 1 && input.dtype == DType::int64, [&] {
    return message("bincount: input is ", describe(input),
                   "; it takes a vector of integers that are 0 or more.");
  });
  check(bins >= 0,
        [&] { return message("bincount: minlength is ", bins, "; it must be 0 or more."); });
  check(!weights || sizes_of(*weights) == sizes_of(input), [&] {
    return message("bincount: weights ", shape(*weights), " must have the shape of input, ",
                   shape(input), ".");
  });
  Strided in = input.strided();
  const auto [least, greatest] = extremes_of(in);
  // One by one only where one of them is refused.
  const bool all_good = least >= 0 && greatest < std::numeric_limits<int64_t>::max();
  if (input.numel) bins = std::max(bins, all_good ? greatest + 1 : 1);
  for (int64_t i = 0; !all_good && i < input.numel; ++i) {
    int64_t value = in.as<int64_t>()[i * in.strides[0]];
    check(value >= 0, [&] {
      return message("bincount: element ", i, " is ", value,
                     "; it takes integers that are 0 or more.");
    });
    check<OutOfMemoryError>(value < std::numeric_limits<int64_t>::max(), [&] {
      return message("bincount: element ", i, " is ", value,
                     ", which asks for more bins than memory can hold (out of memory).");
    });
  }
  TensorRef out = zeros({bins}, weights ? weights->dtype : DType::int64);
  std::optional<Strided> w;
  if (weights) w = weights->strided();
  LongWork unlocked(input.numel > grain);
  bincount(out->strided(), in, w ? &*w : nullptr);
  return out;
}

/// histc(input, weights or None, bins, low, high)
TensorRef histc(Tensor& input, Tensor* weights, int64_t bins, double low, double high) {
  check_ordered(input, "histc");
  check(bins > 0, [&] { return message("histc: bins is ", bins, "; it must be 1 or more."); });
  TensorRef out = zeros({bins}, input.dtype);
  if (out->is_meta()) return out;
  Strided to = out->strided(), in = input.strided();
  std::optional<Strided> w;
  if (weights) w = weights->strided();
  LongWork unlocked(input.numel > grain);
  histc(to, in, w ? &*w : nullptr, low, high);
  return out;
}

/// unique(input, consecutive, rows, width, wants_inverse, wants_counts) -> places of the first
/// occurrences, inverse, counts; what is not wanted is empty.
std::tuple<TensorRef, TensorRef, TensorRef> unique(Tensor& input, bool consecutive, int64_t n,
                                                   int64_t width, bool wants_inverse,
                                                   bool wants_counts) {
  check_ordered(input, "unique");
  check(input.contiguous && n * width == input.numel,
        [] { return message("unique: input must be contiguous rows."); });
  Unique found;
  {
    LongWork unlocked(input.numel > grain);
    found = unique(input.data(), input.dtype, n, width, consecutive, wants_inverse, wants_counts);
  }
  auto tensor = [](const std::vector<int64_t>& values) {
    TensorRef t = empty({static_cast<int64_t>(values.size())}, DType::int64);
    if (!values.empty()) std::memcpy(t->data(), values.data(), values.size() * sizeof(int64_t));
    return t;
  };
  return std::tuple(tensor(found.first), tensor(found.inverse), tensor(found.counts));
}

TensorRef without_repeats(Tensor& input) {
  check_ordered(input, "unique_consecutive");
  check(input.contiguous,
        [] { return message("unique_consecutive: input must be contiguous rows."); });
  const int64_t n = input.numel;
  if (!runs_serially()) {
    const std::vector<int64_t> before = count_changes(input.data(), input.dtype, n);
    TensorRef out = empty({before.back()}, input.dtype);
    LongWork unlocked(n > grain);
    flambeau::without_repeats(out->data(), input.data(), input.dtype, n, before);
    return out;
  }
  // One pass, into more memory than may be needed.
  TensorRef out = empty({n}, input.dtype);
  int64_t count;
  {
    LongWork unlocked(n > grain);
    count = flambeau::without_repeats(out->data(), input.data(), input.dtype, n);
  }
  if (count == n) return out;
  if (n <= grain) {
    TensorRef fitting = empty({count}, input.dtype);
    std::memcpy(fitting->data(), out->data(), count * itemsize(input.dtype));
    return fitting;
  }
  set_layout(*out, {count}, {1}, 0);
  shrink_storage(out->storage, count * itemsize(input.dtype));
  return out;
}

}  // namespace flambeau::raw
