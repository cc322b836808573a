// Native ways into operators that read by index, move along dimensions, or sort. They are for the
// CPU and meta: flambeau/ops/cuda has rules behind the implementations. Need the GIL.
#pragma once
#include <optional>

#include "dispatch/raw/index.h"
#include "dispatch/raw/order.h"
#include "dispatch/ways/way.h"

namespace flambeau::ways {

/// What all but those that sort keep: the sizes of the input, then the other arguments.
class Moved {
 public:
  static constexpr bool mixes = true;  // devices; the implementation says where that is wrong
  Moved(const char* name, PyObject* backward, std::vector<const char*> kept)
      : backward_(name, backward, std::move(kept)) {}

 protected:
  template <class... Arguments>
  TensorRef with_history(TensorRef result, Tensor& input, const Arguments&... others) {
    return with_history(backward_, std::move(result), input, others...);
  }
  template <class... Arguments>
  static TensorRef with_history(WayBackward& backward, TensorRef result, Tensor& input,
                                const Arguments&... others) {
    if (!records(input)) return result;
    Ref<WayNode> node = make_way_node(backward, {&input});
    node->keep(sizes_of(input));
    (node->keep(others), ...);
    set_history(*result, &node->node);
    return result;
  }
  WayBackward backward_;
};

// Gradients of what was read: added to zeros, where nobody watches that. Of gather, index_select
// and embedding.
bool added_at_places(WayNode& node, Tensor& grad, TensorRef* gradients);
bool added_at_slices(WayNode& node, Tensor& grad, TensorRef* gradients);
bool added_rows(WayNode& node, Tensor& grad, TensorRef* gradients);

/// gather or index_select
template <TensorRef (*run)(Tensor& input, int64_t dim, Tensor& index)>
struct AlongDim : Moved {
  static constexpr const char* takes[] = {"dim", "index"};
  AlongDim(const char* name, PyObject* backward)
      : Moved(name, backward, {"shape", "dim", "index"}) {
    backward_.native = run == raw::gather ? added_at_places : added_at_slices;
  }
  TensorRef take(Tensor& input, int64_t dim, Plain index) {
    if (input.is_cuda()) return nullptr;
    return with_history(run(input, dim, *index), input, dim, index.tensor);
  }
};

/// input[index], of a mask of its sizes, of one tensor of int64 with dims, or of a tuple of such
/// and of whole dims, one for each of the first dims; all on one device. Keeps the indices one by
/// one.
struct ByIndices : Moved {
  static constexpr const char* takes[] = {"index"};
  ByIndices(const char* name, PyObject* backward);
  TensorRef take(Tensor& input, const Indices& indices);
};

/// embedding of the operator that functions call: (weight, indices)
struct Embedding : Moved {
  static constexpr const char* takes[] = {"indices"};
  Embedding(const char* name, PyObject* backward) : Moved(name, backward, {"shape", "indices"}) {
    backward_.native = added_rows;
  }
  TensorRef take(Tensor& weight, Plain indices);
};
/// nn.functional.embedding(indices, weight, ...) without max_norm and scale_grad_by_freq.
struct FunctionalEmbedding : Moved {
  static constexpr const char* takes[] = {"weight", "padding_idx", "norm_type", "sparse"};
  FunctionalEmbedding(const char* name, PyObject* backward, PyObject* sparse_backward);
  TensorRef take(Plain indices, Tensor& weight, std::optional<int64_t> padding, Any, bool sparse);

