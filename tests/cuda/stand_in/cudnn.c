// Stands in for cuDNN's convolutions: the entry points as its documentation has them, strict about their arguments.
#include "common.h"

enum { SUCCESS = 0, BAD_PARAM = 3, NOT_SUPPORTED = 9, MOST = 8 };
typedef struct { int type, n, size[MOST], stride[MOST]; } Tensor;
typedef struct { int n, pad[3], stride[3], dilation[3], compute, groups, math; } Convolution;
typedef struct { int algorithm, status; float time; size_t memory; int determinism, math, reserved[3]; } Performance;
typedef struct { void *stream; } Handle;

static int last_math;
int stand_in_math(void) { return last_math; }
size_t cudnnGetVersion(void) { return 90500; }
int cudnnCreate(Handle **made) { return *made = calloc(1, sizeof(Handle)), SUCCESS; }
int cudnnSetStream(Handle *h, void *stream) { return h->stream = stream, SUCCESS; }

static int cuda_type(int type) { return type == 0 ? F32 : type == 1 ? F64 : type == 2 ? F16 : type == 9 ? BF16 : -1; }

int cudnnCreateTensorDescriptor(Tensor **made) { return *made = calloc(1, sizeof(Tensor)), SUCCESS; }
int cudnnSetTensorNdDescriptor(Tensor *t, int type, int n, const int *size, const int *stride) {
  if (n < 4 || n > 5 || cuda_type(type) < 0) return BAD_PARAM;
  t->type = cuda_type(type), t->n = n;
  for (int i = 0; i < n; ++i) {
    if (size[i] < 1) return BAD_PARAM;
    t->size[i] = size[i], t->stride[i] = stride[i];
  }
  return SUCCESS;
}
int cudnnDestroyTensorDescriptor(Tensor *t) { return free(t), SUCCESS; }
int cudnnCreateFilterDescriptor(Tensor **made) { return cudnnCreateTensorDescriptor(made); }
int cudnnSetFilterNdDescriptor(Tensor *t, int type, int format, int n, const int *size) {
  int stride[MOST], step = 1;
  if (format != 0 || n > MOST) return BAD_PARAM;
  for (int i = n - 1; i >= 0; step *= size[i--]) stride[i] = step;
  return cudnnSetTensorNdDescriptor(t, type, n, size, stride);
}
int cudnnDestroyFilterDescriptor(Tensor *t) { return free(t), SUCCESS; }
int cudnnCreateConvolutionDescriptor(Convolution **made) { return *made = calloc(1, sizeof(Convolution)), SUCCESS; }
int cudnnSetConvolutionNdDescriptor(Convolution *c, int n, const int *pad, const int *stride, const int *dilation,
                                    int mode, int compute) {
  if (n < 2 || n > 3 || mode != 1 || (compute != 0 && compute != 1)) return BAD_PARAM;
  c->n = n, c->compute = compute, c->groups = 1;
  for (int i = 0; i < n; ++i) c->pad[i] = pad[i], c->stride[i] = stride[i], c->dilation[i] = dilation[i];
  return SUCCESS;
}
int cudnnSetConvolutionGroupCount(Convolution *c, int groups) { return c->groups = groups, groups < 1 ? BAD_PARAM : SUCCESS; }
int cudnnSetConvolutionMathType(Convolution *c, int math) { return c->math = math, last_math = math, SUCCESS; }
int cudnnDestroyConvolutionDescriptor(Convolution *c) { return free(c), SUCCESS; }

static int fits(const Tensor *x, const Tensor *w, const Convolution *c, const Tensor *y) {
  if (x->n != c->n + 2 || w->n != x->n || y->n != x->n || x->type != w->type || y->type != x->type) return 0;
  if (x->size[0] != y->size[0] || y->size[1] != w->size[0] || x->size[1] != w->size[1] * c->groups) return 0;
  for (int i = 0; i < c->n; ++i) {
    int out = (x->size[2 + i] + 2 * c->pad[i] - c->dilation[i] * (w->size[2 + i] - 1) - 1) / c->stride[i] + 1;
    if (out != y->size[2 + i]) return 0;
  }
  return 1;
}

/// The first is fastest and gives other bits each time, the second needs what is not there, the third serves.
static int list(int fit, int asked, int *count, Performance *found) {
  if (!fit || asked < 3) return BAD_PARAM;
  *count = 3;
  memset(found, 0, sizeof(Performance) * 3);
  found[0] = (Performance){0, SUCCESS, 0.1f, 0, 0, 0, {0, 0, 0}};
  found[1] = (Performance){1, NOT_SUPPORTED, -1, 0, 1, 0, {0, 0, 0}};
  found[2] = (Performance){2, SUCCESS, 0.3f, 1024, 1, 0, {0, 0, 0}};
  return SUCCESS;
}
int cudnnGetConvolutionForwardAlgorithm_v7(Handle *h, Tensor *x, Tensor *w, Convolution *c, Tensor *y, int asked,
                                           int *count, Performance *found) {
  return list(h && fits(x, w, c, y), asked, count, found);
}
int cudnnGetConvolutionBackwardDataAlgorithm_v7(Handle *h, Tensor *w, Tensor *y, Convolution *c, Tensor *x, int asked,
                                                int *count, Performance *found) {
  return list(h && fits(x, w, c, y), asked, count, found);
}
int cudnnGetConvolutionBackwardFilterAlgorithm_v7(Handle *h, Tensor *x, Tensor *y, Convolution *c, Tensor *w, int asked,
                                                  int *count, Performance *found) {
  return list(h && fits(x, w, c, y), asked, count, found);
}

