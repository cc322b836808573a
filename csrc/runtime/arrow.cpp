#include "runtime/arrow.h"

#include <string_view>

namespace flambeau {

using arrow::ArrowArray, arrow::ArrowSchema;

template <class Arrow>
void end_arrow(Arrow* a) {
  if (a->release) a->release(a);
  delete a;
}
template <>
struct Held<ArrowSchema> {
  static constexpr const char* name = "arrow_schema";
  static constexpr auto end = end_arrow<ArrowSchema>;
};
template <>
struct Held<ArrowArray> {
  static constexpr const char* name = "arrow_array";
  static constexpr auto end = end_arrow<ArrowArray>;
};

}  // namespace flambeau

namespace flambeau::arrow {

namespace {

constexpr const char *byte_format = "C", *pixel_format = "+w:4";

bool is_grouped(const ArrowSchema& schema) {
  return std::string_view(schema.format) == pixel_format;
}

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

/// t's memory for somebody else, who releases both once.
void lend(Tensor& t, ArrowSchema& schema, ArrowArray& array) {
  const bool grouped = t.ndim == 2;
  check(t.dtype == DType::uint8 && t.contiguous && (t.ndim == 1 || (grouped && t.sizes[1] == 4)),
        [&] {
          return message("_to_arrow: input is ", describe(t),
                         "; it must be uint8 (N,) or (N, 4), contiguous.");
        });
  auto* given_schema = new GivenSchema;
  schema = {grouped ? pixel_format : byte_format,
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
    schema.children = given_schema->children;
  }
  auto* given = new GivenArray;
  given->storage = t.storage;
  retain(t.storage);
  t.storage->lent = true;
  given->buffers[1] = t.data();
  const int64_t length = t.sizes[0];
  array = {length,         0,       0,       grouped ? 1 : 2, grouped,
           given->buffers, nullptr, nullptr, end_array,       given};
  if (grouped) {
    given->child = {4 * length, 0,       0,
                    2,          0,       given->buffers,
                    nullptr,    nullptr, [](ArrowArray* child) { child->release = nullptr; },
                    nullptr};
    array.children = given->children;
  }
}

/// Raises unless the array is of bytes, and nobody has taken it.
void check_bytes(const ArrowSchema& schema, const ArrowArray& array) {
  const bool grouped = is_grouped(schema);
  const char* format = grouped ? schema.children[0]->format : schema.format;
  check<TypeError>(std::string_view(format) == byte_format && array.release, [&] {
    return message("_from_arrow: an array of format '", format,
                   "' is none of bytes, or was taken before.");
  });
  const ArrowArray& bytes = grouped ? *array.children[0] : array;
  check(array.offset == 0 && bytes.offset == 0,
        [] { return message("_from_arrow: the array does not begin at its memory's start."); });
}

/// A tensor over such memory, which `owner` keeps.
TensorRef adopt(const ArrowSchema& schema, const ArrowArray& array, PyObject* owner) {
  const bool grouped = is_grouped(schema);
  const int64_t length = array.length;
  auto* data = const_cast<void*>((grouped ? *array.children[0] : array).buffers[1]);
  Storage* s = wrap_storage(data, grouped ? 4 * length : length, owner);
  TensorRef t = grouped ? make_tensor(s, DType::uint8, {length, 4}, {4, 1}, 0)
                        : make_tensor(s, DType::uint8, {length}, {1}, 0);
  release(s);
  return t;
}

}  // namespace

std::tuple<Object, Object> to_arrow(Tensor& t) {
  auto* schema = new ArrowSchema{};
  auto* array = new ArrowArray{};
  std::tuple made{capsule_of(schema), capsule_of(array)};
  lend(t, *schema, *array);
  return made;
}

TensorRef from_arrow(PyObject* schema_capsule, PyObject* capsule) {
  const auto& schema = held_by<ArrowSchema>(schema_capsule);
  auto& array = held_by<ArrowArray>(capsule);
  check_bytes(schema, array);
  auto* moved = new ArrowArray(array);
  array.release = nullptr;  // the protocol's sign of a move
  return adopt(schema, *moved, capsule_of(moved).get());
}

}  // namespace flambeau::arrow
