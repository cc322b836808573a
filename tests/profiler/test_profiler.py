"""The profiler: which events there are, how they nest, what is told of them, schedules, traces."""

import gzip
import json
import threading

import pytest

import flambeau as torch
from flambeau.autograd import profiler as older
from flambeau.profiler import (
    ProfilerAction,
    ProfilerActivity,
    chrome,
    itt,
    profile,
    record_function,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)
from flambeau.profiler.events import EventList, FunctionEvent, FunctionEventAvg, _format_time


def network():
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))


def named(events, name):
    return [event for event in events if event.name == name]


def test_calls_nodes_and_names_nest():
    x = torch.ones(3, requires_grad=True)
    with profile() as prof:
        with record_function("outer"):
            y = x * 2
            with record_function("inner"):
                z = y + 1
        z.sum().backward()
    events = prof.events()
    names = [event.name for event in events]
    wanted = [
        "outer",
        "aten::mul",
        "inner",
        "aten::add",
        "aten::sum",
        "aten::backward",
        "SumBackward0",
        "MulBackward0",
    ]
    places = [names.index(name) for name in wanted]
    assert places == sorted(places)
    (outer,), (inner,), (add,) = (named(events, name) for name in ("outer", "inner", "aten::add"))
    assert add.cpu_parent is inner and inner.cpu_parent is outer and outer.is_user_annotation
    (node,) = named(events, "MulBackward0")
    assert node.cpu_parent.name == "autograd::engine::evaluate_function: MulBackward0"
    assert node.cpu_parent.cpu_parent.name == "aten::backward"
    for event in events:
        assert event.cpu_time_total >= event.self_cpu_time_total >= 0
        for child in event.cpu_children:
            assert event.time_range.start <= child.time_range.start
            assert child.time_range.end <= event.time_range.end
    assert [event.id for event in events] == [*range(len(events))]


def test_a_call_and_its_node_have_one_number():
    x = torch.ones(3, requires_grad=True)
    with profile() as prof:
        y = x.detach() + 1
        (x * y).sum().backward()
    events = prof.events()
    for call, node in (("aten::mul", "MulBackward0"), ("aten::sum", "SumBackward0")):
        (call,), (node,) = named(events, call), named(events, node)
        assert call.sequence_nr == node.sequence_nr >= 0
        assert call.fwd_thread == 0 and node.fwd_thread == call.thread
    assert named(events, "aten::add")[0].sequence_nr == -1


def test_shapes_flops_memory_lines_and_modules():
    model = network()
    with profile(
        record_shapes=True, with_flops=True, profile_memory=True, with_stack=True, with_modules=True
    ) as prof:
        model(torch.ones(5, 4))
    linear = named(prof.events(), "aten::linear")
    assert [event.input_shapes for event in linear] == [
        [[5, 4], [3, 4], [3]],
        [[5, 3], [2, 3], [2]],
    ]
    assert linear[0].input_dtypes == ["float32"] * 3
    assert [event.flops for event in linear] == [2 * 5 * 4 * 3, 2 * 5 * 3 * 2]
    assert all(event.cpu_memory_usage > 0 for event in linear)
    assert linear[0].stack[0].startswith(__file__) and linear[0].stack[0].endswith(
        "test_shapes_flops_memory_lines_and_modules"
    )
    assert linear[0].module == "Sequential.Linear"
    table = prof.key_averages(group_by_input_shape=True, group_by_stack_n=1).table()
    for column in ("CPU Mem", "Total FLOPs", "Input Shapes", "Source Location"):
        assert column in table


def test_modules_are_left_as_they_were():
    model = network()
    with profile(with_modules=True, with_flops=True):
        pass
    model(torch.ones(5, 4))
    assert not torch.autograd._profiler_enabled()


def test_averages_group_by_name_shapes_and_lines():
    with profile(record_shapes=True, with_stack=True) as prof:
        for size in (2, 3, 3):
            torch.ones(size) + 1
        torch.ones(2) + 1
    averages = prof.key_averages()
    (add,) = [average for average in averages if average.key == "aten::add"]
    assert add.count == 4 and add.cpu_time == pytest.approx(add.cpu_time_total / 4)
    count = lambda **options: sorted(
        a.count for a in prof.key_averages(**options) if a.key == "aten::add"
    )
    assert count(group_by_input_shape=True) == [2, 2]
    assert count(group_by_stack_n=1) == [1, 3]
    assert prof.events().total_average().count == len(prof.events())
    assert sum(a.self_cpu_time_total for a in averages) == pytest.approx(
        prof.events().self_cpu_time_total
    )


