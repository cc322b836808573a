// The loops of fft/simd.h, after vector_body.h in the same namespace. No include guard: each
// instruction set compiles its own copy.

#define FLAMBEAU_UNROLLED _Pragma("GCC unroll 16")

template <class T>
using Lane = typename Vec<T>::type;

/// A complex point of every lane.
template <class T>
struct Points {
  Lane<T> re, im;
};

template <class T>
inline __attribute__((always_inline)) Points<T> operator+(Points<T> a, Points<T> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class T>
inline __attribute__((always_inline)) Points<T> operator-(Points<T> a, Points<T> b) {
  return {a.re - b.re, a.im - b.im};
}
template <class T>
inline __attribute__((always_inline)) Points<T> times(Points<T> a, Lane<T> re, Lane<T> im) {
  return {multiply_add(a.re, re, -(a.im * im)), multiply_add(a.re, im, a.im * re)};
}
template <class T>
inline __attribute__((always_inline)) Points<T> times_minus_i(Points<T> a) {
  return {a.im, -a.re};
}
template <class T>
inline __attribute__((always_inline)) Points<T> load_points(const T* from) {
  return {load(from), load(from + Vec<T>::lanes)};
}
template <class T>
inline __attribute__((always_inline)) void store_points(T* to, Points<T> a) {
  store(to, a.re);
  store(to + Vec<T>::lanes, a.im);
}
template <class T>
inline __attribute__((always_inline)) Points<T> swapped(Points<T> a, bool swap) {
  return swap ? Points<T>{a.im, a.re} : a;
}

// ---- transforms of 2, 3, 4, 5 and 8 points, in place

template <class T>
inline __attribute__((always_inline)) void butterfly(std::integral_constant<int, 2>, Points<T>* a) {
  Points<T> b = a[0] - a[1];
  a[0] = a[0] + a[1];
  a[1] = b;
}

template <class T>
inline __attribute__((always_inline)) void butterfly(std::integral_constant<int, 3>, Points<T>* a) {
  const Lane<T> sine = splat(T(0.866025403784438646763723170752936183L)), half = splat(T(-0.5));
  Points<T> sum = a[1] + a[2], d = a[1] - a[2];
  Points<T> middle = {multiply_add(sum.re, half, a[0].re), multiply_add(sum.im, half, a[0].im)};
  Points<T> turn = times_minus_i(Points<T>{d.re * sine, d.im * sine});
  a[0] = a[0] + sum;
  a[1] = middle + turn;
  a[2] = middle - turn;
}

template <class T>
inline __attribute__((always_inline)) void butterfly(std::integral_constant<int, 4>, Points<T>* a) {
  Points<T> s02 = a[0] + a[2], d02 = a[0] - a[2], s13 = a[1] + a[3];
  Points<T> d13 = times_minus_i(a[1] - a[3]);
  a[0] = s02 + s13;
  a[1] = d02 + d13;
  a[2] = s02 - s13;
  a[3] = d02 - d13;
}

template <class T>
inline __attribute__((always_inline)) void butterfly(std::integral_constant<int, 5>, Points<T>* a) {
  const Lane<T> c1 = splat(T(0.309016994374947424102293417182819059L)),
                c2 = splat(T(-0.809016994374947424102293417182819059L)),
                s1 = splat(T(0.951056516295153572116439333379382143L)),
                s2 = splat(T(0.587785252292473129168705954639072769L));
  Points<T> s14 = a[1] + a[4], d14 = a[1] - a[4], s23 = a[2] + a[3], d23 = a[2] - a[3];
  auto middle = [&](Lane<T> near, Lane<T> far) {
    return Points<T>{multiply_add(s14.re, near, multiply_add(s23.re, far, a[0].re)),
                     multiply_add(s14.im, near, multiply_add(s23.im, far, a[0].im))};
  };
  auto turn = [&](Lane<T> near, Lane<T> far) {
    return times_minus_i(Points<T>{multiply_add(d14.re, near, d23.re * far),
                                   multiply_add(d14.im, near, d23.im * far)});
  };
  Points<T> m1 = middle(c1, c2), m2 = middle(c2, c1), t1 = turn(s1, s2), t2 = turn(s2, -s1);
  a[0] = a[0] + s14 + s23;
  a[1] = m1 + t1;
  a[4] = m1 - t1;
  a[2] = m2 + t2;
  a[3] = m2 - t2;
}

template <class T>
inline __attribute__((always_inline)) void butterfly(std::integral_constant<int, 8>, Points<T>* a) {
  const Lane<T> r = splat(T(0.707106781186547524400844362104849039L));
  Points<T> even[4] = {a[0], a[2], a[4], a[6]}, odd[4] = {a[1], a[3], a[5], a[7]};
  butterfly(std::integral_constant<int, 4>{}, even);
  butterfly(std::integral_constant<int, 4>{}, odd);
  // odd[k] times exp(-2 pi i k / 8)
  odd[1] = {(odd[1].re + odd[1].im) * r, (odd[1].im - odd[1].re) * r};
  odd[2] = times_minus_i(odd[2]);
  odd[3] = {(odd[3].im - odd[3].re) * r, -(odd[3].re + odd[3].im) * r};
  FLAMBEAU_UNROLLED
  for (int k = 0; k < 4; ++k) {
    a[k] = even[k] + odd[k];
    a[k + 4] = even[k] - odd[k];
  }
}

// ---- Stockham steps

/// The transforms of one p. Where p is 0 the roots are 1 and nothing is `turned`: an infinity times
/// their zero parts would be NaN.
template <class T, int radix, bool turned>
inline __attribute__((always_inline)) void fixed_step(const FourierStep<T>& step, int64_t p,
                                                      const T* in, T* out) {
  constexpr int64_t wide = 2 * Vec<T>::lanes;
  const int64_t m = step.m, s = step.s;
  const T* roots = step.roots + p * (radix - 1) * 2;
  for (int64_t q = 0; q < s; ++q) {
    Points<T> a[radix];
    FLAMBEAU_UNROLLED
    for (int j = 0; j < radix; ++j) a[j] = load_points(in + (q + s * (p + j * m)) * wide);
    butterfly(std::integral_constant<int, radix>{}, a);
    T* to = out + (q + s * radix * p) * wide;
    store_points(to, a[0]);
    FLAMBEAU_UNROLLED
    for (int k = 1; k < radix; ++k) {
      if constexpr (turned) a[k] = times(a[k], splat(roots[2 * k - 2]), splat(roots[2 * k - 1]));
      store_points(to + s * k * wide, a[k]);
    }
  }
}

template <class T, int radix>
void step_of(const FourierStep<T>& step, const T* in, T* out) {
  fixed_step<T, radix, false>(step, 0, in, out);
  for (int64_t p = 1; p < step.m; ++p) fixed_step<T, radix, true>(step, p, in, out);
}

/// A step of an odd radix, by sums and differences of the points j and radix - j; `fixed` is the
/// radix or 0, when step.radix says it.
template <class T, int fixed>
void odd_step(const FourierStep<T>& step, const T* in, T* out) {
  constexpr int64_t wide = 2 * Vec<T>::lanes;
  constexpr int most = fixed ? fixed : 31;
  const int radix = fixed ? fixed : step.radix, half = radix / 2;
  const int64_t m = step.m, s = step.s;
  const T *cosines = step.circle, *sines = step.circle + radix;
  Points<T> sums[most / 2 + 1] = {}, differences[most / 2 + 1] = {};
  for (int64_t p = 0; p < m; ++p) {
    const T* roots = step.roots + p * (radix - 1) * 2;
    for (int64_t q = 0; q < s; ++q) {
      Points<T> first = load_points(in + (q + s * p) * wide), total = first;
      FLAMBEAU_UNROLLED
      for (int j = 1; j <= half; ++j) {
        Points<T> a = load_points(in + (q + s * (p + j * m)) * wide);
        Points<T> b = load_points(in + (q + s * (p + (radix - j) * m)) * wide);
        sums[j] = a + b;
        differences[j] = a - b;
        total = total + sums[j];
      }
      T* to = out + (q + s * radix * p) * wide;
      store_points(to, total);
      FLAMBEAU_UNROLLED
      for (int k = 1; k <= half; ++k) {
        Points<T> middle = first, turn = {};
        FLAMBEAU_UNROLLED
        for (int j = 1; j <= half; ++j) {
          Lane<T> c = splat(cosines[j * k % radix]), n = splat(sines[j * k % radix]);
          middle.re = multiply_add(sums[j].re, c, middle.re);
          middle.im = multiply_add(sums[j].im, c, middle.im);
          turn.re = multiply_add(differences[j].re, n, turn.re);
          turn.im = multiply_add(differences[j].im, n, turn.im);
        }
        turn = times_minus_i(turn);
        auto put = [&](int at, Points<T> value) {
          const T* root = roots + 2 * (at - 1);
          if (p > 0) value = times(value, splat(root[0]), splat(root[1]));
          store_points(to + s * at * wide, value);
        };
        put(k, middle + turn);
        put(radix - k, middle - turn);
      }
    }
  }
}

template <class T>
T* fourier_transform(const FourierStep<T>* steps, int n_steps, T* data, T* spare) {
  for (int i = 0; i < n_steps; ++i) {
    switch (steps[i].radix) {
      case 2: step_of<T, 2>(steps[i], data, spare); break;
      case 3: step_of<T, 3>(steps[i], data, spare); break;
      case 4: step_of<T, 4>(steps[i], data, spare); break;
      case 5: step_of<T, 5>(steps[i], data, spare); break;
      case 7: odd_step<T, 7>(steps[i], data, spare); break;
      case 8: step_of<T, 8>(steps[i], data, spare); break;
      case 11: odd_step<T, 11>(steps[i], data, spare); break;
      case 13: odd_step<T, 13>(steps[i], data, spare); break;
      default: odd_step<T, 0>(steps[i], data, spare);
    }
    T* result = spare;
    spare = data;
    data = result;
  }
  return data;
}

// ---- into lanes form and back

template <int first, class V, int... I>
inline __attribute__((always_inline)) V every_other(V a, V b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (first + 2 * I)...);
}