 private:
  static bool sparse_rows(WayNode& node, Tensor& grad, TensorRef* gradients);
  WayBackward sparse_backward_;
};

/// flip(input, dims)
struct Flip : Moved {
  static constexpr const char* takes[] = {"dims"};
  Flip(const char* name, PyObject* backward) : Moved(name, backward, {"shape", "dims"}) {}
  TensorRef take(Tensor& input, const Dims& dims);
};
/// x.flip(dim, ...) or x.flip(dims)
struct FlipMethod : Flip {
  static constexpr const char* takes[] = {"*"};
  using Flip::Flip;
  TensorRef take(Tensor& input, const Dims& dims) { return Flip::take(input, dims); }
};
/// roll of one dim
struct Roll : Moved {
  static constexpr const char* takes[] = {"shifts", "dims"};
  Roll(const char* name, PyObject* backward) : Moved(name, backward, {"shape", "shift", "dim"}) {}
  TensorRef take(Tensor& input, int64_t shift, int64_t dim);
};
/// tril or triu
template <bool upper>
struct Triangle : Moved {
  static constexpr const char* takes[] = {"diagonal"};
  Triangle(const char* name, PyObject* backward) : Moved(name, backward, {"shape", "diagonal"}) {}
  TensorRef take(Tensor& input, int64_t diagonal) {
    if (input.is_cuda() || input.ndim < 2 || is_quantized(input.dtype)) return nullptr;
    const TensorRef rows =
        input.strides[input.ndim - 1] == 1 ? TensorRef::borrow(&input) : contiguous(input);
    return with_history(raw::triangle(*rows, upper, diagonal), input, diagonal);
  }
};

/// diag_embed into the last two dims
struct DiagEmbed : Moved {
  static constexpr const char* takes[] = {"offset"};
  DiagEmbed(const char* name, PyObject* backward) : Moved(name, backward, {"shape", "offset"}) {}
  TensorRef take(Tensor& input, int64_t offset) {
    const bool fits = std::abs(offset) <= INT32_MAX && input.ndim > 0 && input.ndim < max_ndim;
    if (!fits || input.is_cuda() || !input.contiguous || is_quantized(input.dtype)) return nullptr;
    return with_history(raw::embed_diagonal(input, offset), input, offset);
  }
};

/// A dim split into sizes
struct Unflatten {
  static constexpr const char* takes[] = {"dim", "sizes"};
  explicit Unflatten(const char*) {}
  TensorRef take(Tensor& input, int64_t dim, const Dims& parts);
};

// Values and their places, of calls that record nothing.

struct Sorted {
  static constexpr bool mixes = true;
  explicit Sorted(const char*) {}

 protected:
  static bool fits(const Tensor& input) { return !input.is_cuda() && input.dtype != DType::bool_; }
};
inline Pair as_pair(std::tuple<TensorRef, TensorRef> made) {
  return {std::move(std::get<0>(made)), std::move(std::get<1>(made))};
}

struct Sort : Sorted {
  using Sorted::Sorted;
  static constexpr const char* takes[] = {"dim", "descending", "stable"};
  Pair take(Plain input, int64_t dim, bool descending, bool) {
    return fits(*input) ? as_pair(raw::sort(*input, dim, descending)) : Pair();
  }
};
struct TopK : Sorted {
  using Sorted::Sorted;
  static constexpr const char* takes[] = {"k", "dim", "largest", "sorted"};
  Pair take(Plain input, int64_t k, int64_t dim, bool largest, bool sorted) {
    if (!fits(*input)) return {};
    return as_pair(raw::topk(*input, k, dim, largest, sorted));
  }
};
struct KthValue : Sorted {
  using Sorted::Sorted;
  static constexpr const char* takes[] = {"k", "dim", "keepdim"};
  Pair take(Plain input, int64_t k, int64_t dim, bool keepdim) {
    return fits(*input) ? as_pair(raw::kthvalue(*input, k, dim, keepdim)) : Pair();
  }
};
struct Mode : Sorted {
  using Sorted::Sorted;
  static constexpr const char* takes[] = {"dim", "keepdim"};
  Pair take(Plain input, int64_t dim, bool keepdim) {
    return fits(*input) ? as_pair(raw::mode(*input, dim, keepdim)) : Pair();
  }
};

inline constexpr std::tuple moving_ways{
    way<AlongDim<raw::gather>, PyObject*>("_gather_way", "operation, result_type, backward"),
    way<AlongDim<raw::index_select>, PyObject*>("_index_select_way",
                                                "operation, result_type, backward"),
    way<ByIndices, PyObject*>("_index_way", "operation, result_type, backward"),
    way<Embedding, PyObject*>("_embedding_way", "operation, result_type, backward"),
    way<FunctionalEmbedding, PyObject*, PyObject*>(
        "_functional_embedding_way", "operation, result_type, backward, sparse_backward"),
    way<Flip, PyObject*>("_flip_way", "operation, result_type, backward"),
    way<FlipMethod, PyObject*>("_flip_method_way", "operation, result_type, backward"),
    way<Roll, PyObject*>("_roll_way", "operation, result_type, backward"),
    way<Triangle<false>, PyObject*>("_tril_way", "operation, result_type, backward"),
    way<Triangle<true>, PyObject*>("_triu_way", "operation, result_type, backward"),
    way<DiagEmbed, PyObject*>("_diag_embed_way", "operation, result_type, backward"),
    way<Unflatten>("_unflatten_way", "operation, result_type"),
    way<Sort>("_sort_way", "operation, result_type"),
    way<TopK>("_topk_way", "operation, result_type"),
    way<KthValue>("_kthvalue_way", "operation, result_type"),
    way<Mode>("_mode_way", "operation, result_type")};

}  // namespace flambeau::ways
