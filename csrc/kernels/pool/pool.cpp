#include "kernels/pool/pool.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <type_traits>

#include "kernels/elements/convert.h"
#include "kernels/pool/simd.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"
#include "tensor/error.h"

namespace flambeau {

PoolAxis pool_axis(int64_t size, int64_t n_windows, int64_t kernel, int64_t stride, int64_t padding,
                   int64_t dilation) {
  PoolAxis axis{size, {}};
  axis.windows.reserve(static_cast<size_t>(n_windows));
  for (int64_t i = 0; i < n_windows; ++i) {
    int64_t begin = i * stride - padding, reach = (kernel - 1) * dilation + 1;
    int64_t extent = std::min(begin + reach, size + padding) - begin;
    int64_t end = std::min(begin + reach, size);
    if (begin < 0) begin += (-begin + dilation - 1) / dilation * dilation;
    axis.windows.push_back({begin, std::max(end, begin), dilation, extent});
  }
  return axis;
}

PoolAxis adaptive_pool_axis(int64_t size, int64_t n_windows) {
  PoolAxis axis{size, {}};
  axis.windows.reserve(static_cast<size_t>(n_windows));
  for (int64_t i = 0; i < n_windows; ++i) {
    int64_t begin = i * size / n_windows, end = ((i + 1) * size + n_windows - 1) / n_windows;
    axis.windows.push_back({begin, end, 1, end - begin});
  }
  return axis;
}

namespace {

template <class T>
inline constexpr bool has_kernels = std::is_same_v<T, float> || std::is_same_v<T, double>;

int64_t numel_in(const PoolShape& s) { return s.axis[0].size * s.axis[1].size * s.axis[2].size; }
int64_t numel_out(const PoolShape& s) {
  return static_cast<int64_t>(s.axis[0].windows.size() * s.axis[1].windows.size() *
                              s.axis[2].windows.size());
}

/// Output columns [begin, end) of like windows a constant stride apart: what row kernels want.
struct RegularColumns {
  int64_t begin = 0, end = 0, stride = 1;

  explicit RegularColumns(const PoolAxis& axis) {
    const auto& w = axis.windows;
    const int64_t n = static_cast<int64_t>(w.size());
    // The longest run is the one through the middle; padding and ceil_mode clip only the borders.
    const int64_t middle = n / 2;
    if (n < 4 || middle + 1 >= n) return;
    stride = w[middle + 1].begin - w[middle].begin;
    auto like = [&](int64_t i) {
      return w[i].count() == w[middle].count() && w[i].step == w[middle].step &&
             w[i].extent == w[middle].extent &&
             w[i].begin == w[middle].begin + (i - middle) * stride;
    };
    begin = middle;
    while (begin > 0 && like(begin - 1)) --begin;
    end = middle + 1;
    while (end < n && like(end)) ++end;
    if (end - begin < 4 || stride < 1) begin = end = 0;
  }
};

/// Whether windows of unlike lengths, those of adaptive pooling, take most elements of their rows:
/// then the rows of a window meet first, column by column.
bool meets_by_columns(const PoolAxis& axis) {
  int64_t taken = 0;
  for (const PoolWindow& w : axis.windows) {
    if (w.step != 1) return false;
    taken += w.count();
  }
  return axis.size >= 8 && 2 * taken >= axis.size;
}

/// True for a single window over everything, as of global pooling.
bool covers_plane(const PoolShape& s) {
  return std::all_of(s.axis, s.axis + 3, [](const PoolAxis& axis) {
    return axis.size > 0 && axis.windows.size() == 1 && axis.windows[0].begin == 0 &&
           axis.windows[0].end == axis.size && axis.windows[0].step == 1;
  });
}

/// Calls body(begin, end) for ranges of planes, several small ones a chunk.
template <class Body>
void for_each_range(const PoolShape& s, Body&& body) {
  int64_t work = std::max<int64_t>({numel_in(s), numel_out(s), 1});
  parallel_ranges(s.n_planes, std::max<int64_t>(1, 16384 / work), body);
}

/// The rows that an output row covers: kept from row to row, so that memory is asked for once.
template <class T>
struct RowLists {
  std::vector<int64_t> starts, first_index;
  std::vector<const T*> rows;
  // One row, of what several have become, and where that lies.
  std::vector<T> met;
  std::vector<int64_t> met_at;

