#include "kernels/conv/patches.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv/product.h"
#include "kernels/elements/copy.h"
#include "kernels/elements/walk.h"
#include "kernels/gemm/simd.h"
#include "runtime/rounding.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

namespace {

enum Slot { patches_slot, results_slot, bias_slot };

/// Bytes of the rows that are multiplied at once: more would leave the
/// last-level cache.
constexpr int64_t chunk_bytes = 4 << 20;
/// Elements copied in a task.
constexpr int64_t task_elements = 1 << 14;

/// A row of a patch; 16 float32 are the usual ones.
inline void copy_piece(char* to, const char* from, int64_t bytes) {
  if (bytes == 64)
    std::memcpy(to, from, 64);
  else
    copy_short(to, from, bytes);
}

/// The patches of all images in order, as rows of `length` elements.
class Patches {
 public:
  explicit Patches(const ConvShape& shape)
      : s(shape),
        item(itemsize(shape.dtype)),
        per_image(shape.out[0] * shape.out[1] * shape.out[2]),
        rows(shape.N * per_image),
        length(shape.C * shape.kernel[0] * shape.kernel[1] * shape.kernel[2]) {}

  const ConvShape& s;
  const int64_t item, per_image, rows, length;

  /// chunk(first row, number of rows) for all rows, a few megabytes at a time.
  template <class Chunk>
  void each_chunk(Chunk&& chunk) const {
    const int64_t most =
        balanced(rows, std::max<int64_t>(64, chunk_bytes / ((length + s.O) * item)));
    for (int64_t first = 0; first < rows; first += most) chunk(first, std::min(most, rows - first));
  }

  void read(int64_t first, int64_t n, const void* images, void* to) const {
    each_piece(first, n, [&](int64_t at, int64_t in_row, int64_t bytes) {
      copy_piece(static_cast<char*>(to) + in_row, static_cast<const char*>(images) + at, bytes);
    });
  }
  void write(int64_t first, int64_t n, const void* from, void* images) const {
    each_piece(first, n, [&](int64_t at, int64_t in_row, int64_t bytes) {
      copy_piece(static_cast<char*>(images) + at, static_cast<const char*>(from) + in_row, bytes);
    });
  }

  /// The images of n rows from `first` on as lines to fetch, at_once at a time; none unless they
  /// begin with an image.
  Fetch fetch(int64_t first, int64_t n, const void* images, int64_t at_once) const {
    Fetch f;
    if (n <= 0 || first % per_image) return f;
    const int64_t image = s.C * s.in[0] * s.in[1] * s.in[2] * item;
    f.at = static_cast<const char*>(images) + first / per_image * image;
    f.lines = f.n_left = ceil_div(n * image, 64 * per_image);
    f.row_bytes = 64 * f.lines;
    f.at_once = at_once;
    return f;
  }

  /// Rows (n, O) to planes (N, O, per_image) from row `first` on, or from
  /// these.
  void to_planes(int64_t first, int64_t n, const void* from, void* planes) const {
    turn(first, n, [&]<class Item>(int64_t in_row, int64_t in_plane) {
      static_cast<Item*>(planes)[in_plane] = static_cast<const Item*>(from)[in_row];
    });
  }
  void from_planes(int64_t first, int64_t n, const void* planes, void* to) const {
    turn(first, n, [&]<class Item>(int64_t in_row, int64_t in_plane) {
      static_cast<Item*>(to)[in_row] = static_cast<const Item*>(planes)[in_plane];
    });
  }

