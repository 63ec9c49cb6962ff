"""A model that was saved goes on as if it had not been; a damaged file or a save that is cut off loses nothing."""

import os
import pathlib
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from keras import layers
from small import small_autoencoder, small_decoder, small_encoder, small_vae

from vae_keras import VAE, Autoencoder, load_model, make_vae, train

HERE = pathlib.Path(__file__).parent
CODES = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")


def in_precision(policy, build):
    """A model whose networks compute in half precision, whatever the precision of the process that loads it."""
    keras.config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy("float32")


def of_another_precision_than_its_networks():
    networks = small_encoder(), small_decoder()
    return in_precision("mixed_float16", lambda: VAE(*networks, seed=1))


def with_frozen_encoder():
    vae = small_vae(seed=1)
    vae.encoder.trainable = False
    return vae


def with_random_layers():
    """Layers that normalize or drop have a state of their own."""
    encoder = keras.Sequential([layers.Flatten(), layers.Dense(8), layers.BatchNormalization(), layers.Dense(2)])
    decoder = keras.Sequential(
        [layers.Dense(16), layers.Dropout(0.5), layers.Dense(784, activation="sigmoid"), layers.Reshape((28, 28, 1))]
    )
    return Autoencoder(encoder, decoder)


def compiled(model, optimizer="adam", **options):
    """Eagerly by default: tracing a graph takes longer than the few steps that are taken here."""
    model.compile(optimizer, **{"jit_compile": False, "run_eagerly": True, **options})
    return model


def on_a_schedule(**options):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, decay_steps=10), **options)


BUILD = {
    "autoencoder-dense": lambda: compiled(small_autoencoder(), keras.optimizers.SGD(1e-3, momentum=0.9)),
    "autoencoder-conv": lambda: compiled(small_autoencoder(network="conv"), on_a_schedule()),
    "autoencoder-float16": lambda: compiled(in_precision("mixed_float16", small_autoencoder), on_a_schedule()),
    "autoencoder-random-layers": lambda: compiled(with_random_layers()),
    "vae-gaussian-dense": lambda: compiled(
        small_vae(sigma=0.5, beta=2.0, reconstruction_weight=0.7, seed=3, name="mine"),
        on_a_schedule(clipnorm=1.0, use_ema=True),
    ),
    "vae-gaussian-conv": lambda: compiled(in_precision("mixed_bfloat16", lambda: small_vae(network="conv"))),
    "vae-bernoulli-conv": lambda: compiled(small_vae(network="conv", likelihood="bernoulli")),  # seed: drawn
    "vae-of-another-precision": lambda: compiled(
        of_another_precision_than_its_networks(),
        keras.optimizers.LossScaleOptimizer(on_a_schedule(), initial_scale=64),
    ),
    "vae-frozen-encoder": lambda: compiled(with_frozen_encoder()),
    "vae-two-steps-at-once": lambda: compiled(small_vae(), run_eagerly=False, steps_per_execution=2),
    "vae-by-train": lambda: small_vae(likelihood="bernoulli"),
}


def trained(model, x):
    """Four steps, the last of 31 images."""
    if model.compiled:
        model.fit(x, batch_size=33, shuffle=False, verbose=0)
    else:
        train(model, x, epochs=1, batch_size=33, verbose=False)
    return model


def state_of(model, x, z):
    """What a model answers, and all that it is after some more training."""
    state = {"decode": model.decode(z), "evaluate": np.ravel(model.evaluate(x, verbose=0))}
    state["iterations"] = model.optimizer.iterations.numpy()
    trained(model, x)
    variables = [*model.weights, *model.optimizer.variables]
    return {**state, **{f"variable {i}": variable.numpy() for i, variable in enumerate(variables)}}


ANOTHER_PROCESS = """
import os, pathlib, signal, sys
import vae_keras
import keras, numpy as np
folder = pathlib.Path(sys.argv[1])
models = {file: keras.saving.load_model(file) for file in folder.glob("*.keras")}
from test_saving import state_of
x, z = np.load(folder / "x.npy"), np.load(folder / "z.npy")
for file, model in models.items():
    np.savez(file.with_suffix(".npz"), **state_of(model, x, z))

def killed(layer, store):
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

keras.layers.Layer.save_own_variables = killed
print("saves", flush=True)
model.save(folder / "vae-two-steps-at-once.keras")
print("has saved", flush=True)
"""


