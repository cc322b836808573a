// The storage behind a tensor, for the Python classes of storages and for set_.
#include "dispatch/in_place.h"
#include "dispatch/iterate.h"
#include "python/bind.h"
#include "python/elsewhere.h"
#include "runtime/checksum.h"
#include "tensor/shared.h"

namespace flambeau {

namespace {

Object address(const void* p) {
  return Object::steal(PyLong_FromUnsignedLongLong(reinterpret_cast<uint64_t>(p)));
}

/// (segment, descriptor, offset) of a storage in a segment, else None.
Object place_of(Tensor& t) {
  SharedPlace place = shared_place(t.storage);
  if (place.segment == 0) return Object::borrow(Py_None);
  return Object::steal(Py_BuildValue("(KiL)", static_cast<unsigned long long>(place.segment),
                                     place.descriptor, static_cast<long long>(place.offset)));
}

constexpr const char* segment_name = "flambeau.segment";

/// A capsule that holds the segment of a message.
PyObject* hold_segment(PyObject* segment_number, int64_t descriptor) {
  uint64_t number = PyLong_AsUnsignedLongLong(segment_number);
  if (PyErr_Occurred()) throw PythonError();
  Segment* segment = open_segment(number, static_cast<int>(descriptor));
  PyObject* capsule = PyCapsule_New(segment, segment_name, [](PyObject* o) {
    close_segment(static_cast<Segment*>(PyCapsule_GetPointer(o, segment_name)));
  });
  if (!capsule) {
    close_segment(segment);
    throw PythonError();
  }
  return capsule;
}
TensorRef bytes_of(Storage* s) {
  TensorRef t = make_tensor(s, DType::uint8, Dims{s->nbytes}, Dims{1}, 0);
  release(s);
  return t;
}
TensorRef bytes_at(PyObject* opened, int64_t offset, int64_t nbytes) {
  auto* segment = static_cast<Segment*>(PyCapsule_GetPointer(opened, segment_name));
  if (!segment) throw PythonError();
  return bytes_of(storage_at(segment, offset, nbytes));
}

void resize_bytes(Tensor& t, int64_t nbytes) {
  check(nbytes >= 0, [&] { return message("resize_: a storage of ", nbytes, " bytes can't be."); });
  if (nbytes < t.storage->nbytes)
    shrink_storage(t.storage, nbytes);
  else
    resize_storage(t.storage, nbytes);
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

const NativeEntry entries[] = {
    bind<[](Tensor& a, Tensor& b) {
      if (&a != &b) swap_contents(a, b);
    }>("_swap", "input, other", "Two tensors with their contents exchanged.", Mixing::all),
    bind<[](Tensor& t) {
      settle(t.storage);
      t.storage->lent = true;
      return address(t.is_cuda() ? reinterpret_cast<void*>(t.storage->address) : t.storage->data);
    }>("_storage_ptr", "input", "The address of the storage's bytes."),
    bind<within_reach>("_within_reach", "input"),
    bind<[](Tensor& t) { return address(t.storage); }>(
        "_storage_id", "input", "A number that tensors over one storage have in common."),
    bind<[](Tensor& t) { return t.storage->nbytes; }>("_storage_nbytes", "input",
                                                      "The bytes of the storage."),
    bind<[](Tensor& t) { return bool{t.storage->resizable}; }>(
        "_storage_resizable", "input", "Whether the storage owns its bytes."),
    bind<[](Tensor& t) { return bool{t.storage->shared}; }>(
        "_storage_is_shared", "input", "Whether other processes see its bytes."),
    bind<[](Tensor& t) { share_storage(t.storage); }>(
        "_storage_share", "input", "Moves its bytes to where other processes see them."),
    bind<place_of>("_storage_place", "input"),
    bind<bytes_at>("_storage_at", "opened, offset, nbytes",
                   "The bytes at a place of a segment, as a tensor."),
    bind<[](Tensor& t) { hold_for_message(t.storage); }>(
        "_hold_for_message", "input", "Counts a message as a holder of its segment."),
    bind<hold_segment>("_open_segment", "segment, descriptor"),
    bind<[](int64_t nbytes) { return bytes_of(allocate_shared(nbytes)); }>(
        "_allocate_shared", "nbytes", "New bytes in a segment, uninitialised."),
    bind<drop_idle_segments>("_drop_idle_segments", ""),
    bind<set_few_segments>("_set_few_segments", "few"),
    bind<[](Tensor& t) { t.storage->shared = true; }>("_storage_mark_shared", "input",
                                                      "Notes that other processes see its bytes."),
    bind<checksum>("_crc32", "bytes, before=0", "The CRC-32 of bytes, as zip archives have it."),
    bind<resize_bytes>("_storage_resize", "input, nbytes",
                       "Another number of bytes; those that stay are kept."),
    bind<set_storage>("_set_layout", "input, source, storage_offset, size, stride, is_new=False",
                      nullptr, Mixing::all),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
