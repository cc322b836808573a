// The tensor: a typed, strided view of a storage, with what autograd knows about it.
// A Tensor is a Python object (so a call makes one allocation, not two); all fields are guarded by
// the GIL.
#pragma once
#include "tensor/error.h"
#include "tensor/ref.h"
#include "tensor/storage.h"
#include "tensor/strided.h"

namespace flambeau {

struct Node;
struct AutogradMeta;
struct Tensor;

/// Raises NotImplementedError: the running operator wants elements that lie on another device.
[[noreturn]] void throw_unreachable(const Tensor& t);
/// Behind the gate: runs what waits to read or to write t's bytes, and gives them; raises where
/// there are none.
void* reach_bytes(const Tensor& t);
/// Set when that was for a tensor on a GPU: the door may compute the call on the CPU then.
extern constinit thread_local bool unreachable_on_device;

inline constexpr int inline_ndim = 5;

struct Tensor {
  PyObject_HEAD Storage* storage;
  int64_t offset;  // in elements
  int64_t numel;
  DType dtype;
  uint8_t ndim;
  bool requires_grad_leaf;  // a leaf whose gradient is wanted; tensors with a grad_fn require it
                            // anyway
  bool contiguous;
  bool inference;             // made under inference_mode
  bool batched;               // stands for all slices of a vmap (autograd/batch.h)
  int64_t* sizes;             // -> inline_layout, or a block for more than inline_ndim dimensions
  int64_t* strides;           // in elements
  Version* version_override;  // null: the storage's
  AutogradMeta* autograd;     // null until something needs it
  PyObject* dict;
  PyObject* weakrefs;
  int64_t inline_layout[2 * inline_ndim];

