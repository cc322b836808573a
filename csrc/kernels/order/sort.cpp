#include "kernels/order/sort.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "kernels/elements/clones.h"
#include "kernels/order/lanes.h"

namespace flambeau {
namespace {

template <class Pair>
void insertion_sort(Pair* pairs, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    Pair pair = pairs[i];
    int64_t j = i;
    for (; j > 0 && pair < pairs[j - 1]; --j) pairs[j] = pairs[j - 1];
    pairs[j] = pair;
  }
}

// Below, inserting is quicker than comparing all, above, counting digits is.
constexpr int rank_min = 5, rank_max = 128;
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
  int32_t keys[rank_max], rank[rank_max];
  std::fill(keys + n / 16 * 16, keys + std::min(rank_max, n / 16 * 16 + 16), 0);
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

/// So many are kept in order while the others pass by.
constexpr int64_t most_inserted = 16;

/// Whether a key of a block of up to 16, which stand in keys then, is below bar.
template <class T, class Key>
[[gnu::always_inline]] inline bool any_below(const T* values, int64_t count, int64_t step, Key flip,
                                             Key bar, Key* keys) {
  constexpr int64_t block = 16;
  Key least = static_cast<Key>(~Key{0});
  auto look = [&](int64_t length, int64_t stride) __attribute__((always_inline)) {
    for (int64_t j = 0; j < length; ++j)
      keys[j] = static_cast<Key>(Order<T>::key(values[j * stride]) ^ flip);
    for (int64_t j = 0; j < length; ++j) least = std::min(least, keys[j]);
  };
  if (count == block && step == 1)
    look(block, 1);
  else
    look(count, step);
  return least < bar;
}

/// The k least of n in their order, in pairs[0, k): each that is less than the last one moves those
/// above it up.
template <class T>
void select_few(PairOf<T>* pairs, const T* from, int64_t n, int64_t step, int64_t k,
                bool descending) {
  using Pair = PairOf<T>;
  using Key = typename Order<T>::Key;
  const Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
  auto insert = [&](Key key, int64_t place, int64_t last) {
    int64_t j = last;
    for (; j > 0 && pairs[j - 1].key() > key; --j) pairs[j] = pairs[j - 1];
    pairs[j] = Pair::make(key, place);
  };
  for (int64_t i = 0; i < k; ++i)
    insert(static_cast<Key>(Order<T>::key(from[i * step]) ^ flip), i, i);
  Key bar = static_cast<Key>(pairs[k - 1].key());
  constexpr int64_t block = 16;
  for (int64_t begin = k; begin < n; begin += block) {
    const int64_t count = std::min(block, n - begin);
    Key keys[block];
    if (!any_below(from + begin * step, count, step, flip, bar, keys)) continue;
    for (int64_t j = 0; j < count; ++j) {
      if (keys[j] >= bar) continue;
      insert(keys[j], begin + j, k - 1);
      bar = static_cast<Key>(pairs[k - 1].key());
    }
  }
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
  if (k <= most_inserted) return select_few(pairs, from, n, step, k, descending);
  // Candidates gather behind the k best; when there are 2k, the worse half goes and the bar rises.
  Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
  int64_t capacity = std::min(n, std::max<int64_t>(2 * k, 16)), kept = 0;
  Key bar = 0;
  bool has_bar = false;
  constexpr int64_t block = 16;  // values that one comparison of their least turns down
  for (int64_t begin = 0; begin < n; begin += block) {
    int64_t count = std::min(block, n - begin);
    Key keys[block];
    const bool below = any_below(from + begin * step, count, step, flip, bar, keys);
    if (has_bar && !below) continue;
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

/// Puts the pair of rank k at its place: quickselect around the median of three (Sedgewick,
/// Implementing quicksort programs, CACM 21, 1978; Numerical Recipes 8.5). It compares keys alone,
/// so which of equal ones gets there depends on the keys, as in PyTorch, which selects in this way,
/// too. Keys that it can hardly divide (descending ones, and k small) are left to the library.
template <class Pair>
void quickselect(Pair* pairs, int64_t n, int64_t k) {
  auto order = [](Pair& a, Pair& b) {
    if (b.key() < a.key()) std::swap(a, b);
  };
  int64_t low = 0, high = n - 1, work = 32 * n;
  while (low + 1 < high) {
    work -= high - low;
    if (work < 0) return std::nth_element(pairs + low, pairs + k, pairs + high + 1);
    // The median of three goes to the front, the lesser one behind it, the greater one to the end.
    std::swap(pairs[low + (high - low) / 2], pairs[low + 1]);
    order(pairs[low + 1], pairs[high]);
    order(pairs[low], pairs[high]);
    order(pairs[low + 1], pairs[low]);
    const auto pivot = pairs[low].key();
    int64_t i = low + 1, j = high;
    for (;;) {
      do ++i;
      while (pairs[i].key() < pivot);
      do --j;
      while (pairs[j].key() > pivot);
      if (j < i) break;
      std::swap(pairs[i], pairs[j]);
    }
    std::swap(pairs[low], pairs[j]);
    if (j <= k) low = i;
    if (j >= k) high = j - 1;
  }
  if (low + 1 == high) order(pairs[low], pairs[high]);
}

/// From so many elements on most are told from a bracket of a rank instead of being exchanged.
constexpr int64_t least_bracketed = 2048;

/// The place of the element of a rank in the stable order of a lane: between two of a sample that
/// enclose it there are few, which one pass keeps. -1 where the sample was none of the whole, and
/// where there is a NaN. pairs: room for all. Source: Floyd, Rivest, "Expected time bounds for
/// selection", CACM 18 (1975) 165.
template <class T>
int64_t place_of_rank(const T* from, int64_t n, int64_t step, int64_t rank, PairOf<T>* pairs) {
  using Pair = PairOf<T>;
  using Key = typename Order<T>::Key;
  auto key_at = [=](int64_t i) { return Order<T>::key(from[i * step]); };
  const auto root = static_cast<int64_t>(std::cbrt(static_cast<double>(n)));
  const int64_t size = root * root, every = n / size;
  const auto off = static_cast<int64_t>(1.5 * static_cast<double>(root));
  std::vector<Key> sample(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i) sample[static_cast<size_t>(i)] = key_at(i * every);
  const int64_t middle = rank / every, below_at = std::clamp<int64_t>(middle - off, 0, size - 1),
                above_at = std::clamp<int64_t>(middle + off, 0, size - 1);
  std::nth_element(sample.begin(), sample.begin() + below_at, sample.end());
  const Key low = sample[static_cast<size_t>(below_at)];
  std::nth_element(sample.begin() + below_at, sample.begin() + above_at, sample.end());
  const Key high = sample[static_cast<size_t>(above_at)];
  int64_t below = 0, kept = 0;
  bool nan = false;
  auto look = [&](int64_t i, Key key) {  // without a branch: where one falls can't be foreseen
    below += key < low;
    nan |= Order<T>::is_nan(key);
    pairs[kept] = Pair::make(key, static_cast<uint64_t>(i));
    kept += (key >= low) & (key <= high);
  };
  if (step == 1)
    for (int64_t i = 0; i < n; ++i) look(i, Order<T>::key(from[i]));
  else
    for (int64_t i = 0; i < n; ++i) look(i, key_at(i));
  rank -= below;
  if (nan || rank < 0 || rank >= kept) return -1;
  if (low != high) std::nth_element(pairs, pairs + rank, pairs + kept);
  return static_cast<int64_t>(pairs[rank].place());
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

/// fn(i, key of element i) for all of a lane, shared among threads.
template <class T, class F>
void each_key(const T* from, int64_t n, int64_t step, bool descending, F&& fn) {
  using Key = typename Order<T>::Key;
  const Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
  Chunks(n).each([&](int64_t, int64_t begin, int64_t end) {
    if (step == 1)
      for (int64_t i = begin; i < end; ++i) fn(i, static_cast<Key>(Order<T>::key(from[i]) ^ flip));
    else
      for (int64_t i = begin; i < end; ++i)
        fn(i, static_cast<Key>(Order<T>::key(from[i * step]) ^ flip));
  });
}

/// Sorts pairs by keys of which they have the highest 32 bits, and then those that share these, by
/// key(place). False, where too many do: they are then to be sorted by whole keys.
template <class Key>
bool sort_by_halves(Packed* pairs, Packed* scratch, int64_t n, Key&& key) {
  radix_sort(pairs, scratch, n, 4);
  int64_t shared = 0;
  for (int64_t i = 1; i < n; ++i) shared += pairs[i].key() == pairs[i - 1].key();
  if (shared * 4 > n) return false;
  if (shared == 0) return true;
  std::vector<Wide> run;  // keys are read once: another thread may write there
  for (int64_t begin = 0, end; begin < n; begin = end) {
    end = begin + 1;
    while (end < n && pairs[end].key() == pairs[begin].key()) ++end;
    if (end - begin == 1) continue;
    if (end - begin == 2) {
      if (key(pairs[begin + 1].place()) < key(pairs[begin].place()))
        std::swap(pairs[begin], pairs[begin + 1]);
      continue;
    }
    run.clear();
    for (int64_t i = begin; i < end; ++i)
      run.push_back(Wide::make(key(pairs[i].place()), pairs[i].place()));
    std::sort(run.begin(), run.end());
    for (int64_t i = begin; i < end; ++i)
      pairs[i] = Packed::make(pairs[begin].key(), run[static_cast<size_t>(i - begin)].place());
  }
  return true;
}

/// Where the results of a lane go; values may be null.
template <class T>
struct SortedLane {
  const T* from;
  int64_t step;
  int64_t* index;
  int64_t index_step;
  T* value;
  int64_t value_step;

  void put(int64_t position, int64_t place) const {
    index[position * index_step] = place;
    if (value) value[position * value_step] = from[place * step];
  }
  /// Two loops take less time than one.
  template <class Pair>
  void put_all(const Pair* sorted, int64_t n) const {
    Chunks(n).each([this, sorted](int64_t, int64_t begin, int64_t end) {
      const SortedLane to = *this;
      for (int64_t i = begin; i < end; ++i)
        to.index[i * to.index_step] = static_cast<int64_t>(sorted[i].place());
      if (to.value)
        for (int64_t i = begin; i < end; ++i)
          to.value[i * to.value_step] = to.from[sorted[i].place() * to.step];
    });
  }
};

template <class T>
void sort_lane(const SortedLane<T>& to, int64_t n, bool descending, PairOf<T>* pairs,
               PairOf<T>* scratch) {
  using Key = typename Order<T>::Key;
  constexpr int64_t few_values = 2048, most_by_halves = int64_t{1} << 17;
  const T* from = to.from;
  const int64_t step = to.step;
  if (n < radix_min) {
    load(pairs, from, n, step, descending);
    sort_pairs(pairs, scratch, n, sizeof(T));
    return to.put_all(pairs, n);
  }
  const Key flip = descending ? static_cast<Key>(~Key{0}) : Key{0};
  auto key_at = [=](int64_t i) { return static_cast<Key>(Order<T>::key(from[i * step]) ^ flip); };
  uint64_t least = 0;
  int low_bits = 32;  // of keys of 64 bits, which pairs of 64 bits leave out
  if constexpr (!Order<T>::floating && sizeof(T) > 1) {
    const KeyRange range =
        step == 1
            ? KeyRange::of(
                  n, [=](int64_t i) { return static_cast<Key>(Order<T>::key(from[i]) ^ flip); })
            : KeyRange::of(n, key_at);
    least = range.least;
    low_bits = std::max(0, range.bits() - 32);
    if (range.most - least < few_values && n >= few_values / 4)
      return counting_sort(
          n, static_cast<int64_t>(range.most - least) + 1,
          [=](int64_t i) { return key_at(i) - least; },
          [to](int64_t position, int64_t i) { to.put(position, i); });
  }
  if constexpr (sizeof(T) == 8) {
    Packed *narrow = reinterpret_cast<Packed*>(pairs), *room = reinterpret_cast<Packed*>(scratch);
    if (n <= (low_bits ? most_by_halves : int64_t{0xffffffff})) {
      each_key(from, n, step, descending,
               [=](int64_t i, Key key) { narrow[i] = Packed::make((key - least) >> low_bits, i); });
      if (low_bits == 0) radix_sort(narrow, room, n, 4);
      if (low_bits == 0 || sort_by_halves(narrow, room, n, key_at)) return to.put_all(narrow, n);
    }
  }
  each_key(from, n, step, descending, [=](int64_t i, Key key) {
    pairs[i] = PairOf<T>::make(static_cast<Key>(key - static_cast<Key>(least)), i);
  });
  radix_sort(pairs, scratch, n, sizeof(T));
  to.put_all(pairs, n);
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
                     if (n >= rank_min && n <= rank_max) {
                       rank_each(from, static_cast<int>(n), step, descending, [&](int rank, int i) {
                         index[rank * index_step] = i;
                         if (value) value[rank * value_step] = from[i * step];
                       });
                       return;
                     }
                   sort_lane<T>({from, step, index, index_step, value, value_step}, n, descending,
                                memory.pairs(), memory.scratch());
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
                   quickselect(pairs, n, k - 1);
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
                   if (n >= least_bracketed) {
                     const int64_t place = place_of_rank(from, n, step, (n - 1) / 2, pairs);
                     if (place >= 0) {
                       *index = place;
                       *value = from[place * step];
                       return;
                     }
                   }
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
