#include "dispatch/matmul.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "autograd/meta.h"
#include "autograd/wanted.h"
#include "dispatch/basics.h"
#include "dispatch/batched.h"
#include "dispatch/bound.h"
#include "dispatch/multiply.h"
#include "dispatch/product_layout.h"
#include "dispatch/views.h"

namespace flambeau {

namespace {

struct ProductNode {
  Node node;
  Saved a, b;
  bool columns_a = false, columns_b = false;  // see by_columns
};

/// The factors of a product as two edges of its node; each is kept for the gradient of the other.
template <class Kept>
void follow_product(Kept& kept, int first, Tensor& a, Tensor& b) {
  set_edge(&kept.node, first, &a);
  set_edge(&kept.node, first + 1, &b);
  if (kept.node.edges[first].node) kept.b.save(b);
  if (kept.node.edges[first + 1].node) kept.a.save(a);
  kept.columns_a = by_columns(a);
  kept.columns_b = by_columns(b);
}

/// The gradients of multiply(a, b), a product of matrices or of stacks of them, for edges `first`
/// and the next: the engine sums what was broadcast. That of a matrix lies in memory as the matrix
/// does, so that the one of what a program has transposed is contiguous.
template <auto multiply>
void factor_gradients(ProductNode* self, uint32_t first, Tensor& grad, TensorRef* grad_inputs,
                      const char* a_name, const char* b_name) {
  if (wants_gradient(&self->node, first)) {
    TensorRef other = transpose(*conjugate(*self->b.unpack(&self->node, b_name)), -2, -1);
    grad_inputs[first] = laid_out_product<multiply>(grad, *other, self->columns_a);
  }
  if (wants_gradient(&self->node, first + 1)) {
    TensorRef other = transpose(*conjugate(*self->a.unpack(&self->node, a_name)), -2, -1);
    grad_inputs[first + 1] = laid_out_product<multiply>(*other, grad, self->columns_b);
  }
}

template <auto multiply>
void product_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto* self = reinterpret_cast<ProductNode*>(node);
  factor_gradients<multiply>(self, 0, *grad_outputs[0], grad_inputs, "input", "other");
}

void product_release(Node* node) {
  auto* self = reinterpret_cast<ProductNode*>(node);
  self->a.reset();
  self->b.reset();
}
void product_visit(Node* node, Visitor& visitor) {
  auto* self = reinterpret_cast<ProductNode*>(node);
  self->a.visit(visitor);
  self->b.visit(visitor);
}

constexpr auto plain_mm = [](Tensor& a, Tensor& b) { return mm(a, b); };
const NodeKind mm_kind = {product_backward<plain_mm>, product_release, destroy_as<ProductNode>,
                          product_visit};

/// (rows, last) view of a tensor.
TensorRef flat_rows(Tensor& t) {
  int64_t rows = 1;
  for (int d = 0; d + 1 < t.ndim; ++d) rows *= t.sizes[d];
  return reshape(t, {rows, t.sizes[t.ndim - 1]});
}

/// Inputs in the order of the formula bias + input @ weight.T, as PyTorch's graph shows them;
/// without a bias the first edge is missing.
void linear_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto* self = reinterpret_cast<ProductNode*>(node);
  uint32_t first = node->n_edges - 2;
  TensorRef grad = grad_outputs[0];
  TensorRef rows = grad->ndim == 2 ? grad : flat_rows(*grad);
  if (first == 1 && wants_gradient(node, 0)) grad_inputs[0] = sum(*rows, {0}, false);
  if (wants_gradient(node, first)) {
    TensorRef weight = self->b.unpack(node, "weight");
    TensorRef g = mm(*rows, *conjugate(*weight));
    if (grad->ndim != 2) {
      Dims sizes = sizes_of(*grad);
      sizes[sizes.n - 1] = weight->sizes[1];
      g = reshape(*g, sizes);
    }
    grad_inputs[first] = g;
  }
  if (wants_gradient(node, first + 1)) {
    TensorRef input = self->a.unpack(node, "input");
    TensorRef flat = input->ndim == 2 ? input : flat_rows(*input);
    grad_inputs[first + 1] = mm(*transpose(*rows, 0, 1), *conjugate(*flat));
  }
}
const NodeKind linear_kind = {linear_backward, product_release, destroy_as<ProductNode>,
                              product_visit};

