#include "kernels/spectra/conquer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/gemm/problem.h"
#include "kernels/spectra/secular.h"
#include "kernels/spectra/slots.h"
#include "kernels/spectra/tridiagonal.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

/// Up to here a matrix is a leaf.
constexpr int64_t most_of_leaf = 25;
/// From here on a merge has the threads for itself.
constexpr int64_t least_shared = 256;

/// Two halves, whose vectors stand in Q (n, n), become one: T = diag(T1, T2) + rho u u^T with two
/// numbers of u that are not 0.
template <class T>
class Merge {
 public:
  /// order (n): the places of d in ascending order, of each half its own. room: 2 n * step numbers.
  Merge(int64_t half, int64_t n, T beside, T* d, T* Q, int64_t step, int64_t* order, T* room)
      : half_(half),
        n_(n),
        step_(step),
        rho_(2 * std::abs(beside)),
        d_(d),
        Q_(Q),
        order_(order),
        columns_(room),
        vectors_(room + n * step),
        z_(Workspace::get<T>(merge_slot, 5 * secular_rows<T>(n) + 8)),
        kinds_(n),
        kept_(),
        gone_() {
    const T scale = std::sqrt(T(0.5)), sign = beside < 0 ? -scale : scale;
    for (int64_t j = 0; j < half; ++j) {
      z_[j] = scale * Q[j * step + half - 1];
      kinds_[j] = upper;
    }
    for (int64_t j = half; j < n; ++j) {
      z_[j] = sign * Q[j * step + half];
      kinds_[j] = lower;
      order[j] += half;
    }
    std::inplace_merge(order, order + half, order + n,
                       [d](int64_t a, int64_t b) { return d[a] < d[b]; });
  }

  void run() {
    leave_out();
    group();
    T* values = make_vectors();
    multiply();
    finish(values);
  }

 private:
  enum Kind : uint8_t { upper, whole, lower };  // where a column has numbers

  /// Columns that the merge leaves as they are: z is as good as 0 there, or becomes so by a
  /// rotation with the column of almost the same value.
  void leave_out() {
    T largest = 0;
    for (int64_t j = 0; j < n_; ++j)
      largest = std::max({largest, std::abs(d_[j]), std::abs(z_[j])});
    const T tolerance = 4 * std::numeric_limits<T>::epsilon() * largest;
    int64_t before = -1;
    for (int64_t place = 0; place < n_; ++place) {
      const int64_t j = order_[place];
      if (rho_ * std::abs(z_[j]) <= tolerance) {
        gone_.push_back(j);
        continue;
      }
      if (before >= 0) {
        if (rotates(before, j, tolerance))
          gone_.push_back(before);
        else
          kept_.push_back(before);
      }
      before = j;
    }
    if (before >= 0) kept_.push_back(before);
  }

  /// Whether the matrix stays the same, up to the tolerance, when z of i moves to j.
  bool rotates(int64_t i, int64_t j, T tolerance) {
    const T size = std::hypot(z_[i], z_[j]), c = z_[j] / size, s = -z_[i] / size,
            gap = d_[j] - d_[i];
    if (!(std::abs(gap * c * s) <= tolerance)) return false;
    z_[j] = size;
    z_[i] = 0;
    const int64_t begin = kinds_[i] == lower && kinds_[j] == lower ? half_ : 0,
                  end = kinds_[i] == upper && kinds_[j] == upper ? half_ : n_;
    if (kinds_[i] != kinds_[j]) kinds_[j] = kinds_[i] = whole;
    T *x = Q_ + i * step_, *y = Q_ + j * step_;
    for (int64_t r = begin; r < end; ++r) {
      const T a = x[r], b = y[r];
      x[r] = c * a + s * b;
      y[r] = c * b - s * a;
    }
    const T left = d_[i], right = d_[j];
    d_[i] = left * c * c + right * s * s;
    d_[j] = left * s * s + right * c * c;
    return true;
  }

