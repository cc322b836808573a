// The loops of spectra/stacks_simd.h, after conv/simd_body.h in the same namespace. No include
// guard: each instruction set compiles its own copy.

template <class T>
using StackInt = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

/// Whether any lane of what a comparison gave is set.
template <class T, class Mask>
inline __attribute__((always_inline)) bool any_lane(Mask mask) {
  using Int = StackInt<T>;
  return across<Int>((typename Vec<Int>::type)mask,
                     [](auto a, auto b) __attribute__((always_inline)) { return a | b; }) != 0;
}

/// body(i, j) for all i < j < n, in rounds of pairs that have no number in common: so what one pair
/// waits for does not hold up the next.
template <class Body>
inline __attribute__((always_inline)) void each_pair(int64_t n, Body&& body) {
  const int64_t others = n - 1 + n % 2;  // one of an even number stays, the others go around
  for (int64_t round = 0; round < others; ++round)
    for (int64_t k = 0; k <= others / 2; ++k) {
      int64_t a = round + k, b = k ? round - k : others;
      if (a >= others) a -= others;
      if (b < 0) b += others;
      if (a < n && b < n) body(a < b ? a : b, a < b ? b : a);
    }
}

/// The rotation of two vectors p and q that makes their product 0: c p - conj(s) q and s p + c q.
/// c = cos and s = sin times the product's phase, so that neither a tangent nor a phase is needed.
template <class T, bool complex>
struct StackTurn {
  using V = typename Vec<T>::type;
  V c, s, s_im, gain;  // `gain` is what q's square wins from p's
  decltype(V{} > V{}) turns;

  /// From the squares of p and q and their product (re, im): whether any lane turns, where the
  /// square of the product is above `relative` times that of the squares plus `least`.
  inline __attribute__((always_inline)) bool find(V first, V second, V re, V im, T relative,
                                                  T least) {
    V square = re * re, both = first * splat(relative) * second;
    if constexpr (complex) square = multiply_add(im, im, square);
    both = both < 0 ? -both : both;
    turns = square > both + splat(least);
    if (!any_lane<T>(turns)) return false;
    const V distance = second - first, one = splat(T(1)), half = splat(T(0.5));
    const V inverse = one / square_root(multiply_add(distance, distance, 4 * square));
    const V sign = distance < 0 ? -inverse : inverse;
    const V square_of_c = multiply_add(half * distance, sign, half);
    c = turns ? square_root(square_of_c) : one;
    const V over_c = one / c, f = (turns ? sign : V{}) * over_c;
    s = re * f;
    if constexpr (complex) s_im = im * f;
    gain = square * f * over_c;
    return true;
  }

  /// p and q: real, or their real and imaginary parts.
  inline __attribute__((always_inline)) void apply(V* p, V* q) const {
    const V x = p[0], y = q[0];
    if constexpr (complex) {
      const V u = p[1], v = q[1];
      p[0] = multiply_add(c, x, -multiply_add(s, y, s_im * v));
      p[1] = multiply_add(c, u, multiply_add(s_im, y, -(s * v)));
      q[0] = multiply_add(c, y, multiply_add(s, x, -(s_im * u)));
      q[1] = multiply_add(c, v, multiply_add(s, u, s_im * x));
    } else {
      p[0] = multiply_add(c, x, -(s * y));
      q[0] = multiply_add(c, y, s * x);
    }
  }
};

template <class T>
inline constexpr T stack_rounding = std::numeric_limits<T>::epsilon() / 2;

constexpr int most_sweeps = 30;

