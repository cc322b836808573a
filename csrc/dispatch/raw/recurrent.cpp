// Sequences of recurrences of tensors, without history.
#include "dispatch/raw/recurrent.h"

#include "dispatch/iterate.h"
#include "dispatch/raw/precision.h"
#include "kernels/recurrent/gru.h"
#include "kernels/recurrent/lstm.h"

namespace flambeau::raw {

namespace {

/// A call on `rows` rows of a state (B, H).
SequenceShape sequence_shape(const char* op, const SequenceOrder& order, int64_t rows,
                             const Tensor& state) {
  SequenceShape shape{0, state.sizes[0], state.sizes[1], nullptr, order.backwards};
  int64_t total = 0;
  if (order.counts) {
    shape.steps = static_cast<int64_t>(order.counts->size());
    shape.counts = order.counts->data();
    for (int64_t n : *order.counts) {
      check(n >= 1 && n <= shape.batch, [&] {
        return message(op, ": a step has ", n, " rows of a batch of ", shape.batch, ".");
      });
      total += n;
    }
  } else {
    shape.steps = shape.batch ? rows / shape.batch : 0;
    total = shape.steps * shape.batch;
  }
  check(total == rows, [&] {
    return message(op, ": ", rows, " rows are not ", shape.steps, " steps of a batch of ",
                   shape.batch, ".");
  });
  return shape;
}

int64_t rows_of(const Tensor& t) { return t.ndim ? t.sizes[0] : 0; }

/// t in another dtype.
TensorRef cast(Tensor& t, DType dtype) {
  TensorRef made = empty({t.sizes[0], t.sizes[1]}, dtype);
  copy_bytes(*made, t);
  return made;
}

/// Calls body with a null pointer of the type of a state beside weights of bfloat16.
template <class Body>
void beside_bfloat16(const char* op, const Tensor& state, Body&& body) {
  if (state.dtype == DType::float32) return body(static_cast<float*>(nullptr));
  check<NotImplementedError>(state.dtype == DType::bfloat16, [&] {
    return message(op, ": ", name(state.dtype), " beside bfloat16; it takes float32 and bfloat16.");
  });
  body(static_cast<bfloat16*>(nullptr));
}

/// lstm() of weights in bfloat16, without a bias.
LstmResults lstm_bfloat16(Tensor& inputs, Tensor& h0, Tensor& c0, Tensor& weight,
                          const SequenceShape& shape, int64_t rows, bool keep) {
  const int64_t B = shape.batch, H = shape.units;
  TensorRef output = empty({rows, H}, h0.dtype), gates, had_h, had_c;
  if (keep) {
    gates = empty({rows, 4 * H}, DType::float32);
    had_h = empty({rows, H}, DType::bfloat16), had_c = empty({rows, H}, DType::float32);
  }
  if (output->is_meta())
    return {output, empty({B, H}, h0.dtype), empty({B, H}, h0.dtype), gates, had_h, had_c};
  TensorRef h = cast(h0, DType::float32), c = cast(c0, DType::float32);
  if (output->numel)
    beside_bfloat16("lstm", h0, [&]<class T>(T*) {
      LstmForwardBfloat16<T> task;
      task.weight = weight.as<bfloat16>();
      task.inputs = inputs.as<bfloat16>();
      task.gates = data_of<float>(gates);
      task.h = h->as<float>(), task.c = c->as<float>();
      task.output = output->as<T>();
      task.had_h = data_of<bfloat16>(had_h), task.had_c = data_of<float>(had_c);
      LongWork unlocked(rows * H * H > long_work);
      flambeau::lstm(shape, task);
    });
  return {output, cast(*h, h0.dtype), cast(*c, h0.dtype), gates, had_h, had_c};
}

std::tuple<TensorRef, TensorRef, TensorRef> lstm_backward_bfloat16(
    Tensor& grad_output, Tensor& given_h, Tensor& given_c, Tensor& weight, Tensor& gates,
    Tensor& had_c, const SequenceShape& shape, int64_t rows) {
  const int64_t B = shape.batch, H = shape.units;
  const DType dtype = given_h.dtype;
  TensorRef grad_gates = empty({rows, 4 * H}, DType::bfloat16);
  if (grad_gates->is_meta()) return {grad_gates, empty({B, H}, dtype), empty({B, H}, dtype)};
  TensorRef grad_h = cast(given_h, DType::float32), grad_c = cast(given_c, DType::float32);
  if (grad_gates->numel)
    beside_bfloat16("lstm_backward", given_h, [&]<class T>(T*) {
      LstmBackwardBfloat16<T> task;
      task.weight = weight.as<bfloat16>();
      task.gates = gates.as<float>(), task.had_c = had_c.as<float>();
      task.grad_output = grad_output.as<T>();
      task.grad_h = grad_h->as<float>(), task.grad_c = grad_c->as<float>();
      task.grad_gates = grad_gates->as<bfloat16>();
      LongWork unlocked(rows * H * H > long_work);
      flambeau::lstm_backward(shape, task);
    });
  return {grad_gates, cast(*grad_h, dtype), cast(*grad_c, dtype)};
}

void check_state(const char* op, const Tensor& h) {
  check(h.ndim == 2, [&] { return message(op, ": h is ", describe(h), "; it must be (B, H)."); });
}

}  // namespace

LstmResults lstm(Tensor& given_inputs, Tensor& h0, Tensor& given_c, Tensor& given_weight,
                 Tensor* given_bias, const SequenceOrder& order, bool keep) {
  const char* op = "lstm";
  check_state(op, h0);
  const int64_t B = h0.sizes[0], H = h0.sizes[1], rows = rows_of(given_inputs);
  const DType dtype = h0.dtype, kind = given_weight.dtype;
  const bool halves = kind == DType::bfloat16 && !given_bias;
  TensorRef inputs = operand(op, "inputs", &given_inputs, halves ? kind : dtype, rows * 4 * H),
            c0 = operand(op, "c", &given_c, dtype, B * H),
            weight = operand(op, "weight", &given_weight, halves ? kind : dtype, 4 * H * H),
            bias = operand(op, "bias", given_bias, dtype, 4 * H);
  const SequenceShape shape = sequence_shape(op, order, rows, h0);
  if (halves) return lstm_bfloat16(*inputs, h0, *c0, *weight, shape, rows, keep);
  TensorRef output = empty({rows, H}, dtype), h = empty({B, H}, dtype), c = empty({B, H}, dtype);
  TensorRef gates, had_h, had_c;
  if (keep) {
    gates = empty({rows, 4 * H}, dtype);
    had_h = empty({rows, H}, dtype), had_c = empty({rows, H}, dtype);
  }
  if (output->is_meta()) return {output, h, c, gates, had_h, had_c};
  copy_bytes(*h, h0);
  copy_bytes(*c, *c0);
  if (output->numel)
    in_precision(op, h0, [&]<class T>(T*) {
      LstmForward<T> task;
      task.weight = weight->as<T>();
      task.bias = data_of<T>(bias);
      task.inputs = inputs->as<T>();
      task.gates = data_of<T>(gates);
      task.h = h->as<T>(), task.c = c->as<T>();
      task.output = output->as<T>();
      task.had_h = data_of<T>(had_h), task.had_c = data_of<T>(had_c);
      LongWork unlocked(rows * H * H > long_work);
      flambeau::lstm(shape, task);
    });
  return {output, h, c, gates, had_h, had_c};
}

std::tuple<TensorRef, TensorRef, TensorRef> lstm_backward(Tensor& given_grad, Tensor& given_h,
                                                          Tensor& given_c, Tensor& given_weight,
                                                          Tensor& given_gates, Tensor& given_had_c,
                                                          const SequenceOrder& order) {
  const char* op = "lstm_backward";
  check_state("lstm", given_h);
  const int64_t B = given_h.sizes[0], H = given_h.sizes[1], rows = rows_of(given_gates);
  const DType dtype = given_h.dtype, kind = given_weight.dtype;
  const bool halves = kind == DType::bfloat16;
  const DType kept = halves ? DType::float32 : dtype;
  TensorRef grad_output = operand(op, "grad_output", &given_grad, dtype, rows * H),
            grad_c0 = operand(op, "grad_c", &given_c, dtype, B * H),
            weight = operand(op, "weight", &given_weight, halves ? kind : dtype, 4 * H * H),
            gates = operand(op, "gates", &given_gates, kept, rows * 4 * H),
            had_c = operand(op, "had_c", &given_had_c, kept, rows * H);
  const SequenceShape shape = sequence_shape("lstm", order, rows, given_h);
  if (halves)
    return lstm_backward_bfloat16(*grad_output, given_h, *grad_c0, *weight, *gates, *had_c, shape,
                                  rows);
  TensorRef grad_gates = empty({rows, 4 * H}, dtype), grad_h = empty({B, H}, dtype),
            grad_c = empty({B, H}, dtype);
  if (grad_gates->is_meta()) return {grad_gates, grad_h, grad_c};
  copy_bytes(*grad_h, given_h);
  copy_bytes(*grad_c, *grad_c0);
  if (grad_gates->numel)
    in_precision(op, given_h, [&]<class T>(T*) {
      LstmBackward<T> task;
      task.weight = weight->as<T>();
      task.gates = gates->as<T>(), task.had_c = had_c->as<T>();
      task.grad_output = grad_output->as<T>();
      task.grad_h = grad_h->as<T>(), task.grad_c = grad_c->as<T>();
      task.grad_gates = grad_gates->as<T>();
      LongWork unlocked(rows * H * H > long_work);
      flambeau::lstm_backward(shape, task);
    });
  return {grad_gates, grad_h, grad_c};
}

GruResults gru(Tensor& given_inputs, Tensor& h0, Tensor& given_weight, Tensor* given_bias,
               const SequenceOrder& order, bool keep) {
  const char* op = "gru";
  check_state(op, h0);
  const int64_t B = h0.sizes[0], H = h0.sizes[1], rows = rows_of(given_inputs);
  const DType dtype = h0.dtype;
  TensorRef inputs = operand(op, "inputs", &given_inputs, dtype, rows * 3 * H),
            weight = operand(op, "weight", &given_weight, dtype, 3 * H * H),
            bias = operand(op, "bias", given_bias, dtype, 3 * H);
  const SequenceShape shape = sequence_shape(op, order, rows, h0);
  TensorRef output = empty({rows, H}, dtype), h = empty({B, H}, dtype);
  TensorRef gates, had_h;
  if (keep) gates = empty({rows, 4 * H}, dtype), had_h = empty({rows, H}, dtype);
  if (output->is_meta()) return {output, h, gates, had_h};
  copy_bytes(*h, h0);
  if (output->numel)
    in_precision(op, h0, [&]<class T>(T*) {
      GruForward<T> task;
      task.weight = weight->as<T>();
      task.bias = data_of<T>(bias);
      task.inputs = inputs->as<T>();
      task.gates = data_of<T>(gates);
      task.h = h->as<T>();
      task.output = output->as<T>();
      task.had_h = data_of<T>(had_h);
      LongWork unlocked(rows * H * H > long_work);
      flambeau::gru(shape, task);
    });
  return {output, h, gates, had_h};
}

std::tuple<TensorRef, TensorRef, TensorRef> gru_backward(Tensor& given_grad, Tensor& given_h,
                                                         Tensor& given_weight, Tensor& given_gates,
                                                         Tensor& given_had_h,
                                                         const SequenceOrder& order) {
  const char* op = "gru_backward";
  check_state("gru", given_h);
  const int64_t B = given_h.sizes[0], H = given_h.sizes[1], rows = rows_of(given_gates);
  const DType dtype = given_h.dtype;
  TensorRef grad_output = operand(op, "grad_output", &given_grad, dtype, rows * H),
            weight = operand(op, "weight", &given_weight, dtype, 3 * H * H),
            gates = operand(op, "gates", &given_gates, dtype, rows * 4 * H),
            had_h = operand(op, "had_h", &given_had_h, dtype, rows * H);
  const SequenceShape shape = sequence_shape("gru", order, rows, given_h);
  TensorRef grad_inputs = empty({rows, 3 * H}, dtype), grad_sums = empty({rows, 3 * H}, dtype),
            grad_h = empty({B, H}, dtype);
  if (grad_sums->is_meta()) return {grad_inputs, grad_sums, grad_h};
  copy_bytes(*grad_h, given_h);
  if (grad_sums->numel)
    in_precision(op, given_h, [&]<class T>(T*) {
      GruBackward<T> task;
      task.weight = weight->as<T>();
      task.gates = gates->as<T>(), task.had_h = had_h->as<T>();
      task.grad_output = grad_output->as<T>();
      task.grad_h = grad_h->as<T>();
      task.grad_inputs = grad_inputs->as<T>(), task.grad_sums = grad_sums->as<T>();
      LongWork unlocked(rows * H * H > long_work);
      flambeau::gru_backward(shape, task);
    });
  return {grad_inputs, grad_sums, grad_h};
}

}  // namespace flambeau::raw
