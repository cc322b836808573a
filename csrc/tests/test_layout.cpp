// Layouts: strides, broadcasting, contiguity, overlap, views, and numbers that are too large.
#include "dispatch/touched.h"
#include "dispatch/views.h"
#include "harness.h"

namespace flambeau {
namespace {

void test_strides_of_contiguous_sizes() {
  expect(contiguous_strides({2, 3, 4}) == Dims{12, 4, 1}, "row-major strides");
  expect(contiguous_strides({2, 0, 4}) == Dims{4, 4, 1}, "an empty dimension counts as one");
  expect(contiguous_strides({}).n == 0, "no dimension, no stride");
}

void test_broadcasting() {
  expect(broadcast_sizes({3, 1}, {4}, "op") == Dims{3, 4}, "ones grow, missing ones too");
  expect(broadcast_sizes({0, 1}, {1, 5}, "op") == Dims{0, 5}, "an empty dimension stays empty");
  expect_error("op: shapes (2, 3) and (4,) do not broadcast: dim 1 has sizes 3 and 4",
               [] { broadcast_sizes({2, 3}, {4}, "op"); });
  TensorRef t = empty({3, 1}, DType::float32);
  expect(broadcast_strides(*t, {2, 3, 4}) == Dims{0, 1, 0}, "repeated elements have stride 0");
}

void test_contiguity_and_density() {
  TensorRef t = empty({2, 3, 4}, DType::float64);
  expect(t->contiguous && t->numel == 24 && is_dense(*t), "a fresh tensor is contiguous");
  TensorRef turned = permute(*t, {2, 0, 1});
  expect(!turned->contiguous && is_dense(*turned), "a permuted one is dense");
  TensorRef part = select(*t, 1, 1);
  expect(!part->contiguous && !is_dense(*part) && part->offset == 4, "a selected one has gaps");
  TensorRef row = select(*t, 0, 1);
  expect(row->contiguous && row->offset == 12, "a selected row is contiguous");
  TensorRef wide = expand(*row, {5, 3, 4});
  expect(!wide->contiguous && may_overlap_itself(sizes_of(*wide), strides_of(*wide)),
         "an expanded one lies over itself");
  expect(!may_overlap_itself({2, 3}, {1, 2}) && may_overlap_itself({2, 3}, {2, 1}),
         "overlap is a matter of strides");
  expect(empty({0, 3}, DType::bool_)->contiguous, "an empty tensor is contiguous");
}

void test_views_share_memory() {
  TensorRef t = empty({4, 6}, DType::int32);
  for (int i = 0; i < 24; ++i) t->as<int32_t>()[i] = i;
  int64_t before = t->storage->version.references;
  {
    TensorRef v = view(*t, {3, 8});
    expect(v->storage == t->storage && t->storage->version.references == before + 1,
           "a view holds the storage");
    expect(select(*v, 0, 1)->as<int32_t>()[0] == 8, "and shows it by its own strides");
    t->bump_version("test");
    expect(v->version().value == t->version().value, "a view has its base's version");
  }
  expect(t->storage->version.references == before, "and lets go of it");
  expect_error("view", [&] { view(*transpose(*t, 0, 1), {24}); });
  TensorRef corner = as_strided(*t, {2, 2}, {6, 1}, 7);
  expect(corner->as<int32_t>()[0] == 7, "as_strided starts at its offset");
  expect_error("as_strided: sizes (4, 6) with strides (6, 1) from offset 1",
               [&] { as_strided(*t, {4, 6}, {6, 1}, 1); });
}

void test_many_dimensions_move_to_the_heap_and_back() {
  TensorRef t = empty({1, 2, 1, 2, 1, 2, 1}, DType::float32);
  expect(t->ndim == 7 && t->sizes != t->inline_layout && t->numel == 8, "seven dimensions");
  set_layout(*t, {8}, {1}, 0);
  expect(t->sizes == t->inline_layout && t->sizes[0] == 8, "one dimension again");
}

void test_what_is_too_large_is_refused() {
  constexpr int64_t big = int64_t{1} << 62;
  expect(reach({2, 3}, {3, 1}, 4, "op") == 10, "the end of the last element");
  expect(reach({2, 0}, {big, 1}, 0, "op") == 0, "no element, no end");
  expect_error("overflow", [] { reach({3, 3}, {big, big}, 0, "op"); });
  expect_error("op: strides (-1,)", [] { reach({3}, {-1}, 0, "op"); });
  expect_error("op: storage_offset is -1", [] { reach({3}, {1}, -1, "op"); });
  expect_error("overflow", [] { Dims{big, 4}.product(); });
  expect_error<OutOfMemoryError>("overflow", [] { empty({big, 4}, DType::float32); });
  expect_error("sizes (-1,)", [] { empty({-1}, DType::float32); });
  TensorRef one = empty({1, 1}, DType::float32);
  expect_error("overflow", [&] { expand(*one, {big, big}); });
  expect_error("at most", [] {
    Dims many;
    for (int i = 0; i <= max_ndim; ++i) many.push(1);
  });
}

void test_memory_that_operands_share_counts_once() {
  char memory[100];
  Touched touched;
  touched.add(memory, 80);
  touched.add(memory + 10, 80);
  touched.add(memory, 80);
  expect(touched.total() == 90, "what two contiguous operands share");
  touched.add(memory + 5, 95, 19);  // every fifth byte, ten of which are new
  expect(touched.total() == 92, "and what elements that lie apart add");
  Touched around;
  around.add(memory + 40, 20);
  around.add(memory + 70, 10);
  around.add(memory + 30, 40);
  expect(around.total() == 50, "what ends where another begins");
}

void test_dims_wrap() {
  expect(wrap_dim(-1, 3, "op") == 2 && wrap_dim(0, 0, "op") == 0, "negative dims count back");
  expect_error<IndexError>("op: dim 2 is out of range", [] { wrap_dim(2, 2, "op"); });
}

}  // namespace
}  // namespace flambeau

int main() {
  using namespace flambeau;
  return run_tests(
      "layout", {test_strides_of_contiguous_sizes, test_broadcasting, test_contiguity_and_density,
                 test_views_share_memory, test_many_dimensions_move_to_the_heap_and_back,
                 test_what_is_too_large_is_refused, test_memory_that_operands_share_counts_once,
                 test_dims_wrap});
}
