#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/elements/clones.h"
#include "kernels/elements/convert.h"
#include "kernels/elements/walk.h"
#include "kernels/order/order.h"
#include "kernels/order/scan.h"

namespace flambeau {
namespace {

/// The greatest of lane i and all before it. Each step takes the greatest of twice as many.
template <class V, int... I>
[[gnu::always_inline]] inline void running_greatest(V& v, std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  auto beyond = [&](auto step) __attribute__((always_inline)) {
    constexpr int by = decltype(step)::value;
    const V before = __builtin_shufflevector(v, v, (I >= by ? I - by : I)...);
    v = v > before ? v : before;
  };
  beyond(std::integral_constant<int, 1>());
  beyond(std::integral_constant<int, 2>());
  if constexpr (n > 4) beyond(std::integral_constant<int, 4>());
}

/// Whether any lane of a mask is set.
template <class V>
[[gnu::always_inline]] inline bool any_of(const V& mask) {
  typedef int64_t Half __attribute__((vector_size(16)));
  Half halves[2];
  std::memcpy(halves, &mask, sizeof halves);
  const Half both = halves[0] | halves[1];
#if defined(__x86_64__)
  return _mm_movemask_epi8(reinterpret_cast<__m128i>(both)) != 0;
#else
  return (both[0] | both[1]) != 0;
#endif
}

typedef int16_t Halves __attribute__((vector_size(16)));

/// The lower byte of each lane.
[[gnu::always_inline]] inline void store_bytes(void* to, const Halves& halves) {
  typedef uint8_t Bytes __attribute__((vector_size(16)));
  const auto all = reinterpret_cast<Bytes>(halves);
  const Bytes even =
      __builtin_shufflevector(all, all, 0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14);
  std::memcpy(to, &even, 8);
}

/// Some elements of a lane as they lie, widened to 32 or 64 bits, and how they are compared.
template <class T>
struct Some {
  using Key = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  static constexpr int lanes = 32 / sizeof(Key);
  using Bits = std::conditional_t<std::is_unsigned_v<T> || std::is_same_v<T, Truth>,
                                  unsigned_of_size<sizeof(T)>,
                                  std::make_signed_t<unsigned_of_size<sizeof(T)>>>;
  typedef Key V __attribute__((vector_size(32)));
  typedef Bits Narrow __attribute__((vector_size(lanes * sizeof(T))));

  [[gnu::always_inline]] static void load(const T* from, V& bits) {
    Narrow narrow;
    std::memcpy(&narrow, from, sizeof narrow);
    if constexpr (sizeof(T) == 1)  // at once would be byte by byte
      bits = __builtin_convertvector(__builtin_convertvector(narrow, Halves), V);
    else
      bits = __builtin_convertvector(narrow, V);
  }
  [[gnu::always_inline]] static void store(T* to, const V& bits) {
    if constexpr (sizeof(T) == 1) {
      store_bytes(to, __builtin_convertvector(bits, Halves));
    } else {
      const Narrow narrow = __builtin_convertvector(bits, Narrow);
      std::memcpy(static_cast<void*>(to), &narrow, sizeof narrow);
    }
  }
  /// Keys of which the greatest is the best: that of a NaN, then those of the greatest values or,
  /// where `flip` is -1 and not 0, of the least.
  [[gnu::always_inline]] static void keys(V& bits, Key flip) {
    constexpr Key most = std::numeric_limits<Key>::max();
    if constexpr (is_floating_type<T>) {
      constexpr Key magnitudes = std::numeric_limits<Bits>::max();
      const V magnitude = bits & magnitudes;
      // -0 is 0, and greater magnitudes of negative numbers are less.
      const V key = (bits ^ ((bits < 0) & most)) & (magnitude != 0);
      bits = (key ^ flip) | V{};
      bits = magnitude > infinity ? most - V{} : bits;
    } else if constexpr (std::is_same_v<T, Truth>) {
      bits = (bits != 0) ^ ~flip;
    } else if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(Key)) {
      bits = bits ^ std::numeric_limits<Key>::min() ^ flip;
    } else {
      bits = bits ^ flip;
    }
  }

