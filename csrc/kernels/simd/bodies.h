// The loops of all rooms, inside an instruction set's namespace: see base.cpp for what that sets.
// They use the vector that conv/simd_body.h includes. No include guard: each instruction set
// compiles its own copy.

#include "kernels/attention/simd_body.h"
#include "kernels/ctc/simd_body.h"
#include "kernels/elements/dropout_body.h"
#include "kernels/fft/simd_body.h"
#include "kernels/norm/columns_body.h"
#include "kernels/norm/simd_body.h"
#include "kernels/order/simd_body.h"
#include "kernels/pool/simd_body.h"
#include "kernels/recurrent/simd_body.h"
#include "kernels/sparse/simd_body.h"
#include "kernels/spectra/stacks_body.h"
#include "kernels/vision/grid_body.h"
#include "kernels/vision/resize_body.h"
