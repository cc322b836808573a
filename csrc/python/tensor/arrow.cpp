// Bytes given to and taken from other libraries by Arrow's C data interface: numbers of a byte, or
// groups of four of them, which Pillow's images are.
// Source of the structures: Apache Arrow, "The Arrow C data interface".
#include <cstring>
#include <string_view>

#include "dispatch/basics.h"
#include "python/bind.h"

namespace flambeau {

namespace {

struct ArrowSchema {
  const char *format, *name, *metadata;
  int64_t flags, n_children;
  ArrowSchema **children, *dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void** buffers;
  ArrowArray **children, *dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

constexpr const char *schema_name = "arrow_schema", *array_name = "arrow_array";
constexpr const char *byte_format = "C", *pixel_format = "+w:4";

/// Ends what a capsule of ours, or of the owner of a storage, still holds.
template <class Arrow>
void end(PyObject* capsule) {
  auto* held = static_cast<Arrow*>(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)));
  if (held->release) held->release(held);
  delete held;
}

template <class Arrow>
Arrow& held_by(PyObject* capsule, const char* name) {
  auto* held = static_cast<Arrow*>(PyCapsule_GetPointer(capsule, name));
  if (!held) throw PythonError();
  return *held;
}

// -- taken

/// The bytes of an array, (length,) or (length, 4), which is used up.
TensorRef from_arrow(PyObject* schema_capsule, PyObject* capsule) {
  const auto& schema = held_by<ArrowSchema>(schema_capsule, schema_name);
  auto& array = held_by<ArrowArray>(capsule, array_name);
  const bool grouped = std::string_view(schema.format) == pixel_format;
  const char* format = grouped ? schema.children[0]->format : schema.format;
  check<TypeError>(std::string_view(format) == byte_format && array.release, [&] {
    return message("_from_arrow: an array of format '", format,
                   "' is none of bytes, or was taken before.");
  });
  const ArrowArray& bytes = grouped ? *array.children[0] : array;
  check(array.offset == 0 && bytes.offset == 0,
        [] { return message("_from_arrow: the array does not begin at its memory's start."); });
  const int64_t length = array.length;
  auto* data = const_cast<void*>(bytes.buffers[1]);
  auto* moved = new ArrowArray(array);
  array.release = nullptr;  // the protocol's sign of a move
  Object owner = owned(PyCapsule_New(moved, array_name, end<ArrowArray>));
  Storage* s = wrap_storage(data, grouped ? 4 * length : length, owner.get());
  TensorRef t = grouped ? make_tensor(s, DType::uint8, {length, 4}, {4, 1}, 0)
                        : make_tensor(s, DType::uint8, {length}, {1}, 0);
  release(s);
  return t;
}

// -- given

struct GivenSchema {
  ArrowSchema child{}, *children[1] = {&child};
};

void end_schema(ArrowSchema* schema) {
  delete static_cast<GivenSchema*>(schema->private_data);
  schema->release = nullptr;
}

struct GivenArray {
  ArrowArray child{}, *children[1] = {&child};
  const void* buffers[2] = {nullptr, nullptr};  // of validity: all are there; of the bytes
  Storage* storage = nullptr;
};

void end_array(ArrowArray* array) {
  auto* given = static_cast<GivenArray*>(array->private_data);
  array->release = nullptr;
  if (Py_IsInitialized()) {  // at exit the memory goes with the process
    PyGILState_STATE gil = PyGILState_Ensure();
    release(given->storage);
    PyGILState_Release(gil);
  }
  delete given;
}

/// (schema, array) over the memory of uint8 (N,) or (N, 4).
Object to_arrow(Tensor& t) {
  const bool grouped = t.ndim == 2;
  check(t.dtype == DType::uint8 && t.contiguous && (t.ndim == 1 || (grouped && t.sizes[1] == 4)),
        [&] {
          return message("_to_arrow: input is ", describe(t),
                         "; it must be uint8 (N,) or (N, 4), contiguous.");
        });
  auto* schema = new ArrowSchema{};
  Object schema_capsule = owned(PyCapsule_New(schema, schema_name, end<ArrowSchema>));
  auto* given_schema = new GivenSchema;
  *schema = {grouped ? pixel_format : byte_format,
             "",
             nullptr,
             0,
             grouped,
             nullptr,
             nullptr,
             end_schema,
             given_schema};
  if (grouped) {
    given_schema->child = {
        byte_format, "",      nullptr, 0,
        0,           nullptr, nullptr, [](ArrowSchema* child) { child->release = nullptr; },
        nullptr};
    schema->children = given_schema->children;
  }
  auto* array = new ArrowArray{};
  Object array_capsule = owned(PyCapsule_New(array, array_name, end<ArrowArray>));
  auto* given = new GivenArray;
  given->storage = t.storage;
  retain(t.storage);
  t.storage->lent = true;
  given->buffers[1] = t.data();
  const int64_t length = t.sizes[0];
  *array = {length,         0,       0,       grouped ? 1 : 2, grouped,
            given->buffers, nullptr, nullptr, end_array,       given};
  if (grouped) {
    given->child = {4 * length, 0,       0,
                    2,          0,       given->buffers,
                    nullptr,    nullptr, [](ArrowArray* child) { child->release = nullptr; },
                    nullptr};
    array->children = given->children;
  }
  return owned(PyTuple_Pack(2, schema_capsule.get(), array_capsule.get()));
}

const NativeEntry entries[] = {
    bind<from_arrow>("_from_arrow", "schema, array"), bind<to_arrow>("_to_arrow", "input"), {}};
const Functions functions(entries);

}  // namespace

}  // namespace flambeau