/// Rows of n numbers without gaps, n a power of 2 below `lanes`, fill n vectors. With the bits of a
/// place read as (vector, lane), each step turns them one to the left: what was row (b bits) and
/// number becomes number and row after b steps, and the other way round after the others.
template <int n, class V>
inline __attribute__((always_inline)) void turn_bits(V* v, int steps) {
  constexpr auto order = std::make_integer_sequence<int, sizeof(V) / sizeof(v[0][0])>{};
  FLAMBEAU_UNROLLED
  for (int step = 0; step < steps; ++step) {
    V next[n];
    FLAMBEAU_UNROLLED
    for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = low_interleaved(v[i], v[i + n / 2], order);
      next[2 * i + 1] = high_interleaved(v[i], v[i + n / 2], order);
    }
    FLAMBEAU_UNROLLED
    for (int i = 0; i < n; ++i) v[i] = next[i];
  }
}
constexpr int bits_of(int n) { return n == 1 ? 0 : 1 + bits_of(n / 2); }

template <class T, int n>
void fourier_load_short_rows(const T* from, T scale, int64_t flip, T* to) {
  constexpr int lanes = Vec<T>::lanes;
  Lane<T> v[n];
  FLAMBEAU_UNROLLED
  for (int i = 0; i < n; ++i) v[i] = load(from + i * lanes) * splat(scale);
  turn_bits<n>(v, bits_of(lanes));
  FLAMBEAU_UNROLLED
  for (int i = 0; i < n; ++i) store(to + (i ^ flip) * lanes, v[i]);
}
template <class T, int n>
void fourier_store_short_rows(const T* from, int64_t flip, T* to) {
  constexpr int lanes = Vec<T>::lanes;
  Lane<T> v[n];
  FLAMBEAU_UNROLLED
  for (int i = 0; i < n; ++i) v[i] = load(from + (i ^ flip) * lanes);
  turn_bits<n>(v, bits_of(n));
  FLAMBEAU_UNROLLED
  for (int i = 0; i < n; ++i) store(to + i * lanes, v[i]);
}

