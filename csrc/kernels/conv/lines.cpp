#include "kernels/conv/lines.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/conv/correlation.h"
#include "kernels/conv/factors.h"
#include "kernels/conv/planes.h"
#include "kernels/conv/winograd.h"
#include "kernels/gemm/simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { turned_slot, packed_slot, image_slot, sums_slot };

/// Rows of the packed weights, and targets, that are multiplied at once: 320 KiB.
constexpr int64_t most_depth = 320, most_targets = 256;
/// Pixels of the rows of results that share weights while these are in cache.
constexpr int64_t unit_pixels = 128;

/// Neighbouring numbers that windows of an image have, `depth` of them.
struct Slice {
  int64_t at, weight, depth;  // where it begins in the window and among the weights of a target
};

struct Plan {
  explicit Plan(const ConvShape& s)
      : step(s.stride[2] * s.C),
        width((s.out[2] - 1) * s.stride[2] + (s.kernel[2] - 1) * s.dilation[2] + 1),
        rows(std::clamp<int64_t>(unit_pixels / s.out[2], 1, s.out[1])),
        part(balanced(s.O, most_targets)) {
    // Without gaps the taps of a row of the kernel are one line.
    const bool joined = s.dilation[2] == 1;
    const int64_t lines = joined ? 1 : s.kernel[2], length = joined ? s.kernel[2] * s.C : s.C;
    const int64_t depth = balanced(length, most_depth);
    for (int64_t a = 0; a < s.kernel[1]; ++a)
      for (int64_t b = 0; b < lines; ++b)
        for (int64_t k = 0; k < length; k += depth)
          slices.push_back({(a * s.dilation[1] * width + b * s.dilation[2]) * s.C + k,
                            (a * lines + b) * length + k, std::min(depth, length - k)});
  }

  int64_t step, width;  // from pixel to pixel of a row, and columns that rows are copied with
  int64_t rows, part;   // of results at a time, targets at a time
  std::vector<Slice> slices;
};

/// n rows of an image from row `first` on, with zeros where they or their columns lie outside.
template <class T>
void copy_rows(const ConvShape& s, const T* image, int64_t first, int64_t n, int64_t width, T* to) {
  const int64_t left = std::min(s.padding[2], width),
                inside = std::clamp<int64_t>(s.in[2], 0, width - left), row = width * s.C;
  for (int64_t r = first; r < first + n; ++r, to += row) {
    if (r < 0 || r >= s.in[1]) {
      std::fill_n(to, row, T(0));
      continue;
    }
    std::fill_n(to, left * s.C, T(0));
    std::copy_n(image + r * s.in[2] * s.C, inside * s.C, to + left * s.C);
    std::fill(to + (left + inside) * s.C, to + row, T(0));
  }
}

/// The weights of all parts of the targets and all slices, in the panels that GemmBlock reads.
template <class T>
std::vector<const T*> pack_weights(const ConvShape& s, const Plan& plan, const T* weight) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const int64_t taps = s.kernel[1] * s.kernel[2], length = taps * s.C;
  const T* turned = weight;
  if (!s.weight_by_pixels) {
    T* to = Workspace::get<T>(turned_slot, s.O * length);
    parallel_ranges(s.O, std::max<int64_t>(1, 16384 / length), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o)
        for (int64_t c = 0; c < s.C; ++c)
          for (int64_t k = 0; k < taps; ++k)
            to[(o * taps + k) * s.C + c] = weight[(o * s.C + c) * taps + k];
    });
    turned = to;
  }
  const int64_t n_parts = ceil_div(s.O, plan.part), n_slices = std::ssize(plan.slices);
  T* packed = Workspace::get<T>(packed_slot, n_parts * round_up(plan.part, kernels.lanes) * length);
  std::vector<const T*> places(n_parts * n_slices);
  T* to = packed;
  for (int64_t i = 0; i < std::ssize(places); ++i) {
    places[i] = to;
    to += round_up(plan.part, kernels.lanes) * plan.slices[i % n_slices].depth;
  }
  parallel_for(std::ssize(places), [&](int64_t i) {
    const Slice& slice = plan.slices[i % n_slices];
    const int64_t first = i / n_slices * plan.part, n = std::min(plan.part, s.O - first);
    const Spread cut(ceil_div(n, kernels.lanes), kernels.panel);
    kernels.pack_b_columns(slice.depth, n, turned + first * length + slice.weight, length, 0,
                           cut.n_parts, const_cast<T*>(places[i]));
  });
  return places;
}

