// Attention whose scores and mask are functions of the places, compiled for tiles of scores, and
// its gradient: tiles of queries x keys, whose sums run along (Dao et al., 2022, arXiv:2205.14135).
// T: float, double. Raw memory, no GIL; runs in threads, with the same bits for any number of them.
#pragma once
#include <atomic>
#include <cstdint>
#include <vector>

#include "kernels/attention/attention.h"

namespace flambeau {

/// What a compiled function of scores is told, as it reads them: eight bytes each
/// (flambeau/kernels/schedules/scores.py).
struct ScoreTile {
  int64_t n_rows, n_columns, row_bytes;
  const void* scores;
  void* out;  // the changed scores; in the gradient, those of them that become those of `scores`
  int64_t b, h, query, key;  // of the first row and column
  int64_t* outside;          // becomes 1 where an index lies outside of its tensor
};
/// `arrays`: of each tensor that the function reads its address, where its gradient is added up,
/// and then size and stride (in elements) of each of its dims.
using ScoreFunction = void (*)(const ScoreTile* tile, const int64_t* arrays);

enum class BlockState : uint8_t { empty, partly, full };

/// Which blocks of pairs are used: states (n_query_blocks, n_key_blocks) of each head begin at
/// states + at[head].
struct BlockStates {
  const uint8_t* states = nullptr;  // null: all pairs, partly
  std::vector<int64_t> at;
  int64_t n_key_blocks = 0, block_queries = 0, block_keys = 0;
};

template <class T>
struct FlexAttention {
  int64_t n_batches, n_heads, n_key_heads;  // n_heads is a multiple of n_key_heads
  int64_t n_queries, n_keys, E, V;          // all 1 or more
  Rows<const T> query;                      // of n_batches * n_heads
  Rows<const T> key, value;                 // of n_batches * n_key_heads
  T scale;
  BlockStates blocks;
  ScoreFunction full = nullptr;    // of blocks without a mask; null: scores stay as they are
  ScoreFunction partly = nullptr;  // of blocks with one, the same
  ScoreFunction slope = nullptr;   // the gradient of `full`; null: that of the identity
  std::vector<int64_t> arrays;     // of the functions
  int64_t key_head(int64_t head) const {
    return head / n_heads * n_key_heads + head % n_heads * n_key_heads / n_heads;
  }
};

/// out (n_batches, n_heads, n_queries, V) and norms (..., n_queries, 2): the largest score of each
/// row and the sum of its exponentials beside it, -infinity and 0 where a row has no pair; its
/// result is 0. False if a function met an index outside of its tensor.
template <class T>
bool flex_attend(const FlexAttention<T>& a, T* out, T* norms);

/// Where the gradient of an array is added up: `n` numbers for each part, at data + part * n; slot:
/// that of its address in FlexAttention::arrays.
template <class T>
struct ArrayGradient {
  T* data;
  int64_t n, slot;
};

/// The gradients, contiguous, from those of out and, where given, of the scores' log-sum-exp (a
/// number for each row). What arrays get is added up in n_parts parts, in a fixed order each.
template <class T>
bool flex_attend_backward(const FlexAttention<T>& a, const T* out, const T* norms, const T* grad,
                          const T* grad_lse, int64_t n_parts, T* grad_query, T* grad_key,
                          T* grad_value, const std::vector<ArrayGradient<T>>& array_gradients);

/// The state of each block of pairs: `partly` writes 1 where a mask sees a pair, 0 elsewhere.
/// Blocks that the end of queries or keys cuts are never full. False as above.
struct MaskBlocks {
  int64_t n_batches, n_heads, n_queries, n_keys, block_queries, block_keys;
  ScoreFunction visible;
  std::vector<int64_t> arrays;
};
bool flex_states(const MaskBlocks& mask, uint8_t* states);

}  // namespace flambeau
