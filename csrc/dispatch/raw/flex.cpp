// Attention of tensors with compiled functions of scores, without history.
#include "kernels/attention/flex.h"

#include <algorithm>
#include <cstring>

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/raw/attended.h"
#include "dispatch/raw/flex.h"

namespace flambeau::raw {

namespace {

/// How many bytes the copies of gradients of arrays may take together.
constexpr int64_t most_part_bytes = int64_t{64} << 20;
constexpr int64_t most_parts = 32;

/// The tensors of a list, contiguous.
std::vector<TensorRef> held(const char* op, const std::vector<Tensor*>& given) {
  std::vector<TensorRef> tensors;
  for (Tensor* t : given) {
    check<TypeError>(t, [&] { return message(op, ": arrays must be tensors, not None."); });
    tensors.push_back(contiguous(*t));
  }
  return tensors;
}

/// What a ScoreFunction knows of them.
std::vector<int64_t> read_arrays(const std::vector<TensorRef>& arrays) {
  std::vector<int64_t> facts;
  for (const TensorRef& array : arrays) {
    facts.push_back(reinterpret_cast<int64_t>(array->data()));
    facts.push_back(0);
    for (int d = 0; d < array->ndim; ++d) {
      facts.push_back(array->sizes[d]);
      facts.push_back(array->strides[d]);
    }
  }
  return facts;
}

/// The operands of a call, which give the problem its memory.
struct Operands {
  TensorRef query, key, value, states;
  std::vector<int64_t> numbers;
  double scale;
  std::vector<TensorRef> arrays;

  Operands(const char* op, const FlexOf& of)
      : query(rows_of(of.query)),
        key(rows_of(of.key)),
        value(rows_of(of.value)),
        numbers(of.numbers),
        scale(of.scale),
        arrays(held(op, of.arrays)) {
    const Tensor &q = *query, &k = *key, &v = *value;
    bool fits = q.ndim == 4 && k.ndim == 4 && v.ndim == 4 && q.numel && k.numel && v.numel;
    fits = fits && (q.dtype == DType::float32 || q.dtype == DType::float64) && k.dtype == q.dtype &&
           v.dtype == q.dtype && numbers.size() == 5;
    fits = fits && q.sizes[0] == k.sizes[0] && k.sizes[0] == v.sizes[0] &&
           k.sizes[1] == v.sizes[1] && q.sizes[1] % k.sizes[1] == 0 && q.sizes[3] == k.sizes[3] &&
           k.sizes[2] == v.sizes[2];
    if (fits && of.states) {
      states = contiguous(*of.states);
      const Tensor& s = *states;
      fits = s.dtype == DType::uint8 && s.ndim == 4 && numbers[3] > 0 && numbers[4] > 0 &&
             (s.sizes[0] == 1 || s.sizes[0] == q.sizes[0]) &&
             (s.sizes[1] == 1 || s.sizes[1] == q.sizes[1]) &&
             s.sizes[2] > (q.sizes[2] - 1) / numbers[3] &&
             s.sizes[3] > (k.sizes[2] - 1) / numbers[4];
    }
    check(fits, [&] {
      return message(op, ": query ", describe(q), ", key ", describe(k), " and value ", describe(v),
                     " do not fit each other or the blocks.");
    });
  }

  /// Where each matrix of a stack begins, in elements.
  static std::vector<int64_t> starts(const Tensor& t) {
    std::vector<int64_t> at;
    for (int64_t b = 0; b < t.sizes[0]; ++b)
      for (int64_t h = 0; h < t.sizes[1]; ++h) at.push_back(b * t.strides[0] + h * t.strides[1]);
    return at;
  }
  template <class T>
  static Rows<const T> rows(const Tensor& t) {
    return {static_cast<const T*>(t.data()), starts(t), t.strides[2]};
  }