template <class T>
bool forward(const ConvShape& s, const T* input, const T* weight, const T* bias, bool relu,
             T* output) {
  if (any_not_finite(weight, s.O * s.C * s.kernel[1] * s.kernel[2])) return false;
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const Plan plan(s);
  const std::vector<const T*> weights = pack_weights(s, plan, weight);
  const int64_t n_slices = std::ssize(plan.slices), n_parts = ceil_div(s.O, plan.part);
  const int64_t n_blocks = ceil_div(s.out[1], plan.rows);
  const bool in_place = s.padding[1] == 0 && s.padding[2] == 0 && plan.width == s.in[2] &&
                        (s.out[1] - 1) * s.stride[1] + (s.kernel[1] - 1) * s.dilation[1] < s.in[1];
  parallel_for(s.N * n_blocks, [&](int64_t index) {
    const int64_t item = index / n_blocks, row0 = index % n_blocks * plan.rows,
                  n_rows = std::min(plan.rows, s.out[1] - row0);
    const T* image = input + item * s.in[1] * s.in[2] * s.C;
    const int64_t first = row0 * s.stride[1] - s.padding[1],
                  met = (n_rows - 1) * s.stride[1] + (s.kernel[1] - 1) * s.dilation[1] + 1;
    const T* from = image + first * s.in[2] * s.C;
    if (!in_place) {
      T* copy = Workspace::get<T>(image_slot, met * plan.width * s.C);
      copy_rows(s, image, first, met, plan.width, copy);
      from = copy;
    }
    GemmBlock<T> product{};
    product.M = s.out[2];
    product.a_row = plan.step, product.a_column = 1;
    product.c_row = s.O;
    product.packed_b = true;
    product.alpha = T(1);
    for (int64_t part = 0; part < n_parts; ++part) {
      product.N = std::min(plan.part, s.O - part * plan.part);
      for (int64_t i = 0; i < n_slices; ++i) {
        const bool last = i + 1 == n_slices;
        product.K = plan.slices[i].depth;
        product.b = weights[part * n_slices + i];
        product.beta = i == 0 ? T(0) : T(1);
        product.column_bias = last && bias ? bias + part * plan.part : nullptr;
        product.relu = last && relu;
        for (int64_t row = 0; row < n_rows; ++row) {
          product.a = from + row * s.stride[1] * plan.width * s.C + plan.slices[i].at;
          product.c = output + ((item * s.out[1] + row0 + row) * s.out[2]) * s.O + part * plan.part;
          kernels.block(product);
        }
      }
    }
  });
  constexpr int64_t few = 4096;
  const int64_t n = s.O * s.out[1] * s.out[2];
  return s.N > 1 || n > few || !any_not_finite(output, n);
}

/// Neighbouring results of a row that meet the same taps of a line of the kernel, all inside.
struct Meeting {
  int64_t first, n;     // results
  int64_t tap, n_taps;  // of the line
  int64_t column(const ConvShape& s) const {
    return first * s.stride[2] + tap * s.dilation[2] - s.padding[2];
  }
};