  /// Kept columns stand by kinds: those with numbers above, everywhere, below. Their values and z
  /// lie so, padded, and order_ says which is which in ascending order.
  void group() {
    k_ = static_cast<int64_t>(kept_.size());
    rows_ = secular_rows<T>(k_);
    std::vector<int64_t> places(k_);
    int64_t next = 0;
    grouped_.resize(k_);
    for (Kind kind : {upper, whole, lower}) {
      n_of_[kind] = 0;
      for (int64_t i = 0; i < k_; ++i)
        if (kinds_[kept_[i]] == kind) {
          grouped_[next] = kept_[i];
          places[i] = next++;
          ++n_of_[kind];
        }
    }
    kept_ = std::move(places);
    const int64_t room = secular_rows<T>(n_);
    values_ = z_ + room, weights_ = values_ + room, poles_ = weights_ + room,
    z_kept_ = poles_ + room;
    T most = 0;
    for (int64_t i = 0; i < k_; ++i) {
      poles_[i] = d_[grouped_[i]];
      z_kept_[i] = z_[grouped_[i]];
      most = std::max(most, std::abs(poles_[i]));
    }
    std::fill(poles_ + k_, poles_ + rows_, 4 * (most + rho_ + 1));
    std::fill(z_kept_ + k_, z_kept_ + rows_, T(0));
  }

  /// The eigenvectors of what is kept, and its values.
  T* make_vectors() {
    if (k_ == 0) return values_;
    const Secular<T> secular{k_, rows_, poles_, z_kept_, kept_.data(), rho_};
    constexpr int64_t work = 1 << 15;
    const int64_t columns = std::max<int64_t>(1, work / (8 * rows_)),
                  rows = std::max<int64_t>(8, work / rows_ / 8 * 8);
    parallel_ranges(k_, columns, [&](int64_t begin, int64_t end) {
      secular_roots(secular, begin, end, values_, vectors_);
    });
    parallel_ranges(rows_, rows, [&](int64_t begin, int64_t end) {
      secular_weights(secular, begin, end, vectors_, weights_);
    });
    parallel_ranges(k_, 4 * columns, [&](int64_t begin, int64_t end) {
      secular_vectors(secular, begin, end, weights_, vectors_);
    });
    return values_;
  }

  /// The kept columns of Q become their product with the vectors, and the others stand behind them.
  void multiply() {
    const int64_t rest = n_ - half_, above = n_of_[upper] + n_of_[whole],
                  below = n_of_[whole] + n_of_[lower], first = n_of_[upper];
    T *top = columns_, *bottom = top + half_ * above, *others = bottom + rest * below;
    for (int64_t i = 0; i < above; ++i)
      std::copy_n(Q_ + grouped_[i] * step_, half_, top + i * half_);
    for (int64_t i = 0; i < below; ++i)
      std::copy_n(Q_ + grouped_[first + i] * step_ + half_, rest, bottom + i * rest);
    for (size_t i = 0; i < gone_.size(); ++i)
      std::copy_n(Q_ + gone_[i] * step_, n_, others + static_cast<int64_t>(i) * n_);
    product(half_, above, top, vectors_, Q_);
    product(rest, below, bottom, vectors_ + first, Q_ + half_);
    for (int64_t j = k_; j < n_; ++j) std::copy_n(others + (j - k_) * n_, n_, Q_ + j * step_);
  }

  /// k columns C (height) = columns (depth of them) times vectors.
  void product(int64_t height, int64_t depth, const T* columns, const T* vectors, T* C) {
    Gemm<T> g;  // rows are columns
    g.M = k_, g.N = height, g.K = depth;
    g.a = vectors, g.b = columns, g.c = C;
    g.lda = rows_, g.ldb = height, g.ldc = step_;
    gemm(g);
  }

