#include "kernels/vision/windows.h"

#include <algorithm>
#include <cmath>

namespace flambeau {

namespace {

/// Keys' kernel at a distance of 0 to 2.
double cubic(double distance, double a) {
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
}

/// Appends the window that begins at `begin`, whose weights have been appended already.
void close_window(Windows& w, int64_t begin) {
  w.begin.push_back(begin);
  w.first.push_back(static_cast<int64_t>(w.weights.size()));
}

/// The nearest places; those beyond the edge are the edge's.
void append_nearest(Windows& w, double at, bool is_cubic) {
  if (!is_cubic && at < static_cast<double>(w.in_size - 1)) {  // at >= 0, and both lie inside
    const auto base = static_cast<int64_t>(at);
    const double part = at - static_cast<double>(base);
    w.weights.push_back(1 - part);
    w.weights.push_back(part);
    return close_window(w, base);
  }
  const double base = std::floor(at), part = at - base;
  double taps[4] = {1 - part, part, 0, 0};
  if (is_cubic)
    for (int i = 0; i < 4; ++i) taps[i] = cubic(std::abs(i - 1 - part), -0.75);
  const int n_taps = is_cubic ? 4 : 2;
  auto place = [&](int i) {
    const double from = base + (i - (is_cubic ? 1 : 0));
    return static_cast<int64_t>(std::clamp(from, 0.0, static_cast<double>(w.in_size - 1)));
  };
  const auto index = static_cast<int64_t>(w.begin.size());
  int64_t last = -1;
  for (int i = 0; i < n_taps; ++i) {
    if (place(i) != last) {
      w.weights.push_back(taps[i]);
    } else {
      w.weights.back() += taps[i];
      const bool noted = !w.edges.empty() && w.edges.back() == std::pair{index, last};
      if (!noted && !(taps[i - 1] > 0 && taps[i] > 0)) w.edges.push_back({index, last});
    }
    last = place(i);
  }
  close_window(w, place(0));
}

/// What lies within reach, rounded to whole places; the weights sum up to 1.
void append_covered(Windows& w, double centre, double widen, bool is_cubic) {
  const double reach = is_cubic ? 2 : 1;
  const int64_t low = std::max<int64_t>(0, static_cast<int64_t>(centre - reach * widen + 0.5));
  const int64_t high = std::min(w.in_size, static_cast<int64_t>(centre + reach * widen + 0.5));
  const auto first = static_cast<int64_t>(w.weights.size());
  int64_t begin = low;
  double sum = 0;
  for (int64_t place = low; place < high; ++place) {
    const double distance = std::abs((static_cast<double>(place) + 0.5 - centre) / widen);
    if (!(distance < reach)) {
      if (place == begin) ++begin;
      continue;
    }
    w.weights.push_back(is_cubic ? cubic(distance, -0.5) : 1 - distance);
    sum += w.weights.back();
  }
  for (size_t i = first; i < w.weights.size(); ++i) w.weights[i] /= sum;
  close_window(w, begin);
}

}  // namespace

Windows windows_of(Resampling kind, int64_t in_size, int64_t out_size, double ratio, bool corners) {
  Windows w;
  w.in_size = in_size;
  w.out_size = out_size;
  w.begin.reserve(out_size);
  w.first.reserve(out_size + 1);
  w.weights.reserve(4 * out_size);
  w.first.push_back(0);
  const bool is_cubic = kind == Resampling::cubic || kind == Resampling::wide_cubic;
  for (int64_t i = 0; i < out_size; ++i) {
    const double place = static_cast<double>(i);
    if (kind == Resampling::linear || kind == Resampling::cubic) {
      const double at = corners ? place * ratio : (place + 0.5) * ratio - 0.5;
      append_nearest(w, is_cubic ? at : std::max(at, 0.0), is_cubic);
    } else {
      append_covered(w, ratio * (place + 0.5), std::max(ratio, 1.0), is_cubic);
    }
  }
  return w;
}

int64_t Windows::leading_pairs() const {
  int64_t n = 0;
  while (n < out_size && count(n) == 2) ++n;
  return n;
}

Windows Windows::transposed() const {
  Windows t;
  t.in_size = out_size;
  t.out_size = in_size;
  // Windows move forward only, so what covers an old place lies side by side.
  t.begin.assign(in_size, 0);
  std::vector<int64_t> end(in_size, 0);
  for (int64_t i = 0; i < out_size; ++i)
    for (int64_t j = begin[i]; j < begin[i] + count(i); ++j) {
      if (end[j] == 0) t.begin[j] = i;
      end[j] = i + 1;
    }
  t.first.assign(in_size + 1, 0);
  for (int64_t j = 0; j < in_size; ++j)
    t.first[j + 1] = t.first[j] + (end[j] ? end[j] - t.begin[j] : 0);
  t.weights.assign(t.first[in_size], 0.0);
  for (int64_t i = 0; i < out_size; ++i)
    for (int64_t k = 0; k < count(i); ++k) {
      const int64_t j = begin[i] + k;
      t.weights[t.first[j] + i - t.begin[j]] = weights[first[i] + k];
    }
  return t;
}

int Windows::to_multiples() {
  const double largest = weights.empty() ? 1 : *std::max_element(weights.begin(), weights.end());
  int bits = 0;
  while (bits < 22 && std::floor(0.5 + largest * std::ldexp(1.0, bits + 1)) < 32768) ++bits;
  for (double& w : weights) {
    const double scaled = std::ldexp(w, bits);
    w = std::trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  }
  return bits;
}

}  // namespace flambeau
