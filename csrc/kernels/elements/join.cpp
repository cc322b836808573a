#include "kernels/elements/join.h"

#include <algorithm>
#include <cstring>

#include "kernels/elements/clones.h"
#include "kernels/elements/copy.h"
#include "runtime/threads.h"

namespace flambeau {
namespace {

constexpr int64_t chunk_bytes = int64_t{1} << 18;
constexpr int64_t short_bytes = 2048;  // more are copied by a call of their own

/// n_bytes as two moves of `Size` that may overlap, of which there are at least as many.
template <int64_t Size>
[[gnu::always_inline]] inline void copy_ends(char* to, const char* from, int64_t n_bytes) {
  char first[Size], last[Size];
  std::memcpy(first, from, Size);
  std::memcpy(last, from + n_bytes - Size, Size);
  std::memcpy(to, first, Size);
  std::memcpy(to + n_bytes - Size, last, Size);
}

/// A short copy without a call.
[[gnu::always_inline]] inline void copy_piece(char* to, const char* from, int64_t n_bytes) {
  if (n_bytes > short_bytes) {
    std::memcpy(to, from, n_bytes);
  } else if (n_bytes >= 32) {
    copy_run(to, from, n_bytes);
  } else if (n_bytes >= 16) {
    copy_ends<16>(to, from, n_bytes);
  } else if (n_bytes >= 8) {
    copy_ends<8>(to, from, n_bytes);
  } else if (n_bytes >= 4) {
    copy_ends<4>(to, from, n_bytes);
  } else {
    for (int64_t i = 0; i < n_bytes; ++i) to[i] = from[i];
  }
}

template <class Item>
struct Loose {
  typedef Item type __attribute__((aligned(1), may_alias));
};

/// Rows of n items, of which each part is one behind the other.
template <int n, class Item>
[[gnu::always_inline]] inline void interleave(char* to, const JoinPart* parts, int64_t begin,
                                              int64_t end) {
  using At = typename Loose<Item>::type;
  const At* from[n];
  for (int i = 0; i < n; ++i) from[i] = static_cast<const At*>(parts[i].from) + begin;
  At* __restrict out = reinterpret_cast<At*>(to);
  for (int64_t r = 0; r < end - begin; ++r)
    for (int i = 0; i < n; ++i) out[r * n + i] = from[i][r];
}

/// Rows of an item a part: some rows at a time, which stay in cache, part by part.
template <class Item>
[[gnu::always_inline]] inline void write_items(char* to, const JoinPart* parts, int64_t n_parts,
                                               int64_t begin, int64_t end) {
  using At = typename Loose<Item>::type;
  bool dense = true;
  for (int64_t i = 0; i < n_parts; ++i) dense &= parts[i].step == sizeof(Item);
  if (dense && n_parts == 2) return interleave<2, Item>(to, parts, begin, end);
  if (dense && n_parts == 3) return interleave<3, Item>(to, parts, begin, end);
  if (dense && n_parts == 4) return interleave<4, Item>(to, parts, begin, end);
  const int64_t some =
      std::max<int64_t>(16, 16384 / (n_parts * static_cast<int64_t>(sizeof(Item))));
  for (; begin < end; begin += some) {
    const int64_t n = std::min(some, end - begin);
    for (int64_t i = 0; i < n_parts; ++i) {
      const int64_t step = parts[i].step, out_step = n_parts * static_cast<int64_t>(sizeof(Item));
      const char* from = static_cast<const char*>(parts[i].from) + begin * step;
      char* out = to + i * static_cast<int64_t>(sizeof(Item));
      for (int64_t r = 0; r < n; ++r, out += out_step, from += step)
        *reinterpret_cast<At*>(out) = *reinterpret_cast<const At*>(from);
    }
    to += n * n_parts * static_cast<int64_t>(sizeof(Item));
  }
}

/// Rows [begin, end), one behind the other, so that each line is written at once. `item`: of how
/// many bytes each part is, where that is one number.
FLAMBEAU_CLONES void write_rows(char* to, const JoinPart* parts, int64_t n_parts, int64_t item,
                                int64_t begin, int64_t end) {
  switch (item) {
    case 1: return write_items<uint8_t>(to, parts, n_parts, begin, end);
    case 2: return write_items<uint16_t>(to, parts, n_parts, begin, end);
    case 4: return write_items<uint32_t>(to, parts, n_parts, begin, end);
    case 8: return write_items<uint64_t>(to, parts, n_parts, begin, end);
    default: break;
  }
  for (int64_t r = begin; r < end; ++r)
    for (int64_t i = 0; i < n_parts; to += parts[i++].bytes)
      copy_piece(to, static_cast<const char*>(parts[i].from) + r * parts[i].step, parts[i].bytes);
}

/// The same past the caches: a few rows at a time are put together aside, and leave in whole lines.
void stream_rows(char* to, const JoinPart* parts, int64_t n_parts, int64_t item, int64_t width,
                 int64_t begin, int64_t end) {
  constexpr int64_t line = 64, aside = 1024, page = 4096;
  static_assert(line + aside + short_bytes <= page);
  // Within one page: a store across two of them waits until all that is on its way past the caches
  // is there, 100 ns on a Zen 4.
  alignas(page) char rows[line + aside + short_bytes];
  const int64_t some = std::max<int64_t>(1, aside / width);
  // Bytes aside that have not left, or in front of the first line what is not ours.
  int64_t kept = reinterpret_cast<uintptr_t>(to) % line, foreign = kept;
  to -= kept;
  while (begin < end) {
    const int64_t n = std::min(some, end - begin);
    write_rows(rows + kept, parts, n_parts, item, begin, begin + n);
    begin += n;
    kept += n * width;
    if (kept < line) continue;
    int64_t gone = 0;
    if (foreign > 0) {
      std::memcpy(to + foreign, rows + foreign, line - foreign);
      foreign = 0;
      gone = line;
    }
    const int64_t lines = kept / line * line;
    stream(to + gone, rows + gone, lines - gone);
    to += lines;
    kept -= lines;
    std::memcpy(rows, rows + lines, line);
  }
  std::memcpy(to + foreign, rows + foreign, kept - foreign);
  end_streams();
}

}  // namespace

void join_rows(void* out, const JoinPart* parts, int64_t n_parts, int64_t rows) {
  if (rows == 1) {
    char* to = static_cast<char*>(out);
    for (int64_t i = 0; i < n_parts; to += parts[i++].bytes)
      copy_memory(to, parts[i].from, parts[i].bytes);
    return;
  }
  int64_t width = 0;
  bool even = true;
  for (int64_t i = 0; i < n_parts; ++i) {
    width += parts[i].bytes;
    even &= parts[i].bytes == parts[0].bytes;
  }
  const int64_t item = even ? parts[0].bytes : 0;
  if (width == 0) return;
  const int64_t grain = std::max<int64_t>(1, chunk_bytes / width);
  const double share = width <= short_bytes ? cached_share(rows * width, rows * width) : 1;
  parallel_shares(rows, grain, [&](int64_t begin, int64_t end) {
    char* to = static_cast<char*>(out) + begin * width;
    const int64_t cached = begin + static_cast<int64_t>(share * (end - begin));
    write_rows(to, parts, n_parts, item, begin, cached);
    if (cached < end)
      stream_rows(to + (cached - begin) * width, parts, n_parts, item, width, cached, end);
  });
}

}  // namespace flambeau
