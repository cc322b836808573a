// Rows put together of parts that lie side by side: cat along an inner dim, rolls, parts of rows.
#pragma once
#include <cstdint>

namespace flambeau {

/// `bytes` of each row, from `step` bytes further on for each.
struct JoinPart {
  const void* from;
  int64_t bytes, step;
};

/// Row r of out, which begins where the last one ends, is row r of each part in turn. Any thread,
/// no GIL; in threads where there is much to do.
void join_rows(void* out, const JoinPart* parts, int64_t n_parts, int64_t rows);

}  // namespace flambeau
