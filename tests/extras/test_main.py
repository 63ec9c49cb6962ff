"""The course from the command line: commands do what they say, and errors are one line and exit code 2."""

import pathlib
import re
import runpy
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from small import small_autoencoder, small_vae

import vae_keras
from vae_keras.extras.command_line import EXAMPLES, _parser, main


@pytest.fixture(autouse=True)
def small_networks(monkeypatch, no_xla):
    """Networks that train in a moment. The commands call these functions by these names."""
    commands = "vae_keras.extras.command_line"
    monkeypatch.setattr(f"{commands}.make_vae", lambda latent_dim, network, **o: small_vae(latent_dim, **o))
    monkeypatch.setattr(f"{commands}.make_autoencoder", lambda latent_dim, network: small_autoencoder(latent_dim))


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def saved(folder):
    small_vae().save("vae.keras")
    return folder


def picture(file):
    return tf.io.decode_png(pathlib.Path(file).read_bytes(), channels=1).numpy()[..., 0]


def refused(capsys, *arguments):
    """The one line that a command ends with."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def in_a_process(*arguments):
    command = [sys.executable, "-m", "vae_keras", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")


def test_the_package_is_a_program(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["vae_keras", "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("vae_keras", run_name="__main__")
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.slow
def test_help_has_an_example_of_each_command(capsys):
    done = in_a_process("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for command, arguments in EXAMPLES.items():
        example = f"python -m vae_keras {command} {arguments}\n"
        assert example in done.stdout
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == 0
        assert example in capsys.readouterr().out
        assert _parser().parse_args([command, *arguments.split()]).run.__name__ == command


@pytest.mark.slow
def test_in_a_process_of_its_own_it_writes_a_picture_and_nothing_to_stderr(saved):
    done = in_a_process("sample", "vae.keras", "samples.png", "--n", "6", "--columns", "3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "wrote samples.png: 6 images\n", "")
    assert picture("samples.png").shape == (2 * 28, 3 * 28)


@pytest.mark.slow
def test_an_error_in_a_process_of_its_own_is_one_line_without_a_traceback(folder):
    done = in_a_process("sample", "nothing.keras", "samples.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"python -m vae_keras sample: error: .*Received: 'nothing\.keras'\n", done.stderr)
    assert list(folder.iterdir()) == []


def test_train_shows_progress_and_saves_what_it_was_asked_for(folder, capsys):
    arguments = ["train", "v.keras", "--latent-dim", "3", "--likelihood", "bernoulli", "--beta", "2", "--epochs", "1"]
    main(arguments)
    out = capsys.readouterr().out
    assert re.search(r"vae\w*: 100%.* reconstruction=.* kl=.* val_loss=", out)
    assert out.endswith("wrote v.keras\n")
    vae = vae_keras.load_model("v.keras")
    assert (vae.latent_dim, vae.likelihood, vae.beta) == (3, "bernoulli", 2.0)
    assert int(vae.optimizer.iterations) == 12  # 1,500 images in batches of 125


@pytest.mark.slow
def test_train_with_the_same_seed_gives_the_same_weights(folder):
    for file, seed in (("a.keras", "1"), ("b.keras", "1"), ("c.keras", "2")):
        main(["train", file, "--epochs", "1", "--seed", seed])
    a, b, c = (vae_keras.load_model(f"{name}.keras").get_weights() for name in "abc")
    assert all(np.array_equal(v, w) for v, w in zip(a, b, strict=True))
    assert not np.array_equal(a[0], c[0])


@pytest.mark.slow
def test_train_trains_an_autoencoder_too(folder):
    main(["train", "ae.keras", "--model", "autoencoder", "--epochs", "1"])
    main(["sample", "ae.keras", "samples.png", "--n", "2"])
    assert isinstance(vae_keras.load_model("ae.keras"), vae_keras.Autoencoder)


@pytest.mark.slow
def test_train_writes_for_tensorboard_and_keeps_no_backup_of_a_finished_training(folder):
    pytest.importorskip("tensorboard")
    main(["train", "vae.keras", "--epochs", "1", "--tensorboard", "logs", "--backup-dir", "backup"])
    assert {path.name for path in (folder / "logs").iterdir()} == {"train", "validation", "pictures"}
    assert not (folder / "backup").exists()


def test_a_training_that_cannot_be_saved_keeps_its_backup(folder, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError("No space left on device")

    command = ["train", "vae.keras", "--epochs", "2", "--seed", "1", "--backup-dir", "backup"]
    with monkeypatch.context() as context:
        context.setattr(vae_keras.VAE, "save", full)
        assert "No space left" in refused(capsys, *command)
    assert not (folder / "vae.keras").exists()
    main(command)
    assert "2/2 [00:00" in capsys.readouterr().out  # nothing is trained again
    assert vae_keras.load_model("vae.keras").optimizer.iterations == 2 * 12
    assert not (folder / "backup").exists()


def test_evaluate_prints_what_evaluate_returns(saved, digits, capsys):
    main(["evaluate", "vae.keras"])
    out = capsys.readouterr().out
    model = vae_keras.load_model("vae.keras")
    model.compile()
    terms = model.evaluate(digits[1][0], batch_size=1000, verbose=0, return_dict=True)
    assert out.startswith("297 held-out images, nats per image\n")
    for name, value in terms.items():
        assert float(re.search(rf"^{name} +([0-9.]+)$", out, re.MULTILINE)[1]) == pytest.approx(value, abs=0.006)


def test_samples_are_the_models_and_a_seed_repeats_them(saved):
    for file, seed in (("a.png", "1"), ("b.png", "1"), ("c.png", "2")):
        main(["sample", "vae.keras", file, "--n", "4", "--columns", "4", "--seed", seed])
    images = vae_keras.load_model("vae.keras").sample(4, seed=1)
    expected = 1 - np.concatenate(list(images[..., 0]), axis=1)  # ink on paper
    np.testing.assert_allclose(picture("a.png") / 255, expected, atol=0.01)
    assert np.array_equal(picture("a.png"), picture("b.png"))
    assert not np.array_equal(picture("a.png"), picture("c.png"))


def test_interpolate_goes_from_one_digit_to_the_other(folder, digits, trained_vae):
    trained_vae.save("vae.keras")
    main(["interpolate", "vae.keras", "path.png", "--from", "1", "--to", "7", "--steps", "5"])
    _, (x, y) = digits
    vae, path = vae_keras.load_model("vae.keras"), picture("path.png") / 255
    assert path.shape == (28, 5 * 28)
    ends = vae.reconstruct(np.stack([x[y == 1][0], x[y == 7][-1]]))[..., 0]
    np.testing.assert_allclose(1 - path[:, :28], ends[0], atol=0.01)
    np.testing.assert_allclose(1 - path[:, -28:], ends[1], atol=0.01)


def test_export_writes_the_explorer(saved, capsys):
    if not hasattr(vae_keras, "export_explorer"):
        pytest.skip("this version of the course has no export_explorer")
    main(["export", "vae.keras", "explorer.html"])
    assert capsys.readouterr().out == "wrote explorer.html\n"
    assert "<html" in (saved / "explorer.html").read_text(encoding="utf-8")


def test_a_pretrained_model_goes_by_its_name(folder):
    main(["sample", "vae-2d", "samples.png", "--n", "8"])
    assert picture("samples.png").shape == (28, 8 * 28)


@pytest.mark.parametrize("command", ["train", "sample", "interpolate", "export"])
def test_a_file_that_exists_is_replaced_only_if_forced(saved, capsys, command):
    file = {"train": "old.keras", "export": "old.html"}.get(command, "old.png")
    (saved / file).write_text("mine")
    arguments = [command, file] if command == "train" else [command, "vae.keras", file]
    assert "add --force to replace it" in refused(capsys, *arguments)
    assert (saved / file).read_text() == "mine"
    if command in ("sample", "interpolate"):
        main([*arguments, "--force"])
        assert picture(file).shape[0] >= 28


MISUSES = {
    "no command": ([], "the following arguments are required: command"),
    "unknown command": (["draw"], "invalid choice: 'draw'"),
    "unknown data": (["evaluate", "vae.keras", "--data", "cifar"], "invalid choice: 'cifar'"),
    "no number": (["train", "new.keras", "--sigma", "big"], "invalid float value: 'big'"),
    "out of range": (["train", "new.keras", "--sigma", "-1"], "sigma must be a number above 0.*Received: sigma=-1.0"),
    "half an epoch": (["train", "new.keras", "--epochs", "0.5"], r"whole number from 1 to .*\. Received: '0\.5'"),
    "too many digits": (["sample", "vae.keras", "samples.png", "--n", "10001"], "from 1 to 10,000. Received: '10001'"),
    "a bernoulli's sigma": (
        ["train", "new.keras", "--likelihood", "bernoulli", "--sigma", "2"],
        "a bernoulli likelihood has no sigma. Received: 2",
    ),
    "a file for TensorBoard's folder": (
        ["train", "new.keras", "--epochs", "1", "--data", "digits", "--tensorboard", "notes.txt"],
        "is not a directory",
    ),
    "an autoencoder's beta": (
        ["train", "new.keras", "--model", "autoencoder", "--beta", "2"],
        "an autoencoder has no likelihood, sigma or beta. Received: beta",
    ),
    "another ending": (["sample", "vae.keras", "samples.jpg"], r"must end in \.png. Received: 'samples\.jpg'"),
    "no folder": (["sample", "vae.keras", "no/samples.png"], "folder to save in does not exist: make it first"),
    "no model": (
        ["evaluate", "vae-3d"],
        "no such file, and pretrained are vae-2d, vae-16d, .*Received: 'vae-3d'",
    ),
    "no .keras file": (["evaluate", "notes.txt"], r"notes\.txt is no \.keras file"),
    "an untrained autoencoder": (
        ["sample", "ae.keras", "samples.png"],
        "samples between its training codes: call fit first",
    ),
    "no digit": (["interpolate", "vae.keras", "path.png", "--to", "10"], "invalid choice: 10"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuses_get_one_line(saved, capsys, misuse):
    small_autoencoder().save("ae.keras")
    (saved / "notes.txt").write_text("not a model")
    before = sorted(saved.iterdir())
    arguments, expected = MISUSES[misuse]
    assert re.search(rf"^python -m vae_keras.*: error: .*{expected}", refused(capsys, *arguments))
    assert sorted(saved.iterdir()) == before


def test_a_file_that_cannot_be_written_is_told_before_the_training(folder, monkeypatch, capsys):
    def refuse(**options):
        raise PermissionError("not here")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    monkeypatch.setattr(vae_keras, "train", lambda *args, **options: pytest.fail("it trained"))
    assert "not here" in refused(capsys, "train", "m.keras")


@pytest.fixture
def colours(folder):
    """A model of other images than the data sets': of 4 × 6 pixels in three colours."""
    x, z = keras.Input((4, 6, 3)), keras.Input((2,))
    flat = keras.layers.Flatten()(x)
    heads = [keras.layers.Dense(2)(flat), keras.layers.Dense(2)(flat)]
    decoder = keras.Sequential([z, keras.layers.Dense(72), keras.layers.Reshape((4, 6, 3))])
    vae_keras.VAE(keras.Model(x, heads), decoder).save("colours.keras")
    return folder


