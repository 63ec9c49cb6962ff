"""The bug clinic: right tests kill every illness and raise no false alarm; the healthy model is a `vae_keras.VAE`."""

import inspect
import time

import keras
import numpy as np
import pytest
from answers.clinic import ANSWERS
from tried.clinic import ALWAYS_WRONG, SETS, TEMPTING, fails_always, passes_always, raises_always

from vae_keras import VAE
from vae_keras.homework import clinic
from vae_keras.homework.clinic import ILLNESSES, METHODS, Patient, images, outcome, patient, score

NUMBERS = range(1, 9)
MODELS = [(20, 2, 1), (21, 8, 16)]  # seed, latent dimension, hidden units


def not_written(patient):
    raise NotImplementedError


@pytest.mark.slow
@pytest.mark.parametrize("tests", SETS.values(), ids=SETS)
def test_right_tests_score_8_and_are_told_the_sources(tests, capsys):
    assert score(tests) == 8
    printed = capsys.readouterr().out
    assert printed.count("✓ ✓ ✓    killed") == 8
    assert "score: 8 of 8" in printed
    assert all(illness.published in printed for illness in ILLNESSES[1:])


@pytest.mark.parametrize(
    ("test", "result"),
    [
        (passes_always, "survived"),
        (fails_always, "false alarm: sick"),
        (raises_always, "false alarm: AttributeError"),
        (not_written, "not written yet"),
    ],
)
def test_wrong_tests_score_0_and_are_told_why(test, result, capsys):
    assert score([test] * 2) == 0
    printed = capsys.readouterr().out
    assert printed.count(result) == 2
    assert "score: 0 of 8" in printed
    assert "Published" not in printed


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
def test_tempting_tests_kill_nothing(number, capsys):
    for test in TEMPTING[number]:
        assert score([not_written] * (number - 1) + [test]) == 0, test.__name__


def test_an_error_on_the_sick_model_alone_is_no_kill(capsys):
    def ends_in_error(patient):
        if not np.allclose(patient().total(1.0, 1.0), 2.0):
            raise KeyError("lost")

    assert score([not_written, ends_in_error]) == 0
    assert "test_2   ✓ ✓ ✓    not killed, for want of an assert: KeyError: 'lost'" in capsys.readouterr().out


def test_a_slow_test_is_named(monkeypatch, capsys):
    monkeypatch.setattr(clinic, "SECONDS", 0.01)
    assert outcome(lambda patient: time.sleep(0.02)).word == "slow"
    assert score([lambda patient: time.sleep(0.02)]) == 0
    assert "false alarm: it took" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [value for value in ALWAYS_WRONG.values() if not callable(value)])
def test_what_is_no_function_is_named(answer):
    with pytest.raises(TypeError, match="must be a function of one argument, patient"):
        outcome(answer)


@pytest.mark.parametrize("illness", [-1, 9, 1.5, "kl", True])
def test_an_unknown_illness_is_named(illness):
    with pytest.raises(ValueError, match="illness must be one of"):
        patient(illness)


# The patients


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_healthy_model_has_the_numbers_of_a_vae(model):
    healthy, twin = patient(None, *model), patient(None, *model)
    vae = VAE(twin.encoder, twin.decoder, likelihood="bernoulli", seed=model[0])
    vae.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    x = images(7)
    for _ in range(2):  # before and after a training
        found = [m.evaluate(x, batch_size=4, verbose=0) for m in (healthy, vae)]  # loss, reconstruction and KL
        np.testing.assert_allclose(*found, rtol=1e-5)
        np.testing.assert_allclose(healthy.reconstruct(x), vae.reconstruct(x), atol=1e-5)
        np.testing.assert_allclose(healthy.predict(x, verbose=0), vae.predict(x, verbose=0), atol=1e-5)
        trained = [m.fit(x, epochs=2, batch_size=4, shuffle=False, verbose=0).history for m in (healthy, vae)]
        np.testing.assert_allclose(trained[0]["loss"], trained[1]["loss"], rtol=1e-5)


@pytest.mark.parametrize("illness", [None, *range(9)])
def test_a_patient_is_fresh_and_repeatable(illness):
    x, (one, other) = images(), (patient(illness, seed=5) for _ in range(2))
    one.train_on_batch(x)
    assert not np.allclose(one.encode(x)[0], other.encode(x)[0])
    np.testing.assert_array_equal(other.encode(x), patient(illness, seed=5).encode(x))
    assert not np.allclose(other.encode(x), patient(illness, seed=6).encode(x))


def does(function):
    return function.__code__.co_code, function.__code__.co_consts, function.__code__.co_names


def tells(kind):
    """All that names say of a model's class."""
    of_code = ("co_name", "co_qualname", "co_filename", "co_firstlineno")
    functions = [vars(kind)[name] for name in METHODS]
    return (
        kind.__name__,
        sorted(vars(kind)),
        [
            (f.__name__, f.__qualname__, f.__module__, *(getattr(f.__code__, name) for name in of_code))
            for f in functions
        ],
    )


@pytest.mark.parametrize("illness", range(9))
def test_no_name_tells_an_illness(illness):
    assert tells(type(patient(illness))) == tells(type(patient()))


@pytest.mark.parametrize("illness", range(9))
def test_an_illness_replaces_one_method(illness):
    method, by = ILLNESSES[illness].method, ILLNESSES[illness].by
    healthy, sick = type(patient()), type(patient(illness))
    assert {name for name in METHODS if does(getattr(healthy, name)) != does(getattr(sick, name))} == {method}
    assert does(getattr(sick, method)) == does(by)
    assert inspect.signature(by).parameters.keys() == inspect.signature(getattr(Patient, method)).parameters.keys()


@pytest.mark.parametrize("illness", range(9))
def test_a_sick_model_trains_all_the_same(illness):
    vae = patient(illness)
    for _ in range(2):
        assert np.isfinite(list(vae.train_on_batch(images(), return_dict=True).values())).all()


def test_images_are_images():
    x = images(6, seed=2)
    assert x.shape == (6, 28, 28, 1)
    assert x.dtype == "float32"
    assert x.min() >= 0
    assert x.max() <= 1
    assert np.all(np.diff(x.mean(axis=(1, 2, 3))) > 0)


@pytest.mark.parametrize("number", range(9))
def test_an_illness_has_a_hint_and_says_where_it_was_published(number):
    illness = ILLNESSES[number]
    assert "/" in illness.published
    assert illness.seen
    assert number == 0 or any(illness.hint in hint for hint in ANSWERS[f"test_{number}"].mistakes)
