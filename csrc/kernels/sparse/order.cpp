#include "kernels/sparse/order.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <memory>
#include <numeric>
#include <utility>

#include "kernels/index/cells.h"
#include "kernels/sparse/simd.h"
#include "runtime/threads.h"
#include "tensor/error.h"

namespace flambeau::sparse {

namespace {

constexpr int digit_bits = 11;      // the counts of a digit fit the first cache
constexpr int64_t few = 64;         // below, comparing is quicker than counting
constexpr int64_t grain = 1 << 15;  // entries to a chunk

struct Pair {
  uint64_t key;
  int64_t place;
};

}  // namespace

bool sort_keys(const int64_t* keys, int64_t n, int64_t* order) {
  std::iota(order, order + n, int64_t{0});
  if (std::is_sorted(keys, keys + n)) return true;
  if (n < few) {
    int64_t own[few];  // another thread may write to the keys
    std::copy(keys, keys + n, own);
    std::stable_sort(order, order + n, [&](int64_t a, int64_t b) { return own[a] < own[b]; });
    return false;
  }
  // Least significant digit first, over the bits in which the keys differ.
  auto [low, high] = std::minmax_element(keys, keys + n);
  const int64_t least = *low;
  const int bits = std::bit_width(static_cast<uint64_t>(*high) - static_cast<uint64_t>(least));
  const int digits = (bits + digit_bits - 1) / digit_bits;
  constexpr int64_t values = 1 << digit_bits;
  auto counts = std::make_unique<int64_t[]>(static_cast<size_t>(digits * values));
  auto from = std::make_unique_for_overwrite<Pair[]>(static_cast<size_t>(n));
  auto to = std::make_unique_for_overwrite<Pair[]>(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    uint64_t key = static_cast<uint64_t>(keys[i]) - static_cast<uint64_t>(least);
    from[static_cast<size_t>(i)] = {key, i};
    for (int d = 0; d < digits; ++d)
      ++counts[d * values + (key >> (d * digit_bits) & (values - 1))];
  }
  for (int d = 0; d < digits; ++d) {
    int64_t* count = counts.get() + d * values;
    int64_t start = 0;
    for (int64_t v = 0; v < values; ++v) start += std::exchange(count[v], start);
    for (int64_t i = 0; i < n; ++i) {
      const Pair& pair = from[static_cast<size_t>(i)];
      int64_t at = count[pair.key >> (d * digit_bits) & (values - 1)]++;
      if (d + 1 == digits)
        order[at] = pair.place;
      else
        to[static_cast<size_t>(at)] = pair;
    }
    std::swap(from, to);
  }
  return false;
}

void merge_keys(const int64_t* keys, int64_t first, int64_t n, int64_t* order) {
  int64_t a = 0, b = first;
  while (a < first && b < n) *order++ = keys[b] < keys[a] ? b++ : a++;
  while (a < first) *order++ = a++;
  while (b < n) *order++ = b++;
}

int64_t common_keys(const int64_t* a, int64_t n_a, const int64_t* b, int64_t n_b, int64_t* in_a,
                    int64_t* in_b) {
  int64_t found = 0, i = 0, j = 0;
  const int64_t most = std::min(n_a, n_b);
  // Written in any case, and kept where the keys agree: no branch depends on them.
  while (i < n_a && j < n_b && found < most) {
    in_a[found] = i, in_b[found] = j;
    const int64_t x = a[i], y = b[j];
    found += x == y;
    i += x <= y;
    j += y <= x;
  }
  return found;
}

int64_t find_groups(const int64_t* keys, const int64_t* order, int64_t n, int64_t* starts) {
  int64_t found = 0;
  for (int64_t i = 0; i < n; ++i)
    if (i == 0 || keys[order[i]] != keys[order[i - 1]]) starts[found++] = i;
  starts[found] = n;
  return found;
}

static bool is_ascending(const int64_t* x, int64_t n) {
  std::atomic<bool> fine = true;
  parallel_ranges(n, grain, [&](int64_t begin, int64_t end) {
    begin -= begin > 0;
    if (!sparse_kernels<float>().ascending(x + begin, end - begin)) fine = false;
  });
  return fine;
}

void count_rows(const int64_t* rows, int64_t n, int64_t extent, int64_t* pointers) {
  // Rows in order, as they mostly are: the last entry of each says where the next row begins, and
  // rows without entries begin where the one before them does. No branch waits for where a row
  // ends.
  const bool ordered = n == 0 || (rows[0] >= 0 && rows[n - 1] < extent && is_ascending(rows, n));
  std::fill(pointers, pointers + extent + 1, int64_t{0});
  if (ordered) {
    parallel_ranges(n, grain, [&](int64_t begin, int64_t end) {
      // A row that reaches into this chunk belongs to the one where it begins.
      auto in_row = [&](int64_t i) { return i > 0 && i < n && rows[i] == rows[i - 1]; };
      while (begin < end && in_row(begin)) ++begin;
      if (begin == end) return;
      while (in_row(end)) ++end;
      for (int64_t i = begin; i < end; ++i) pointers[limited(rows[i], extent - 1) + 1] = i + 1;
    });
    for (int64_t r = 0; r < extent; ++r) pointers[r + 1] = std::max(pointers[r], pointers[r + 1]);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = rows[i];
    check<IndexError>(row >= 0 && row < extent, [&] {
      return message("sparse: index ", row, " of entry ", i, " lies outside of the ", extent,
                     " rows.");
    });
    ++pointers[row + 1];
  }
  for (int64_t r = 0; r < extent; ++r) pointers[r + 1] += pointers[r];
}

bool are_in_order(const int64_t* rows, const int64_t* order, int64_t n, const int64_t* pointers,
                  int64_t extent) {
  if (pointers[extent] != n) return false;
  std::atomic<bool> fine = true;
  const int64_t each = std::max<int64_t>(1, grain * extent / std::max<int64_t>(1, n));
  parallel_ranges(extent, std::min(each, grain), [&](int64_t begin, int64_t end) {
    int64_t wrong = 0;
    for (int64_t r = begin; r < end; ++r)
      for (int64_t i = pointers[r]; i < pointers[r + 1]; ++i) wrong |= rows[order[i]] ^ r;
    if (wrong != 0) fine = false;
  });
  return fine;
}

void expand_rows(const int64_t* pointers, int64_t count, int64_t extent, int64_t n, int64_t* rows) {
  for (int64_t m = 0; m < count; ++m, pointers += extent + 1, rows += n) {
    bool right = pointers[0] == 0 && pointers[extent] == n;
    for (int64_t r = 0; r < extent; ++r) right &= pointers[r] <= pointers[r + 1];
    check<IndexError>(right, [&] {
      return message("sparse: the compressed indices do not rise from 0 to ", n,
                     ", the number of entries.");
    });
    const int64_t each = std::max<int64_t>(1, grain * extent / std::max<int64_t>(1, n));
    parallel_ranges(extent, std::min(each, grain), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        std::fill(rows + pointers[r], rows + pointers[r + 1], r);
    });
  }
}

}  // namespace flambeau::sparse