def test_a_model_of_colours_makes_a_picture_of_colours(colours):
    main(["sample", "colours.keras", "samples.png", "--n", "3", "--columns", "2", "--seed", "1"])
    images = vae_keras.load_model("colours.keras").sample(3, seed=1)
    shown = tf.io.decode_png(pathlib.Path("samples.png").read_bytes(), channels=3).numpy() / 255
    assert shown.shape == (2 * 4, 2 * 6, 3)
    np.testing.assert_allclose(shown[:4, 6:], images[1], atol=0.01)
    np.testing.assert_allclose(shown[4:, :6], images[2], atol=0.01)


@pytest.mark.parametrize("command", [["evaluate"], ["interpolate", "path.png"], ["export", "page.html"]])
def test_images_of_another_shape_than_the_models_are_refused_with_both_shapes(colours, capsys, command):
    before = sorted(colours.iterdir())
    line = refused(capsys, command[0], "colours.keras", *command[1:])
    assert re.search(r"must have the model's shape.*images of \(28, 28, 1\), a model of \(4, 6, 3\)$", line)
    assert sorted(colours.iterdir()) == before


def test_a_training_that_is_interrupted_says_so_in_one_line(folder, monkeypatch, capsys):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(vae_keras, "train", interrupted)
    with pytest.raises(SystemExit) as stopped:
        main(["train", "vae.keras"])
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "\nstopped\n"
    assert list(folder.iterdir()) == []
