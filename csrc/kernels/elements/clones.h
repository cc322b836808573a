// A function compiled for AVX2 beside the least instruction set, chosen when the core is loaded.
// Its arithmetic is the same: products and sums are not fused (-ffp-contract=off).
#pragma once

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__)
#define FLAMBEAU_CLONES __attribute__((target_clones("avx2", "default")))
/// And for AVX-512, whose vectors are whole cache lines.
#define FLAMBEAU_WIDE_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define FLAMBEAU_CLONES
#define FLAMBEAU_WIDE_CLONES
#endif
