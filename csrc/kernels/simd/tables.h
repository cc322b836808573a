// The tables that every instruction set fills with its loops.
#pragma once

#include "kernels/attention/simd.h"
#include "kernels/conv/simd.h"
#include "kernels/ctc/simd.h"
#include "kernels/elements/dropout.h"
#include "kernels/fft/simd.h"
#include "kernels/norm/columns_simd.h"
#include "kernels/norm/simd.h"
#include "kernels/order/simd.h"
#include "kernels/pool/simd.h"
#include "kernels/recurrent/simd.h"
#include "kernels/sparse/simd.h"
#include "kernels/spectra/stacks_simd.h"
#include "kernels/vision/grid_simd.h"
#include "kernels/vision/resize_simd.h"
