// Windows of a resampling along one dimension: which old places each new one is a sum of, and with
// which weights. Plain values; any thread.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

namespace flambeau {

/// How a new place weighs the old ones around it: the two nearest, the four nearest (Keys, IEEE
/// Trans. ASSP 29 (1981) 1153, with a = -3/4), or all that a triangle or Keys' kernel with a = -1/2
/// covers, which are as wide as a new place where there are fewer of these.
enum class Resampling { linear, cubic, triangle, wide_cubic };

struct Windows {
  int64_t in_size = 0, out_size = 0;
  std::vector<int64_t> begin;  // of the old places of each new one
  std::vector<int64_t> first;  // out_size + 1: its weights are [first[i], first[i + 1])
  std::vector<double> weights;
  /// (new place, old place at an edge) where several weights of the old one, not all above 0, have
  /// been added up: an infinity there is NaN.
  std::vector<std::pair<int64_t, int64_t>> edges;

  int64_t count(int64_t i) const { return first[i + 1] - first[i]; }
  /// How many new places from the first on weigh two old ones each.
  int64_t leading_pairs() const;

  /// The transposed matrix: what each old place gives to the new ones.
  Windows transposed() const;

  /// Weights as multiples of 2**-bits, of which the largest stays below 2**15: returns bits.
  /// Source: the fixed-point resampling of Pillow-SIMD.
  int to_multiples();
};

/// ratio: how far one step of the new places goes among the old ones; corners: the first and the
/// last place stay where they are, rather than the outer edges.
Windows windows_of(Resampling kind, int64_t in_size, int64_t out_size, double ratio, bool corners);

}  // namespace flambeau
