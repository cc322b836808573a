// Keys and their places, and sorting them digit by digit. For the files of this room. Any thread,
// no GIL; long lanes are shared among threads, whose number does not show: every sort is stable.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/threads.h"

namespace flambeau {

// Keys of up to 32 bits travel with their place in one uint64: comparing it is stable by itself.
struct Packed {
  uint64_t bits;
  static Packed make(uint64_t key, uint64_t place) { return {key << 32 | place}; }
  uint64_t key() const { return bits >> 32; }
  uint64_t place() const { return bits & 0xffffffffu; }
  bool operator<(const Packed& other) const { return bits < other.bits; }
};
struct Wide {
  uint64_t key_, place_;
  static Wide make(uint64_t key, uint64_t place) { return {key, place}; }
  uint64_t key() const { return key_; }
  uint64_t place() const { return place_; }
  bool operator<(const Wide& other) const {
    return key_ != other.key_ ? key_ < other.key_ : place_ < other.place_;
  }
};

constexpr int64_t radix_min = 64;  // below, comparison sorting is as quick as counting digits

/// fn(chunk, begin, end) for the parts of a lane that a thread goes through at once.
class Chunks {
 public:
  explicit Chunks(int64_t n) : n_(n) {
    constexpr int64_t most = int64_t{1} << 17;
    count = n <= most || runs_serially() ? 1 : (n + most - 1) / most;
    length_ = count == 1 ? n : most;
  }
  template <class F>
  void each(F&& fn) const {
    parallel_for(count, [&](int64_t chunk) {
      fn(chunk, chunk * length_, std::min(n_, (chunk + 1) * length_));
    });
  }
  int64_t count;

 private:
  int64_t n_, length_;
};

/// The least of n integers' keys, and the bits that those above it need; key(i) gives them.
struct KeyRange {
  uint64_t least = ~uint64_t{0}, most = 0;
  int bits() const { return std::bit_width(most - least); }

  template <class F>
  static KeyRange of(int64_t n, F&& key) {
    const Chunks chunks(n);
    std::vector<KeyRange> parts(chunks.count);
    chunks.each([&](int64_t chunk, int64_t begin, int64_t end) {
      auto least = key(begin), most = least;
      for (int64_t i = begin; i < end; ++i) {
        const auto value = key(i);
        least = std::min(least, value);
        most = std::max(most, value);
      }
      parts[chunk] = {least, most};
    });
    KeyRange all;
    for (const KeyRange& part : parts)
      all = {std::min(all.least, part.least), std::max(all.most, part.most)};
    return all;
  }
};

/// Least significant digit first, 8 bits at a time; digits that all keys share are skipped. Long
/// ones in chunks, each of which knows where its pairs with a digit go.
template <class Pair>
void radix_sort(Pair* pairs, Pair* scratch, int64_t n, int key_bytes) {
  const Chunks chunks(n);
  const int64_t n_chunks = chunks.count;
  std::vector<uint64_t> differing(n_chunks);
  chunks.each([&](int64_t chunk, int64_t begin, int64_t end) {
    const uint64_t first = pairs[0].key();
    uint64_t differs = 0;
    for (int64_t i = begin; i < end; ++i) differs |= pairs[i].key() ^ first;
    differing[chunk] = differs;
  });
  uint64_t differs = 0;
  for (uint64_t part : differing) differs |= part;
  int digits[8], n_digits = 0;  // their lowest bits
  for (int b = 0; b < key_bytes; ++b)
    if (differs >> (8 * b) & 255) digits[n_digits++] = 8 * b;
  const auto counts = std::make_unique_for_overwrite<int64_t[]>(n_chunks * n_digits * 256);
  auto counts_of = [&](int64_t chunk, int d) { return &counts[(chunk * n_digits + d) * 256]; };
  auto count_digits = [&](const Pair* from, int first, int last) {
    chunks.each([&](int64_t chunk, int64_t begin, int64_t end) {
      int64_t* own = counts_of(chunk, first);
      std::fill_n(own, (last - first) * 256, 0);
      if (last - first == 4 && digits[first] == 0 && digits[last - 1] == 24) {  // of most floats
        for (int64_t i = begin; i < end; ++i) {
          const uint64_t key = from[i].key();
          for (int d = 0; d < 4; ++d) ++own[d * 256 + (key >> 8 * d & 255)];
        }
        return;
      }
      for (int64_t i = begin; i < end; ++i) {
        const uint64_t key = from[i].key();
        for (int d = first; d < last; ++d) ++own[(d - first) * 256 + (key >> digits[d] & 255)];
      }
    });
  };
  if (n_digits && n_chunks == 1) count_digits(pairs, 0, n_digits);
  Pair *from = pairs, *to = scratch;
  for (int d = 0; d < n_digits; ++d) {
    if (n_chunks > 1) count_digits(from, d, d + 1);  // what lies in a chunk has changed
    int64_t start = 0;
    for (int digit = 0; digit < 256; ++digit)
      for (int64_t chunk = 0; chunk < n_chunks; ++chunk)
        start += std::exchange(counts_of(chunk, d)[digit], start);
    chunks.each([&](int64_t chunk, int64_t begin, int64_t end) {
      int64_t* next = counts_of(chunk, d);
      const int shift = digits[d];
      for (int64_t i = begin; i < end; ++i) to[next[from[i].key() >> shift & 255]++] = from[i];
    });
    std::swap(from, to);
  }
  if (from == pairs) return;
  chunks.each([&](int64_t, int64_t begin, int64_t end) {
    std::copy(from + begin, from + end, pairs + begin);
  });
}

/// emit(position, i) for each of n digits below `values` (65,536 at most), digit(i), in their
/// order. Each is asked for once: another thread may write to what they are made of.
template <class Digit, class Emit>
void counting_sort(int64_t n, int64_t values, Digit&& digit, Emit&& emit) {
  const Chunks chunks(n);
  std::vector<int64_t> counts(chunks.count * values);
  const auto digits = std::make_unique_for_overwrite<uint16_t[]>(n);
  chunks.each([&](int64_t chunk, int64_t begin, int64_t end) {
    int64_t* own = &counts[chunk * values];
    for (int64_t i = begin; i < end; ++i) {
      const auto found =
          std::min(static_cast<uint64_t>(digit(i)), static_cast<uint64_t>(values - 1));
      digits[i] = static_cast<uint16_t>(found);
      ++own[found];
    }
  });
  int64_t start = 0;
  for (int64_t value = 0; value < values; ++value)
    for (int64_t chunk = 0; chunk < chunks.count; ++chunk)
      start += std::exchange(counts[chunk * values + value], start);
  chunks.each([&](int64_t chunk, int64_t begin, int64_t end) {
    int64_t* next = &counts[chunk * values];
    for (int64_t i = begin; i < end; ++i) emit(next[digits[i]]++, i);
  });
}

}  // namespace flambeau
