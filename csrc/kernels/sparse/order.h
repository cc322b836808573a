// The order of indices. No GIL; see README.md.
#pragma once
#include <cstdint>

namespace flambeau::sparse {

/// Fills order with the places of the n keys in ascending order, equal ones as they stand.
/// Returns whether they were in order already.
bool sort_keys(const int64_t* keys, int64_t n, int64_t* order);

/// The same of two lists of keys behind each other, each in order: the first has `first` of the n.
void merge_keys(const int64_t* keys, int64_t first, int64_t n, int64_t* order);

/// Of two lists of keys, each in order, where the keys stand in both that they share. Returns how
/// many; in_a and in_b have room for the shorter list.
int64_t common_keys(const int64_t* a, int64_t n_a, const int64_t* b, int64_t n_b, int64_t* in_a,
                    int64_t* in_b);

/// How many different keys there are, and where in `order` each begins: starts has room for n + 1.
int64_t find_groups(const int64_t* keys, const int64_t* order, int64_t n, int64_t* starts);

/// pointers[r] = how many of the n rows are below r, for r to `extent` included; raises IndexError
/// where a row lies outside.
void count_rows(const int64_t* rows, int64_t n, int64_t extent, int64_t* pointers);

/// Whether row r of the n is that of the entries order[pointers[r]] to order[pointers[r + 1]], for
/// all of `extent` rows. `order` holds each place once; the rows may be any numbers.
bool are_in_order(const int64_t* rows, const int64_t* order, int64_t n, const int64_t* pointers,
                  int64_t extent);

/// rows[e] = the row of entry e, of `count` matrices of `extent` rows whose pointers follow each
/// other, each with n entries; raises IndexError where pointers lead outside.
void expand_rows(const int64_t* pointers, int64_t count, int64_t extent, int64_t n, int64_t* rows);

}  // namespace flambeau::sparse