  /// The whole rows that `starts` names, as of windows of one element.
  PoolRow<T> whole(const T* in, int64_t size) {
    rows.clear();
    for (int64_t start : starts) rows.push_back(in + start);
    met.resize(size);
    return {size, static_cast<int64_t>(rows.size()), rows.data(), 1, 1, 1};
  }
};

/// Calls body(plane, lists) for all planes.
template <class T, class Body>
void for_each_plane(const PoolShape& s, Body&& body) {
  for_each_range(s, [&](int64_t begin, int64_t end) {
    RowLists<T> lists;
    for (int64_t plane = begin; plane < end; ++plane) body(plane, lists);
  });
}

/// Calls row(d window, h window, output offset) for each output row of a plane.
template <class Row>
void for_each_row(const PoolShape& s, Row&& row) {
  int64_t at = 0;
  for (const PoolWindow& d : s.axis[0].windows)
    for (const PoolWindow& h : s.axis[1].windows) {
      row(d, h, at);
      at += static_cast<int64_t>(s.axis[2].windows.size());
    }
}

/// The starts of the input rows that a window pair covers.
void list_rows(const PoolShape& s, const PoolWindow& d, const PoolWindow& h,
               std::vector<int64_t>& starts) {
  starts.clear();
  for (int64_t i = d.begin; i < d.end; i += d.step)
    for (int64_t j = h.begin; j < h.end; j += h.step)
      starts.push_back((i * s.axis[1].size + j) * s.axis[2].size);
}

/// A row of maxima of windows over several rows, which first become one.
template <class T>
void largest_of_columns(const PoolAxis& axis, const T* in, RowLists<T>& lists, T* out,
                        int64_t* indices) {
  const PoolRow<T> rows = lists.whole(in, axis.size);
  const T* met = lists.met.data();
  lists.met_at.resize(axis.size);
  const int64_t* places = lists.met_at.data();
  pool_kernels<T>().max_row(rows, lists.starts.data(), lists.met.data(), lists.met_at.data());
  for (size_t j = 0; j < axis.windows.size(); ++j) {
    const PoolWindow& w = axis.windows[j];
    int64_t best = w.begin;
    for (int64_t k = w.begin + 1; k < w.end; ++k) {
      // As row by row: the first of equals, the last NaN.
      const bool none = met[k] != met[k], had_none = met[best] != met[best];
      const bool later = places[k] > places[best];
      if (none ? !had_none || later : met[k] > met[best] || (met[k] == met[best] && !later))
        best = k;
    }
    out[j] = met[best];
    if (indices) indices[j] = places[best];
  }
}

/// One row of results: where its windows lie in the outer dimensions, the plane that they read, and
/// its place among all results. Which input rows its windows cover stands in lists.starts.
template <class T>
struct OutputRow {
  const PoolWindow &d, &h;
  const T* in;
  int64_t first;
  RowLists<T>& lists;
};

/// Every row of results. pass.met takes those whose windows cover several rows that first become
/// one, pass.alike the windows of a row that are alike, and pass.each windows one by one.
template <class T, class Pass>
void pool_rows(const PoolShape& s, const T* input, bool vectors, const Pass& pass) {
  const PoolAxis& axis = s.axis[2];
  const RegularColumns regular(axis);
  const int64_t n_columns = static_cast<int64_t>(axis.windows.size());
  const int64_t in_step = numel_in(s), out_step = numel_out(s);
  [[maybe_unused]] const bool alike = vectors && regular.end > regular.begin,
                              met = vectors && !alike && meets_by_columns(axis);
  for_each_plane<T>(s, [&](int64_t plane, RowLists<T>& lists) {
    const T* in = input + plane * in_step;
    for_each_row(s, [&](const PoolWindow& d, const PoolWindow& h, int64_t row) {
      list_rows(s, d, h, lists.starts);
      const OutputRow<T> at{d, h, in, plane * out_step + row, lists};
      if constexpr (has_kernels<T>) {
        if (met && lists.starts.size() > 1) return pass.met(at);
        if (alike) {
          const PoolWindow& w = axis.windows[regular.begin];
          lists.rows.clear();
          for (int64_t start : lists.starts) lists.rows.push_back(in + start + w.begin);
          const PoolRow<T> rows{regular.end - regular.begin,
                                static_cast<int64_t>(lists.rows.size()),
                                lists.rows.data(),
                                w.count(),
                                regular.stride,
                                w.step};
          pass.alike(at, w, rows, regular.begin);
          if (regular.begin > 0) pass.each(at, 0, regular.begin);
          if (regular.end < n_columns) pass.each(at, regular.end, n_columns);
          return;
        }
      }
      pass.each(at, 0, n_columns);
    });
  });
}

/// The largest of each window, and its place in the plane if that is asked for.
template <class T>
struct MaxPass {
  const PoolAxis& axis;
  T* output;
  int64_t* indices;

