#include "kernels/order/sort.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/elements/clones.h"
#include "kernels/elements/walk.h"
#include "kernels/order/order.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"
#include "tensor/error.h"

namespace flambeau {
namespace {

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

constexpr int64_t radix_chunk = int64_t{1} << 17;  // pairs that a thread counts and moves at once

/// Least significant digit first, 8 bits at a time; digits that all keys share are skipped. Long
/// ones in chunks, each of which knows where its pairs with a digit go.
template <class Pair>
void radix_sort(Pair* pairs, Pair* scratch, int64_t n, int key_bytes) {
  const int64_t n_chunks = runs_serially() ? 1 : (n + radix_chunk - 1) / radix_chunk;
  const int64_t length = n_chunks == 1 ? n : radix_chunk;
  auto each_chunk = [&](auto&& fn) {
    parallel_for(n_chunks, [&](int64_t chunk) {
      fn(chunk, chunk * length, std::min(n, (chunk + 1) * length));
    });
  };
  std::vector<uint64_t> differing(n_chunks);
  each_chunk([&](int64_t chunk, int64_t begin, int64_t end) {
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
  std::vector<int64_t> counts(n_chunks * n_digits * 256);
  auto counts_of = [&](int64_t chunk, int d) { return &counts[(chunk * n_digits + d) * 256]; };
  auto count_digits = [&](const Pair* from, int first, int last) {
    each_chunk([&](int64_t chunk, int64_t begin, int64_t end) {
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
    each_chunk([&](int64_t chunk, int64_t begin, int64_t end) {
      int64_t* next = counts_of(chunk, d);
      const int shift = digits[d];
      for (int64_t i = begin; i < end; ++i) to[next[from[i].key() >> shift & 255]++] = from[i];
    });
    std::swap(from, to);
  }
  if (from != pairs) std::copy(from, from + n, pairs);
}

template <class Pair>
void insertion_sort(Pair* pairs, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    Pair pair = pairs[i];
    int64_t j = i;
    for (; j > 0 && pair < pairs[j - 1]; --j) pairs[j] = pairs[j - 1];
    pairs[j] = pair;
  }
}

constexpr int rank_max = 128;  // above, counting digits is quicker than comparing all
typedef int32_t Keys __attribute__((vector_size(32), aligned(4), may_alias));
constexpr int keys_at_once = 8;

/// rank[i] = how many of n keys stand before keys[i]: those below it, and equal ones before it.
/// keys: room for a multiple of 16, filled up with any numbers.
FLAMBEAU_CLONES void ranks_of(const int32_t* keys, int32_t* rank, int n) {
  constexpr int block = 2 * keys_at_once;
  const Keys low_places{0, 1, 2, 3, 4, 5, 6, 7}, high_places = low_places + keys_at_once;
  for (int first = 0; first < n; first += block) {
    const Keys low = *reinterpret_cast<const Keys*>(keys + first),
               high = *reinterpret_cast<const Keys*>(keys + first + keys_at_once);
    // A comparison gives -1 where it holds.
    Keys low_rank = Keys{} + first, high_rank = low_rank;
    for (int j = 0; j < first; ++j) {
      low_rank += Keys{} + keys[j] > low;
      high_rank += Keys{} + keys[j] > high;
    }
    const int last = std::min(n, first + block);
    for (int j = first; j < last; ++j) {
      const Keys key = Keys{} + keys[j], place = Keys{} + (j - first);
      low_rank -= (key < low) | ((key == low) & (place < low_places));
      high_rank -= (key < high) | ((key == high) & (place < high_places));
    }
    for (int j = last; j < n; ++j) {
      low_rank -= Keys{} + keys[j] < low;
      high_rank -= Keys{} + keys[j] < high;
    }
    *reinterpret_cast<Keys*>(rank + first) = low_rank;
    *reinterpret_cast<Keys*>(rank + first + keys_at_once) = high_rank;
  }
}

/// The order of a few values of up to 32 bits, by comparing each with each: no branch depends on
/// them. place(rank, i) is called for each value.
template <class T, class Place>
void rank_each(const T* from, int n, int64_t step, bool descending, Place&& place) {
  using Key = typename Order<T>::Key;
  const Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
  int32_t keys[rank_max] = {}, rank[rank_max];
  auto load_keys = [&](int64_t step) {
    for (int i = 0; i < n; ++i)
      keys[i] = static_cast<int32_t>(
          static_cast<uint32_t>(static_cast<Key>(Order<T>::key(from[i * step]) ^ flip)) ^
          0x80000000u);
  };
  if (step == 1)
    load_keys(1);
  else
    load_keys(step);
  ranks_of(keys, rank, n);
  for (int i = 0; i < n; ++i) place(rank[i], i);
}

/// Equal keys must stand in the order of their places; they do so in `pairs` on entry.
template <class Pair>
void sort_pairs(Pair* pairs, Pair* scratch, int64_t n, int key_bytes) {
  if (n <= 24)
    insertion_sort(pairs, n);
  else if (n < radix_min)
    std::sort(pairs, pairs + n);
  else
    radix_sort(pairs, scratch, n, key_bytes);
}

/// Orders by keys alone: what the library's algorithms then do with equal ones is what PyTorch's
/// do.
struct ByKey {
  template <class Pair>
  bool operator()(const Pair& a, const Pair& b) const {
    return a.key() < b.key();
  }
};

template <class T>
using PairOf = std::conditional_t<sizeof(T) == 8, Wide, Packed>;

/// Memory for one lane; each task of a parallel loop has its own. Up to `kept_bytes` it is the
/// thread's workspace: the system's zeroing of new pages takes as long as the sort.
template <class Pair>
class Lane {
 public:
  explicit Lane(int64_t n) {
    const int64_t all = n < radix_min ? n : 2 * n;
    if (all * static_cast<int64_t>(sizeof(Pair)) <= kept_bytes) {
      pairs_ = Workspace::get<Pair>(lane_slot, all);
    } else {
      own_ = std::make_unique_for_overwrite<Pair[]>(all);
      pairs_ = own_.get();
    }
    scratch_ = n < radix_min ? nullptr : pairs_ + n;
  }
  Pair* pairs() { return pairs_; }
  Pair* scratch() { return scratch_; }

 private:
  static constexpr int64_t kept_bytes = 64 << 20;
  static constexpr int lane_slot = 0;

  std::unique_ptr<Pair[]> own_;
  Pair *pairs_, *scratch_;
};

template <class T>
void load(PairOf<T>* pairs, const T* from, int64_t n, int64_t step, bool descending) {
  using Key = typename Order<T>::Key;
  Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
  if (step == 1)
    for (int64_t i = 0; i < n; ++i)
      pairs[i] = PairOf<T>::make(static_cast<Key>(Order<T>::key(from[i]) ^ flip), i);
  else
    for (int64_t i = 0; i < n; ++i)
      pairs[i] = PairOf<T>::make(static_cast<Key>(Order<T>::key(from[i * step]) ^ flip), i);
}

/// Calls lane(self, values, indices, memory) for every lane along dim, in parallel; pointers at its
/// first element.
template <class T, class Body>
void each_lane(const Strided* values, const Strided& indices, const Strided& self, int dim,
               int64_t cost, Body&& lane) {
  check(sizeof(T) == 8 || self.sizes[dim] <= int64_t{0xffffffff}, [&] {
    return message("sort: a lane of ", self.sizes[dim],
                   " elements is longer than 2**32 - 1; sort it in parts.");
  });
  const int64_t* value_strides = values ? values->strides : indices.strides;
  Walk<3> walk(self.ndim, self.sizes, {self.strides, value_strides, indices.strides}, dim);
  int64_t lanes = walk.numel();
  parallel_ranges(lanes, std::max<int64_t>(1, walk_grain / std::max<int64_t>(1, cost)),
                  [&](int64_t begin, int64_t end) {
                    Lane<PairOf<T>> memory(self.sizes[dim]);
                    walk.rows(begin, end, [&](const auto& at, int64_t n) {
                      for (int64_t i = 0; i < n; ++i)
                        lane(self.as<T>() + at[0] + i * walk.inner_stride(0),
                             values ? values->as<T>() + at[1] + i * walk.inner_stride(1) : nullptr,
                             indices.as<int64_t>() + at[2] + i * walk.inner_stride(2), memory);
                    });
                  });
}

/// Keeps the k least of n pairs, unordered, in pairs[0, k); one pass that mostly only compares.
template <class T>
void select_least(PairOf<T>* pairs, const T* from, int64_t n, int64_t step, int64_t k,
                  bool descending) {
  using Pair = PairOf<T>;
  using Key = typename Order<T>::Key;
  if (k * 4 > n) {
    load(pairs, from, n, step, descending);
    if (k < n) std::nth_element(pairs, pairs + k - 1, pairs + n);
    return;
  }
  // Candidates gather behind the k best; when there are 2k, the worse half goes and the bar rises.
  Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
  int64_t capacity = std::min(n, std::max<int64_t>(2 * k, 16)), kept = 0;
  Key bar = 0;
  bool has_bar = false;
  constexpr int64_t block = 16;  // values that one comparison of their least turns down
  for (int64_t begin = 0; begin < n; begin += block) {
    int64_t count = std::min(block, n - begin);
    Key keys[block], least = static_cast<Key>(~Key{0});
    auto look = [&](int64_t length, int64_t stride) {
      const T* values = from + begin * step;
      for (int64_t j = 0; j < length; ++j)
        keys[j] = static_cast<Key>(Order<T>::key(values[j * stride]) ^ flip);
      for (int64_t j = 0; j < length; ++j) least = std::min(least, keys[j]);
    };
    if (count == block && step == 1)
      look(block, 1);
    else
      look(count, step);
    if (has_bar && least >= bar) continue;
    for (int64_t j = 0; j < count; ++j) {
      // An equal key comes later in place, so it is worse.
      if (has_bar && keys[j] >= bar) continue;
      pairs[kept++] = Pair::make(keys[j], begin + j);
      if (kept == capacity) {
        std::nth_element(pairs, pairs + k - 1, pairs + kept);
        kept = k;
        bar = static_cast<Key>(pairs[k - 1].key());
        has_bar = true;
      }
    }
  }
  if (kept > k) std::nth_element(pairs, pairs + k - 1, pairs + kept);
}

/// The k least of n pairs in front, equal ones as the library's algorithms leave them.
template <class T>
[[gnu::noinline]] void select_by_keys(PairOf<T>* pairs, const T* from, int64_t n, int64_t step,
                                      int64_t k, bool descending, bool sorted) {
  load(pairs, from, n, step, descending);
  std::nth_element(pairs, pairs + k - 1, pairs + n, ByKey{});
  if (sorted) std::sort(pairs, pairs + k - 1, ByKey{});
}

/// Whether two of n sorted pairs have one key.
template <class Pair>
bool has_ties(const Pair* pairs, int64_t n) {
  bool found = false;
  for (int64_t i = 1; i < n; ++i) found |= pairs[i].key() == pairs[i - 1].key();
  return found;
}

/// The last place of the first of the longest runs of equal keys, and its length.
template <class Pair>
std::pair<int64_t, int64_t> longest_run(const Pair* pairs, int64_t n) {
  int64_t best = -1, longest = 0, run = 0;
  for (int64_t i = 0; i < n; ++i) {
    run = i > 0 && pairs[i].key() == pairs[i - 1].key() ? run + 1 : 1;
    if (run > longest) {
      longest = run;
      best = i;
    }
  }
  return {best, longest};
}

}  // namespace

void sort(const Strided* values, const Strided& indices, const Strided& self, int dim,
          bool descending) {
  int64_t n = self.sizes[dim], step = self.strides[dim];
  int64_t value_step = values ? values->strides[dim] : 0, index_step = indices.strides[dim];
  with_ordered_type(self.dtype, [&]<class T>() {
    each_lane<T>(values, indices, self, dim, n * 16,
                 [&](const T* from, T* value, int64_t* index, auto& memory) {
                   if constexpr (sizeof(T) <= 4)
                     if (n <= rank_max) {
                       rank_each(from, static_cast<int>(n), step, descending, [&](int rank, int i) {
                         index[rank * index_step] = i;
                         if (value) value[rank * value_step] = from[i * step];
                       });
                       return;
                     }
                   auto* pairs = memory.pairs();
                   load(pairs, from, n, step, descending);
                   sort_pairs(pairs, memory.scratch(), n, sizeof(T));
                   for (int64_t i = 0; i < n; ++i)
                     index[i * index_step] = static_cast<int64_t>(pairs[i].place());
                   if (value)
                     for (int64_t i = 0; i < n; ++i)
                       value[i * value_step] = from[pairs[i].place() * step];
                 });
  });
}

void topk(const Strided& values, const Strided& indices, const Strided& self, int dim, int64_t k,
          bool largest, bool sorted) {
  if (k == 0) return;
  int64_t n = self.sizes[dim], step = self.strides[dim];
  int64_t value_step = values.strides[dim], index_step = indices.strides[dim];
  with_ordered_type(self.dtype, [&]<class T>() {
    each_lane<T>(
        &values, indices, self, dim, n * 2,
        [&](const T* from, T* value, int64_t* index, auto& memory) {
          auto* pairs = memory.pairs();
          bool many = k * 4 > n, few_places = many && n < radix_min;
          if constexpr (sizeof(T) <= 4)
            if (sorted && many && !few_places && n <= rank_max) {
              rank_each(from, static_cast<int>(n), step, largest, [&](int rank, int i) {
                if (rank >= k) return;
                index[rank * index_step] = i;
                value[rank * value_step] = from[i * step];
              });
              return;
            }
          if (few_places && !sorted) {
            select_by_keys(pairs, from, n, step, k, largest, sorted);
          } else if (sorted && many) {  // sorting everything is as quick as selecting so many
            load(pairs, from, n, step, largest);
            sort_pairs(pairs, memory.scratch(), n, sizeof(T));
            if (few_places && has_ties(pairs, std::min(k + 1, n)))
              select_by_keys(pairs, from, n, step, k, largest, sorted);
          } else {
            select_least(pairs, from, n, step, k, largest);
            // Selection has mixed up the places, which radix sorting needs in order.
            if (sorted)
              std::sort(pairs, pairs + k);
            else
              std::sort(pairs, pairs + k,
                        [](const auto& a, const auto& b) { return a.place() < b.place(); });
          }
          for (int64_t i = 0; i < k; ++i) {
            index[i * index_step] = static_cast<int64_t>(pairs[i].place());
            value[i * value_step] = from[pairs[i].place() * step];
          }
        });
  });
}

void kthvalue(const Strided& values, const Strided& indices, const Strided& self, int dim,
              int64_t k) {
  int64_t n = self.sizes[dim], step = self.strides[dim];
  with_ordered_type(self.dtype, [&]<class T>() {
    each_lane<T>(&values, indices, self, dim, n * 4,
                 [&](const T* from, T* value, int64_t* index, auto& memory) {
                   auto* pairs = memory.pairs();
                   load(pairs, from, n, step, false);
                   std::nth_element(pairs, pairs + k - 1, pairs + n);
                   *index = static_cast<int64_t>(pairs[k - 1].place());
                   *value = from[*index * step];
                 });
  });
}

void median(const Strided& values, const Strided& indices, const Strided& self, int dim,
            bool ignore_nan) {
  int64_t n = self.sizes[dim], step = self.strides[dim];
  with_ordered_type(self.dtype, [&]<class T>() {
    using Key = typename Order<T>::Key;
    each_lane<T>(&values, indices, self, dim, n * 4,
                 [&](const T* from, T* value, int64_t* index, auto& memory) {
                   auto* pairs = memory.pairs();
                   load(pairs, from, n, step, false);
                   int64_t first_nan = -1, numbers = n;
                   if constexpr (Order<T>::floating) {
                     for (int64_t i = n - 1; i >= 0; --i)
                       if (Order<T>::is_nan(static_cast<Key>(pairs[i].key()))) {
                         first_nan = i;
                         --numbers;
                       }
                   }
                   if (first_nan >= 0 && (!ignore_nan || numbers == 0)) {
                     *index = first_nan;
                   } else {
                     int64_t middle = (numbers - 1) / 2;
                     std::nth_element(pairs, pairs + middle, pairs + n);
                     *index = static_cast<int64_t>(pairs[middle].place());
                   }
                   *value = from[*index * step];
                 });
  });
}

/// Below, values that occur twice are so likely that the library's sort comes first.
constexpr int64_t mode_radix_min = 1024;

void mode(const Strided& values, const Strided& indices, const Strided& self, int dim) {
  int64_t n = self.sizes[dim], step = self.strides[dim];
  with_ordered_type(self.dtype, [&]<class T>() {
    each_lane<T>(&values, indices, self, dim, n * 16,
                 [&](const T* from, T* value, int64_t* index, auto& memory) {
                   auto* pairs = memory.pairs();
                   load(pairs, from, n, step, false);
                   // Up to 16 the library's sort is stable, too.
                   if (n > 16 && n < mode_radix_min)
                     std::sort(pairs, pairs + n, ByKey{});
                   else
                     sort_pairs(pairs, memory.scratch(), n, sizeof(T));
                   auto [best, longest] = longest_run(pairs, n);
                   if (longest > 1 && n >= mode_radix_min) {  // which of the equal ones is the last
                     load(pairs, from, n, step, false);
                     std::sort(pairs, pairs + n, ByKey{});
                     best = longest_run(pairs, n).first;
                   }
                   *index = static_cast<int64_t>(pairs[best].place());
                   *value = from[*index * step];
                 });
  });
}

SortedOrder sorted_order(const void* data, DType dtype, int64_t n) {
  SortedOrder order{std::vector<int64_t>(n), std::vector<bool>(n)};
  with_ordered_type(dtype, [&]<class T>() {
    Lane<PairOf<T>> memory(n);
    const PairOf<T>* pairs = memory.pairs();
    load(memory.pairs(), static_cast<const T*>(data), n, 1, false);
    sort_pairs(memory.pairs(), memory.scratch(), n, sizeof(T));
    for (int64_t i = 0; i < n; ++i) {
      uint64_t key = pairs[i].key();
      order.places[i] = static_cast<int64_t>(pairs[i].place());
      order.differs[i] = i == 0 || key != pairs[i - 1].key() ||
                         Order<T>::is_nan(static_cast<typename Order<T>::Key>(key));
    }
  });
  return order;
}

}  // namespace flambeau
