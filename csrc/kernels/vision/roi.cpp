#include "kernels/vision/roi.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/elements/clones.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

template <class T>
struct Tap {
  int64_t at;
  T weight;
};

/// For each bin along one dimension the pixels it sees, and how much of each.
template <class T>
struct Axis {
  std::vector<Tap<T>> taps;
  std::vector<int64_t> first{0};  // of each bin, and the end

  void end_bin() { first.push_back(static_cast<int64_t>(taps.size())); }

  /// Samples of one bin ascend, so equal pixels are neighbours.
  void add(int64_t at, T weight) {
    if (weight == 0) return;
    for (auto t = static_cast<int64_t>(taps.size()) - 1; t >= first.back() && t >= 0; --t)
      if (taps[t].at == at) {
        taps[t].weight += weight;
        return;
      }
    taps.push_back({at, weight});
  }
};

/// Means of bilinear samples. A sample more than a pixel outside counts as 0, one at the border as
/// the border. Source: He et al., "Mask R-CNN", 2017, arXiv:1703.06870, section 3.
template <class T>
void sample(Axis<T>& axis, T begin, T length, int64_t bins, int64_t sampling, int64_t size) {
  const T bin = length / static_cast<T>(bins);
  const int64_t samples = sampling > 0 ? sampling : static_cast<int64_t>(std::ceil(bin));
  const T share = T(1) / static_cast<T>(std::max<int64_t>(samples, 1));
  for (int64_t b = 0; b < bins; ++b) {
    for (int64_t s = 0; s < samples; ++s) {
      T place = begin + static_cast<T>(b) * bin +
                (static_cast<T>(s) + T(0.5)) * bin / static_cast<T>(samples);
      if (!(place >= T(-1) && place <= static_cast<T>(size))) continue;
      place = std::max(place, T(0));
      auto low = static_cast<int64_t>(place);
      if (low >= size - 1) {
        axis.add(size - 1, share);
        continue;
      }
      T above = place - static_cast<T>(low);
      axis.add(low, share * (1 - above));
      axis.add(low + 1, share * above);
    }
    axis.end_bin();
  }
}

/// Means of the pixels that a bin touches, all but those of the last row and column.
template <class T>
void touch(Axis<T>& axis, T begin, T length, int64_t bins, int64_t size) {
  const T bin = length / static_cast<T>(bins);
  auto inside = [&](T place) {
    return static_cast<int64_t>(std::min(std::max(place, T(0)), static_cast<T>(size - 1)));
  };
  for (int64_t b = 0; b < bins; ++b) {
    int64_t low = inside(std::floor(static_cast<T>(b) * bin + begin));
    int64_t high = inside(std::ceil(static_cast<T>(b + 1) * bin + begin));
    for (int64_t at = low; at < high; ++at) axis.add(at, T(1) / static_cast<T>(high - low));
    axis.end_bin();
  }
}

template <class T>
struct Region {
  int64_t image;
  Axis<T> rows, columns;

  Region(const RoiShape& shape, const T* region) : image(static_cast<int64_t>(region[0])) {
    const T scale = static_cast<T>(shape.scale);
    if (!shape.bilinear) {
      T left = std::round(region[1] * scale), top = std::round(region[2] * scale);
      T right = std::round(region[3] * scale), bottom = std::round(region[4] * scale);
      touch(rows, top, std::max(bottom - top, T(1)), shape.rows, shape.height);
      touch(columns, left, std::max(right - left, T(1)), shape.columns, shape.width);
      return;
    }
    const T shift = shape.aligned ? T(0.5) : T(0), least = shape.aligned ? T(-1e30) : T(1);
    T left = region[1] * scale - shift, top = region[2] * scale - shift;
    T right = region[3] * scale - shift, bottom = region[4] * scale - shift;
    sample(rows, top, std::max(bottom - top, least), shape.rows, shape.sampling, shape.height);
    sample(columns, left, std::max(right - left, least), shape.columns, shape.sampling,
           shape.width);
  }

  /// Calls body(bin, taps) for all bins, with the places in the plane that each sees.
  template <class Body>
  void each_bin(int64_t width, Body&& body) const {
    const auto n_columns = static_cast<int64_t>(columns.first.size()) - 1;
    const auto n_rows = static_cast<int64_t>(rows.first.size()) - 1;
    std::vector<Tap<T>> taps;
    for (int64_t r = 0; r < n_rows; ++r)
      for (int64_t c = 0; c < n_columns; ++c) {
        taps.clear();
        for (int64_t i = rows.first[r]; i < rows.first[r + 1]; ++i)
          for (int64_t j = columns.first[c]; j < columns.first[c + 1]; ++j)
            taps.push_back({rows.taps[i].at * width + columns.taps[j].at,
                            rows.taps[i].weight * columns.taps[j].weight});
        body(r * n_columns + c, taps);
      }
  }

