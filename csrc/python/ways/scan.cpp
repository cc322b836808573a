// Running sums and extrema, and moves along dimensions.
#include "kernels/order/scan.h"
#include "kernels/elements/move.h"
#include "python/ways/index_args.h"

namespace flambeau {

namespace {

// ---- scans and moves

template <auto kernel>
PyObject* py_scan(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  TensorRef out = empty(sizes_of(input), input.dtype);
  if (out->is_meta()) return out.release_py();
  Lanes to(*out), from(input);
  {
    LongWork unlocked(input.numel > grain);
    if (input.numel) kernel(to, from, dim);
  }
  return out.release_py();
}

template <auto kernel>
PyObject* py_running_best(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  check_ordered(input, args.op());
  TensorRef values = empty(sizes_of(input), input.dtype),
            indices = empty(sizes_of(input), DType::int64);
  if (input.is_meta()) return pair(values, indices);
  Lanes to(*values), at(*indices), from(input);
  {
    LongWork unlocked(input.numel > grain);
    if (input.numel) kernel(to, at, from, dim);
  }
  return pair(values, indices);
}

std::vector<int> dims_arg(const IndexArgs& args, int i, const Tensor& of) {
  std::vector<int> dims;
  for (int64_t dim : args.integers(i, "dims")) dims.push_back(wrap_dim(dim, of.ndim, args.op()));
  return dims;
}

PyObject* py_flip(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  std::vector<int> dims = dims_arg(args, 1, input);
  TensorRef out = empty(sizes_of(input), input.dtype);
  if (out->is_meta()) return out.release_py();
  Lanes to(*out), from(input);
  {
    LongWork unlocked(input.numel > grain);
    flip(to, from, static_cast<int>(dims.size()), dims.data());
  }
  return out.release_py();
}

/// roll(input, shifts, dims)
PyObject* py_roll(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  std::vector<int64_t> shifts = args.integers(1, "shifts");
  std::vector<int> dims = dims_arg(args, 2, input);
  check(shifts.size() == dims.size(), [&] {
    return message("roll: there are ", shifts.size(), " shifts for ", dims.size(),
                   " dims. Give one shift for each dim.");
  });
  TensorRef out = empty(sizes_of(input), input.dtype);
  if (out->is_meta()) return out.release_py();
  Lanes to(*out), from(input);
  {
    LongWork unlocked(input.numel > grain);
    roll(to, from, static_cast<int>(dims.size()), dims.data(), shifts.data());
  }
  return out.release_py();
}

}  // namespace

PyMethodDef scan_methods[] = {
    method<"cumsum", py_scan<cumsum>>(),
    method<"cumprod", py_scan<cumprod>>(),
    method<"logcumsumexp", py_scan<logcumsumexp>>(),
    method<"cummax", py_running_best<cummax>>(),
    method<"cummin", py_running_best<cummin>>(),
    method<"flip", py_flip>(),
    method<"roll", py_roll>(),
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace flambeau