  Device device() const { return storage->device; }
  /// Without bytes: what computes elements returns before it asks for any.
  bool is_meta() const { return storage->device.type == DeviceType::meta; }
  bool is_cuda() const { return storage->device.type == DeviceType::cuda; }
  bool on_cpu() const { return storage->device.type == DeviceType::cpu; }
  /// Where the first element lies in the memory of a GPU.
  uint64_t address() const {
    return storage->address + static_cast<uint64_t>(offset * itemsize(dtype));
  }
  /// The one gate to the bytes: runs the operators that wait for somebody to come here; raises
  /// where the CPU cannot reach them.
  void* data() const {
    void* bytes = storage->data;
    if (!bytes) [[unlikely]]
      bytes = reach_bytes(*this);
    return static_cast<char*>(bytes) + offset * itemsize(dtype);
  }
  template <class T>
  T* as() const {
    return static_cast<T*>(data());
  }
  Version& version() const { return version_override ? *version_override : storage->version; }
  void bump_version(const char* writer) const {
    Version& v = version();
    ++v.value;
    v.writer = writer;
  }
  int64_t nbytes() const { return numel * itemsize(dtype); }
  Strided strided() const { return {data(), dtype, ndim, sizes, strides}; }
  PyObject* py() { return reinterpret_cast<PyObject*>(this); }
};

using TensorRef = Ref<Tensor>;

struct Dims;
[[noreturn]] void throw_too_large(const Dims& sizes);
[[noreturn]] void throw_too_many();

/// A list of sizes or strides that lives on the stack.
struct Dims {
  int n = 0;
  int64_t v[max_ndim];
  Dims() {}  // a defaulted one fills all numbers with zeros where Dims() is written
  // Only the used part is copied: all the numbers would cost more than most view operators.
  Dims(const Dims& o) : n(o.n) { std::memcpy(v, o.v, n * sizeof(int64_t)); }
  Dims& operator=(const Dims& o) {
    n = o.n;
    std::memmove(v, o.v, n * sizeof(int64_t));
    return *this;
  }
  Dims(const int64_t* values, int count) : n(count) {
    if (count > max_ndim) throw_too_many();
    if (count > 0) std::memcpy(v, values, count * sizeof(int64_t));  // of none, values may be null
  }
  Dims(std::initializer_list<int64_t> values) {
    for (int64_t x : values) v[n++] = x;
  }
  int64_t& operator[](int i) { return v[i]; }
  int64_t operator[](int i) const { return v[i]; }
  void push(int64_t x) {
    if (n >= max_ndim) throw_too_many();
    v[n++] = x;
  }
  /// Raises where it overflows: what looks small then would not be.
  int64_t product() const {
    int64_t p = 1;
    bool overflow = false;
    for (int i = 0; i < n; ++i) overflow |= __builtin_mul_overflow(p, v[i], &p);
    if (overflow) throw_too_large(*this);
    return p;
  }
  bool operator==(const Dims& o) const {
    return n == o.n && std::memcmp(v, o.v, n * sizeof(int64_t)) == 0;
  }
};

inline Dims sizes_of(const Tensor& t) { return {t.sizes, t.ndim}; }
inline Dims strides_of(const Tensor& t) { return {t.strides, t.ndim}; }
Dims contiguous_strides(const Dims& sizes);
/// Elements of a storage from its start to the last that a layout shows, 0 if it shows none; raises
/// where a size, a stride or the offset is negative, or where the number overflows.
int64_t reach(const Dims& sizes, const Dims& strides, int64_t offset, const char* operator_name);
std::string to_string(const Dims& dims);  // (2, 3)
inline std::string shape(const Tensor& t) { return to_string(sizes_of(t)); }
/// "float32 (2, 3)", as messages describe an operand.
std::string describe(const Tensor& t);

/// Whether new tensors are inference tensors: they track no writes and take no part in autograd.
extern constinit thread_local bool inference_mode_enabled;
extern PyTypeObject* tensor_type;
inline bool is_tensor_exact(PyObject* o) { return Py_TYPE(o) == tensor_type; }
inline bool is_tensor(PyObject* o) {
  return is_tensor_exact(o) || PyType_IsSubtype(Py_TYPE(o), tensor_type);
}
inline Tensor* as_tensor(PyObject* o) { return reinterpret_cast<Tensor*>(o); }

/// A tensor over `storage` (a new reference to it is taken).
TensorRef make_tensor(Storage* storage, DType dtype, const Dims& sizes, const Dims& strides,
                      int64_t offset);
/// Without a device: where the running call's results lie.
TensorRef empty(const Dims& sizes, DType dtype);
TensorRef empty(const Dims& sizes, DType dtype, Device device);
TensorRef empty_strided(const Dims& sizes, const Dims& strides, DType dtype);
TensorRef empty_strided(const Dims& sizes, const Dims& strides, DType dtype, Device device);
/// Uninitialised, with t's sizes and, where they are dense, its strides; on t's device, or another.
TensorRef empty_like(const Tensor& t, DType dtype);
TensorRef empty_like(const Tensor& t, DType dtype, Device device);
TensorRef zeros(const Dims& sizes, DType dtype);
/// Zeros into the memory of a contiguous tensor on a GPU: the floor above fills it in.
using ClearElsewhere = void (*)(Tensor&);
extern constinit ClearElsewhere clear_elsewhere;
/// The same memory and layout, no autograd history; shares the version.
TensorRef alias(const Tensor& t);
/// Gives t this layout from its offset on, and its storage the bytes for it.
void resize_to(Tensor& t, const Dims& sizes, const Dims& strides);
/// Gives t another layout in place (resize_, set_, t_ ...).
void set_layout(Tensor& t, const Dims& sizes, const Dims& strides, int64_t offset);
void refresh_contiguous(Tensor& t);
/// Takes the memory of a cleared tensor of the exact type, no longer watched, back.
void free_tensor(Tensor& t);

/// Strides without gaps for these sizes, in the order of dims that the tensors, which broadcast to
/// them, agree on; where they do not, the first that tells decides (PyTorch's order of results).
Dims dense_strides(const Tensor* const* tensors, int n, const Dims& sizes);
/// True when no two elements share memory and there are no gaps.
bool is_dense(const Tensor& t);
/// True when two different indices may reach one element.
bool may_overlap_itself(const Dims& sizes, const Dims& strides);
/// Raises unless each element of a tensor that is to be written has a place of its own.
void check_written_once(const Tensor& out, const char* operator_name);
/// dim in [-ndim, ndim) as a non-negative one; ndim 0 counts as 1.
int wrap_dim(int64_t dim, int ndim, const char* operator_name);
/// The place of a new dim among `ndim` there are.
int wrap_new_dim(int64_t dim, int ndim, const char* operator_name);
/// Raises IndexError: dim has no such index.
[[noreturn]] void throw_outside(int64_t index, int dim, int64_t size, const char* operator_name);
Dims broadcast_sizes(const Dims& a, const Dims& b, const char* operator_name);
/// Strides of t seen with `sizes` (0 where it is broadcast).
Dims broadcast_strides(const Tensor& t, const Dims& sizes);
/// The default floating dtype (float32 at first).
extern DType default_dtype;

}  // namespace flambeau