/// All results of a row with their taps: neighbouring taps together, where few results lie at an
/// edge.
std::vector<Meeting> meetings(const ConvShape& s) {
  const int64_t step = s.stride[2], left = s.padding[2], n_taps = s.kernel[2], count = s.out[2];
  std::vector<Meeting> all;
  auto within = [&](int64_t from, int64_t span) {  // results for which pixels `from` on are inside
    const int64_t begin = from >= 0 ? 0 : std::min(ceil_div(-from, step), count);
    const int64_t room = s.in[2] - span - from;
    return std::pair(begin, room < 0 ? begin : std::clamp(room / step + 1, begin, count));
  };
  const auto [begin, end] = within(-left, n_taps);
  constexpr int64_t most_edges = 4;
  if (s.dilation[2] == 1 && begin < end && count - (end - begin) <= most_edges) {
    for (int64_t j = 0; j < count; ++j) {
      if (j == begin) {
        all.push_back({begin, end - begin, 0, n_taps});
        j = end;
        if (j == count) break;
      }
      const int64_t tap = std::max<int64_t>(0, left - j * step),
                    last = std::min(n_taps, s.in[2] + left - j * step);
      if (tap < last) all.push_back({j, 1, tap, last - tap});
    }
    return all;
  }
  for (int64_t k = 0; k < n_taps; ++k) {
    const auto [first, last] = within(k * s.dilation[2] - left, 1);
    if (first < last) all.push_back({first, last - first, k, 1});
  }
  return all;
}

/// Whether a matrix of sums has a row for each number of a line of the kernel, rather than for each
/// target: what leaves fewer lanes of vectors empty.
bool turns(const ConvShape& s, int64_t lanes) {
  const int64_t line = s.C * (s.dilation[2] == 1 ? s.kernel[2] : 1);
  return line * ceil_div(s.O, lanes) < s.O * ceil_div(line, lanes);
}

/// Adds to the sums, of each line of the kernel a matrix, what row `row` of all results gives.
template <class T>
void add_row(const ConvShape& s, const std::vector<Meeting>& meetings, bool turned, const T* grad,
             const T* input, int64_t row, T* sums) {
  const int64_t item = row / s.out[1], line = s.kernel[2] * s.C;
  grad += row * s.out[2] * s.O;
  GemmBlock<T> product{};
  product.alpha = product.beta = T(1);
  product.c_row = turned ? s.O : line;
  for (int64_t a = 0; a < s.kernel[1]; ++a) {
    const int64_t r = row % s.out[1] * s.stride[1] + a * s.dilation[1] - s.padding[1];
    if (r < 0 || r >= s.in[1]) continue;
    const T* image = input + (item * s.in[1] + r) * s.in[2] * s.C;
    T* to = sums + a * line * s.O;
    for (const Meeting& met : meetings) {
      const int64_t at = met.tap * s.C, length = met.n_taps * s.C, step = s.stride[2] * s.C;
      const T *pixels = image + met.column(s) * s.C, *grads = grad + met.first * s.O;
      product.M = turned ? length : s.O, product.N = turned ? s.O : length, product.K = met.n;
      product.a = turned ? pixels : grads, product.b = turned ? grads : pixels;
      product.a_row = 1, product.a_column = turned ? step : s.O;
      product.b_row = turned ? s.O : step;
      product.c = to + (turned ? at * s.O : at);
      gemm_kernels<T>().block(product);
    }
  }
}

template <class T>
void backward_weight(const ConvShape& s, const T* grad, const T* input, T* grad_weight) {
  constexpr int64_t most_ranges = 16, least_products = 1'000'000;
  const int64_t line = s.kernel[2] * s.C, n_sums = s.O * s.kernel[1] * line,
                n_rows = s.N * s.out[1];
  const bool turned = turns(s, gemm_kernels<T>().lanes);
  const std::vector<Meeting> met = meetings(s);
  const SumRanges ranges(n_rows, n_sums * s.out[2] * n_rows, n_sums, least_products, most_ranges);
  T* sums = Workspace::get<T>(sums_slot, ranges.n * n_sums);
  parallel_for(ranges.n, [&](int64_t range) {
    T* own = sums + range * n_sums;
    std::fill_n(own, n_sums, T(0));
    for (int64_t row = ranges.begin(range); row < ranges.end(range, n_rows); ++row)
      add_row(s, met, turned, grad, input, row, own);
  });
  add_ranges(sums, ranges.n, n_sums, sums);
  const int64_t taps = s.kernel[1] * s.kernel[2];
  for (int64_t o = 0; o < s.O; ++o)
    for (int64_t c = 0; c < s.C; ++c)
      for (int64_t k = 0; k < taps; ++k) {
        const int64_t a = k / s.kernel[2], at = k % s.kernel[2] * s.C + c;
        *grad_weight++ = sums[a * line * s.O + (turned ? at * s.O + o : o * line + at)];
      }
}

