"""benchmarks/reproduce.py: it runs on the offline digits, repeats itself, and goes on where it was killed."""

import argparse
import importlib.util
import json
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf

pytestmark = pytest.mark.slow

FILE = pathlib.Path(__file__).parents[2] / "benchmarks" / "reproduce.py"


@pytest.fixture(scope="module")
def reproduce():
    spec = importlib.util.spec_from_file_location("reproduce", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["reproduce"] = module  # where dataclasses look
    spec.loader.exec_module(module)
    return module


def options(folder, **more):
    return argparse.Namespace(**{"folder": folder, "data": "digits", "seed": 1, "epochs": None, "short": True, **more})


def test_the_script_prints_a_table_and_does_not_train_again_what_is_done(reproduce, tmp_path, capsys):
    command = ["--short", "--data", "digits", "--folder", str(tmp_path), "--rows", "davidson-2d", "gaussian-2d-learned"]
    reproduce.main(command)
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if line.startswith("| davidson-2d | LL | – | -")]
    assert len(rows) == 2  # once when it is done, once at the end
    assert "gaussian-2d-learned | sigma" in text
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    reproduce.main(command)
    assert rows[0] in capsys.readouterr().out
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == files


def test_differences_are_shown_on_mnist_alone(reproduce):
    results = {"burda-50d": {"ours": {"LL": -87.0, "active units": 20}, "epochs": 3, "of": 3280, "seconds": 90.0}}
    assert "| burda-50d | LL | -86.76 | -87.00 | -0.24 | 3, 3280 | 1.5 min |" in reproduce.table(results, "mnist")
    assert "| burda-50d | LL | – | -87.00 | – | 3, 3280 | 1.5 min |" in reproduce.table(results, "digits")


def epoch(reproduce, x, seed, step):
    step = tf.Variable(step, dtype="int64")
    return np.concatenate(list(reproduce.binarized_batches(x, 50, seed, step).as_numpy_iterator()))


def test_black_and_white_derive_from_the_seed_and_the_step(reproduce, images):
    grey = np.full_like(images, 0.3)  # all images alike, so that their order does not matter
    first = epoch(reproduce, grey, 1, 0)
    np.testing.assert_array_equal(epoch(reproduce, grey, 1, 0), first)
    for seed, step in ((2, 0), (1, 3)):
        assert np.mean(epoch(reproduce, grey, seed, step) != first) == pytest.approx(2 * 0.3 * 0.7, abs=0.01)
    assert np.mean(first[:50] != first[50:100]) == pytest.approx(2 * 0.3 * 0.7, abs=0.02)
    assert set(np.unique(first)) == {0.0, 1.0}
    assert first.mean() == pytest.approx(0.3, abs=0.01)


def test_a_run_that_was_killed_ends_as_one_that_was_not(reproduce, tmp_path, monkeypatch):
    row = reproduce.Row(reproduce.Recipe((16,), "relu", 5, 100, warm_up=1, patience=3, samples=3), 2, {"LL": 0.0})
    monkeypatch.setitem(reproduce.ROWS, "row", row)
    expected = reproduce.run("row", options(tmp_path / "whole", short=False))
    begin = reproduce.Course.on_epoch_begin

    def killed(course, epoch, logs=None):
        if epoch == 3:
            raise KeyboardInterrupt
        begin(course, epoch)

    with monkeypatch.context() as patched:
        patched.setattr(reproduce.Course, "on_epoch_begin", killed)
        with pytest.raises(KeyboardInterrupt):
            reproduce.run("row", options(tmp_path / "killed", short=False))
    found = reproduce.run("row", options(tmp_path / "killed", short=False))
    assert (found["ours"], found["epochs"]) == (expected["ours"], expected["epochs"])
    records = [json.loads(next((tmp_path / name).rglob("record.json")).read_text()) for name in ("whole", "killed")]
    losses = [[logs["val_loss"] for logs in record["logs"]] for record in records]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 5


def test_training_stops_when_the_held_out_loss_no_longer_falls_and_keeps_the_best(reproduce, tmp_path, monkeypatch):
    class Model:
        stop_training, saved = False, 0

        def save_weights(self, file):
            self.saved += 1

    recipe = reproduce.Recipe((16,), "relu", 100, 100, warm_up=2, patience=2)
    backup = argparse.Namespace(folder=tmp_path, logs=[])
    course = reproduce.Course(recipe, 100, backup, None)
    course.set_model(model := Model())
    course.started, stopped = 0.0, []
    for loss in (1.0, 2.0, 9.0, 8.0, 8.5, 7.0, 7.5, 7.1):  # the first two under another beta
        course.on_epoch_end(0, logs := {"val_loss": loss})
        backup.logs.append(logs)
        stopped.append(model.stop_training)
    assert stopped == [False] * 7 + [True]
    assert model.saved == 3  # at 9, 8 and 7


def test_burdas_schedule_is_that_of_the_paper(reproduce):
    rate = reproduce.learning_rate(reproduce.BURDA, epochs=3280, steps=10)
    for i in range(8):
        first = sum(3**j for j in range(i))
        for epoch in (first, first + 3**i - 1):
            assert float(rate(10 * epoch + 5)) == pytest.approx(1e-3 * 10 ** (-i / 7), rel=1e-5)
