#include "dispatch/products.h"

#include <limits>

#include "dispatch/autocast.h"
#include "dispatch/views.h"

namespace flambeau {

TensorRef mm_of_matrices(Tensor& x, Tensor& y) {
  check(x.ndim == 2 && y.ndim == 2, [&] {
    return message("mm: takes two matrices (2 dims), not ", shape(x), " and ", shape(y),
                   ". For stacks of matrices use bmm or matmul.");
  });
  return mm(x, y, "mm");
}
TensorRef bmm(Tensor& x, Tensor& y) {
  check(x.ndim == 3 && y.ndim == 3, [&] {
    return message("bmm: takes two stacks of matrices (3 dims), not ", shape(x), " and ", shape(y),
                   ".");
  });
  return mm(x, y, "bmm");
}

static void check_ndim(const char* op, const char* name, const Tensor& t, int ndim) {
  check(t.ndim == ndim, [&] {
    return message(op, ": ", name, " is ", shape(t), "; it takes ", ndim, " dim",
                   ndim > 1 ? "s" : "", ".");
  });
}

TensorRef mv(Tensor& x, Tensor& y) {
  check_ndim("mv", "input", x, 2);
  check_ndim("mv", "vec", y, 1);
  check(x.sizes[1] == y.sizes[0], [&] {
    return message("mv: inner dimensions differ (", x.sizes[1], " != ", y.sizes[0], "): input ",
                   shape(x), " @ vec ", shape(y), ".");
  });
  return matmul(x, y, "mv");
}
TensorRef dot(Tensor& x, Tensor& y) {
  check_ndim("dot", "input", x, 1);
  check_ndim("dot", "tensor", y, 1);
  check(x.sizes[0] == y.sizes[0], [&] {
    return message("dot: the vectors have ", x.sizes[0], " and ", y.sizes[0],
                   " elements; they must have equally many.");
  });
  return matmul(x, y, "dot");
}
TensorRef addmv(Tensor& input, Tensor& mat, Tensor& vec, double beta, double alpha) {
  check_ndim("addmv", "mat", mat, 2);
  check_ndim("addmv", "vec", vec, 1);
  TensorRef columns = input.ndim ? unsqueeze(input, 1) : TensorRef::borrow(&input);
  TensorRef out = addmm(*columns, mat, *unsqueeze(vec, 1), beta, alpha, "addmv");
  return squeeze(*out, {1});
}

static TensorRef linear_here(Tensor& input, Tensor& weight, Tensor* bias) {
  if (weight.ndim == 1) {
    // One output: the last dimension goes away.
    TensorRef row = unsqueeze(weight, 0);
    TensorRef single = bias ? reshape(*bias, {1}) : nullptr;
    TensorRef out = linear(input, *row, single.get());
    return squeeze(*out, {-1});
  }
  if (bias && bias->ndim != 1) {
    TensorRef out = linear(input, weight, nullptr);
    return add(*out, *bias);
  }
  return linear(input, weight, bias);
}

TensorRef linear_of_any_shape(Tensor& input, Tensor& weight, Tensor* bias) {
  if (!autocast.on) return linear_here(input, weight, bias);
  TensorRef lower = autocasted(input), lower_weight = autocasted(weight),
            lower_bias = bias ? autocasted(*bias) : nullptr;
  AutocastOff off;
  return linear_here(*lower, *lower_weight, lower_bias.get());
}

// Source: Cormen, Leiserson, Rivest, Stein, Introduction to Algorithms, matrix-chain
// multiplication.
std::vector<std::pair<int64_t, int64_t>> cheapest_chain(const std::vector<int64_t>& sizes) {
  const auto n = static_cast<int64_t>(sizes.size()) - 1;
  // Of the chain from matrix i to matrix j: its cost, and the last matrix of its left factor.
  std::vector<double> cost(n * n);
  std::vector<int64_t> split(n * n);
  auto size = [&](int64_t i) { return static_cast<double>(sizes[i]); };
  for (int64_t length = 2; length <= n; ++length)
    for (int64_t i = 0; i + length <= n; ++i) {
      const int64_t j = i + length - 1;
      double& least = cost[i * n + j] = std::numeric_limits<double>::infinity();
      for (int64_t k = i; k < j; ++k) {
        const double all =
            cost[i * n + k] + cost[(k + 1) * n + j] + size(i) * size(k + 1) * size(j + 1);
        // Of equal ways three matrices take (AB)C, more of them A(BC...), as in PyTorch.
        if (all < least || (n == 3 && all == least)) least = all, split[i * n + j] = k;
      }
    }
  std::vector<std::pair<int64_t, int64_t>> products;
  // Without recursion: a chain may split into one matrix and the rest at each step.
  std::vector<std::pair<int64_t, int64_t>> todo{{0, n - 1}};
  std::vector<std::pair<int64_t, int64_t>> chains;  // the last comes first
  while (!todo.empty()) {
    auto [i, j] = todo.back();
    todo.pop_back();
    if (i == j) continue;
    chains.push_back({i, j});
    const int64_t k = split[i * n + j];
    todo.push_back({i, k});
    todo.push_back({k + 1, j});
  }
  std::vector<int64_t> made(n * n);  // the operand that a chain is
  for (int64_t i = 0; i < n; ++i) made[i * n + i] = i;
  for (auto chain = chains.rbegin(); chain != chains.rend(); ++chain) {
    auto [i, j] = *chain;
    const int64_t k = split[i * n + j];
    made[i * n + j] = n + static_cast<int64_t>(products.size());
    products.push_back({made[i * n + k], made[(k + 1) * n + j]});
  }
  return products;
}

}  // namespace flambeau
