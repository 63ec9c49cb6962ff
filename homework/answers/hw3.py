"""Assignment 3: right answers, the usual mistakes, and the examples on which answers are graded."""

import numpy as np

from answers import Answer
from vae_keras.homework.hw3 import BOTH, KL, RECONSTRUCTION
from vae_keras.losses import kl_divergence, reconstruction_loss
from vae_keras.measures import effective_beta

RANKINGS = {  # from the smallest to the largest, as notebook 03 measures them for every seed
    "rate": (KL, BOTH, RECONSTRUCTION),
    "distortion": (RECONSTRUCTION, BOTH, KL),
    "sigma": (RECONSTRUCTION, BOTH, KL),
    "distance": (KL, BOTH, RECONSTRUCTION),
}


def predicting(**rankings):
    """All rankings are right, but for these."""
    return lambda: RANKINGS | rankings


def rate_and_distortion(rate=kl_divergence, distortion=reconstruction_loss, over_images=np.mean):
    """`rate_distortion` from the KL and the reconstruction loss of each image; the options plant mistakes."""
    return lambda x, x_hat, mean, log_var: (
        over_images(rate(mean, log_var)),
        over_images(distortion(x, x_hat)),
    )


def kl_terms(mean, log_var):
    """The KL of each latent dimension, (batch, latent)."""
    return 0.5 * (np.square(mean) + np.exp(log_var) - 1 - log_var)


def rates_of_exchange(rate, distortion):
    return -np.diff(distortion) / np.diff(rate)


def right_betas(latent_dim, n_pixels):
    means = {"reconstruction": "cross_entropy", "latent_dim": latent_dim, "n_pixels": n_pixels}
    return [
        effective_beta(**means, pixels="mean", reconstruction_weight=500),
        effective_beta(**means, latents="mean"),
        effective_beta(**means, pixels="mean", latents="mean", kl_weight=5e-4, half_kl=False),
        effective_beta("squared"),
    ]


def betas(**mistaken):
    """`published_betas`, but for the losses named here: each a function of (latent_dim, n_pixels)."""

    def answer(latent_dim, n_pixels):
        right = dict(zip("ABCD", right_betas(latent_dim, n_pixels), strict=True))
        return list((right | {loss: beta(latent_dim, n_pixels) for loss, beta in mistaken.items()}).values())

    return answer


def variance_counter(statistic=lambda mean: np.var(mean, axis=0)):
    return lambda mean, threshold: int(np.sum(statistic(mean) > threshold))


rng = np.random.default_rng(33)


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def images(*shape):
    return rng.random(shape).astype("float32")


NARROW = np.array([[-100, 0, 3], [-2, -30, 1]], "float32")
UNITS = normal(200, 8) * np.float32([1, 0.5, 0.3, 0.08, 0.05, 0.02, 0, 0]) + np.float32([0, 9, 0, 3, 0, 0.4, -2, 0])


