#include "dispatch/foreign.h"

#include "dispatch/basics.h"
#include "runtime/program.h"

namespace flambeau {

DType dtype_of_format(const char* format, int64_t size, const char* function) {
  auto refuse = [&]() {
    return TypeError(
        message(function, ": an array of format '", format,
                "' has no dtype here. Convert it to a bool, integer, floating or complex type "
                "with array.astype first."));
  };
  const char* f = format;
  check<ValueError>(*f != '>' && *f != '!', [&] {
    return message(function,
                   ": the array's byte order is not this machine's. Convert it first: "
                   "array.astype(array.dtype.newbyteorder('=')).");
  });
  if (*f == '=' || *f == '<' || *f == '@' || *f == '|') ++f;
  char code = *f++;
  bool is_complex_code = code == 'Z' && *f;
  if (is_complex_code) code = *f++;
  if (*f) throw refuse();  // several items in one, or a structure
  auto integer = [&](bool is_signed) {
    switch (size) {
      case 1: return is_signed ? DType::int8 : DType::uint8;
      case 2: return is_signed ? DType::int16 : DType::uint16;
      case 4: return is_signed ? DType::int32 : DType::uint32;
      default: return is_signed ? DType::int64 : DType::uint64;
    }
  };
  DType dtype;
  switch (code) {
    case '?': dtype = DType::bool_; break;
    case 'e': dtype = DType::float16; break;
    case 'f': dtype = is_complex_code ? DType::complex64 : DType::float32; break;
    case 'd': dtype = is_complex_code ? DType::complex128 : DType::float64; break;
    case 'c': dtype = DType::uint8; break;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n': dtype = integer(true); break;
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
    case 'N': dtype = integer(false); break;
    default: throw refuse();
  }
  if (itemsize(dtype) != size || (is_complex_code && !is_complex(dtype))) throw refuse();
  return dtype;
}

namespace {

DType dtype_of(const ForeignMemory& m, const char* op) {
  return dtype_of_format(m.format ? m.format : "B", m.itemsize, op);
}

TensorRef over(void* data, int64_t nbytes, PyObject* owner, DType dtype, const Dims& sizes,
               const Dims& strides) {
  Storage* s = wrap_storage(data, nbytes, owner);
  TensorRef t = make_tensor(s, dtype, sizes, strides, 0);
  release(s);
  return t;
}

}  // namespace

TensorRef share_memory(const ForeignMemory& m, PyObject* owner, const char* op) {
  const DType dtype = dtype_of(m, op);
  Dims sizes, strides;
  int64_t span = 1;
  for (int d = 0; d < m.ndim; ++d) {
    check<ValueError>(m.strides[d] >= 0 || m.sizes[d] <= 1, [&] {
      return message(op, ": dimension ", d, " of the array has a negative stride (", m.strides[d],
                     " bytes), which tensors do not have. Pass array.copy().");
    });
    check<ValueError>(m.strides[d] % m.itemsize == 0 || m.sizes[d] <= 1, [&] {
      return message(op, ": dimension ", d, " of the array has a stride of ", m.strides[d],
                     " bytes, no multiple of its elements' ", m.itemsize, ". Pass array.copy().");
    });
    sizes.push(m.sizes[d]);
    // Of one element, too: an image's strides show where its channels lie.
    const bool fits = m.strides[d] >= 0 && m.strides[d] % m.itemsize == 0;
    strides.push(fits ? m.strides[d] / m.itemsize : 1);
    if (m.sizes[d] == 0) span = 0;
    if (span) span += (m.sizes[d] - 1) * strides[d];
  }
  if (m.read_only)
    warn_once(
        "array that is not writable",
        "The given NumPy array is not writable, and a write to the tensor would change it all "
        "the same: pass array.copy(), or do not write.");
  return over(m.data, span * m.itemsize, owner, dtype, sizes, strides);
}

TensorRef copy_memory(const ForeignMemory& m, const char* op) {
  const DType dtype = dtype_of(m, op);
  Dims sizes, strides;
  bool fits = true;
  for (int d = 0; d < m.ndim; ++d) {
    sizes.push(m.sizes[d]);
    fits &= m.strides[d] >= 0 && m.strides[d] % m.itemsize == 0;
    strides.push(m.strides[d] / m.itemsize);
  }
  if (!fits) return nullptr;
  TensorRef made = empty(sizes, dtype);
  copy_bytes(*made, *over(m.data, INT64_MAX, nullptr, dtype, sizes, strides));
  return made;
}

}  // namespace flambeau