@pytest.fixture(scope="module")
def saved(images, tmp_path_factory):
    """Folder of files, what each model went on to without having been saved, and how the other process ended."""
    folder, states = tmp_path_factory.mktemp("saved"), {}
    np.save(folder / "x.npy", images)
    np.save(folder / "z.npy", CODES)
    for name, build in BUILD.items():
        keras.utils.set_random_seed(0)
        model = trained(build(), images)
        model.save(folder / f"{name}.keras")
        states[name] = state_of(model, images, CODES)
    before = {file.name: file.read_bytes() for file in folder.glob("*.keras")}
    environment = {
        **os.environ,
        "KERAS_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]),
    }
    ended = subprocess.run(
        [sys.executable, "-c", ANOTHER_PROCESS, folder], env=environment, capture_output=True, text=True, check=False
    )
    return folder, states, before, ended


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILD)
def test_a_saved_model_goes_on_in_another_process_bit_for_bit(saved, name):
    folder, states, _, ended = saved
    assert (folder / f"{name}.npz").exists(), ended.stderr[-1000:]
    with np.load(folder / f"{name}.npz") as found:
        assert found.files == list(states[name])
        for key, expected in states[name].items():
            np.testing.assert_array_equal(found[key], expected, err_msg=key)
        assert found["iterations"] > 0


@pytest.mark.slow
def test_a_process_killed_while_it_saves_leaves_the_older_file(saved):
    folder, _, before, ended = saved
    assert ended.stdout.split() == ["saves"]
    assert ended.returncode != 0
    assert {file.name: file.read_bytes() for file in folder.glob("*.keras")} == before


@pytest.fixture(scope="module")
def two_saved(images, tmp_path_factory):
    """Folder of two files, and what each model went on to."""
    folder, states = tmp_path_factory.mktemp("two"), {}
    for name in ("autoencoder-dense", "vae-gaussian-dense"):
        keras.utils.set_random_seed(0)
        model = trained(BUILD[name](), images)
        model.save(folder / f"{name}.keras")
        states[name] = state_of(model, images, CODES)
    return folder, states


@pytest.mark.parametrize("name", ["autoencoder-dense", "vae-gaussian-dense"])
def test_a_loaded_model_goes_on_bit_for_bit(two_saved, images, name):
    folder, states = two_saved
    found = state_of(load_model(folder / f"{name}.keras"), images, CODES)
    assert found.keys() == states[name].keys()
    for key, expected in states[name].items():
        np.testing.assert_array_equal(found[key], expected, err_msg=key)


@pytest.mark.parametrize("name", BUILD)
def test_a_saved_model_keeps_its_options(tmp_path, name):
    model = BUILD[name]()
    model.save(tmp_path / f"{name}.keras")
    again = load_model(tmp_path / f"{name}.keras")
    assert type(again) is type(model)
    options = ["name", "dtype_policy", "latent_dim"]
    options += ["likelihood", "sigma", "beta", "reconstruction_weight"] if isinstance(model, VAE) else []
    for option in options:
        if option != "name" or name == "vae-gaussian-dense":  # else Keras counts: vae, vae_1
            assert getattr(again, option) == getattr(model, option)
    assert len(again.trainable_variables) == len(model.trainable_variables)


def test_a_saved_model_keeps_how_it_was_compiled(tmp_path):
    vae = compiled(small_vae(), on_a_schedule(), run_eagerly=False, jit_compile=True, steps_per_execution=7)
    vae.optimizer.build(vae.trainable_variables)  # else Keras warns that there is no state to load
    vae.save(tmp_path / "vae.keras")
    again = load_model(tmp_path / "vae.keras")
    assert (again.run_eagerly, again.jit_compile, again.steps_per_execution) == (False, True, 7)
    assert again.optimizer.get_config() == vae.optimizer.get_config()
    assert not load_model(tmp_path / "vae.keras", compile=False).compiled


def test_a_seed_is_saved_whether_it_was_given_or_drawn(tmp_path):
    for vae in (small_vae(seed=3), small_vae()):
        vae.save(tmp_path / "vae.keras")
        assert load_model(tmp_path / "vae.keras").seed == vae.seed


def test_a_saved_autoencoder_still_knows_its_box(two_saved):
    assert load_model(two_saved[0] / "autoencoder-dense.keras").sample(3, seed=1).shape == (3, 28, 28, 1)


@pytest.mark.parametrize("trainable", [True, False])
def test_an_untrained_and_uncompiled_model_can_be_saved(tmp_path, images, trainable):
    vae = make_vae(network="conv", trainable=trainable)
    vae.save(tmp_path / "vae.keras")
    again = load_model(tmp_path / "vae.keras")
    assert again.trainable is trainable
    np.testing.assert_array_equal(again.reconstruct(images[:3]), vae.reconstruct(images[:3]))


