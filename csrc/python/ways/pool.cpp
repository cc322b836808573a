// The native halves of flambeau/ops/pool.py: checked arguments in, results without history out.
#include <algorithm>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "kernels/pool/pool.h"
#include "python/args.h"

namespace flambeau {

namespace {

/// What every function here is told, from argument `first` on: sizes of the spatial input and
/// output, then kernel, stride, padding and dilation; kernel None means adaptive.
struct Windows {
  Dims in, out;

  Windows(const Args& a, int first)
      : in(to_dims(a[first], a.function())), out(to_dims(a[first + 1], a.function())) {
    check(in.n == out.n && in.n <= 3, [&] {
      return message(a.function(), ": 1 to 3 spatial sizes, not ", to_string(in), " and ",
                     to_string(out), ".");
    });
  }

  /// A list of all windows, so made only after the result, which is larger where there is one.
  PoolShape shape(const Args& a, int first, const Tensor& t) const {
    PoolShape shape;
    const int n = in.n;
    Dims kernel, stride, padding, dilation;
    const bool adaptive = !a.given(first + 2);
    if (!adaptive) {
      kernel = to_dims(a[first + 2], a.function());
      stride = to_dims(a[first + 3], a.function());
      padding = to_dims(a[first + 4], a.function());
      dilation = to_dims(a[first + 5], a.function());
    }
    shape.dtype = t.dtype;
    shape.n_planes = 1;
    for (int d = 0; d < t.ndim - n; ++d) shape.n_planes *= t.sizes[d];
    for (int d = 0; d < 3; ++d) {
      const int i = d - (3 - n);
      if (i < 0)
        shape.axis[d] = adaptive_pool_axis(1, 1);
      else if (adaptive)
        shape.axis[d] = adaptive_pool_axis(in[i], out[i]);
      else
        shape.axis[d] = pool_axis(in[i], out[i], kernel[i], stride[i], padding[i], dilation[i]);
    }
    return shape;
  }
};

/// t's sizes with the spatial ones replaced.
Dims with_space(const Tensor& t, const Dims& space) {
  Dims sizes(t.sizes, t.ndim - space.n);
  for (int d = 0; d < space.n; ++d) sizes.push(space[d]);
  return sizes;
}

/// _max_pool(input, with_indices, sizes, out_sizes, kernel, stride, padding, dilation) -> (values,
/// indices or None)
PyObject* py_max(const Call& call) {
  Args a(call);
  TensorRef input = contiguous(a.tensor(0));
  Windows w(a, 2);
  TensorRef output = empty(with_space(*input, w.out), input->dtype), indices;
  if (a.truth(1)) indices = empty(sizes_of(*output), DType::int64);
  if (output->numel && !output->is_meta()) {
    check(input->numel > 0, [&] {
      return message(a.function(), ": no maximum of no elements, input ", shape(*input), ".");
    });
    PoolShape windows = w.shape(a, 2, *input);
    LongWork unlocked(output->numel > 2000);
    max_pool_forward(windows, input->data(), output->data(),
                     indices ? indices->as<int64_t>() : nullptr);
  }
  Object values = Object::steal(output.release_py());
  Object places = indices ? Object::steal(indices.release_py()) : Object::borrow(Py_None);
  return PyTuple_Pack(2, values.get(), places.get());
}

/// _max_pool_backward(grad_output, indices, sizes, out_sizes, kernel, stride, padding, dilation)
PyObject* py_max_backward(const Call& call) {
  Args a(call);
  TensorRef grad = contiguous(a.tensor(0)), indices = contiguous(a.tensor(1));
  Windows w(a, 2);
  check(sizes_of(*indices) == sizes_of(*grad) && indices->dtype == DType::int64, [&] {
    return message(a.function(), ": indices ", describe(*indices), " do not fit a gradient of ",
                   shape(*grad), ".");
  });
  TensorRef result = empty(with_space(*grad, w.in), grad->dtype);
  if (result->numel && !result->is_meta()) {
    PoolShape windows = w.shape(a, 2, *grad);
    bool inside;
    {
      LongWork unlocked(result->numel > 8000);
      inside = max_pool_backward(windows, grad->data(), indices->as<int64_t>(), result->data());
    }
    check<IndexError>(inside, [&] {
      return message(a.function(), ": the saved indices leave the planes ", to_string(w.in),
                     " of the input; something wrote to them after the forward pass.");
    });
  }
  return result.release_py();
}

template <auto pool, bool backward>
PyObject* average(const Call& call) {
  Args a(call);
  TensorRef from = contiguous(a.tensor(0));
  Windows w(a, 3);
  const bool include_pad = a.truth(1);
  const int64_t divisor = a.integer_or_none(2, 0);
  TensorRef result = empty(with_space(*from, backward ? w.in : w.out), from->dtype);
  if (result->numel && !result->is_meta()) {
    PoolShape windows = w.shape(a, 3, *from);
    LongWork unlocked(result->numel > 4000);
    pool(windows, include_pad, divisor, from->data(), result->data());
  }
  return result.release_py();
}

const NativeEntry functions[] = {
    {"_max_pool", "input, with_indices, sizes, out_sizes, kernel, stride, padding, dilation",
     py_max, "Maxima of windows and where they lie, without history."},
    {"_max_pool_backward",
     "grad_output, indices, sizes, out_sizes, kernel, stride, padding, dilation", py_max_backward,
     "Gradients put where the maxima lie."},
    {"_avg_pool",
     "tensor, include_pad, divisor, sizes, out_sizes, kernel, stride, padding, dilation",
     average<avg_pool_forward, false>, "Means of windows, without history."},
    {"_avg_pool_backward",
     "tensor, include_pad, divisor, sizes, out_sizes, kernel, stride, padding, dilation",
     average<avg_pool_backward, true>, "Gradients spread over the windows."},
    {}};

}  // namespace

void initialize_pool(PyObject* module) { add_functions(module, functions); }

}  // namespace flambeau
