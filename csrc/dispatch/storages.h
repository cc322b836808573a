// The storage behind a tensor, for the Python classes of storages and for what passes tensors to
// other processes. Needs the GIL.
#pragma once
#include <functional>
#include <optional>

#include "dispatch/identity.h"
#include "tensor/declared.h"
#include "tensor/shared.h"

namespace flambeau {

/// A member of a tensor's storage, or what a function makes of it.
template <auto what>
auto of_storage(Tensor& t) {
  return std::invoke(what, t.storage);
}
inline uint64_t number_of_storage(const Storage* s) { return reinterpret_cast<uint64_t>(s); }
/// The address of its bytes, for somebody who may write there.
uint64_t lent_bytes_of(Storage* s);
inline void mark_shared(Storage* s) { s->shared = true; }
/// (segment, descriptor, offset) of a storage in a segment, else None.
std::optional<std::tuple<uint64_t, int, int64_t>> place_in_segment(Storage* s);
/// The bytes of a new storage.
TensorRef bytes_of(Storage* s);
/// A capsule that holds the segment of a message, and the bytes at a place of it.
Object opened_segment(uint64_t segment, int descriptor);
TensorRef bytes_at(PyObject* opened, int64_t offset, int64_t nbytes);
inline TensorRef shared_bytes(int64_t nbytes) { return bytes_of(allocate_shared(nbytes)); }
/// The address of a tensor's elements, for somebody who keeps the tensor alive; raises where they
/// are out of the CPU's reach.
void* lent_address(Tensor& t);
inline void exchange(Tensor& a, Tensor& b) {
  if (&a != &b) swap_contents(a, b);
}

inline constexpr std::tuple storage_functions{
    declare<exchange>("_swap", "input, other", nullptr, Mixing::all),
    declare<of_storage<lent_bytes_of>>("_storage_ptr", "input"),
    declare<lent_address>("_lent_address", "input"),
    declare<of_storage<number_of_storage>>("_storage_id", "input"),
    declare<of_storage<&Storage::nbytes>>("_storage_nbytes", "input"),
    declare<of_storage<&Storage::resizable>>("_storage_resizable", "input"),
    declare<of_storage<&Storage::shared>>("_storage_is_shared", "input"),
    declare<of_storage<mark_shared>>("_storage_mark_shared", "input"),
    declare<of_storage<share_storage>>("_storage_share", "input"),
    declare<of_storage<place_in_segment>>("_storage_place", "input"),
    declare<of_storage<hold_for_message>>("_hold_for_message", "input"),
    declare<shared_bytes>("_allocate_shared", "nbytes"),
    declare<opened_segment>("_open_segment", "segment, descriptor"),
    declare<bytes_at>("_storage_at", "opened, offset, nbytes"),
    declare<drop_idle_segments>("_drop_idle_segments", ""),
    declare<set_few_segments>("_set_few_segments", "few")};

}  // namespace flambeau