/// The taps of a dimension that meet every step-th pixel of the input from `start` on, those of
/// further results first. Tap k meets result offset[k] + m where pixel start + m * step is.
struct Phase {
  Phase(const ConvShape& s, int d, int64_t pixel) : start(pixel) {
    count = ceil_div(s.in[d] - start, s.stride[d]);
    for (int64_t k = s.kernel[d] - 1; k >= 0; --k) {
      const int64_t at = start + s.padding[d] - k * s.dilation[d];
      if (floor_div(at, s.stride[d]) * s.stride[d] != at) continue;
      tap.push_back(k), offset.push_back(at / s.stride[d]);
    }
  }
  int64_t start, count;
  std::vector<int64_t> tap, offset;
};

/// Neighbouring numbers of a row of gradients that pixels of a phase meet: `n_taps` taps of it.
struct BackSlice {
  int64_t phase, first, n_taps, row;  // the first tap, and the row of the kernel
};

struct BackPlan {
  explicit BackPlan(const ConvShape& s)
      : n_sources(s.O / s.groups),
        n_targets(s.C / s.groups),
        rows(std::clamp<int64_t>(unit_pixels / s.in[2], 1, s.in[1])),
        part(balanced(n_targets, most_targets)) {
    for (int64_t x = 0; x < std::min(s.stride[2], s.in[2]); ++x) phases.emplace_back(s, 2, x);
    int64_t end = 0;
    for (const Phase& phase : phases)
      for (const int64_t offset : phase.offset)
        left = std::min(left, offset), end = std::max(end, offset + phase.count);
    width = end - left;
    for (int64_t p = 0; p < std::ssize(phases); ++p) {
      const std::vector<int64_t>& offset = phases[p].offset;
      const int64_t n = std::ssize(offset);
      const bool joined = n > 1 && offset[1] - offset[0] == 1;
      const int64_t most = joined ? std::max<int64_t>(1, most_depth / n_sources) : 1;
      first_slice.push_back(std::ssize(slices));
      for (int64_t row = 0; row < s.kernel[1]; ++row)
        for (int64_t k = 0; k < n; k += most) slices.push_back({p, k, std::min(most, n - k), row});
    }
    first_slice.push_back(std::ssize(slices));
  }

  int64_t n_sources, n_targets;
  int64_t rows, part;           // of the input at a time, targets at a time
  int64_t left = 0, width = 0;  // columns of gradients that are met
  std::vector<Phase> phases;
  std::vector<BackSlice> slices;
  std::vector<int64_t> first_slice;  // of a phase
};

/// The weights of all groups, parts of their targets and slices, in the panels GemmBlock reads.
template <class T>
std::vector<const T*> pack_back(const ConvShape& s, const BackPlan& plan, const T* weight) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const int64_t taps = s.kernel[1] * s.kernel[2], n_parts = ceil_div(plan.n_targets, plan.part),
                n_slices = std::ssize(plan.slices), padded = round_up(plan.part, kernels.lanes);
  T* packed = Workspace::get<T>(packed_slot, n_parts * padded * s.O * taps);
  std::vector<const T*> places(s.groups * n_parts * n_slices);
  T* to = packed;
  for (int64_t i = 0; i < std::ssize(places); ++i) {
    places[i] = to;
    to += padded * plan.slices[i % n_slices].n_taps * plan.n_sources;
  }
  parallel_for(std::ssize(places), [&](int64_t i) {
    const BackSlice& slice = plan.slices[i % n_slices];
    const int64_t group = i / n_slices / n_parts, first = i / n_slices % n_parts * plan.part,
                  n = std::min(plan.part, plan.n_targets - first),
                  depth = slice.n_taps * plan.n_sources;
    T* rows = Workspace::get<T>(turned_slot, depth * n);
    for (int64_t k = 0; k < slice.n_taps; ++k) {
      const int64_t tap = slice.row * s.kernel[2] + plan.phases[slice.phase].tap[slice.first + k];
      for (int64_t o = 0; o < plan.n_sources; ++o) {
        const int64_t target = group * plan.n_sources + o;
        T* row = rows + (k * plan.n_sources + o) * n;
        const T* from = weight + target * plan.n_targets * taps;
        if (s.weight_by_pixels)
          std::copy_n(from + tap * plan.n_targets + first, n, row);
        else
          for (int64_t c = 0; c < n; ++c) row[c] = from[(first + c) * taps + tap];
      }
    }
    kernels.pack_b_rows(depth, n, rows, n, 1, 0, depth, const_cast<T*>(places[i]));
  });
  return places;
}

