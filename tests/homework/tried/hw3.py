"""Answers to assignment 3 as students write them: right ones in several styles, and wrong ones."""

import numpy as np
import tensorflow as tf
from answers.hw3 import ANSWERS
from keras import ops

# Right: predictions


def predictions_listed():
    order = ["only KL", "combination", "only reconstruction"]
    return {"rate": order, "distance": order, "distortion": order[::-1], "sigma": order[::-1]}


def predictions_sorted():
    guesses = {  # a number for each loss, guessed
        "rate": {"only reconstruction": 100, "only KL": 0, "combination": 4},
        "distortion": {"only reconstruction": 15, "only KL": 98, "combination": 20},
        "sigma": {"only reconstruction": 0, "only KL": 1, "combination": 0.1},
        "distance": {"only reconstruction": 100, "only KL": 0, "combination": 0.1},
    }
    return {quantity: sorted(values, key=values.get) for quantity, values in guesses.items()}


def predictions_tuples():
    R, K, C = "only reconstruction", "only KL", "combination"
    return dict(rate=(K, C, R), distortion=(R, C, K), sigma=(R, C, K), distance=(K, C, R))  # noqa: C408


# Right: rate_distortion


def rate_distortion_numpy(x, x_hat, mean, log_var):
    x, x_hat, mean, log_var = map(np.asarray, (x, x_hat, mean, log_var))
    rate = 0.5 * np.sum(mean**2 + np.exp(log_var) - log_var - 1, axis=1).mean()
    return rate, 0.5 * ((x - x_hat) ** 2).sum(axis=(1, 2, 3)).mean()


def rate_distortion_tf(x, x_hat, mu, log_sigma_squared):
    kl = -0.5 * tf.reduce_sum(1 + log_sigma_squared - mu**2 - tf.exp(log_sigma_squared), axis=-1)
    distances = tf.norm(tf.reshape(x - x_hat, [tf.shape(x)[0], -1]), axis=1)
    return tf.reduce_mean(kl), tf.reduce_mean(distances**2) / 2


def rate_distortion_ops(x, x_hat, mean, log_var):
    n = x.shape[0]
    variance = ops.exp(log_var)
    return [
        ops.sum(ops.square(mean) + variance - 1 - log_var) / (2 * n),
        ops.sum(ops.square(x_hat - x)) / (2 * n),
    ]


def rate_distortion_loop(x, x_hat, mean, log_var):
    rate, distortion = [], []
    for one, other, mu, log_variance in zip(x, x_hat, mean, log_var, strict=True):
        sigma = np.exp(np.asarray(log_variance, "float64") / 2)
        rate.append(sum(0.5 * (float(m) ** 2 + s**2 - 1) - np.log(s) for m, s in zip(mu, sigma, strict=True)))
        distortion.append(np.linalg.norm(np.ravel(one - other)) ** 2 / 2)
    return np.array([np.mean(rate), np.mean(distortion)])


# Right: exchange_rates


def exchange_rates_loop(rate, distortion):
    return [(distortion[i + 1] - distortion[i]) / (rate[i] - rate[i + 1]) for i in range(len(rate) - 1)]


def exchange_rates_slices(rate, distortion):
    return -(distortion[1:] - distortion[:-1]) / (rate[1:] - rate[:-1])


def exchange_rates_ops(rate, distortion):
    return ops.negative(ops.diff(distortion) / ops.diff(rate))


# Right: count_active


def count_active_loop(mean, threshold):
    count = 0
    for codes in np.asarray(mean).T:
        if codes.std() ** 2 > threshold:
            count += 1
    return count


def count_active_tf(mean, threshold):
    return tf.reduce_sum(tf.cast(tf.math.reduce_variance(mean, axis=0) > threshold, tf.int32))


def count_active_moments(mean, threshold):
    mean = ops.cast(mean, "float64")
    variance = ops.mean(mean**2, axis=0) - ops.mean(mean, axis=0) ** 2
    return ops.count_nonzero(variance > threshold)


def count_active_unbiased(mean, threshold):
    return len(np.flatnonzero(np.var(mean, axis=0, ddof=1) > threshold))


# Right: published_betas


def published_betas_list(latent_dim, n_pixels):
    return [n_pixels / 500, 1 / latent_dim, 2 * 5e-4 * n_pixels / latent_dim, 0.5]