/// Calls body.operator()<n>() for a power of 2 from 2 to below `lanes`; false for others.
template <class T, class Body>
inline __attribute__((always_inline)) bool with_short_rows(int64_t n, Body&& body) {
  constexpr int lanes = Vec<T>::lanes;
  if constexpr (lanes > 2)
    if (n == 2) return body.template operator()<2>(), true;
  if constexpr (lanes > 4)
    if (n == 4) return body.template operator()<4>(), true;
  if constexpr (lanes > 8)
    if (n == 8) return body.template operator()<8>(), true;
  return false;
}

template <class T>
void fourier_load_rows(const T* const* rows, int64_t n, T scale, bool swap, T* to) {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t flip = swap;
  if (n < lanes) {
    if (rows[lanes - 1] == rows[0] + (lanes - 1) * n && with_short_rows<T>(n, [&]<int known>() {
          fourier_load_short_rows<T, known>(rows[0], scale, flip, to);
        }))
      return;
    if constexpr (has_spans) {
      const Span<T> span = span_of<T>(0, static_cast<int>(n));
      Lane<T> v[lanes];
      FLAMBEAU_UNROLLED
      for (int l = 0; l < lanes; ++l) v[l] = load_some(rows[l], span) * splat(scale);
      transpose<T>(v);
      for (int64_t f = 0; f < n; ++f) store(to + (f ^ flip) * lanes, v[f]);
      return;
    }
    for (int64_t f = 0; f < n; ++f)
      for (int l = 0; l < lanes; ++l) to[(f ^ flip) * lanes + l] = rows[l][f] * scale;
    return;
  }
  // The last block overlaps the one before it where n is no multiple.
  for (int64_t f0 = 0; f0 < n; f0 += lanes) {
    int64_t f = f0 < n - lanes ? f0 : n - lanes;
    Lane<T> v[lanes];
    FLAMBEAU_UNROLLED
    for (int l = 0; l < lanes; ++l) v[l] = load(rows[l] + f) * splat(scale);
    transpose<T>(v);
    FLAMBEAU_UNROLLED
    for (int l = 0; l < lanes; ++l) store(to + ((f + l) ^ flip) * lanes, v[l]);
  }
}