  int64_t* places(int64_t first) const { return indices ? indices + first : nullptr; }

  void met(const OutputRow<T>& at) const {
    largest_of_columns(axis, at.in, at.lists, output + at.first, places(at.first));
  }

  inline __attribute__((always_inline)) void alike(const OutputRow<T>& at, const PoolWindow& w,
                                                   const PoolRow<T>& rows, int64_t begin) const {
    auto& first_index = at.lists.first_index;
    first_index.clear();
    for (int64_t start : at.lists.starts) first_index.push_back(start + w.begin);
    pool_kernels<T>().max_row(rows, first_index.data(), output + at.first + begin,
                              places(at.first + begin));
  }

  void each(const OutputRow<T>& at, int64_t begin, int64_t end) const {
    for (int64_t j = begin; j < end; ++j) {
      const PoolWindow& w = axis.windows[j];
      int64_t best_at = at.lists.starts[0] + w.begin;
      T best = at.in[best_at];
      for (int64_t start : at.lists.starts)
        for (int64_t k = w.begin; k < w.end; k += w.step) {
          T value = at.in[start + k];
          if (value > best || value != value) best = value, best_at = start + k;
        }
      output[at.first + j] = best;
      if (indices) indices[at.first + j] = best_at;
    }
  }
};

/// The largest of whole planes.
template <class T>
void max_of_planes(int64_t begin, int64_t end, int64_t numel, const T* input, T* output,
                   int64_t* indices) {
  while (begin < end) {
    begin += pool_kernels<T>().maxima(end - begin, numel, input + begin * numel, output + begin,
                                      indices ? indices + begin : nullptr);
    if (begin == end) break;
    const T* in = input + begin * numel;
    int64_t best = 0;
    for (int64_t i = 1; i < numel; ++i)
      if (in[i] > in[best] || in[i] != in[i]) best = i;
    output[begin] = in[best];
    if (indices) indices[begin] = best;
    ++begin;
  }
}

template <class T>
void max_forward(const PoolShape& s, const T* input, T* output, int64_t* indices) {
  const int64_t numel = numel_in(s);
  const bool vectors = has_kernels<T> && numel < std::numeric_limits<int32_t>::max();
  if constexpr (has_kernels<T>) {
    if (vectors && covers_plane(s)) {
      for_each_range(s, [&](int64_t begin, int64_t end) {
        max_of_planes(begin, end, numel, input, output, indices);
      });
      return;
    }
  }
  pool_rows(s, input, vectors, MaxPass<T>{s.axis[2], output, indices});
}

template <class T>
using SumOf = computed_t<T>;

/// The divisor of a window: see avg_pool_forward.
template <class Sum>
inline __attribute__((always_inline)) Sum divisor_of(const PoolWindow& d, const PoolWindow& h,
                                                     const PoolWindow& w, bool include_pad,
                                                     int64_t override) {
  if (override != 0) return static_cast<Sum>(override);
  auto numel = [](int64_t a, int64_t b, int64_t c) {
    int64_t n;  // kernels far larger than their input may overflow it
    if (__builtin_mul_overflow(a, b, &n) || __builtin_mul_overflow(n, c, &n))
      return std::numeric_limits<int64_t>::max();
    return n;
  };
  return static_cast<Sum>(include_pad ? numel(d.extent, h.extent, w.extent)
                                      : numel(d.count(), h.count(), w.count()));
}

/// The mean of each window.
template <class T>
struct MeanPass {
  using Sum = SumOf<T>;
  const PoolAxis& axis;
  bool include_pad;
  int64_t override;
  T* output;

