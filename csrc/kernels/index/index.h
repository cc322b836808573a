// Reading by index: gather, index_select, take, x[i, j]. out has the shape of the result and is
// written whole. Raw strided views, any thread, no GIL. self and out have one dtype; indices are
// int64.
#pragma once
#include "kernels/index/cells.h"

namespace flambeau {

/// out = the cells of self.
void read_cells(const Strided& out, const Strided& self, const Cells& cells);

void gather(const Strided& out, const Strided& self, int dim, const Strided& index);
/// `op` names the operator in errors: index_select, embedding.
void index_select(const char* op, const Strided& out, const Strided& self, int dim,
                  const Strided& index);
void index(const Strided& out, const Strided& self, const Selection& selection);
void take(const Strided& out, const Strided& self, const Strided& index);

}  // namespace flambeau
