#include "runtime/dlpack.h"

#include <memory>

#include "runtime/cuda.h"
#include "runtime/program.h"

namespace flambeau {

template <class Managed>
  requires requires(Managed* m) { m->deleter; }
struct Held<Managed> {
  static constexpr const char* name = Managed::name;
  static void end(Managed* m) {
    if (m->deleter) m->deleter(m);
  }
};

}  // namespace flambeau

namespace flambeau::dlpack {

namespace {

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

/// Raises where it describes what no tensor is.
void check_description(const Description& d) {
  const bool on_gpu = d.device_type == kCuda && d.device_id < cuda::device_count();
  if (d.device_type != kCpu && d.device_type != kCudaHost && !on_gpu)
    throw BufferError(message("from_dlpack: the memory is on device ", d.device_id,
                              " of DLPack's type ", d.device_type,
                              ", which is none here: the CPU has type 1, a CUDA device 2."));
  if (d.ndim < 0 || d.ndim > max_ndim || (d.ndim > 0 && !d.shape))
    throw BufferError(
        message("from_dlpack: ", d.ndim, " dimensions; a tensor has at most ", max_ndim, "."));
  for (int i = 0; i < d.ndim; ++i)
    if (d.shape[i] < 0 || (d.strides && d.strides[i] < 0 && d.shape[i] > 1))
      throw BufferError(message("from_dlpack: dimension ", i, " has size ", d.shape[i],
                                " and a negative size or stride, which tensors do not have."));
}

}  // namespace

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

Description describe_memory(const Tensor& t) {
  const bool on_gpu = t.is_cuda();
  return {on_gpu ? reinterpret_cast<void*>(t.address()) : t.data(),
          on_gpu ? kCuda : kCpu,
          on_gpu ? t.device().index : 0,
          t.ndim,
          code_of(t.dtype),
          static_cast<uint8_t>(8 * itemsize(t.dtype)),
          1,
          const_cast<int64_t*>(t.sizes),
          const_cast<int64_t*>(t.strides),
          0};
}

/// t's memory for somebody else, who calls the deleter once.
template <class Managed>
Managed* lend(Tensor& t, uint64_t flags) {
  check<ValueError>(!t.is_meta(), [&] {
    return message("dlpack: ", describe(t), " is on the meta device and has no memory to share.");
  });
  auto given = std::make_unique<Given<Managed>>();
  Managed& m = given->managed;
  std::copy_n(t.sizes, t.ndim, given->shape);
  std::copy_n(t.strides, t.ndim, given->strides);
  m.tensor = describe_memory(t);
  m.tensor.shape = given->shape;
  m.tensor.strides = given->strides;
  m.context = given.get();
  m.deleter = take_back<Managed>;
  if constexpr (std::is_same_v<Managed, Versioned>) {
    m.major = 1;
    m.minor = 0;
    m.flags = flags;
  }
  given->storage = t.storage;
  retain(t.storage);
  t.storage->lent = true;
  return &given.release()->managed;
}

/// A tensor over memory of others, which `owner` keeps.
template <class Managed>
TensorRef adopt(const Managed& m, PyObject* owner) {
  const Description& d = m.tensor;
  if constexpr (std::is_same_v<Managed, Versioned>)
    if (m.major != 1)
      throw BufferError(message("from_dlpack: version ", m.major, ".", m.minor,
                                " of the protocol is not known here, only 1."));
  check_description(d);
  DType dtype = dtype_of(d);
  Dims sizes(d.shape, d.ndim);
  Dims strides = d.strides ? Dims(d.strides, d.ndim) : contiguous_strides(sizes);
  for (int i = 0; i < sizes.n; ++i)
    if (sizes[i] <= 1) strides[i] = std::max<int64_t>(strides[i], 1);
  const int64_t nbytes = reach(sizes, strides, 0, "from_dlpack") * itemsize(dtype);
  if (nbytes && !d.data) throw BufferError("from_dlpack: the memory's address is null.");
  if constexpr (std::is_same_v<Managed, Versioned>)
    if (m.flags & read_only)
      warn(
          "from_dlpack: the memory is read-only, which tensors do not know: copy it, or do not "
          "write to it.");
  char* start = static_cast<char*>(d.data) + d.byte_offset;
  Storage* s = d.device_type == kCuda ? wrap_address(reinterpret_cast<uint64_t>(start), nbytes,
                                                     cuda::device_at(d.device_id), owner)
                                      : wrap_storage(start, nbytes, owner);
  TensorRef t = make_tensor(s, dtype, sizes, strides, 0);
  release(s);
  return t;
}

template <class Managed>
TensorRef take(PyObject* capsule) {
  Managed& m = held_by<Managed>(capsule);
  // By its name it gives nothing back as long as the memory is the capsule's own.
  Object owner = owned(PyCapsule_New(&m, Managed::used, end_capsule<Managed>));
  TensorRef t = adopt(m, owner.get());
  if (PyCapsule_SetName(capsule, Managed::used) != 0 ||
      PyCapsule_SetName(owner.get(), Managed::name) != 0)
    throw PythonError();
  return t;
}

Versioned* lend_versioned(Tensor& t) { return lend<Versioned>(t, 0); }

TensorRef adopt_versioned(Versioned* given) {
  Object capsule = capsule_of(given);
  return take<Versioned>(capsule.get());
}

Object to_dlpack(Tensor& t, bool versioned, bool is_copy) {
  return versioned ? capsule_of(lend<Versioned>(t, is_copy ? uint64_t{copied} : 0))
                   : capsule_of(lend<Plain>(t, 0));
}

TensorRef from_dlpack(PyObject* c) {
  check<TypeError>(PyCapsule_CheckExact(c) != 0, [&] {
    return message("from_dlpack: expected a capsule of __dlpack__(), not ", Py_TYPE(c)->tp_name,
                   ".");
  });
  if (PyCapsule_IsValid(c, Versioned::name)) return take<Versioned>(c);
  check(PyCapsule_IsValid(c, Plain::name) != 0, [&] {
    const char* name = PyCapsule_GetName(c);
    return message("from_dlpack: the capsule is named ", name ? name : "nothing",
                   ", not dltensor or dltensor_versioned; each can be taken over only once.");
  });
  return take<Plain>(c);
}

}  // namespace flambeau::dlpack
