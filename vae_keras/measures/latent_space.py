"""How much of the latent space is used, how it fills the prior, how the decoder stretches it."""

import math

import numpy as np
import tensorflow as tf
from scipy.stats import chi2, norm, spearmanr
from sklearn.neighbors import KNeighborsClassifier

from vae_keras.latent_model import LatentModel
from vae_keras.losses import kl_divergence
from vae_keras.measures.likelihood import TINY, encoded_images, log_normal
from vae_keras.models import VAE
from vae_keras.support.checks import not_negative, whole_number
from vae_keras.support.networks import check_codes


def active_units(vae: VAE, x: np.ndarray, threshold: float = 0.01) -> int:
    """Number of latent dimensions whose mean mu_j(x) has a variance over x above the threshold.

    Raises:
        ValueError: fewer than two images, or a threshold below 0.

    Source: Burda et al. 2016, section 5.2.
    """
    not_negative(threshold, "threshold")
    _, mean, _ = encoded_images(vae, x)
    if len(mean) < 2:
        raise ValueError(
            f"active_units needs at least two images: one has no variance. Received: {len(mean)}"
        )
    return _count_active(mean, threshold)


def _count_active(mean, threshold):
    return int(np.sum(np.var(mean, axis=0) > threshold))


def marginal_kl(mean: np.ndarray, log_var: np.ndarray, samples: int = 2000, seed: int = 0) -> float:
    """KL divergence from the aggregate posterior, the images' average q(z|x), to the prior N(0, I).

    The mean KL of the images is this number and the mutual information of x and z, which is at most
    log n. Where the q(z|x) are too narrow to overlap, it is therefore the mean KL − log n, wherever
    the codes lie; `distance_to_prior` measures where they lie. Estimated by drawing z from the
    average.

    Args:
        mean, log_var: `(n, latent)` of q(z|x).
        samples: draws of z.
        seed: of the draws.

    Returns:
        Nats; a Monte Carlo estimate, so it can lie a little below 0.

    Raises:
        ValueError: mean and log_var differ in shape or are not finite, or samples is not at least
            1.

    Source: Hoffman and Johnson 2016, "ELBO surgery".
    """
    log_q, _, z = _draws_of_the_average(mean, log_var, samples, seed)
    return float(np.mean(log_q - log_normal(z)))


def mutual_information(
    mean: np.ndarray, log_var: np.ndarray, samples: int = 2000, seed: int = 0
) -> float:
    """Mutual information of image and code: what a draw of z tells about which image it is of (row
    L28).

    The mean over draws of log q(z|x) − log q(z), q(z) the average of q(z|x) over the images. 0
    where all images have the same q(z|x), and log n where no two of them overlap.

    Args, returns, errors: as `marginal_kl`.
    """
    log_q, log_own, _ = _draws_of_the_average(mean, log_var, samples, seed)
    return float(np.mean(log_own - log_q))


