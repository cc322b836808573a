// Products with compressed rows: pointers[r] to pointers[r + 1] are the entries of row r,
// columns[e] and values[e] one of them. No GIL; see README.md.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/index/cells.h"

namespace flambeau::sparse {

struct Rows {
  int64_t rows, columns, entries;
  const int64_t* pointers;  // rows + 1
  const int64_t* at;        // the column of each entry
  const int64_t* order;     // where the entry stands in at and values; null: they are in order
  int64_t place(int64_t e) const { return order ? order[e] : e; }
  /// The column of what stands there, whatever another thread has written since it was checked.
  [[gnu::always_inline]] int64_t column(int64_t place) const {
    return limited(at[place], columns - 1);
  }
};

/// Indices that were checked to be below n, as they are used.
struct Places {
  const int64_t* index;
  int64_t n;
  [[gnu::always_inline]] int64_t operator[](int64_t i) const { return limited(index[i], n - 1); }
};

/// Raise IndexError where pointers, or columns, lead outside.
void check_pointers(const Rows& a);
void check_columns(const Rows& a);

/// out (rows, width) = a @ dense (columns, width). float16 and bfloat16 are summed in float32.
void rows_times_dense(DType dtype, const Rows& a, const void* values, const void* dense,
                      int64_t width, void* out);

/// The same for one column, in float32 and float64; it looks at a.at itself, on its way.
void rows_times_vector(DType dtype, const Rows& a, const void* values, const void* dense,
                       void* out);

/// out[e] = x[rows[e]] . y[columns[e]], rows of `depth` elements; of x and y not conjugated.
/// Indices are checked against n_x and n_y.
void sampled_product(DType dtype, int64_t entries, const int64_t* rows, const int64_t* columns,
                     const void* x, int64_t n_x, const void* y, int64_t n_y, int64_t depth,
                     void* out);

/// Some rows of a product: n columns of entries, and their values as bytes.
struct Piece {
  std::unique_ptr<int64_t[]> columns;
  std::unique_ptr<char[]> values;
  int64_t n = 0;
};

/// a @ b, columns of each row in order. Fills pointers (a.rows + 1); the pieces follow each other.
/// Source: Gustavson, ACM TOMS 4 (1978) 250.
std::vector<Piece> multiply(DType dtype, const Rows& a, const void* a_values, const Rows& b,
                            const void* b_values, int64_t* pointers);
/// The pieces one behind another.
void join(DType dtype, const std::vector<Piece>& pieces, int64_t* columns, void* values);

}  // namespace flambeau::sparse
