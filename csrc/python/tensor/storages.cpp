// The storage behind a tensor, for the Python classes of storages and for set_.
#include <utility>

#include "autograd/meta.h"
#include "python/args.h"
#include "tensor/shared.h"

namespace flambeau {

namespace {

Storage* storage_of(const Call& call) { return Args(call).tensor(0).storage; }
PyObject* address(const void* p) {
  return PyLong_FromUnsignedLongLong(reinterpret_cast<uint64_t>(p));
}

PyObject* py_storage_ptr(const Call& call) { return address(storage_of(call)->data); }
PyObject* py_storage_id(const Call& call) { return address(storage_of(call)); }
PyObject* py_storage_nbytes(const Call& call) {
  return PyLong_FromLongLong(storage_of(call)->nbytes);
}
PyObject* py_storage_resizable(const Call& call) {
  return PyBool_FromLong(storage_of(call)->resizable);
}
PyObject* py_storage_is_shared(const Call& call) {
  return PyBool_FromLong(storage_of(call)->shared);
}
PyObject* py_storage_share(const Call& call) {
  share_storage(storage_of(call));
  Py_RETURN_NONE;
}
PyObject* py_storage_mark_shared(const Call& call) {
  storage_of(call)->shared = true;
  Py_RETURN_NONE;
}
/// _storage_place(input): (segment, descriptor, offset) of a storage in a segment, else None.
PyObject* py_storage_place(const Call& call) {
  SharedPlace place = shared_place(storage_of(call));
  if (place.segment == 0) Py_RETURN_NONE;
  return Py_BuildValue("(KiL)", static_cast<unsigned long long>(place.segment), place.descriptor,
                       static_cast<long long>(place.offset));
}
PyObject* py_hold_for_message(const Call& call) {
  hold_for_message(storage_of(call));
  Py_RETURN_NONE;
}

constexpr const char* segment_name = "flambeau.segment";

/// _open_segment(segment, descriptor): a capsule that holds the segment of a message.
PyObject* py_open_segment(const Call& call) {
  Args a(call);
  uint64_t number = PyLong_AsUnsignedLongLong(a[0]);
  if (PyErr_Occurred()) throw PythonError();
  Segment* segment = open_segment(number, static_cast<int>(a.integer(1)));
  PyObject* capsule = PyCapsule_New(segment, segment_name, [](PyObject* o) {
    close_segment(static_cast<Segment*>(PyCapsule_GetPointer(o, segment_name)));
  });
  if (!capsule) {
    close_segment(segment);
    throw PythonError();
  }
  return capsule;
}
PyObject* bytes_of(Storage* s) {
  TensorRef t = make_tensor(s, DType::uint8, Dims{s->nbytes}, Dims{1}, 0);
  release(s);
  return t.release_py();
}
/// _storage_at(opened, offset, nbytes): the bytes there, as a tensor.
PyObject* py_storage_at(const Call& call) {
  Args a(call);
  auto* segment = static_cast<Segment*>(PyCapsule_GetPointer(a[0], segment_name));
  if (!segment) throw PythonError();
  return bytes_of(storage_at(segment, a.integer(1), a.integer(2)));
}
PyObject* py_allocate_shared(const Call& call) {
  return bytes_of(allocate_shared(Args(call).integer(0)));
}
PyObject* py_set_few_segments(const Call& call) {
  set_few_segments(Args(call).truth(0));
  Py_RETURN_NONE;
}
PyObject* py_drop_idle_segments(const Call& call) {
  Args{call};
  drop_idle_segments();
  Py_RETURN_NONE;
}
PyObject* py_storage_resize(const Call& call) {
  Args a(call);
  Storage* storage = a.tensor(0).storage;
  int64_t nbytes = a.integer(1);
  check(nbytes >= 0, [&] { return message("resize_: a storage of ", nbytes, " bytes can't be."); });
  if (nbytes < storage->nbytes)
    shrink_storage(storage, nbytes);
  else
    resize_storage(storage, nbytes);
  Py_RETURN_NONE;
}

/// _set_layout(t, source, offset, sizes, strides, is_new): t looks at source's storage from now on.
/// Of a new t, which nobody has seen, that is no write.
PyObject* py_set_layout(const Call& call) {
  Args a(call);
  Tensor &t = a.tensor(0), &source = a.tensor(1);
  Dims sizes = to_dims(a[3], "set_"), strides = to_dims(a[4], "set_");
  check(sizes.n == strides.n, [&] {
    return message("set_: sizes ", to_string(sizes), " and strides ", to_string(strides),
                   " differ in length.");
  });
  int64_t need, offset = a.integer(2);
  if (__builtin_mul_overflow(reach(sizes, strides, offset, "set_"), itemsize(t.dtype), &need))
    throw_too_large(sizes);
  check<DeviceError>(source.device() == t.device(), [&] {
    return message("set_: the tensor is on ", to_string(t.device()), " and the source on ",
                   to_string(source.device()), ". They must be the same.");
  });
  check_inplace(t, "set_");
  check(!grad_mode_enabled || !requires_grad(t), [&] {
    return message("set_: this ", describe(t),
                   " is a result in the graph, and set_ has no derivative. Use detach() first.");
  });
  if (need > source.storage->nbytes) resize_storage(source.storage, need);
  retain(source.storage);
  Storage* old = std::exchange(t.storage, source.storage);
  set_layout(t, sizes, strides, offset);
  release(old);  // last: what owns foreign memory may run Python as it goes
  leave_base(t);
  if (!a.truth(5)) t.bump_version("set_");
  return TensorRef::borrow(&t).release_py();
}

/// _swap(a, b): each object has what the other was: elements, history, class, attributes.
PyObject* py_swap(const Call& call) {
  Args a(call);
  if (&a.tensor(0) != &a.tensor(1)) swap_contents(a.tensor(0), a.tensor(1));
  Py_RETURN_NONE;
}

const NativeEntry entries[] = {
    {"_swap", "input, other", py_swap, "Two tensors with their contents exchanged.", Mixing::all},
    {"_storage_ptr", "input", py_storage_ptr, "The address of the storage's bytes."},
    {"_storage_id", "input", py_storage_id,
     "A number that tensors over one storage have in common."},
    {"_storage_nbytes", "input", py_storage_nbytes, "The bytes of the storage."},
    {"_storage_resizable", "input", py_storage_resizable, "Whether the storage owns its bytes."},
    {"_storage_is_shared", "input", py_storage_is_shared, "Whether other processes see its bytes."},
    {"_storage_share", "input", py_storage_share,
     "Moves its bytes to where other processes see them."},
    {"_storage_place", "input", py_storage_place,
     "Its segment, the descriptor of that, its offset there."},
    {"_storage_at", "opened, offset, nbytes", py_storage_at, "The bytes at a place of a segment."},
    {"_hold_for_message", "input", py_hold_for_message,
     "Counts a message as a holder of its segment."},
    {"_open_segment", "segment, descriptor", py_open_segment,
     "The segment that a message speaks of, held."},
    {"_allocate_shared", "nbytes", py_allocate_shared, "New bytes in a segment, uninitialised."},
    {"_drop_idle_segments", "", py_drop_idle_segments,
     "Unmaps segments that wait to be used again."},
    {"_set_few_segments", "few", py_set_few_segments, "Whether large storages share segments too."},
    {"_storage_mark_shared", "input", py_storage_mark_shared,
     "Notes that other processes see its bytes."},
    {"_storage_resize", "input, nbytes", py_storage_resize,
     "Another number of bytes; those that stay are kept."},
    {"_set_layout", "input, source, storage_offset, size, stride, is_new=False", py_set_layout,
     "Another storage, offset, sizes and strides in place.", Mixing::all},
    {}};

}  // namespace

void initialize_storages(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau
