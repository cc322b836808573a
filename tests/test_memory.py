"""The allocator: counters, reuse, and what an out-of-memory error tells."""

import pytest

import flambeau as torch


def test_counters_follow_tensors():
    before = torch.memory_stats()["allocated_bytes.current"]
    x = torch.empty(1 << 20)
    held = torch.memory_stats()["allocated_bytes.current"]
    assert held - before >= 4 << 20
    torch.reset_peak_memory_stats()
    y = torch.empty(1 << 20)
    del y
    stats = torch.memory_stats()
    assert stats["allocated_bytes.peak"] >= held + (4 << 20)
    del x
    assert torch.memory_stats()["allocated_bytes.current"] == before


def test_a_freed_block_is_used_again():
    hits = torch.memory_stats()["cache_hits"]
    x = torch.empty(100_000)
    address = x.data_ptr()
    del x
    assert torch.empty(100_000).data_ptr() == address
    assert torch.memory_stats()["cache_hits"] > hits


def test_tensors_are_aligned_to_cache_lines():
    for n in (1, 7, 1000, 1 << 20):
        assert torch.empty(n).data_ptr() % 64 == 0


def test_out_of_memory_lists_the_largest_live_tensors():
    big = torch.empty(5 << 20)
    with pytest.raises(
        torch.OutOfMemoryError, match=r"tried to allocate .* Largest live tensors: .*20971520 bytes"
    ):
        torch.empty(1 << 46)
    with pytest.raises(RuntimeError, match="overflow"):
        torch.empty(1 << 40, 1 << 40)
    assert big.numel() == 5 << 20
