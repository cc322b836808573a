// The storage behind a tensor, for the Python classes of storages and for set_.
#include <functional>

#include "dispatch/identity.h"
#include "dispatch/in_place.h"
#include "dispatch/iterate.h"
#include "python/bind.h"
#include "python/door.h"
#include "runtime/checksum.h"
#include "tensor/shared.h"

namespace flambeau {

namespace {

uint64_t as_number(const void* p) { return reinterpret_cast<uint64_t>(p); }

/// (segment, descriptor, offset) of a storage in a segment, else None.
std::optional<std::tuple<uint64_t, int, int64_t>> place_of(Tensor& t) {
  SharedPlace place = shared_place(t.storage);
  if (place.segment == 0) return std::nullopt;
  return std::tuple(place.segment, place.descriptor, place.offset);
}

constexpr const char* segment_name = "flambeau.segment";

/// A capsule that holds the segment of a message.
Object hold_segment(uint64_t number, int descriptor) {
  Segment* segment = open_segment(number, descriptor);
  PyObject* capsule = PyCapsule_New(segment, segment_name, [](PyObject* o) {
    close_segment(static_cast<Segment*>(PyCapsule_GetPointer(o, segment_name)));
  });
  if (!capsule) close_segment(segment);
  return owned(capsule);
}
/// The bytes of a new storage.
TensorRef bytes_of(Storage* s) {
  TensorRef t = make_tensor(s, DType::uint8, Dims{s->nbytes}, Dims{1}, 0);
  release(s);
  return t;
}
/// The bytes at a place of a segment.
TensorRef bytes_at(PyObject* opened, int64_t offset, int64_t nbytes) {
  auto* segment = static_cast<Segment*>(PyCapsule_GetPointer(opened, segment_name));
  if (!segment) throw PythonError();
  return bytes_of(storage_at(segment, offset, nbytes));
}

/// The CRC-32 of the bytes of a buffer behind others.
int64_t checksum(PyObject* o, int64_t before) {
  Py_buffer view;
  if (PyObject_GetBuffer(o, &view, PyBUF_SIMPLE) < 0) throw PythonError();
  uint32_t found;
  {
    LongWork unlocked(view.len > (1 << 16));
    found = crc32(view.buf, static_cast<size_t>(view.len), static_cast<uint32_t>(before));
  }
  PyBuffer_Release(&view);
  return found;
}

/// A member of a tensor's storage, or what a function makes of it.
template <auto what>
auto of_storage(Tensor& t) {
  return std::invoke(what, t.storage);
}

const NativeEntry entries[] = {
    bind<[](Tensor& a, Tensor& b) {
      if (&a != &b) swap_contents(a, b);
    }>("_swap", "input, other", nullptr, Mixing::all),
    bind<[](Tensor& t) {
      settle(t.storage);
      t.storage->lent = true;
      return t.is_cuda() ? t.storage->address : as_number(t.storage->data);
    }>("_storage_ptr", "input", "The address of the storage's bytes."),
    bind<within_reach>("_within_reach", "input"),
    bind<of_storage<as_number>>("_storage_id", "input"),
    bind<of_storage<&Storage::nbytes>>("_storage_nbytes", "input"),
    bind<of_storage<&Storage::resizable>>("_storage_resizable", "input"),
    bind<of_storage<&Storage::shared>>("_storage_is_shared", "input"),
    bind<of_storage<share_storage>>("_storage_share", "input"),
    bind<place_of>("_storage_place", "input"),
    bind<bytes_at>("_storage_at", "opened, offset, nbytes"),
    bind<of_storage<hold_for_message>>("_hold_for_message", "input"),
    bind<hold_segment>("_open_segment", "segment, descriptor"),
    bind<[](int64_t nbytes) { return bytes_of(allocate_shared(nbytes)); }>("_allocate_shared",
                                                                           "nbytes"),
    bind<drop_idle_segments>("_drop_idle_segments", ""),
    bind<set_few_segments>("_set_few_segments", "few"),
    bind<[](Tensor& t) { t.storage->shared = true; }>("_storage_mark_shared", "input"),
    bind<checksum>("_crc32", "bytes, before=0"),
    bind<resize_bytes>("_storage_resize", "input, nbytes"),
    bind<set_storage>("_set_layout", "input, source, storage_offset, size, stride, is_new=False",
                      nullptr, Mixing::all),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
