// Stands in for cuSOLVER's 64-bit interface: the entry points as its documentation has them, strict about their arguments,
// on real matrices column after column, by the plainest algorithms.
#include <math.h>

#include "common.h"

enum { SUCCESS = 0, INVALID_VALUE = 3, ROOM = 512 };
typedef struct { void *stream; } Handle;

int cusolverDnCreate(Handle **made) { return *made = calloc(1, sizeof(Handle)), SUCCESS; }
int cusolverDnSetStream(Handle *h, void *stream) { return h->stream = stream, SUCCESS; }
int cusolverDnCreateParams(void **made) { return *made = malloc(1), SUCCESS; }

typedef struct {
  int kind, way, type;
  int64_t m, n, lda, ldb, ldc;
  void *A, *B, *C, *places, *room, *info;
  char job;
} Call;

static int ask(int good, size_t *there, size_t *here) {
  *there = ROOM, *here = 64;
  return good ? SUCCESS : INVALID_VALUE;
}
static int rooms(const void *there, size_t nbytes, const void *here, size_t host) {
  return there && nbytes >= ROOM && here && host >= 64;
}

#define AT(i, j) a[(i) + (j) * n0]

static double *load(Call *q, void *A, int64_t rows, int64_t columns, int64_t leading) {
  char *from = memory(A, (size_t)((columns - 1) * leading + rows) * item(q->type));
  double *a = calloc((size_t)(rows * columns), sizeof(double));
  for (int64_t j = 0; from && j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) a[i + j * rows] = get(q->type, from, i + j * leading, 0);
  return a;
}
static void store(Call *q, void *A, int64_t rows, int64_t columns, int64_t leading, const double *a) {
  char *to = memory(A, (size_t)((columns - 1) * leading + rows) * item(q->type));
  for (int64_t j = 0; to && j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) put(q->type, to, i + j * leading, a[i + j * rows], 0);
}

/// U with A = U^T U, from the upper triangle.
static int potrf(Call *q) {
  int64_t n0 = q->n;
  double *a = load(q, q->A, n0, n0, q->lda);
  int info = 0;
  for (int64_t j = 0; j < n0 && !info; ++j) {
    for (int64_t i = 0; i <= j; ++i) {
      double sum = AT(i, j);
      for (int64_t k = 0; k < i; ++k) sum -= AT(k, i) * AT(k, j);
      if (i < j) AT(i, j) = sum / AT(i, i);
      else if (sum > 0) AT(i, j) = sqrt(sum);
      else info = (int)j + 1;
    }
  }
  store(q, q->A, n0, n0, q->lda, a);
  return free(a), info;
}

static int getrf(Call *q) {
  int64_t n0 = q->m, least = q->m < q->n ? q->m : q->n;
  double *a = load(q, q->A, q->m, q->n, q->lda);
  int64_t *places = memory(q->places, (size_t)least * 8);
  int info = 0;
  for (int64_t j = 0; j < least; ++j) {
    int64_t pivot = j;
    for (int64_t i = j; i < q->m; ++i)
      if (fabs(AT(i, j)) > fabs(AT(pivot, j))) pivot = i;
    places[j] = pivot + 1;
    for (int64_t c = 0; c < q->n; ++c) {
      double was = AT(j, c);
      AT(j, c) = AT(pivot, c), AT(pivot, c) = was;
    }
    if (AT(j, j) == 0) {
      info = info ? info : (int)j + 1;
      continue;
    }
    for (int64_t i = j + 1; i < q->m; ++i) {
      AT(i, j) /= AT(j, j);
      for (int64_t c = j + 1; c < q->n; ++c) AT(i, c) -= AT(i, j) * AT(j, c);
    }
  }
  store(q, q->A, q->m, q->n, q->lda, a);
  return free(a), info;
}

static int getrs(Call *q) {
  int64_t n0 = q->n;
  double *a = load(q, q->A, n0, n0, q->lda), *b = load(q, q->B, n0, q->m, q->ldb);
  int64_t *places = memory(q->places, (size_t)n0 * 8);
  for (int64_t c = 0; c < q->m; ++c) {
    double *x = b + c * n0;
    if (q->way == 0) {
      for (int64_t i = 0; i < n0; ++i) {
        double was = x[i];
        x[i] = x[places[i] - 1], x[places[i] - 1] = was;
      }
      for (int64_t i = 0; i < n0; ++i)
        for (int64_t k = 0; k < i; ++k) x[i] -= AT(i, k) * x[k];
      for (int64_t i = n0 - 1; i >= 0; --i) {
        for (int64_t k = i + 1; k < n0; ++k) x[i] -= AT(i, k) * x[k];
        x[i] /= AT(i, i);
      }
    } else {
      for (int64_t i = 0; i < n0; ++i) {
        for (int64_t k = 0; k < i; ++k) x[i] -= AT(k, i) * x[k];
        x[i] /= AT(i, i);
      }
      for (int64_t i = n0 - 1; i >= 0; --i)
        for (int64_t k = i + 1; k < n0; ++k) x[i] -= AT(k, i) * x[k];
      for (int64_t i = n0 - 1; i >= 0; --i) {
        double was = x[i];
        x[i] = x[places[i] - 1], x[places[i] - 1] = was;
      }
    }
  }
  store(q, q->B, n0, q->m, q->ldb, b);
  return free(a), free(b), 0;
}