 private:
  /// piece(offset in the images, offset in the rows, bytes) for each run of a
  /// kernel's last dim.
  template <class Piece>
  void each_piece(int64_t first, int64_t n, Piece&& piece) const {
    const int64_t* k = s.kernel;
    const int64_t bytes = k[2] * item;
    parallel_ranges(
        n, std::max<int64_t>(1, task_elements / length), [&](int64_t begin, int64_t end) {
          // Patches side by side in turn, so that lines of the images are read as they follow.
          for (int64_t i = begin, run; i < end; i += run) {
            const int64_t row = first + i, place = row % per_image, column = place % s.out[2];
            run = std::min(s.out[2] - column, end - i);
            const int64_t x = column * k[2], y = place / s.out[2] % s.out[1] * k[1],
                          z = place / s.out[2] / s.out[1] * k[0];
            int64_t in_row = i * length * item;
            for (int64_t c = 0; c < s.C; ++c) {
              const int64_t channel = row / per_image * s.C + c;
              for (int64_t a = 0; a < k[0]; ++a)
                for (int64_t b = 0; b < k[1]; ++b, in_row += bytes) {
                  const int64_t at =
                      (((channel * s.in[0] + z + a) * s.in[1] + y + b) * s.in[2] + x) * item;
                  for (int64_t j = 0; j < run; ++j)
                    piece(at + j * bytes, in_row + j * length * item, bytes);
                }
            }
          }
        });
  }

  template <class Move>
  void turn(int64_t first, int64_t n, Move&& move) const {
    with_item_type(item, [&]<class Item>() {
      constexpr int64_t block = 16;
      parallel_ranges(
          n, std::max<int64_t>(block, task_elements / s.O), [&](int64_t begin, int64_t end) {
            for (int64_t i0 = begin; i0 < end; i0 += block) {
              const int64_t n_rows = std::min(end - i0, block);
              int64_t places[block];  // in the first plane of their image
              for (int64_t i = 0; i < n_rows; ++i) {
                const int64_t row = first + i0 + i;
                places[i] = row / per_image * s.O * per_image + row % per_image;
              }
              for (int64_t o = 0; o < s.O; ++o)
                for (int64_t i = 0; i < n_rows; ++i)
                  move.template operator()<Item>((i0 + i) * s.O + o, places[i] + o * per_image);
            }
          });
    });
  }
};

}  // namespace

bool fits_patches(const ConvShape& s) {
  bool fits = s.groups == 1 && s.kernel[2] >= 4 && s.N > 0 && s.C > 0 && s.O >= 8 &&
              (s.dtype == DType::float32 || s.dtype == DType::float64);
  for (int d = 0; d < 3; ++d)
    fits = fits && s.padding[d] == 0 && s.out[d] > 0 && (s.dilation[d] == 1 || s.kernel[d] == 1) &&
           (s.stride[d] == s.kernel[d] || s.out[d] == 1);
  return fits;
}

