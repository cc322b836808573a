// Tensors given to and taken from other libraries by DLPack: capsules over what runtime/dlpack.h
// lends and adopts.
#include "runtime/dlpack.h"

#include "python/bind.h"

namespace flambeau {

namespace {

using dlpack::Plain, dlpack::Versioned;

template <class Managed>
void give_back_unused(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, Managed::name)) return;  // taken over by somebody
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Managed::name));
  if (m && m->deleter) m->deleter(m);
}

template <class Managed>
Object give(Tensor& t, uint64_t flags) {
  Managed* m = dlpack::lend<Managed>(t, flags);
  PyObject* capsule = PyCapsule_New(m, Managed::name, give_back_unused<Managed>);
  if (!capsule) m->deleter(m);
  return owned(capsule);
}

/// A capsule over input's memory.
Object to_dlpack(Tensor& t, bool versioned, bool copied) {
  return versioned ? give<Versioned>(t, copied ? uint64_t{dlpack::copied} : 0) : give<Plain>(t, 0);
}

template <class Managed>
TensorRef take(PyObject* capsule) {
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Managed::name));
  if (!m) throw PythonError();
  // Until the capsule is renamed the memory is its own: the owner gives nothing back.
  Object owner = owned(PyCapsule_New(m, nullptr, nullptr));
  TensorRef t = dlpack::adopt(*m, owner.get());
  if (PyCapsule_SetName(capsule, Managed::used) != 0) throw PythonError();
  PyCapsule_SetDestructor(owner.get(), [](PyObject* o) {
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(o, nullptr));
    if (managed && managed->deleter) managed->deleter(managed);
  });
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

const NativeEntry entries[] = {
    bind<to_dlpack>("_to_dlpack", "input, versioned=False, copied=False"),
    bind<from_dlpack>("_from_dlpack", "capsule"),
    {}};
const Functions functions(entries);

}  // namespace

}  // namespace flambeau
