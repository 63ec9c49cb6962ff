"""How real images are, whether they cover the real ones, and how evenly they change."""

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from vae_keras.models import VAE, Autoencoder
from vae_keras.networks import make_classifier
from vae_keras.support.checks import class_labels
from vae_keras.support.images import check_images


def nearest_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distance from each flattened row of a to the nearest one of b: `(len(a),)`.

    Raises:
        ValueError: a or b is empty, or their rows differ in size.
    """
    a, b = np.asarray(a, "float32"), np.asarray(b, "float32")
    if min(a.size, b.size) == 0 or a.shape[1:] != b.shape[1:]:
        raise ValueError(
            f"a and b must hold rows of one shape. Received: a.shape={a.shape}, b.shape={b.shape}"
        )
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    squares = np.sum(b**2, axis=1)
    nearest = [
        np.min(squares - 2 * piece @ b.T, axis=1) for piece in np.array_split(a, len(a) // 1000 + 1)
    ]
    return np.sqrt(np.maximum(np.concatenate(nearest) + np.sum(a**2, axis=1), 0))


def digit_features(classifier: keras.Model, x: np.ndarray) -> np.ndarray:
    """What a trained `make_classifier` sees in images: its last hidden layer, `(n, 64)`.

    Distances in pixels reward blur; distances in these features ask whether the strokes are a
    digit's.
    """
    x = check_images(x, "x", classifier.input_shape[1:])
    features = keras.Model(classifier.inputs[0], classifier.get_layer("features").output)
    # called, not predict: that would compile anew each time
    pieces = np.array_split(x, len(x) // 1000 + 1)
    return np.concatenate([ops.convert_to_numpy(features(piece)) for piece in pieces])


def coverage(samples: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Distance from each real image to the nearest sample: `(len(real),)` (row L24).

    The other direction, `nearest_distance(samples, real)`, asks whether each sample looks real; one
    good image, drawn a thousand times, would pass. This one asks whether each real image has a
    sample that looks like it.

    Raises:
        ValueError: as `nearest_distance`.
    """
    return nearest_distance(real, samples)


def compare_samples(
    samples: Mapping[str, np.ndarray], real: np.ndarray, classifier: keras.Model
) -> dict[str, dict[str, float]]:
    """How near samples come to real images, and how well they cover them, by two rulers (row L24).

    Args:
        samples: name → images `(n, height, width, channels)`; give all as many: more samples cover
            more.
        real: held-out images.
        classifier: as for `digit_features`.

    Returns:
        Name → mean distances "to the nearest real image" and "of real images to the nearest", each
        "in pixels" and "in features"; smaller is better.
    """
    features = digit_features(classifier, real)
    found = {}
    for name, images in samples.items():
        pairs = {
            "in pixels": (images, real),
            "in features": (digit_features(classifier, images), features),
        }
        found[name] = {
            f"{way} {ruler}": float(np.mean(distance(*pair)))
            for way, distance in (("sample → real", nearest_distance), ("real → sample", coverage))
            for ruler, pair in pairs.items()
        }
    return found


def train_classifier(
    x: np.ndarray, y: np.ndarray, epochs: int | None = None, seed: int = 0
) -> keras.Model:
    """A small classifier, trained: the judge of what an image shows.

    Args:
        x: images `(n, height, width, channels)` in [0, 1].
        y: their classes, whole numbers from 0 on, `(n,)`.
        epochs: None takes as many as make about 1,500 steps.
        seed: of the order of the images.

    Raises:
        TypeError, ValueError: not images, or not one class for each.
    """
    x = check_images(x, "x")
    y = class_labels(y, len(x), "y")
    classifier = make_classifier(x.shape[1:], int(y.max()) + 1)
    classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    order = np.random.default_rng(seed).permutation(len(x))
    epochs = epochs or max(1, round(1500 * 125 / len(x)))
    classifier.fit(x[order], y[order], batch_size=125, epochs=min(epochs, 30), verbose=0)
    return classifier


def predicted_classes(classifier: keras.Model, x: np.ndarray) -> np.ndarray:
    """The class that a classifier reads in each image, `(n,)`."""
    x = check_images(x, "x", classifier.input_shape[1:])
    pieces = np.array_split(x, len(x) // 1000 + 1)
    return np.concatenate([ops.convert_to_numpy(classifier(piece)).argmax(-1) for piece in pieces])


def changed_class(classifier: keras.Model, vae: VAE, image: np.ndarray, draws: int = 200) -> float:
    """Share of draws z ~ q(z|x) whose decoded image is read as another class than x (row L16).

    Args:
        classifier: of `train_classifier`.
        vae: a `VAE`.
        image: `(height, width, channels)`.
        draws: of z.
    """
    mean, log_var = (np.repeat(head, draws, axis=0) for head in vae.encode(image[None]))
    decoded = vae.decode(vae.sampling((mean, log_var)))
    read = predicted_classes(classifier, decoded)
    return float(np.mean(read != predicted_classes(classifier, image[None])[0]))


def sample_fitted_gaussian(
    model: Autoencoder, x: np.ndarray, n: int = 1000, seed: int = 0
) -> np.ndarray:
    """Decode n draws from the Gaussian that has the mean and the covariance of x's codes (row L24).

    It is the best that one can do with an autoencoder without looking for a finer distribution.
    """
    codes, rng = model.encode(x), np.random.default_rng(seed)
    covariance = np.atleast_2d(np.cov(codes, rowvar=False))
    return model.decode(rng.multivariate_normal(codes.mean(axis=0), covariance, n))


def step_lengths(images: np.ndarray) -> np.ndarray:
    """Euclidean distance in pixels from image to image of a path: `(steps, ...)` → `(steps − 1,)`.

    Raises:
        ValueError: fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"step_lengths needs at least two images. Received: {len(images)}")
    flat = np.reshape(images, (len(images), -1))
    return np.linalg.norm(np.diff(flat, axis=0), axis=1)


def unevenness(images: np.ndarray) -> float:
    """Longest step of a path of images divided by the mean step, in pixels (row L35).

    1 if all steps are equal; as many as there are steps, if the image jumps once and stands still
    otherwise.

    Raises:
        ValueError: fewer than two images, or images that do not move at all.
    """
    steps = step_lengths(images)
    if not steps.max() > 0:
        raise ValueError("unevenness needs images that move. Received: images that are all equal")
    return float(steps.max() / steps.mean())
