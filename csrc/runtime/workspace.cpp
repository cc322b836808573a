#include "runtime/workspace.h"

#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace flambeau {

void* Workspace::allocate(size_t n_bytes) {
  // Large blocks ask for large pages: packed panels span more small pages than a processor's TLB
  // holds, which took 3 to 5 % of a large matrix product.
  constexpr size_t large_page = size_t{2} << 20;
  const size_t alignment = n_bytes >= large_page / 2 ? large_page : 64;
  n_bytes = (n_bytes + alignment - 1) / alignment * alignment;
  void* block = std::aligned_alloc(alignment, n_bytes);
  if (!block) throw std::bad_alloc();
#if defined(__linux__)
  if (alignment == large_page) madvise(block, n_bytes, MADV_HUGEPAGE);
#endif
  return block;
}

}  // namespace flambeau
