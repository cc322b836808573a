// Sorting, searching and counting.
#include <limits>
#include <optional>

#include "kernels/order/search.h"
#include "kernels/order/sort.h"
#include "kernels/order/unique.h"
#include "python/ways/index_args.h"

namespace flambeau {

namespace {

// ---- sorting

PyObject* py_sort(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  bool descending = args.flag(2);
  check_ordered(input, "sort");
  TensorRef values = empty(sizes_of(input), input.dtype),
            indices = empty(sizes_of(input), DType::int64);
  if (input.is_meta()) return pair(values, indices);
  Lanes to(*values), at(*indices), from(input);
  {
    LongWork unlocked(input.numel > grain);
    if (input.numel) sort(&to, at, from, dim, descending);
  }
  return pair(values, indices);
}

PyObject* py_argsort(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  bool descending = args.flag(2);
  check_ordered(input, "argsort");
  TensorRef indices = empty(sizes_of(input), DType::int64);
  if (input.is_meta()) return indices.release_py();
  Lanes at(*indices), from(input);
  {
    LongWork unlocked(input.numel > grain);
    if (input.numel) sort(nullptr, at, from, dim, descending);
  }
  return indices.release_py();
}

PyObject* py_topk(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  int64_t k = args.integer(1, "k");
  int dim = args.dim(2, input);
  bool largest = args.flag(3), sorted = args.flag(4);
  check_ordered(input, "topk");
  check(k >= 0 && k <= size_at(input, dim), [&] {
    return message("topk: k is ", k, ", but dim ", dim, " has size ", size_at(input, dim),
                   " (allowed are 0 to ", size_at(input, dim), ").");
  });
  Dims sizes = with_size(input, dim, k);
  TensorRef values = empty(sizes, input.dtype), indices = empty(sizes, DType::int64);
  if (input.is_meta()) return pair(values, indices);
  Lanes to(*values), at(*indices), from(input);
  {
    LongWork unlocked(input.numel > grain);
    if (values->numel) topk(to, at, from, dim, k, largest, sorted);
  }
  return pair(values, indices);
}

/// What one lane of input comes down to: values and places, with size 1 along dim or without it.
template <class Kernel>
PyObject* select_one(const IndexArgs& args, Tensor& input, int dim, bool keepdim, Kernel&& kernel) {
  check_ordered(input, args.op());
  check<IndexError>(size_at(input, dim) > 0, [&] {
    return message(args.op(), ": dim ", dim, " of input ", shape(input),
                   " is empty, so no element of it can be chosen.");
  });
  Dims sizes = with_size(input, dim, 1);
  TensorRef values = empty(sizes, input.dtype), indices = empty(sizes, DType::int64);
  if (!input.is_meta()) {
    Lanes to(*values), at(*indices), from(input);
    LongWork unlocked(input.numel > grain);
    if (input.numel) kernel(to, at, from);
  }
  if (keepdim || input.ndim == 0) return pair(values, indices);
  Dims out = without_dim(input, dim);
  return pair(view(*values, out), view(*indices, out));
}

PyObject* py_kthvalue(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  int64_t k = args.integer(1, "k");
  int dim = args.dim(2, input);
  check(k >= 1 && k <= size_at(input, dim), [&] {
    return message("kthvalue: k is ", k, ", but dim ", dim, " has size ", size_at(input, dim),
                   " (allowed are 1 to ", size_at(input, dim), ").");
  });
  return select_one(args, input, dim, args.flag(3),
                    [&](auto& to, auto& at, auto& from) { kthvalue(to, at, from, dim, k); });
}

PyObject* py_median(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  bool ignore_nan = args.flag(3);
  return select_one(args, input, dim, args.flag(2),
                    [&](auto& to, auto& at, auto& from) { median(to, at, from, dim, ignore_nan); });
}

PyObject* py_mode(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  return select_one(args, input, dim, args.flag(2),
                    [&](auto& to, auto& at, auto& from) { mode(to, at, from, dim); });
}

// ---- searching and counting

/// searchsorted(sequence, values, right, out_int32, sorter)
PyObject* py_searchsorted(const IndexArgs& args) {
  Tensor& sequence = args.tensor(0, "sorted_sequence");
  Tensor& values = args.tensor(1, "values");
  bool right = args.flag(2), int32 = args.flag(3);
  Tensor* sorter = args.optional_tensor(4, "sorter");
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
  if (out->is_meta()) return out.release_py();
  Strided to = out->strided(), in = sequence.strided(), of = values.strided();
  std::optional<Strided> order;
  if (sorter) order = sorter->strided();
  {
    LongWork unlocked(values.numel > grain);
    searchsorted(to, in, of, right, order ? &*order : nullptr);
  }
  return out.release_py();
}

/// bincount(input int64 1-D, weights or None, minlength)
PyObject* py_bincount(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  Tensor* weights = args.optional_tensor(1, "weights");
  int64_t bins = args.integer(2, "minlength");
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
  for (int64_t i = 0; i < input.numel; ++i) {
    int64_t value = in.as<int64_t>()[i * in.strides[0]];
    check(value >= 0, [&] {
      return message("bincount: element ", i, " is ", value,
                     "; it takes integers that are 0 or more.");
    });
    check<OutOfMemoryError>(value < std::numeric_limits<int64_t>::max(), [&] {
      return message("bincount: element ", i, " is ", value,
                     ", which asks for more bins than memory can hold (out of memory).");
    });
    bins = std::max(bins, value + 1);
  }
  TensorRef out = zeros({bins}, weights ? weights->dtype : DType::int64);
  std::optional<Strided> w;
  if (weights) w = weights->strided();
  bincount(out->strided(), in, w ? &*w : nullptr);
  return out.release_py();
}

/// histc(input, weights or None, bins, low, high)
PyObject* py_histc(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  Tensor* weights = args.optional_tensor(1, "weights");
  int64_t bins = args.integer(2, "bins");
  double low = args.real(3, "min"), high = args.real(4, "max");
  check_ordered(input, "histc");
  check(bins > 0, [&] { return message("histc: bins is ", bins, "; it must be 1 or more."); });
  TensorRef out = zeros({bins}, input.dtype);
  if (out->is_meta()) return out.release_py();
  Strided to = out->strided(), in = input.strided();
  std::optional<Strided> w;
  if (weights) w = weights->strided();
  LongWork unlocked(input.numel > grain);
  histc(to, in, w ? &*w : nullptr, low, high);
  return out.release_py();
}

/// unique(input, consecutive, dim or None) -> places of the first occurrences, inverse, counts
PyObject* py_unique(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  bool consecutive = args.flag(1);
  int64_t n = args.integer(2, "rows"), width = args.integer(3, "width");
  check_ordered(input, "unique");
  check(input.contiguous && n * width == input.numel,
        [] { return message("unique: input must be contiguous rows."); });
  Unique found;
  {
    LongWork unlocked(input.numel > grain);
    found = unique(input.data(), input.dtype, n, width, consecutive);
  }
  auto tensor = [](const std::vector<int64_t>& values) {
    TensorRef t = empty({static_cast<int64_t>(values.size())}, DType::int64);
    if (!values.empty()) std::memcpy(t->data(), values.data(), values.size() * sizeof(int64_t));
    return t;
  };
  return triple(tensor(found.first), tensor(found.inverse), tensor(found.counts));
}

}  // namespace

PyMethodDef order_methods[] = {
    method<"sort", py_sort>(),
    method<"argsort", py_argsort>(),
    method<"topk", py_topk>(),
    method<"kthvalue", py_kthvalue>(),
    method<"median", py_median>(),
    method<"mode", py_mode>(),
    method<"searchsorted", py_searchsorted>(),
    method<"bincount", py_bincount>(),
    method<"histc", py_histc>(),
    method<"unique", py_unique>(),
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace flambeau
