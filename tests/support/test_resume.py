"""A training that is killed and started again ends as if it had not been killed."""

import math
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from killed import POINTS, equal, training
from small import small_autoencoder, small_vae

from vae_keras import VAE, TerminateOnNaN, load_model, train

TESTS = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def x(digits):
    return digits[0][0][:300]


@pytest.fixture(scope="module")
def whole(x, tmp_path_factory):
    return training(tmp_path_factory.mktemp("whole"), x)


@pytest.fixture(scope="module")
def killed(x, tmp_path_factory):
    """Folders of trainings that were killed, each in a process of its own, at the points above."""
    folder = tmp_path_factory.mktemp("killed")
    np.save(folder / "x.npy", x)
    script = "import sys, numpy, killed; killed.die_at(sys.argv[1]); killed.training(sys.argv[2], numpy.load('x.npy'))"
    folders = {point: folder / str(i) for i, point in enumerate(POINTS)}
    code = f"import sys; sys.path[:0] = {[str(TESTS), str(TESTS.parent / 'tools')]!r}; {script}"
    running = [subprocess.Popen([sys.executable, "-c", code, *map(str, pair)], cwd=folder) for pair in folders.items()]
    assert all(process.wait(timeout=300) != 0 for process in running)
    return folders


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_training_goes_on_to_the_same_weights_bit_for_bit(whole, killed, x, point):
    saved = (killed[point] / "record.json").exists()
    assert saved == (point != POINTS[0])
    assert equal(whole, training(killed[point], x))
    assert not killed[point].exists()  # the training is complete


