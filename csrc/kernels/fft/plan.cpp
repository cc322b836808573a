#include "kernels/fft/plan.h"

#include <cmath>
#include <mutex>
#include <numbers>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "kernels/fft/rows.h"

namespace flambeau {

namespace {

constexpr int64_t most_prime = 31;
/// Signals of more points than this are not held in lanes form: they would leave the cache.
constexpr int64_t most_in_lanes = 4096;
/// A signal alone is cut from so many points on; below, a vector of which one lane counts is
/// quicker.
constexpr int64_t least_to_cut = 32;
constexpr size_t most_kept_bytes = size_t{32} << 20;

/// What roots are computed in: more digits than they are kept with.
template <class T>
using Precise = std::conditional_t<std::is_same_v<T, float>, double, long double>;

template <class P>
struct Root {
  P re, im;
};

/// exp(-2 pi i k / n), from an angle of at most an eighth of the circle.
template <class T>
Root<Precise<T>> root_of_unity(int64_t k, int64_t n) {
  using P = Precise<T>;
  int64_t eighth = 8 * (k % n);
  bool conjugate = eighth > 4 * n;  // below the real axis of the circle
  if (conjugate) eighth = 8 * n - eighth;
  bool left = eighth > 2 * n;
  if (left) eighth = 4 * n - eighth;
  bool steep = eighth > n;
  if (steep) eighth = 2 * n - eighth;
  P angle = std::numbers::pi_v<P> / 4 * static_cast<P>(eighth) / static_cast<P>(n);
  P c = std::cos(angle), s = std::sin(angle);
  if (steep) std::swap(c, s);
  return {left ? -c : c, conjugate ? s : -s};
}

template <class T, class P>
void put(std::vector<T>& table, Root<P> root) {
  table.push_back(static_cast<T>(root.re));
  table.push_back(static_cast<T>(root.im));
}

/// Radices whose product is n, or none if a prime beyond most_prime is in it.
std::vector<int> radices_of(int64_t n) {
  std::vector<int> radices;
  int twos = 0;
  for (; n % 2 == 0; n /= 2) ++twos;
  // Steps of 4 and 4 are quicker than of 8 and 2.
  for (; twos >= 3 && twos != 4; twos -= 3) radices.push_back(8);
  for (; twos >= 2; twos -= 2) radices.push_back(4);
  if (twos) radices.push_back(2);
  for (int radix = 3; radix <= most_prime; radix += 2)
    for (; n % radix == 0; n /= radix) radices.push_back(radix);
  return n == 1 ? radices : std::vector<int>{};
}

template <class T>
void add_steps(FourierPlan<T>& plan, const std::vector<int>& radices) {
  int64_t rest = plan.n, s = 1;
  for (int radix : radices) {
    const int64_t m = rest / radix;
    FourierStep<T> step{radix, m, s, nullptr, nullptr};
    std::vector<T> roots;
    for (int64_t p = 0; p < m; ++p)
      for (int64_t k = 1; k < radix; ++k) put(roots, root_of_unity<T>(p * k, rest));
    plan.tables.push_back(std::move(roots));
    step.roots = plan.tables.back().data();
    if (radix == 7 || radix > 8) {
      std::vector<T> circle(2 * radix);
      for (int k = 0; k < radix; ++k) {
        auto root = root_of_unity<T>(k, radix);
        circle[k] = static_cast<T>(root.re);
        circle[radix + k] = static_cast<T>(-root.im);
      }
      plan.tables.push_back(std::move(circle));
      step.circle = plan.tables.back().data();
    }
    plan.steps.push_back(step);
    rest = m;
    s *= radix;
  }
}

/// The divisor of n nearest below its root.
int64_t middle_divisor(int64_t n) {
  int64_t d = static_cast<int64_t>(std::sqrt(static_cast<double>(n)));
  while (d > 1 && n % d != 0) --d;
  return d;
}

template <class T>
void add_cut(FourierPlan<T>& plan) {
  const int64_t n = plan.n, n_rows = middle_divisor(n);
  if (n_rows == 1) return;
  plan.rows = fourier_plan<T>(n / n_rows);
  plan.columns = fourier_plan<T>(n_rows);
  const int lanes = fourier_kernels<T>().lanes;
  plan.lane_roots.resize(2 * lanes * n_rows);
  for (int64_t k = 0; k < n_rows; ++k)
    for (int l = 0; l < lanes; ++l) {
      auto root = root_of_unity<T>(k * l, n);
      plan.lane_roots[2 * k * lanes + l] = static_cast<T>(root.re);
      plan.lane_roots[(2 * k + 1) * lanes + l] = static_cast<T>(root.im);
    }
  int64_t fine = 1;
  while (fine * fine < n) fine *= 2;
  for (int64_t j = 0; j < fine; ++j) put(plan.fine, root_of_unity<double>(j, n));
  for (int64_t j = 0; j * fine < n; ++j) put(plan.coarse, root_of_unity<double>(j * fine, n));
}

/// The smallest of 2^k, 3 * 2^k, 5 * 2^k that is not below n.
int64_t round_size(int64_t n) {
  int64_t best = 0;
  for (int64_t size : {1, 3, 5}) {
    while (size < n) size *= 2;
    if (best == 0 || size < best) best = size;
  }
  return best;
}

template <class T>
void add_chirp(FourierPlan<T>& plan) {
  const int64_t n = plan.n, n_points = round_size(2 * n - 1);
  plan.convolution = fourier_plan<T>(n_points);
  // In double for float32 too: it is done once, and its error would be in every result.
  std::vector<double> around(2 * n_points, 0.0), spectrum(2 * n_points);
  const double scale = 1.0 / static_cast<double>(n_points);
  int64_t square = 0;  // k^2 modulo 2 n
  for (int64_t k = 0; k < n; ++k) {
    auto root = root_of_unity<T>(square, 2 * n);
    put(plan.chirp, root);
    for (int64_t at : {k, (n_points - k) % n_points}) {
      around[2 * at] = static_cast<double>(root.re) * scale;
      around[2 * at + 1] = -static_cast<double>(root.im) * scale;
    }
    square = (square + 2 * k + 1) % (2 * n);
  }
  transform_row<double>(*fourier_plan<double>(n_points), around.data(), spectrum.data(), 1.0,
                        false);
  plan.spectrum.assign(spectrum.begin(), spectrum.end());
}

template <class T>
std::shared_ptr<const FourierPlan<T>> make_plan(int64_t n) {
  auto plan = std::make_shared<FourierPlan<T>>();
  plan->n = n;
  if (n == 1) return plan;
  std::vector<int> radices = radices_of(n);
  if (radices.empty()) {
    add_chirp(*plan);
    return plan;
  }
  if (n > least_to_cut) add_cut(*plan);
  if (n <= most_in_lanes || !plan->rows) add_steps(*plan, radices);
  return plan;
}

/// Kept values by size. What is kept is dropped whole when it grows too large.
template <class Value>
class Kept {
 public:
  template <class Make>
  std::shared_ptr<const Value> get(int64_t n, Make&& make, size_t (*n_bytes)(const Value&)) {
    {
      std::lock_guard lock(mutex_);
      auto found = values_.find(n);
      if (found != values_.end()) return found->second;
    }
    std::shared_ptr<const Value> value = make();
    std::lock_guard lock(mutex_);
    if (n_bytes_ + n_bytes(*value) > most_kept_bytes) {
      values_.clear();
      n_bytes_ = 0;
    }
    n_bytes_ += n_bytes(*value);
    values_.emplace(n, value);
    return value;
  }

