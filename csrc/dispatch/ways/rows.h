// Native ways into softmax, the norms of rows and sums with products. Need the GIL.
#pragma once
#include <optional>

#include "dispatch/matmul.h"
#include "dispatch/raw/norms.h"
#include "dispatch/raw/rows.h"
#include "dispatch/ways/way.h"

namespace flambeau::ways {

/// x.addmm_(mat1, mat2, beta=, alpha=) and, of stacks, x.baddbmm_(batch1, batch2, beta=, alpha=),
/// where they lie apart.
template <int ndim>
struct AddProduct {
  static constexpr const char* takes[] = {"*"};
  explicit AddProduct(const char*) {}
  TensorRef take(Plain input, const Factors& f) {
    const bool taken =
        input->ndim == ndim && add_product(*input, *f.left, *f.right, f.beta, f.alpha);
    return taken ? TensorRef::borrow(input.tensor) : nullptr;
  }
};

/// softmax and log_softmax; kernels: forward, backward. Keeps the result and the dim.
class Softmax {
 public:
  static constexpr const char* takes[] = {"dim"};
  Softmax(const char* name, PyObject* compile, PyObject* backward);
  TensorRef take(Tensor& input, int64_t dim);

 private:
  bool gradient(WayNode& node, Tensor& grad, TensorRef* gradients);
  RowKernels kernels_;
  const bool log_;
  WayBackward backward_;
};

/// layer_norm, with both vectors or none, and rms_norm; kernels: plain, with weight, then the same
/// two with statistics. Keeps the input, the mean (of layer_norm), 1 / deviation, the weight, the
/// length of the rows and eps.
class Norm {
 public:
  Norm(const char* name, PyObject* compile, PyObject* backward, bool has_bias);

 protected:
  TensorRef run(Tensor& input, const Dims& sizes, Tensor* weight, Tensor* bias, double eps);

 private:
  void record(Tensor& result, const raw::NormOf& of, const TensorRef& mean, Tensor& rstd);
  RowKernels kernels_;
  const bool has_bias_;
  WayBackward backward_;
};
struct LayerNorm : Norm {
  static constexpr const char* takes[] = {"normalized_shape", "weight", "bias", "eps",
                                          "cudnn_enable"};
  LayerNorm(const char* name, PyObject* compile, PyObject* backward)
      : Norm(name, compile, backward, true) {}
  TensorRef take(Tensor& input, const Dims& sizes, Tensor* weight, Tensor* bias, double eps, Any);
};
struct RmsNorm : Norm {
  static constexpr const char* takes[] = {"normalized_shape", "weight", "eps"};
  RmsNorm(const char* name, PyObject* compile, PyObject* backward)
      : Norm(name, compile, backward, false) {}
  /// Without eps that of the dtype.
  TensorRef take(Tensor& input, const Dims& sizes, Tensor* weight, std::optional<double> eps);
};

/// group_norm of a contiguous input on the CPU. Keeps what layer_norm does, groups for the length.
class GroupNorm {
 public:
  static constexpr const char* takes[] = {"num_groups", "weight", "bias", "eps"};
  GroupNorm(const char* name, PyObject* backward);
  TensorRef take(Tensor& input, int64_t groups, Tensor* weight, Tensor* bias, double eps);

 private:
  WayBackward backward_;
};

/// nn.functional.batch_norm of a contiguous input on the CPU, by running statistics where nothing
/// is recorded. Keeps what layer_norm does but for length and eps.
class BatchNorm {
 public:
  static constexpr const char* takes[] = {"running_mean", "running_var", "weight", "bias",
                                          "training",     "momentum",    "eps"};
  BatchNorm(const char* name, PyObject* backward);
  TensorRef take(Tensor& input, Tensor* running_mean, Tensor* running_var, Tensor* weight,
                 Tensor* bias, bool training, double momentum, double eps);

 private:
  WayBackward backward_;
};

inline constexpr std::tuple row_ways{
    way<Softmax, PyObject*, PyObject*>("_softmax_way", "operation, result_type, compile, backward"),
    way<LayerNorm, PyObject*, PyObject*>("_layer_norm_way",
                                         "operation, result_type, compile, backward"),
    way<RmsNorm, PyObject*, PyObject*>("_rms_norm_way",
                                       "operation, result_type, compile, backward"),
    way<GroupNorm, PyObject*>("_group_norm_way", "operation, result_type, backward"),
    way<BatchNorm, PyObject*>("_batch_norm_way", "operation, result_type, backward"),
    way<AddProduct<2>>("_addmm__way", "operation, result_type"),
    way<AddProduct<3>>("_baddbmm__way", "operation, result_type")};

}  // namespace flambeau::ways
