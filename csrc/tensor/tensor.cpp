#include "tensor/tensor.h"

#include <algorithm>
#include <atomic>

#include "tensor/collected.h"
#include "tensor/gil.h"
#include "tensor/sparse.h"

namespace flambeau {

PyTypeObject* tensor_type = nullptr;
DType default_dtype = DType::float32;
constinit ClearElsewhere clear_elsewhere = nullptr;

void refuse_uncomputed(DType dtype) {
  throw UncomputedDType(message(
      name(dtype), " is ", is_float8(dtype) ? "stored and converted" : "only stored",
      "; nothing is computed in it here. ",
      is_float8(dtype) ? "Convert it first, for example with .float()." : "view() it as uint8."));
}

Dims contiguous_strides(const Dims& sizes) {
  Dims strides;
  strides.n = sizes.n;
  // As an unsigned number: sizes that overflow beside a 0 have no elements to reach.
  uint64_t step = 1;
  for (int d = sizes.n - 1; d >= 0; --d) {
    strides[d] = static_cast<int64_t>(step);
    step *= static_cast<uint64_t>(std::max<int64_t>(sizes[d], 1));
  }
  return strides;
}

std::string to_string(const Dims& dims) {
  std::string text = "(";
  for (int d = 0; d < dims.n; ++d) text += (d ? ", " : "") + std::to_string(dims[d]);
  return text + (dims.n == 1 ? ",)" : ")");
}

std::string describe(const Tensor& t) { return message(name(t.dtype), " ", shape(t)); }

constinit thread_local bool unreachable_on_device = false;

void throw_unreachable(const Tensor& t) {
  unreachable_on_device = t.is_cuda();
  if (t.batched)
    throw Error(message(
        "vmap: an operator without a rule wants the elements of ", describe(t),
        ", a mapped tensor, which stands for all slices at once; or the tensor has left the "
        "function that vmap called. Return it from there instead."));
  check<NotImplementedError>(!is_sparse(t), [&] {
    return message(name_of_call(), ": takes strided tensors, not ", name(layout_of(t)), ", ",
                   describe(t), ". Convert it with .to_dense().");
  });
  const std::string on = to_string(t.device());
  throw NotImplementedError(message(
      name_of_call(), ": needs the elements of ", describe(t), " on ", on,
      t.is_meta() ? ", where tensors have none. Move the model or the data to the CPU first."
                  : ", where this operator has no way. Move it with .cpu()."));
}

void* reach_bytes(const Tensor& t) {
  Storage* s = t.storage;
  if (never_has_gil) {
    // A worker of the pool, for a loop whose caller had the bytes: another thread has since let an
    // operator wait that reads them too.
    check(std::atomic_ref(s->waiting_node).load() < 0, [&] {
      return message("a loop asks for ", describe(t),
                     ", which waits to be computed (a fault of flambeau's own).");
    });
    void* bytes = std::atomic_ref(s->withheld).load();
    if (!bytes) throw_unreachable(t);
    return bytes;
  }
  ShortWork with_gil;  // a long loop may have given it up before it asks
  if (s->waiting)
    settle_waiting(s);
  else if (!s->data)
    throw_unreachable(t);
  return s->data;
}

void throw_too_large(const Dims& sizes) {
  throw Error(
      message("sizes ", to_string(sizes), " overflow: a tensor has at most 2**63 - 1 elements."));
}

void throw_too_many() {
  throw Error(message("a tensor has at most ", max_ndim, " dimensions; this one would have more."));
}

int64_t reach(const Dims& sizes, const Dims& strides, int64_t offset, const char* op) {
  check(offset >= 0,
        [&] { return message(op, ": storage_offset is ", offset, "; it must be 0 or more."); });
  int64_t last = offset;
  bool none = false, overflow = false;
  for (int d = 0; d < sizes.n; ++d) {
    check(sizes[d] >= 0,
          [&] { return message(op, ": sizes ", to_string(sizes), " are not all 0 or more."); });
    check(strides[d] >= 0, [&] {
      return message(op, ": strides ", to_string(strides),
                     " are not all 0 or more. torch.flip reverses a dim.");
    });
    none |= sizes[d] == 0;
    int64_t step = 0;
    overflow |= __builtin_mul_overflow(sizes[d] - 1, strides[d], &step) ||
                __builtin_add_overflow(last, step, &last);
  }
  if (none) return 0;
  if (overflow || __builtin_add_overflow(last, 1, &last)) throw_too_large(sizes);
  return last;
}

void refresh_contiguous(Tensor& t) {
  int64_t step = 1;
  bool overflow = false, negative = false;
  t.contiguous = true;
  for (int d = t.ndim - 1; d >= 0; --d) {
    if (t.sizes[d] != 1 && t.strides[d] != step) t.contiguous = false;
    overflow |= __builtin_mul_overflow(step, t.sizes[d], &step);
    negative |= t.sizes[d] < 0;
  }
  check(!negative, [&] { return message("sizes ", shape(t), " are not all 0 or more."); });
  if (overflow) throw_too_large(sizes_of(t));
  t.numel = step;
  if (step == 0) t.contiguous = true;
}

static void store_layout(Tensor& t, const Dims& sizes, const Dims& strides) {
  if (sizes.n > inline_ndim) {
    t.sizes = static_cast<int64_t*>(PyMem_Malloc(2 * sizes.n * sizeof(int64_t)));
    t.strides = t.sizes + sizes.n;
  } else {
    t.sizes = t.inline_layout;
    t.strides = t.inline_layout + inline_ndim;
  }
  t.ndim = static_cast<uint8_t>(sizes.n);
  for (int d = 0; d < sizes.n; ++d) {
    t.sizes[d] = sizes[d];
    t.strides[d] = strides[d];
  }
  refresh_contiguous(t);
}

void set_layout(Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset) {
  if (t.sizes != t.inline_layout) PyMem_Free(t.sizes);
  store_layout(t, sizes, strides);
  t.offset = offset;
}

void resize_to(Tensor& t, const Dims& sizes, const Dims& strides) {
  int64_t nbytes;
  if (__builtin_mul_overflow(reach(sizes, strides, t.offset, "resize"), itemsize(t.dtype), &nbytes))
    throw OutOfMemoryError(
        message("out of memory: sizes ", to_string(sizes), " overflow the address space."));
  resize_storage(t.storage, nbytes);
  set_layout(t, sizes, strides, t.offset);
}

// Memory of freed tensors waits here for the next one, since most calls make a tensor and free one.
#ifdef __SANITIZE_ADDRESS__
static constexpr int max_spare = 0;  // a freed tensor shall be seen as one
#else
static constexpr int max_spare = 128;
#endif
static Tensor* spare[max_spare + 1];
static int n_spare = 0;

static Tensor* tensor_memory() {
  if (n_spare) return spare[--n_spare];
  return static_cast<Tensor*>(collected_memory(sizeof(Tensor)));
}

void free_tensor(Tensor& t) {
  if (n_spare < max_spare)
    spare[n_spare++] = &t;
  else
    free_collected(t.py());
}

static TensorRef make_owned(Storage* storage, DType dtype, const Dims& sizes, const Dims& strides,
                            int64_t offset) {
  auto* t = tensor_memory();
  if (!t) {
    release(storage);
    throw std::bad_alloc();
  }
  PyObject_Init(t->py(), tensor_type);
  t->storage = storage;
  t->offset = offset;
  t->dtype = dtype;
  t->requires_grad_leaf = false;
  t->inference = inference_mode_enabled;
  t->batched = false;
  t->version_override = nullptr;
  t->autograd = nullptr;
  t->dict = nullptr;
  t->weakrefs = nullptr;
  t->sizes = nullptr;
  TensorRef owned = TensorRef::steal(t);
  store_layout(*t, sizes, strides);
  return owned;
}

TensorRef make_tensor(Storage* storage, DType dtype, const Dims& sizes, const Dims& strides,
                      int64_t offset) {
  retain(storage);
  return make_owned(storage, dtype, sizes, strides, offset);
}

static int64_t checked_bytes(const Dims& sizes, DType dtype) {
  int64_t n = itemsize(dtype);
  for (int d = 0; d < sizes.n; ++d) {
    check(sizes[d] >= 0,
          [&] { return message("sizes ", to_string(sizes), " are not all 0 or more."); });
    if (__builtin_mul_overflow(n, sizes[d], &n))
      throw OutOfMemoryError(
          message("out of memory: sizes ", to_string(sizes), " overflow the address space."));
  }
  return n;
}

TensorRef empty(const Dims& sizes, DType dtype) {
  if (other_devices) [[unlikely]]
    return empty(sizes, dtype, device_of_call.device);
  return make_owned(allocate_storage(checked_bytes(sizes, dtype)), dtype, sizes,
                    contiguous_strides(sizes), 0);
}

TensorRef empty(const Dims& sizes, DType dtype, Device device) {
  return make_owned(allocate_storage(checked_bytes(sizes, dtype), device), dtype, sizes,
                    contiguous_strides(sizes), 0);
}

TensorRef empty_strided(const Dims& sizes, const Dims& strides, DType dtype) {
  return empty_strided(sizes, strides, dtype, device_for_results());
}

TensorRef empty_strided(const Dims& sizes, const Dims& strides, DType dtype, Device device) {
  int64_t nbytes;
  if (__builtin_mul_overflow(reach(sizes, strides, 0, "empty_strided"), itemsize(dtype), &nbytes))
    throw_too_large(sizes);
  return make_owned(allocate_storage(nbytes, device), dtype, sizes, strides, 0);
}

Dims dense_strides(const Tensor* const* tensors, int n, const Dims& sizes) {
  auto stride = [&](const Tensor& t, int d) -> int64_t {
    int own = d - (sizes.n - t.ndim);
    return own < 0 || (t.sizes[own] == 1 && sizes[d] != 1) ? 0 : t.strides[own];
  };
  // Whether dim a steps further than dim b: 1, or not: -1; 0 where no tensor tells.
  auto compare = [&](int a, int b) {
    for (int i = 0; i < n; ++i) {
      int64_t of_a = stride(*tensors[i], a), of_b = stride(*tensors[i], b);
      if (of_a == 0 || of_b == 0) continue;
      if (of_a != of_b) return of_a < of_b ? -1 : 1;
      if (sizes[a] > sizes[b]) return 1;
    }
    return 0;
  };
  int order[max_ndim];  // the dim of the smallest step first
  for (int i = 0; i < sizes.n; ++i) order[i] = sizes.n - 1 - i;
  for (int i = 1; i < sizes.n; ++i)
    for (int at = i, before = i - 1; before >= 0; --before) {
      int found = compare(order[before], order[at]);
      if (found < 0) break;
      if (found > 0) std::swap(order[before], order[at]), at = before;
    }
  Dims strides = sizes;
  int64_t step = 1;
  for (int i = 0; i < sizes.n; ++i) {
    strides[order[i]] = step;
    step *= std::max<int64_t>(sizes[order[i]], 1);
  }
  return strides;
}

TensorRef empty_like(const Tensor& t, DType dtype) { return empty_like(t, dtype, t.device()); }

TensorRef empty_like(const Tensor& t, DType dtype, Device device) {
  if (t.contiguous) return empty(sizes_of(t), dtype, device);
  if (is_dense(t)) return empty_strided(sizes_of(t), strides_of(t), dtype, device);
  const Tensor* only = &t;
  return empty_strided(sizes_of(t), dense_strides(&only, 1, sizes_of(t)), dtype, device);
}

TensorRef zeros(const Dims& sizes, DType dtype) {
  TensorRef t = empty(sizes, dtype);
  if (t->on_cpu())
    std::memset(t->data(), 0, t->nbytes());
  else if (t->is_cuda())
    clear_elsewhere(*t);
  return t;
}

TensorRef alias(const Tensor& t) {
  TensorRef a = make_tensor(t.storage, t.dtype, sizes_of(t), strides_of(t), t.offset);
  if (t.version_override) {
    a->version_override = t.version_override;
    ++t.version_override->references;
  }
  return a;
}

bool is_dense(const Tensor& t) {
  if (t.contiguous) return true;
  int order[max_ndim], n = 0;
  for (int d = 0; d < t.ndim; ++d)
    if (t.sizes[d] != 1) order[n++] = d;
  std::sort(order, order + n, [&](int a, int b) { return t.strides[a] < t.strides[b]; });
  int64_t step = 1;
  for (int i = 0; i < n; ++i) {
    if (t.strides[order[i]] != step) return false;
    step *= t.sizes[order[i]];
  }
  return true;
}

bool may_overlap_itself(const Dims& sizes, const Dims& strides) {
  int order[max_ndim], n = 0;
  for (int d = 0; d < sizes.n; ++d) {
    if (sizes[d] == 0) return false;
    if (sizes[d] > 1) order[n++] = d;
  }
  std::sort(order, order + n, [&](int a, int b) { return strides[a] < strides[b]; });
  int64_t span = 0;
  for (int i = 0; i < n; ++i) {
    if (strides[order[i]] <= span) return true;
    span += (sizes[order[i]] - 1) * strides[order[i]];
  }
  return false;
}

void check_written_once(const Tensor& out, const char* op) {
  check(out.contiguous || !may_overlap_itself(sizes_of(out), strides_of(out)), [&] {
    return message(op, ": elements of the tensor written to, ", shape(out), " with strides ",
                   to_string(strides_of(out)), ", share memory. clone() it first.");
  });
}

void throw_outside(int64_t index, int dim, int64_t size, const char* operator_name) {
  throw IndexError(message(operator_name, ": index ", index, " is outside dim ", dim, " of size ",
                           size, " (allowed are ", -size, " to ", size - 1, ")."));
}

int wrap_dim(int64_t dim, int ndim, const char* operator_name) {
  int limit = ndim == 0 ? 1 : ndim;
  check<IndexError>(dim >= -limit && dim < limit, [&] {
    return message(operator_name, ": dim ", dim, " is out of range; a tensor of ", ndim,
                   " dims takes ", -limit, " to ", limit - 1, ".");
  });
  return static_cast<int>(dim < 0 ? dim + limit : dim);
}

int wrap_new_dim(int64_t dim, int ndim, const char* operator_name) {
  check<IndexError>(dim >= -ndim - 1 && dim <= ndim, [&] {
    return message(operator_name, ": dim ", dim, " is out of range; a new dim of a tensor of ",
                   ndim, " dims takes ", -ndim - 1, " to ", ndim, ".");
  });
  return static_cast<int>(dim < 0 ? dim + ndim + 1 : dim);
}

Dims broadcast_sizes(const Dims& a, const Dims& b, const char* operator_name) {
  const Dims& longer = a.n >= b.n ? a : b;
  const Dims& other = a.n >= b.n ? b : a;
  Dims out = longer;
  int shift = longer.n - other.n;
  for (int d = 0; d < other.n; ++d) {
    int64_t x = longer[d + shift], y = other[d];
    check(x == y || x == 1 || y == 1, [&] {
      return message(operator_name, ": shapes ", to_string(a), " and ", to_string(b),
                     " do not broadcast: dim ", d + shift, " has sizes ", &longer == &a ? x : y,
                     " and ", &longer == &a ? y : x, ". They must be equal, or one of them 1.");
    });
    out[d + shift] = x == 1 ? y : x;
  }
  return out;
}

Dims broadcast_strides(const Tensor& t, const Dims& sizes) {
  Dims strides;
  strides.n = sizes.n;
  int shift = sizes.n - t.ndim;
  for (int d = 0; d < sizes.n; ++d)
    strides[d] = d < shift || (t.sizes[d - shift] == 1 && sizes[d] != 1) ? 0 : t.strides[d - shift];
  return strides;
}

}  // namespace flambeau