/// Rotations of pairs of columns until all are orthogonal: W = A V.
static void jacobi(double *w, double *v, int64_t m, int64_t n) {
  for (int64_t i = 0; i < n * n; ++i) v[i] = i % (n + 1) == 0;
  for (int sweep = 0; sweep < 60; ++sweep)
    for (int64_t p = 0; p < n; ++p)
      for (int64_t r = p + 1; r < n; ++r) {
        double a = 0, b = 0, c = 0;
        for (int64_t i = 0; i < m; ++i) a += w[i + p * m] * w[i + p * m], b += w[i + r * m] * w[i + r * m], c += w[i + p * m] * w[i + r * m];
        if (fabs(c) <= 1e-15 * sqrt(a * b)) continue;
        double t = (b - a) / (2 * c);
        t = (t >= 0 ? 1 : -1) / (fabs(t) + sqrt(1 + t * t));
        double cosine = 1 / sqrt(1 + t * t), sine = cosine * t;
        for (int which = 0; which < 2; ++which) {
          double *x = which ? v : w;
          int64_t length = which ? n : m;
          for (int64_t i = 0; i < length; ++i) {
            double left = x[i + p * length], right = x[i + r * length];
            x[i + p * length] = cosine * left - sine * right, x[i + r * length] = sine * left + cosine * right;
          }
        }
      }
}

static int syevd(Call *q) {
  int64_t n0 = q->n;
  double *a = load(q, q->A, n0, n0, q->lda), *v = calloc((size_t)(n0 * n0), 8), *w = calloc((size_t)(n0 * n0), 8), *values = calloc((size_t)n0, 8), shift = 0;
  for (int64_t j = 0; j < n0; ++j)
    for (int64_t i = 0; i < j; ++i) *(q->way ? &AT(j, i) : &AT(i, j)) = q->way ? AT(i, j) : AT(j, i);
  for (int64_t i = 0; i < n0 * n0; ++i) shift += a[i] * a[i];
  shift = sqrt(shift);
  for (int64_t i = 0; i < n0 * n0; ++i) w[i] = a[i] + (i % (n0 + 1) == 0 ? shift : 0);
  jacobi(w, v, n0, n0);
  for (int64_t j = 0; j < n0; ++j) {
    double length = 0;
    for (int64_t i = 0; i < n0; ++i) length += w[i + j * n0] * w[i + j * n0];
    values[j] = sqrt(length) - shift;
  }
  for (int64_t i = 0; i < n0; ++i)
    for (int64_t j = i + 1; j < n0; ++j)
      if (values[j] < values[i]) {
        double was = values[i];
        values[i] = values[j], values[j] = was;
        for (int64_t k = 0; k < n0; ++k) was = v[k + i * n0], v[k + i * n0] = v[k + j * n0], v[k + j * n0] = was;
      }
  store(q, q->A, n0, n0, q->lda, v);
  store(q, q->B, n0, 1, n0, values);
  return free(a), free(v), free(w), free(values), 0;
}

static int gesvd(Call *q) {
  int64_t m = q->m, n0 = q->n;
  double *w = load(q, q->A, m, n0, q->lda), *v = calloc((size_t)(n0 * n0), 8), *values = calloc((size_t)n0, 8);
  jacobi(w, v, m, n0);
  for (int64_t j = 0; j < n0; ++j) {
    double length = 0;
    for (int64_t i = 0; i < m; ++i) length += w[i + j * m] * w[i + j * m];
    values[j] = sqrt(length);
    for (int64_t i = 0; i < m; ++i) w[i + j * m] /= values[j];
  }
  for (int64_t i = 0; i < n0; ++i)
    for (int64_t j = i + 1; j < n0; ++j)
      if (values[j] > values[i]) {
        double was = values[i];
        values[i] = values[j], values[j] = was;
        for (int64_t k = 0; k < n0; ++k) was = v[k + i * n0], v[k + i * n0] = v[k + j * n0], v[k + j * n0] = was;
        for (int64_t k = 0; k < m; ++k) was = w[k + i * m], w[k + i * m] = w[k + j * m], w[k + j * m] = was;
      }
  double *t = calloc((size_t)(n0 * n0), 8);
  for (int64_t i = 0; i < n0 * n0; ++i) t[i / n0 + i % n0 * n0] = v[i];
  store(q, q->B, n0, 1, n0, values);
  if (q->job != 'N') store(q, q->C, m, n0, q->ldb, w), store(q, q->places, n0, n0, q->ldc, t);
  return free(w), free(v), free(values), free(t), 0;
}

