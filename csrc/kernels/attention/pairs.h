// Passes over scores between products of pairs of bfloat16, for machines that have those: float32,
// in vectors of 16; pointers need not be aligned. Pure loops over raw memory: any thread, no GIL.
#pragma once
#include <cstdint>

namespace flambeau {

/// What the gradient of a tile of scores is made of: of each of its rows, the last one of an odd
/// number being followed by one whose scores are -infinity.
struct SlopeTile {
  int64_t n_pairs;  // of rows
  int vectors;      // a row, without gaps
  const float *scores, *slopes;
  float factor, scale;                    // weight = exp2(factor * (score - largest)) * share
  const float *largest, *shares, *means;  // one a row
  const float* kept;                      // factors of slopes before and of weights behind, or none
  /// The weights and weight * (slope - mean) * scale; both rows of a pair in a word.
  uint32_t *weight_words, *slope_words;
  uint16_t* slope_rows;  // the latter row by row, `slope_row` apart
  int64_t slope_row;
};

struct PairPasses {
  /// x = scale * x + mask.
  void (*add)(float* x, int64_t n, float scale, const uint16_t* mask);
  /// exp2(factor * (x - largest)), rounded, and their sum before that.
  float (*weights)(const float* x, int64_t n, float factor, float largest, uint16_t* to);
  /// The same in float32.
  float (*exponentials)(float* x, int64_t n, float factor, float largest);
  void (*slopes)(const SlopeTile& tile);
};

/// Null where the machine lacks the instructions.
const PairPasses* pair_passes();

}  // namespace flambeau
