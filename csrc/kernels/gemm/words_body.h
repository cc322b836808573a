// The loops of gemm/words.h, for the vector and tile that the including file sets: vector_bytes and
// word_rows, word_vectors, inside its own namespace, behind kernels/simd/vector_body.h. No include
// guard: each instruction set compiles its own copy.

/// A word of values as they lie in memory, which may begin between two words.
template <class Word>
struct LooseWord {
  typedef Word type __attribute__((aligned(1), may_alias));
};

/// Multiply: what one instruction, or a product and a sum, makes of a vector of words, the same
/// word of A in all lanes, and the sums so far.
template <class Multiply, class Word, class Sum, int M, int V>
void word_tile(int64_t n_words, const void* a_words, int64_t a_row, const Word* b, bool add,
               Sum* to, int64_t to_row) {
  constexpr int lanes = vector_bytes / sizeof(Word);
  const auto* a = static_cast<const typename LooseWord<Word>::type*>(a_words);
  typename Vec<Sum>::type sums[M][V] = {};
  if (add)
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i)
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) sums[i][v] = load(to + i * to_row + v * lanes);
  for (int64_t k = 0; k < n_words; ++k, b += V * lanes) {
    typename Vec<Word>::type columns[V];
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) columns[v] = load(b + v * lanes);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const typename Vec<Word>::type word = splat<Word>(a[i * a_row + k]);
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) sums[i][v] = Multiply()(sums[i][v], columns[v], word);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) store(to + i * to_row + v * lanes, sums[i][v]);
}

template <class Word, class Sum>
using WordTile = void (*)(int64_t, const void*, int64_t, const Word*, bool, Sum*, int64_t);

template <class Multiply, class Word, class Sum, int V, int... I>
constexpr WordTile<Word, Sum> word_tile_of(std::integer_sequence<int, I...>, int m) {
  constexpr WordTile<Word, Sum> table[] = {word_tile<Multiply, Word, Sum, I + 1, V>...};
  return table[m - 1];
}

template <class Multiply, class Word, class Sum>
void any_word_tile(int m, int v, int64_t n_words, const void* a, int64_t a_row, const Word* b,
                   bool add, Sum* to, int64_t to_row) {
  constexpr auto rows = std::make_integer_sequence<int, word_rows>{};
  WordTile<Word, Sum> tile;
  if (v == 1)
    tile = word_tile_of<Multiply, Word, Sum, 1>(rows, m);
  else if (v == 2 || word_vectors == 2)
    tile = word_tile_of<Multiply, Word, Sum, 2>(rows, m);
  else
    tile = word_tile_of<Multiply, Word, Sum, word_vectors>(rows, m);
  tile(n_words, a, a_row, b, add, to, to_row);
}

/// A square of words at a time, in registers.
template <class Word>
void turn_words(int64_t n_words, const void* from, int64_t row_bytes, Word* to, int64_t to_row) {
  constexpr int lanes = vector_bytes / sizeof(Word);
  const auto* row = static_cast<const char*>(from);
  for (int64_t w = 0; w < n_words; w += lanes, row += vector_bytes, to += lanes * to_row) {
    typename Vec<Word>::type square[lanes];
#pragma GCC unroll 16
    for (int j = 0; j < lanes; ++j)
      square[j] = *reinterpret_cast<const typename LooseWord<typename Vec<Word>::type>::type*>(
          row + j * row_bytes);
    transpose<Word>(square);
#pragma GCC unroll 16
    for (int j = 0; j < lanes; ++j) store(to + j * to_row, square[j]);
  }
}

template <class Bits, class Word, int group>
void join_rows(const void* rows, int64_t row, int64_t n, Word* to) {
  constexpr int bits = 8 * sizeof(Word) / group;
  const auto* first = static_cast<const Bits*>(rows);
  if constexpr (group == 1) {
    for (int64_t j = 0; j < n; ++j) to[j] = first[j];
  } else if constexpr (group == 2) {
    const Bits* second = first + row;
    for (int64_t j = 0; j < n; ++j) to[j] = first[j] | static_cast<Word>(second[j]) << bits;
  } else {
    const Bits *second = first + row, *third = second + row, *fourth = third + row;
    for (int64_t j = 0; j < n; ++j)
      to[j] = first[j] | static_cast<Word>(second[j]) << bits |
              static_cast<Word>(third[j]) << 2 * bits | static_cast<Word>(fourth[j]) << 3 * bits;
  }
}

/// Of values of Bits, `group` of them a word.
template <class Multiply, class Bits, class Word, class Sum, int group>
constexpr WordKernels<Word, Sum> word_kernels() {
  return {static_cast<int>(vector_bytes / sizeof(Word)),
          word_vectors,
          word_rows,
          group,
          any_word_tile<Multiply, Word, Sum>,
          turn_words<Word>,
          join_rows<Bits, Word, group>};
}
