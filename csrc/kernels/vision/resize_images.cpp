#include "kernels/vision/resize_images.h"

#include <algorithm>
#include <type_traits>

#include "kernels/elements/convert.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

enum Slot { rows_slot = 4, wide_slot, planes_slot };

/// Elements of the result that are worth a task.
constexpr int64_t task_elements = 1 << 15;

/// Makes rows of images of pixels.
template <class T>
class Mixer {
 public:
  Mixer(const ImageWindows<T>& windows, int64_t channels)
      : w_(windows),
        channels_(channels),
        in_row_(windows.in_width * channels),
        out_row_(windows.out_width() * channels),
        sees_areas_(are_few_places()) {}

  int64_t in_row() const { return in_row_; }
  int64_t out_row() const { return out_row_; }

  /// The old rows [begin, end) that new row y is made of.
  int64_t begin(int64_t y) const { return w_.height ? w_.height->windows.begin[y] : y; }
  int64_t end(int64_t y) const { return begin(y) + (w_.height ? w_.height->windows.count(y) : 1); }

  /// New row y, where `from` is old row begin(y).
  void make(int64_t y, const T* from, T* to) const {
    if (!w_.width) return along_height(y, from, to);
    const auto& windows = w_.width->windows;
    if (sees_areas_) {
      const auto& rows = w_.height->windows;
      return kernels_.mix_areas(windows.out_size, channels_, rows.count(y), from, in_row_,
                                w_.height->weights.data() + rows.first[y], windows.begin.data(),
                                windows.first.data(), w_.width->weights.data(), to);
    }
    T* row = Workspace::get<T>(rows_slot, in_row_ + kernels_.lanes);
    along_height(y, from, row);
    kernels_.mix_places(windows.out_size, channels_, row, windows.begin.data(),
                        windows.first.data(), w_.width->weights.data(), to);
    for (auto [place, edge] : windows.edges)
      spoil(row + edge * channels_, channels_, to + place * channels_);
  }

 private:
  /// Whether the places that new pixels are made of are fewer than those of rows in between.
  bool are_few_places() const {
    if (!w_.height || !w_.width || channels_ < kernels_.lanes) return false;
    const auto &rows = w_.height->windows, &columns = w_.width->windows;
    const int64_t both = rows.first[rows.out_size] * columns.first[columns.out_size];
    const int64_t apart = rows.first[rows.out_size] * w_.in_width +
                          rows.out_size * (w_.in_width + columns.first[columns.out_size]);
    return both <= apart && rows.edges.empty() && columns.edges.empty();
  }

  void along_height(int64_t y, const T* from, T* to) const {
    if (!w_.height) {
      std::copy_n(from, in_row_, to);
      return;
    }
    const auto& windows = w_.height->windows;
    kernels_.mix_rows(windows.count(y), from, in_row_, w_.height->weights.data() + windows.first[y],
                      0, in_row_, to);
    auto edge =
        std::lower_bound(windows.edges.begin(), windows.edges.end(), std::pair{y, int64_t{-1}});
    for (; edge != windows.edges.end() && edge->first == y; ++edge)
      spoil(from + (edge->second - begin(y)) * in_row_, in_row_, to);
  }

  /// Makes NaN where an infinity is weighed by weights of 0 or of both signs.
  static void spoil(const T* edge, int64_t n, T* to) {
    for (int64_t i = 0; i < n; ++i) to[i] += edge[i] * T(0);
  }

  const ImageWindows<T>& w_;
  const ResizeKernels<T>& kernels_ = resize_kernels<T>();
  int64_t channels_, in_row_, out_row_;
  bool sees_areas_;
};

}  // namespace

