#include "kernels/vision/resample.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/elements/clones.h"
#include "kernels/elements/turn.h"
#include "kernels/vision/resize_simd.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

double weight_at(Filter filter, double x) {
  x = std::abs(x);
  if (filter == Filter::triangle) return std::max(0.0, 1 - x);
  constexpr double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

/// For each new place along one direction the old ones that it covers.
struct Weights {
  struct Place {
    int64_t begin, first, count;  // of the old places; weights [first, first + count)
  };
  std::vector<Place> places;
  std::vector<int32_t> values;

  Weights(int64_t size, int64_t out_size, Filter filter, int bits) {
    const double scale = static_cast<double>(size) / static_cast<double>(out_size);
    const double reach = std::max(scale, 1.0), radius = (filter == Filter::cubic ? 2 : 1) * reach;
    const double step = 1 / reach;
    std::vector<double> exact;
    for (int64_t i = 0; i < out_size; ++i) {
      const double centre = (static_cast<double>(i) + 0.5) * scale;
      const auto begin = std::max<int64_t>(static_cast<int64_t>(centre - radius + 0.5), 0);
      const auto end = std::min(static_cast<int64_t>(centre + radius + 0.5), size);
      exact.clear();
      double sum = 0;
      for (int64_t j = begin; j < end; ++j) {
        exact.push_back(weight_at(filter, (static_cast<double>(j) - centre + 0.5) * step));
        sum += exact.back();
      }
      places.push_back({begin, static_cast<int64_t>(values.size()), end - begin});
      for (double w : exact)
        values.push_back(static_cast<int32_t>(std::lround(w / sum * (1 << bits))));
    }
  }
};

constexpr int bits = 14;  // of the weights for planes

/// One row: out[c] = sum of weights[k] * in[k * columns + c].
FLAMBEAU_CLONES void mix(const uint8_t* in, int64_t columns, const int32_t* weights, int64_t count,
                         uint8_t* out) {
  constexpr int64_t piece = 64;  // sums that stay in registers
  for (int64_t c0 = 0; c0 < columns; c0 += piece) {
    const int64_t n = std::min(piece, columns - c0);
    int32_t sums[piece];
    if (n == piece) {
      for (int64_t c = 0; c < piece; ++c) sums[c] = 1 << (bits - 1);
      for (int64_t k = 0; k < count; ++k) {
        const uint8_t* from = in + k * columns + c0;
        const int32_t w = weights[k];
        for (int64_t c = 0; c < piece; ++c) sums[c] += w * from[c];
      }
    } else {
      for (int64_t c = 0; c < n; ++c) sums[c] = 1 << (bits - 1);
      for (int64_t k = 0; k < count; ++k)
        for (int64_t c = 0; c < n; ++c) sums[c] += weights[k] * in[k * columns + c0 + c];
    }
    for (int64_t c = 0; c < n; ++c) {
      int32_t value = sums[c] >> bits;
      value = value < 0 ? 0 : value;
      out[c0 + c] = static_cast<uint8_t>(value > 255 ? 255 : value);
    }
  }
}

void along_rows(const uint8_t* in, int64_t columns, const Weights& weights, uint8_t* out) {
  for (const Weights::Place& place : weights.places) {
    mix(in + place.begin * columns, columns, weights.values.data() + place.first, place.count, out);
    out += columns;
  }
}

constexpr int pixel_bits = 22;  // as Pillow's

/// A row of pixels in another width.
class PixelRows {
 public:
  PixelRows(int64_t size, int64_t out_size, Filter filter)
      : weights_(size, out_size, filter, pixel_bits) {
    int64_t most = 0;
    for (const auto& place : weights_.places) most = std::max(most, place.count);
    const int64_t group = kernels_.group, needed = (most + group - 1) / group;
    if (needed * group > size) return;  // groups would reach beyond the row
    groups_ = needed;
    lanes_.assign(static_cast<size_t>(4 * out_size * needed * group), 0);
    int32_t* to = lanes_.data();
    for (const auto& place : weights_.places) {
      begin_.push_back(std::min(place.begin, size - needed * group));
      for (int64_t k = 0; k < place.count; ++k)
        std::fill_n(to + 4 * (place.begin - begin_.back() + k), 4,
                    weights_.values[static_cast<size_t>(place.first + k)]);
      to += 4 * needed * group;
    }
  }

  void operator()(const uint8_t* in, uint8_t* out) const {
    if (groups_)
      return kernels_.mix(static_cast<int64_t>(begin_.size()), in, begin_.data(), groups_,
                          lanes_.data(), pixel_bits, out);
    for (const auto& place : weights_.places) {
      resize_kernels<uint8_t>().mix_rows(place.count, in + 4 * place.begin, 4,
                                         weights_.values.data() + place.first, pixel_bits, 4, out);
      out += 4;
    }
  }

 private:
  const PixelKernels& kernels_ = pixel_kernels();
  Weights weights_;
  int64_t groups_ = 0;
  std::vector<int64_t> begin_;
  std::vector<int32_t> lanes_;  // each weight four times
};

/// Pixels, their rows `row` bytes apart.
struct Pixels {
  const uint8_t* data;
  int64_t row, height, width;
};

constexpr int64_t rows_at_once = 32;  // of a piece of work

void change_width(const Pixels& in, int64_t width, Filter filter, uint8_t* out) {
  const PixelRows mix(in.width, width, filter);
  parallel_ranges(in.height, rows_at_once, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) mix(in.data + y * in.row, out + 4 * y * width);
  });
}

