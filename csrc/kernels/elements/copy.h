// Copies of bytes: transposes, and runs that one core alone would not copy as fast as memory can.
#pragma once
#include "tensor/strided.h"

namespace flambeau {

/// out = self, of the same sizes and itemsize, in memory that does not overlap, where items that
/// lie side by side in one dim of self do so in another of out; elsewhere false, and nothing is
/// done. Any thread, no GIL; large copies run in threads.
bool copy_turned(const Strided& out, const Strided& self);

/// Rows side by side: of each of `rows` rows of out, parts.bytes bytes in turn from each part,
/// whose own rows lie one behind another.
struct JoinPart {
  const void* from;
  int64_t bytes;
};
void join_rows(void* out, const JoinPart* parts, int64_t n_parts, int64_t rows);

/// std::memcpy and std::memset, in threads where the memory is large: one core alone does not use
/// all of its bandwidth.
void copy_memory(void* to, const void* from, int64_t n_bytes);
void fill_memory(void* to, unsigned char value, int64_t n_bytes);

}  // namespace flambeau
