#include "kernels/elements/copy.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/elements/clones.h"
#include "kernels/elements/walk.h"
#include "runtime/cpu.h"
#include "runtime/threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace flambeau {

namespace {

constexpr int64_t chunk_bytes = int64_t{1} << 18;

struct Axis {
  int64_t size, to, from;  // strides in items
};

/// The axes of a copy, the one with the shortest steps in the result last; neighbours that both
/// sides step through evenly are one.
class Axes {
 public:
  Axes(const Strided& out, const Strided& self) {
    for (int d = 0; d < out.ndim; ++d) {
      if (out.sizes[d] == 1) continue;
      Axis axis{out.sizes[d], out.strides[d], self.strides[d]};
      int at = n_++;
      for (; at > 0 && std::abs(axes_[at - 1].to) < std::abs(axis.to); --at)
        axes_[at] = axes_[at - 1];
      axes_[at] = axis;
    }
    int merged = 0;
    for (int d = 0; d < n_; ++d) {
      Axis* before = merged ? &axes_[merged - 1] : nullptr;
      if (before && before->to == axes_[d].to * axes_[d].size &&
          before->from == axes_[d].from * axes_[d].size)
        *before = {before->size * axes_[d].size, axes_[d].to, axes_[d].from};
      else
        axes_[merged++] = axes_[d];
    }
    n_ = merged;
    if (n_ == 0) axes_[n_++] = {1, 1, 1};
  }

  int count() const { return n_; }
  const Axis& operator[](int i) const { return axes_[i]; }
  Axis take(int i) {
    Axis taken = axes_[i];
    for (--n_; i < n_; ++i) axes_[i] = axes_[i + 1];
    return taken;
  }
  int64_t numel() const {
    int64_t n = 1;
    for (int i = 0; i < n_; ++i) n *= axes_[i].size;
    return n;
  }

  /// fn(to, from) at the offsets of each coordinate of [begin, end).
  template <class F>
  void each(int64_t begin, int64_t end, F&& fn) const {
    each_row(begin, end, [&](int64_t to, int64_t from, int64_t n, const Axis& last) {
      for (int64_t k = 0; k < n; ++k) fn(to + k * last.to, from + k * last.from);
    });
  }

  /// The same, fn(to, from, n, last) for up to all coordinates along the last axis at once.
  template <class F>
  void each_row(int64_t begin, int64_t end, F&& fn) const {
    if (n_ == 0) return fn(int64_t{0}, int64_t{0}, int64_t{1}, Axis{1, 0, 0});
    const Axis last = axes_[n_ - 1];
    int64_t at[max_long_dims], to = 0, from = 0, rest = begin;
    for (int d = n_ - 1; d >= 0; --d) {
      at[d] = rest % axes_[d].size;
      rest /= axes_[d].size;
      to += at[d] * axes_[d].to;
      from += at[d] * axes_[d].from;
    }
    for (int64_t i = begin;;) {
      const int64_t run = std::min(last.size - at[n_ - 1], end - i);
      fn(to, from, run, last);
      if ((i += run) >= end) return;
      to -= at[n_ - 1] * last.to;
      from -= at[n_ - 1] * last.from;
      at[n_ - 1] = 0;
      for (int d = n_ - 2; d >= 0; --d) {
        to += axes_[d].to;
        from += axes_[d].from;
        if (++at[d] < axes_[d].size) break;
        to -= at[d] * axes_[d].to;
        from -= at[d] * axes_[d].from;
        at[d] = 0;
      }
    }
  }

