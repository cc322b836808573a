"""A function of a kernel that copies between two strides, for operands that are staged in a buffer."""

COPY_FUNCTION = """define internal void @{name}(ptr %to, i64 %to.stride, ptr %from, i64 %from.stride, i64 %n) noinline #0 {{
entry:
  %to.2 = shl i64 %to.stride, 1
  %to.3 = add i64 %to.2, %to.stride
  %to.4 = shl i64 %to.stride, 2
  %from.2 = shl i64 %from.stride, 1
  %from.3 = add i64 %from.2, %from.stride
  %from.4 = shl i64 %from.stride, 2
  %packed = icmp eq i64 %to.stride, {size}
  %apart = icmp eq i64 %from.stride, {twice}
  %second = and i1 %packed, %apart
  %seconds = select i1 %second, i64 %n, i64 0
  br label %pairs
pairs:
  %k = phi i64 [ 0, %entry ], [ %k.next, %pairs.turn ]
  %k.next = add i64 %k, {lanes}
  %more.pairs = icmp slt i64 %k.next, %seconds
  br i1 %more.pairs, label %pairs.turn, label %fours.start
pairs.turn:
  %k.from = mul i64 %k, {twice}
  %k.to = mul i64 %k, {size}
  %pairs.from = getelementptr i8, ptr %from, i64 %k.from
  %pairs.to = getelementptr i8, ptr %to, i64 %k.to
  %wide = load <{wide} x i{bits}>, ptr %pairs.from, align {align}
  %even = shufflevector <{wide} x i{bits}> %wide, <{wide} x i{bits}> poison, <{lanes} x i32> <{evens}>
  store <{lanes} x i{bits}> %even, ptr %pairs.to, align {align}
  br label %pairs
fours.start:
  %p.off = mul i64 %k, %from.stride
  %q.off = mul i64 %k, %to.stride
  %p.start = getelementptr i8, ptr %from, i64 %p.off
  %q.start = getelementptr i8, ptr %to, i64 %q.off
  br label %fours
fours:
  %i = phi i64 [ %k, %fours.start ], [ %i.next, %fours.turn ]
  %p = phi ptr [ %p.start, %fours.start ], [ %p.next, %fours.turn ]
  %q = phi ptr [ %q.start, %fours.start ], [ %q.next, %fours.turn ]
  %i.next = add i64 %i, 4
  %more.fours = icmp sle i64 %i.next, %n
  br i1 %more.fours, label %fours.turn, label %ones
fours.turn:
  %p1 = getelementptr i8, ptr %p, i64 %from.stride
  %p2 = getelementptr i8, ptr %p, i64 %from.2
  %p3 = getelementptr i8, ptr %p, i64 %from.3
  %q1 = getelementptr i8, ptr %q, i64 %to.stride
  %q2 = getelementptr i8, ptr %q, i64 %to.2
  %q3 = getelementptr i8, ptr %q, i64 %to.3
  %x0 = load {type}, ptr %p, align {align}
  %x1 = load {type}, ptr %p1, align {align}
  %x2 = load {type}, ptr %p2, align {align}
  %x3 = load {type}, ptr %p3, align {align}
  store {type} %x0, ptr %q, align {align}
  store {type} %x1, ptr %q1, align {align}
  store {type} %x2, ptr %q2, align {align}
  store {type} %x3, ptr %q3, align {align}
  %p.next = getelementptr i8, ptr %p, i64 %from.4
  %q.next = getelementptr i8, ptr %q, i64 %to.4
  br label %fours
ones:
  %j = phi i64 [ %i, %fours ], [ %j.next, %ones.turn ]
  %s = phi ptr [ %p, %fours ], [ %s.next, %ones.turn ]
  %t = phi ptr [ %q, %fours ], [ %t.next, %ones.turn ]
  %more.ones = icmp slt i64 %j, %n
  br i1 %more.ones, label %ones.turn, label %done
ones.turn:
  %x = load {type}, ptr %s, align {align}
  store {type} %x, ptr %t, align {align}
  %s.next = getelementptr i8, ptr %s, i64 %from.stride
  %t.next = getelementptr i8, ptr %t, i64 %to.stride
  %j.next = add i64 %j, 1
  br label %ones
done:
  ret void
}}
"""


def use_copy(module, itemsize):
    """The name of the function that copies n elements of `itemsize` bytes between two strides.

    Every second element into a buffer goes by vectors, of which the last stays off what lies behind the last
    element; all else four elements a turn.
    """
    memory = {1: "i8", 2: "i16", 4: "i32", 8: "i64", 16: "<2 x i64>"}[itemsize]
    lanes = max(module.target.vector_bytes // itemsize, 1)
    name = f"copy.{itemsize}"
    module.helpers[name] = COPY_FUNCTION.format(
        name=name,
        size=itemsize,
        twice=2 * itemsize,
        type=memory,
        bits=8 * itemsize,
        align=min(itemsize, 4),
        lanes=lanes,
        wide=2 * lanes,
        evens=", ".join(f"i32 {2 * i}" for i in range(lanes)),
    )
    return name