class Crash(keras.callbacks.Callback):
    """Stops a training as Ctrl-C does."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.fixture
def crash(eager, monkeypatch):
    """Call `train`, which crashes in its third epoch."""

    def until_crash(*args, **options):
        with monkeypatch.context() as patch:
            patch.setattr(TerminateOnNaN, "on_epoch_begin", Crash.on_epoch_begin)
            with pytest.raises(KeyboardInterrupt):
                train(*args, **options, verbose=False)

    return until_crash


@pytest.mark.slow
def test_an_autoencoder_goes_on_too(crash, x, tmp_path):
    def build():
        keras.utils.set_random_seed(0)
        return small_autoencoder()

    whole = build()
    train(whole, x, epochs=4, seed=1, verbose=False)
    crash(build(), x, epochs=4, seed=1, backup_dir=tmp_path / "backup")
    resumed = small_autoencoder()  # with other initial weights
    train(resumed, x, epochs=4, seed=1, verbose=False, backup_dir=tmp_path / "backup")
    for weight, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):  # the code box among them
        np.testing.assert_array_equal(weight, expected)


def test_seeds_that_were_drawn_come_from_the_backup(crash, x, tmp_path):
    keras.utils.set_random_seed(1)
    whole = small_vae()
    start, noise = whole.get_weights(), whole.seed
    history = train(whole, x, epochs=4, batch_size=100, verbose=False).history
    keras.utils.set_random_seed(1)
    crash(small_vae(), x, epochs=4, batch_size=100, backup_dir=tmp_path / "backup")
    keras.utils.set_random_seed(2)
    resumed = small_vae()
    assert resumed.seed != noise
    assert not np.array_equal(resumed.get_weights()[0], start[0])
    again = train(resumed, x, epochs=4, batch_size=100, verbose=False, backup_dir=tmp_path / "backup")
    for weight, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert again.history == history
    assert again.epoch == [0, 1, 2, 3]


def test_progress_begins_where_the_training_was_killed(crash, x, tmp_path, capsys):
    crash(small_vae(seed=1), x, epochs=4, seed=1, backup_dir=tmp_path / "backup")
    train(small_vae(seed=1), x, epochs=4, seed=1, backup_dir=tmp_path / "backup")
    first, *_, last = capsys.readouterr().out.strip().split("\r")
    assert "2/4" in first
    assert "4/4" in last


def test_a_training_that_is_complete_keeps_what_else_is_in_its_folder(eager, x, tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    train(small_vae(), x, epochs=1, verbose=False, backup_dir=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def warmed_up(peak):
    return keras.optimizers.schedules.CosineDecay(0.0, 6, warmup_target=peak, warmup_steps=2)


@pytest.mark.slow
def test_a_training_on_a_schedule_goes_on_and_on_another_is_refused(crash, x, tmp_path):
    options = {"epochs": 4, "batch_size": 100, "seed": 1}
    whole = small_vae(seed=1)
    crashed, resumed = small_vae(seed=1), small_vae(seed=1)
    crashed.set_weights(whole.get_weights())
    train(whole, x, **options, learning_rate=warmed_up(1e-2), verbose=False)
    crash(crashed, x, **options, learning_rate=warmed_up(1e-2), backup_dir=tmp_path / "backup")
    with pytest.raises(ValueError, match=r"another training: learning_rate=.*0\.01.*, here .*0\.02"):
        train(resumed, x, **options, learning_rate=warmed_up(2e-2), backup_dir=tmp_path / "backup")
    train(resumed, x, **options, learning_rate=warmed_up(1e-2), verbose=False, backup_dir=tmp_path / "backup")
    for weight, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


OTHER = {
    "epochs": (lambda x: (small_vae(), x), {"epochs": 5}),
    "batch_size": (lambda x: (small_vae(), x), {"batch_size": 50}),
    "learning_rate": (lambda x: (small_vae(), x), {"learning_rate": 1e-2}),
    "seed": (lambda x: (small_vae(), x), {"seed": 2}),
    "model": (lambda x: (small_autoencoder(), x), {}),
    "likelihood": (lambda x: (small_vae(likelihood="bernoulli"), x), {}),
    "sigma": (lambda x: (small_vae(sigma=0.5), x), {}),
    "beta": (lambda x: (small_vae(beta=2), x), {}),
    "reconstruction_weight": (lambda x: (small_vae(reconstruction_weight=2), x), {}),
    "weights": (lambda x: (small_vae(latent_dim=3), x), {}),
    "images": (lambda x: (small_vae(), x[::-1]), {}),
}


BACKED_UP = {"epochs": 4, "batch_size": 100, "learning_rate": 3e-3, "seed": 1}


@pytest.fixture(scope="module")
def a_backup(x, tmp_path_factory):
    """The folder of a training that crashed in its third epoch."""
    folder = tmp_path_factory.mktemp("backup")
    with pytest.raises(KeyboardInterrupt):
        train(small_vae(), x, **BACKED_UP, backup_dir=folder, callbacks=Crash(), verbose=False)
    return folder


@pytest.mark.parametrize("name", OTHER)
def test_the_backup_of_another_training_is_refused_and_kept(eager, a_backup, x, tmp_path, name):
    shutil.copytree(a_backup, tmp_path, dirs_exist_ok=True)
    options = {**BACKED_UP, "backup_dir": tmp_path}
    files = {file: file.read_bytes() for file in tmp_path.iterdir()}
    build, other_options = OTHER[name]
    model, images = build(x)
    before = model.get_weights()
    with pytest.raises(ValueError, match=f"backup_dir of its own.*holds another training: {name}="):
        train(model, images, **{**options, **other_options})
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == files
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize("file", ["state-2.weights.h5", "record.json"])
@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: b"[1]"])
def test_a_damaged_backup_is_refused(eager, a_backup, x, tmp_path, file, damage):
    shutil.copytree(a_backup, tmp_path, dirs_exist_ok=True)
    (tmp_path / file).write_bytes(damage((tmp_path / file).read_bytes()))
    with pytest.raises(ValueError, match=r"delete this one to start anew.*a backup that cannot be read"):
        train(small_vae(), x, **BACKED_UP, backup_dir=tmp_path)


def test_a_backup_with_the_state_of_another_optimizer_is_refused(crash, x, tmp_path):
    crash(small_vae(), x, epochs=4, backup_dir=tmp_path)
    other = small_vae()
    other.compile("sgd")
    other.optimizer.build(other.trainable_variables)
    other.save_weights(tmp_path / "state-2.weights.h5")
    model = small_vae()
    before = model.get_weights()
    with pytest.raises(ValueError, match="cannot be read"):  # Keras only warns, and begins with an empty state
        train(model, x, epochs=4, backup_dir=tmp_path)
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_a_full_disk_costs_the_backup_and_not_the_training(eager, monkeypatch, x, tmp_path):
    def no_space(new, file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", no_space)
    with pytest.warns(UserWarning, match="epoch 1 has no backup.*No space left"):
        history = train(small_vae(), x, epochs=1, verbose=False, backup_dir=tmp_path / "backup").history
    assert len(history["loss"]) == 1


def test_a_trained_model_is_saved_before_its_backup_goes(eager, monkeypatch, x, tmp_path):
    def powerless(model, file):
        raise KeyboardInterrupt

    file, backup = tmp_path / "vae.keras", tmp_path / "backup"
    with monkeypatch.context() as patch:
        patch.setattr(VAE, "save", powerless)
        with pytest.raises(KeyboardInterrupt):
            train(small_vae(), x, epochs=2, seed=1, verbose=False, backup_dir=backup, save_as=file)
    model = small_vae()
    train(model, x, epochs=2, seed=1, verbose=False, backup_dir=backup, save_as=file)
    assert model.optimizer.iterations == 2 * math.ceil(len(x) / 125)  # those before the end of power
    for weight, expected in zip(load_model(file).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert not backup.exists()


def test_a_backup_dir_that_is_a_file_is_an_error_before_training(x, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        train(small_vae(), x, backup_dir=tmp_path / "file")


def test_a_setting_that_a_callback_changed_comes_from_the_backup(crash, x, tmp_path):
    def anneal(model):
        def set_beta(epoch, logs):
            if epoch == 0:  # once: a callback need not know all epochs
                model.beta = 0.25

        return keras.callbacks.LambdaCallback(on_epoch_end=set_beta)

    whole, crashed, resumed = (small_vae(seed=1) for _ in range(3))
    crashed.set_weights(whole.get_weights())
    options = {"epochs": 4, "seed": 1}
    train(whole, x, **options, callbacks=anneal(whole), verbose=False)
    crash(crashed, x, **options, callbacks=anneal(crashed), backup_dir=tmp_path / "backup")
    train(resumed, x, **options, callbacks=anneal(resumed), verbose=False, backup_dir=tmp_path / "backup")
    assert float(resumed.beta) == 0.25
    for weight, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_a_training_that_stops_early_has_as_many_epochs_as_losses(eager, x, tmp_path):
    stop = keras.callbacks.EarlyStopping("loss", min_delta=1e9)  # never good enough
    history = train(small_vae(), x, epochs=12, verbose=False, callbacks=stop, backup_dir=tmp_path / "backup")
    assert history.epoch == [0, 1]
    assert len(history.history["loss"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["patience", "rate", "annealing"])
def test_what_callbacks_count_goes_on(crash, x, tmp_path, kind):
    def callback(model):
        return {
            "patience": lambda: keras.callbacks.EarlyStopping("loss", patience=3, min_delta=1e9),
            "rate": lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=3, min_delta=1e9),
            "annealing": lambda: keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: setattr(model, "beta", 0.5 * model.beta)
            ),
        }[kind]()

    whole, crashed, resumed = (small_vae(seed=1) for _ in range(3))
    crashed.set_weights(whole.get_weights())
    options = {"epochs": 6, "seed": 1}
    history = train(whole, x, **options, callbacks=callback(whole), verbose=False).history
    crash(crashed, x, **options, callbacks=callback(crashed), backup_dir=tmp_path / "backup")
    again = train(resumed, x, **options, callbacks=callback(resumed), verbose=False, backup_dir=tmp_path / "backup")
    assert again.history == history
    assert float(resumed.optimizer.learning_rate) == float(whole.optimizer.learning_rate)
    for weight, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