 private:
  static constexpr Key infinity = sizeof(T) == 8   ? static_cast<Key>(0x7ff0000000000000)
                                  : sizeof(T) == 4 ? 0x7f800000
                                  : std::is_same_v<T, bfloat16> ? 0x7f80
                                                                : 0x7c00;
};

/// The best so far in a lane, its key and its place.
template <class T>
struct Best {
  using Key = typename Some<T>::Key;
  Key bits, key;
  int64_t place;
};

/// Whole vectors of a lane that lies side by side, the first element at `begin`. A vector in which
/// nothing replaces the best is filled.
template <class T>
FLAMBEAU_WIDE_CLONES void find_best(int64_t n, const T* from, int64_t flip, T* value, int64_t begin,
                                    int64_t* index, Best<T>& best) {
  using S = Some<T>;
  using Key = typename S::Key;
  using V = typename S::V;
  typedef Key Four __attribute__((vector_size(4 * sizeof(Key))));
  typedef int64_t Places __attribute__((vector_size(32)));
  constexpr int lanes = S::lanes;
  constexpr auto order = std::make_integer_sequence<int, lanes>{};
  V lane{}, greatest = best.key - V{}, kept = best.bits - V{};
  for (int l = 0; l < lanes; ++l) lane[l] = static_cast<Key>(l);
  Places place = best.place - Places{};
  for (int64_t i = 0; i < n; i += lanes) {
    V bits, key;
    S::load(from + i, bits);
    key = bits;
    S::keys(key, static_cast<Key>(flip));
    if (!any_of(key >= greatest)) {
      S::store(value + i, kept);
      for (int part = 0; part < lanes; part += 4) std::memcpy(index + i + part, &place, 32);
      continue;
    }
    V so_far = key;
    running_greatest(so_far, order);
    so_far = so_far > greatest ? so_far : greatest;
    greatest = so_far[lanes - 1] - V{};
    // The lanes whose keys are the greatest so far; others have that of one before, or -1.
    V there = key == so_far ? lane : Key{-1} - V{};
    running_greatest(there, order);
    const V values = there < 0 ? kept : __builtin_shuffle(bits, there);
    S::store(value + i, values);
    kept = values[lanes - 1] - V{};
    Places last;
    auto give = [&](int part, const Four& four) __attribute__((always_inline)) {
      const Places wide = __builtin_convertvector(four, Places);
      last = wide < 0 ? place : wide + (begin + i);
      std::memcpy(index + i + part, &last, 32);
    };
    give(0, __builtin_shufflevector(there, there, 0, 1, 2, 3));
    if constexpr (lanes == 8) give(4, __builtin_shufflevector(there, there, 4, 5, 6, 7));
    place = __builtin_shufflevector(last, last, 3, 3, 3, 3);
  }
  best = {kept[0], greatest[0], place[0]};
}

/// One lane. What lies apart is put side by side, and what does not fill a vector is filled up.
template <class T>
void best_of_lane(int64_t n, const T* from, int64_t from_step, bool is_max, T* value,
                  int64_t value_step, int64_t* index, int64_t index_step) {
  using S = Some<T>;
  constexpr int64_t block = 64, lanes = S::lanes;
  const int64_t flip = is_max ? 0 : -1;
  T values[block];
  int64_t places[block];
  std::fill_n(values, block, from[0]);
  typename S::V first;
  S::load(values, first);
  Best<T> best{first[0], 0, 0};
  S::keys(first, static_cast<typename S::Key>(flip));
  best.key = first[0];
  int64_t begin = 0;
  if (from_step == 1 && value_step == 1 && index_step == 1 && n >= lanes) {
    begin = n / lanes * lanes;
    find_best(begin, from, flip, value, 0, index, best);
    if (begin == n) return;
    // The last vector, of which the first elements have had theirs.
    find_best(lanes, from + n - lanes, flip, values, n - lanes, places, best);
    for (int64_t i = begin; i < n; ++i) {
      value[i] = values[lanes - n + i];
      index[i] = places[lanes - n + i];
    }
    return;
  }
  for (; begin < n; begin += block) {
    const int64_t count = std::min(n - begin, block);
    for (int64_t i = 0; i < count; ++i) values[i] = from[(begin + i) * from_step];
    find_best((count + lanes - 1) / lanes * lanes, values, flip, values, begin, places, best);
    for (int64_t i = 0; i < count; ++i) value[(begin + i) * value_step] = values[i];
    for (int64_t i = 0; i < count; ++i) index[(begin + i) * index_step] = places[i];
  }
}

/// Whether x replaces the best so far: is_max says >=, else <=. A NaN replaces everything but a
/// NaN.
template <bool is_max, class T>
bool replaces(T x, T best) {
  if (is_nan(best)) return is_nan(x);
  return is_max ? !(x < best) : !(x > best);
}

/// What values are compared as: halves as float32, which has instructions for it.
template <class T>
using Compared = std::conditional_t<is_half_type<T>, float, T>;

/// n values as they are compared: in `room` if they are not so already.
template <class T>
const Compared<T>* compared(const T* from, int64_t n, Compared<T>* room) {
  if constexpr (is_half_type<T>) {
    convert(from, room, n);
    return room;
  } else {
    return from;
  }
}

constexpr int64_t beside = 256;  // neighbouring lanes that one thread takes: whole cache lines

/// Up to `beside` neighbouring lanes, row by row.
template <bool is_max, class T>
void best_of_lanes(int64_t lanes, int64_t n, const T* from, int64_t from_step, T* value,
                   int64_t value_step, int64_t* index, int64_t index_step) {
  Compared<T> room[beside], best[beside];
  int64_t place[beside] = {};
  std::copy_n(compared(from, lanes, room), lanes, best);
  for (int64_t i = 0; i < n; ++i) {
    const auto* row = compared(from + i * from_step, lanes, room);
    for (int64_t j = 0; j < lanes; ++j) {
      const bool taken = replaces<is_max>(row[j], best[j]);
      best[j] = taken ? row[j] : best[j];
      place[j] = taken ? i : place[j];
    }
    if constexpr (is_half_type<T>)
      convert(best, value + i * value_step, lanes);
    else
      std::copy_n(best, lanes, value + i * value_step);
    std::copy_n(place, lanes, index + i * index_step);
  }
}

template <bool is_max>
void running_best(const Strided& values, const Strided& indices, const Strided& self, int dim) {
  const int64_t n = self.sizes[dim];
  if (n == 0) return;
  Walk<3> walk(self.ndim, self.sizes, {values.strides, indices.strides, self.strides}, dim);
  const int64_t value_step = values.strides[dim], index_step = indices.strides[dim],
                self_step = self.strides[dim];
  const bool by_rows = walk.inner_stride(0) == 1 && walk.inner_stride(1) == 1 &&
                       walk.inner_stride(2) == 1 && self_step != 1;
  with_ordered_type(self.dtype, [&]<class T>() {
    const int64_t grain = std::max<int64_t>(1, walk_grain / (n * 2));
    walk.parallel_rows(
        by_rows ? std::max(grain, beside) : grain, [&](const auto& at, int64_t lanes) {
          T* value = values.as<T>() + at[0];
          int64_t* index = indices.as<int64_t>() + at[1];
          const T* from = self.as<T>() + at[2];
          int64_t lane = 0;
          for (; by_rows && lane < lanes; lane += beside)
            best_of_lanes<is_max>(std::min(beside, lanes - lane), n, from + lane, self_step,
                                  value + lane, value_step, index + lane, index_step);
          for (; lane < lanes; ++lane) {
            const T* x = from + lane * walk.inner_stride(2);
            T* v = value + lane * walk.inner_stride(0);
            int64_t* p = index + lane * walk.inner_stride(1);
            best_of_lane(n, x, self_step, is_max, v, value_step, p, index_step);
          }
        });
  });
}

}  // namespace

void cummax(const Strided& values, const Strided& indices, const Strided& self, int dim) {
  running_best<true>(values, indices, self, dim);
}

void cummin(const Strided& values, const Strided& indices, const Strided& self, int dim) {
  running_best<false>(values, indices, self, dim);
}

}  // namespace flambeau
