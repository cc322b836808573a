// The loops of gemm/words.h, for the vector and tile that the including file sets: vector_bytes and
// word_rows, word_vectors, inside its own namespace, behind kernels/simd/vector_body.h. No include
// guard: each instruction set compiles its own copy.

/// Multiply: what one instruction, or a product and a sum, makes of a vector of words, the same
/// word of A in all lanes, and the sums so far.
template <class Multiply, class Word, class Sum, int M, int V>
void word_tile(int64_t n_words, const Word* a, int64_t a_row, const Word* b, Sum* to) {
  constexpr int lanes = vector_bytes / sizeof(Word);
  typename Vec<Sum>::type sums[M][V];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) sums[i][v] = load(to + (i * V + v) * lanes);
  for (int64_t k = 0; k < n_words; ++k, b += V * lanes) {
    typename Vec<Word>::type columns[V];
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) columns[v] = load(b + v * lanes);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const typename Vec<Word>::type word = splat(a[i * a_row + k]);
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) sums[i][v] = Multiply()(sums[i][v], columns[v], word);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) store(to + (i * V + v) * lanes, sums[i][v]);
}

template <class Word, class Sum>
using WordTile = void (*)(int64_t, const Word*, int64_t, const Word*, Sum*);

template <class Multiply, class Word, class Sum, int V, int... I>
constexpr WordTile<Word, Sum> word_tile_of(std::integer_sequence<int, I...>, int m) {
  constexpr WordTile<Word, Sum> table[] = {word_tile<Multiply, Word, Sum, I + 1, V>...};
  return table[m - 1];
}

template <class Multiply, class Word, class Sum>
void any_word_tile(int m, int v, int64_t n_words, const Word* a, int64_t a_row, const Word* b,
                   Sum* to) {
  constexpr auto rows = std::make_integer_sequence<int, word_rows>{};
  WordTile<Word, Sum> tile;
  if (v == 1)
    tile = word_tile_of<Multiply, Word, Sum, 1>(rows, m);
  else if (v == 2 || word_vectors == 2)
    tile = word_tile_of<Multiply, Word, Sum, 2>(rows, m);
  else
    tile = word_tile_of<Multiply, Word, Sum, word_vectors>(rows, m);
  tile(n_words, a, a_row, b, to);
}

template <class Multiply, class Word, class Sum>
constexpr WordKernels<Word, Sum> word_kernels(int group) {
  return {static_cast<int>(vector_bytes / sizeof(Word)), word_vectors, word_rows, group,
          any_word_tile<Multiply, Word, Sum>};
}