/// Rows [first, first + n) of gradients with their border, those of a group side by side.
template <class T>
void copy_gradients(const ConvShape& s, const BackPlan& plan, const T* grad, int64_t first,
                    int64_t n, T* to) {
  for (int64_t r = first; r < first + n; ++r, to += plan.width * s.O) {
    if (r < 0 || r >= s.out[1]) continue;  // not read
    for (int64_t j = plan.left; j < plan.left + plan.width; ++j)
      for (int64_t g = 0; g < s.groups; ++g) {
        T* pixel = to + (g * plan.width + j - plan.left) * plan.n_sources;
        if (j < 0 || j >= s.out[2])
          std::fill_n(pixel, plan.n_sources, T(0));
        else
          std::copy_n(grad + (r * s.out[2] + j) * s.O + g * plan.n_sources, plan.n_sources, pixel);
      }
  }
}

/// Pixels [first, first + n) of row `row` of a phase, of the targets of a part: `copy` begins at
/// row `from` of the gradients. `weights` are those of the slices of the phase.
template <class T>
void back_row(const ConvShape& s, const BackPlan& plan, int64_t index, int64_t row, const T* copy,
              int64_t from, const T* const* weights, GemmBlock<T> product, const T* bias, T* to) {
  const Phase& phase = plan.phases[index];
  const int64_t begin = plan.first_slice[index], end = plan.first_slice[index + 1];
  auto met = [&](int64_t i) {  // the row of gradients, or -1
    const int64_t at = row + s.padding[1] - plan.slices[i].row * s.dilation[1];
    if (at < 0 || at % s.stride[1] != 0 || at / s.stride[1] >= s.out[1]) return int64_t{-1};
    return at / s.stride[1];
  };
  int64_t last = end - 1;
  while (last >= begin && met(last) < 0) --last;
  product.M = phase.count;
  product.a_row = plan.n_sources, product.a_column = 1;
  product.c = to + phase.start * s.C, product.c_row = s.stride[2] * s.C;
  product.packed_b = true;
  product.alpha = T(1);
  if (last < begin)
    for (int64_t m = 0; m < phase.count; ++m) {
      if (bias)
        std::copy_n(bias, product.N, product.c + m * product.c_row);
      else
        std::fill_n(product.c + m * product.c_row, product.N, T(0));
    }
  for (int64_t i = begin; i <= last; ++i) {
    const int64_t r = met(i);
    if (r < 0) continue;
    const BackSlice& slice = plan.slices[i];
    product.K = slice.n_taps * plan.n_sources;
    product.a = copy + (r - from) * plan.width * s.O +
                (phase.offset[slice.first] - plan.left) * plan.n_sources;
    product.b = weights[i];
    product.column_bias = i == last ? bias : nullptr;
    gemm_kernels<T>().block(product);
    product.beta = T(1);
  }
}