 private:
  int n_ = 0;
  Axis axes_[max_long_dims];
};

/// to[j * n + i] = from[i * step + j]: n rows become one, item by item.
template <int n, class Item>
void interleave(Item* __restrict to, const Item* __restrict from, int64_t step, int64_t count) {
  for (int64_t j = 0; j < count; ++j)
    for (int i = 0; i < n; ++i) to[j * n + i] = from[i * step + j];
}

/// to[j * step + i] = from[i * n + j]: one row becomes n.
template <int n, class Item>
void separate(Item* __restrict to, const Item* __restrict from, int64_t step, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    for (int j = 0; j < n; ++j) to[j * step + i] = from[i * n + j];
}

template <class Item>
struct Vector {
  static constexpr int lanes = 16 / sizeof(Item);
  typedef Item type __attribute__((vector_size(16), may_alias));
  typedef Item anywhere __attribute__((vector_size(16), aligned(sizeof(Item)), may_alias));
};

template <class Item>
inline typename Vector<Item>::type load(const Item* from) {
  return *reinterpret_cast<const typename Vector<Item>::anywhere*>(from);
}
template <class Item>
inline void store(Item* to, typename Vector<Item>::type value) {
  *reinterpret_cast<typename Vector<Item>::anywhere*>(to) = value;
}

/// to[j * to_step + i] = from[i * from_step + j] for i and j below the lanes of a vector.
inline void transpose_square(uint32_t* to, int64_t to_step, const uint32_t* from,
                             int64_t from_step) {
  auto a = load(from), b = load(from + from_step);
  auto c = load(from + 2 * from_step), d = load(from + 3 * from_step);
  auto low_ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  auto high_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  auto low_cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  auto high_cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store(to, __builtin_shufflevector(low_ab, low_cd, 0, 1, 4, 5));
  store(to + to_step, __builtin_shufflevector(low_ab, low_cd, 2, 3, 6, 7));
  store(to + 2 * to_step, __builtin_shufflevector(high_ab, high_cd, 0, 1, 4, 5));
  store(to + 3 * to_step, __builtin_shufflevector(high_ab, high_cd, 2, 3, 6, 7));
}
inline void transpose_square(uint64_t* to, int64_t to_step, const uint64_t* from,
                             int64_t from_step) {
  auto a = load(from), b = load(from + from_step);
  store(to, __builtin_shufflevector(a, b, 0, 2));
  store(to + to_step, __builtin_shufflevector(a, b, 1, 3));
}

/// Halves and bytes: as often as rows double to their number, those of both halves are interleaved.
template <class Item>
inline void transpose_square(Item* to, int64_t to_step, const Item* from, int64_t from_step) {
  using V = typename Vector<Item>::type;
  constexpr int n = Vector<Item>::lanes;
  V rows[n], woven[n];
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) rows[i] = load(from + i * from_step);
  for (int step = 1; step < n; step *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < n / 2; ++i) {
      const V a = rows[i], b = rows[i + n / 2];
      if constexpr (n == 8) {
        woven[2 * i] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
        woven[2 * i + 1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
      } else {
        woven[2 * i] =
            __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        woven[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                                   29, 14, 30, 15, 31);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = woven[i];
  }
#pragma GCC unroll 16
  for (int j = 0; j < n; ++j) store(to + j * to_step, rows[j]);
}

/// A square as wide as a cache line, put together aside so that each line is read once and written
/// once whatever the strides do to the sets of the cache; or what is left of one at an edge.
template <class Item>
inline void transpose_lines(Item* to, int64_t to_step, int64_t n_j, const Item* from,
                            int64_t from_step, int64_t n_i) {
  constexpr int n = 64 / sizeof(Item);
  constexpr bool narrow = sizeof(Item) <= 2;
  if (n_i < n || (!narrow && n_j < n)) {
    for (int64_t j = 0; j < n_j; ++j)
      for (int64_t i = 0; i < n_i; ++i) to[j * to_step + i] = from[i * from_step + j];
    return;
  }
  const int height = narrow ? static_cast<int>(n_j) : n;
  if constexpr (narrow)
    for (int j = 0; j < height; ++j) __builtin_prefetch(to + j * to_step + n, 1);
  alignas(64) Item square[n * n];
  int whole = 0;
  if constexpr (sizeof(Item) <= 8) {
    constexpr int lanes = Vector<Item>::lanes;
    whole = height / lanes * lanes;
    for (int i = 0; i < n; i += lanes)
      for (int j = 0; j < whole; j += lanes)
        transpose_square(square + j * n + i, n, from + i * from_step + j, from_step);
  }
  for (int i = 0; i < n; ++i)
    for (int j = whole; j < height; ++j) square[j * n + i] = from[i * from_step + j];
  for (int j = 0; j < height; ++j) std::memcpy(to + j * to_step, square + j * n, 64);
}

/// to[j * row.to + i] = from[i * column.from + j] for i below column.size, j below row.size.
template <class Item>
void transpose(Item* to, const Item* from, const Axis& row, const Axis& column) {
  const int64_t n_i = column.size, n_j = row.size;
  if (row.to == n_i) {
    if (n_i == 2) return interleave<2>(to, from, column.from, n_j);
    if (n_i == 3) return interleave<3>(to, from, column.from, n_j);
    if (n_i == 4) return interleave<4>(to, from, column.from, n_j);
  }
  if (column.from == n_j) {
    if (n_j == 2) return separate<2>(to, from, row.to, n_i);
    if (n_j == 3) return separate<3>(to, from, row.to, n_i);
    if (n_j == 4) return separate<4>(to, from, row.to, n_i);
  }
  constexpr int64_t line = 64 / sizeof(Item), block = 4 * line;
  for (int64_t j0 = 0; j0 < n_j; j0 += block)
    for (int64_t i = 0; i < n_i; i += line)
      for (int64_t j = j0; j < std::min(j0 + block, n_j); j += line)
        transpose_lines(to + j * row.to + i, row.to, std::min(line, n_j - j),
                        from + i * column.from + j, column.from, std::min(line, n_i - i));
}

/// Items side by side in `column` of the result, in `row` of what is read.
template <class Item>
void run_turned(Item* to, const Item* from, const Axes& axes, const Axis& row, const Axis& column) {
  // A long row is cut, so that threads have something to share.
  const int64_t column_bytes = column.size * sizeof(Item);
  const int64_t length = std::max<int64_t>(64, chunk_bytes / column_bytes / 64 * 64);
  const int64_t n_cuts = (row.size + length - 1) / length;
  const int64_t grain =
      std::max<int64_t>(1, chunk_bytes / (column_bytes * std::min(length, row.size)));
  parallel_shares(axes.numel() * n_cuts, grain, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t j = unit % n_cuts * length, at = unit / n_cuts;
      const Axis part{std::min(length, row.size - j), row.to, 1};
      axes.each(at, at + 1, [&](int64_t t, int64_t f) {
        transpose(to + t + j * row.to, from + f + j, part, column);
      });
    }
  });
}

}  // namespace

