#include "kernels/index/margins.h"

#include <algorithm>
#include <vector>

#include "kernels/elements/clones.h"
#include "kernels/gemm/dots.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// Differences that are worth a task.
constexpr int64_t task_size = 1 << 15;

/// The sum of max(0, start + x[i]), or of its square. A NaN adds nothing.
template <bool squared, class T>
[[gnu::always_inline]] inline T sum_above(int64_t n, T start, const T* x) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count;
  V sums[2] = {};
  auto add = [&](V x, V& sum) __attribute__((always_inline)) {
    V above = start + x;
    above = above > 0 ? above : V{};
    sum += squared ? above * above : above;
  };
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    add(*reinterpret_cast<const V*>(x + i), sums[0]);
    add(*reinterpret_cast<const V*>(x + i + lanes), sums[1]);
  }
  for (; i + lanes <= n; i += lanes) add(*reinterpret_cast<const V*>(x + i), sums[0]);
  T sum = 0;
  for (; i < n; ++i) {
    const T above = start + x[i] > 0 ? start + x[i] : T(0);
    sum += squared ? above * above : above;
  }
  const V both = sums[0] + sums[1];
  for (int l = 0; l < lanes; ++l) sum += both[l];
  return sum;
}

/// to[i] gains the slope of sum_above, `factor` times; all of it is returned.
template <bool squared, class T>
[[gnu::always_inline]] inline T slopes_above(int64_t n, T start, const T* x, T factor, T* to) {
  using V = typename Lanes<T>::V;
  constexpr int lanes = Lanes<T>::count;
  V sums = {};
  T sum = 0;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V above = start + *reinterpret_cast<const V*>(x + i);
    const V slope = squared ? (above + above) * factor : V{} + factor;
    const V counted = above > 0 ? slope : V{};
    *reinterpret_cast<V*>(to + i) += counted;
    sums += counted;
  }
  for (; i < n; ++i) {
    const T above = start + x[i];
    const T counted = above > 0 ? (squared ? (above + above) * factor : factor) : T(0);
    to[i] += counted;
    sum += counted;
  }
  for (int l = 0; l < lanes; ++l) sum += sums[l];
  return sum;
}

template <class T>
struct ClassRows {
  int64_t classes;
  const T* scores;
  const int64_t* target;
  const T* weight;
  T margin;
  bool squared;
};

template <class T>
[[gnu::always_inline]] inline void class_losses(const ClassRows<T>& rows, int64_t begin,
                                                int64_t end, T* losses) {
  for (int64_t i = begin; i < end; ++i) {
    const T* x = rows.scores + i * rows.classes;
    const int64_t t = rows.target[i], rest = rows.classes - t - 1;
    const T start = rows.margin - x[t];
    const T sum = rows.squared
                      ? sum_above<true>(t, start, x) + sum_above<true>(rest, start, x + t + 1)
                      : sum_above<false>(t, start, x) + sum_above<false>(rest, start, x + t + 1);
    losses[i] = sum * (rows.weight ? rows.weight[t] : T(1)) / static_cast<T>(rows.classes);
  }
}

template <class T>
[[gnu::always_inline]] inline void class_slopes(const ClassRows<T>& rows, int64_t begin,
                                                int64_t end, const T* grad, int64_t grad_step,
                                                T scale, T* to) {
  for (int64_t i = begin; i < end; ++i) {
    const T* x = rows.scores + i * rows.classes;
    T* slopes = to + i * rows.classes;
    const int64_t t = rows.target[i], rest = rows.classes - t - 1;
    const T start = rows.margin - x[t], factor = grad[i * grad_step] * scale *
                                                 (rows.weight ? rows.weight[t] : T(1)) /
                                                 static_cast<T>(rows.classes);
    std::fill_n(slopes, rows.classes, T(0));
    slopes[t] = rows.squared
                    ? -(slopes_above<true>(t, start, x, factor, slopes) +
                        slopes_above<true>(rest, start, x + t + 1, factor, slopes + t + 1))
                    : -(slopes_above<false>(t, start, x, factor, slopes) +
                        slopes_above<false>(rest, start, x + t + 1, factor, slopes + t + 1));
  }
}

/// The classes that a row lists, and the scores of the others beside each other.
template <class T>
class Listed {
 public:
  explicit Listed(int64_t classes) : is_listed_(classes), others_(classes), places_(classes) {}

  /// The number of classes that are listed.
  int64_t take(const T* x, const int64_t* target) {
    const int64_t classes = static_cast<int64_t>(others_.size());
    std::fill(is_listed_.begin(), is_listed_.end(), false);
    int64_t n = 0;
    for (; n < classes && target[n] >= 0; ++n) is_listed_[target[n]] = true;
    count_ = 0;
    for (int64_t c = 0; c < classes; ++c) {
      others_[count_] = x[c];
      places_[count_] = c;
      count_ += !is_listed_[c];
    }
    return n;
  }
  int64_t count() const { return count_; }  // of the others
  const T* others() const { return others_.data(); }
  int64_t place(int64_t i) const { return places_[i]; }

 private:
  std::vector<uint8_t> is_listed_;
  std::vector<T> others_;
  std::vector<int64_t> places_;
  int64_t count_ = 0;
};

template <class T>
[[gnu::always_inline]] inline void label_losses(Listed<T>& listed, int64_t classes, const T* scores,
                                                const int64_t* target, int64_t begin, int64_t end,
                                                T* losses) {
  for (int64_t i = begin; i < end; ++i) {
    const T* x = scores + i * classes;
    const int64_t n = listed.take(x, target + i * classes);
    double sum = 0;
    for (int64_t k = 0; k < n; ++k)
      sum += sum_above<false>(listed.count(), T(1) - x[target[i * classes + k]], listed.others());
    losses[i] = static_cast<T>(sum / static_cast<double>(classes));
  }
}

