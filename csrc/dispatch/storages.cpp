#include "dispatch/storages.h"

namespace flambeau {

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

}  // namespace flambeau
