#include "kernels/order/shuffle.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/threads.h"

namespace flambeau {

namespace {

/// So many integers, which the nearer caches hold, are shuffled where they stand in less time than
/// dealing takes; more are first dealt into piles for the first-level cache.
constexpr int64_t most_at_once = int64_t{1} << 18, pile = int64_t{1} << 12;
constexpr int64_t most_piles = 4096;
/// Integers dealt from one stream of random numbers.
constexpr int64_t chunk = int64_t{1} << 16;

/// xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021), its
/// state filled by splitmix64 from (seed, call, stream).
class Stream {
 public:
  Stream(uint64_t seed, uint64_t call, uint64_t stream) {
    uint64_t x = mixed(mixed(mixed(seed) ^ call) ^ stream);
    for (uint64_t& word : state_) word = mixed(x += golden);
  }

  uint64_t next() {
    uint64_t* s = state_;
    uint64_t result = std::rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = std::rotl(s[3], 45);
    return result;
  }

  /// A number below n: of 2^64 equally likely ones each n-th part; no bias that anybody could see.
  int64_t below(int64_t n) {
    return static_cast<int64_t>(
        (static_cast<unsigned __int128>(next()) * static_cast<uint64_t>(n)) >> 64);
  }

 private:
  static constexpr uint64_t golden = 0x9E3779B97F4A7C15;
  static uint64_t mixed(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }
  uint64_t state_[4];
};

/// Fisher and Yates' shuffle, as Durstenfeld wrote it.
void shuffle(int64_t* items, int64_t n, Stream stream) {
  for (int64_t i = n - 1; i > 0; --i) std::swap(items[i], items[stream.below(i + 1)]);
}

}  // namespace

void random_order(int64_t n, uint64_t seed, uint64_t call, int64_t* out) {
  if (n <= most_at_once) {
    for (int64_t i = 0; i < n; ++i) out[i] = i;
    return shuffle(out, n, Stream(seed, call, 0));
  }
  // Each integer goes to a pile by lot, then each pile is shuffled: Rao, "Generation of random
  // permutations of given number of elements using random sampling numbers", 1961.
  const int64_t n_piles =
      std::min<int64_t>(most_piles, std::bit_ceil(static_cast<uint64_t>(n / pile)));
  const int shift = 64 - std::countr_zero(static_cast<uint64_t>(n_piles));
  const int64_t n_chunks = (n + chunk - 1) / chunk;
  auto stream_of = [&](int64_t c) { return Stream(seed, call, static_cast<uint64_t>(c)); };
  // ends[c * n_piles + p]: first how many of chunk c go to pile p, then where the next of them
  // goes.
  std::vector<int64_t> ends(n_chunks * n_piles, 0);
  const auto lots = std::make_unique_for_overwrite<uint16_t[]>(n);
  parallel_for(n_chunks, [&](int64_t c) {
    Stream stream = stream_of(c);
    int64_t* counts = &ends[c * n_piles];
    // Numbers first: counting waits for what has just been counted, and would hold them up.
    const int64_t begin = c * chunk, end = std::min(n, begin + chunk);
    for (int64_t i = begin; i < end; ++i) lots[i] = static_cast<uint16_t>(stream.next() >> shift);
    for (int64_t i = begin; i < end; ++i) ++counts[lots[i]];
  });
  std::vector<int64_t> starts(n_piles + 1);
  int64_t sum = 0;
  for (int64_t p = 0; p < n_piles; ++p) {
    starts[p] = sum;
    for (int64_t c = 0; c < n_chunks; ++c) sum += std::exchange(ends[c * n_piles + p], sum);
  }
  starts[n_piles] = n;
  parallel_for(n_chunks, [&](int64_t c) {
    int64_t* next = &ends[c * n_piles];
    for (int64_t i = c * chunk; i < std::min(n, (c + 1) * chunk); ++i) out[next[lots[i]]++] = i;
  });
  parallel_for(n_piles, [&](int64_t p) {
    shuffle(out + starts[p], starts[p + 1] - starts[p], stream_of(n_chunks + p));
  });
}

}  // namespace flambeau
