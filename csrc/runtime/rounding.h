// Divisions of integers rounded one way, and sizes cut into like pieces. Pure values.
#pragma once
#include <cstdint>

namespace flambeau {

constexpr int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
constexpr int64_t ceil_div(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
constexpr int64_t round_up(int64_t n, int64_t unit) { return ceil_div(n, unit) * unit; }

/// n cut into the fewest pieces of at most `most`, as equal as can be: the size of the largest.
constexpr int64_t balanced(int64_t n, int64_t most) { return ceil_div(n, ceil_div(n, most)); }

}  // namespace flambeau