  template <class Divisor>
  inline __attribute__((always_inline)) Divisor divisor(const OutputRow<T>& at,
                                                        const PoolWindow& w) const {
    return divisor_of<Divisor>(at.d, at.h, w, include_pad, override);
  }

  void met(const OutputRow<T>& at) const {
    const PoolRow<T> whole = at.lists.whole(at.in, axis.size);
    const T* sums = at.lists.met.data();
    pool_kernels<T>().mean_row(whole, T(1), at.lists.met.data());
    T* out = output + at.first;
    for (const PoolWindow& w : axis.windows) {
      T sum = 0;
      for (int64_t k = w.begin; k < w.end; ++k) sum += sums[k];
      const T count = divisor<T>(at, w);
      *out++ = count == 0 ? sum : sum / count;
    }
  }

  inline __attribute__((always_inline)) void alike(const OutputRow<T>& at, const PoolWindow& w,
                                                   const PoolRow<T>& rows, int64_t begin) const {
    pool_kernels<T>().mean_row(rows, divisor<T>(at, w), output + at.first + begin);
  }

  void each(const OutputRow<T>& at, int64_t begin, int64_t end) const {
    for (int64_t j = begin; j < end; ++j) {
      const PoolWindow& w = axis.windows[j];
      Sum count = divisor<Sum>(at, w), sum{};
      if constexpr (std::is_floating_point_v<Sum>) {
        if (w.step == 1 && w.count() >= 16) {  // global pooling
          output[at.first + j] = static_cast<T>(sum_of_sixteen(at, w) / count);
          continue;
        }
      }
      for (int64_t start : at.lists.starts)
        for (int64_t k = w.begin; k < w.end; k += w.step) sum += static_cast<Sum>(at.in[start + k]);
      if (count == Sum(0)) count = Sum(1);  // an empty window has the sum 0
      output[at.first + j] = static_cast<T>(sum / count);
    }
  }

