// The loops of vision/grid_simd.h, after vector_body.h in the same namespace. No include guard:
// each instruction set compiles its own copy.

/// n numbers that need not be as many as a vector of this instruction set has lanes.
template <class T, int n>
struct Group {
  typedef T type __attribute__((vector_size(n * sizeof(T))));
  typedef T unaligned __attribute__((vector_size(n * sizeof(T)), aligned(sizeof(T)), may_alias));
};
template <int n, class T>
inline __attribute__((always_inline)) typename Group<T, n>::type load_group(const T* from) {
  return *reinterpret_cast<const typename Group<T, n>::unaligned*>(from);
}
template <int n, class T>
inline __attribute__((always_inline)) void store_group(T* to, typename Group<T, n>::type value) {
  *reinterpret_cast<typename Group<T, n>::unaligned*>(to) = value;
}

/// Points of a block, and the most neighbours of one.
constexpr int grid_block = 32, most_neighbours = 16;

/// Where the points of a block are: the weights and the places of their neighbours, and how the
/// weights change with each coordinate, counted in pixels.
template <class T>
struct Located {
  alignas(64) T weight[most_neighbours][grid_block];
  alignas(64) int32_t pixel[most_neighbours][grid_block];
  alignas(64) T slope[3][most_neighbours][grid_block];
};

/// Pixels for one of coordinate d of the grid.
template <class T>
inline __attribute__((always_inline)) T pixels_of_one(const GridShape& shape, int d) {
  return static_cast<T>(shape.sizes[d] - (shape.corners ? 1 : 0)) / 2;
}

template <class T>
struct Coordinates {
  using V = typename Vec<T>::type;
  static constexpr int lanes = Vec<T>::lanes;
  typedef int32_t Places __attribute__((vector_size(lanes * sizeof(int32_t))));

  static inline __attribute__((always_inline)) V floored(V x) {
    const V near = nearest_whole(x);
    return near > x ? near - 1 : near;
  }

  /// at, brought to a place of the image; slope is multiplied by what that does to it. A place that
  /// is none is the first one in images, the last one in volumes, as in PyTorch.
  static inline __attribute__((always_inline)) void bring_inside(const GridShape& shape, T size,
                                                                 V& at, V& slope) {
    if (shape.padding == GridPadding::zeros) return;
    const V last = splat(size - 1);
    if (shape.padding == GridPadding::reflection) {
      const T low = shape.corners ? T(0) : T(-0.5), span = shape.corners ? size - 1 : size;
      if (span == 0) {
        at = V{};
        slope = V{};
        return;
      }
      const V from_low = at - low;
      const V offset = from_low < 0 ? -from_low : from_low;
      const V turns = floored(offset / span);
      const V rest = offset - turns * span;
      const V half = turns / 2;
      const V sign = from_low > 0 ? splat(T(1)) : from_low < 0 ? splat(T(-1)) : V{};
      const auto even = floored(half) == half;
      at = even ? rest + low : span - rest + low;
      slope *= even ? sign : -sign;
    }
    // At the limit there is no gradient.
    slope = (at > 0) & (at < last) ? slope : V{};
    const V none = splat(shape.ndim == 2 ? T(0) : size - 1);
    at = at != at ? none : at < 0 ? V{} : at > last ? last : at;
  }

  /// The taps of one coordinate: places (-1 outside), shares and how these change.
  struct Taps {
    Places place[4];
    V share[4], slope[4];
  };

  static inline __attribute__((always_inline)) V cubic(V d) {
    constexpr T a = T(-0.75);
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }
  static inline __attribute__((always_inline)) V cubic_slope(V d) {
    constexpr T a = T(-0.75);
    return d <= 1 ? (3 * (a + 2) * d - 2 * (a + 3)) * d : (3 * a * d - 10 * a) * d + 8 * a;
  }

