#include <algorithm>
#include <optional>
#include <vector>

#include "kernels/elements/convert.h"
#include "kernels/gemm/pairs.h"
#include "kernels/recurrent/lstm.h"
#include "kernels/recurrent/simd.h"
#include "kernels/recurrent/steps.h"

namespace flambeau {

using namespace recurrent;

namespace {

enum Slot { wide_slot = 2, row_slot = 3, edge_slot = 4, words_slot = 5, state_slot = 7 };

void put(const float* from, float* to, int64_t n) { std::copy_n(from, n, to); }
void put(const float* from, bfloat16* to, int64_t n) { convert(from, to, n); }

void add(const float* from, float* sums, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sums[i] += from[i];
}
void add(const bfloat16* from, float* sums, int64_t n) { add_converted(from, sums, n); }

/// C (rows, N) in float32 = A (rows, K) B of bfloat16, whose B is packed once, as StepProduct's: in
/// pairs where the machine multiplies these, and else widened.
class PairProduct {
 public:
  /// Columns of B are rows of b if `turned`, and else columns.
  PairProduct(const SequenceShape& shape, int64_t N, int64_t K, const bfloat16* b, bool turned)
      : N_(N), K_(K), n_words_(ceil_div(K, 2)) {
    if (!bfloat16_pairs().lanes) {
      wide_.resize(N * K);
      convert(b, wide_.data(), N * K);
      product_.emplace(shape, N, K, wide_.data(), turned ? 1 : N, turned ? K : 1);
      return;
    }
    panels_.emplace(N);
    packed_ = Workspace::get<uint32_t>(packed_slot, panels_->all() * n_words_);
    turned ? pairs::pack_rows(b, K, K, *panels_, packed_)
           : pairs::pack_pairs(b, N, K, *panels_, packed_);
  }

  void run(int64_t rows, const bfloat16* a, float* c) const {
    if (product_) {
      float* wide = Workspace::get<float>(wide_slot, rows * K_);
      convert(a, wide, rows * K_);
      return product_->run(rows, wide, c, nullptr, false);
    }
    uint32_t* room = pairs::lie_as_words(K_, K_)
                         ? nullptr
                         : Workspace::get<uint32_t>(words_slot, rows * n_words_);
    const pairs::WordRows words = pairs::word_rows(a, K_, rows, K_, room);
    const int64_t work = std::max<int64_t>(1, rows * n_words_ * panels_->width(0));
    const Spread tasks(panels_->n(), ceil_div(task_products, work));
    parallel_for(tasks.n_parts, [&](int64_t task) {
      for (int64_t panel = tasks.begin(task); panel < tasks.begin(task + 1); ++panel)
        multiply(rows, words, panel, c + panels_->begin(panel));
    });
  }

 private:
  void multiply(int64_t rows, pairs::WordRows words, int64_t panel, float* c) const {
    const int64_t width = panels_->width(panel), used = panels_->used(panel);
    const uint32_t* b = packed_ + panels_->begin(panel) * n_words_;
    const int vectors = panels_->vectors(panel);
    if (used == width)
      return pairs::multiply_panel(rows, words, n_words_, vectors, b, false, c, N_);
    float* room = Workspace::get<float>(edge_slot, rows * width);
    pairs::multiply_panel(rows, words, n_words_, vectors, b, false, room, width);
    for (int64_t i = 0; i < rows; ++i) std::copy_n(room + i * width, used, c + i * N_);
  }

  int64_t N_, K_, n_words_;
  std::vector<float> wide_;
  std::optional<StepProduct<float>> product_;
  std::optional<pairs::Panels> panels_;
  uint32_t* packed_ = nullptr;
};

}  // namespace

template <class T>
void lstm(const SequenceShape& shape, const LstmForwardBfloat16<T>& task) {
  const int64_t H = shape.units;
  const PairProduct product(shape, 4 * H, H, task.weight, true);
  const auto& kernels = lstm_kernels<float>();
  float* const step = task.gates ? nullptr : Workspace::get<float>(step_slot, shape.batch * 4 * H);
  bfloat16* const states =
      task.had_h ? nullptr : Workspace::get<bfloat16>(state_slot, shape.batch * H);
  each_step(shape, false, [&](int64_t first, int64_t begin, int64_t end) {
    bfloat16* state = (states ? states : task.had_h + first * H) + begin * H;
    convert(task.h + begin * H, state, (end - begin) * H);
    float* sums = step ? step : task.gates + first * 4 * H;
    product.run(end - begin, state, sums + begin * 4 * H);
    each_row(begin, end, H, [&](int64_t r) {
      const int64_t at = first + r;
      float *c = task.c + r * H, *h = task.h + r * H;
      float* inputs = Workspace::get<float>(row_slot, 4 * H);
      convert(task.inputs + at * 4 * H, inputs, 4 * H);
      if (task.had_c) std::copy_n(c, H, task.had_c + at * H);
      kernels.step(H, inputs, sums + r * 4 * H, c, h);
      put(h, task.output + at * H, H);
    });
  });
}

template <class T>
void lstm_backward(const SequenceShape& shape, const LstmBackwardBfloat16<T>& task) {
  const int64_t H = shape.units;
  const PairProduct product(shape, H, 4 * H, task.weight, false);
  const auto& kernels = lstm_kernels<float>();
  each_step(shape, true, [&](int64_t first, int64_t begin, int64_t end) {
    bfloat16* grads = task.grad_gates + first * 4 * H;
    each_row(begin, end, H, [&](int64_t r) {
      const int64_t at = first + r;
      float* row = Workspace::get<float>(row_slot, 4 * H);
      add(task.grad_output + at * H, task.grad_h + r * H, H);
      kernels.backward(H, task.gates + at * 4 * H, task.had_c + at * H, task.grad_h + r * H,
                       task.grad_c + r * H, row);
      convert(row, grads + r * 4 * H, 4 * H);
    });
    product.run(end - begin, grads + begin * 4 * H, task.grad_h + begin * H);
  });
}

template void lstm(const SequenceShape&, const LstmForwardBfloat16<float>&);
template void lstm(const SequenceShape&, const LstmForwardBfloat16<bfloat16>&);
template void lstm_backward(const SequenceShape&, const LstmBackwardBfloat16<float>&);
template void lstm_backward(const SequenceShape&, const LstmBackwardBfloat16<bfloat16>&);

}  // namespace flambeau
