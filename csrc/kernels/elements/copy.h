// Copies of bytes: transposes, and runs that one core alone would not copy as fast as memory can.
#pragma once
#include <cstring>

#include "tensor/strided.h"

namespace flambeau {

/// out = self, of the same sizes and itemsize, in memory that does not overlap, where items that
/// lie side by side in one dim of self do so in another of out; elsewhere false, and nothing is
/// done. Any thread, no GIL; large copies run in threads.
[[nodiscard]] bool copy_turned(const Strided& out, const Strided& self);

/// The same where both sides have runs of some dozen to some thousand bytes, longer than a vector
/// and too short for a call each.
[[nodiscard]] bool copy_runs(const Strided& out, const Strided& self);

/// The same where few items lie side by side in out and apart in self, as in windows of every
/// second item.
[[nodiscard]] bool copy_few(const Strided& out, const Strided& self);

/// Keeps the compiler from seeing what a loop moves, which it would make a call of, and that costs
/// as much as a short row.
template <class Value>
inline void hide(Value& value) {
#if defined(__x86_64__)
  if constexpr (sizeof(Value) == 16)
    asm("" : "+x"(value));
  else
    asm("" : "+r"(value));
#else
  (void)value;
#endif
}

/// n items; short ones without the call that a copy of unknown length is.
template <class Item>
inline void copy_short(Item* __restrict to, const Item* __restrict from, int64_t n) {
  constexpr int64_t lanes = 16 / sizeof(Item), called_bytes = 96;
  if (n >= called_bytes / static_cast<int64_t>(sizeof(Item))) {
    std::memcpy(to, from, static_cast<size_t>(n) * sizeof(Item));
    return;
  }
  typedef char Vector __attribute__((vector_size(16)));
  auto copy = [&]<class Value>(Value value, int64_t i) {
    std::memcpy(&value, from + i, sizeof(Value));
    hide(value);
    std::memcpy(to + i, &value, sizeof(Value));
  };
  if constexpr (lanes > 1) {
    if (n < lanes) {
      for (int64_t i = 0; i < n; ++i) copy(Item{}, i);
      return;
    }
  }
  for (int64_t i = 0; i + lanes <= n; i += lanes) copy(Vector{}, i);
  if (n >= lanes) copy(Vector{}, n - lanes);  // the rest, over what is there already
}

/// n_bytes, a vector and more, in vectors of 32 bytes, of which the last may lie over what is there
/// already. Inlined into what is compiled for AVX2 too (FLAMBEAU_CLONES).
// Of some hundred bytes it takes 0.6 to 0.9 of the time of a call, whose vectors of 64 bytes lie
// across two lines wherever a run does not begin with one.
template <class Length>
[[gnu::always_inline]] inline void copy_run(char* to, const char* from, Length n_bytes) {
  typedef char Vector __attribute__((vector_size(32), aligned(1), may_alias));
  constexpr int64_t vector = 32;
  auto copy = [&](int64_t i) __attribute__((always_inline)) {
    *reinterpret_cast<Vector*>(to + i) = *reinterpret_cast<const Vector*>(from + i);
  };
  int64_t i = 0;
  for (; i + vector <= n_bytes; i += vector) copy(i);
  if (i < n_bytes) copy(n_bytes - vector);
}

/// std::memcpy and std::memset, in threads where the memory is large: one core alone does not use
/// all of its bandwidth.
void copy_memory(void* to, const void* from, int64_t n_bytes);
void fill_memory(void* to, unsigned char value, int64_t n_bytes);

/// Copies whole lines of 64 bytes to where a line begins: does not read what it overwrites, and
/// leaves in the caches what is there. What other threads are to see comes before end_streams().
void stream(char* to, const char* from, int64_t n_bytes);
void end_streams();
/// Whether a fresh result of to_bytes, made of from_bytes, is better written past the caches: by
/// stores that do not read what they overwrite, but take their turns on the way to memory. One
/// thread is as fast there as soon as the cache begins to miss; several wait for each other.
bool goes_past_caches(int64_t to_bytes, int64_t from_bytes);
/// No result of fewer bytes does.
inline constexpr int64_t least_past_caches = int64_t{2} << 20;
/// What share of to_bytes is best written to the caches, the rest past them: what fits into three
/// quarters of the last cache stays there from one operator to the next; of much more hardly
/// anything does, if all is written to it.
double cached_share(int64_t to_bytes, int64_t from_bytes);

/// Whether the elements lie one behind the other, in row-major order.
inline bool is_contiguous(const Strided& t) {
  int64_t length = 1;
  for (int d = t.ndim - 1; d >= 0; --d) {
    if (t.sizes[d] != 1 && t.strides[d] != length) return false;
    length *= t.sizes[d];
  }
  return true;
}

}  // namespace flambeau
