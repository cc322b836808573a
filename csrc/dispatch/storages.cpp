#include "dispatch/storages.h"

#include "tensor/capsule.h"

namespace flambeau {

template <>
struct Held<Segment> {
  static constexpr const char* name = "flambeau.segment";
  static void end(Segment* segment) { close_segment(segment); }
};

uint64_t lent_bytes_of(Storage* s) {
  settle(s);
  s->lent = true;
  return s->device.type == DeviceType::cuda ? s->address : reinterpret_cast<uint64_t>(s->data);
}

void* lent_address(Tensor& t) {
  check<TypeError>(!t.is_meta(), [&] {
    return message("numpy: ", describe(t), " is on the meta device and has no memory to share.");
  });
  check<TypeError>(!t.is_cuda(), [&] {
    return message("numpy: ", describe(t), " is on ", to_string(t.device()),
                   ", which NumPy can't reach. Copy it with .cpu() first.");
  });
  t.storage->lent = true;
  return t.data();
}

std::optional<std::tuple<uint64_t, int, int64_t>> place_in_segment(Storage* s) {
  SharedPlace place = shared_place(s);
  if (place.segment == 0) return std::nullopt;
  return std::tuple(place.segment, place.descriptor, place.offset);
}

TensorRef bytes_of(Storage* s) {
  TensorRef t = make_tensor(s, DType::uint8, Dims{s->nbytes}, Dims{1}, 0);
  release(s);
  return t;
}

Object opened_segment(uint64_t segment, int descriptor) {
  return capsule_of(open_segment(segment, descriptor));
}

TensorRef bytes_at(PyObject* opened, int64_t offset, int64_t nbytes) {
  return bytes_of(storage_at(&held_by<Segment>(opened), offset, nbytes));
}

}  // namespace flambeau