void change_height(const Pixels& in, int64_t height, Filter filter, uint8_t* out) {
  const Weights weights(in.height, height, filter, pixel_bits);
  parallel_ranges(height, rows_at_once, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const Weights::Place& place = weights.places[static_cast<size_t>(y)];
      resize_kernels<uint8_t>().mix_rows(place.count, in.data + place.begin * in.row, in.row,
                                         weights.values.data() + place.first, pixel_bits,
                                         4 * in.width, out + 4 * y * in.width);
    }
  });
}

}  // namespace

void resample_pixels(const uint8_t* in, int64_t row, int64_t height, int64_t width, uint8_t* out,
                     int64_t out_height, int64_t out_width, Filter filter, bool height_first) {
  const Pixels given{in, row, height, width};
  if (out_height == height && out_width == width) {
    for (int64_t y = 0; y < height; ++y) std::copy_n(in + y * row, 4 * width, out + 4 * y * width);
  } else if (out_height == height) {
    change_width(given, out_width, filter, out);
  } else if (out_width == width) {
    change_height(given, out_height, filter, out);
  } else if (height_first) {
    std::vector<uint8_t> between(static_cast<size_t>(4 * out_height * width));
    change_height(given, out_height, filter, between.data());
    change_width({between.data(), 4 * width, out_height, width}, out_width, filter, out);
  } else {
    std::vector<uint8_t> between(static_cast<size_t>(4 * height * out_width));
    change_width(given, out_width, filter, between.data());
    change_height({between.data(), 4 * out_width, height, out_width}, out_height, filter, out);
  }
}

void resample(const uint8_t* in, int64_t planes, int64_t height, int64_t width, uint8_t* out,
              int64_t out_height, int64_t out_width, Filter filter) {
  const Weights down(height, out_height, filter, bits), across(width, out_width, filter, bits);
  parallel_for(planes, [&](int64_t p) {
    const uint8_t* from = in + p * height * width;
    uint8_t* to = out + p * out_height * out_width;
    // Columns are mixed as rows of the transposed image: neighbours beside each other.
    if (filter == Filter::triangle) {  // rows first, fewer are left then
      std::vector<uint8_t> lower(static_cast<size_t>(out_height * width)), turned(lower.size());
      std::vector<uint8_t> mixed(static_cast<size_t>(out_height * out_width));
      along_rows(from, width, down, lower.data());
      write_turned(lower.data(), out_height, width, turned.data(), out_height);
      along_rows(turned.data(), out_height, across, mixed.data());
      write_turned(mixed.data(), out_width, out_height, to, out_width);
      return;
    }
    // Columns first, as Pillow: where values beyond white are cut decides by more than one level.
    std::vector<uint8_t> turned(static_cast<size_t>(height * width));
    std::vector<uint8_t> mixed(static_cast<size_t>(height * out_width)), straight(mixed.size());
    write_turned(from, height, width, turned.data(), height);
    along_rows(turned.data(), height, across, mixed.data());
    write_turned(mixed.data(), out_width, height, straight.data(), out_width);
    along_rows(straight.data(), out_width, down, to);
  });
}

}  // namespace flambeau