template <class T>
bool backward_input(const ConvShape& s, const T* grad, const T* weight, const T* bias,
                    T* grad_input) {
  if (any_not_finite(weight, s.O * (s.C / s.groups) * s.kernel[1] * s.kernel[2])) return false;
  const BackPlan plan(s);
  const std::vector<const T*> weights = pack_back(s, plan, weight);
  const int64_t n_slices = std::ssize(plan.slices), n_parts = ceil_div(plan.n_targets, plan.part),
                n_blocks = ceil_div(s.in[1], plan.rows);
  parallel_for(s.N * n_blocks, [&](int64_t index) {
    const int64_t item = index / n_blocks, row0 = index % n_blocks * plan.rows,
                  end = std::min(row0 + plan.rows, s.in[1]);
    const int64_t span = (s.kernel[1] - 1) * s.dilation[1],
                  first = std::max<int64_t>(0, floor_div(row0 + s.padding[1] - span, s.stride[1])),
                  last = std::min(s.out[1], floor_div(end - 1 + s.padding[1], s.stride[1]) + 1);
    T* copy = Workspace::get<T>(image_slot, std::max<int64_t>(1, last - first) * plan.width * s.O);
    copy_gradients(s, plan, grad + item * s.out[1] * s.out[2] * s.O, first, last - first, copy);
    T* image = grad_input + item * s.in[1] * s.in[2] * s.C;
    for (int64_t unit = 0; unit < s.groups * n_parts; ++unit) {
      const int64_t group = unit / n_parts, target = unit % n_parts * plan.part,
                    channel = group * plan.n_targets + target;
      GemmBlock<T> product{};
      product.N = std::min(plan.part, plan.n_targets - target);
      for (int64_t phase = 0; phase < std::ssize(plan.phases); ++phase)
        for (int64_t row = row0; row < end; ++row)
          back_row(s, plan, phase, row, copy + group * plan.width * plan.n_sources, first,
                   weights.data() + unit * n_slices, product, bias ? bias + channel : nullptr,
                   image + row * s.in[2] * s.C + channel);
    }
  });
  constexpr int64_t few = 4096;
  const int64_t n = s.C * s.in[1] * s.in[2];
  return s.N > 1 || n > few || !any_not_finite(grad_input, n);
}

}  // namespace

bool fits_lines(const ConvShape& s) {
  if (s.dtype != DType::float32 && s.dtype != DType::float64) return false;
  const int64_t taps = s.kernel[1] * s.kernel[2], n_in = s.N * s.C * s.in[1] * s.in[2],
                n_out = s.N * s.O * s.out[1] * s.out[2];
  if (s.groups != 1 || s.in[0] != 1 || s.kernel[0] != 1 || s.out[0] != 1 || s.padding[0] != 0 ||
      taps == 1 || s.out[2] == 1 || n_in == 0 || n_out == 0)
    return false;
  // Measured over 200 shapes of 1 to 2,000 channels: beyond these, images in the other order repay
  // their copies, by products of longer rows and weights that are packed less often.
  constexpr int64_t most_products = 7, tile_rows = 8, call = 20000;
  const int64_t lanes =
      s.dtype == DType::float32 ? gemm_kernels<float>().lanes : gemm_kernels<double>().lanes;
  // Results are added to what earlier lines gave, which takes longer where few fill no vector and
  // vectors have no masks.
  const int64_t least_line = lanes * itemsize(s.dtype) == 64 ? 6 : 24;
  const int64_t moved = n_in + n_out, line = s.dilation[2] == 1 ? s.kernel[2] * s.C : s.C;
  const int64_t products =
      ceil_div(s.O, lanes) * s.N * s.out[1] * round_up(s.out[2], tile_rows) * s.C * taps;
  return line >= least_line && call + products <= most_products * moved &&
         5 * s.O * s.C * taps <= 2 * moved &&
         !(s.dtype == DType::float32 && winograd_fits(forward_correlation(s)));
}

bool lines_forward(const ConvShape& s, const void* input, const void* weight, const void* bias,
                   bool relu, void* output) {
  auto run = [&]<class T>() {
    return forward(s, static_cast<const T*>(input), static_cast<const T*>(weight),
                   static_cast<const T*>(bias), relu, static_cast<T*>(output));
  };
  return s.dtype == DType::float32 ? run.template operator()<float>()
                                   : run.template operator()<double>();
}

