#include "dispatch/multiply.h"

#include <algorithm>
#include <vector>

#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/device_rules.h"
#include "dispatch/pointwise_launch.h"
#include "dispatch/views.h"
#include "kernels/gemm/little.h"
#include "runtime/blas.h"
#include "tensor/float8.h"

namespace flambeau {

void need_library() {
  if (!blas_loaded()) {
    Object module = Object::steal(PyImport_ImportModule("flambeau.ops.linalg.blas"));
    Object done =
        module ? Object::steal(PyObject_CallMethod(module.get(), "load", nullptr)) : Object();
    if (!done) throw PythonError();
  }
}

namespace {

/// A matrix (or a stack of them) as gemm wants it: any strides in float32 and float64, else rows or
/// columns contiguous.
struct Side {
  TensorRef tensor;
  int64_t ld = 0, step = 1, batch_stride = 0;
  bool transposed = false;
};

Side side_of(Tensor& t) {
  Side s;
  int r = t.ndim - 2, c = t.ndim - 1;
  int64_t rows = t.sizes[r], columns = t.sizes[c];
  auto fits = [](int64_t inner_stride, int64_t inner, int64_t outer_stride, int64_t outer) {
    return (inner_stride == 1 || inner == 1) &&
           (outer_stride >= std::max<int64_t>(inner, 1) || outer == 1);
  };
  if (fits(t.strides[c], columns, t.strides[r], rows)) {
    s.tensor = TensorRef::borrow(&t);
    s.ld = rows == 1 ? std::max<int64_t>(columns, 1) : t.strides[r];
  } else if (fits(t.strides[r], rows, t.strides[c], columns)) {
    s.tensor = TensorRef::borrow(&t);
    s.ld = columns == 1 ? std::max<int64_t>(rows, 1) : t.strides[c];
    s.transposed = true;
  } else if (t.dtype == DType::float32 || t.dtype == DType::float64) {
    s.tensor = TensorRef::borrow(&t);
    s.ld = t.strides[r];
    s.step = t.strides[c];
  } else {
    s.tensor = empty(sizes_of(t), t.dtype);
    copy_bytes(*s.tensor, t);
    s.ld = std::max<int64_t>(columns, 1);
  }
  s.batch_stride = s.tensor->ndim == 3 ? s.tensor->strides[0] : 0;
  return s;
}

/// Stacks in which a side is the same matrix every time, or a column by a row, as vmap makes them:
/// one product of matrices, or of elements. False for all others.
bool multiply_simpler(Tensor& out, Tensor& a, Tensor& b, double alpha, double beta) {
  const int64_t count = a.sizes[0], M = a.sizes[1], K = a.sizes[2], N = b.sizes[2];
  if (count == 1) return false;
  if (b.strides[0] == 0 && (M == 1 || a.strides[0] == M * a.strides[1])) {
    TensorRef rows =
        raw_view(a, {count * M, K}, {a.strides[M == 1 ? 0 : 1], a.strides[2]}, a.offset);
    TensorRef shared = raw_view(b, {K, N}, {b.strides[1], b.strides[2]}, b.offset);
    TensorRef flat = raw_view(out, {count * M, N}, {N, 1}, out.offset);
    multiply(*flat, *rows, *shared, {}, alpha, beta);
    return true;
  }
  if (a.strides[0] == 0 && N == 1) {
    TensorRef rows = raw_view(b, {count, K}, {b.strides[0], b.strides[1]}, b.offset);
    TensorRef shared = raw_view(a, {K, M}, {a.strides[2], a.strides[1]}, a.offset);
    TensorRef flat = raw_view(out, {count, M}, {M, 1}, out.offset);
    multiply(*flat, *rows, *shared, {}, alpha, beta);
    return true;
  }
  if (K == 1 && alpha == 1 && beta == 0 && M * N > 16) {
    Tensor* outputs[] = {&out};
    Arg factors[] = {{&a, nullptr}, {&b, nullptr}};
    run_map(record_of(bound_operator("mul")), outputs, 1, factors, 2, out.dtype);
    return true;
  }
  return false;
}

/// The same on a GPU: a product, then passes for what an epilogue would do on the way.
void multiply_on_device(Tensor& out, Tensor& a, Tensor& b, const Epilogue& epilogue, double alpha,
                        double beta) {
  if (is_float8(out.dtype)) {
    TensorRef wide = to_dtype(out, DType::float32);
    multiply_on_device(*wide, *to_dtype(a, DType::float32), *to_dtype(b, DType::float32), epilogue,
                       alpha, beta);
    return copy_bytes(out, *wide);
  }
  if (a.sizes[a.ndim - 1] == 0) {
    if (beta == 0)
      fill_bytes(out, 0);
    else if (beta != 1)
      copy_bytes(out, *mul_scalar(out, beta));
  } else {
    Object factors[] = {Object::steal(PyFloat_FromDouble(alpha)),
                        Object::steal(PyFloat_FromDouble(beta))};
    call_device_rule("multiply", {out.py(), a.py(), b.py(), factors[0].get(), factors[1].get()});
  }
  if (epilogue.device_bias) {
    Tensor& bias = *static_cast<Tensor*>(epilogue.device_bias);
    TensorRef shown = epilogue.bias_per_row ? unsqueeze(bias, -1) : TensorRef::borrow(&bias);
    copy_bytes(out, *add(out, *shown));
  }
  if (epilogue.relu) copy_bytes(out, *call_bound("relu", {out.py()}));
}

/// Whether two vectors give one number, and one of them has gaps: nothing is copied.
bool is_strided_dot(const Tensor& out, const Tensor& a, const Tensor& b) {
  return out.numel == 1 && a.ndim == 2 && a.sizes[1] > 1 && out.dtype != DType::bool_ &&
         (a.strides[1] != 1 || b.strides[0] != 1);
}

/// The same in float32, rounded once.
void multiply_float8(Tensor& out, Tensor& a, Tensor& b, Epilogue epilogue, double alpha,
                     double beta) {
  TensorRef wide = to_dtype(out, DType::float32);
  std::vector<float> bias;
  if (epilogue.bias) {
    auto codes = static_cast<const uint8_t*>(epilogue.bias);
    bias.resize(static_cast<size_t>(out.sizes[out.ndim - (epilogue.bias_per_row ? 2 : 1)]));
    std::transform(codes, codes + bias.size(), bias.begin(),
                   [&](uint8_t code) { return from_float8(code, out.dtype); });
    epilogue.bias = bias.data();
  }
  multiply(*wide, *to_dtype(a, DType::float32), *to_dtype(b, DType::float32), epilogue, alpha,
           beta);
  copy_bytes(out, *wide);
}

}  // namespace

void multiply(Tensor& out, Tensor& a, Tensor& b, const Epilogue& epilogue, double alpha,
              double beta) {
  if (out.numel == 0 || out.is_meta()) return;
  if (a.ndim == 3 && !epilogue.bias && !epilogue.device_bias && !epilogue.relu &&
      multiply_simpler(out, a, b, alpha, beta))
    return;
  if (out.is_cuda()) [[unlikely]]
    return multiply_on_device(out, a, b, epilogue, alpha, beta);
  if (is_float8(out.dtype)) return multiply_float8(out, a, b, epilogue, alpha, beta);
  if (is_strided_dot(out, a, b) && alpha == 1 && beta == 0 && !epilogue.bias && !epilogue.relu) {
    const int64_t K = a.sizes[1];
    LongWork unlocked(static_cast<double>(K) > 1e5);
    return strided_dot(out.dtype, K, a.data(), a.strides[1], b.data(), b.strides[0], out.data());
  }
  if (is_complex(out.dtype)) need_library();
  Side left = side_of(a), right = side_of(b);
  AnyGemm g;
  g.dtype = out.dtype;
  g.M = a.sizes[a.ndim - 2];
  g.K = a.sizes[a.ndim - 1];
  g.N = b.sizes[b.ndim - 1];
  g.a = left.tensor->data();
  g.b = right.tensor->data();
  g.c = out.data();
  g.lda = left.ld;
  g.ldb = right.ld;
  g.ldc = std::max<int64_t>(g.N, 1);
  g.step_a = left.step;
  g.step_b = right.step;
  g.alpha = alpha;
  g.beta = beta;
  g.trans_a = left.transposed;
  g.trans_b = right.transposed;
  if (a.ndim == 3) {
    g.batch = a.sizes[0];
    g.batch_stride_a = left.batch_stride;
    g.batch_stride_b = right.batch_stride;
    g.batch_stride_c = g.M * g.N;
  }
  g.epilogue = epilogue;
  LongWork unlocked(static_cast<double>(g.batch) * static_cast<double>(g.M) *
                        static_cast<double>(g.N) * static_cast<double>(g.K) >
                    5e5);
  if (are_little_products(g)) return little_products(g);
  gemm(g);
}

void multiply_batches(Tensor& out, Tensor& a, Tensor& b) {
  struct Level {
    int64_t size, a, b, out;
  };
  std::vector<Level> levels;
  const int n = out.ndim - 2;
  auto stride = [&](const Tensor& t, int d) {
    const int own = d - (out.ndim - t.ndim);
    return own < 0 || t.sizes[own] == 1 ? int64_t{0} : t.strides[own];
  };
  for (int d = 0; d < n; ++d) {
    Level level{out.sizes[d], stride(a, d), stride(b, d), out.strides[d]};
    if (level.size == 1) continue;
    if (!levels.empty()) {
      Level& outer = levels.back();
      if (outer.a == level.a * level.size && outer.b == level.b * level.size &&
          outer.out == level.out * level.size) {
        level.size *= outer.size;
        levels.pop_back();
      }
    }
    levels.push_back(level);
  }
  if (levels.empty()) levels.push_back({1, 0, 0, 0});
  const Level stack = levels.back();
  levels.pop_back();
  auto stacked = [&](Tensor& t, int64_t stride, int64_t offset) {
    const int r = t.ndim - 2, c = t.ndim - 1;
    return raw_view(t, {stack.size, t.sizes[r], t.sizes[c]}, {stride, t.strides[r], t.strides[c]},
                    t.offset + offset);
  };
  auto visit = [&](auto&& self, size_t depth, int64_t at_a, int64_t at_b, int64_t at_out) -> void {
    if (depth == levels.size()) {
      TensorRef out_view = stacked(out, stack.out, at_out);
      multiply(*out_view, *stacked(a, stack.a, at_a), *stacked(b, stack.b, at_b));
      return;
    }
    for (int64_t i = 0; i < levels[depth].size; ++i)
      self(self, depth + 1, at_a + i * levels[depth].a, at_b + i * levels[depth].b,
           at_out + i * levels[depth].out);
  };
  visit(visit, 0, 0, 0, 0);
}

}  // namespace flambeau