  template <GridMode mode, int ndim>
  static inline __attribute__((always_inline)) Taps taps(const GridShape& shape, int64_t whole_size,
                                                         V g) {
    const T size = static_cast<T>(whole_size);
    V at = shape.corners ? (g + 1) / 2 * (size - 1) : ((g + 1) * size - 1) / 2;
    V slope = splat(T(1));
    Taps t;
    V place[4];
    if constexpr (mode != GridMode::cubic) bring_inside(shape, size, at, slope);
    if constexpr (mode == GridMode::nearest) {
      place[0] = nearest_whole(at);
      t.share[0] = splat(T(1));
      t.slope[0] = V{};
    } else {
      const V base = floored(at), part = at - base;
      if constexpr (mode == GridMode::linear) {
        place[0] = base, place[1] = base + 1;
        t.share[0] = 1 - part, t.share[1] = part;
        t.slope[0] = -slope, t.slope[1] = slope;
      } else {
        for (int i = 0; i < 4; ++i) {
          const V distance = i == 0 ? 1 + part : i == 1 ? part : i == 2 ? 1 - part : 2 - part;
          V no_slope = {};
          place[i] = base + T(i - 1);
          bring_inside(shape, size, place[i], no_slope);
          t.share[i] = cubic(distance);
          t.slope[i] = i < 2 ? cubic_slope(distance) * slope : -cubic_slope(distance) * slope;
        }
      }
    }
    for (int i = 0; i < taps_of(mode); ++i) {
      const auto inside = (place[i] >= 0) & (place[i] <= size - 1);
      t.place[i] = __builtin_convertvector(inside ? place[i] : splat(T(-1)), Places);
      if constexpr (ndim == 3) {
        t.share[i] = inside ? t.share[i] : V{};
        t.slope[i] = inside ? t.slope[i] : V{};
      }
    }
    return t;
  }
};

template <class V, int... I>
inline __attribute__((always_inline)) V even_lanes(V a, V b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (2 * I)...);
}
template <class V, int... I>
inline __attribute__((always_inline)) V odd_lanes(V a, V b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (2 * I + 1)...);
}

/// The coordinates of as many points as a vector has lanes, or of the `left` there are, the last
/// dimension's in to[ndim - 1].
template <class T, int ndim>
inline __attribute__((always_inline)) void load_points(const T* grid, int left,
                                                       typename Vec<T>::type* to) {
  constexpr int lanes = Vec<T>::lanes;
  if (ndim == 2 && left >= lanes) {
    constexpr auto order = std::make_integer_sequence<int, lanes>{};
    const typename Vec<T>::type low = load(grid), high = load(grid + lanes);
    to[0] = odd_lanes(low, high, order);
    to[1] = even_lanes(low, high, order);
    return;
  }
  T part[ndim][lanes] = {};
  for (int i = 0; i < (left < lanes ? left : lanes); ++i)
    for (int d = 0; d < ndim; ++d) part[d][i] = grid[i * ndim + (ndim - 1 - d)];
  for (int d = 0; d < ndim; ++d) to[d] = load(part[d]);
}

