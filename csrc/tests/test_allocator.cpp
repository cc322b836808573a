// The allocator: alignment, reuse, growth, foreign memory, and its counters.
#include <cstring>

#include "harness.h"

namespace flambeau {
namespace {

void test_blocks_are_aligned_and_counted() {
  int64_t before = memory_stats().allocated_bytes;
  for (int64_t nbytes : {int64_t{0}, int64_t{1}, int64_t{63}, int64_t{4096}, int64_t{5} << 20}) {
    Storage* s = allocate_storage(nbytes);
    expect(reinterpret_cast<uintptr_t>(s->data) % 64 == 0, "a block begins a cache line");
    expect(s->nbytes == nbytes && s->capacity >= nbytes, "a block has the bytes it was asked for");
    if (nbytes) std::memset(s->data, 1, nbytes);
    release(s);
  }
  expect(memory_stats().allocated_bytes == before, "what is freed is counted off");
}

void test_a_freed_block_serves_again() {
  Storage* first = allocate_storage(300000);
  [[maybe_unused]] void* data = first->data;
  release(first);
  [[maybe_unused]] int64_t hits = memory_stats().cache_hits;
  Storage* second = allocate_storage(300000);
#if !defined(__SANITIZE_ADDRESS__)  // there each block goes back to the system at once
  expect(second->data == data && memory_stats().cache_hits == hits + 1, "the same block again");
#endif
  release(second);
  empty_cache();
  expect(memory_stats().cached_bytes == 0, "the cache can be emptied");
}

void test_large_blocks_are_cut_and_joined() {
#if !defined(__SANITIZE_ADDRESS__)
  constexpr int64_t mb = int64_t{1} << 20, page = 4096;
  empty_cache();
  const int64_t before = memory_stats().allocated_bytes;
  Storage* whole = allocate_storage(32 * mb + page - 128);
  expect(whole->capacity == whole->nbytes, "a large block has no slack");
  char* begin = reinterpret_cast<char*>(whole);
  release(whole);
  Storage* parts[3] = {allocate_storage(8 * mb + page - 128), allocate_storage(4 * mb + page - 128),
                       allocate_storage(20 * mb - 15 * page - 128)};
  expect(memory_stats().cached_bytes == 0, "the parts of one block, nothing from the system");
  for (Storage* part : parts)
    expect(
        reinterpret_cast<char*>(part) >= begin && reinterpret_cast<char*>(part) < begin + 32 * mb,
        "all lie in it");
  for (Storage* part : parts) release(part);
  Storage* again = allocate_storage(32 * mb + page - 128);
  expect(reinterpret_cast<char*>(again) == begin, "and are joined to it");
  release(again);
  expect(memory_stats().allocated_bytes == before, "what is freed is counted off");
#endif
}

void test_large_blocks_have_an_odd_number_of_pages() {
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
  empty_cache();
  for (int64_t nbytes : {2 << 20, 4000000, 4 << 20, 16000000, 100000000}) {
    Storage* s = allocate_storage(nbytes);
    expect((s->capacity + 128) % 8192 == 4096, "an odd number of pages");
    expect(s->capacity - nbytes < 1 << 16, "and less than 64 KB of slack");
    release(s);
    empty_cache();
  }
#endif
}

void test_the_rest_of_a_cut_block_goes_back() {
  constexpr int64_t kb = int64_t{1} << 10;
  empty_cache();
  release(allocate_storage(2560 * kb + 4 * kb - 128));
  Storage* part = allocate_storage(2240 * kb + 4 * kb - 128);  // what is left is no large block
  empty_cache();
  expect(memory_stats().cached_bytes == 0, "a rest of 320 KB is given back");
  release(part);
  empty_cache();
}

void test_what_is_cached_is_bounded_by_the_peak() {
  empty_cache();
  reset_peak_memory();
  for (int64_t i = 0; i < 200; ++i) {  // no two sizes are alike
    Storage* a = allocate_storage((3 + i * 7 % 31) << 20 | i << 16);
    Storage* b = allocate_storage((3 + i * 11 % 29) << 20 | i << 16);
    release(a);
    Storage* c = allocate_storage((3 + i * 13 % 23) << 20 | i << 16);
    release(b);
    release(c);
  }
  const MemoryStats s = memory_stats();
  expect(s.allocated_bytes + s.cached_bytes <= s.peak_allocated_bytes / 4 * 5,
         "no more than the peak and a quarter");
  empty_cache();
}

void test_references_keep_a_storage() {
  Storage* s = allocate_storage(64);
  retain(s);
  release(s);
  expect(s->version.references == 1, "two references, one let go");
  release(s);
}

void test_growing_keeps_the_contents() {
  Storage* s = allocate_storage(1000);
  std::memset(s->data, 7, 1000);
  resize_storage(s, 1 << 20);
  auto* bytes = static_cast<char*>(s->data);
  expect(s->nbytes == 1 << 20 && bytes[0] == 7 && bytes[999] == 7, "growth copies");
  release(s);
}

void test_foreign_memory_lives_as_long_as_its_owner_is_held() {
  static bool freed = false;
  static char memory[128];
  PyObject* owner = PyCapsule_New(memory, nullptr, [](PyObject*) { freed = true; });
  Storage* s = wrap_storage(memory, sizeof memory, owner);
  Py_DECREF(owner);
  expect(!freed && s->data == memory && s->capacity == 0, "the storage holds the owner");
  release(s);
  expect(freed, "and lets go of it");
}

void test_the_peak_is_remembered() {
  reset_peak_memory();
  int64_t before = memory_stats().peak_allocated_bytes;
  release(allocate_storage(8 << 20));
  expect(memory_stats().peak_allocated_bytes >= before + (8 << 20), "the peak stays");
}

void test_too_much_is_an_error() {
  expect_error<OutOfMemoryError>("out of memory", [] { allocate_storage(int64_t{1} << 60); });
}

void test_meta_has_a_size_and_no_bytes() {
  int64_t before = memory_stats().allocated_bytes, others = other_devices;
  Storage* s = allocate_storage(int64_t{1} << 60, on_meta);
  expect(s->nbytes == int64_t{1} << 60 && !s->data && s->device == on_meta, "a size alone");
  expect(memory_stats().allocated_bytes == before, "no memory is taken");
  expect(other_devices == others + 1, "calls look at devices while it lives");
  resize_storage(s, (int64_t{1} << 60) + 1);
  expect(s->nbytes == (int64_t{1} << 60) + 1 && !s->data, "growing it is another size");
  release(s);
  expect(other_devices == others, "and no longer");
}

}  // namespace
}  // namespace flambeau

int main() {
  using namespace flambeau;
  return run_tests(
      "allocator",
      {test_blocks_are_aligned_and_counted, test_a_freed_block_serves_again,
       test_large_blocks_are_cut_and_joined, test_large_blocks_have_an_odd_number_of_pages,
       test_the_rest_of_a_cut_block_goes_back, test_what_is_cached_is_bounded_by_the_peak,
       test_references_keep_a_storage, test_growing_keeps_the_contents,
       test_foreign_memory_lives_as_long_as_its_owner_is_held, test_the_peak_is_remembered,
       test_too_much_is_an_error, test_meta_has_a_size_and_no_bytes});
}
