// The order of indices. No GIL; see README.md.
#pragma once
#include <cstdint>

namespace flambeau::sparse {

/// Fills order with the places of the n keys in ascending order, equal ones as they stand.
/// Returns whether they were in order already.
bool sort_keys(const int64_t* keys, int64_t n, int64_t* order);

/// How many different keys there are, and where in `order` each begins: starts has room for n + 1.
int64_t find_groups(const int64_t* keys, const int64_t* order, int64_t n, int64_t* starts);

/// pointers[r] = how many of the n rows are below r, for r to `extent` included; raises IndexError
/// where a row lies outside.
void count_rows(const int64_t* rows, int64_t n, int64_t extent, int64_t* pointers);

/// rows[e] = the row of entry e, of `count` matrices of `extent` rows whose pointers follow each
/// other, each with n entries; raises IndexError where pointers lead outside.
void expand_rows(const int64_t* pointers, int64_t count, int64_t extent, int64_t n, int64_t* rows);

}  // namespace flambeau::sparse