/// A copy of sizes with other last two.
Dims with_matrix(const Dims& batch, int64_t rows, int64_t columns) {
  Dims sizes = batch;
  sizes.push(rows);
  sizes.push(columns);
  return sizes;
}

/// The dimensions before a matrix's two.
Dims batch_of(const Tensor& t) {
  Dims batch;
  for (int d = 0; d + 2 < t.ndim; ++d) batch.push(t.sizes[d]);
  return batch;
}

const NodeKind batches_kind = {product_backward<[](Tensor& a, Tensor& b) { return matmul(a, b); }>,
                               product_release, destroy_as<ProductNode>, product_visit};

struct AddmmNode : ProductNode {
  double alpha, beta;
};

/// Inputs in the order of the formula beta * input + alpha * (a @ b).
void addmm_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto* self = reinterpret_cast<AddmmNode*>(node);
  auto scale = [](TensorRef& t, double factor) {
    if (t && factor != 1) t = mul_scalar(*t, factor);
  };
  if (wants_gradient(node, 0)) grad_inputs[0] = grad_outputs[0];
  factor_gradients<plain_mm>(self, 1, *grad_outputs[0], grad_inputs, "mat1", "mat2");
  scale(grad_inputs[0], self->beta);
  for (int i : {1, 2}) scale(grad_inputs[i], self->alpha);
}
const NodeKind addmm_kind = {addmm_backward, product_release, destroy_as<AddmmNode>, product_visit};

/// Whether a contiguous float32 or float64 tensor holds neither infinities nor NaN.
bool all_finite(Tensor& t) {
  auto finite = [&]<class T>(const T* x) {
    return std::all_of(x, x + t.numel, [](T v) { return std::isfinite(v); });
  };
  return t.dtype == DType::float32 ? finite(t.as<float>()) : finite(t.as<double>());
}

std::string inner_differ(int64_t left, int64_t right, const Tensor& a, const Tensor& b,
                         const char* op) {
  // Often a weight stored as (out, in).
  bool fits = b.ndim >= 2 && left == b.sizes[b.ndim - 1];
  return message(op, ": inner dimensions differ (", left, " != ", right, "): input ", shape(a),
                 " @ other ", shape(b), fits ? ". They fit as input @ other.mT." : ".");
}

void check_dtypes(const Tensor& a, const Tensor& b, const char* op) {
  check(a.dtype == b.dtype, [&] {
    return message(op, ": the operands are ", describe(a), " and ", describe(b),
                   ", but a product takes one dtype. Convert one of them with .to().");
  });
}

/// Two matrices, or two stacks of equally many, whose inner dimensions agree.
void check_matrices(const Tensor& a, const Tensor& b, const char* op) {
  check(a.ndim == b.ndim && (a.ndim == 2 || a.ndim == 3), [&] {
    return message(op, ": takes two matrices (2 dims) or two stacks of matrices (3 dims), not ",
                   shape(a), " and ", shape(b), ".");
  });
  int64_t left = a.sizes[a.ndim - 1], right = b.sizes[b.ndim - 2];
  check(left == right, [&] { return inner_differ(left, right, a, b, op); });
  check(a.ndim == 2 || a.sizes[0] == b.sizes[0], [&] {
    return message(op, ": the stacks hold ", a.sizes[0], " and ", b.sizes[0],
                   " matrices: ", shape(a), " @ ", shape(b), ". matmul broadcasts a stack of one.");
  });
}

}  // namespace

