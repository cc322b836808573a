#include "dispatch/layout_key.h"

#include <array>

#include "autograd/door.h"
#include "autograd/engine.h"
#include "autograd/saved_hooks.h"
#include "dispatch/autocast.h"

namespace flambeau {

bool put_layout(std::string& key, const Tensor& t, bool exact) {
  if (t.numel == 0 || t.batched || !(t.device() == on_cpu) ||
      !(t.storage->data || t.storage->waiting))
    return false;
  const int modes = requires_grad(t) | t.contiguous << 1 | t.inference << 2;
  uint64_t ones = 0;
  for (int d = 0; d < t.ndim; ++d) ones = ones << 1 | (t.sizes[d] == 1);
  put(key,
      std::array{reinterpret_cast<uint64_t>(Py_TYPE(&t)), ones,
                 static_cast<uint64_t>(static_cast<int>(t.dtype) | t.ndim << 8 | modes << 16)});
  if (exact || !t.contiguous) {
    key.append(reinterpret_cast<const char*>(t.sizes), t.ndim * sizeof(int64_t));
    key.append(reinterpret_cast<const char*>(t.strides), t.ndim * sizeof(int64_t));
  }
  return true;
}

bool put_modes(std::string& key) {
  key.push_back(static_cast<char>(grad_mode_enabled | inference_mode_enabled << 1));
  key.push_back(static_cast<char>(default_dtype));
  // Tensors elsewhere are no concern of a call that has none, unless its own would lie there.
  constexpr uint32_t elsewhere = watch_devices | watch_layouts;
  return !(watchers & ~elsewhere) && !(other_devices && !(default_device == on_cpu)) &&
         !autocast.on && !anomaly_mode && !has_saved_hooks();
}

std::optional<Bytes> describe_layouts(const std::vector<TensorRef>& tensors, bool exact) {
  Bytes key;
  for (const TensorRef& t : tensors)
    if (!put_layout(key, *t, exact)) return std::nullopt;
  return key;
}

}  // namespace flambeau
