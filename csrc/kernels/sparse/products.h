// Products with compressed rows: pointers[r] to pointers[r + 1] are the entries of row r,
// columns[e] and values[e] one of them. No GIL; see README.md.
#pragma once
#include <cstdint>
#include <vector>

#include "tensor/dtype.h"

namespace flambeau::sparse {

struct Rows {
  int64_t rows, columns, entries;
  const int64_t* pointers;  // rows + 1
  const int64_t* at;        // the column of each entry
  const int64_t* order;     // where the entry stands in at and values; null: they are in order
  int64_t place(int64_t e) const { return order ? order[e] : e; }
};

/// Raises IndexError where pointers or columns lead outside.
void check_rows(const Rows& a);

/// out (rows, width) = a @ dense (columns, width). float16 and bfloat16 are summed in float32.
void rows_times_dense(DType dtype, const Rows& a, const void* values, const void* dense,
                      int64_t width, void* out);

/// out[e] = x[rows[e]] . y[columns[e]], rows of `depth` elements; of x and y not conjugated.
/// Indices are checked against n_x and n_y.
void sampled_product(DType dtype, int64_t entries, const int64_t* rows, const int64_t* columns,
                     const void* x, int64_t n_x, const void* y, int64_t n_y, int64_t depth,
                     void* out);

/// a @ b, columns of each row in order. Source: Gustavson, ACM TOMS 4 (1978) 250.
/// count() fills pointers (a.rows + 1); fill() then fills columns and values of that size.
void count_product(const Rows& a, const Rows& b, int64_t* pointers);
void fill_product(DType dtype, const Rows& a, const void* a_values, const Rows& b,
                  const void* b_values, const int64_t* pointers, int64_t* columns, void* values);

}  // namespace flambeau::sparse
