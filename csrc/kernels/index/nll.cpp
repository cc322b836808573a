#include "kernels/index/nll.h"

#include <type_traits>
#include <vector>

#include "kernels/elements/walk.h"

namespace flambeau {

namespace {

template <class T>
using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
Wide<T> wide(T value) {
  return static_cast<Wide<T>>(value);
}

template <class Body>
void with_floating_type(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::float64: return body.template operator()<double>();
    case DType::float16: return body.template operator()<float16>();
    case DType::bfloat16: return body.template operator()<bfloat16>();
    default: return body.template operator()<float>();
  }
}

/// Calls body(i, first score of place i) for the places [begin, end) of (N, S).
template <class Body>
void over_places(const NllShape& shape, int64_t begin, int64_t end, Body&& body) {
  int64_t n = begin / shape.positions, s = begin % shape.positions;
  for (int64_t i = begin; i < end; ++i) {
    body(i, n * shape.n_step + s * shape.step);
    if (++s == shape.positions) {
      s = 0;
      ++n;
    }
  }
}

/// `n` places whose scores lie `step` apart. Totals are summed four at a time, since each addition
/// waits for the one before, or with `written` the losses go to `to`. `wrong` is a place among
/// them.
template <bool written, bool weighted, class T>
NllTotal run_total(const T* from, int64_t step, const NllShape& shape, const int64_t* target,
                   const T* weights, int64_t ignored, T* to, int64_t n) {
  double loss[4] = {}, weight[4] = {};
  int64_t wrong[4] = {};
  auto is_class = [&](int64_t t) {
    return static_cast<uint64_t>(t) < static_cast<uint64_t>(shape.classes);
  };
  auto take = [&](int64_t i, int k) {
    int64_t t = target[i];
    const bool inside = is_class(t), counts = inside & (t != ignored);
    wrong[k] += !inside & (t != ignored);
    t = inside ? t : 0;
    const Wide<T> share = weighted ? wide(weights[t]) : Wide<T>(1);
    const Wide<T> term = -wide(from[i * step + t * shape.class_step]) * share;
    if constexpr (written) {
      to[i] = static_cast<T>(counts ? term : Wide<T>(0));
    } else {
      loss[k] += static_cast<double>(counts ? term : Wide<T>(0));
      weight[k] += static_cast<double>(counts ? share : Wide<T>(0));
    }
  };
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int k = 0; k < 4; ++k) take(i + k, k);
  for (; i < n; ++i) take(i, 0);
  NllTotal total;
  total.loss = (loss[0] + loss[1]) + (loss[2] + loss[3]);
  total.weight = (weight[0] + weight[1]) + (weight[2] + weight[3]);
  for (i = 0; wrong[0] + wrong[1] + wrong[2] + wrong[3] && total.wrong < 0 && i < n; ++i)
    if (target[i] != ignored && !is_class(target[i])) total.wrong = i;
  return total;
}

}  // namespace

NllTotal nll(const void* scores, DType dtype, const NllShape& shape, const int64_t* target,
             const void* weight, int64_t ignored, void* loss) {
  int64_t places = shape.n * shape.positions;
  std::vector<NllTotal> parts(static_cast<size_t>((places + walk_grain - 1) / walk_grain));
  with_floating_type(dtype, [&]<class T>() {
    auto* from = static_cast<const T*>(scores);
    auto* weights = static_cast<const T*>(weight);
    auto* to = static_cast<T*>(loss);
    auto* one = to        ? weights ? run_total<true, true, T> : run_total<true, false, T>
                       : weights ? run_total<false, true, T>
                          : run_total<false, false, T>;
    parallel_ranges(places, walk_grain, [&](int64_t begin, int64_t end) {
      NllTotal part;
      // One run for each sample, or a single one where samples have one place each.
      const bool single = shape.positions == 1;
      for (int64_t i = begin; i < end && shape.classes > 0;) {
        int64_t n = single ? end - i : std::min(end - i, shape.positions - i % shape.positions);
        const T* first = from + i / shape.positions * shape.n_step +
                         (single ? 0 : i % shape.positions * shape.step);
        NllTotal run = one(first, single ? shape.n_step : shape.step, shape, target + i, weights,
                           ignored, to ? to + i : nullptr, n);
        part.loss += run.loss;
        part.weight += run.weight;
        if (part.wrong < 0 && run.wrong >= 0) part.wrong = i + run.wrong;
        i += n;
      }
      for (int64_t i = begin; i < end && shape.classes == 0; ++i) {
        if (to) to[i] = T(0.0f);
        if (part.wrong < 0 && target[i] != ignored) part.wrong = i;
      }
      parts[static_cast<size_t>(begin / walk_grain)] = part;
    });
  });
  NllTotal total;
  for (const NllTotal& part : parts) {
    total.loss += part.loss;
    total.weight += part.weight;
    if (total.wrong < 0) total.wrong = part.wrong;
  }
  return total;
}

void nll_backward(void* grad_scores, DType dtype, const NllShape& shape, const int64_t* target,
                  const void* weight, int64_t ignored, const void* grad, int64_t grad_step,
                  double scale) {
  with_floating_type(dtype, [&]<class T>() {
    auto* to = static_cast<T*>(grad_scores);
    auto* weights = static_cast<const T*>(weight);
    auto* from = static_cast<const T*>(grad);
    auto factor = static_cast<Wide<T>>(scale);
    parallel_ranges(shape.n * shape.positions, walk_grain, [&](int64_t begin, int64_t end) {
      over_places(shape, begin, end, [&](int64_t i, int64_t at) {
        int64_t t = target[i];
        if (t == ignored || static_cast<uint64_t>(t) >= static_cast<uint64_t>(shape.classes))
          return;
        Wide<T> share = weights ? wide(weights[t]) : Wide<T>(1);
        to[at + t * shape.class_step] =
            static_cast<T>(-(wide(from[i * grad_step]) * factor) * share);
      });
    });
  });
}

}  // namespace flambeau
