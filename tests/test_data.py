"""The images: scikit-learn's digits, and the names of data sets."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from vae_keras import load_data

# scikit-learn's digits


def test_digits_have_the_shapes_types_and_ranges_of_images(digits):
    for (x, y), n in zip(digits, (1500, 297), strict=True):
        assert (x.shape, x.dtype) == ((n, 28, 28, 1), np.float32)
        assert (y.shape, y.dtype) == ((n,), np.int64)
        assert 0 == x.min() < 0.9 < x.max() <= 1
        assert set(y) == set(range(10))


def test_digits_leave_the_margin_of_mnist_empty(digits):
    (x, _), _ = digits
    assert x[:, 4:24, 4:24].mean() > 0.1
    x = x.copy()
    x[:, 4:24, 4:24] = 0
    assert not x.any()


def test_digits_are_split_without_overlap_and_by_class(digits):
    (x_train, y_train), (x_test, y_test) = digits
    assert not {x.tobytes() for x in x_train} & {x.tobytes() for x in x_test}
    np.testing.assert_allclose(np.bincount(y_test) / 297, np.bincount(y_train) / 1500, atol=0.01)


def test_digits_are_the_same_at_every_call_whatever_the_seed(digits):
    keras.utils.set_random_seed(5)
    np.testing.assert_equal(load_data("digits"), digits)


@pytest.mark.slow
def test_settings_of_keras_change_no_digit(tmp_path, digits):
    """~/.keras/keras.json may say that channels stand first, for a course on PyTorch."""
    (tmp_path / "keras.json").write_text(json.dumps({"image_data_format": "channels_first"}))
    code = "import sys, numpy, vae_keras; numpy.save(sys.argv[1], vae_keras.load_data('digits')[0][0])"
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, tmp_path / "x.npy"], env=environment, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), digits[0][0])


# Names


def test_the_environment_says_what_auto_means(monkeypatch, digits, capsys):
    monkeypatch.setenv("VAE_KERAS_DATA", "digits")
    np.testing.assert_equal(load_data(), digits)
    assert capsys.readouterr().out == ""


def test_the_environment_does_not_overrule_a_name(monkeypatch, digits):
    monkeypatch.setenv("VAE_KERAS_DATA", "mnist")
    np.testing.assert_equal(load_data("digits"), digits)


@pytest.mark.parametrize("name", ["mnits", "", "MNIST", None, 3])
def test_an_unknown_name_is_an_error_that_names_the_known_ones(name):
    with pytest.raises(ValueError, match=f"'auto', 'mnist', 'digits'.*Received: name={name!r}"):
        load_data(name)


def test_an_unknown_name_in_the_environment_is_an_error_that_names_the_variable(monkeypatch):
    monkeypatch.setenv("VAE_KERAS_DATA", "mnits")
    with pytest.raises(ValueError, match="Received: VAE_KERAS_DATA='mnits'"):
        load_data()