TensorRef mm(Tensor& a, Tensor& b, const char* op) {
  check_matrices(a, b, op);
  int c = a.ndim - 1;
  check_dtypes(a, b, op);
  if (any_batched({&a, &b})) return matmul_batched(a, b);
  Dims sizes = sizes_of(a);
  sizes[c] = b.sizes[c];
  TensorRef out = empty(sizes, a.dtype);
  multiply(*out, a, b);
  if ((needs_record(a) || needs_record(b)) && is_differentiable(a.dtype)) {
    static PyTypeObject* types[2] = {node_subtype("MmBackward0"), node_subtype("BmmBackward0")};
    Ref<ProductNode> node = make_node<ProductNode>(types[a.ndim == 3], &mm_kind);
    node->node.set_edges(2);
    follow_product(*node, 0, a, b);
    set_history(*out, &node->node);
  }
  return out;
}

TensorRef linear(Tensor& input, Tensor& weight, Tensor* bias, bool relu) {
  check(input.ndim >= 1 && weight.ndim == 2, [&] {
    return message("linear: takes input (*, K) and weight (N, K), not ", shape(input), " and ",
                   shape(weight), ".");
  });
  int64_t K = input.sizes[input.ndim - 1], N = weight.sizes[0];
  check(K == weight.sizes[1], [&] {
    return message("linear: input ", shape(input), " has ", K, " features; weight ", shape(weight),
                   " takes ", weight.sizes[1], ". The last size of input must be in_features.");
  });
  check_dtypes(input, weight, "linear");
  if (bias) {
    check_dtypes(input, *bias, "linear");
    check(bias->ndim == 1 && bias->sizes[0] == N, [&] {
      return message("linear: bias ", shape(*bias), " does not fit weight ", shape(weight),
                     "; it takes (", N, ",).");
    });
  }
  if (any_batched({&input, &weight, bias})) {
    TensorRef result = linear_batched(input, weight, bias);
    return relu ? call_bound("relu", {result.py()}) : result;
  }
  Dims sizes = sizes_of(input);
  sizes[sizes.n - 1] = N;
  TensorRef out = empty(sizes, input.dtype);
  {
    GradModeGuard off(false);
    TensorRef rows = input.ndim == 2 ? TensorRef::borrow(&input) : flat_rows(input);
    TensorRef flat_out = raw_view(*out, {rows->sizes[0], N}, {std::max<int64_t>(N, 1), 1}, 0);
    TensorRef wt = raw_view(weight, {K, N}, {weight.strides[1], weight.strides[0]}, weight.offset);
    TensorRef packed_bias = bias ? contiguous(*bias) : nullptr;
    Epilogue epilogue;
    if (bias && out->is_cuda())
      epilogue.device_bias = packed_bias.get();
    else if (bias && !out->is_meta())
      epilogue.bias = packed_bias->data();
    epilogue.relu = relu;
    multiply(*flat_out, *rows, *wt, epilogue);
  }
  bool record = needs_record(input) || needs_record(weight) || (bias && needs_record(*bias));
  if (record && is_differentiable(input.dtype)) {
    static PyTypeObject* type = node_subtype("AddmmBackward0");
    Ref<ProductNode> node = make_node<ProductNode>(type, &linear_kind);
    node->node.set_edges(bias ? 3 : 2);
    uint32_t first = bias ? 1 : 0;
    if (bias) set_edge(&node->node, 0, bias);
    set_edge(&node->node, first, &input);
    set_edge(&node->node, first + 1, &weight);
    if (node->node.edges[first].node) node->b.save(weight);
    if (node->node.edges[first + 1].node) node->a.save(input);
    set_history(*out, &node->node);
  }
  return out;
}