/// Columns (m each) of the matrices become orthogonal: whether they did.
/// Source: Hestenes, J. SIAM 6 (1958) 51.
template <class T, bool complex>
inline __attribute__((always_inline)) bool orthogonalize(int64_t m, int64_t n,
                                                         typename Vec<T>::type* A) {
  using V = typename Vec<T>::type;
  constexpr int parts = complex ? 2 : 1;
  const T tolerance = static_cast<T>(m + 4) * stack_rounding<T>;
  StackTurn<T, complex> turn;
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool turned = false;
    each_pair(n, [&](int64_t i, int64_t j) __attribute__((always_inline)) {
      V *p = A + i * m * parts, *q = A + j * m * parts;
      V first{}, second{}, re{}, im{};
      for (int64_t k = 0; k < m * parts; ++k) {
        first = multiply_add(p[k], p[k], first);
        second = multiply_add(q[k], q[k], second);
        re = multiply_add(p[k], q[k], re);
      }
      if constexpr (complex)
        for (int64_t k = 0; k < m * parts; k += 2)
          im += multiply_add(p[k], q[k + 1], -(p[k + 1] * q[k]));
      if (!turn.find(first, second, re, im, tolerance * tolerance, std::numeric_limits<T>::min()))
        return;
      turned = true;
      for (int64_t k = 0; k < m * parts; k += parts) turn.apply(p + k, q + k);
    });
    if (!turned) return true;
  }
  return false;
}

/// Hermitian matrices, of which A has both triangles, become diagonal: whether they did.
/// Source: Golub, Van Loan, Matrix Computations, 2013, 8.5.
template <class T, bool complex>
inline __attribute__((always_inline)) bool diagonalize(int64_t n, typename Vec<T>::type* A) {
  using V = typename Vec<T>::type;
  constexpr int parts = complex ? 2 : 1;
  constexpr T square = stack_rounding<T> * stack_rounding<T>;
  StackTurn<T, complex> turn;
  auto at = [&](int64_t i, int64_t j)
                __attribute__((always_inline)) { return A + (j * n + i) * parts; };
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool turned = false;
    each_pair(n, [&](int64_t i, int64_t j) __attribute__((always_inline)) {
      V *beside = at(i, j), *other = at(j, i), im{};
      if constexpr (complex) im = beside[1];
      if (!turn.find(*at(i, i), *at(j, j), beside[0], im, square, square * square)) return;
      turned = true;
      *at(i, i) -= turn.turns ? turn.gain : V{};
      *at(j, j) += turn.turns ? turn.gain : V{};
      beside[0] = other[0] = turn.turns ? V{} : beside[0];
      if constexpr (complex) {
        beside[1] = turn.turns ? V{} : beside[1];
        other[1] = -beside[1];
      }
      for (int64_t k = 0; k < n; ++k) {
        if (k == i || k == j) continue;
        V *p = at(k, i), *q = at(k, j);
        turn.apply(p, q);
        *at(i, k) = p[0], *at(j, k) = q[0];
        if constexpr (complex) at(i, k)[1] = -p[1], at(j, k)[1] = -q[1];
      }
    });
    if (!turned) return true;
  }
  return false;
}