bool copy_turned(const Strided& out, const Strided& self) {
  Axes axes(out, self);
  if (axes.numel() == 0) return true;
  const Axis column = axes.take(axes.count() - 1);
  int turned = axes.count() - 1;
  while (turned >= 0 && axes[turned].from != 1) --turned;
  if (column.to != 1 || std::abs(column.from) <= 1 || turned < 0) return false;
  const Axis row = axes.take(turned);
  with_item_type(itemsize(out.dtype), [&]<class Item>() {
    run_turned(static_cast<Item*>(out.data), static_cast<const Item*>(self.data), axes, row,
               column);
  });
  return true;
}

bool copy_few(const Strided& out, const Strided& self) {
  // From there on a loop for each run costs no more; backwards it has vectors.
  constexpr int64_t most = 32, most_bytes = 128, most_backwards = 7;
  Axes axes(out, self);
  const Axis run = axes.take(axes.count() - 1);
  const int64_t most_here =
      run.from == -1 ? most_backwards : std::min(most, most_bytes / itemsize(out.dtype));
  if (run.to != 1 || run.from == 0 || run.from == 1 || run.size > most_here || axes.count() == 0)
    return false;
  with_item_type(itemsize(out.dtype), [&]<class Item>() {
    Item* to = static_cast<Item*>(out.data);
    const Item* from = static_cast<const Item*>(self.data);
    const int64_t grain = std::max<int64_t>(1, chunk_bytes / (run.size * sizeof(Item)));
    auto copy = [&](auto length) {
      parallel_shares(axes.numel(), grain, [&](int64_t begin, int64_t end) {
        axes.each_row(begin, end, [&](int64_t t, int64_t f, int64_t count, const Axis& row) {
          for (int64_t k = 0; k < count; ++k) {
            Item* __restrict there = to + t + k * row.to;
            const Item* __restrict here = from + f + k * row.from;
            for (int64_t i = 0; i < length; ++i) there[i] = here[i * run.from];
          }
        });
      });
    };
    switch (run.size) {
      case 2: return copy(std::integral_constant<int64_t, 2>());
      case 3: return copy(std::integral_constant<int64_t, 3>());
      case 4: return copy(std::integral_constant<int64_t, 4>());
      default: return copy(run.size);
    }
  });
  return true;
}

/// `count` runs of n_bytes, which are 32 and more.
FLAMBEAU_CLONES static void copy_each(char* to, int64_t to_step, const char* from,
                                      int64_t from_step, int64_t count, int64_t n_bytes) {
  auto copy = [&](auto length) __attribute__((always_inline)) {
    for (int64_t k = 0; k < count; ++k) copy_run(to + k * to_step, from + k * from_step, length);
  };
  switch (n_bytes) {
    case 64: return copy(std::integral_constant<int64_t, 64>());
    case 128: return copy(std::integral_constant<int64_t, 128>());
    case 256: return copy(std::integral_constant<int64_t, 256>());
    default: return copy(n_bytes);
  }
}

