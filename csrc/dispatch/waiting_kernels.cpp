// Kernels of groups that wait. See waiting_kernels.h.
#include "dispatch/waiting_kernels.h"

#include <algorithm>
#include <unordered_map>

namespace flambeau::waiting {

constinit int patience = 2;
void (*compile)(const Wanted&) = nullptr;

std::vector<Wanted>& wanted() {
  static auto* one = new std::vector<Wanted>;
  return *one;
}

namespace {

using Kernels = std::unordered_map<std::string, Compiled>;
Kernels& kernels() {
  static auto* one = new Kernels;
  return *one;
}

// Some 600 bytes each, and a page or two.
constinit int64_t most_groups = 4096, most_kernels = 1024;
constinit int64_t n_kernels = 0;
constinit uint64_t look_ups = 0;

/// Forgets those with a kernel, or those without, that were used longest ago, until a quarter of
/// `most` is free; so to look through all of them costs a new one little. Gives their kernels.
std::vector<int64_t> forget(bool with_kernel, int64_t most) {
  std::vector<Kernels::iterator> found;
  for (auto it = kernels().begin(); it != kernels().end(); ++it)
    if ((it->second.kernel != nullptr) == with_kernel && !it->second.users) found.push_back(it);
  const auto surplus = std::clamp<int64_t>(static_cast<int64_t>(found.size()) - most * 3 / 4, 0,
                                           static_cast<int64_t>(found.size()));
  std::nth_element(found.begin(), found.begin() + surplus, found.end(),
                   [](auto a, auto b) { return a->second.used < b->second.used; });
  std::vector<int64_t> freed;
  for (auto it = found.begin(); it != found.begin() + surplus; ++it) {
    if (with_kernel) freed.push_back(reinterpret_cast<int64_t>((*it)->second.kernel));
    kernels().erase(*it);
  }
  n_kernels -= static_cast<int64_t>(freed.size());
  return freed;
}

}  // namespace

Compiled& kernel_of(const std::string& key) {
  auto found = kernels().find(key);
  if (found == kernels().end()) {
    if (known_groups() >= most_groups) forget(false, most_groups);
    found = kernels().try_emplace(key).first;
  }
  found->second.used = ++look_ups;
  return found->second;
}

int64_t known_groups() { return static_cast<int64_t>(kernels().size()) - n_kernels; }
int64_t known_kernels() { return n_kernels; }

std::vector<int64_t> set_kernel(const Bytes& key, MapKernel kernel, int calls) {
  std::vector<int64_t> freed;
  if (kernel && n_kernels >= most_kernels) freed = forget(true, most_kernels);
  Compiled& known = kernel_of(key);
  known.asked = true;
  known.refused = !kernel && !known.kernel;
  if (!kernel || known.kernel) {  // made twice, as the group had been forgotten meanwhile
    if (kernel) freed.push_back(reinterpret_cast<int64_t>(kernel));
    return freed;
  }
  known.calls = calls;
  known.kernel = reinterpret_cast<const void*>(kernel);
  ++n_kernels;
  return freed;
}

void bound_kernels(int64_t kernels, int64_t groups) {
  most_kernels = kernels;
  most_groups = groups;
}

Wanted::Fields Wanted::fields() const {
  auto named = [](const std::vector<DType>& dtypes) {
    Names names(dtypes.size());
    std::transform(dtypes.begin(), dtypes.end(), names.begin(), [](DType d) { return name(d); });
    return names;
  };
  std::vector<std::tuple<Object, const char*, const char*, Bytes>> each;
  for (const Step& step : steps)
    each.emplace_back(step.record->spec, name(step.compute), name(step.dtype),
                      Bytes(step.operands.begin(), step.operands.end()));
  return {key,     std::move(each), named(inputs), named(numbers),
          outputs, modes,           total,         patience == 0};
}

}  // namespace flambeau::waiting