namespace {

/// Rows of patches that a thread reads, multiplies and writes while they are in
/// its cache: what one thread writes takes another as long to read as from
/// memory.
constexpr int64_t task_rows = 64, task_bytes = 384 << 10;
/// Depth of the panels of weights that are multiplied at once.
constexpr int64_t most_depth = 256;

template <class T>
void forward(const Patches& patches, const T* input, const T* weight, const T* bias, bool relu,
             T* output) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const int64_t O = patches.s.O, K = patches.length;
  const Spread slices(K, most_depth), panels(ceil_div(O, kernels.lanes), kernels.panel);
  const int64_t width = round_up(O, kernels.lanes);
  constexpr int64_t line = 64 / sizeof(T);
  T* weights = Workspace::get<T>(bias_slot, K * width);
  parallel_for(slices.n_parts * panels.n_parts, [&](int64_t task) {
    const int64_t slice = task / panels.n_parts, panel = task % panels.n_parts;
    kernels.pack_b_columns(slices.length(slice), O, weight + slices.begin(slice), K, panel,
                           panel + 1, weights + slices.begin(slice) * width);
  });
  const int64_t in_cache = task_bytes / (K * static_cast<int64_t>(sizeof(T)));
  const Spread tasks =
      Spread::shared(patches.rows, std::clamp<int64_t>(in_cache, kernels.panel_rows, task_rows));
  parallel_for(tasks.n_parts, [&](int64_t task) {
    const int64_t first = tasks.begin(task), n = tasks.length(task);
    T* rows = Workspace::get<T>(patches_slot, n * K);
    T* results = Workspace::get<T>(results_slot, n * O);
    patches.read(first, n, input, rows);
    // Lines of images come from afar: those of the next task meanwhile.
    const int64_t n_steps = ceil_div(n, kernels.panel_rows) * panels.n_parts * ceil_div(K, line);
    const int64_t n_next = task + 1 < tasks.n_parts ? tasks.length(task + 1) : 0;
    Fetch fetch = patches.fetch(first + n, n_next, input, ceil_div(n_next * K / line, n_steps));
    for (int64_t slice = 0; slice < slices.n_parts; ++slice) {
      const bool last = slice + 1 == slices.n_parts;
      GemmBlock<T> g = {};
      g.M = n, g.N = O, g.K = slices.length(slice);
      g.a = rows + slices.begin(slice), g.a_row = K, g.a_column = 1;
      g.b = weights + slices.begin(slice) * width;
      g.packed_b = true;
      g.c = results, g.c_row = O;
      g.alpha = T(1), g.beta = T(slice > 0);
      g.column_bias = last ? bias : nullptr;
      g.relu = last && relu;
      g.large = fetch.n_left > 0;
      g.fetch = g.large ? &fetch : nullptr;
      kernels.block(g);
    }
    patches.to_planes(first, n, results, output);
  });
}

}  // namespace

void patches_forward(const ConvShape& s, const void* input, const void* weight, const void* bias,
                     bool relu, void* output) {
  const Patches patches(s);
  auto run = [&]<class T>() {
    forward<T>(patches, static_cast<const T*>(input), static_cast<const T*>(weight),
               static_cast<const T*>(bias), relu, static_cast<T*>(output));
  };
  s.dtype == DType::float32 ? run.template operator()<float>() : run.template operator()<double>();
}

bool patches_leave_gaps(const ConvShape& s) {
  for (int d = 0; d < 3; ++d)
    if (s.out[d] * s.kernel[d] != s.in[d]) return true;
  return false;
}

void patches_backward_input(const ConvShape& s, const void* grad_output, const void* weight,
                            const void* bias, void* grad_input) {
  const Patches patches(s);
  char* column_bias = nullptr;
  if (bias) {  // one for each element of a patch
    column_bias = Workspace::get<char>(bias_slot, patches.length * patches.item);
    const int64_t taps = patches.length / s.C;
    for (int64_t i = 0; i < patches.length; ++i)
      std::memcpy(column_bias + i * patches.item,
                  static_cast<const char*>(bias) + i / taps * patches.item, patches.item);
  }
  patches.each_chunk([&](int64_t first, int64_t n) {
    char* rows = Workspace::get<char>(patches_slot, n * patches.length * patches.item);
    char* grads = Workspace::get<char>(results_slot, n * s.O * patches.item);
    patches.from_planes(first, n, grad_output, grads);
    AnyGemm g = product(s, n, patches.length, s.O, grads, false, weight, false, rows);
    g.epilogue = {column_bias, false, false};
    gemm(g);
    patches.write(first, n, rows, grad_input);
  });
}

void patches_backward_weight(const ConvShape& s, const void* grad_output, const void* input,
                             void* grad_weight) {
  const Patches patches(s);
  patches.each_chunk([&](int64_t first, int64_t n) {
    char* rows = Workspace::get<char>(patches_slot, n * patches.length * patches.item);
    char* grads = Workspace::get<char>(results_slot, n * s.O * patches.item);
    patches.read(first, n, input, rows);
    patches.from_planes(first, n, grad_output, grads);
    AnyGemm g = product(s, s.O, patches.length, n, grads, true, rows, false, grad_weight);
    if (first > 0) g.beta = 1;
    gemm(g);
  });
}

}  // namespace flambeau
