"""Processes that are measured, and rounds of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from needs import PROC

pytestmark = pytest.mark.usefixtures("benchmarks")

_HOLD = "import time; held = bytearray(150 << 20); time.sleep({seconds})"
_APPEND = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"


def python(code: str, *arguments: str) -> list[str]:
    """A command line."""
    return [sys.executable, "-c", code, *arguments]


def test_a_command_that_says_nothing() -> None:
    from processes import run

    measured = run(python(""))
    assert measured.stdout == ""
    assert 0 < measured.seconds < 30


def test_what_a_command_prints_is_kept_and_its_time_taken() -> None:
    from processes import run

    measured = run(python("import time; time.sleep(0.5); print('done')"))
    assert measured.stdout == "done\n"
    assert measured.seconds >= 0.5


def test_a_command_that_fails_ends_the_benchmark_with_its_last_line() -> None:
    from processes import run

    with pytest.raises(SystemExit, match="ended with status 3: no such weights"):
        run(python("import sys; print('many lines\\nno such weights', file=sys.stderr); sys.exit(3)"))


@PROC
@pytest.mark.parametrize(
    "command",
    [
        python(_HOLD.format(seconds=0.5)),
        python(_HOLD.format(seconds=0) + "; held = None; time.sleep(0.5)"),
        python("import subprocess, sys; subprocess.run(sys.argv[1:])", *python(_HOLD.format(seconds=0.5))),
    ],
    ids=["held", "given back", "in a child"],
)
def test_the_peak_is_of_the_process_and_its_children(command: list[str]) -> None:
    from processes import run

    peak = run(command).peak_mib
    assert peak is not None and 150 < peak < 300


def test_a_later_round_begins_with_the_next_side(tmp_path: Path) -> None:
    from rounds import Side, Work, in_rounds

    log = tmp_path / "log"

    def side(name: str) -> Side:
        return Side(name, lambda path, out: python(_APPEND, str(log), f"{name} {path.name}"))

    half, full = Work(tmp_path / "half", 1), Work(tmp_path / "all", 2)
    runs = in_rounds([side("a"), side("b")], half, full, rounds=3, warm_up=False, scratch=tmp_path)
    one = ["a half", "a all", "b half", "b all"]
    assert log.read_text().splitlines() == [*one, *one[2:], *one[:2], *one]
    assert {name: len(each) for name, each in runs.items()} == {"a": 3, "b": 3}


@pytest.mark.parametrize(("warm_up", "prepares", "runs"), [(False, False, 2), (True, False, 3), (False, True, 3)])
def test_a_side_that_prepares_something_runs_once_before(
    tmp_path: Path, warm_up: bool, prepares: bool, runs: int
) -> None:
    from rounds import Side, Work, in_rounds

    log = tmp_path / "log"
    side = Side("a", lambda path, out: python(_APPEND, str(log), path.name), prepares=prepares)
    half, full = Work(tmp_path / "half", 1), Work(tmp_path / "all", 2)
    done = in_rounds([side], half, full, rounds=1, warm_up=warm_up, scratch=tmp_path)
    assert log.read_text().splitlines() == ["half", "half", "all"][-runs:]
    assert len(done["a"]) == 1


def test_each_run_writes_into_a_new_folder_and_is_described_before_that_goes(tmp_path: Path) -> None:
    from rounds import Side, Work, in_rounds

    code = "import pathlib, sys; out = pathlib.Path(sys.argv[1]); out.mkdir(); (out / sys.argv[2]).touch()"
    side = Side(
        "a",
        lambda path, out: python(code, str(out), path.name),
        lambda measured, out: {"files": [path.name for path in out.iterdir()]},
    )
    half, full = Work(tmp_path / "half", 1), Work(tmp_path / "all", 2)
    runs = in_rounds([side], half, full, rounds=2, warm_up=False, scratch=tmp_path)
    assert [run.notes for run in runs["a"]] == [{"files": ["all"]}] * 2
    assert not list(tmp_path.rglob("half"))


@pytest.mark.parametrize(
    ("items", "seconds", "rate"), [(0, 2.0, 0.0), (10, 2.0, 5.0), (10, 0.0, None), (10, -1.0, None)]
)
def test_the_steady_rate_is_none_where_more_work_took_no_longer(items: int, seconds: float, rate: float | None) -> None:
    from rounds import steady_per_s

    assert steady_per_s(items, seconds) == rate


@pytest.mark.slow
def test_the_steady_state_is_what_the_second_half_takes(tmp_path: Path) -> None:
    from rounds import Side, Work, in_rounds

    def slow(path: Path, out: Path) -> list[str]:
        return python(f"import time; time.sleep({4 if path.name == 'all' else 2})")

    half, full = Work(tmp_path / "half", 20), Work(tmp_path / "all", 30)
    (run,) = in_rounds([Side("a", slow)], half, full, rounds=1, warm_up=False, scratch=tmp_path)["a"]
    assert run.whole_s is not None and run.whole_s > 4
    assert run.steady_per_s is not None and 3.2 < run.steady_per_s < 6.8  # 5; by the whole time 2.5 or 7.5


def test_a_side_with_a_clock_of_its_own_says_what_it_measured(tmp_path: Path) -> None:
    from rounds import Side, Work, in_rounds

    work = Work(tmp_path, 2)
    side = Side("a", lambda path, out: python("print(12.5); print('more')"), inside=True)
    (run,) = in_rounds([side], work, work, rounds=1, warm_up=False, scratch=tmp_path)["a"]
    assert (run.whole_s, run.steady_per_s) == (None, 12.5)


def test_nothing_run_has_no_figures() -> None:
    from rounds import Run, summary

    assert summary({}, 0, [])["sides"] == {}
    found = summary({"a": [Run(2.0, None, None)], "b": [Run(None, None, None)]}, 10, [("a", "b")])
    assert found["sides"]["a"] == {"whole_s": 2.0, "whole_per_s": 5.0, "steady_per_s": None, "peak_mib": None}
    assert found["ratios"] == [{"of": "a", "to": "b", "whole": None, "steady": None}]


def test_a_ratio_is_the_median_of_the_ratios_within_a_round() -> None:
    from rounds import Run, summary, table

    ours = [Run(1.0, 40.0, 100.0, {"detections": 7}), Run(2.0, 30.0, 300.0, {"detections": 7}), Run(4.0, 20.0, 200.0)]
    theirs = [Run(2.0, 10.0, 50.0), Run(8.0, 10.0, 50.0), Run(4.0, 40.0, 50.0)]
    found = summary({"ours": ours, "theirs": theirs}, 12, [("ours", "theirs")])
    assert found["ratios"] == [{"of": "ours", "to": "theirs", "whole": 2.0, "steady": 3.0}]
    assert found["sides"]["ours"] == {"whole_s": 2.0, "whole_per_s": 6.0, "steady_per_s": 30.0, "peak_mib": 200.0}
    lines = table(found, "images", {"SAHI": "not installed"}).splitlines()
    assert lines[1].split() == ["ours", "6.00", "30.0", "200"]
    assert lines[3].split() == ["SAHI", "not", "installed"]
    assert lines[4] == "ours / theirs: 2.00 whole, 3.00 steady"
