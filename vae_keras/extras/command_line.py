"""The commands of `python -m vae_keras`: train, evaluate, sample, interpolate, export."""

import argparse
import pathlib
from typing import Any

import keras
import matplotlib.image
import tensorflow as tf

import vae_keras
from vae_keras import (
    VAE,
    Autoencoder,
    TensorBoard,
    load_data,
    load_model,
    load_pretrained,
    make_autoencoder,
    make_vae,
)
from vae_keras.data import NAMES as DATA
from vae_keras.models import LIKELIHOODS
from vae_keras.networks import NETWORKS
from vae_keras.paths import PATHS
from vae_keras.plots.digits import mosaic
from vae_keras.plots.style import INK
from vae_keras.pretrained import NAMES as PRETRAINED
from vae_keras.support.files import check_place, whole_or_not_at_all

MENDABLE = (
    *(ValueError, TypeError, OSError, RuntimeError, FloatingPointError, ImportError),
    tf.errors.OpError,
)
EXAMPLES = {
    "train": "vae.keras --likelihood bernoulli --epochs 7",
    "evaluate": "vae.keras",
    "sample": "vae.keras samples.png --n 64 --seed 1",
    "interpolate": "vae-16d path.png --from 3 --to 5",
    "export": "vae-2d explorer.html",
}


def train(options: argparse.Namespace) -> None:
    """Train a model and save it."""
    given = {
        name: value
        for name in ("likelihood", "sigma", "beta")
        if (value := getattr(options, name)) is not None
    }
    keras.utils.set_random_seed(options.seed)  # the weights to start from
    if options.sigma is not None and options.likelihood == "bernoulli":
        raise ValueError(f"a bernoulli likelihood has no sigma. Received: {options.sigma}")
    if options.model == "vae":
        model: VAE | Autoencoder = make_vae(
            options.latent_dim, options.network, seed=options.seed, **given
        )
    elif given:
        raise ValueError(
            f"an autoencoder has no likelihood, sigma or beta. Received: {', '.join(given)}"
        )
    else:
        model = make_autoencoder(options.latent_dim, options.network)
    (x_train, _), (x_test, _) = load_data(options.data)
    vae_keras.train(
        model,
        x_train,
        epochs=options.epochs,
        validation_data=x_test,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        seed=options.seed,
        backup_dir=options.backup_dir,
        save_as=options.file,
        callbacks=[TensorBoard(options.tensorboard, x_test)] if options.tensorboard else [],
    )
    print(f"wrote {options.file}")


def evaluate(options: argparse.Namespace) -> None:
    """Print the loss and its terms on held-out images."""
    model, x, _ = _model_and_images(options)
    if not model.compiled:  # it was saved so
        model.compile()
    terms = model.evaluate(x, batch_size=1000, verbose=0, return_dict=True)
    unit = "nats" if isinstance(model, VAE) else "squared error"
    print(f"{len(x):,} held-out images, {unit} per image")
    for name, value in terms.items():
        print(f"{name:20} {value:8.2f}")


def sample(options: argparse.Namespace) -> None:
    """Decode draws from the prior, of an autoencoder from the box of its codes, into a picture."""
    images = _model(options.model).sample(options.n, seed=options.seed)
    _write_picture(options.file, images, options.columns)


def interpolate(options: argparse.Namespace) -> None:
    """Decode the path between two held-out images into a picture."""
    model, x, y = _model_and_images(options)
    start, end = x[y == options.start][0], x[y == options.end][-1]
    images = model.interpolate(start, end, options.steps, options.path)
    _write_picture(options.file, images, options.steps)


def export(options: argparse.Namespace) -> None:
    """Write the explorer, the path from an image to its reconstruction, as one page."""
    model, x, y = _model_and_images(options)
    vae_keras.export_explorer(model, options.file, x=x, y=y)
    print(f"wrote {options.file}")


def _model(name):
    if name in PRETRAINED:
        return load_pretrained(name)
    if not pathlib.Path(name).is_file():
        raise ValueError(
            f"there is no such file, and pretrained are {', '.join(PRETRAINED)}. Received: {name!r}"
        )
    return load_model(name)


def _model_and_images(options):
    """The model, and held-out images of its shape with their labels."""
    model, (_, (x, y)) = _model(options.model), load_data(options.data)
    if x.shape[1:] != tuple(model.image_shape):
        raise ValueError(
            "the images must have the model's shape, (height, width, channels): name others with "
            f"--data. Received: images of {x.shape[1:]}, a model of {tuple(model.image_shape)}"
        )
    return model, x, y


