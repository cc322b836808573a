// DLPack, the protocol by which libraries share tensors: a struct with a pointer, a shape and a
// function that gives the memory back. Needs the GIL; what others call takes it.
// Source of the structures: dmlc/dlpack, version 1.3 of the protocol.
#pragma once
#include "tensor/capsule.h"

namespace flambeau::dlpack {

struct BufferError : PythonError {
  explicit BufferError(const std::string& text) {
    PyErr_SetString(PyExc_BufferError, text.c_str());
  }
};

enum : uint64_t { read_only = 1, copied = 2 };

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

/// input's memory for somebody else, who calls the deleter once.
Versioned* lend_versioned(Tensor& t);
/// A tensor over the memory that it describes, which is used up.
TensorRef adopt_versioned(Versioned* given);
/// What describes t as long as t lives.
Description describe_memory(const Tensor& t);
/// The dtype of the elements; raises where there is none.
DType dtype_of(const Description& d);
/// A capsule over input's memory.
Object to_dlpack(Tensor& t, bool versioned, bool is_copy);
/// A tensor over the memory of a capsule, which is used up.
TensorRef from_dlpack(PyObject* capsule);

inline constexpr std::tuple functions{
    declare<to_dlpack>("_to_dlpack", "input, versioned=False, copied=False"),
    declare<from_dlpack>("_from_dlpack", "capsule")};

}  // namespace flambeau::dlpack
