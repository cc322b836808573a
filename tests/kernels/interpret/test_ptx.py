"""The interpreter of PTX: what it computes, and what it reports."""

import numpy as np
import pytest

from flambeau.kernels.interpret.ptx import Fault, Module

BASE = 1 << 40
HEAD = (
    ".version 6.3\n.target sm_75\n.address_size 64\n.visible .entry f(.param .u64 f_param_0)\n{\n"
)


def run(body, memory, threads=4, blocks=1, live=None):
    """Runs a kernel whose %rd1 is the address of `memory`, with thread numbers in %r1 and as bytes in %rd2."""
    start = """ld.param.b64 %rd1, [f_param_0];
mov.u32 %r1, %tid.x;
mul.wide.u32 %rd2, %r1, 4;
add.s64 %rd3, %rd1, %rd2;
"""
    function = Module(HEAD + start + body + "\nret;\n}").function("f")
    data = memory.view(np.uint8)
    ranges = np.array([BASE, BASE + (live or data.size)], np.int64)
    function.run(
        (blocks, 1, 1),
        (threads, 1, 1),
        0,
        np.uint64(BASE).tobytes(),
        memoryview(data),
        BASE,
        ranges.tobytes(),
    )
    return memory


def test_threads_that_take_different_branches_meet_again():
    body = """setp.gt.u32 %p1, %r1, 1;
@%p1 bra $L2;
mov.b32 %r2, 7;
bra.uni $L3;
$L2:
mov.b32 %r2, 9;
$L3:
st.global.b32 [%rd3], %r2;"""
    assert run(body, np.zeros(4, np.uint32)).tolist() == [7, 7, 9, 9]


def test_loops_run_as_often_as_each_thread_asks():
    body = """mov.b32 %r2, 0;
mov.b32 %r3, 0;
$L1:
add.s32 %r3, %r3, %r2;
add.s32 %r2, %r2, 1;
setp.le.u32 %p1, %r2, %r1;
@%p1 bra $L1;
st.global.b32 [%rd3], %r3;"""
    assert run(body, np.zeros(4, np.uint32)).tolist() == [0, 1, 3, 6]


def test_shared_memory_is_exchanged_at_a_barrier():
    body = """.shared .align 4 .b8 s[16];
mov.b32 %r2, s;
shl.b32 %r3, %r1, 2;
add.s32 %r4, %r2, %r3;
st.shared.b32 [%r4], %r1;
bar.sync 0;
sub.s32 %r5, 12, %r3;
add.s32 %r5, %r5, %r2;
ld.shared.b32 %r6, [%r5];
st.global.b32 [%rd3], %r6;"""
    assert run(body, np.zeros(4, np.uint32)).tolist() == [3, 2, 1, 0]
    with pytest.raises(
        Fault, match=r"line \d+: thread \d reads shared memory that thread \d has touched"
    ):
        run(body.replace("bar.sync 0;\n", ""), np.zeros(4, np.uint32))


def test_atomics_and_shuffles():
    body = "atom.global.add.u32 %r2, [%rd1], 5;"
    assert run(body, np.zeros(4, np.uint32))[0] == 20
    body = """shfl.sync.down.b32 %r2, %r1, 1, 31, -1;
st.global.b32 [%rd3], %r2;"""
    assert run(body, np.zeros(32, np.uint32), threads=32).tolist() == [*range(1, 32), 31]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("ld.global.b32 %r2, [%rd3+16];", r"kernel f, line 10: thread 0 reaches 4 bytes at 0x10000000010, 16 bytes into"),
        ("sub.s64 %rd3, %rd3, %rd2;\nld.global.b32 %r2, [%rd3+2];", "which is not a multiple of 4"),
        ("st.global.b32 [%rd1], %r1;", "writes 0x10000000000 .* and nothing orders them"),
        ("st.global.b32 [%rd3], %r1;\nxor.b64 %rd4, %rd2, 4;\nadd.s64 %rd5, %rd1, %rd4;\nld.global.b32 %r2, [%rd5];",
         r"which thread \d reads too"),
        ("setp.eq.u32 %p1, %r1, 0;\n@%p1 bra $L9;\nbar.sync 0;\n$L9:\nmov.b32 %r2, 0;", "a barrier is not reached by all"),
        ("frobnicate.b32 %r2, %r1;", "line 10: the instruction frobnicate.b32 is not known"),
    ],
)  # fmt: skip
def test_what_kernels_must_not_do_is_reported(body, message):
    with pytest.raises(Fault, match=message):
        run(body, np.zeros(4, np.uint32))


def test_arithmetic_is_the_hardware_s():
    body = """mov.b32 %r2, {};
{}
st.global.b32 [%rd3], %r3;"""
    for value, instruction, wanted in (
        (0x7F800001, "abs.f32 %r3, %r2;", 0x7F800001),
        (-7, "div.s32 %r3, %r2, 2;", -3),
        (-7, "rem.s32 %r3, %r2, 2;", -1),
        (3, "shl.b32 %r3, %r2, 40;", 0),
        (-1, "mul.hi.u32 %r3, %r2, %r2;", 0xFFFFFFFE),
        (0x4F800000, "cvt.rzi.s32.f32 %r3, %r2;", 0x7FFFFFFF),  # 2**32 saturates
        (0x7FC00000, "cvt.rzi.s32.f32 %r3, %r2;", 0),  # NaN
        (0x00FF00F0, "popc.b32 %r3, %r2;", 12),
        (0x00010000, "clz.b32 %r3, %r2;", 15),
    ):
        got = run(body.format(value, instruction), np.zeros(1, np.uint32), threads=1)[0]
        assert int(got) == wanted & 0xFFFFFFFF, instruction
    third = np.float32(1) / np.float32(3)
    bits = int(np.float32(third).view(np.uint32))
    body = f"fma.rn.f32 %r2, 0f{bits:08X}, 0f40400000, 0fBF800000;\nst.global.b32 [%rd3], %r2;"
    got = run(body, np.zeros(1, np.uint32), threads=1).view(np.float32)[0]
    assert got == np.float32(np.float64(third) * 3 - 1)  # one rounding: not 0
