// Bytes given to and taken from other libraries by Arrow: capsules over what runtime/arrow.h lends
// and adopts.
#include "runtime/arrow.h"

#include "python/bind.h"

namespace flambeau {

namespace {

using arrow::ArrowArray, arrow::ArrowSchema;

/// A capsule over a structure, which it ends where nobody has taken it.
template <class Arrow>
Object capsule_of(Arrow*& held, const char* name) {
  held = new Arrow{};
  return owned(PyCapsule_New(held, name, [](PyObject* capsule) {
    auto* ours = static_cast<Arrow*>(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)));
    if (ours->release) ours->release(ours);
    delete ours;
  }));
}
constexpr const char *schema_name = "arrow_schema", *array_name = "arrow_array";

template <class Arrow>
Arrow& held_by(PyObject* capsule, const char* name) {
  auto* held = static_cast<Arrow*>(PyCapsule_GetPointer(capsule, name));
  if (!held) throw PythonError();
  return *held;
}

/// The bytes of an array, (length,) or (length, 4), which is used up.
TensorRef from_arrow(PyObject* schema_capsule, PyObject* capsule) {
  const auto& schema = held_by<ArrowSchema>(schema_capsule, schema_name);
  auto& array = held_by<ArrowArray>(capsule, array_name);
  arrow::check_bytes(schema, array);
  ArrowArray* moved;
  Object owner = capsule_of(moved, array_name);
  *moved = array;
  array.release = nullptr;  // the protocol's sign of a move
  return arrow::adopt(schema, *moved, owner.get());
}

/// (schema, array) over the memory of uint8 (N,) or (N, 4).
std::tuple<Object, Object> to_arrow(Tensor& t) {
  ArrowSchema* schema;
  ArrowArray* array;
  Object schema_capsule = capsule_of(schema, schema_name),
         array_capsule = capsule_of(array, array_name);
  arrow::lend(t, *schema, *array);
  return {std::move(schema_capsule), std::move(array_capsule)};
}

const NativeEntry entries[] = {
    bind<from_arrow>("_from_arrow", "schema, array"), bind<to_arrow>("_to_arrow", "input"), {}};
const Functions functions(entries);

}  // namespace

}  // namespace flambeau