def published_betas_table(latent_dim, n_pixels):
    factors = np.array(  # of this course's reconstruction, and of its KL
        [[500 / n_pixels, 1], [1, 1 / latent_dim], [1 / n_pixels, 1e-3 / latent_dim], [2, 1]]
    )
    return factors[:, 1] / factors[:, 0]


def published_betas_tuple(n, m):
    a = m * 0.002
    b = n**-1
    c = 0.001 * m * b
    return a, b, c, tf.constant(1 / 2)


RIGHT = {
    "hw3.predictions": [predictions_listed, predictions_sorted, predictions_tuples],
    "hw3.rate_distortion": [rate_distortion_numpy, rate_distortion_tf, rate_distortion_ops, rate_distortion_loop],
    "hw3.exchange_rates": [
        exchange_rates_loop,
        exchange_rates_slices,
        exchange_rates_ops,
        lambda rate, distortion: -np.diff(distortion) / np.diff(rate),
    ],
    "hw3.count_active": [count_active_loop, count_active_tf, count_active_moments, count_active_unbiased],
    "hw3.published_betas": [published_betas_list, published_betas_table, published_betas_tuple],
}


def usual_mistakes(task):
    return dict(ANSWERS[task].mistakes)


def predicted(**changed):
    return lambda: predictions_listed() | changed


def rd(rate=lambda m, v: m**2 + np.exp(v) - 1 - v, square=np.square, factor=0.5, distortion_factor=0.5, swap=False):
    def answer(x, x_hat, mean, log_var):
        x, x_hat, mean, log_var = map(np.asarray, (x, x_hat, mean, log_var))
        pair = (
            factor * rate(mean, log_var).sum(axis=1).mean(),
            distortion_factor * square(x - x_hat).sum(axis=(1, 2, 3)).mean(),
        )
        return pair[::-1] if swap else pair

    return answer


def changed_betas(place, value):
    def answer(latent_dim, n_pixels):
        betas = published_betas_list(latent_dim, n_pixels)
        betas[place] = value(latent_dim, n_pixels)
        return betas

    return answer