ANSWERS = {
    "predictions": Answer(
        right=predicting(),
        mistakes={
            "rate: which of the three losses does not pay for KL, and which pays for nothing else?": predicting(
                rate=(RECONSTRUCTION, BOTH, KL)
            ),
            "rate: the combination pays for its KL, but it also has a use for it (row L26)": predicting(
                rate=(BOTH, KL, RECONSTRUCTION)
            ),
            "distortion: what does a decoder learn that never gets a gradient? Look at its pictures": predicting(
                distortion=(KL, BOTH, RECONSTRUCTION)
            ),
            "distortion: one of the two that reconstruct has something else to pay for as well": predicting(
                distortion=(BOTH, RECONSTRUCTION, KL)
            ),
            "sigma: what does noise in z cost under each loss? (row L27)": predicting(sigma=(KL, BOTH, RECONSTRUCTION)),
            "sigma: KL has its minimum at one certain sigma. Is it a narrow or a wide one?": predicting(
                sigma=(KL, RECONSTRUCTION, BOTH)
            ),
            "distance: the model nearest to the prior need not be of any use (row L28)": predicting(
                distance=(BOTH, KL, RECONSTRUCTION)
            ),
            "distance: which term of the loss draws codes towards the prior, and where is it missing?": predicting(
                distance=(RECONSTRUCTION, BOTH, KL)
            ),
        },
        hidden=[("rate", "distortion", "sigma", "distance")],
    ),
    "rate_distortion": Answer(
        right=rate_and_distortion(),
        mistakes={
            "both are far too small: which sums did you turn into means?": rate_and_distortion(
                kl_terms, lambda x, x_hat: np.square(x - x_hat) / 2
            ),
            "the rate: KL is a sum over latent dimensions. Only then comes the mean over images": rate_and_distortion(
                rate=kl_terms
            ),
            "the distortion: ‖x − x̂‖² is a sum over pixels. Only then comes the mean over images": rate_and_distortion(
                distortion=lambda x, x_hat: np.square(x - x_hat) / 2
            ),
            "the rate: a divergence is never negative (row L21's erratum)": rate_and_distortion(
                rate=lambda mean, log_var: -kl_divergence(mean, log_var)
            ),
            "the rate: log_var is log σ². Which of its terms did you take for σ?": rate_and_distortion(
                rate=lambda mean, log_var: kl_divergence(mean, 2 * log_var)
            ),
            "the distortion: which factor stands before ‖x − x̂‖² where σ = 1?": rate_and_distortion(
                distortion=lambda x, x_hat: 2 * reconstruction_loss(x, x_hat)
            ),
            "the rate: which factor stands before the sum in the KL formula?": rate_and_distortion(
                rate=lambda mean, log_var: 2 * kl_divergence(mean, log_var)
            ),
            "a model with twice as many images would get twice these numbers": rate_and_distortion(over_images=np.sum),
            "one number for each image: the model needs one for all of them": rate_and_distortion(
                over_images=lambda values: values
            ),
            "the right numbers in the wrong order": lambda *images_and_codes: rate_and_distortion()(*images_and_codes)[
                ::-1
            ],
        },
        hidden=[
            (images(1, 28, 28, 1), images(1, 28, 28, 1), normal(1, 10), normal(1, 10)),
            (images(7, 5, 3, 1), images(7, 5, 3, 1), 3 * normal(7, 1), normal(7, 1)),
            (images(2, 6, 4, 1), images(2, 6, 4, 1), normal(2, 3), NARROW),
            (images(4, 3, 3, 1), images(4, 3, 3, 1), np.zeros((4, 2), "float32"), np.zeros((4, 2), "float32")),
        ],
        same=("kl_divergence", "reconstruction_loss"),
    ),
    "exchange_rates": Answer(
        right=rates_of_exchange,
        mistakes={
            "the sign: a price is positive where the rate falls and the distortion rises": (
                lambda rate, distortion: -rates_of_exchange(rate, distortion)
            ),
            "what is given, and what is got for it? You have the nats of rate for one nat of distortion": (
                lambda rate, distortion: 1 / rates_of_exchange(rate, distortion)
            ),
            "the price is about the way from one point to the next, not about the points themselves": (
                lambda rate, distortion: distortion / rate
            ),
        },
        hidden=[
            (np.array([8.0, 3.0]), np.array([1.0, 11.0])),
            (np.array([30.0, 12.0, 14.0, 2.0, 0.5]), np.array([9.0, 10.0, 10.5, 15.0, 14.0])),
            (np.array([0.1, 5.0, 40.0]), np.array([26.0, 16.0, 10.0])),
        ],
    ),
    "count_active": Answer(
        right=variance_counter(),
        mistakes={
            "a variance over what? A dimension is active if its mean differs from image to image": variance_counter(
                lambda mean: np.var(mean, axis=1)
            ),
            "the threshold is for the variance. Did you take its root?": variance_counter(
                lambda mean: np.std(mean, axis=0)
            ),
            "a dimension may lie far from 0 and be the same for every image: then it says nothing": variance_counter(
                lambda mean: np.mean(np.square(mean), axis=0)
            ),
        },
        hidden=[
            (UNITS, 0.01),
            (UNITS, 0.1),
            (UNITS[:50], 0.001),
            (np.zeros((5, 3), "float32"), 0.01),
            (normal(3, 12), 1e-4),
        ],
        same=("active_units",),
    ),
    "published_betas": Answer(
        right=right_betas,
        mistakes={
            "A: the other way round. Beta stands before KL when nothing stands before the reconstruction": betas(
                A=lambda latent_dim, n_pixels: 500 / n_pixels
            ),
            "A: the cross-entropy is a mean over pixels. What turns it into the sum?": betas(
                A=lambda latent_dim, n_pixels: 1 / 500
            ),
            "A: the factor 500 is before the reconstruction, not before KL": betas(
                A=lambda latent_dim, n_pixels: 500 * n_pixels
            ),
            "B: the reconstruction is the course's. What is left in front of a *sum* over latent dimensions?": betas(
                B=lambda latent_dim, n_pixels: latent_dim
            ),
            "B: over what is KL a mean?": betas(B=lambda latent_dim, n_pixels: 1),
            "C: write KL with its ½. Which factor is then in front of it?": betas(
                C=lambda latent_dim, n_pixels: 5e-4 * n_pixels / latent_dim
            ),
            "C: the cross-entropy is a mean, too": betas(C=lambda latent_dim, n_pixels: 1e-3 / latent_dim),
            "C: KL is a mean, too": betas(C=lambda latent_dim, n_pixels: 1e-3 * n_pixels),
            "D: this course's reconstruction is ½‖x − x̂‖². How many of them are in this loss?": betas(
                D=lambda latent_dim, n_pixels: 1
            ),
            "D: the other way round. Divide the whole loss, not one term of it": betas(
                D=lambda latent_dim, n_pixels: 2
            ),
        },
        hidden=[(loss, *sizes) for sizes in [(2, 1024), (64, 3072), (1, 64)] for loss in "ABCD"],
        same=("effective_beta",),
    ),
}