def _draws_of_the_average(mean, log_var, samples, seed):
    """Draws z of the average of q(z|x), `(samples, latent)`, with log q(z) and, of the image that z
    is of, log q(z|x), `(samples,)` each.
    """
    mean, log_var = np.asarray(mean, "float64"), np.asarray(log_var, "float64")
    if mean.ndim != 2 or mean.shape != log_var.shape or len(mean) == 0:
        raise ValueError(
            "mean and log_var must have the same shape (n, latent), n at least 1. "
            f"Received: mean.shape={mean.shape}, log_var.shape={log_var.shape}"
        )
    if not (np.isfinite(mean).all() and np.isfinite(log_var).all()):
        raise ValueError("mean and log_var must be finite. Received: NaN or infinity")
    samples = whole_number(samples, "samples")
    rng = np.random.default_rng(seed)
    own = rng.integers(len(mean), size=samples)
    z = mean[own] + np.exp(0.5 * log_var[own]) * rng.standard_normal((samples, mean.shape[1]))
    log_q = []
    for piece in np.array_split(z, max(1, samples // 100)):  # (piece, n, latent) at once
        of_each = log_normal(piece[:, None, :], mean, log_var)  # (piece, n)
        log_q.append(np.logaddexp.reduce(of_each, axis=1) - math.log(len(mean)))
    return np.concatenate(log_q), log_normal(z, mean[own], log_var[own]), z


def squared_error(model: LatentModel, x: np.ndarray) -> float:
    """Mean of ‖x − x̂‖² over images; of a VAE, x̂ through the mean of q(z|x)."""
    square = np.sum((x - model.reconstruct(x)) ** 2, axis=(1, 2, 3), dtype="float64")
    return float(np.mean(square))


def describe(vae: VAE, x: np.ndarray, threshold: float = 0.1) -> dict[str, float]:
    """A VAE on held-out images in four numbers, means over images (rows L11 and L26).

    Returns:
        "‖x − x̂‖²" through the mean of q(z|x), the root mean square "error of a pixel", "KL in nats"
        and the number of "active units" above the threshold. Burda et al., who train for thousands
        of epochs, take 0.01; after a short training some dimensions are still on their way out.
    """
    x, mean, log_var = encoded_images(vae, x)
    square = float(np.mean(np.sum((x - vae.decode(mean)) ** 2, axis=(1, 2, 3), dtype="float64")))
    return {
        "‖x − x̂‖²": square,
        "error of a pixel": math.sqrt(square / math.prod(vae.image_shape)),
        "KL in nats": float(np.mean(kl_divergence(mean, log_var))),
        "active units": _count_active(mean, threshold),
    }


def example_of_a_wide_posterior(vae: VAE, x: np.ndarray) -> np.ndarray:
    """One of the images, for pictures: its q(z|x) is wider than nine in ten of those drawn well.

    Drawn well is the quarter with the smallest error of the mean's reconstruction, as a share of
    the image's own square.

    Returns:
        `(1, height, width, channels)`.
    """
    x, mean, log_var = encoded_images(vae, x)
    errors = np.sum((x - vae.decode(mean)) ** 2, axis=(1, 2, 3))
    errors /= np.maximum(np.sum(x**2, axis=(1, 2, 3)), 1.0)  # an image may be black
    drawn_well = np.flatnonzero(errors <= np.quantile(errors, 0.25))
    by_width = drawn_well[np.argsort(np.sum(log_var[drawn_well], axis=1))]
    return x[by_width[[-math.ceil(len(by_width) / 10)]]]


def class_accuracy(
    codes: np.ndarray, labels: np.ndarray, new_codes: np.ndarray, new_labels: np.ndarray
) -> float:
    """Share of new codes whose five nearest neighbours among the codes name their class (row L10).

    Args:
        codes, new_codes: `(n, latent)` and `(k, latent)`, such as means of q(z|x).
        labels, new_labels: their classes, `(n,)` and `(k,)`.
    """
    neighbours = KNeighborsClassifier(n_neighbors=5).fit(codes, labels)
    return float(neighbours.score(new_codes, new_labels))


def within_classes(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> float:
    """Spearman's rank correlation of a and b within each class, a mean over classes (row L25).

    Across classes two numbers may go together for no other reason than that 1s are plain.
    """
    of_class = [spearmanr(a[labels == name], b[labels == name])[0] for name in np.unique(labels)]
    return float(np.mean(of_class))


def distance_to_prior(z: np.ndarray, directions: int = 100, seed: int = 0) -> float:
    """Sliced Wasserstein distance of codes from N(0, I): 0 where they fill the prior (row L28).

    Seen along one direction, codes that fill the prior are a sample of N(0, 1). Sorted, they are
    compared with its quantiles; the root mean square of the difference is averaged over directions.
    It takes the codes themselves, whatever the width of the q(z|x) that they are drawn from.

    Args:
        z: `(n, latent)`, one draw of q(z|x) for each image.
        directions: lines through the origin, drawn at random.
        seed: of the directions.

    Returns:
        In units of the prior's standard deviation. n exact draws of N(0, I) give about
        sqrt(log(log n) / n): 0.03 for 2,000.

    Raises:
        ValueError: z is not `(n, latent)`, n at least 2, or holds NaN or infinity.

    Source: Bonneel et al. 2015; as a distance of codes from a prior: Kolouri et al. 2019.
    """
    z = np.asarray(z, "float64")
    if z.ndim != 2 or len(z) < 2 or not np.isfinite(z).all():
        raise ValueError(
            f"z must be (n, latent), n at least 2, and finite. Received: z.shape={z.shape}"
        )
    lines = np.random.default_rng(seed).standard_normal(
        (z.shape[1], whole_number(directions, "directions"))
    )
    lines /= np.linalg.norm(lines, axis=0)
    quantiles = norm.ppf((np.arange(len(z)) + 0.5) / len(z))
    differences = np.sort(z @ lines, axis=0) - quantiles[:, None]  # (n, directions)
    return float(np.mean(np.sqrt(np.mean(differences**2, axis=0))))


def cell_shares(z: np.ndarray, rings: int = 4, sectors: int = 8) -> np.ndarray:
    """Shares of 2-d codes in cells that hold equal shares of the prior (row L29).

    Circles around the origin make `rings` of equal probability, rays cut each into `sectors`.

    Args:
        z: `(n, 2)`, one draw of q(z|x) for each image.

    Returns:
        `(rings, sectors)`, from the innermost ring outwards and counter-clockwise from z_1 > 0,
        z_2 = 0. They sum to 1, and are all 1 / (rings · sectors) where the codes fill the prior.

    Raises:
        ValueError: z is not `(n, 2)`, n at least 1, or holds NaN or infinity.
    """
    z = np.asarray(z, "float64")
    if z.ndim != 2 or z.shape[1] != 2 or len(z) == 0 or not np.isfinite(z).all():
        raise ValueError(f"z must be (n, 2), n at least 1, and finite. Received: shape={z.shape}")
    rings, sectors = whole_number(rings, "rings"), whole_number(sectors, "sectors")
    ring = rings * chi2(2).cdf(np.sum(z**2, axis=1))
    sector = sectors * (np.arctan2(z[:, 1], z[:, 0]) % (2 * np.pi)) / (2 * np.pi)
    cell = [np.minimum(place.astype(int), n - 1) for place, n in ((ring, rings), (sector, sectors))]
    counts = np.zeros((rings, sectors))
    np.add.at(counts, tuple(cell), 1)
    return counts / len(z)


def moves(vae: VAE, x: np.ndarray, x_moved: np.ndarray) -> dict[str, float]:
    """How far codes and reconstructions move when images are disturbed, medians (row L30).

    Args:
        vae: a `VAE`.
        x: images `(n, height, width, channels)`, n at least 2.
        x_moved: the same, disturbed.

    Returns:
        "x̂ / difference of two x̂": the reconstruction's move, in units of the median distance
        between the reconstructions of two different images; "μ / spread of μ": the code's move, in
        units of the spread of all codes; "μ / σ_φ": in units of its own width, the norm over
        dimensions.
    """
    x, mean, log_var = encoded_images(vae, x)
    moved, _ = vae.encode(x_moved)
    x_hat, x_hat_moved = vae.decode(mean), vae.decode(moved)

    def apart(a, b):
        return np.linalg.norm((a - b).reshape(len(a), -1), axis=1)

    others = np.roll(x_hat, 1, axis=0)  # the reconstruction of another image
    spread = math.sqrt(np.sum(np.var(mean, axis=0)))
    widths = np.exp(0.5 * log_var)
    return {
        "x̂ / difference of two x̂": float(np.median(apart(x_hat, x_hat_moved)))
        / max(float(np.median(apart(x_hat, others))), TINY),
        "μ / spread of μ": float(np.median(apart(mean, moved))) / max(spread, TINY),
        "μ / σ_φ": float(np.median(apart(mean / widths, moved / widths))),
    }


def local_stretch(model: LatentModel, z: np.ndarray) -> np.ndarray:
    """How far the decoded image moves, at most, per unit of movement at z (row L38).

    It is the largest singular value of the decoder's Jacobian at each z.

    Args:
        model: an `Autoencoder` or a `VAE`.
        z: `(n, latent)`.

    Returns:
        `(n,)` in pixel distance per unit of z.

    Raises:
        ValueError: z has another shape, or holds NaN or infinity.
    """
    z = tf.convert_to_tensor(check_codes(z, model.latent_dim))
    columns = []
    for direction in np.eye(z.shape[1], dtype="float32"):
        with tf.autodiff.ForwardAccumulator(z, tf.broadcast_to(direction, z.shape)) as forward:
            images = model.images_from(z)
        columns.append(np.reshape(forward.jvp(images), (len(z), -1)))
    jacobian = np.stack(columns, axis=1)  # (n, latent, m)
    return np.sqrt(np.linalg.eigvalsh(jacobian @ jacobian.transpose(0, 2, 1))[:, -1])