static void run(void *what) {
  Call *q = what;
  int (*each[])(Call *) = {potrf, getrf, getrs, syevd, gesvd};
  ++calls;
  if (q->room) memset(memory(q->room, ROOM), 0x5A, ROOM);
  int info = each[q->kind](q), *to = memory(q->info, 4);
  if (to) *to = info;
}
static int start(Handle *h, Call call) {
  Call *q = malloc(sizeof *q);
  *q = call;
  push(h->stream, run, q);
  return SUCCESS;
}

int cusolverDnXpotrf_bufferSize(Handle *h, void *p, int fill, int64_t n, int type, const void *A, int64_t lda, int compute, size_t *there, size_t *here) {
  return ask(h && p && A && fill == 1 && lda >= n && type == compute, there, here);
}
int cusolverDnXpotrf(Handle *h, void *p, int fill, int64_t n, int type, void *A, int64_t lda, int compute, void *there, size_t nbytes, void *here, size_t host, int *info) {
  if (!p || fill != 1 || lda < n || type != compute || !rooms(there, nbytes, here, host)) return INVALID_VALUE;
  return start(h, (Call){0, fill, type, n, n, lda, 0, 0, A, 0, 0, 0, there, info, 0});
}
int cusolverDnXgetrf_bufferSize(Handle *h, void *p, int64_t m, int64_t n, int type, const void *A, int64_t lda, int compute, size_t *there, size_t *here) {
  return ask(h && p && A && n > 0 && lda >= m && type == compute, there, here);
}
int cusolverDnXgetrf(Handle *h, void *p, int64_t m, int64_t n, int type, void *A, int64_t lda, int64_t *places, int compute, void *there, size_t nbytes, void *here, size_t host, int *info) {
  if (!p || !places || lda < m || type != compute || !rooms(there, nbytes, here, host)) return INVALID_VALUE;
  return start(h, (Call){1, 0, type, m, n, lda, 0, 0, A, 0, 0, places, there, info, 0});
}
int cusolverDnXgetrs(Handle *h, void *p, int way, int64_t n, int64_t k, int type, const void *A, int64_t lda, const int64_t *places, int type_b, void *B, int64_t ldb, int *info) {
  if (!p || type != type_b || lda < n || ldb < n || way < 0 || way > 1) return INVALID_VALUE;
  return start(h, (Call){2, way, type, k, n, lda, ldb, 0, (void *)A, B, 0, (void *)places, 0, info, 0});
}
int cusolverDnXsyevd_bufferSize(Handle *h, void *p, int job, int fill, int64_t n, int type, const void *A, int64_t lda, int type_w, const void *W, int compute, size_t *there, size_t *here) {
  return ask(h && p && A && W && job >= 0 && fill >= 0 && lda >= n && type_w == (type == F64) && compute == type, there, here);
}
int cusolverDnXsyevd(Handle *h, void *p, int job, int fill, int64_t n, int type, void *A, int64_t lda, int type_w, void *W, int compute, void *there, size_t nbytes, void *here, size_t host, int *info) {
  if (!p || job < 0 || type_w != (type == F64) || compute != type || !rooms(there, nbytes, here, host)) return INVALID_VALUE;
  return start(h, (Call){3, fill, type, n, n, lda, 0, 0, A, W, 0, 0, there, info, 0});
}
int cusolverDnXgesvd_bufferSize(Handle *h, void *p, signed char u, signed char v, int64_t m, int64_t n, int type, const void *A, int64_t lda, int type_s, const void *S, int type_u, const void *U, int64_t ldu, int type_v, const void *V, int64_t ldv, int compute, size_t *there, size_t *here) {
  return ask(h && p && A && S && U && V && u == v && m >= n && lda >= m && ldu >= m && ldv >= n && type_u == type && type_v == type && type_s == (type == F64) && compute == type, there, here);
}
int cusolverDnXgesvd(Handle *h, void *p, signed char u, signed char v, int64_t m, int64_t n, int type, void *A, int64_t lda, int type_s, void *S, int type_u, void *U, int64_t ldu, int type_v, void *V, int64_t ldv, int compute, void *there, size_t nbytes, void *here, size_t host, int *info) {
  if (!p || u != v || m < n || u == 'A' || type_s != (type == F64) || type_u != type || type_v != type || compute != type || !rooms(there, nbytes, here, host)) return INVALID_VALUE;
  return start(h, (Call){4, 0, type, m, n, lda, ldu, ldv, A, S, U, V, there, info, (char)u});
}