/// Points [begin, begin + count) of the grid. For a gradient a point of a volume that is none has
/// no neighbours.
template <class T, GridMode mode, int ndim, bool backward>
void locate_points(const GridShape& shape, const T* grid, int64_t begin, int count,
                   Located<T>& to) {
  using C = Coordinates<T>;
  using V = typename C::V;
  using Places = typename C::Places;
  constexpr int lanes = C::lanes;
  constexpr int n = taps_of(mode);
  const auto outside = static_cast<int32_t>(shape.pixels());
  for (int first = 0; first < count; first += lanes) {
    typename C::Taps t[3];
    Places none = {};
    V at[ndim];
    load_points<T, ndim>(grid + (begin + first) * ndim, count - first, at);
#pragma GCC unroll 3
    for (int d = 0; d < ndim; ++d) {
      const V g = at[d];
      t[d] = C::template taps<mode, ndim>(shape, shape.sizes[d], g);
      if (backward && ndim == 3 && shape.padding != GridPadding::zeros) {
        const V size = g < 0 ? -g : g;
        const T limit = shape.padding == GridPadding::reflection
                            ? T(1267650600228229401496703205376.0)  // 2**100
                            : std::numeric_limits<T>::infinity();
        const auto is_none = shape.padding == GridPadding::reflection ? ~(size < limit) : g != g;
        none |= __builtin_convertvector(is_none, Places);
      }
    }
    auto put = [&](int k, Places pixel, V weight) {
      pixel = (pixel < 0) | (none != 0) ? outside - Places{} : pixel;
      *reinterpret_cast<typename Group<int32_t, lanes>::unaligned*>(to.pixel[k] + first) = pixel;
      store(to.weight[k] + first, weight);
    };
    constexpr int planes = ndim == 3 ? n : 1;
#pragma GCC unroll 4
    for (int z = 0; z < planes; ++z)
#pragma GCC unroll 4
      for (int y = 0; y < n; ++y)
#pragma GCC unroll 4
        for (int x = 0; x < n; ++x) {
          const int k = (z * n + y) * n + x;
          const auto &ty = t[ndim - 2], &tx = t[ndim - 1];
          const Places row = ty.place[y], column = tx.place[x];
          Places pixel = row * static_cast<int32_t>(shape.sizes[ndim - 1]) + column;
          Places any = row | column;
          V weight = ty.share[y] * tx.share[x];
          if constexpr (ndim == 3) {
            pixel += t[0].place[z] * static_cast<int32_t>(shape.sizes[1] * shape.sizes[2]);
            any |= t[0].place[z];
            weight *= t[0].share[z];
          }
          put(k, any < 0 ? Places{} - 1 : pixel, weight);
          if constexpr (!backward) continue;
          V sy = ty.slope[y] * tx.share[x], sx = ty.share[y] * tx.slope[x];
          if constexpr (ndim == 3) {
            store(to.slope[0][k] + first, t[0].slope[z] * ty.share[y] * tx.share[x]);
            sy *= t[0].share[z];
            sx *= t[0].share[z];
          }
          const V gone = __builtin_convertvector(none, typename Group<T, lanes>::type) != 0
                             ? V{}
                             : splat(T(1));
          store(to.slope[ndim - 2][k] + first, sy * gone);
          store(to.slope[ndim - 1][k] + first, sx * gone);
          if constexpr (ndim == 3)
            store(to.slope[0][k] + first, load(to.slope[0][k] + first) * gone);
        }
  }
}

template <class T>
void locate(const GridShape& shape, const T* grid, int64_t begin, int count, bool backward,
            Located<T>& to) {
  auto run = [&]<GridMode mode, int ndim>() {
    backward ? locate_points<T, mode, ndim, true>(shape, grid, begin, count, to)
             : locate_points<T, mode, ndim, false>(shape, grid, begin, count, to);
  };
  if (shape.ndim == 3)
    return shape.mode == GridMode::nearest ? run.template operator()<GridMode::nearest, 3>()
                                           : run.template operator()<GridMode::linear, 3>();
  switch (shape.mode) {
    case GridMode::nearest: return run.template operator()<GridMode::nearest, 2>();
    case GridMode::linear: return run.template operator()<GridMode::linear, 2>();
    default: run.template operator()<GridMode::cubic, 2>();
  }
}

template <class T, int G>
void grid_pack(int64_t channels, int64_t pixels, int64_t begin, int64_t end, const T* from, T* to) {
  using V = typename Group<T, G>::type;
  int64_t i = begin;
  for (; i + G <= end; i += G) {
    V v[G];
#pragma GCC unroll 16
    for (int c = 0; c < G; ++c) v[c] = c < channels ? load_group<G>(from + c * pixels + i) : V{};
    transpose_square<G>(v);
#pragma GCC unroll 16
    for (int c = 0; c < G; ++c) store_group<G>(to + (i + c) * G, v[c]);
  }
  for (; i < end; ++i)
    for (int c = 0; c < G; ++c) to[i * G + c] = c < channels ? from[c * pixels + i] : T(0);
}

template <class T, int G>
void grid_unpack(int64_t channels, int64_t pixels, int64_t begin, int64_t end, const T* from,
                 T* to) {
  using V = typename Group<T, G>::type;
  int64_t i = begin;
  for (; i + G <= end; i += G) {
    V v[G];
#pragma GCC unroll 16
    for (int c = 0; c < G; ++c) v[c] = load_group<G>(from + (i + c) * G);
    transpose_square<G>(v);
#pragma GCC unroll 16
    for (int c = 0; c < G; ++c)
      if (c < channels) store_group<G>(to + c * pixels + i, v[c]);
  }
  for (; i < end; ++i)
    for (int c = 0; c < channels; ++c) to[c * pixels + i] = from[i * G + c];
}