@keras.saving.register_keras_serializable()
class OwnEncoder(keras.Model):
    """A network of one's own: a subclass, which Keras builds when it is first called."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden, self.mean, self.log_var = layers.Dense(units), layers.Dense(2), layers.Dense(2)

    def call(self, x):
        x = self.hidden(keras.ops.reshape(x, (-1, 784)))
        return self.mean(x), self.log_var(x)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_a_network_of_ones_own_is_saved_with_the_model(tmp_path, images):
    vae = trained(compiled(VAE(OwnEncoder(8), small_decoder())), images)
    vae.save(tmp_path / "vae.keras")
    again = load_model(tmp_path / "vae.keras")
    expected = state_of(vae, images, CODES)
    for key, value in state_of(again, images, CODES).items():
        np.testing.assert_array_equal(value, expected[key], err_msg=key)


def test_weights_alone_can_be_saved_and_loaded(tmp_path, images):
    vae, other = small_vae(), small_vae()
    assert not np.array_equal(other.reconstruct(images), vae.reconstruct(images))
    vae.save_weights(tmp_path / "vae.weights.h5")
    other.load_weights(tmp_path / "vae.weights.h5")
    np.testing.assert_array_equal(other.reconstruct(images), vae.reconstruct(images))


# A save that fails


@pytest.mark.parametrize(("save", "name"), [(VAE.save, "vae.keras"), (VAE.save_weights, "vae.weights.h5")])
def test_a_save_that_fails_leaves_the_older_file_and_nothing_else(tmp_path, monkeypatch, save, name):
    def no_space(layer, store):
        raise OSError(28, "No space left on device")

    vae = small_vae()
    save(vae, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    monkeypatch.setattr(layers.Dense, "save_own_variables", no_space)
    with pytest.raises(OSError, match="No space left"):
        save(vae, tmp_path / name)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == before


def test_saving_has_keras_own_options(tmp_path, monkeypatch):
    vae, file = small_vae(), tmp_path / "vae.keras"
    vae.save(str(file))
    before = file.read_bytes()
    monkeypatch.setattr("builtins.input", lambda question: "n")
    vae.save(file, overwrite=False)
    assert file.read_bytes() == before
    vae.save(tmp_path / "folder", zipped=False)
    assert isinstance(keras.saving.load_model(tmp_path / "folder"), VAE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "vae.keras"]


@pytest.mark.skipif(sys.platform == "win32", reason="a link needs a right of its own on Windows")
def test_saving_through_a_link_keeps_the_link(tmp_path):
    (tmp_path / "link.keras").symlink_to(tmp_path / "vae.keras")
    small_vae().save(tmp_path / "link.keras")
    assert (tmp_path / "link.keras").is_symlink()
    assert isinstance(load_model(tmp_path / "vae.keras"), VAE)


# A file that is damaged, or is something else


def archive(file, members):
    with zipfile.ZipFile(file, "w") as written:
        for name, text in members.items():
            written.writestr(name, text)


def cut(share):
    return lambda file, whole: file.write_bytes(whole[: int(share * len(whole))])


def with_a_byte_changed(file, whole):
    file.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 255]) + whole[len(whole) // 2 + 1 :])


DAMAGED = {
    "empty": (cut(0), "no .keras file, or was cut short: save the model again. Received: 0 bytes"),
    "cut at 1 %": (cut(0.01), "no .keras file, or was cut short"),
    "cut at 50 %": (cut(0.5), "no .keras file, or was cut short"),
    "cut at 99 %": (cut(0.99), "no .keras file, or was cut short"),
    "without its last byte": (lambda file, whole: file.write_bytes(whole[:-1]), "no .keras file, or was cut short"),
    "random bytes": (
        lambda file, whole: file.write_bytes(np.random.default_rng(0).bytes(5000)),
        "no .keras file, or was cut short: save the model again. Received: 5000 bytes",
    ),
    "a byte changed": (with_a_byte_changed, "is damaged: .* Received: model.weights.h5 does not have its checksum"),
    "another archive": (lambda file, whole: archive(file, {"a.txt": "a"}), "is damaged: .* an archive of a.txt"),
    "another model": (
        lambda file, whole: keras.Sequential([keras.Input((2,)), layers.Dense(1)]).save(file),
        r"holds no Autoencoder or VAE: load it with keras.saving.load_model. Received: a Sequential",
    ),
    "weights alone": (
        lambda file, whole: small_vae().save_weights(file),
        r"a file of weights is loaded by a model's load_weights. Received: \d+ bytes",
    ),
    "nothing": (lambda file, whole: None, "there is no model to load. Received: .* which is not a file"),
    "a folder": (lambda file, whole: file.mkdir(), "there is no model to load. Received: .* which is not a file"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_file_that_is_no_model_is_named(two_saved, tmp_path, what):
    damage, message = DAMAGED[what]
    file = tmp_path / {"weights alone": "vae.weights.h5", "random bytes": "vae"}.get(what, "vae.keras")
    damage(file, (two_saved[0] / "vae-gaussian-dense.keras").read_bytes())
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        load_model(file)
    assert str(file) in str(caught.value) or repr(str(file)) in str(caught.value)


def test_weights_of_other_networks_leave_the_model_as_it_was(tmp_path, images):
    vae = trained(compiled(small_vae()), images)
    before = [variable.numpy() for variable in [*vae.weights, *vae.optimizer.variables]]
    trained(compiled(small_vae(latent_dim=3)), images).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(ValueError, match=r"holds no weights for this model: its networks are not those .* Received"):
        vae.load_weights(tmp_path / "other.weights.h5")
    for variable, value in zip([*vae.weights, *vae.optimizer.variables], before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
