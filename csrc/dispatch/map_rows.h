// Maps over the rows of tables that a sparse tensor names. Needs the GIL, which long runs give up.
#pragma once
#include "dispatch/pointwise.h"

namespace flambeau {

/// Runs the kernel in place on the rows of tables (N, *D) for which a sparse tensor of their sizes
/// has entries; those of one row are added together first, in their order. The operands are the
/// kernel's inputs: tables, numbers, and the sparse tensor in the place of its values; `updates`
/// tells which of them are written. False, with nothing done, where an operand is of another kind
/// or a row lies outside.
bool map_rows(Called op, Pointwise& record, const std::vector<int64_t>& updates,
              const std::vector<Arg>& operands);

inline constexpr std::tuple map_rows_functions{
    declare<map_rows>("_map_rows", "pointwise, updates, operands")};

}  // namespace flambeau
