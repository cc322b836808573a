// Memory given to and taken from others in capsules: other libraries' by DLPack (runtime/dlpack.h)
// and by Arrow (runtime/arrow.h), segments that processes share (tensor/shared.h).
#include "dispatch/storages.h"
#include "python/bind.h"
#include "runtime/arrow.h"
#include "runtime/dlpack.h"

namespace flambeau {

namespace {

using arrow::ArrowArray, arrow::ArrowSchema, dlpack::Plain, dlpack::Versioned;

template <class Held>
constexpr const char* name_of = Held::name;
template <>
constexpr const char* name_of<ArrowSchema> = "arrow_schema";
template <>
constexpr const char* name_of<ArrowArray> = "arrow_array";
template <>
constexpr const char* name_of<Segment> = "flambeau.segment";

void end(Segment* segment) { close_segment(segment); }
template <class Managed>
  requires requires(Managed* m) { m->deleter; }
void end(Managed* m) {
  if (m->deleter) m->deleter(m);
}
template <class Arrow>
  requires requires(Arrow* a) { a->release; }
void end(Arrow* a) {
  if (a->release) a->release(a);
  delete a;
}

template <class Held>
Held& held_by(PyObject* capsule) {
  auto* held = static_cast<Held*>(PyCapsule_GetPointer(capsule, name_of<Held>));
  if (!held) throw PythonError();
  return *held;
}
/// The end of a capsule. One that bears another name is not the owner: somebody took it over.
template <class Held>
void end_capsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, name_of<Held>)) end(&held_by<Held>(capsule));
}
template <class Held>
Object capsule_of(Held* held) {
  PyObject* capsule = PyCapsule_New(held, name_of<Held>, end_capsule<Held>);
  if (!capsule) end(held);
  return owned(capsule);
}

/// A capsule over input's memory.
Object to_dlpack(Tensor& t, bool versioned, bool copied) {
  const uint64_t flags = copied ? uint64_t{dlpack::copied} : 0;
  return versioned ? capsule_of(dlpack::lend<Versioned>(t, flags))
                   : capsule_of(dlpack::lend<Plain>(t, 0));
}

template <class Managed>
TensorRef take(PyObject* capsule) {
  Managed& m = held_by<Managed>(capsule);
  // By its name it gives nothing back as long as the memory is the capsule's own.
  Object owner = owned(PyCapsule_New(&m, Managed::used, end_capsule<Managed>));
  TensorRef t = dlpack::adopt(m, owner.get());
  if (PyCapsule_SetName(capsule, Managed::used) != 0 ||
      PyCapsule_SetName(owner.get(), Managed::name) != 0)
    throw PythonError();
  return t;
}

/// A tensor over the memory of a capsule, which is used up.
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

/// The bytes of an array, (length,) or (length, 4), which is used up.
TensorRef from_arrow(PyObject* schema_capsule, PyObject* capsule) {
  const auto& schema = held_by<ArrowSchema>(schema_capsule);
  auto& array = held_by<ArrowArray>(capsule);
  arrow::check_bytes(schema, array);
  auto* moved = new ArrowArray(array);
  array.release = nullptr;  // the protocol's sign of a move
  return arrow::adopt(schema, *moved, capsule_of(moved).get());
}

/// (schema, array) over the memory of uint8 (N,) or (N, 4).
std::tuple<Object, Object> to_arrow(Tensor& t) {
  auto* schema = new ArrowSchema{};
  auto* array = new ArrowArray{};
  std::tuple made{capsule_of(schema), capsule_of(array)};
  arrow::lend(t, *schema, *array);
  return made;
}

const NativeEntry entries[] = {
    bind<to_dlpack>("_to_dlpack", "input, versioned=False, copied=False"),
    bind<from_dlpack>("_from_dlpack", "capsule"),
    bind<from_arrow>("_from_arrow", "schema, array"),
    bind<to_arrow>("_to_arrow", "input"),
    bind<[](uint64_t segment, int descriptor) {
      return capsule_of(open_segment(segment, descriptor));
    }>("_open_segment", "segment, descriptor", "A capsule that holds the segment of a message."),
    bind<[](PyObject* opened, int64_t offset, int64_t nbytes) {
      return bytes_of(storage_at(&held_by<Segment>(opened), offset, nbytes));
    }>("_storage_at", "opened, offset, nbytes", "The bytes at a place of a segment."),
    {}};
const Functions functions(entries), of_storages(entries_of<storage_functions>.data());

}  // namespace

}  // namespace flambeau