  /// Calls body(bin, place in the plane, weight) for all that the bins see.
  template <class Body>
  void each(int64_t width, Body&& body) const {
    each_bin(width, [&](int64_t bin, const std::vector<Tap<T>>& taps) {
      for (const Tap<T>& tap : taps) body(bin, tap.at, tap.weight);
    });
  }
};

template <class T>
std::vector<Region<T>> regions_of(const RoiShape& shape, const T* regions) {
  std::vector<Region<T>> all;
  all.reserve(static_cast<size_t>(shape.regions));
  for (int64_t k = 0; k < shape.regions; ++k) all.emplace_back(shape, regions + 5 * k);
  return all;
}

/// Channels beside each other let one tap serve many of them at a time; that costs a transposition
/// of the planes, which pays where regions read more than the planes hold.
bool channels_last_pays(const RoiShape& shape) {
  return !shape.by_position && shape.channels >= 8 &&
         shape.regions * shape.bins() * 8 > shape.n * shape.height * shape.width;
}

/// sum = the taps of image (places, step), of `n` channels. Sums of some channels stay in
/// registers.
template <class T>
inline __attribute__((always_inline)) void combine_body(const T* image, int64_t step,
                                                        const Tap<T>* taps, int64_t n_taps,
                                                        int64_t n, T* sum) {
  constexpr int64_t lanes = 128 / sizeof(T);
  int64_t c = 0;
  for (; c + lanes <= n; c += lanes) {
    T held[lanes] = {};
    for (int64_t t = 0; t < n_taps; ++t) {
      const T* from = image + taps[t].at * step + c;
      for (int64_t l = 0; l < lanes; ++l) held[l] += taps[t].weight * from[l];
    }
    std::memcpy(sum + c, held, sizeof(held));
  }
  for (; c < n; ++c) {
    T held = 0;
    for (int64_t t = 0; t < n_taps; ++t) held += taps[t].weight * image[taps[t].at * step + c];
    sum[c] = held;
  }
}

/// to += weight * from.
template <class T>
inline __attribute__((always_inline)) void spread_body(const T* from, T weight, int64_t n, T* to) {
  for (int64_t c = 0; c < n; ++c) to[c] += weight * from[c];
}

FLAMBEAU_CLONES void combine(const float* image, int64_t step, const Tap<float>* taps,
                             int64_t n_taps, int64_t n, float* sum) {
  combine_body(image, step, taps, n_taps, n, sum);
}
FLAMBEAU_CLONES void combine(const double* image, int64_t step, const Tap<double>* taps,
                             int64_t n_taps, int64_t n, double* sum) {
  combine_body(image, step, taps, n_taps, n, sum);
}
FLAMBEAU_CLONES void spread(const float* from, float weight, int64_t n, float* to) {
  spread_body(from, weight, n, to);
}
FLAMBEAU_CLONES void spread(const double* from, double weight, int64_t n, double* to) {
  spread_body(from, weight, n, to);
}

constexpr int64_t block = 32;  // channels, or pixels, of one piece of a transposition

/// to[j * rows + i] = from[i * columns + j], in pieces that stay in the cache.
template <class T>
void transpose(const T* from, int64_t rows, int64_t columns, T* to) {
  parallel_ranges(columns, 4 * block, [&](int64_t begin, int64_t end) {
    for (int64_t i0 = 0; i0 < rows; i0 += block)
      for (int64_t j0 = begin; j0 < end; j0 += block)
        for (int64_t j = j0; j < std::min(j0 + block, end); ++j)
          for (int64_t i = i0; i < std::min(i0 + block, rows); ++i)
            to[j * rows + i] = from[i * columns + j];
  });
}

/// The plane that bin `bin` of result channel c reads.
int64_t channel_of(const RoiShape& shape, int64_t c, int64_t bin) {
  return shape.by_position ? c * shape.bins() + bin : c;
}

}  // namespace

template <class T>
void roi_mean(const RoiShape& shape, const T* input, const T* regions, T* output) {
  const int64_t plane = shape.height * shape.width, bins = shape.bins(),
                c_out = shape.out_channels();
  if (channels_last_pays(shape)) {
    const int64_t channels = shape.channels;
    std::vector<T> last(static_cast<size_t>(shape.n * plane * channels));
    for (int64_t n = 0; n < shape.n; ++n)
      transpose(input + n * channels * plane, channels, plane, last.data() + n * channels * plane);
    parallel_for(shape.regions, [&](int64_t k) {
      Region<T> region(shape, regions + 5 * k);
      const T* image = last.data() + region.image * plane * channels;
      std::vector<T> sums(static_cast<size_t>(bins * channels));
      region.each_bin(shape.width, [&](int64_t bin, const std::vector<Tap<T>>& taps) {
        combine(image, channels, taps.data(), static_cast<int64_t>(taps.size()), channels,
                sums.data() + bin * channels);
      });
      T* to = output + k * channels * bins;
      for (int64_t c0 = 0; c0 < channels; c0 += block)
        for (int64_t bin = 0; bin < bins; ++bin)
          for (int64_t c = c0; c < std::min(c0 + block, channels); ++c)
            to[c * bins + bin] = sums[bin * channels + c];
    });
    return;
  }
  parallel_for(shape.regions, [&](int64_t k) {
    Region<T> region(shape, regions + 5 * k);
    const T* image = input + region.image * shape.channels * plane;
    T* to = output + k * c_out * bins;
    std::memset(to, 0, sizeof(T) * static_cast<size_t>(c_out * bins));
    for (int64_t c = 0; c < c_out; ++c)
      region.each(shape.width, [&](int64_t bin, int64_t at, T weight) {
        to[c * bins + bin] += weight * image[channel_of(shape, c, bin) * plane + at];
      });
  });
}