WRONG = {
    "hw3.predictions": {
        **usual_mistakes("predictions"),
        "all from the largest to the smallest": lambda: {k: v[::-1] for k, v in predictions_listed().items()},
        "all the same": lambda: dict.fromkeys(predictions_listed(), predictions_listed()["rate"]),
        "one quantity is missing": lambda: {k: v for k, v in predictions_listed().items() if k != "sigma"},
        "one loss is missing": predicted(distance=["only KL", "only reconstruction"]),
        "one loss twice": predicted(rate=["only KL", "only KL", "combination", "only reconstruction"]),
        "another name": predicted(rate=["KL", "combination", "reconstruction"]),
        "only the largest": predicted(sigma="only KL"),
        "empty": dict,
        "None": lambda: None,
    },
    "hw3.rate_distortion": {
        **usual_mistakes("rate_distortion"),
        "no sign before the logarithm": rd(lambda m, v: m**2 + np.exp(v) - 1 + v),
        "no 1": rd(lambda m, v: m**2 + np.exp(v) - v),
        "plus 1": rd(lambda m, v: m**2 + np.exp(v) + 1 - v),
        "minus the mean": rd(lambda m, v: -(m**2) + np.exp(v) - 1 - v),
        "the mean is not squared": rd(lambda m, v: m + np.exp(v) - 1 - v),
        "no mean": rd(lambda m, v: np.exp(v) - 1 - v),
        "no variance": rd(lambda m, v: m**2 - 1 - v),
        "sigma for the variance": rd(lambda m, v: m**2 + np.exp(0.5 * v) - 1 - v),
        "log_var for the variance": rd(lambda m, v: m**2 + v - 1 - np.log(np.abs(v))),
        "log sigma for log variance": rd(lambda m, v: m**2 + np.exp(v) - 1 - 0.5 * v),
        "as on the slide": rd(lambda m, v: 1 + v - m**2 - np.exp(v)),
        "absolute difference": rd(square=np.abs),
        "not squared": rd(square=lambda values: values),
        "root of the sum": lambda *a: (lambda r, d: (r, np.sqrt(2 * d)))(*rate_distortion_numpy(*a)),
        "for 784 pixels": lambda x, x_hat, mean, log_var: (
            rate_distortion_numpy(x, x_hat, mean, log_var)[0],
            392 * np.mean(np.square(np.asarray(x) - x_hat)),
        ),
        "swapped": rd(swap=True),
        "their sum": lambda *a: sum(rate_distortion_numpy(*a)),
        "of the first image": lambda *a: rate_distortion_numpy(*(np.asarray(v)[:1] for v in a)),
        "the values shown": lambda *a: (3.84579, 0.309873),
        "None": lambda *a: None,
    },
    "hw3.exchange_rates": {
        **usual_mistakes("exchange_rates"),
        "absolute": lambda rate, distortion: np.abs(np.diff(distortion) / np.diff(rate)),
        "sum of both changes": lambda rate, distortion: np.diff(rate) + np.diff(distortion),
        "product": lambda rate, distortion: -np.diff(distortion) * np.diff(rate),
        "gradient": lambda rate, distortion: -np.gradient(np.asarray(distortion)) / np.gradient(np.asarray(rate)),
        "only the distortion": lambda rate, distortion: np.diff(distortion),
        "from the first point": lambda rate, distortion: (distortion[1:] - distortion[0]) / (rate[0] - rate[1:]),
        "one number": lambda rate, distortion: (distortion[-1] - distortion[0]) / (rate[0] - rate[-1]),
        "backwards": lambda rate, distortion: exchange_rates_slices(rate, distortion)[::-1],
        "three neighbours only": lambda rate, distortion: exchange_rates_slices(rate, distortion)[:3],
        "the values shown": lambda rate, distortion: np.array([0.1, 0.75, 2]),
        "None": lambda rate, distortion: None,
    },
    "hw3.count_active": {
        **usual_mistakes("count_active"),
        "over everything": lambda mean, threshold: int(np.var(mean) > threshold),
        "the inactive ones": lambda mean, threshold: np.sum(np.var(mean, axis=0) <= threshold),
        "its own threshold": lambda mean, threshold: count_active_loop(mean, 0.01),
        "which ones": lambda mean, threshold: np.var(mean, axis=0) > threshold,
        "their share": lambda mean, threshold: np.mean(np.var(mean, axis=0) > threshold),
        "the sum of their variances": lambda mean, threshold: np.sum(np.var(mean, axis=0)),
        "the mean is large": lambda mean, threshold: np.sum(np.abs(np.mean(mean, axis=0)) > threshold),
        "range": lambda mean, threshold: np.sum(np.ptp(np.asarray(mean), axis=0) > threshold),
        "variance of the first two": lambda mean, threshold: np.sum(np.var(mean[:2], axis=0) > threshold),
        "the value shown": lambda mean, threshold: 1,
        "all": lambda mean, threshold: mean.shape[1],
        "None": lambda mean, threshold: None,
    },
    "hw3.published_betas": {
        **usual_mistakes("published_betas"),
        "the values shown": lambda latent_dim, n_pixels: [1.568, 0.1, 0.0784, 0.5],
        "for 784 pixels": lambda latent_dim, n_pixels: published_betas_list(latent_dim, 784),
        "for 10 dimensions": lambda latent_dim, n_pixels: published_betas_list(10, n_pixels),
        "all upside down": lambda *sizes: [1 / beta for beta in published_betas_list(*sizes)],
        "arguments swapped": lambda latent_dim, n_pixels: published_betas_list(n_pixels, latent_dim),
        "B and C swapped": lambda *sizes: [published_betas_list(*sizes)[i] for i in (0, 2, 1, 3)],
        "roots: sigma": lambda *sizes: np.sqrt(published_betas_list(*sizes)),
        "A: no pixels": changed_betas(0, lambda n, m: 500),
        "A: twice the pixels": changed_betas(0, lambda n, m: m / 1000),
        "B: pixels": changed_betas(1, lambda n, m: m / n),
        "B: half": changed_betas(1, lambda n, m: 0.5 / n),
        "C: only the factor": changed_betas(2, lambda n, m: 5e-4),
        "C: a quarter": changed_betas(2, lambda n, m: 2.5e-4 * m / n),
        "C: times the dimensions": changed_betas(2, lambda n, m: 1e-3 * m * n),
        "C: a negative sign": changed_betas(2, lambda n, m: -1e-3 * m / n),
        "D: pixels": changed_betas(3, lambda n, m: m / 2),
        "three losses": lambda *sizes: published_betas_list(*sizes)[:3],
        "one number": lambda latent_dim, n_pixels: n_pixels / 500,
        "None": lambda latent_dim, n_pixels: None,
    },
}