template <class T, int G, int n>
inline __attribute__((always_inline)) void sample_block(const Located<T>& at, int count,
                                                        const T* packed, T* to) {
  for (int p = 0; p < count; ++p) {
    auto sum = at.weight[0][p] * load_group<G>(packed + int64_t{at.pixel[0][p]} * G);
#pragma GCC unroll 16
    for (int k = 1; k < n; ++k)
      sum += at.weight[k][p] * load_group<G>(packed + int64_t{at.pixel[k][p]} * G);
    store_group<G>(to + p * G, sum);
  }
}

template <class T, int G>
void grid_sample_group(const GridTask<T>& task) {
  Located<T> at;
  alignas(64) T values[grid_block * G];
  for (int64_t begin = task.begin; begin < task.end; begin += grid_block) {
    const int count =
        static_cast<int>(task.end - begin < grid_block ? task.end - begin : grid_block);
    locate(*task.shape, task.grid, begin, count, false, at);
    switch (task.shape->neighbours()) {
      case 1: sample_block<T, G, 1>(at, count, task.packed, values); break;
      case 4: sample_block<T, G, 4>(at, count, task.packed, values); break;
      case 8: sample_block<T, G, 8>(at, count, task.packed, values); break;
      default: sample_block<T, G, 16>(at, count, task.packed, values);
    }
    grid_unpack<T, G>(task.channels, task.shape->points, 0, count, values, task.output + begin);
  }
}

template <int G, class V>
inline __attribute__((always_inline)) auto sum_of_group(V v) {
  auto sum = v[0];
#pragma GCC unroll 16
  for (int c = 1; c < G; ++c) sum += v[c];
  return sum;
}

template <class T, int G, int ndim>
void grid_backward_group(const GridTask<T>& task) {
  using V = typename Group<T, G>::type;
  Located<T> at;
  alignas(64) T grads[grid_block * G];
  const int n = task.shape->neighbours();
  for (int64_t begin = task.begin; begin < task.end; begin += grid_block) {
    const int count =
        static_cast<int>(task.end - begin < grid_block ? task.end - begin : grid_block);
    locate(*task.shape, task.grid, begin, count, true, at);
    grid_pack<T, G>(task.channels, task.shape->points, 0, count, task.grad_output + begin, grads);
    if (task.packed_grad)
      for (int p = 0; p < count; ++p) {
        const V g = load_group<G>(grads + p * G);
        for (int k = 0; k < n; ++k) {
          T* to = task.packed_grad + int64_t{at.pixel[k][p]} * G;
          store_group<G>(to, load_group<G>(to) + at.weight[k][p] * g);
        }
      }
    if (task.grad_grid)
      for (int p = 0; p < count; ++p) {
        V sums[ndim] = {};
        for (int k = 0; k < n; ++k) {
          const V value = load_group<G>(task.packed + int64_t{at.pixel[k][p]} * G);
#pragma GCC unroll 3
          for (int d = 0; d < ndim; ++d) sums[d] += at.slope[d][k][p] * value;
        }
        const V g = load_group<G>(grads + p * G);
        T* to = task.grad_grid + (begin + p) * ndim;
#pragma GCC unroll 3
        for (int d = 0; d < ndim; ++d)
          to[ndim - 1 - d] = sum_of_group<G>(V(sums[d] * g)) * pixels_of_one<T>(*task.shape, d);
      }
  }
}

