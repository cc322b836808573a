#include "kernels/fft/rows.h"

#include <algorithm>
#include <memory>

#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

/// Slots of Workspace: `lanes_slot` belongs to whichever thread computes a group of signals.
constexpr int lanes_slot = 0, matrix_slot = 1, signal_slot = 2;
constexpr int64_t least_points_per_chunk = 8192;

/// Numbers that a nested call cannot overwrite: the first `depth` has its own slot, others the
/// heap.
template <class T>
class Scratch {
 public:
  Scratch(int64_t n, int slot, bool nested)
      : own_(nested ? std::make_unique_for_overwrite<T[]>(n) : nullptr),
        data_(nested ? own_.get() : Workspace::get<T>(slot, n)) {}
  T* data() const { return data_; }

 private:
  std::unique_ptr<T[]> own_;
  T* data_;
};

int64_t groups_of(int64_t n_signals, int lanes) { return (n_signals + lanes - 1) / lanes; }

/// fn(group) for groups of `n_points` points each, several to a chunk.
template <class F>
void for_groups(int64_t n_groups, int64_t n_points, F&& fn) {
  int64_t grain = std::max<int64_t>(1, least_points_per_chunk / n_points);
  parallel_ranges(n_groups, grain, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) fn(group);
  });
}

/// One signal in one lane; the other lanes compute the same.
template <class T>
void single(const FourierPlan<T>& plan, const T* in, T* out, T scale, bool swap) {
  const auto& kernels = fourier_kernels<T>();
  const int64_t size = 2 * plan.n * kernels.lanes;
  T* data = Workspace::get<T>(lanes_slot, 2 * size);
  const T* rows[64];
  std::fill(rows, rows + kernels.lanes, in);
  kernels.load_rows(rows, 2 * plan.n, scale, swap, data);
  T* result =
      kernels.transform(plan.steps.data(), static_cast<int>(plan.steps.size()), data, data + size);
  kernels.store_rows(result, 2 * plan.n, swap, &out, 1);
}

template <class T>
void run(const FourierPlan<T>& plan, const T* in, T* out, T scale, bool swap, bool nested);

/// exp(-2 pi i g k / n) for k below `count`, from two short tables.
template <class T>
void column_factors(const FourierPlan<T>& plan, int64_t g, int64_t count, T* factors) {
  const int64_t fine = static_cast<int64_t>(plan.fine.size() / 2);
  for (int64_t k = 0; k < count; ++k) {
    const double* a = &plan.fine[2 * (g * k % fine)];
    const double* b = &plan.coarse[2 * (g * k / fine)];
    factors[2 * k] = static_cast<T>(a[0] * b[0] - a[1] * b[1]);
    factors[2 * k + 1] = static_cast<T>(a[0] * b[1] + a[1] * b[0]);
  }
}