template <class T>
void roi_mean_backward(const RoiShape& shape, const T* grad_output, const T* regions,
                       T* grad_input) {
  const int64_t plane = shape.height * shape.width, bins = shape.bins(),
                c_out = shape.out_channels();
  const std::vector<Region<T>> all = regions_of(shape, regions);
  if (channels_last_pays(shape)) {
    // Each piece owns some channels of every pixel, so that regions may overlap.
    const int64_t channels = shape.channels;
    std::vector<T> last(static_cast<size_t>(shape.n * plane * channels), T(0));
    parallel_ranges(channels, 2 * block, [&](int64_t begin, int64_t end) {
      const int64_t width = end - begin;
      std::vector<T> grads(static_cast<size_t>(bins * width));
      for (int64_t k = 0; k < shape.regions; ++k) {
        const T* from = grad_output + (k * channels + begin) * bins;
        for (int64_t c = 0; c < width; ++c)
          for (int64_t bin = 0; bin < bins; ++bin) grads[bin * width + c] = from[c * bins + bin];
        T* image = last.data() + all[k].image * plane * channels + begin;
        all[k].each(shape.width, [&](int64_t bin, int64_t at, T weight) {
          spread(grads.data() + bin * width, weight, width, image + at * channels);
        });
      }
    });
    for (int64_t n = 0; n < shape.n; ++n)
      transpose(last.data() + n * channels * plane, plane, channels,
                grad_input + n * channels * plane);
    return;
  }
  parallel_for(c_out, [&](int64_t c) {
    for (int64_t k = 0; k < shape.regions; ++k) {
      const T* from = grad_output + (k * c_out + c) * bins;
      T* image = grad_input + all[k].image * shape.channels * plane;
      all[k].each(shape.width, [&](int64_t bin, int64_t at, T weight) {
        image[channel_of(shape, c, bin) * plane + at] += weight * from[bin];
      });
    }
  });
}

template <class T>
void roi_max(const RoiShape& shape, const T* input, const T* regions, T* output, int64_t* places) {
  const int64_t plane = shape.height * shape.width, bins = shape.bins();
  const T scale = static_cast<T>(shape.scale);
  parallel_for(shape.regions, [&](int64_t k) {
    const T* region = regions + 5 * k;
    T left = std::round(region[1] * scale), top = std::round(region[2] * scale);
    T right = std::round(region[3] * scale), bottom = std::round(region[4] * scale);
    T bin_height = std::max(bottom - top + 1, T(1)) / static_cast<T>(shape.rows);
    T bin_width = std::max(right - left + 1, T(1)) / static_cast<T>(shape.columns);
    auto inside = [](T place, int64_t size) {
      return static_cast<int64_t>(std::min(std::max(place, T(0)), static_cast<T>(size)));
    };
    for (int64_t r = 0; r < shape.rows; ++r) {
      int64_t y0 = inside(std::floor(static_cast<T>(r) * bin_height) + top, shape.height);
      int64_t y1 = inside(std::ceil(static_cast<T>(r + 1) * bin_height) + top, shape.height);
      for (int64_t q = 0; q < shape.columns; ++q) {
        int64_t x0 = inside(std::floor(static_cast<T>(q) * bin_width) + left, shape.width);
        int64_t x1 = inside(std::ceil(static_cast<T>(q + 1) * bin_width) + left, shape.width);
        for (int64_t c = 0; c < shape.channels; ++c) {
          const T* from = input + (static_cast<int64_t>(region[0]) * shape.channels + c) * plane;
          int64_t place = -1;
          for (int64_t y = y0; y < y1; ++y)
            for (int64_t x = x0; x < x1; ++x)
              if (place < 0 || from[y * shape.width + x] > from[place]) place = y * shape.width + x;
          int64_t to = (k * shape.channels + c) * bins + r * shape.columns + q;
          output[to] = place < 0 ? T(0) : from[place];
          places[to] = place;
        }
      }
    }
  });
}

template void roi_mean(const RoiShape&, const float*, const float*, float*);
template void roi_mean(const RoiShape&, const double*, const double*, double*);
template void roi_mean_backward(const RoiShape&, const float*, const float*, float*);
template void roi_mean_backward(const RoiShape&, const double*, const double*, double*);
template void roi_max(const RoiShape&, const float*, const float*, float*, int64_t*);
template void roi_max(const RoiShape&, const double*, const double*, double*, int64_t*);

}  // namespace flambeau