  /// The sum of a window, by 16 sums side by side.
  static Sum sum_of_sixteen(const OutputRow<T>& at, const PoolWindow& w) {
    Sum lanes[16] = {};
    for (int64_t start : at.lists.starts) {
      int64_t k = w.begin;
      for (; k + 16 <= w.end; k += 16)
        for (int lane = 0; lane < 16; ++lane)
          lanes[lane] += static_cast<Sum>(at.in[start + k + lane]);
      for (; k < w.end; ++k) lanes[k & 15] += static_cast<Sum>(at.in[start + k]);
    }
    for (int width = 8; width > 0; width /= 2)
      for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    return lanes[0];
  }
};

template <class T>
void avg_forward(const PoolShape& s, bool include_pad, int64_t override, const T* input,
                 T* output) {
  if constexpr (has_kernels<T>) {
    if (covers_plane(s)) {
      const T divisor = divisor_of<T>(s.axis[0].windows[0], s.axis[1].windows[0],
                                      s.axis[2].windows[0], include_pad, override);
      const int64_t numel = numel_in(s);
      for_each_range(s, [&](int64_t begin, int64_t end) {
        pool_kernels<T>().means(end - begin, numel, input + begin * numel, divisor, output + begin);
      });
      return;
    }
  }
  pool_rows(s, input, has_kernels<T>, MeanPass<T>{s.axis[2], include_pad, override, output});
}

template <class T>
void avg_backward(const PoolShape& s, bool include_pad, int64_t override, const T* grad_output,
                  T* grad_input) {
  using Sum = SumOf<T>;
  const auto& columns = s.axis[2].windows;
  const int64_t in_step = numel_in(s), out_step = numel_out(s);
  if (covers_plane(s)) {
    const Sum divisor = divisor_of<Sum>(s.axis[0].windows[0], s.axis[1].windows[0],
                                        s.axis[2].windows[0], include_pad, override);
    for_each_range(s, [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane)
        std::fill_n(grad_input + plane * in_step, in_step,
                    static_cast<T>(static_cast<Sum>(grad_output[plane]) / divisor));
    });
    return;
  }
  for_each_plane<T>(s, [&](int64_t plane, RowLists<T>& lists) {
    const T* grad = grad_output + plane * out_step;
    T* to = grad_input + plane * in_step;
    // Halves are added up in what they are computed in, and rounded once.
    std::vector<Sum> wide(is_widened_type<T> ? in_step : 0);
    Sum* sums;
    if constexpr (is_widened_type<T>)
      sums = wide.data();
    else
      sums = to;
    std::fill(sums, sums + in_step, Sum(0));
    auto& starts = lists.starts;
    for_each_row(s, [&](const PoolWindow& d, const PoolWindow& h, int64_t row) {
      list_rows(s, d, h, starts);
      for (size_t j = 0; j < columns.size(); ++j) {
        const PoolWindow& w = columns[j];
        Sum divisor = divisor_of<Sum>(d, h, w, include_pad, override);
        if (divisor == Sum(0)) continue;
        Sum share = static_cast<Sum>(grad[row + static_cast<int64_t>(j)]) / divisor;
        for (int64_t start : starts)
          for (int64_t k = w.begin; k < w.end; k += w.step) sums[start + k] += share;
      }
    });
    if constexpr (is_widened_type<T>)
      for (int64_t i = 0; i < in_step; ++i) to[i] = static_cast<T>(sums[i]);
  });
}

}  // namespace

std::vector<double> pool_divisors(const PoolShape& shape, bool count_include_pad,
                                  int64_t divisor_override) {
  std::vector<double> divisors;
  for (const PoolWindow& d : shape.axis[0].windows)
    for (const PoolWindow& h : shape.axis[1].windows)
      for (const PoolWindow& w : shape.axis[2].windows)
        divisors.push_back(divisor_of<double>(d, h, w, count_include_pad, divisor_override));
  return divisors;
}

/// Halves in float32: run(shape, input, output) between two conversions, since an element of a
/// window at a time they take several times as long.
template <class Run>
static void in_float32(const PoolShape& shape, const void* input, int64_t from_plane, void* output,
                       int64_t to_plane, Run&& run) {
  constexpr int64_t kept_elements = int64_t{1} << 21, grain = 16384;
  const int64_t n_in = shape.n_planes * from_plane, n_out = shape.n_planes * to_plane;
  std::unique_ptr<float[]> own;
  if (n_in + n_out > kept_elements)
    own = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(n_in + n_out));
  float* wide = own ? own.get() : Workspace::get<float>(0, static_cast<size_t>(n_in + n_out));
  PoolShape floats = shape;
  floats.dtype = DType::float32;
  auto convert_all = [&]<class T>(T*) {
    parallel_ranges(n_in, grain, [&](int64_t begin, int64_t end) {
      convert(static_cast<const T*>(input) + begin, wide + begin, end - begin);
    });
    run(floats, wide, wide + n_in);
    parallel_ranges(n_out, grain, [&](int64_t begin, int64_t end) {
      convert(wide + n_in + begin, static_cast<T*>(output) + begin, end - begin);
    });
  };
  if (shape.dtype == DType::float16)
    convert_all(static_cast<float16*>(nullptr));
  else
    convert_all(static_cast<bfloat16*>(nullptr));
}

