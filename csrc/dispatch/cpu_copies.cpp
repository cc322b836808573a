#include "dispatch/cpu_copies.h"

#include <cstdlib>
#include <cstring>
#include <set>
#include <string>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "runtime/program.h"
#include "tensor/device_scope.h"

namespace flambeau {

Tensor& CpuCopies::of(Tensor& t) {
  if (!t.is_cuda()) return t;
  for (Moved& m : moved_)
    if (m.original.get() == &t) return *m.copy;
  Moved m{TensorRef::borrow(&t), to_device(t, on_cpu), nullptr};
  {
    const DeviceScope here("clone", on_cpu);
    GradModeGuard off(false);
    m.before = clone(*m.copy);
  }
  return *moved_.emplace_back(std::move(m)).copy;
}

Tensor* CpuCopies::original_of(const Tensor& copy) const {
  for (const Moved& m : moved_)
    if (m.copy.get() == &copy) return m.original.get();
  return nullptr;
}

void CpuCopies::put_back(const char* name) {
  for (Moved& m : moved_) {
    Tensor& copy = *m.copy;
    const bool resized = !(sizes_of(copy) == sizes_of(*m.before));
    bool same = !resized;
    if (same) {
      const DeviceScope here(name, on_cpu);
      GradModeGuard off(false);
      TensorRef now = contiguous(copy), then = contiguous(*m.before);
      same = copy.numel == 0 ||
             std::memcmp(now->data(), then->data(), static_cast<size_t>(now->nbytes())) == 0;
    }
    if (same) continue;
    Tensor& to = *m.original;
    if (resized) resize_to(to, sizes_of(copy), contiguous_strides(sizes_of(copy)));
    if (requires_grad(copy) && grad_mode_enabled) {
      copy_(to, copy);
    } else {
      check_written_once(to, name);
      copy_bytes(to, copy);
      to.bump_version(name);
    }
  }
}

bool falls_back() {
  static const bool on = [] {
    const char* asked = std::getenv("FLAMBEAU_CUDA_FALLBACK");
    return !asked || std::strcmp(asked, "0") != 0;
  }();
  return on;
}

void warn_of_fallback(const char* name, Device device) {
  static auto* told = new std::set<std::string>;
  if (!told->insert(name).second) return;
  std::string text = message(name, ": has no kernel on ", to_string(device),
                             " yet and runs on the CPU, with copies of its tensors there and back. "
                             "FLAMBEAU_CUDA_FALLBACK=0 makes this an error.");
  warn(text);
}

TensorRef within_reach(Tensor& t) {
  if (!t.is_cuda()) return TensorRef::borrow(&t);
  if (!falls_back()) throw_unreachable(t);
  warn_of_fallback(name_of_call().c_str(), t.device());
  return to_device(t, on_cpu);
}

}  // namespace flambeau
