// Tensors given to and taken from other libraries by DLPack: a capsule with a pointer, a shape and
// a function that gives the memory back. Needs the GIL; what others call takes it.
// Source of the structures: dmlc/dlpack, version 1.0 of the protocol.
#include <memory>

#include "dispatch/basics.h"
#include "python/args.h"
#include "runtime/cuda.h"
#include "runtime/program.h"

namespace flambeau {

namespace {

struct BufferError : PythonError {
  explicit BufferError(const std::string& text) {
    PyErr_SetString(PyExc_BufferError, text.c_str());
  }
};

enum : int32_t { kCpu = 1, kCuda = 2, kCudaHost = 3 };
enum : uint8_t {
  kInt,
  kUInt,
  kFloat,
  kOpaque,
  kBfloat,
  kComplex,
  kBool,
  kFloat8E4m3fn = 10,
  kFloat8E4m3fnuz,
  kFloat8E5m2,
  kFloat8E5m2fnuz,
  kFloat8E8m0fnu,
};
enum : uint64_t { kReadOnly = 1, kCopied = 2 };

struct Description {  // DLTensor
  void* data;
  int32_t device_type, device_id;
  int32_t ndim;
  uint8_t code, bits;
  uint16_t lanes;
  int64_t *shape, *strides;
  uint64_t byte_offset;
};
struct Plain {  // DLManagedTensor
  static constexpr const char *name = "dltensor", *used = "used_dltensor";
  Description tensor;
  void* context;
  void (*deleter)(Plain*);
};
struct Versioned {  // DLManagedTensorVersioned
  static constexpr const char *name = "dltensor_versioned", *used = "used_dltensor_versioned";
  uint32_t major, minor;
  void* context;
  void (*deleter)(Versioned*);
  uint64_t flags;
  Description tensor;
};

template <class Managed>
void delete_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, Managed::name)) return;  // taken over by somebody
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Managed::name));
  if (m && m->deleter) m->deleter(m);
}

// ------------------------------------------------------------------------------------------ giving

template <class Managed>
struct Given {
  Managed managed{};
  Storage* storage = nullptr;
  int64_t shape[max_ndim], strides[max_ndim];
};

template <class Managed>
void take_back(Managed* m) {
  if (!Py_IsInitialized()) return;  // at exit the memory goes with the process
  PyGILState_STATE gil = PyGILState_Ensure();
  auto* given = static_cast<Given<Managed>*>(m->context);
  release(given->storage);
  delete given;
  PyGILState_Release(gil);
}

uint8_t code_of(DType d) {
  switch (d) {
    case DType::bfloat16: return kBfloat;
    case DType::float8_e4m3fn: return kFloat8E4m3fn;
    case DType::float8_e4m3fnuz: return kFloat8E4m3fnuz;
    case DType::float8_e5m2: return kFloat8E5m2;
    case DType::float8_e5m2fnuz: return kFloat8E5m2fnuz;
    case DType::float8_e8m0fnu: return kFloat8E8m0fnu;
    default: break;
  }
  switch (facts(d).kind) {
    case 'b': return kBool;
    case 'u': return kUInt;
    case 'i': return kInt;
    case 'f': return kFloat;
    case 'c': return kComplex;
    default:
      throw BufferError(
          message("__dlpack__: ", name(d), " is no type of DLPack. view() it as uint8."));
  }
}

template <class Managed>
PyObject* give(Tensor& t, uint64_t flags) {
  check<ValueError>(!t.is_meta(), [&] {
    return message("dlpack: ", describe(t), " is on the meta device and has no memory to share.");
  });
  auto given = std::make_unique<Given<Managed>>();
  Managed& m = given->managed;
  std::copy_n(t.sizes, t.ndim, given->shape);
  std::copy_n(t.strides, t.ndim, given->strides);
  m.tensor = {t.is_cuda() ? reinterpret_cast<void*>(t.address()) : t.data(),
              t.is_cuda() ? kCuda : kCpu,
              t.is_cuda() ? t.device().index : 0,
              t.ndim,
              code_of(t.dtype),
              static_cast<uint8_t>(8 * itemsize(t.dtype)),
              1,
              given->shape,
              given->strides,
              0};
  m.context = given.get();
  m.deleter = take_back<Managed>;
  if constexpr (std::is_same_v<Managed, Versioned>) {
    m.major = 1;
    m.minor = 0;
    m.flags = flags;
  }
  given->storage = t.storage;
  PyObject* capsule = PyCapsule_New(&m, Managed::name, delete_capsule<Managed>);
  if (!capsule) throw PythonError();
  retain(t.storage);
  t.storage->lent = true;
  given.release();
  return capsule;
}

/// _lent_address(input): where its elements are, for somebody who keeps the tensor alive.
PyObject* py_lent_address(const Call& call) {
  Tensor& t = Args(call).tensor(0);
  check<TypeError>(!t.is_meta(), [&] {
    return message("numpy: ", describe(t), " is on the meta device and has no memory to share.");
  });
  check<TypeError>(!t.is_cuda(), [&] {
    return message("numpy: ", describe(t), " is on ", to_string(t.device()),
                   ", which NumPy can't reach. Copy it with .cpu() first.");
  });
  t.storage->lent = true;
  return PyLong_FromVoidPtr(t.data());
}

/// _to_dlpack(input, versioned, copied): a capsule over input's memory.
PyObject* py_to_dlpack(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  return a.truth(1) ? give<Versioned>(t, a.truth(2) ? uint64_t{kCopied} : 0) : give<Plain>(t, 0);
}

// ------------------------------------------------------------------------------------------ taking