  template <class T>
  FlexAttention<T> problem() const {
    FlexAttention<T> a;
    a.n_batches = query->sizes[0], a.n_heads = query->sizes[1], a.n_key_heads = key->sizes[1];
    a.n_queries = query->sizes[2], a.n_keys = key->sizes[2];
    a.E = query->sizes[3], a.V = value->sizes[3];
    a.query = rows<T>(*query), a.key = rows<T>(*key), a.value = rows<T>(*value);
    a.scale = static_cast<T>(scale);
    if (states) {
      const Tensor& s = *states;
      a.blocks.states = s.as<uint8_t>();
      a.blocks.n_key_blocks = s.sizes[3];
      a.blocks.block_queries = numbers[3], a.blocks.block_keys = numbers[4];
      for (int64_t b = 0; b < a.n_batches; ++b)
        for (int64_t h = 0; h < a.n_heads; ++h)
          a.blocks.at.push_back(
              ((s.sizes[0] == 1 ? 0 : b) * s.sizes[1] + (s.sizes[1] == 1 ? 0 : h)) * s.sizes[2] *
              s.sizes[3]);
    }
    a.full = reinterpret_cast<ScoreFunction>(numbers[0]);
    a.partly = reinterpret_cast<ScoreFunction>(numbers[1]);
    a.slope = reinterpret_cast<ScoreFunction>(numbers[2]);
    a.arrays = read_arrays(arrays);
    return a;
  }
};

void check_indices(bool inside) {
  check<IndexError>(inside, [] {
    return std::string(
        "flex_attention: score_mod or mask_mod reads a tensor at an index outside of it. Give it "
        "as "
        "many elements as there are places, or clamp the index.");
  });
}

}  // namespace

std::tuple<TensorRef, TensorRef> flex_attend(const FlexOf& of) {
  Operands operands("flex_attend", of);
  Dims sizes = sizes_of(*operands.query);
  sizes[3] = operands.value->sizes[3];
  TensorRef out = empty(sizes, operands.query->dtype);
  sizes[3] = 2;
  TensorRef norms = empty(sizes, operands.query->dtype);
  const bool inside = in_dtype(out->dtype, [&](auto element) {
    using T = decltype(element);
    FlexAttention<T> problem = operands.problem<T>();
    LongWork unlocked(norms->numel * problem.n_keys > 8192);
    return flambeau::flex_attend(problem, out->as<T>(), norms->as<T>());
  });
  check_indices(inside);
  return {out, norms};
}

std::vector<TensorRef> flex_backward(const FlexOf& of, Tensor& out, Tensor& norms, Tensor& given,
                                     Tensor* given_lse, const std::vector<int64_t>& wanted) {
  Operands operands("flex_backward", of);
  const Tensor& q = *operands.query;
  TensorRef grad = contiguous(given), grad_lse;
  if (given_lse) grad_lse = contiguous(*given_lse);
  Dims sizes = sizes_of(q), rows = sizes_of(q);
  sizes[3] = operands.value->sizes[3];
  rows[3] = 2;
  check(out.dtype == q.dtype && grad->dtype == q.dtype && norms.dtype == q.dtype &&
            out.contiguous && norms.contiguous && sizes_of(out) == sizes &&
            sizes_of(*grad) == sizes && sizes_of(norms) == rows &&
            wanted.size() == operands.arrays.size() &&
            (!grad_lse || (grad_lse->dtype == q.dtype && grad_lse->numel * 2 == norms.numel)),
        [&] {
          return message("flex_backward: result ", describe(out), ", norms ", describe(norms),
                         " and gradient ", describe(*grad), " do not fit query ", describe(q), ".");
        });
  std::vector<TensorRef> results{empty(sizes_of(q), q.dtype),
                                 empty(sizes_of(*operands.key), q.dtype),
                                 empty(sizes_of(*operands.value), q.dtype)};
  int64_t wanted_bytes = 0;
  for (size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i]) wanted_bytes += operands.arrays[i]->numel * itemsize(q.dtype);
  int64_t n_parts = operands.key->sizes[0] * operands.key->sizes[1];
  if (wanted_bytes)
    n_parts = std::clamp<int64_t>(most_part_bytes / wanted_bytes, 1,
                                  std::min<int64_t>(n_parts, most_parts));
  const bool inside = in_dtype(q.dtype, [&](auto element) {
    using T = decltype(element);
    FlexAttention<T> problem = operands.problem<T>();
    std::vector<ArrayGradient<T>> gradients;
    int64_t slot = 1;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const Tensor& array = *operands.arrays[i];
      if (wanted[i]) {
        TensorRef part = empty({n_parts, array.numel}, q.dtype);
        std::memset(part->data(), 0, part->nbytes());
        gradients.push_back({part->as<T>(), array.numel, slot});
        results.push_back(part);
      }
      slot += 2 + 2 * array.ndim;
    }
    LongWork unlocked(norms.numel * problem.n_keys > 8192);
    return flex_attend_backward(
        problem, out.as<T>(), norms.as<T>(), grad->as<T>(), grad_lse ? grad_lse->as<T>() : nullptr,
        n_parts, results[0]->as<T>(), results[1]->as<T>(), results[2]->as<T>(), gradients);
  });
  check_indices(inside);
  return results;
}

TensorRef flex_states(const std::vector<int64_t>& sizes, int64_t visible,
                      const std::vector<Tensor*>& arrays) {
  check<ValueError>(
      sizes.size() == 6 && std::all_of(sizes.begin(), sizes.end(), [](int64_t n) { return n > 0; }),
      [] { return std::string("flex_states: six sizes of 1 or more are needed."); });
  const std::vector<TensorRef> kept = held("flex_states", arrays);
  MaskBlocks mask{sizes[0],
                  sizes[1],
                  sizes[2],
                  sizes[3],
                  sizes[4],
                  sizes[5],
                  reinterpret_cast<ScoreFunction>(visible),
                  read_arrays(kept)};
  TensorRef states = empty({sizes[0], sizes[1], (sizes[2] + sizes[4] - 1) / sizes[4],
                            (sizes[3] + sizes[5] - 1) / sizes[5]},
                           DType::uint8);
  bool inside;
  {
    LongWork unlocked(true);
    inside = flambeau::flex_states(mask, states->as<uint8_t>());
  }
  check_indices(inside);
  return states;
}

}  // namespace flambeau::raw