void max_pool_forward(const PoolShape& shape, const void* input, void* output, int64_t* indices) {
  if (is_half(shape.dtype))
    return in_float32(shape, input, numel_in(shape), output, numel_out(shape),
                      [&](const PoolShape& s, const float* in, float* out) {
                        max_forward<float>(s, in, out, indices);
                      });
  with_scalar_type(shape.dtype, [&]<class T>() {
    if constexpr (is_complex_type<T>)
      throw NotImplementedError(
          "max_pool: input is complex, and complex numbers have no order. Pool its abs().");
    else if constexpr (!is_half_type<T>)
      max_forward<T>(shape, static_cast<const T*>(input), static_cast<T*>(output), indices);
  });
}

bool max_pool_backward(const PoolShape& shape, const void* grad_output, const int64_t* indices,
                       void* grad_input) {
  const int64_t in_step = numel_in(shape), out_step = numel_out(shape);
  if (is_half(shape.dtype) && out_step > 1) {  // one maximum of a plane is no sum
    bool all_inside = true;
    in_float32(shape, grad_output, out_step, grad_input, in_step,
               [&](const PoolShape& s, const float* from, float* to) {
                 all_inside = max_pool_backward(s, from, indices, to);
               });
    return all_inside;
  }
  std::atomic<bool> inside = true;
  with_scalar_type(shape.dtype, [&]<class T>() {
    using Sum = SumOf<T>;
    const T* grad = static_cast<const T*>(grad_output);
    for_each_plane<T>(shape, [&](int64_t plane, auto&) {
      T* to = static_cast<T*>(grad_input) + plane * in_step;
      std::fill(to, to + in_step, T(0));
      for (int64_t i = plane * out_step; i < (plane + 1) * out_step; ++i) {
        const int64_t at = indices[i];
        if (static_cast<uint64_t>(at) >= static_cast<uint64_t>(in_step))
          inside = false;
        else
          to[at] = static_cast<T>(static_cast<Sum>(to[at]) + static_cast<Sum>(grad[i]));
      }
    });
  });
  return inside;
}

void avg_pool_forward(const PoolShape& shape, bool count_include_pad, int64_t divisor_override,
                      const void* input, void* output) {
  if (is_half(shape.dtype))
    return in_float32(shape, input, numel_in(shape), output, numel_out(shape),
                      [&](const PoolShape& s, const float* in, float* out) {
                        avg_forward<float>(s, count_include_pad, divisor_override, in, out);
                      });
  with_scalar_type(shape.dtype, [&]<class T>() {
    if constexpr (!is_half_type<T>)
      avg_forward<T>(shape, count_include_pad, divisor_override, static_cast<const T*>(input),
                     static_cast<T*>(output));
  });
}

void avg_pool_backward(const PoolShape& shape, bool count_include_pad, int64_t divisor_override,
                       const void* grad_output, void* grad_input) {
  if (is_half(shape.dtype))
    return in_float32(shape, grad_output, numel_out(shape), grad_input, numel_in(shape),
                      [&](const PoolShape& s, const float* from, float* to) {
                        avg_backward<float>(s, count_include_pad, divisor_override, from, to);
                      });
  with_scalar_type(shape.dtype, [&]<class T>() {
    if constexpr (!is_half_type<T>)
      avg_backward<T>(shape, count_include_pad, divisor_override,
                      static_cast<const T*>(grad_output), static_cast<T*>(grad_input));
  });
}

}  // namespace flambeau
