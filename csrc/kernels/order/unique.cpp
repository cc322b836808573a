#include "kernels/order/unique.h"

#include <algorithm>
#include <numeric>

#include "kernels/order/order.h"
#include "kernels/order/sort.h"

namespace flambeau {

Unique unique(const void* data, DType dtype, int64_t n, int64_t width, bool consecutive) {
  Unique result;
  result.inverse.resize(n);
  auto add = [&](int64_t place, bool differs) {
    if (differs) {
      result.first.push_back(place);
      result.counts.push_back(0);
    }
    ++result.counts.back();
    result.inverse[place] = static_cast<int64_t>(result.first.size()) - 1;
  };
  if (!consecutive && width == 1) {
    SortedOrder order = sorted_order(data, dtype, n);
    for (int64_t i = 0; i < n; ++i) add(order.places[i], order.differs[i]);
    return result;
  }
  with_ordered_type(dtype, [&]<class T>() {
    const T* rows = static_cast<const T*>(data);
    std::vector<int64_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    if (!consecutive)
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        for (int64_t i = 0; i < width; ++i) {
          auto x = Order<T>::key(rows[a * width + i]), y = Order<T>::key(rows[b * width + i]);
          if (x != y) return x < y;
        }
        return false;
      });
    for (int64_t i = 0; i < n; ++i) {
      const T* row = rows + order[i] * width;
      add(order[i], i == 0 || !std::equal(row, row + width, rows + order[i - 1] * width));
    }
  });
  return result;
}

}  // namespace flambeau