 private:
  std::mutex mutex_;
  size_t n_bytes_ = 0;
  std::unordered_map<int64_t, std::shared_ptr<const Value>> values_;
};

}  // namespace

template <class T>
size_t FourierPlan<T>::n_bytes() const {
  size_t numbers = lane_roots.size() + chirp.size() + spectrum.size();
  for (const auto& table : tables) numbers += table.size();
  return numbers * sizeof(T) + (fine.size() + coarse.size()) * sizeof(double) + sizeof(*this);
}

template <class T>
std::shared_ptr<const FourierPlan<T>> fourier_plan(int64_t n) {
  static Kept<FourierPlan<T>> kept;
  return kept.get(
      n, [n] { return make_plan<T>(n); },
      [](const FourierPlan<T>& plan) { return plan.n_bytes(); });
}

template <class T>
std::shared_ptr<const std::vector<T>> half_roots(int64_t n) {
  static Kept<std::vector<T>> kept;
  auto make = [n] {
    auto roots = std::make_shared<std::vector<T>>();
    for (int64_t k = 0; k <= n / 4; ++k) put(*roots, root_of_unity<T>(k, n));
    return roots;
  };
  return kept.get(n, make, [](const std::vector<T>& roots) { return roots.size() * sizeof(T); });
}

template std::shared_ptr<const FourierPlan<float>> fourier_plan(int64_t n);
template std::shared_ptr<const FourierPlan<double>> fourier_plan(int64_t n);
template std::shared_ptr<const std::vector<float>> half_roots(int64_t n);
template std::shared_ptr<const std::vector<double>> half_roots(int64_t n);

}  // namespace flambeau