/// A signal as a matrix: transforms of its columns, turned, then of its rows.
template <class T>
void run_cut(const FourierPlan<T>& plan, const T* in, T* out, T scale, bool swap, bool nested) {
  const auto& kernels = fourier_kernels<T>();
  const FourierPlan<T>&columns = *plan.columns, &rows = *plan.rows;
  const int64_t n1 = columns.n, n2 = rows.n;
  const int lanes = kernels.lanes;
  Scratch<T> matrix(2 * plan.n, matrix_slot, nested);
  T* between = matrix.data();

  for_groups(groups_of(n2, lanes), n1 * lanes, [&](int64_t group) {
    const int64_t g = group * lanes, size = 2 * n1 * lanes;
    const int count = static_cast<int>(std::min<int64_t>(lanes, n2 - g));
    T* data = Workspace::get<T>(lanes_slot, 2 * size + 2 * n1);
    T* factors = data + 2 * size;
    kernels.load_columns(in + 2 * g, 2 * n2, n1, count, scale, swap, data);
    data = kernels.transform(columns.steps.data(), static_cast<int>(columns.steps.size()), data,
                             data + size);
    column_factors(plan, g, n1, factors);
    // Row 0 is not turned: an infinity times the zero parts of its roots would be NaN.
    const int64_t row = 2 * lanes;
    kernels.rotate(data + row, factors + 2, plan.lane_roots.data() + row, n1 - 1);
    kernels.store_columns(data, n1, false, between + 2 * g, 2 * n2, count);
  });

  if (!rows.has_steps()) {
    auto row = std::make_unique_for_overwrite<T[]>(2 * n2);
    for (int64_t k = 0; k < n1; ++k) {
      run(rows, between + 2 * k * n2, row.get(), T(1), false, true);
      for (int64_t j = 0; j < n2; ++j)
        for (int part = 0; part < 2; ++part)
          out[2 * (k + j * n1) + (part ^ int{swap})] = row[2 * j + part];
    }
    return;
  }
  for_groups(groups_of(n1, lanes), n2 * lanes, [&](int64_t group) {
    const int64_t g = group * lanes, size = 2 * n2 * lanes;
    const int count = static_cast<int>(std::min<int64_t>(lanes, n1 - g));
    T* data = Workspace::get<T>(lanes_slot, 2 * size);
    const T* from[64];
    for (int l = 0; l < lanes; ++l) from[l] = between + 2 * n2 * (g + std::min(l, count - 1));
    kernels.load_rows(from, 2 * n2, T(1), false, data);
    data = kernels.transform(rows.steps.data(), static_cast<int>(rows.steps.size()), data,
                             data + size);
    kernels.store_columns(data, n2, swap, out + 2 * g, 2 * n1, count);
  });
}

/// to[k] = from[k] * factors[k], parts swapped before or after.
template <class T>
void multiply(const T* from, const T* factors, int64_t n, bool swap_in, bool swap_out, T scale,
              T* to) {
  const int in = swap_in, out = swap_out;
  parallel_ranges(n, 32768, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      T re = from[2 * k + in] * scale, im = from[2 * k + 1 - in] * scale;
      T c = factors[2 * k], s = factors[2 * k + 1];
      to[2 * k + out] = re * c - im * s;
      to[2 * k + 1 - out] = re * s + im * c;
    }
  });
}

template <class T>
void run_chirp(const FourierPlan<T>& plan, const T* in, T* out, T scale, bool swap, bool nested) {
  const FourierPlan<T>& convolution = *plan.convolution;
  const int64_t n_points = convolution.n;
  Scratch<T> scratch(2 * n_points, signal_slot, nested);
  T* signal = scratch.data();
  multiply(in, plan.chirp.data(), plan.n, swap, false, scale, signal);
  std::fill(signal + 2 * plan.n, signal + 2 * n_points, T(0));
  run(convolution, signal, signal, T(1), false, nested);
  multiply(signal, plan.spectrum.data(), n_points, false, false, T(1), signal);
  run(convolution, signal, signal, T(1), true, nested);
  multiply(signal, plan.chirp.data(), plan.n, false, swap, T(1), out);
}

template <class T>
void run(const FourierPlan<T>& plan, const T* in, T* out, T scale, bool swap, bool nested) {
  if (plan.convolution) return run_chirp(plan, in, out, scale, swap, nested);
  if (plan.rows) return run_cut(plan, in, out, scale, swap, nested);
  single(plan, in, out, scale, swap);
}

}  // namespace

template <class T>
void transform_row(const FourierPlan<T>& plan, const T* in, T* out, T scale, bool swap) {
  run(plan, in, out, scale, swap, false);
}

