// Stands in for cuBLASLt: the entry points as its documentation has them, strict about their arguments.
#include "common.h"

enum { SUCCESS = 0, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
typedef struct { int compute, scale, transpose[2]; } Operation;
typedef struct { int type, batch; uint64_t rows, columns; int64_t leading, offset; } Layout;
typedef struct { uint64_t most; uint32_t alignment[4]; } Preference;
typedef struct { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; } Heuristic;

static int fails;  // the status that the next product gives
static uint64_t last_most;
static uint32_t last_alignment[4];
static int last_compute;
void stand_in_fail(int status) { fails = status; }
uint64_t stand_in_most(void) { return last_most; }
uint32_t stand_in_alignment(int i) { return last_alignment[i]; }
int stand_in_compute(void) { return last_compute; }

size_t cublasLtGetVersion(void) { return 120899; }
int cublasLtCreate(void **handle) { return *handle = malloc(1), SUCCESS; }

int cublasLtMatmulDescCreate(Operation **made, int compute, int scale) {
  int real = scale == F32 || scale == C32;
  if (real ? compute != 68 && compute != 77 : compute != 70) return INVALID_VALUE;
  *made = calloc(1, sizeof(Operation));
  (*made)->compute = compute, (*made)->scale = scale;
  return SUCCESS;
}
int cublasLtMatmulDescSetAttribute(Operation *o, int attribute, const void *value, size_t size) {
  if ((attribute != 3 && attribute != 4) || size != 4) return INVALID_VALUE;
  memcpy(&o->transpose[attribute - 3], value, 4);
  return o->transpose[attribute - 3] < 0 || o->transpose[attribute - 3] > 1 ? INVALID_VALUE : SUCCESS;
}
int cublasLtMatmulDescDestroy(Operation *o) { return free(o), SUCCESS; }

int cublasLtMatrixLayoutCreate(Layout **made, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  if (leading < (int64_t)rows || !rows || !columns) return INVALID_VALUE;
  *made = calloc(1, sizeof(Layout));
  **made = (Layout){type, 1, rows, columns, leading, 0};
  return SUCCESS;
}
int cublasLtMatrixLayoutSetAttribute(Layout *l, int attribute, const void *value, size_t size) {
  if (attribute == 5 && size == 4) memcpy(&l->batch, value, 4);
  else if (attribute == 6 && size == 8) memcpy(&l->offset, value, 8);
  else return INVALID_VALUE;
  return SUCCESS;
}
int cublasLtMatrixLayoutDestroy(Layout *l) { return free(l), SUCCESS; }

int cublasLtMatmulPreferenceCreate(Preference **made) { return *made = calloc(1, sizeof(Preference)), SUCCESS; }
int cublasLtMatmulPreferenceSetAttribute(Preference *p, int attribute, const void *value, size_t size) {
  if (attribute == 1 && size == 8) memcpy(&p->most, value, 8);
  else if (attribute >= 5 && attribute <= 8 && size == 4) memcpy(&p->alignment[attribute - 5], value, 4);
  else return INVALID_VALUE;
  return SUCCESS;
}
int cublasLtMatmulPreferenceDestroy(Preference *p) { return free(p), SUCCESS; }

/// Whether op(A) op(B) gives C.
static int fits(const Operation *o, const Layout *a, const Layout *b, const Layout *c) {
  uint64_t m = o->transpose[0] ? a->columns : a->rows, k = o->transpose[0] ? a->rows : a->columns;
  uint64_t k2 = o->transpose[1] ? b->columns : b->rows, n = o->transpose[1] ? b->rows : b->columns;
  return m == c->rows && n == c->columns && k == k2 && a->type == b->type && a->batch == c->batch &&
         b->batch == c->batch;
}

int cublasLtMatmulAlgoGetHeuristic(void *handle, Operation *o, Layout *a, Layout *b, Layout *c, Layout *d,
                                   Preference *p, int asked, Heuristic *results, int *found) {
  if (!handle || !p || asked < 1 || !fits(o, a, b, d) || c != d) return INVALID_VALUE;
  last_most = p->most, last_compute = o->compute;
  memcpy(last_alignment, p->alignment, sizeof last_alignment);
  *found = 1;
  memset(results, 0, sizeof *results);
  results->algorithm[0] = 0xF1A3;
  results->workspace = 4096;
  return SUCCESS;
}

typedef struct {
  Operation o;
  Layout a, b, c;
  const void *A, *B, *C, *workspace;
  size_t room;
  double alpha[2], beta[2];
} Product;

static size_t extent(const Layout *l) {
  return (size_t)((l->batch - 1) * l->offset + (int64_t)(l->columns - 1) * l->leading + (int64_t)l->rows) * item(l->type);
}

static void run(void *what) {
  Product *p = what;
  ++calls;
  char *room = memory(p->workspace, p->room), *A = memory(p->A, extent(&p->a)), *B = memory(p->B, extent(&p->b)),
       *C = memory(p->C, extent(&p->c));
  if (!A || !B || !C || !room) return;
  memset(room, 0x5A, p->room);
  uint64_t depth = p->o.transpose[0] ? p->a.rows : p->a.columns;
  for (int z = 0; z < p->c.batch; ++z)
    for (uint64_t i = 0; i < p->c.rows; ++i)
      for (uint64_t j = 0; j < p->c.columns; ++j) {
        double re = 0, im = 0;
        for (uint64_t k = 0; k < depth; ++k) {
          int64_t at = z * p->a.offset + (int64_t)(p->o.transpose[0] ? i * p->a.leading + k : k * p->a.leading + i);
          int64_t bt = z * p->b.offset + (int64_t)(p->o.transpose[1] ? k * p->b.leading + j : j * p->b.leading + k);
          double ar = get(p->a.type, A, at, 0), ai = p->a.type == C32 || p->a.type == C64 ? get(p->a.type, A, at, 1) : 0;
          double br = get(p->b.type, B, bt, 0), bi = p->b.type == C32 || p->b.type == C64 ? get(p->b.type, B, bt, 1) : 0;
          re += ar * br - ai * bi, im += ar * bi + ai * br;
        }
        int64_t ct = z * p->c.offset + (int64_t)j * p->c.leading + (int64_t)i;
        double r = p->alpha[0] * re, s = p->alpha[0] * im;
        if (p->beta[0] != 0) r += p->beta[0] * get(p->c.type, C, ct, 0), s += p->beta[0] * get(p->c.type, C, ct, 1);
        put(p->c.type, C, ct, r, s);
      }
}

static void numbers(int scale, const void *from, double *to) {
  to[0] = get(scale, from, 0, 0);
  to[1] = scale == C32 || scale == C64 ? get(scale, from, 0, 1) : 0;
}

int cublasLtMatmul(void *handle, Operation *o, const void *alpha, const void *A, Layout *a, const void *B, Layout *b,
                   const void *beta, const void *C, Layout *c, void *D, Layout *d, const uint64_t *algorithm,
                   void *workspace, size_t room, void *stream) {
  if (!handle || !fits(o, a, b, d) || C != D || c != d || algorithm[0] != 0xF1A3 || room < 4096) return INVALID_VALUE;
  const void *at[] = {A, B, C, D};
  for (int i = 0; i < 4; ++i)
    if ((uintptr_t)at[i] % last_alignment[i] && last_alignment[i] > 256) return INVALID_VALUE;
  if (fails) {
    int status = fails;
    fails = 0;
    return status;
  }
  Product *p = malloc(sizeof *p);
  *p = (Product){*o, *a, *b, *d, A, B, D, workspace, room, {0, 0}, {0, 0}};
  numbers(o->scale, alpha, p->alpha), numbers(o->scale, beta, p->beta);
  push(stream, run, p);
  return SUCCESS;
}