template <class T>
void fourier_store_rows(const T* from, int64_t n, bool swap, T* const* rows, int count) {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t flip = swap;
  if (n < lanes) {
    if (count == lanes && rows[lanes - 1] == rows[0] + (lanes - 1) * n &&
        with_short_rows<T>(
            n, [&]<int known>() { fourier_store_short_rows<T, known>(from, flip, rows[0]); }))
      return;
    if constexpr (has_spans) {
      const Span<T> span = span_of<T>(0, static_cast<int>(n));
      Lane<T> v[lanes];
      for (int64_t f = 0; f < lanes; ++f)
        v[f] = f < n ? load(from + (f ^ flip) * lanes) : Lane<T>{};
      transpose<T>(v);
      for (int l = 0; l < count; ++l) store_some(rows[l], v[l], span);
      return;
    }
    for (int l = 0; l < count; ++l)
      for (int64_t f = 0; f < n; ++f) rows[l][f] = from[(f ^ flip) * lanes + l];
    return;
  }
  for (int64_t f0 = 0; f0 < n; f0 += lanes) {
    int64_t f = f0 < n - lanes ? f0 : n - lanes;
    Lane<T> v[lanes];
    FLAMBEAU_UNROLLED
    for (int l = 0; l < lanes; ++l) v[l] = load(from + ((f + l) ^ flip) * lanes);
    transpose<T>(v);
    if (count == lanes) {
      FLAMBEAU_UNROLLED
      for (int l = 0; l < lanes; ++l) store(rows[l] + f, v[l]);
    } else {
      for (int l = 0; l < count; ++l) store(rows[l] + f, v[l]);
    }
  }
}