  void finish(const T* values) {
    std::vector<T> others(gone_.size());
    for (size_t i = 0; i < gone_.size(); ++i) others[i] = d_[gone_[i]];
    std::copy_n(values, k_, d_);
    std::copy(others.begin(), others.end(), d_ + k_);
    std::iota(order_, order_ + n_, 0);
    auto is_less = [this](int64_t a, int64_t b) { return d_[a] < d_[b]; };
    std::sort(order_ + k_, order_ + n_, is_less);
    std::inplace_merge(order_, order_ + k_, order_ + n_, is_less);
  }

  int64_t half_, n_, step_, k_ = 0, rows_ = 0;
  T rho_;
  T *d_, *Q_;
  int64_t* order_;
  T *columns_, *vectors_;
  T *z_, *values_ = nullptr, *weights_ = nullptr, *poles_ = nullptr, *z_kept_ = nullptr;
  std::vector<Kind> kinds_;
  std::vector<int64_t> kept_, gone_, grouped_;
  int64_t n_of_[3] = {};
};

}  // namespace

template <class T>
DivideAndConquer<T>::DivideAndConquer(int64_t n) : n_(n), order_(n) {
  std::vector<int64_t> sizes{n};
  while (sizes.back() > most_of_leaf) {
    std::vector<int64_t> halves;
    for (int64_t size : sizes) {
      halves.push_back(size / 2);
      halves.push_back(size - size / 2);
    }
    sizes = std::move(halves);
  }
  begins_.push_back(0);
  for (int64_t size : sizes) begins_.push_back(begins_.back() + size);
  failed_.resize(sizes.size());
}

template <class T>
void DivideAndConquer<T>::leaf(int64_t part) {
  const int64_t begin = begins_[part], size = begins_[part + 1] - begin;
  T* Z = Workspace::get<T>(merge_slot, size * size);
  std::fill_n(Z, size * size, T(0));
  for (int64_t i = 0; i < size; ++i) Z[i * (size + 1)] = T(1);
  failed_[part] = tridiagonal_eigen(size, d_ + begin, e_ + begin, Z);
  for (int64_t j = 0; j < size; ++j)
    std::copy_n(Z + j * size, size, Q_ + (begin + j) * step_ + begin);
  std::iota(order_.begin() + begin, order_.begin() + begin + size, 0);
}

/// Parts [part, part + parts), of which each half is done.
template <class T>
void DivideAndConquer<T>::merge(int64_t part, int64_t parts) {
  const int64_t begin = begins_[part], middle = begins_[part + parts / 2],
                size = begins_[part + parts] - begin;
  Merge<T>(middle - begin, size, e_[middle - 1], d_ + begin, Q_ + begin * (step_ + 1), step_,
           order_.data() + begin, room_ + 2 * begin * step_)
      .run();
}

template <class T>
int DivideAndConquer<T>::run(T* d, T* e, T* Q, int64_t step) {
  d_ = d, e_ = e, Q_ = Q, step_ = step;
  room_ = Workspace::get<T>(halves_slot, 2 * n_ * step);
  const auto n_leaves = static_cast<int64_t>(failed_.size());
  for (int64_t part = 1; part < n_leaves; ++part) {
    const int64_t cut = begins_[part];
    d[cut - 1] -= std::abs(e[cut - 1]);
    d[cut] -= std::abs(e[cut - 1]);
  }
  parallel_for(n_leaves, [&](int64_t part) { leaf(part); });
  for (int64_t parts = 2; parts <= n_leaves; parts *= 2) {
    auto one = [&](int64_t i) { merge(i * parts, parts); };
    if (n_ * parts / n_leaves < least_shared)
      parallel_for(n_leaves / parts, one);
    else
      for (int64_t i = 0; i < n_leaves / parts; ++i) one(i);
  }
  return std::accumulate(failed_.begin(), failed_.end(), 0);
}

template class DivideAndConquer<float>;
template class DivideAndConquer<double>;

}  // namespace flambeau