bool outer_fits_lines(const ConvShape& s) {
  if (s.dtype != DType::float32 && s.dtype != DType::float64) return false;
  const int64_t taps = s.kernel[1] * s.kernel[2], n_rows = s.N * s.out[1],
                moved = s.N * s.C * s.in[1] * s.in[2] + n_rows * s.out[2] * s.O;
  // Measured over 340 shapes: of those within these bounds none took more than 1.15 of the time in
  // the other order, half less than 0.6.
  constexpr int64_t most_products = 5, most_sums = 5, numbers_of_call = 100;
  if (s.groups != 1 || s.in[0] != 1 || s.kernel[0] != 1 || s.out[0] != 1 || s.padding[0] != 0 ||
      taps == 1 || n_rows * s.out[2] == 0 || most_sums * s.O * s.C * taps > moved)
    return false;
  const int64_t lanes =
      s.dtype == DType::float32 ? gemm_kernels<float>().lanes : gemm_kernels<double>().lanes;
  const std::vector<Meeting> all = meetings(s);
  int64_t products = 0;
  for (const Meeting& met : all)
    products += met.n * (turns(s, lanes) ? met.n_taps * s.C * ceil_div(s.O, lanes)
                                         : s.O * ceil_div(met.n_taps * s.C, lanes));
  return s.kernel[1] * n_rows * products <= most_products * moved &&
         numbers_of_call * s.kernel[1] * n_rows * std::ssize(all) <= moved;
}

void lines_backward_weight(const ConvShape& s, const void* grad_output, const void* input,
                           void* grad_weight) {
  auto run = [&]<class T>() {
    backward_weight(s, static_cast<const T*>(grad_output), static_cast<const T*>(input),
                    static_cast<T*>(grad_weight));
  };
  return s.dtype == DType::float32 ? run.template operator()<float>()
                                   : run.template operator()<double>();
}

bool fits_lines_back(const ConvShape& s) {
  if (s.dtype != DType::float32 && s.dtype != DType::float64) return false;
  // Measured over 360 shapes: of those within these bounds none took more than 1.1 of the time in
  // the other order, on average 0.57.
  constexpr int64_t least_targets = 24, most_products = 12, numbers_of_call = 50;
  const int64_t taps = s.kernel[1] * s.kernel[2], n_targets = s.C / s.groups,
                n_out = s.N * s.O * s.out[1] * s.out[2],
                moved = s.N * s.C * s.in[1] * s.in[2] + n_out;
  if (s.in[0] != 1 || s.kernel[0] != 1 || s.out[0] != 1 || s.padding[0] != 0 || taps == 1 ||
      n_out == 0 || n_targets < least_targets || 2 * s.O * n_targets * taps > 3 * moved)
    return false;
  const int64_t lanes =
      s.dtype == DType::float32 ? gemm_kernels<float>().lanes : gemm_kernels<double>().lanes;
  const BackPlan plan(s);
  int64_t products = 0, sums = 0;  // of a row of the kernel
  for (const BackSlice& slice : plan.slices) {
    const int64_t count = slice.row == 0 ? plan.phases[slice.phase].count : 0;
    products += count * slice.n_taps * plan.n_sources;
    sums += count;
  }
  const int64_t rows = s.N * s.groups * s.out[1], vectors = ceil_div(n_targets, lanes),
                calls = rows * std::ssize(plan.slices) * ceil_div(n_targets, plan.part);
  return rows * s.kernel[1] * vectors * products <= most_products * moved &&
         3 * rows * s.kernel[1] * vectors * sums <= moved && numbers_of_call * calls <= moved;
}

bool lines_backward_input(const ConvShape& s, const void* grad_output, const void* weight,
                          const void* bias, void* grad_input) {
  auto run = [&]<class T>() {
    return backward_input(s, static_cast<const T*>(grad_output), static_cast<const T*>(weight),
                          static_cast<const T*>(bias), static_cast<T*>(grad_input));
  };
  return s.dtype == DType::float32 ? run.template operator()<float>()
                                   : run.template operator()<double>();
}

}  // namespace flambeau