/// Columns of fewer signals than lanes: load_pair(from, a, b) and store_pair(to, a, b) of their 2 *
/// count numbers.
template <class T>
class SomeColumns {
 public:
  explicit SomeColumns(int count) : count_(2 * count) {
    if constexpr (has_spans) {
      low_ = span_of<T>(0, count_ < lanes ? count_ : lanes);
      high_ = span_of<T>(0, count_ < lanes ? 0 : count_ - lanes);
    }
  }
  void load_pair(const T* from, Lane<T>& a, Lane<T>& b) const {
    if constexpr (has_spans) {
      a = load_some(from, low_);
      b = load_some(from + lanes, high_);
    } else {
      T part[2 * lanes] = {};
      for (int f = 0; f < count_; ++f) part[f] = from[f];
      a = load(part);
      b = load(part + lanes);
    }
  }
  void store_pair(T* to, Lane<T> a, Lane<T> b) const {
    if constexpr (has_spans) {
      store_some(to, a, low_);
      store_some(to + lanes, b, high_);
    } else {
      T part[2 * lanes];
      store(part, a);
      store(part + lanes, b);
      for (int f = 0; f < count_; ++f) to[f] = part[f];
    }
  }

 private:
  static constexpr int lanes = Vec<T>::lanes;
  int count_;
  Span<T> low_, high_;
};

template <class T>
void fourier_load_columns(const T* from, int64_t step, int64_t n, int count, T scale, bool swap,
                          T* to) {
  constexpr int lanes = Vec<T>::lanes;
  constexpr auto order = std::make_integer_sequence<int, lanes>{};
  const SomeColumns<T> some(count);
  for (int64_t j = 0; j < n; ++j, from += step) {
    Lane<T> a, b;
    if (count == lanes) {
      a = load(from);
      b = load(from + lanes);
    } else {
      some.load_pair(from, a, b);
    }
    Points<T> points = {every_other<0>(a, b, order) * splat(scale),
                        every_other<1>(a, b, order) * splat(scale)};
    store_points(to + 2 * j * lanes, swapped(points, swap));
  }
}

template <class T>
void fourier_store_columns(const T* from, int64_t n, bool swap, T* to, int64_t step, int count) {
  constexpr int lanes = Vec<T>::lanes;
  constexpr auto order = std::make_integer_sequence<int, lanes>{};
  const SomeColumns<T> some(count);
  for (int64_t j = 0; j < n; ++j, to += step) {
    Points<T> points = swapped(load_points(from + 2 * j * lanes), swap);
    const Lane<T> a = low_interleaved(points.re, points.im, order),
                  b = high_interleaved(points.re, points.im, order);
    if (count == lanes) {
      store(to, a);
      store(to + lanes, b);
    } else {
      some.store_pair(to, a, b);
    }
  }
}

// ---- products and halves

template <class T>
void fourier_multiply(const T* from, const T* factors, int64_t n, bool swap_in, bool swap_out,
                      T* to) {
  constexpr int64_t wide = 2 * Vec<T>::lanes;
  for (int64_t k = 0; k < n; ++k) {
    Points<T> a = swapped(load_points(from + k * wide), swap_in);
    a = times(a, splat(factors[2 * k]), splat(factors[2 * k + 1]));
    store_points(to + k * wide, swapped(a, swap_out));
  }
}

