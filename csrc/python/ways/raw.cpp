// Operators without history, whose tables stand beside them, as functions of the core:
// flambeau/ops and flambeau/vision/ops declare their derivatives.
#include "dispatch/advanced_index.h"
#include "dispatch/products.h"
#include "dispatch/raw/class_losses.h"
#include "dispatch/raw/ctc.h"
#include "dispatch/raw/flex.h"
#include "dispatch/raw/index.h"
#include "dispatch/raw/layers.h"
#include "dispatch/raw/matrices.h"
#include "dispatch/raw/norms.h"
#include "dispatch/raw/numbers.h"
#include "dispatch/raw/order.h"
#include "dispatch/raw/recurrent.h"
#include "dispatch/raw/resampling.h"
#include "dispatch/raw/rows.h"
#include "dispatch/raw/sparse.h"
#include "dispatch/raw/vision.h"
#include "python/bind.h"
#include "runtime/blas.h"

namespace flambeau {

using namespace raw;

static const Functions indexing(
    entries_of<index_functions, advanced_index_functions, order_functions>.data(), "indexing"),
    sparse(entries_of<sparse_functions>.data(), "sparse"),
    layers(entries_of<layer_functions, flex_functions, class_loss_functions, ctc_functions,
                      row_functions, norm_functions, recurrent_functions>.data()),
    pictures(entries_of<resampling_functions, vision_functions>.data()),
    numbers(entries_of<matrix_functions, number_functions, product_functions,
                       blas_functions>.data());

}  // namespace flambeau
