"""The benchmarks run and print their tables, on a few offline digits; what they measure here has no meaning."""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"


def quick(script, *arguments):
    """What a benchmark prints, and the cells of its tables' rows, headers and rules left out."""
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), "--quick", *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if line.startswith("|")]
    rules = [i for i, line in enumerate(lines) if set(line) <= set("|- ")]
    rows = [line for i, line in enumerate(lines) if i not in rules and i + 1 not in rules]
    return run.stdout, [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_time_to_quality_prints_seconds_of_both_and_their_ratio():
    printed, [row] = quick("time_to_quality")
    assert row[0].startswith("keras.io's after 3 epochs")
    assert row[1].endswith(" s")
    assert "cores used, Python" in printed.splitlines()[0]


def test_throughput_prints_a_speed_and_a_rate_of_every_contender():
    printed, (speeds, rates) = quick("throughput", "--networks", "dense")
    assert speeds[:2] == rates[:2] == ["dense", "128"]
    assert float(speeds[2].replace(",", "")) > 0
    assert rates[3].endswith("%")
    has_torch = importlib.util.find_spec("torch") is not None
    assert ("PyTorch eager is left out. ModuleNotFoundError" in printed) != has_torch


def test_growth_prints_cost_and_memory_of_each_size_and_writes_its_plot(tmp_path):
    _, rows = quick("growth", tmp_path / "growth.png")
    assert [row[0] for row in rows] == ["250", "500"]
    assert all(float(row[3]) > 0.1 for row in rows)  # GB
    assert (tmp_path / "growth.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("network", "by_hand"),
    [
        # 784-512-256-(2, 2), without the gradient of the images; 2-256-512-784
        ("dense", 2 * (2 * 784 * 512 + 3 * (512 * 256 + 2 * 256 * 2) + 3 * (2 * 256 + 256 * 512 + 512 * 784))),
        # 9 weights at each of 14², 7² output positions; of transposed convolutions, at each input position
        (
            "conv",
            2 * 2 * 9 * 32 * 14**2
            + 2 * 3 * (9 * 32 * 64 * 7**2 + 3136 * 16 + 2 * 16 * 2)
            + 2 * 3 * (2 * 3136 + 9 * 64 * 64 * 7**2 + 9 * 64 * 32 * 14**2 + 9 * 32 * 28**2),
        ),
    ],
)
def test_operations_are_counted_as_by_hand(monkeypatch, network, by_hand):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import throughput

    assert throughput.flops_per_image(network) == pytest.approx(by_hand, rel=1e-9)