/// The nearest pixels of points [begin, begin + count) of images: the one behind the last stands
/// for those outside in seen, the last one in places. Whether there are such.
template <class T>
bool nearest_pixels(const GridShape& shape, const T* grid, int64_t begin, int count, int32_t* seen,
                    int32_t* places) {
  using C = Coordinates<T>;
  using V = typename C::V;
  typedef typename Group<int32_t, C::lanes>::unaligned Stored;
  const auto outside = static_cast<int32_t>(shape.pixels());
  const auto width = static_cast<int32_t>(shape.sizes[1]);
  typename C::Places missing = {};
  for (int first = 0; first < count; first += C::lanes) {
    V point[2];
    load_points<T, 2>(grid + (begin + first) * 2, count - first, point);
    typename C::Places place[2];
#pragma GCC unroll 2
    for (int d = 0; d < 2; ++d) {
      const T size = static_cast<T>(shape.sizes[d]);
      V at = shape.corners ? (point[d] + 1) / 2 * (size - 1) : ((point[d] + 1) * size - 1) / 2;
      V no_slope = {};
      C::bring_inside(shape, size, at, no_slope);
      // What no integer holds, NaN too, becomes -1, which is outside.
      const V near = nearest_whole(at);
      place[d] = __builtin_convertvector((near >= 0) & (near < size) ? near : splat(T(-1)),
                                         typename C::Places);
    }
    const auto gone = (place[0] | place[1]) < 0;
    const typename C::Places pixel = place[0] * width + place[1];
    *reinterpret_cast<Stored*>(seen + first) = gone ? outside - typename C::Places{} : pixel;
    *reinterpret_cast<Stored*>(places + first) = gone ? outside - 1 - typename C::Places{} : pixel;
    missing |= gone;
  }
  int32_t any = 0;
  for (int i = 0; i < C::lanes; ++i) any |= missing[i];
  return any != 0;
}

/// The nearest pixels of all points, plane by plane: one stays in the nearest cache while many
/// points are read from it.
template <class T>
void grid_nearest_few(const GridTask<T>& task) {
  constexpr int many = 32 * grid_block;
  const int64_t pixels = task.shape->pixels(), points = task.shape->points;
  const auto outside = static_cast<int32_t>(pixels);
  // Where the points are, and what is read there: of those outside the last pixel, for the time.
  int32_t seen[many], places[many];
  bool has_outside[many / grid_block];
  for (int64_t begin = task.begin; begin < task.end; begin += many) {
    const int count = static_cast<int>(task.end - begin < many ? task.end - begin : many);
    for (int first = 0; first < count; first += grid_block) {
      const int n = count - first < grid_block ? count - first : grid_block;
      bool missing = false;
      if (task.shape->ndim == 2) {
        missing =
            nearest_pixels(*task.shape, task.grid, begin + first, n, seen + first, places + first);
      } else {
        Located<T> at;
        locate(*task.shape, task.grid, begin + first, n, false, at);
        for (int i = 0; i < n; ++i) {
          const int32_t pixel = at.pixel[0][i];
          seen[first + i] = pixel;
          places[first + i] = pixel == outside ? outside - 1 : pixel;
          missing |= pixel == outside;
        }
      }
      has_outside[first / grid_block] = missing;
    }
    for (int64_t c = 0; c < task.channels; ++c) {
      const T* plane = task.packed + c * pixels;
      T* to = task.output + c * points + begin;
#pragma GCC unroll 4
      for (int p = 0; p < count; ++p) to[p] = plane[places[p]];
      for (int first = 0; first < count; first += grid_block) {
        if (!has_outside[first / grid_block]) continue;
        const int end = count - first < grid_block ? count : first + grid_block;
        for (int p = first; p < end; ++p) to[p] = seen[p] == outside ? T(0) : to[p];
      }
    }
  }
}

/// Few points of an image: its channels are read where they are, one by one.
template <class T>
void grid_sample_few(const GridTask<T>& task) {
  const int n = task.shape->neighbours();
  if (n == 1) return grid_nearest_few(task);
  Located<T> at;
  const int64_t pixels = task.shape->pixels(), points = task.shape->points;
  for (int64_t begin = task.begin; begin < task.end; begin += grid_block) {
    const int count =
        static_cast<int>(task.end - begin < grid_block ? task.end - begin : grid_block);
    locate(*task.shape, task.grid, begin, count, false, at);
    for (int64_t c = 0; c < task.channels; ++c) {
      const T* plane = task.packed + c * pixels;
      for (int p = 0; p < count; ++p) {
        auto term = [&](int k) {
          const int32_t pixel = at.pixel[k][p];
          return at.weight[k][p] * (pixel == pixels ? T(0) : plane[pixel]);
        };
        T sum = term(0);
        for (int k = 1; k < n; ++k) sum += term(k);
        task.output[c * points + begin + p] = sum;
      }
    }
  }
}