def made(*ranges):
    events = EventList()
    for i, (name, start, end) in enumerate(ranges):
        events.append(FunctionEvent(i, name, 0, start, end))
    events._populate_cpu_children()
    return events


def test_tables_sort_cut_and_choose_units():
    events = made(("long" * 30, 0, 5e6), ("b", 10, 20), ("b", 30, 45))
    assert str(events) == events.table()
    table = events.table(sort_by="cpu_time", row_limit=2, header="TITLE", max_name_column_width=10)
    lines = table.splitlines()
    assert (
        lines[1] == "TITLE"
        and len([line for line in lines if line.startswith(("long", "b "))]) == 2
    )
    assert "longlon..." in table and "5.000s" in table
    assert "5000000.000us" in events.table(time_unit="us")
    assert "b " not in events.table(top_level_events_only=True).replace("b - ", "")
    with pytest.raises(AttributeError, match="no 'wall_time'"):
        events.table(sort_by="wall_time")
    with pytest.raises(ValueError, match="time_unit must be"):
        events.table(time_unit="h")
    assert [_format_time(t) for t in (1.5, 2500, 3e6)] == ["1.500us", "2.500ms", "3.000s"]


def test_an_event_that_outlasts_another_takes_its_place():
    events = made(("a", 0, 2), ("b", 1, 3), ("c", 1, 2))
    assert [[child.name for child in event.cpu_children] for event in events] == [[], ["c"], []]


def test_averages_take_averages():
    average = FunctionEventAvg()
    for start, end in ((10, 15), (20, 30)):
        average.add(FunctionEvent(0, "foo", 0, start, end))
    average.add(average)
    assert (average.key, average.count, average.cpu_time_total, average.cpu_time) == (
        "foo",
        4,
        30,
        7.5,
    )
    with pytest.raises(AssertionError, match="takes no 'bar'"):
        average.add(FunctionEvent(0, "bar", 0, 0, 1))


def test_schedules():
    names = lambda chosen, steps: "".join(
        chosen(step).name[0] if chosen(step) is not ProfilerAction.RECORD_AND_SAVE else "S"
        for step in range(steps)
    )
    assert names(schedule(wait=1, warmup=1, active=2), 9) == "NWRSNWRSN"
    assert names(schedule(wait=1, warmup=0, active=1, repeat=2, skip_first=2), 8) == "NNNSNSNN"
    assert (
        names(schedule(wait=2, warmup=0, active=1, skip_first=1, skip_first_wait=1), 5) == "NSNNS"
    )
    with pytest.raises(AssertionError, match="active at least 1"):
        schedule(wait=0, warmup=0, active=0)


def test_steps_are_recorded_by_the_schedule():
    traces = []
    ready = lambda prof: traces.append([e.trace_name or e.name for e in prof.events()])
    with profile(
        schedule=schedule(wait=1, warmup=1, active=2, repeat=2), on_trace_ready=ready
    ) as prof:
        for i in range(10):
            torch.ones(2) + i
            prof.step()
    steps = [[name for name in names if name.startswith("ProfilerStep")] for names in traces]
    assert steps == [["ProfilerStep#2", "ProfilerStep#3"], ["ProfilerStep#6", "ProfilerStep#7"]]
    assert all(names.count("aten::add") == 2 for names in traces)
    rows = {
        row.key: row.count for row in prof.key_averages()
    }  # the steps are one row, as PyTorch's
    assert [key for key in rows if key.startswith("ProfilerStep")] == ["ProfilerStep*"]
    assert rows["ProfilerStep*"] == 2
    shown = [e["name"] for e in chrome.trace(prof.events(), 0)["traceEvents"] if e["ph"] == "X"]
    assert "ProfilerStep#6" in shown and "ProfilerStep*" not in shown
    assert not torch.autograd._profiler_enabled()


def test_start_and_stop_by_hand():
    prof = profile()
    with pytest.raises(AssertionError, match="nothing is recorded"):
        prof.events()
    prof.start()
    torch.ones(2)
    prof.stop()
    assert [event.name for event in prof.events()] == ["aten::ones"]


def test_profiles_do_not_nest():
    with profile(), pytest.raises(RuntimeError, match="another profile is running"):
        profile().start()
    with profile() as prof:
        torch.ones(2)
    assert len(prof.events()) == 1