template <class T>
[[gnu::always_inline]] inline void label_slopes(Listed<T>& listed, T* counts, int64_t classes,
                                                const T* scores, const int64_t* target,
                                                int64_t begin, int64_t end, const T* grad,
                                                int64_t grad_step, T scale, T* to) {
  for (int64_t i = begin; i < end; ++i) {
    const T *x = scores + i * classes,
            factor = grad[i * grad_step] * scale / static_cast<T>(classes);
    T* slopes = to + i * classes;
    const int64_t n = listed.take(x, target + i * classes);
    std::fill_n(slopes, classes, T(0));
    std::fill_n(counts, listed.count(), T(0));
    for (int64_t k = 0; k < n; ++k) {
      const int64_t t = target[i * classes + k];
      slopes[t] -= slopes_above<false>(listed.count(), T(1) - x[t], listed.others(), T(1), counts);
    }
    for (int64_t c = 0; c < listed.count(); ++c) slopes[listed.place(c)] = counts[c];
    for (int64_t c = 0; c < classes; ++c) slopes[c] = slopes[c] == 0 ? T(0) : slopes[c] * factor;
  }
}

// A clone for each instruction set cannot be a template.
#define FLAMBEAU_MARGINS(T)                                                                        \
  FLAMBEAU_CLONES void run(const ClassRows<T>& rows, int64_t begin, int64_t end, T* losses) {      \
    class_losses(rows, begin, end, losses);                                                        \
  }                                                                                                \
  FLAMBEAU_CLONES void run(const ClassRows<T>& rows, int64_t begin, int64_t end, const T* grad,    \
                           int64_t grad_step, T scale, T* to) {                                    \
    class_slopes(rows, begin, end, grad, grad_step, scale, to);                                    \
  }                                                                                                \
  FLAMBEAU_CLONES void run(Listed<T>& listed, int64_t classes, const T* scores,                    \
                           const int64_t* target, int64_t begin, int64_t end, T* losses) {         \
    label_losses(listed, classes, scores, target, begin, end, losses);                             \
  }                                                                                                \
  FLAMBEAU_CLONES void run(Listed<T>& listed, T* counts, int64_t classes, const T* scores,         \
                           const int64_t* target, int64_t begin, int64_t end, const T* grad,       \
                           int64_t grad_step, T scale, T* to) {                                    \
    label_slopes(listed, counts, classes, scores, target, begin, end, grad, grad_step, scale, to); \
  }
FLAMBEAU_MARGINS(float)
FLAMBEAU_MARGINS(double)
#undef FLAMBEAU_MARGINS

template <class Body>
void with_real(DType dtype, Body&& body) {
  if (dtype == DType::float32)
    body.template operator()<float>();
  else
    body.template operator()<double>();
}

template <class T>
ClassRows<T> class_rows(int64_t classes, const void* scores, const int64_t* target,
                        const ClassMargin& how) {
  return {classes,
          static_cast<const T*>(scores),
          target,
          static_cast<const T*>(how.weight),
          static_cast<T>(how.margin),
          how.squared};
}

/// fn(begin, end) over rows, a task of which has about task_size numbers.
template <class F>
void by_rows(int64_t n, int64_t classes, F&& fn) {
  parallel_ranges(n, std::max<int64_t>(1, task_size / std::max<int64_t>(1, classes)), fn);
}

}  // namespace

int64_t find_no_class(const int64_t* target, int64_t n, int64_t least, int64_t classes) {
  for (int64_t i = 0; i < n; ++i)
    if (target[i] < least || target[i] >= classes) return i;
  return -1;
}

void class_margins(DType dtype, int64_t n, int64_t classes, const void* scores,
                   const int64_t* target, const ClassMargin& how, void* losses) {
  with_real(dtype, [&]<class T>() {
    const auto rows = class_rows<T>(classes, scores, target, how);
    by_rows(n, classes,
            [&](int64_t begin, int64_t end) { run(rows, begin, end, static_cast<T*>(losses)); });
  });
}

void class_margins_backward(DType dtype, int64_t n, int64_t classes, const void* scores,
                            const int64_t* target, const ClassMargin& how, const void* grad,
                            int64_t grad_step, double scale, void* grad_scores) {
  with_real(dtype, [&]<class T>() {
    const auto rows = class_rows<T>(classes, scores, target, how);
    by_rows(n, classes, [&](int64_t begin, int64_t end) {
      run(rows, begin, end, static_cast<const T*>(grad), grad_step, static_cast<T>(scale),
          static_cast<T*>(grad_scores));
    });
  });
}

void label_margins(DType dtype, int64_t n, int64_t classes, const void* scores,
                   const int64_t* target, void* losses) {
  with_real(dtype, [&]<class T>() {
    by_rows(n, classes, [&](int64_t begin, int64_t end) {
      Listed<T> listed(classes);
      run(listed, classes, static_cast<const T*>(scores), target, begin, end,
          static_cast<T*>(losses));
    });
  });
}

void label_margins_backward(DType dtype, int64_t n, int64_t classes, const void* scores,
                            const int64_t* target, const void* grad, int64_t grad_step,
                            double scale, void* grad_scores) {
  with_real(dtype, [&]<class T>() {
    by_rows(n, classes, [&](int64_t begin, int64_t end) {
      Listed<T> listed(classes);
      std::vector<T> counts(classes);
      run(listed, counts.data(), classes, static_cast<const T*>(scores), target, begin, end,
          static_cast<const T*>(grad), grad_step, static_cast<T>(scale),
          static_cast<T*>(grad_scores));
    });
  });
}

}  // namespace flambeau