def _write_picture(file, images, columns):
    """Ink on paper where the images have one channel, colours where they have three."""
    picture = mosaic(images, columns)
    options: dict[str, Any] = {"cmap": INK, "vmin": 0, "vmax": 1} if picture.ndim == 2 else {}
    with whole_or_not_at_all(file) as path:
        matplotlib.image.imsave(path, picture, **options)
    print(f"wrote {file}: {len(images)} images")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; argparse would print the usage before it."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def _whole(least, most=2**31 - 1):
    def whole_number(text):
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {least} to {most:,}. Received: {text!r}"
            )
        return int(text)

    return whole_number


def _examples(*commands):
    return "\n".join(
        [
            "for example:",
            *(f"  python -m vae_keras {command} {EXAMPLES[command]}" for command in commands),
        ]
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m vae_keras",
        description="Train, look at and export autoencoders and VAEs of small images.",
        epilog=_examples(*EXAMPLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")

    def command(run, file=None, model=True, data=True):
        added = commands.add_parser(
            run.__name__,
            help=run.__doc__,
            description=run.__doc__,
            epilog=_examples(run.__name__),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if model:
            added.add_argument("model", help=f"a .keras file, or one of {', '.join(PRETRAINED)}")
        if file:
            added.add_argument("file", help=f"the {file} file to write")
            added.add_argument("--force", action="store_true", help="replace the file if it exists")
        if data:
            added.add_argument(
                "--data", choices=DATA, default="auto", help="MNIST or scikit-learn's digits"
            )
        added.set_defaults(run=run, ending=file)
        return added

    def number(added, name, type, default, what):
        shown = "" if default is None else f" ({default})"
        added.add_argument(name, type=type, default=default, metavar="N", help=what + shown)

    added = command(train, file=".keras", model=False)
    added.add_argument(
        "--model", choices=("vae", "autoencoder"), default="vae", help="what to train (vae)"
    )
    added.add_argument(
        "--network", choices=NETWORKS, default="dense", help="the kind of networks (dense)"
    )
    number(added, "--latent-dim", _whole(1), 2, "dimensions of the latent space")
    added.add_argument("--likelihood", choices=LIKELIHOODS, help="of a VAE's pixels (gaussian)")
    number(added, "--sigma", float, None, "standard deviation of a gaussian pixel (1)")
    number(added, "--beta", float, None, "weight of KL (1)")
    number(added, "--epochs", _whole(1), 10, "passes over the images")
    number(added, "--batch-size", _whole(1), 125, "images in a step")
    number(added, "--learning-rate", float, 3e-3, "of Adam, at the start")
    number(added, "--seed", _whole(0), 0, "of weights, noise and the images' order")
    added.add_argument(
        "--backup-dir",
        metavar="DIR",
        help="a folder: if killed, the same command goes on from there",
    )
    added.add_argument(
        "--tensorboard", metavar="DIR", help="a folder for TensorBoard: losses and pictures"
    )

    command(evaluate)

    added = command(sample, file=".png", data=False)
    number(added, "--n", _whole(1, 10_000), 64, "how many images")
    number(added, "--columns", _whole(1, 1000), 8, "of the picture")
    number(added, "--seed", _whole(0), None, "for the same images again")

    added = command(interpolate, file=".png")
    added.add_argument(
        "--from",
        dest="start",
        type=int,
        choices=range(10),
        default=3,
        help="class of the first image (3)",
    )
    added.add_argument(
        "--to",
        dest="end",
        type=int,
        choices=range(10),
        default=5,
        help="class of the last image (5)",
    )
    number(added, "--steps", _whole(2, 1000), 9, "images on the path, ends included")
    added.add_argument(
        "--path", choices=PATHS, default="linear", help="through the latent space (linear)"
    )

    command(export, file=".html")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0. What a user can mend ends with exit code 2 and one line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.ending:
            _check_file(pathlib.Path(options.file), options.ending, options.force)
        options.run(options)
    except MENDABLE as error:
        line = " ".join(str(error).split())
        parser.exit(2, f"{parser.prog} {options.run.__name__}: error: {line}\n")
    except KeyboardInterrupt:
        parser.exit(130, "\nstopped\n")
    return 0


def _check_file(file, ending, force):
    """Say that a file cannot be written, before minutes of work."""
    if file.suffix != ending:
        raise ValueError(f"the file to write must end in {ending}. Received: {str(file)!r}")
    check_place(file)
    if file.exists() and not force:
        raise ValueError(
            f"the file exists: name another, or add --force to replace it. Received: {str(file)!r}"
        )
