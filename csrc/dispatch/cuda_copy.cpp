#include "dispatch/cuda_copy.h"

#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/pointwise.h"
#include "runtime/cuda.h"

namespace flambeau {
namespace {

bool alike(const Tensor& a, const Tensor& b) {
  return a.dtype == b.dtype && sizes_of(a) == sizes_of(b) &&
         ((a.contiguous && b.contiguous) || (is_dense(a) && strides_of(a) == strides_of(b)));
}

/// A tensor of src's elements as one run in memory, on its device.
TensorRef in_one_run(Tensor& src) {
  if (is_dense(src)) return TensorRef::borrow(&src);
  TensorRef run = empty(sizes_of(src), src.dtype, src.device());
  copy_bytes(*run, src);
  return run;
}

void within(Tensor& dst, Tensor& src) {
  if (alike(dst, src))
    return cuda::on_device(dst.address(), src.address(), dst.device().index, dst.nbytes());
  TensorRef to = TensorRef::borrow(&dst), from = TensorRef::borrow(&src);
  if (dst.dtype == src.dtype && !is_computed(src.dtype)) {
    const int64_t size = itemsize(dst.dtype);
    DType words = size == 1 ? DType::uint8 : size == 2 ? DType::uint16 : DType::uint32;
    for (TensorRef* t : {&to, &from})
      *t = make_tensor((*t)->storage, words, sizes_of(**t), strides_of(**t), (*t)->offset);
  }
  Tensor* outputs[] = {to.get()};
  Arg args[] = {{from.get(), nullptr}};
  run_map(record_of(bound_operator("copy")), outputs, 1, args, 1, from->dtype);
}

constinit thread_local bool non_blocking = false;

bool is_pinned(const Tensor& t) {
  PyObject* owner = t.storage->owner;
  return owner && PyCapsule_IsValid(owner, cuda::pinned_capsule);
}

}  // namespace

NonBlocking::NonBlocking(bool on) : before_(std::exchange(non_blocking, on)) {}
NonBlocking::~NonBlocking() { non_blocking = before_; }

void copy_with_device(Tensor& dst, Tensor& src) {
  if (dst.is_cuda() && src.device() == dst.device()) return within(dst, src);
  if (!alike(dst, src)) {
    // The bytes travel as one run of the source's dtype; what arrives is cast and placed there.
    TensorRef run = in_one_run(src);
    TensorRef there = empty_strided(sizes_of(*run), strides_of(*run), run->dtype, dst.device());
    copy_with_device(*there, *run);
    return copy_bytes(dst, *there);
  }
  const bool pinned = is_pinned(src.is_cuda() ? dst : src), waits = !pinned || !non_blocking;
  if (!src.is_cuda()) {
    const int index = dst.device().index;
    cuda::to_device(dst.address(), index, src.data(), dst.nbytes());
    if (pinned && waits) cuda::synchronize_stream(index, cuda::current_stream(index));
  } else if (!dst.is_cuda()) {
    cuda::to_host(dst.data(), src.address(), src.device().index, dst.nbytes(), waits);
  } else {
    cuda::between(dst.address(), dst.device().index, src.address(), src.device().index,
                  dst.nbytes());
  }
}

}  // namespace flambeau
