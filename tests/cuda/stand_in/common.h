// What the stand-ins for NVIDIA's libraries share: memory of the simulated device, its streams, numbers of any dtype,
// and a count of what was wrong with a call.
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef void (*push_fn)(void *stream, void (*run)(void *), void *what);
typedef void *(*host_of_fn)(uint64_t address, size_t nbytes);

static push_fn push;
static host_of_fn host_of;
static int faults, calls;  // found while a call ran in its stream; calls that ran

void stand_in_connect(push_fn a, host_of_fn b) { push = a, host_of = b; }
int stand_in_faults(void) { return faults; }
int stand_in_calls(void) { return calls; }

// cudaDataType_t
enum { F32 = 0, F64 = 1, F16 = 2, C32 = 4, C64 = 5, BF16 = 14 };

static size_t item(int type) {
  return type == F16 || type == BF16 ? 2 : type == F32 ? 4 : type == C64 ? 16 : 8;
}
static void *memory(const void *address, size_t nbytes) {
  void *at = address ? host_of((uint64_t)(uintptr_t)address, nbytes) : NULL;
  if (!at) ++faults;
  return at;
}

static float from_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
static uint32_t to_bits(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  return bits;
}
static double half_value(uint16_t h) {
  int exponent = h >> 10 & 31, mantissa = h & 1023;
  double scale = exponent ? 1.0 : 2.0;
  for (int i = exponent ? exponent : 0; i < 25; ++i) scale /= 2;
  for (int i = 25; i < exponent; ++i) scale *= 2;
  double value = (exponent ? mantissa + 1024 : mantissa) * scale;
  if (!exponent) value = mantissa / 16777216.0;
  return h >> 15 ? -value : value;
}
static uint16_t half_of(double d) {
  uint16_t best = 0;
  double least = 1e300;
  for (int h = 0; h < 0x7C00; ++h) {  // the nearest of all: slow, and right
    double apart = half_value((uint16_t)h) - (d < 0 ? -d : d);
    apart = apart < 0 ? -apart : apart;
    if (apart < least || (apart == least && !(h & 1))) least = apart, best = (uint16_t)h;
  }
  return (uint16_t)(best | (d < 0 ? 0x8000 : 0));
}

static double get(int type, const void *base, int64_t at, int part) {
  switch (type) {
    case F32: return part ? 0 : ((const float *)base)[at];
    case F64: return part ? 0 : ((const double *)base)[at];
    case C32: return ((const float *)base)[2 * at + part];
    case C64: return ((const double *)base)[2 * at + part];
    case F16: return part ? 0 : half_value(((const uint16_t *)base)[at]);
    default: return part ? 0 : from_bits((uint32_t)((const uint16_t *)base)[at] << 16);
  }
}
static void put(int type, void *base, int64_t at, double re, double im) {
  uint32_t bits;
  switch (type) {
    case F32: ((float *)base)[at] = (float)re; break;
    case F64: ((double *)base)[at] = re; break;
    case C32: ((float *)base)[2 * at] = (float)re, ((float *)base)[2 * at + 1] = (float)im; break;
    case C64: ((double *)base)[2 * at] = re, ((double *)base)[2 * at + 1] = im; break;
    case F16: ((uint16_t *)base)[at] = half_of(re); break;
    default:
      bits = to_bits((float)re);
      ((uint16_t *)base)[at] = (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
  }
}