def test_names_outside_a_profile_and_out_of_order():
    first, second = record_function("first"), record_function("second")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    second.__exit__(None, None, None)

    @record_function("named", "argument")
    def add(x, y):
        return x + y

    with profile() as prof:
        handle = torch.ops.profiler._record_function_enter("by hand", None)
        assert add(1, 2) == 3
        torch.ops.profiler._record_function_exit(handle)
    assert [event.name for event in prof.events()] == ["by hand", "named argument"]


def test_threads_are_told_apart():
    with profile() as prof:
        torch.ones(2)
        thread = threading.Thread(target=lambda: torch.zeros(2))
        thread.start()
        thread.join()
    assert {event.name: event.thread for event in prof.events()} == {
        "aten::ones": 1,
        "aten::zeros": 2,
    }


def test_what_raises_is_noted_and_ends():
    with profile(with_stack=True) as prof:
        with pytest.raises(RuntimeError):
            torch.ones(2) @ torch.ones(3)
        torch.ones(1)
    (last,) = [event for event in prof.events() if event.name == "aten::ones"][-1:]
    assert last.stack and "test_what_raises" in last.stack[0]


def test_traces_for_chrome(tmp_path):
    x = torch.ones(3, requires_grad=True)
    with profile(record_shapes=True, with_stack=True) as prof, record_function("step"):
        (x * 2).sum().backward()
    prof.add_metadata("run", 7)
    prof.add_metadata_json("more", '{"a": 1}')
    for name, opened in (("trace.json", open), ("trace.json.gz", gzip.open)):
        prof.export_chrome_trace(tmp_path / name)
        with opened(tmp_path / name, "rt") as file:
            trace = json.load(file)
        assert trace["run"] == "7" and trace["more"] == {"a": 1}
        rows = {row["name"]: row for row in trace["traceEvents"] if row["ph"] == "X"}
        assert rows["step"]["cat"] == "user_annotation" and rows["aten::mul"]["cat"] == "cpu_op"
        assert rows["aten::mul"]["args"]["Input Dims"] == [[3], []]
        begin, length = rows["step"]["ts"], rows["step"]["dur"]
        assert begin <= rows["aten::mul"]["ts"] <= begin + length
        arrows = [row["ph"] for row in trace["traceEvents"] if row["name"] == "fwdbwd"]
        assert arrows.count("s") == arrows.count("f") == 2
    prof.export_stacks(tmp_path / "stacks.txt")
    lines = (tmp_path / "stacks.txt").read_text().splitlines()
    assert lines and all(line.rsplit(" ", 1)[1].isdigit() for line in lines)
    tensorboard_trace_handler(tmp_path / "board", "me", use_gzip=True)(prof)
    (path,) = (tmp_path / "board").iterdir()
    assert path.name.startswith("me.") and path.name.endswith(".pt.trace.json.gz")


def test_advice_names_slow_patterns():
    x = torch.ones(300)
    with profile() as prof:
        for i in range(300):
            x[i].item()
    assert any("aten::__getitem__" in sentence for sentence in prof.advice())
    with profile() as prof:
        torch.ones(3) @ torch.ones(3)
    assert prof.advice() == []


def test_the_older_interface():
    assert str(older.profile()) == "<unfinished profile>"
    with older.profile(record_shapes=True, use_kineto=older.kineto_available()) as prof:
        assert torch.autograd._profiler_enabled()
        torch.ones(3) * 2
    assert [event.name for event in prof.function_events] == ["aten::ones", "aten::mul"]
    assert str(prof) == prof.table() and prof.self_cpu_time_total > 0
    assert prof.key_averages()[1].count == prof.total_average().count - 1 == 1
    with pytest.raises(RuntimeError, match="has run already"):
        prof.__enter__()
    with older.profile(enabled=False) as off:
        torch.ones(3)
    assert off.function_events is None
    with pytest.raises(RuntimeError, match="not run to its end"):
        off.table()


def test_what_is_not_offered_says_so(tmp_path):
    assert supported_activities() == {ProfilerActivity.CPU} and not itt.is_available()
    prof = profile()
    for call in (
        lambda: itt.range_push("x"),
        lambda: older.emit_nvtx(),
        lambda: older.emit_itt(),
        lambda: older.profile(use_cpu=False),
        lambda: profile(execution_trace_observer=object()),
        lambda: prof.export_memory_timeline(tmp_path),
        lambda: prof.toggle_collection_dynamic(True, []),
    ):
        with pytest.raises(NotImplementedError):
            call()