template <class T>
void grid_backward_few(const GridTask<T>& task) {
  Located<T> at;
  const int n = task.shape->neighbours(), ndim = task.shape->ndim;
  const int64_t pixels = task.shape->pixels(), points = task.shape->points;
  for (int64_t begin = task.begin; begin < task.end; begin += grid_block) {
    const int count =
        static_cast<int>(task.end - begin < grid_block ? task.end - begin : grid_block);
    locate(*task.shape, task.grid, begin, count, true, at);
    if (n == 1 && !task.grad_grid) {  // of the nearest pixel, whose share is 1
      for (int64_t c = 0; c < task.channels; ++c) {
        T* plane = task.packed_grad + c * pixels;
        const T* g = task.grad_output + c * points + begin;
        for (int p = 0; p < count; ++p)
          if (at.pixel[0][p] != pixels) plane[at.pixel[0][p]] += g[p];
      }
      continue;
    }
    for (int p = 0; p < count; ++p) {
      T sums[3] = {};
      for (int64_t c = 0; c < task.channels; ++c) {
        const T g = task.grad_output[c * points + begin + p];
        for (int k = 0; k < n; ++k) {
          const int32_t pixel = at.pixel[k][p];
          const bool outside = pixel == pixels;
          if (task.packed_grad && !outside)
            task.packed_grad[c * pixels + pixel] += at.weight[k][p] * g;
          if (!task.grad_grid) continue;
          const T value = outside ? T(0) : task.packed[c * pixels + pixel];
          for (int d = 0; d < ndim; ++d) sums[d] += at.slope[d][k][p] * value * g;
        }
      }
      for (int d = 0; task.grad_grid && d < ndim; ++d)
        task.grad_grid[(begin + p) * ndim + ndim - 1 - d] =
            sums[d] * pixels_of_one<T>(*task.shape, d);
    }
  }
}

/// Calls body.operator()<G>() for a group: as many channels as a vector has lanes, or 8, or 4.
template <class T, class Body>
inline __attribute__((always_inline)) void with_group(int group, Body&& body) {
  constexpr int lanes = Vec<T>::lanes;
  if constexpr (lanes > 4)
    if (group == 4) return body.template operator()<4>();
  if constexpr (lanes > 8)
    if (group == 8) return body.template operator()<8>();
  body.template operator()<lanes>();
}

template <class T>
void any_grid_pack(int group, int64_t channels, int64_t pixels, int64_t begin, int64_t end,
                   const T* from, T* to) {
  with_group<T>(group, [&]<int G>() { grid_pack<T, G>(channels, pixels, begin, end, from, to); });
}
template <class T>
void any_grid_unpack(int group, int64_t channels, int64_t pixels, int64_t begin, int64_t end,
                     const T* from, T* to) {
  with_group<T>(group, [&]<int G>() { grid_unpack<T, G>(channels, pixels, begin, end, from, to); });
}
template <class T>
void any_grid_sample(const GridTask<T>& task) {
  if (task.group == 0) return grid_sample_few(task);
  with_group<T>(task.group, [&]<int G>() { grid_sample_group<T, G>(task); });
}
template <class T>
void any_grid_backward(const GridTask<T>& task) {
  if (task.group == 0) return grid_backward_few(task);
  with_group<T>(task.group, [&]<int G>() {
    task.shape->ndim == 2 ? grid_backward_group<T, G, 2>(task) : grid_backward_group<T, G, 3>(task);
  });
}

template <class T>
constexpr GridKernels<T> grid_table() {
  return {Vec<T>::lanes, any_grid_pack<T>, any_grid_unpack<T>, any_grid_sample<T>,
          any_grid_backward<T>};
}
extern const GridKernels<float> float_grid = grid_table<float>();
extern const GridKernels<double> double_grid = grid_table<double>();
