// A function compiled for AVX2 beside the least instruction set, chosen when the core is loaded.
// Its arithmetic is the same: products and sums are not fused (-ffp-contract=off).
#pragma once

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__)
#define FLAMBEAU_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define FLAMBEAU_CLONES
#endif
