// A matrix written with its rows and columns exchanged. Raw memory: any thread, no GIL.
#pragma once
#include <algorithm>
#include <cstdint>

namespace flambeau {

/// to[m * to_row + i] = from[i * columns + m], in squares that stay in cache.
template <class T>
void write_turned(const T* from, int64_t rows, int64_t columns, T* to, int64_t to_row) {
  constexpr int64_t square = 16;
  for (int64_t m0 = 0; m0 < columns; m0 += square)
    for (int64_t i0 = 0; i0 < rows; i0 += square)
      for (int64_t m = m0; m < std::min(m0 + square, columns); ++m)
        for (int64_t i = i0; i < std::min(i0 + square, rows); ++i)
          to[m * to_row + i] = from[i * columns + m];
}

}  // namespace flambeau