template <class T>
void real_row(int64_t n, const T* in, T* out, T scale, T sign) {
  if (n % 2 != 0) {
    auto points = std::make_unique_for_overwrite<T[]>(2 * n);
    for (int64_t k = 0; k < n; ++k) {
      points[2 * k] = in[k];
      points[2 * k + 1] = 0;
    }
    run(*fourier_plan<T>(n), points.get(), points.get(), scale, false, false);
    for (int64_t k = 0; k <= n / 2; ++k) {
      out[2 * k] = points[2 * k];
      out[2 * k + 1] = points[2 * k + 1] * sign;
    }
    return;
  }
  const int64_t m = n / 2;
  auto roots = half_roots<T>(n);
  const T* w = roots->data();
  run(*fourier_plan<T>(m), in, out, scale, false, false);
  T re = out[0], im = out[1];
  out[0] = re + im;
  out[2 * m] = re - im;
  out[1] = out[2 * m + 1] = 0;
  for (int64_t k = 1; k < m - k; ++k) {  // as fourier_split_half
    T *a = out + 2 * k, *b = out + 2 * (m - k);
    for (T* part : {a, a + 1, b, b + 1}) *part /= 2;
    T even_re = a[0] + b[0], even_im = a[1] - b[1];
    T d_re = a[1] + b[1], d_im = b[0] - a[0];  // -i times the difference
    T odd_re = d_re * w[2 * k] - d_im * w[2 * k + 1],
      odd_im = d_re * w[2 * k + 1] + d_im * w[2 * k];
    a[0] = even_re + odd_re;
    a[1] = (even_im + odd_im) * sign;
    b[0] = even_re - odd_re;
    b[1] = (odd_im - even_im) * sign;
  }
  if (m % 2 == 0) out[m + 1] *= -sign;
}

template <class T>
void real_row_inverse(int64_t n, const T* in, T* out, T scale, T sign) {
  const int64_t m = n / 2;
  if (n % 2 != 0) {
    auto points = std::make_unique_for_overwrite<T[]>(2 * n);
    points[0] = in[0];
    points[1] = 0;
    for (int64_t k = 1; k <= m; ++k) {
      points[2 * k] = points[2 * (n - k)] = in[2 * k];
      points[2 * k + 1] = in[2 * k + 1] * sign;
      points[2 * (n - k) + 1] = -points[2 * k + 1];
    }
    run(*fourier_plan<T>(n), points.get(), points.get(), scale, true, false);
    for (int64_t k = 0; k < n; ++k) out[k] = points[2 * k];
    return;
  }
  auto roots = half_roots<T>(n);
  const T* w = roots->data();
  auto points = std::make_unique_for_overwrite<T[]>(2 * m);
  T* z = points.get();
  z[0] = in[0] + in[2 * m];
  z[1] = in[0] - in[2 * m];
  for (int64_t k = 1; k < m - k; ++k) {  // as fourier_join_half
    const T *a = in + 2 * k, *b = in + 2 * (m - k);
    T a_im = a[1] * sign, b_im = b[1] * sign;
    T even_re = a[0] + b[0], even_im = a_im - b_im, d_re = a[0] - b[0], d_im = a_im + b_im;
    T odd_re = d_re * w[2 * k] + d_im * w[2 * k + 1],
      odd_im = d_im * w[2 * k] - d_re * w[2 * k + 1];
    z[2 * k] = even_re - odd_im;
    z[2 * k + 1] = even_im + odd_re;
    z[2 * (m - k)] = even_re + odd_im;
    z[2 * (m - k) + 1] = odd_re - even_im;
  }
  if (m % 2 == 0) {
    z[m] = 2 * in[m];
    z[m + 1] = -2 * in[m + 1] * sign;
  }
  run(*fourier_plan<T>(m), z, out, scale, true, false);
}

template void transform_row(const FourierPlan<float>&, const float*, float*, float, bool);
template void transform_row(const FourierPlan<double>&, const double*, double*, double, bool);
template void real_row(int64_t, const float*, float*, float, float);
template void real_row(int64_t, const double*, double*, double, double);
template void real_row_inverse(int64_t, const float*, float*, float, float);
template void real_row_inverse(int64_t, const double*, double*, double, double);

}  // namespace flambeau