/// Brings the matrices of a stack into lanes, by columns, each divided by a power of 2 that makes
/// its largest number less than 2; units (lanes) are these powers. The result has a bit for each
/// matrix that is not finite.
template <class T, bool hermitian>
inline uint32_t take_into_lanes(const LittleStack<T>& stack, T* to, T* units) {
  using V = typename Vec<T>::type;
  using Bits = std::make_unsigned_t<StackInt<T>>;
  using Words = typename Vec<Bits>::type;
  constexpr int lanes = Vec<T>::lanes;
  const int64_t parts = stack.complex ? 2 : 1, size = stack.numbers();
  auto put = [&](int64_t j, int64_t i, int64_t part, T sign, const T* from) {
    T* place = to + ((j * stack.m + i) * parts + part) * lanes;
    for (int l = 0; l < lanes; ++l)
      place[l] = from && l < stack.count ? sign * from[l * size] : T(0);
  };
  for (int64_t j = 0; j < stack.n; ++j)
    for (int64_t i = hermitian ? j : 0; i < stack.m; ++i)
      for (int64_t part = 0; part < parts; ++part) {
        const T* from =
            stack.matrices + (i * stack.row_step + j * stack.column_step) * parts + part;
        if (hermitian && i == j && part) from = nullptr;
        put(j, i, part, T(1), from);
        if (hermitian && i != j) put(i, j, part, part ? T(-1) : T(1), from);
      }
  Words largest{};
  for (int64_t k = 0; k < size; ++k) {
    const Words bits = (Words)load(to + k * lanes) << 1 >> 1;
    largest = bits > largest ? bits : largest;
  }
  const Bits infinity = Bits(sizeof(T) == 4 ? 0xff : 0x7ff) << (sizeof(T) == 4 ? 23 : 52),
             least = Bits(1) << (sizeof(T) == 4 ? 23 : 52);
  uint32_t not_finite = 0;
  Words unit;
  for (int l = 0; l < lanes; ++l) {
    const Bits exponent = largest[l] & infinity;
    const bool finite = exponent != infinity;
    not_finite |= static_cast<uint32_t>(!finite) << l;
    unit[l] = !finite || exponent > least ? exponent : least;
  }
  store(units, (V)unit);
  const V inverse = splat(T(1)) / (V)unit;  // 0 of what is not finite
  for (int64_t k = 0; k < size; ++k) store(to + k * lanes, load(to + k * lanes) * inverse);
  return not_finite;
}

/// Value j of each matrix, by its unit, goes to its place among the j before: ascending or not.
template <class T, bool ascending>
inline void sort_in(const LittleStack<T>& stack, int64_t j, typename Vec<T>::type found,
                    const T* units, T* values) {
  for (int64_t l = 0; l < stack.count; ++l) {
    T* to = values + l * stack.n;
    const T value = found[l] * units[l];
    int64_t place = j;
    for (; place > 0 && (ascending ? to[place - 1] > value : to[place - 1] < value); --place)
      to[place] = to[place - 1];
    to[place] = value;
  }
}

template <class T>
uint32_t stack_singular_values(const LittleStack<T>& stack, T* values, T* room) {
  using V = typename Vec<T>::type;
  const int64_t m = stack.m, n = stack.n, numbers = stack.complex ? 2 * m : m;
  alignas(64) T units[Vec<T>::lanes];
  const uint32_t not_finite = take_into_lanes<T, false>(stack, room, units);
  V* A = reinterpret_cast<V*>(room);
  const bool done =
      stack.complex ? orthogonalize<T, true>(m, n, A) : orthogonalize<T, false>(m, n, A);
  for (int64_t j = 0; j < n; ++j) {
    V sum{};
    for (int64_t k = 0; k < numbers; ++k)
      sum = multiply_add(A[j * numbers + k], A[j * numbers + k], sum);
    sort_in<T, false>(stack, j, square_root(sum), units, values);
  }
  return done ? not_finite : ~0u;
}

template <class T>
uint32_t stack_eigenvalues(const LittleStack<T>& stack, T* values, T* room) {
  using V = typename Vec<T>::type;
  const int64_t n = stack.n;
  alignas(64) T units[Vec<T>::lanes];
  const uint32_t not_finite = take_into_lanes<T, true>(stack, room, units);
  V* A = reinterpret_cast<V*>(room);
  const bool done = stack.complex ? diagonalize<T, true>(n, A) : diagonalize<T, false>(n, A);
  for (int64_t j = 0; j < n; ++j)
    sort_in<T, true>(stack, j, A[(j * n + j) * (stack.complex ? 2 : 1)], units, values);
  return done ? not_finite : ~0u;
}

extern const StackKernels<float> float_stacks = {Vec<float>::lanes, stack_singular_values<float>,
                                                 stack_eigenvalues<float>};
extern const StackKernels<double> double_stacks = {
    Vec<double>::lanes, stack_singular_values<double>, stack_eigenvalues<double>};