typedef struct {
  int kind;  // what is made: 0 the output, 1 the input's gradient, 2 the weight's
  Tensor x, w, y;
  Convolution c;
  const void *X, *W, *Y, *room;
  size_t nbytes;
  double alpha, beta;
} Call;

static size_t numel(const Tensor *t) {
  size_t n = 1;
  for (int i = 0; i < t->n; ++i) n *= (size_t)t->size[i];
  return n;
}
static int64_t place(const Tensor *t, const int *at) {
  int64_t p = 0;
  for (int i = 0; i < t->n; ++i) p += (int64_t)at[i] * t->stride[i];
  return p;
}

static void run(void *what) {
  Call *q = what;
  ++calls;
  size_t size = item(q->x.type);
  void *X = memory(q->X, numel(&q->x) * size), *W = memory(q->W, numel(&q->w) * size), *Y = memory(q->Y, numel(&q->y) * size),
       *room = memory(q->room, q->nbytes);
  if (!X || !W || !Y || !room) return;
  memset(room, 0x5A, q->nbytes);
  Tensor *made = q->kind == 0 ? &q->y : q->kind == 1 ? &q->x : &q->w;
  void *out = q->kind == 0 ? Y : q->kind == 1 ? X : W;
  double *sums = calloc(numel(made), sizeof(double));
  int n = q->x.n, per = q->w.size[1], of_group = q->w.size[0] / q->c.groups;
  size_t taps = numel(&q->w) / (size_t)(q->w.size[0] * per);
  // Every pixel of the output with every tap and channel that it sees.
  for (size_t p = 0; p < numel(&q->y); ++p) {
    int y[MOST], x[MOST], w[MOST];
    size_t rest = p;
    for (int i = n - 1; i >= 0; rest /= (size_t)q->y.size[i--]) y[i] = (int)(rest % (size_t)q->y.size[i]);
    for (size_t t = 0; t < taps; ++t) {
      size_t tap = t;
      int inside = 1;
      for (int i = n - 1; i >= 2; tap /= (size_t)q->w.size[i--]) {
        w[i] = (int)(tap % (size_t)q->w.size[i]);
        x[i] = y[i] * q->c.stride[i - 2] - q->c.pad[i - 2] + w[i] * q->c.dilation[i - 2];
        inside = inside && x[i] >= 0 && x[i] < q->x.size[i];
      }
      if (!inside) continue;
      for (int c = 0; c < per; ++c) {
        x[0] = y[0], x[1] = y[1] / of_group * per + c, w[0] = y[1], w[1] = c;
        int64_t xp = place(&q->x, x), wp = place(&q->w, w), yp = place(&q->y, y);
        if (q->kind == 0) sums[yp] += get(q->x.type, X, xp, 0) * get(q->x.type, W, wp, 0);
        if (q->kind == 1) sums[xp] += get(q->x.type, Y, yp, 0) * get(q->x.type, W, wp, 0);
        if (q->kind == 2) sums[wp] += get(q->x.type, Y, yp, 0) * get(q->x.type, X, xp, 0);
      }
    }
  }
  for (size_t i = 0; i < numel(made); ++i) put(made->type, out, (int64_t)i, q->alpha * sums[i], 0);
  free(sums);
}

static int start(Handle *h, int kind, const void *alpha, Tensor *x, const void *X, Tensor *w, const void *W, Convolution *c,
                 int algorithm, void *room, size_t nbytes, const void *beta, Tensor *y, const void *Y) {
  int scale = x->type == F64 ? F64 : F32;
  if (!h || !fits(x, w, c, y) || algorithm != 2 || nbytes < 1024) return BAD_PARAM;
  if (get(scale, beta, 0, 0) != 0 || (scale == F64) != (c->compute == 1)) return BAD_PARAM;
  Call *q = malloc(sizeof *q);
  *q = (Call){kind, *x, *w, *y, *c, X, W, Y, room, nbytes, get(scale, alpha, 0, 0), 0};
  push(h->stream, run, q);
  return SUCCESS;
}
int cudnnConvolutionForward(Handle *h, const void *alpha, Tensor *x, const void *X, Tensor *w, const void *W, Convolution *c,
                            int algorithm, void *room, size_t nbytes, const void *beta, Tensor *y, void *Y) {
  return start(h, 0, alpha, x, X, w, W, c, algorithm, room, nbytes, beta, y, Y);
}
int cudnnConvolutionBackwardData(Handle *h, const void *alpha, Tensor *w, const void *W, Tensor *y, const void *Y, Convolution *c,
                                 int algorithm, void *room, size_t nbytes, const void *beta, Tensor *x, void *X) {
  return start(h, 1, alpha, x, X, w, W, c, algorithm, room, nbytes, beta, y, Y);
}
int cudnnConvolutionBackwardFilter(Handle *h, const void *alpha, Tensor *x, const void *X, Tensor *y, const void *Y, Convolution *c,
                                   int algorithm, void *room, size_t nbytes, const void *beta, Tensor *w, void *W) {
  return start(h, 2, alpha, x, X, w, W, c, algorithm, room, nbytes, beta, y, Y);
}
