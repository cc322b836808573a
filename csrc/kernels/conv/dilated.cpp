#include "kernels/conv/dilated.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "kernels/conv/winograd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {
namespace {

enum Slot { results_slot = 1, images_slot = 7 };  // which winograd.cpp leaves alone

/// Elements of the copies of one step.
constexpr int64_t most_elements = int64_t{4} << 20;

/// The images of every d-th row and column.
struct Images {
  int64_t rows, columns;  // d of each
  Correlation dense;      // of one image of the batch
};

/// d, where the taps of an axis lie d apart and reach whole steps of d; 0 where they do not.
int64_t dilation_of(const CorrelationAxis& axis) {
  if (axis.offset.size() != 3 || axis.source_step != 1 || axis.target_step != 1 ||
      axis.target_start != 0 || axis.target_size != axis.count)
    return 0;
  const int64_t d = std::abs(axis.offset[1] - axis.offset[0]);
  for (int64_t offset : axis.offset)
    if (d == 0 || offset % d) return 0;
  return std::abs(axis.offset[2] - axis.offset[1]) == d ? d : 0;
}

std::optional<Images> images_of(const Correlation& c) {
  Images images{dilation_of(c.axis[1]), dilation_of(c.axis[2]), c};
  const CorrelationAxis& depths = c.axis[0];
  if (images.rows * images.columns < 2 || depths.tap.size() != 1 || depths.source_size != 1 ||
      depths.count != 1)
    return std::nullopt;
  images.dense.n_items = images.rows * images.columns;
  for (auto [d, i] : {std::pair{images.rows, 1}, {images.columns, 2}}) {
    CorrelationAxis& axis = images.dense.axis[i];
    axis.source_size = ceil_div(axis.source_size, d);
    axis.count = axis.target_size = ceil_div(axis.count, d);
    for (int64_t& offset : axis.offset) offset /= d;
  }
  return images;
}

/// Planes [n_items, channels] of height x width and, for each item, its rows * columns images,
/// whose sizes are rounded up.
struct Planes {
  int64_t n_items, channels, height, width;
  int64_t small_height, small_width;

  Planes(const Images& images, int64_t n_items, int64_t channels, int64_t height, int64_t width)
      : n_items(n_items),
        channels(channels),
        height(height),
        width(width),
        small_height(ceil_div(height, images.rows)),
        small_width(ceil_div(width, images.columns)) {}

  int64_t numel(const Images& images) const {
    return n_items * images.rows * images.columns * channels * small_height * small_width;
  }

  /// Calls visit(plane, image) for each plane of an item's image: where it begins in the large
  /// planes and in the small ones, how many of its rows and columns exist.
  template <class Visit>
  void each(const Images& images, Visit&& visit) const {
    const int64_t count = images.rows * images.columns;
    parallel_for(n_items * channels, [&](int64_t plane) {
      const int64_t item = plane / channels, channel = plane % channels;
      for (int64_t image = 0; image < count; ++image) {
        const int64_t r = image / images.columns, q = image % images.columns;
        const int64_t small = ((item * count + image) * channels + channel) * small_height;
        visit(plane * height * width + r * width + q, small * small_width,
              ceil_div(height - r, images.rows), ceil_div(width - q, images.columns));
      }
    });
  }

  void split(const Images& images, const float* from, float* to) const {
    each(images, [&](int64_t at, int64_t small, int64_t rows, int64_t columns) {
      for (int64_t i = 0; i < small_height; ++i) {
        float* row = to + small + i * small_width;
        const float* source = from + at + i * images.rows * width;
        int64_t j = 0;
        for (; i < rows && j < columns; ++j) row[j] = source[j * images.columns];
        std::fill(row + j, row + small_width, 0.0f);
      }
    });
  }
  void join(const Images& images, const float* from, float* to) const {
    each(images, [&](int64_t at, int64_t small, int64_t rows, int64_t columns) {
      for (int64_t i = 0; i < rows; ++i) {
        const float* row = from + small + i * small_width;
        float* target = to + at + i * images.rows * width;
        for (int64_t j = 0; j < columns; ++j) target[j * images.columns] = row[j];
      }
    });
  }
};

Planes source_planes(const Images& images, const Correlation& c, int64_t n_items) {
  return {images, n_items, c.groups * c.n_source, c.axis[1].source_size, c.axis[2].source_size};
}
Planes target_planes(const Images& images, const Correlation& c, int64_t n_items) {
  return {images, n_items, c.groups * c.n_target, c.axis[1].count, c.axis[2].count};
}

/// Whether tiles of images as small as these are full enough to save a third of the products.
bool saves_enough(const Images& images, const Correlation& c) {
  constexpr int64_t tile = 4, tile_products = 36, taps = 9;
  const int64_t tiles = images.rows * images.columns * ceil_div(images.dense.axis[1].count, tile) *
                        ceil_div(images.dense.axis[2].count, tile);
  return 3 * tiles * tile_products <= 2 * c.axis[1].count * c.axis[2].count * taps;
}

}  // namespace

bool dilated_fits(const Correlation& c) {
  std::optional<Images> images = images_of(c);
  if (!images || !saves_enough(*images, c)) return false;
  images->dense.n_items = c.n_items * images->rows * images->columns;
  return winograd_fits(images->dense);
}

bool correlate_dilated(const Correlation& c, const float* source, const float* weight,
                       const float* bias, bool relu, float* target) {
  std::optional<Images> found = images_of(c);
  if (!found || !saves_enough(*found, c)) return false;
  Images& images = *found;
  const int64_t one =
      source_planes(images, c, 1).numel(images) + target_planes(images, c, 1).numel(images);
  const int64_t at_once = std::clamp<int64_t>(most_elements / one, 1, c.n_items);
  images.dense.n_items = at_once * images.rows * images.columns;
  if (!winograd_fits(images.dense)) return false;
  const Planes in = source_planes(images, c, at_once), out = target_planes(images, c, at_once);
  float* from = Workspace::get<float>(images_slot, in.numel(images));
  float* to = Workspace::get<float>(results_slot, out.numel(images));
  for (int64_t item = 0; item < c.n_items; item += at_once) {
    const int64_t n = std::min(at_once, c.n_items - item);
    const Planes part_in = source_planes(images, c, n), part_out = target_planes(images, c, n);
    images.dense.n_items = n * images.rows * images.columns;
    part_in.split(images, source + item * in.channels * in.height * in.width, from);
    if (!correlate_winograd(images.dense, from, weight, bias, relu, to)) return false;
    part_out.join(images, to, target + item * out.channels * out.height * out.width);
  }
  return true;
}

bool outer_dilated(const Correlation& c, const float* grad, const float* source,
                   float* grad_weight) {
  std::optional<Images> found = images_of(c);
  if (!found || !saves_enough(*found, c)) return false;
  Images& images = *found;
  const Planes in = source_planes(images, c, c.n_items), out = target_planes(images, c, c.n_items);
  if (in.numel(images) + out.numel(images) > 4 * most_elements) return false;
  images.dense.n_items = c.n_items * images.rows * images.columns;
  if (!outer_winograd_fits(images.dense)) return false;
  float* from = Workspace::get<float>(images_slot, in.numel(images));
  float* grads = Workspace::get<float>(results_slot, out.numel(images));
  in.split(images, source, from);
  out.split(images, grad, grads);
  return outer_winograd(images.dense, grads, from, grad_weight);
}

}  // namespace flambeau