static TensorRef product(Tensor& a, Tensor& b, const char* op) {
  check(a.ndim > 0 && b.ndim > 0, [&] {
    return message(op, ": both operands need 1 dim or more, but they are ", shape(a), " and ",
                   shape(b), ". For a scalar factor write *.");
  });
  const int64_t inner = b.sizes[b.ndim > 1 ? b.ndim - 2 : 0];
  check(a.sizes[a.ndim - 1] == inner,
        [&] { return inner_differ(a.sizes[a.ndim - 1], inner, a, b, op); });
  check_dtypes(a, b, op);
  if (any_batched({&a, &b})) return matmul_batched(a, b);
  if (a.ndim == 1 && b.ndim == 1) return reshape(*mm(*unsqueeze(a, 0), *unsqueeze(b, 1), op), {});
  if (a.ndim == 1) return squeeze(*matmul(*unsqueeze(a, 0), b, op), {b.ndim - 2});
  if (b.ndim == 1) return squeeze(*matmul(a, *unsqueeze(b, 1), op), {a.ndim - 1});
  if (a.ndim == 2 && b.ndim == 2) return mm(a, b, op);
  const int64_t M = a.sizes[a.ndim - 2], N = b.sizes[b.ndim - 1];
  if (b.ndim == 2) {
    // The rows of all matrices together; -1 could not be inferred for an empty one.
    int64_t rows = 1;
    for (int d = 0; d + 1 < a.ndim; ++d) rows *= a.sizes[d];
    return reshape(*mm(*reshape(a, {rows, inner}), b, op), with_matrix(batch_of(a), M, N));
  }
  if (a.ndim == 3 && b.ndim == 3 && a.sizes[0] == b.sizes[0]) return mm(a, b, op);

  const int n_batch = std::max(a.ndim, b.ndim) - 2;
  Dims batch;
  for (int d = 0; d < n_batch; ++d) {
    auto size = [&](const Tensor& t) {
      const int own = d - (n_batch - (t.ndim - 2));
      return own < 0 ? int64_t{1} : t.sizes[own];
    };
    const int64_t left = size(a), right = size(b);
    check(left == right || left == 1 || right == 1, [&] {
      return message(op, ": stacks of ", left, " and ", right, " matrices do not broadcast: input ",
                     shape(a), " @ other ", shape(b), ".");
    });
    batch.push(left == 1 ? right : left);
  }
  TensorRef out = empty(with_matrix(batch, M, N), a.dtype);
  if (out->numel && !out->is_meta()) multiply_batches(*out, a, b);
  if ((needs_record(a) || needs_record(b)) && is_differentiable(a.dtype)) {
    static PyTypeObject* type = node_subtype("MatmulBackward0");
    Ref<ProductNode> node = make_node<ProductNode>(type, &batches_kind);
    node->node.set_edges(2);
    follow_product(*node, 0, a, b);
    set_history(*out, &node->node);
  }
  return out;
}

TensorRef matmul(Tensor& a, Tensor& b, const char* op) { return as_result(product(a, b, op)); }

TensorRef addmm(Tensor& input, Tensor& a, Tensor& b, double beta, double alpha, const char* op) {
  check_matrices(a, b, op);
  const int c = a.ndim - 1;
  check_dtypes(a, b, op);
  check(input.dtype == a.dtype, [&] {
    return message(op, ": input is ", name(input.dtype), ", but the product is ", name(a.dtype),
                   ". Convert one of them with .to().");
  });
  Dims sizes = sizes_of(a);
  sizes[c] = b.sizes[c];
  if (any_batched({&input, &a, &b})) {
    TensorRef product = matmul(a, b, op);
    if (alpha != 1) product = mul_scalar(*product, alpha);
    return beta == 0 ? product : add(*product, beta == 1 ? input : *mul_scalar(input, beta));
  }
  bool fits = input.ndim <= sizes.n;
  for (int d = 0; fits && d < input.ndim; ++d)
    fits = input.sizes[d] == 1 || input.sizes[d] == sizes[sizes.n - input.ndim + d];
  check(fits, [&] {
    return message(op, ": input ", shape(input), " does not broadcast to the product's shape ",
                   to_string(sizes), ".");
  });
  TensorRef out = empty(sizes, a.dtype);
  {
    GradModeGuard off(false);
    const bool is_bias = beta == 1 && input.ndim == 1 && input.sizes[0] == sizes[c];
    TensorRef bias = is_bias ? contiguous(input) : nullptr;
    Epilogue epilogue;
    if (is_bias && out->is_cuda())
      epilogue.device_bias = bias.get();
    else if (is_bias && !out->is_meta())
      epilogue.bias = bias->data();
    // One term: a single pass.
    constexpr int64_t many = 1 << 12;
    const bool is_outer = a.sizes[c] == 1 && alpha == 1 && beta == 1 && !is_bias &&
                          out->numel >= many && out->on_cpu();
    auto compute = [&](Tensor& left, double factor) {
      if (is_outer) return void(out = call_bound("addcmul", {input.py(), a.py(), b.py()}));
      if (!is_bias && beta != 0) copy_bytes(*out, *expand(input, sizes));
      multiply(*out, left, b, epilogue, factor, is_bias ? 0 : beta);
    };
    compute(a, alpha);
    // A sum that leaves the range may come back into it by a small alpha, if that comes first.
    const bool may_leave = alpha != 0 && std::abs(alpha) < 1 && out->on_cpu() &&
                           (out->dtype == DType::float32 || out->dtype == DType::float64);
    if (may_leave && !all_finite(*out)) compute(*mul_scalar(a, alpha), 1);
  }
  if (needs_record(input) || needs_record(a) || needs_record(b)) {
    static PyTypeObject* types[2] = {node_subtype("AddmmBackward0"),
                                     node_subtype("BaddbmmBackward0")};
    Ref<AddmmNode> node = make_node<AddmmNode>(types[a.ndim == 3], &addmm_kind);
    node->alpha = alpha;
    node->beta = beta;
    node->node.set_edges(3);
    set_edge(&node->node, 0, &input);
    follow_product(*node, 1, a, b);
    set_history(*out, &node->node);
  }
  return out;
}