template <class T, class E>
void resize_pixels(const ImageWindows<T>& windows, int64_t images, int64_t channels, const E* in,
                   E* out) {
  const Mixer<T> mixer(windows, channels);
  const int64_t in_row = mixer.in_row(), out_row = mixer.out_row();
  const int64_t height = windows.out_height();
  auto rows = [&](int64_t begin, int64_t end, const E* image, E* to) {
    if constexpr (std::is_same_v<T, E>) {
      for (int64_t y = begin; y < end; ++y, to += out_row)
        mixer.make(y, image + mixer.begin(y) * in_row, to);
    } else {
      int64_t low = windows.in_height, high = 0;
      for (int64_t y = begin; y < end; ++y) {
        low = std::min(low, mixer.begin(y));
        high = std::max(high, mixer.end(y));
      }
      const int64_t n = std::max<int64_t>(0, high - low) * in_row;
      T* wide = Workspace::get<T>(wide_slot, n + out_row);
      convert(image + low * in_row, wide, n);
      for (int64_t y = begin; y < end; ++y, to += out_row) {
        mixer.make(y, wide + (mixer.begin(y) - low) * in_row, wide + n);
        convert(wide + n, to, out_row);
      }
    }
  };
  parallel_ranges(images * height, std::max<int64_t>(1, task_elements / out_row),
                  [&](int64_t begin, int64_t end) {
                    while (begin < end) {
                      const int64_t image = begin / height, y = begin % height;
                      const int64_t last = std::min(height, y + end - begin);
                      rows(y, last, in + image * windows.in_height * in_row, out + begin * out_row);
                      begin += last - y;
                    }
                  });
}

template <class T, class E>
void resize_planes(const ImageWindows<T>& windows, int64_t planes, const E* in, E* out) {
  const auto& kernels = resize_kernels<T>();
  const int64_t lanes = kernels.lanes, height = windows.out_height();
  const int64_t in_plane = windows.in_height * windows.in_width,
                out_plane = height * windows.out_width();
  const Mixer<T> mixer(windows, lanes);
  const int64_t at_once =
      lanes * std::max<int64_t>(1, task_elements / (lanes * std::max(in_plane, out_plane)));
  parallel_ranges(planes, at_once, [&](int64_t begin, int64_t end) {
    T* turned = Workspace::get<T>(planes_slot, (in_plane + out_plane) * lanes);
    T* made = turned + in_plane * lanes;
    for (int64_t p = begin; p < end; p += lanes) {
      const int64_t n = std::min(lanes, end - p);
      auto mix = [&](const T* from, T* to) {
        kernels.load_rows(n, in_plane, from, in_plane, turned);
        for (int64_t y = 0; y < height; ++y)
          mixer.make(y, turned + mixer.begin(y) * mixer.in_row(), made + y * mixer.out_row());
        kernels.store_rows(n, out_plane, made, to, out_plane);
      };
      if constexpr (std::is_same_v<T, E>) {
        mix(in + p * in_plane, out + p * out_plane);
      } else {
        T* wide = Workspace::get<T>(wide_slot, n * (in_plane + out_plane));
        convert(in + p * in_plane, wide, n * in_plane);
        mix(wide, wide + n * in_plane);
        convert(wide + n * in_plane, out + p * out_plane, n * out_plane);
      }
    }
  });
}

template <class T>
bool are_small_planes(const ImageWindows<T>& windows, int64_t planes) {
  constexpr int64_t most_elements = 1 << 16;
  const int64_t lanes = resize_kernels<T>().lanes;
  const int64_t elements =
      windows.in_height * windows.in_width + windows.out_height() * windows.out_width();
  return 2 * planes >= lanes && elements * lanes <= most_elements;
}

template void resize_pixels(const ImageWindows<float>&, int64_t, int64_t, const float*, float*);
template void resize_pixels(const ImageWindows<float>&, int64_t, int64_t, const float16*, float16*);
template void resize_pixels(const ImageWindows<float>&, int64_t, int64_t, const bfloat16*,
                            bfloat16*);
template void resize_pixels(const ImageWindows<double>&, int64_t, int64_t, const double*, double*);
template void resize_planes(const ImageWindows<float>&, int64_t, const float*, float*);
template void resize_planes(const ImageWindows<float>&, int64_t, const float16*, float16*);
template void resize_planes(const ImageWindows<float>&, int64_t, const bfloat16*, bfloat16*);
template void resize_planes(const ImageWindows<double>&, int64_t, const double*, double*);
template bool are_small_planes(const ImageWindows<float>&, int64_t);
template bool are_small_planes(const ImageWindows<double>&, int64_t);

}  // namespace flambeau