DType dtype_of(const Description& d) {
  auto bits = [&](auto... pairs) -> DType {
    DType found = DType::bool_;
    bool known = ((d.bits == pairs.first && (found = pairs.second, true)) || ...);
    if (d.lanes != 1 || !known)
      throw BufferError(message("from_dlpack: elements of code ", int{d.code}, " with ",
                                int{d.bits}, " bits and ", int{d.lanes},
                                " lanes have no dtype here."));
    return found;
  };
  using P = std::pair<int, DType>;
  switch (d.code) {
    case kInt:
      return bits(P{8, DType::int8}, P{16, DType::int16}, P{32, DType::int32}, P{64, DType::int64});
    case kUInt:
      return bits(P{8, DType::uint8}, P{16, DType::uint16}, P{32, DType::uint32},
                  P{64, DType::uint64});
    case kFloat: return bits(P{16, DType::float16}, P{32, DType::float32}, P{64, DType::float64});
    case kBfloat: return bits(P{16, DType::bfloat16});
    case kComplex:
      return bits(P{32, DType::complex32}, P{64, DType::complex64}, P{128, DType::complex128});
    case kBool: return bits(P{8, DType::bool_});
    case kFloat8E4m3fn: return bits(P{8, DType::float8_e4m3fn});
    case kFloat8E4m3fnuz: return bits(P{8, DType::float8_e4m3fnuz});
    case kFloat8E5m2: return bits(P{8, DType::float8_e5m2});
    case kFloat8E5m2fnuz: return bits(P{8, DType::float8_e5m2fnuz});
    case kFloat8E8m0fnu: return bits(P{8, DType::float8_e8m0fnu});
    default: return bits();
  }
}

template <class Managed>
void owner_deleted(PyObject* owner) {
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(owner, nullptr));
  if (m && m->deleter) m->deleter(m);
}

template <class Managed>
TensorRef take(PyObject* capsule) {
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Managed::name));
  if (!m) throw PythonError();
  bool read_only = false;
  if constexpr (std::is_same_v<Managed, Versioned>) {
    if (m->major != 1)
      throw BufferError(message("from_dlpack: version ", m->major, ".", m->minor,
                                " of the protocol is not known here, only 1."));
    read_only = m->flags & kReadOnly;
  }
  const Description& d = m->tensor;
  const bool on_gpu = d.device_type == kCuda && d.device_id < cuda::device_count();
  if (d.device_type != kCpu && d.device_type != kCudaHost && !on_gpu)
    throw BufferError(message("from_dlpack: the memory is on device ", d.device_id,
                              " of DLPack's type ", d.device_type,
                              ", which is none here: the CPU has type 1, a CUDA device 2."));
  DType dtype = dtype_of(d);
  if (d.ndim < 0 || d.ndim > max_ndim || (d.ndim > 0 && !d.shape))
    throw BufferError(
        message("from_dlpack: ", d.ndim, " dimensions; a tensor has at most ", max_ndim, "."));
  Dims sizes(d.shape, d.ndim);
  for (int i = 0; i < sizes.n; ++i)
    if (sizes[i] < 0 || (d.strides && d.strides[i] < 0 && sizes[i] > 1))
      throw BufferError(message("from_dlpack: dimension ", i, " has size ", sizes[i],
                                " and a negative size or stride, which tensors do not have."));
  Dims strides = d.strides ? Dims(d.strides, d.ndim) : contiguous_strides(sizes);
  for (int i = 0; i < sizes.n; ++i)
    if (sizes[i] <= 1) strides[i] = std::max<int64_t>(strides[i], 1);
  int64_t span = reach(sizes, strides, 0, "from_dlpack");
  if (span && !d.data) throw BufferError("from_dlpack: the memory's address is null.");
  if (read_only)
    warn(
        "from_dlpack: the memory is read-only, which tensors do not know: copy it, or do not "
        "write to it.");
  Object owner = Object::steal(PyCapsule_New(m, nullptr, owner_deleted<Managed>));
  if (!owner) throw PythonError();
  if (PyCapsule_SetName(capsule, Managed::used) != 0) {
    PyCapsule_SetDestructor(owner.get(), nullptr);
    throw PythonError();
  }
  char* start = static_cast<char*>(d.data) + d.byte_offset;
  const int64_t nbytes = span * itemsize(dtype);
  Storage* s = on_gpu ? wrap_address(reinterpret_cast<uint64_t>(start), nbytes,
                                     cuda::device_at(d.device_id), owner.get())
                      : wrap_storage(start, nbytes, owner.get());
  TensorRef t = make_tensor(s, dtype, sizes, strides, 0);
  release(s);
  return t;
}

/// _from_dlpack(capsule): a tensor over its memory; the capsule is used up.
PyObject* py_from_dlpack(const Call& call) {
  Args a(call);
  PyObject* c = a[0];
  check<TypeError>(PyCapsule_CheckExact(c) != 0, [&] {
    return message("from_dlpack: expected a capsule of __dlpack__(), not ", Py_TYPE(c)->tp_name,
                   ".");
  });
  if (PyCapsule_IsValid(c, Versioned::name)) return take<Versioned>(c).release_py();
  check(PyCapsule_IsValid(c, Plain::name) != 0, [&] {
    const char* name = PyCapsule_GetName(c);
    return message("from_dlpack: the capsule is named ", name ? name : "nothing",
                   ", not dltensor or dltensor_versioned; each can be taken over only once.");
  });
  return take<Plain>(c).release_py();
}

const NativeEntry entries[] = {
    {"_to_dlpack", "input, versioned=False, copied=False", py_to_dlpack,
     "A DLPack capsule over a tensor's memory."},
    {"_lent_address", "input", py_lent_address, "The address of a tensor's elements."},
    {"_from_dlpack", "capsule", py_from_dlpack, "A tensor over the memory of a DLPack capsule."},
    {}};

}  // namespace

void initialize_dlpack(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