/// Whether a product in this dtype takes both factors as they are.
static bool takes_factors(DType dtype, double beta, double alpha) {
  switch (dtype) {
    case DType::float32:
    case DType::float64: return alpha != 0;
    case DType::complex64:
    case DType::complex128: return true;
    case DType::bfloat16:
    case DType::float16: return alpha != 0;
    case DType::int64:
    case DType::int32:
    case DType::int16:
    case DType::int8:
    case DType::uint8: {
      auto whole = [](double x) { return x >= 0 && x < 128 && x == std::floor(x); };
      return whole(beta) && whole(alpha);
    }
    default: return false;
  }
}

bool add_product(Tensor& sum, Tensor& a, Tensor& b, double beta, double alpha) {
  const int r = sum.ndim - 2, c = sum.ndim - 1;
  if (r < 0 || !takes_factors(sum.dtype, beta, alpha) || !sum.contiguous || !sum.on_cpu() ||
      a.ndim != sum.ndim || b.ndim != sum.ndim || a.dtype != sum.dtype || b.dtype != sum.dtype ||
      a.storage == sum.storage || b.storage == sum.storage || a.sizes[r] != sum.sizes[r] ||
      b.sizes[c] != sum.sizes[c] || a.sizes[c] != b.sizes[r] || a.sizes[c] == 0 || sum.inference)
    return false;
  for (int d = 0; d < r; ++d)
    if (a.sizes[d] != sum.sizes[d] || b.sizes[d] != sum.sizes[d]) return false;
  const bool is_half = sum.dtype == DType::bfloat16 || sum.dtype == DType::float16;
  if (is_half && ((beta != 0 && beta != 1) || alpha != 1)) {  // rounded once
    TensorRef wide = to_dtype(sum, DType::float32);
    add_product(*wide, *to_dtype(a, DType::float32), *to_dtype(b, DType::float32), beta, alpha);
    copy_bytes(sum, *wide);
    sum.bump_version(r == 0 ? "addmm_" : "baddbmm_");
    return true;
  }
  TensorRef left = TensorRef::borrow(&a), right = TensorRef::borrow(&b);
  if (alpha != 1 && is_floating(sum.dtype)) {
    // An operand, as a BLAS does: the product may be beyond what alpha brings back.
    TensorRef& smaller = a.numel <= b.numel ? left : right;
    smaller = mul_scalar(*smaller, alpha);
    alpha = 1;
  }
  multiply(sum, *left, *right, {}, alpha, beta);
  sum.bump_version(r == 0 ? "addmm_" : "baddbmm_");
  return true;
}

}  // namespace flambeau