bool copy_runs(const Strided& out, const Strided& self) {
  Axes axes(out, self);
  if (axes.numel() == 0) return true;
  const int64_t size = itemsize(out.dtype);
  const Axis run = axes.take(axes.count() - 1);
  const int64_t n_bytes = run.size * size;
  // From memory the C library's copy of long runs is better.
  constexpr int64_t most_bytes = 2048, most_cached_bytes = 8192, cached_bytes = int64_t{2} << 20;
  const int64_t most = axes.numel() * n_bytes <= cached_bytes ? most_cached_bytes : most_bytes;
  if (run.to != 1 || run.from != 1 || n_bytes < 32 || n_bytes > most) return false;
  parallel_shares(axes.numel(), chunk_bytes / n_bytes, [&](int64_t begin, int64_t end) {
    char* to = static_cast<char*>(out.data);
    const char* from = static_cast<const char*>(self.data);
    axes.each_row(begin, end, [&](int64_t t, int64_t f, int64_t n, const Axis& row) {
      copy_each(to + t * size, row.to * size, from + f * size, row.from * size, n, n_bytes);
    });
  });
  return true;
}

namespace {

/// fn(begin, end) for parts of the bytes, in threads: where they are cut does not show.
template <class F>
void shared_out(int64_t n_bytes, F&& fn) {
  if (n_bytes < chunk_bytes || runs_serially()) return fn(int64_t{0}, n_bytes);
  constexpr int64_t page = 4096;
  parallel_shares(n_bytes, chunk_bytes / 4, fn, page);
}

#if defined(__x86_64__)
/// Lines of 64 bytes to where a line begins, by stores that do not read what they overwrite.
void stream_lines(char* to, const char* from, int64_t n_lines) {
  for (int64_t l = 0; l < n_lines; ++l, to += 64, from += 64) {
    __m128i line[4];
    std::memcpy(line, from, 64);
    for (int k = 0; k < 4; ++k) _mm_stream_si128(reinterpret_cast<__m128i*>(to) + k, line[k]);
  }
}
__attribute__((target("avx512f"))) void stream_whole_lines(char* to, const char* from,
                                                           int64_t n_lines) {
  for (int64_t l = 0; l < n_lines; ++l, to += 64, from += 64)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
}
#endif

}  // namespace

void stream(char* to, const char* from, int64_t n_bytes) {
#if defined(__x86_64__)
  if (cpu_level() == CpuLevel::avx512)
    stream_whole_lines(to, from, n_bytes / 64);
  else
    stream_lines(to, from, n_bytes / 64);
#else
  std::memcpy(to, from, n_bytes);
#endif
}

void end_streams() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

static void copy_past_caches(char* to, const char* from, int64_t n_bytes) {
  const int64_t first = std::min<int64_t>(-reinterpret_cast<uintptr_t>(to) % 64, n_bytes);
  const int64_t lines = (n_bytes - first) / 64 * 64, done = first + lines;
  std::memcpy(to, from, first);
  stream(to + first, from + first, lines);
  std::memcpy(to + done, from + done, n_bytes - done);
  end_streams();
}

bool goes_past_caches(int64_t to_bytes, int64_t from_bytes) {
  if (to_bytes < least_past_caches) return false;
  // One thread of a large machine gets no larger share of its cache than of a small one's.
  constexpr int64_t share_of_one = int64_t{24} << 20;
  const int64_t quarter = last_cache_bytes() / 4;
  const int64_t room = runs_serially() ? std::min(3 * quarter, share_of_one) : 5 * quarter;
  return to_bytes + from_bytes > room;
}

double cached_share(int64_t to_bytes, int64_t from_bytes) {
  if (!goes_past_caches(to_bytes, from_bytes)) return 1;
  const int64_t room = last_cache_bytes() / 4 * 3 - from_bytes;
  return runs_serially() || room <= 0 ? 0 : std::min(1.0, static_cast<double>(room) / to_bytes);
}

void copy_memory(void* to, const void* from, int64_t n_bytes) {
  const double share = cached_share(n_bytes, n_bytes);
  shared_out(n_bytes, [&](int64_t begin, int64_t end) {
    const int64_t cached = share == 1 ? end - begin : static_cast<int64_t>(share * (end - begin));
    char* target = static_cast<char*>(to) + begin;
    const char* source = static_cast<const char*>(from) + begin;
    std::memcpy(target, source, cached);
    if (begin + cached < end)
      copy_past_caches(target + cached, source + cached, end - begin - cached);
  });
}

void fill_memory(void* to, unsigned char value, int64_t n_bytes) {
  shared_out(n_bytes, [&](int64_t begin, int64_t end) {
    std::memset(static_cast<char*>(to) + begin, value, end - begin);
  });
}

}  // namespace flambeau