template <class T>
void fourier_rotate(T* data, const T* factors, const T* lane_roots, int64_t n) {
  constexpr int64_t wide = 2 * Vec<T>::lanes;
  for (int64_t k = 0; k < n; ++k) {
    Points<T> root =
        times(load_points(lane_roots + k * wide), splat(factors[2 * k]), splat(factors[2 * k + 1]));
    Points<T> a = load_points(data + k * wide);
    store_points(data + k * wide, times(a, root.re, root.im));
  }
}

// The middle coefficient of an even n is its own partner, a quarter of the circle from the first:
// its products with 0 would make an infinity NaN, and with a rounded 0 leave something of 3e38.

template <class T>
void fourier_split_half(T* data, const T* roots, int64_t n, T sign) {
  constexpr int64_t wide = 2 * Vec<T>::lanes;
  const Lane<T> half = splat(T(0.5)), signs = splat(sign);
  Points<T> first = load_points(data);
  store_points(data, Points<T>{first.re + first.im, Lane<T>{}});
  store_points(data + n * wide, Points<T>{first.re - first.im, Lane<T>{}});
  for (int64_t k = 1; k < n - k; ++k) {
    Points<T> a = load_points(data + k * wide), b = load_points(data + (n - k) * wide);
    // Halved before they are added: sums stay as small as the results.
    a = {a.re * half, a.im * half};
    b = {b.re * half, -b.im * half};
    Points<T> even = a + b, odd = times_minus_i(a - b);
    odd = times(odd, splat(roots[2 * k]), splat(roots[2 * k + 1]));
    Points<T> low = even + odd, high = even - odd;
    store_points(data + k * wide, Points<T>{low.re, low.im * signs});
    store_points(data + (n - k) * wide, Points<T>{high.re, -high.im * signs});
  }
  if (n % 2 == 0) {
    Points<T> middle = load_points(data + n / 2 * wide);
    store_points(data + n / 2 * wide, Points<T>{middle.re, -middle.im * signs});
  }
}

template <class T>
void fourier_join_half(T* data, const T* roots, int64_t n, T sign) {
  constexpr int64_t wide = 2 * Vec<T>::lanes;
  const Lane<T> signs = splat(sign);
  // Imaginary parts of the first and the last coefficient mean nothing.
  Lane<T> first = load(data), last = load(data + n * wide);
  store_points(data, Points<T>{first - last, first + last});
  for (int64_t k = 1; k < n - k; ++k) {
    Points<T> a = load_points(data + k * wide), b = load_points(data + (n - k) * wide);
    a.im = a.im * signs;
    b.im = -b.im * signs;
    Points<T> even = a + b;
    Points<T> odd = times(a - b, splat(roots[2 * k]), splat(-roots[2 * k + 1]));
    // even + i odd, and of n - k the conjugates' even + i odd; parts swapped.
    store_points(data + k * wide, Points<T>{even.im + odd.re, even.re - odd.im});
    store_points(data + (n - k) * wide, Points<T>{odd.re - even.im, even.re + odd.im});
  }
  if (n % 2 == 0) {
    Points<T> middle = load_points(data + n / 2 * wide);
    const Lane<T> two = splat(T(2));
    store_points(data + n / 2 * wide, Points<T>{-middle.im * two * signs, middle.re * two});
  }
}

template <class T>
constexpr FourierKernels<T> fourier_table() {
  return {Vec<T>::lanes,           fourier_load_rows<T>,     fourier_store_rows<T>,
          fourier_load_columns<T>, fourier_store_columns<T>, fourier_transform<T>,
          fourier_multiply<T>,     fourier_rotate<T>,        fourier_split_half<T>,
          fourier_join_half<T>};
}
extern const FourierKernels<float> float_fourier = fourier_table<float>();
extern const FourierKernels<double> double_fourier = fourier_table<double>();

#undef FLAMBEAU_UNROLLED
