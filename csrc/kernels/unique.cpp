#include "kernels/unique.h"

#include <algorithm>
#include <numeric>

#include "kernels/order.h"
#include "kernels/sort.h"

namespace flambeau {

Unique unique(const void* data, DType dtype, int64_t n, int64_t width, bool consecutive) {
  Unique result;
  result.inverse.resize(n);
  with_ordered_type(dtype, [&]<class T>() {
    const T* rows = static_cast<const T*>(data);
    std::vector<int64_t> order;
    if (!consecutive && width == 1) {
      order = sorted_order(data, dtype, n);
    } else if (!consecutive) {
      order.resize(n);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        for (int64_t i = 0; i < width; ++i) {
          auto x = Order<T>::key(rows[a * width + i]), y = Order<T>::key(rows[b * width + i]);
          if (x != y) return x < y;
        }
        return false;
      });
    }
    int64_t previous = -1;
    for (int64_t i = 0; i < n; ++i) {
      int64_t place = consecutive ? i : order[i];
      bool same = i > 0 && std::equal(rows + place * width, rows + (place + 1) * width, rows + previous * width);
      if (!same) {
        result.first.push_back(place);
        result.counts.push_back(0);
      }
      ++result.counts.back();
      result.inverse[place] = static_cast<int64_t>(result.first.size()) - 1;
      previous = place;
    }
  });
  return result;
}

}  // namespace flambeau
