// Lanes along one dim, for the loops of sort.cpp: their memory, their keys, and a walk over all of
// them. Any thread, no GIL.
#pragma once
#include <algorithm>
#include <memory>

#include "kernels/elements/walk.h"
#include "kernels/order/order.h"
#include "kernels/order/radix.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"
#include "tensor/error.h"

namespace flambeau {

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

/// Lanes of one value each (stride 0): the places that such a lane gives depend on its length
/// alone, and on whether the value is NaN. What the lane before gave is given again where it was
/// alike.
template <class T>
class Repeats {
 public:
  Repeats(const Strided* values, const Strided& indices, const Strided& self, int dim)
      : on_(values && self.strides[dim] == 0),
        n_(indices.sizes[dim]),
        value_step_(values ? values->strides[dim] : 0),
        index_step_(indices.strides[dim]) {}
  /// Whether the lane is done with that.
  bool give(const T* from, T* value, int64_t* index) {
    if (!on_) return false;
    using Key = typename Order<T>::Key;
    const bool nan = Order<T>::is_nan(static_cast<Key>(Order<T>::key(*from)));
    const int64_t* before = before_[nan];
    before_[nan] = index;
    if (!before) return false;
    for (int64_t i = 0; i < n_; ++i) index[i * index_step_] = before[i * index_step_];
    for (int64_t i = 0; i < n_; ++i) value[i * value_step_] = *from;
    return true;
  }

 private:
  bool on_;
  int64_t n_, value_step_, index_step_;
  const int64_t* before_[2] = {};  // of numbers, and of NaNs
};

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
                    Repeats<T> repeats(values, indices, self, dim);
                    walk.rows(begin, end, [&](const auto& at, int64_t n) {
                      for (int64_t i = 0; i < n; ++i) {
                        const T* from = self.as<T>() + at[0] + i * walk.inner_stride(0);
                        T* value =
                            values ? values->as<T>() + at[1] + i * walk.inner_stride(1) : nullptr;
                        int64_t* index = indices.as<int64_t>() + at[2] + i * walk.inner_stride(2);
                        if (!repeats.give(from, value, index)) lane(from, value, index, memory);
                      }
                    });
                  });
}

}  // namespace flambeau
