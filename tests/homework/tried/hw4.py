"""Right and wrong answers to assignment 4, in many styles."""

import keras
import numpy as np
import tensorflow as tf
from answers.hw4 import ANSWERS, decode_paths
from keras import ops

from vae_keras.homework.hw4 import TASKS, unevenness
from vae_keras.measures import nearest_distance, step_lengths
from vae_keras.paths import linear_path, spherical_path

# Right: paths


def _refuse(z_a, z_b, steps):
    if np.ndim(z_a) != 1 or np.shape(z_a) != np.shape(z_b) or steps < 2:
        raise ValueError("bad ends")


def line_by_numpys_linspace(z_a, z_b, steps):
    if z_a.shape != z_b.shape or z_a.ndim != 1:
        raise ValueError(f"shapes {z_a.shape} and {z_b.shape}")
    if steps < 2:
        raise ValueError(steps)
    return np.linspace(z_a, z_b, steps)


def line_in_a_loop(start, end, n):
    _refuse(start, end, n)
    rows = []
    for i in range(n):
        t = i / (n - 1)
        rows.append((1 - t) * start + t * end)
    return np.array(rows)


def line_in_tensorflow(z_a, z_b, steps):
    if len(z_a.shape) != 1 or len(z_b.shape) != 1 or z_a.shape[0] != z_b.shape[0] or steps < 2:
        raise ValueError("wrong")
    t = tf.reshape(tf.linspace(0.0, 1.0, steps), (-1, 1))
    return (1 - t) * z_a[None] + t * z_b[None]


def line_in_keras(z_a, z_b, steps):
    _refuse(z_a, z_b, steps)
    t = ops.arange(steps, dtype="float32") / (steps - 1)
    return ops.outer(1 - t, z_a) + ops.outer(t, z_b)


def turn_by_arccos(z_a, z_b, steps):
    _refuse(z_a, z_b, steps)
    t = np.linspace(0, 1, steps)[:, np.newaxis]
    n_a, n_b = np.sqrt(np.sum(z_a**2)), np.sqrt(np.sum(z_b**2))
    line = (1 - t) * z_a + t * z_b
    if n_a * n_b == 0:
        return line
    cosine = np.clip(z_a @ z_b / (n_a * n_b), -1, 1)
    if 1 - abs(cosine) < 1e-6:
        return line
    omega = np.arccos(cosine)
    slerp = np.sin((1 - t) * omega) / np.sin(omega) * z_a / n_a + np.sin(t * omega) / np.sin(omega) * z_b / n_b
    return slerp * ((1 - t) * n_a + t * n_b)


def turn_in_the_plane_of_both(z_a, z_b, steps):
    """By Gram and Schmidt: cos(angle) u + sin(angle) w, with w at a right angle to u."""
    _refuse(z_a, z_b, steps)
    z_a, z_b = z_a.astype("float64"), z_b.astype("float64")
    t = np.linspace(0, 1, steps)
    n_a, n_b = np.linalg.norm(z_a), np.linalg.norm(z_b)
    if n_a > 0 and n_b > 0:
        u, v = z_a / n_a, z_b / n_b
        w = v - (u @ v) * u
        if np.linalg.norm(w) > 1e-5:
            total = np.arctan2(np.linalg.norm(w), u @ v)
            w = w / np.linalg.norm(w)
            turned = np.outer(np.cos(t * total), u) + np.outer(np.sin(t * total), w)
            return turned * np.interp(t, [0, 1], [n_a, n_b])[:, None]
    return np.outer(1 - t, z_a) + np.outer(t, z_b)


def turn_in_tensorflow(z_a, z_b, steps):
    if len(z_a.shape) != 1 or z_a.shape != z_b.shape or steps < 2:
        raise ValueError("wrong")
    z_a, z_b = tf.constant(z_a), tf.constant(z_b)
    t = tf.linspace(0.0, 1.0, steps)[:, None]
    n_a, n_b = tf.norm(z_a), tf.norm(z_b)
    u, v = tf.math.divide_no_nan(z_a, n_a), tf.math.divide_no_nan(z_b, n_b)
    cosine = tf.clip_by_value(tf.reduce_sum(u * v), -1.0, 1.0)
    if n_a == 0 or n_b == 0 or tf.abs(cosine) > 1 - 1e-6:
        return (1 - t) * z_a + t * z_b
    omega = tf.acos(cosine)
    direction = (tf.sin((1 - t) * omega) * u + tf.sin(t * omega) * v) / tf.sin(omega)
    return direction * (n_a + t * (n_b - n_a))


def turn_in_keras_row_by_row(z_a, z_b, steps):
    _refuse(z_a, z_b, steps)
    n_a, n_b = float(ops.norm(z_a)), float(ops.norm(z_b))
    cosine = 1.0 if n_a == 0 or n_b == 0 else float(ops.sum(ops.multiply(z_a / n_a, z_b / n_b)))
    rows = []
    for t in np.linspace(0, 1, steps):
        if abs(cosine) > 0.9999999:
            rows.append((1 - t) * z_a + t * z_b)
        else:
            angle = np.arccos(cosine)
            row = (np.sin(angle * (1 - t)) * z_a / n_a + np.sin(angle * t) * z_b / n_b) / np.sin(angle)
            rows.append(row * (n_a * (1 - t) + n_b * t))
    return ops.stack(rows)


# Right: the decoder, distances


def decoded_by_known_shapes(decode, paths):
    pairs, steps, latent = paths.shape
    x = decode(np.reshape(paths, (pairs * steps, latent)))
    return np.reshape(x, (pairs, steps, x.shape[1], x.shape[2], x.shape[3]))


def decoded_in_tensorflow(decode, paths):
    shape = tf.shape(paths)
    x = tf.convert_to_tensor(decode(tf.reshape(paths, (-1, shape[-1]))))
    return tf.reshape(x, tf.concat([shape[:2], tf.shape(x)[1:]], axis=0))


def decoded_and_split(decode, paths):
    return np.stack(np.split(decode(np.concatenate(list(paths))), len(paths)))


def decoded_in_keras(decode, paths):
    x = decode(ops.reshape(paths, (-1, paths.shape[2])))
    return ops.reshape(x, (*paths.shape[:2], *x.shape[1:]))


def distance_in_a_loop(path, real):
    nearest = []
    for image in path[1:-1]:
        nearest.append(min(np.sqrt(np.sum((image - x) ** 2)) for x in real))
    return sum(nearest) / len(nearest)


def distance_by_broadcasting(path, real):
    difference = path[1:-1, None] - real[None]
    return tf.reduce_mean(tf.reduce_min(tf.sqrt(tf.reduce_sum(difference**2, axis=(2, 3, 4))), axis=1))


def distance_by_the_binomial_formula(path, real):
    a, b = np.reshape(path[1:-1], (-1, 784)), np.reshape(real, (-1, 784))
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0)).min(axis=1).mean()


def distance_in_keras(path, real):
    a, b = ops.reshape(path[1:-1], (-1, 1, 784)), ops.reshape(real, (1, -1, 784))
    return float(ops.mean(ops.min(ops.norm(a - b, axis=-1), axis=-1)))


# Right: measures of roughness


def _steps(images):
    return np.sqrt(((images[1:] - images[:-1]) ** 2).sum(axis=(1, 2, 3)))


def gini_coefficient(images):
    s = np.sort(_steps(images))
    n = len(s)
    return 2 * np.sum(np.arange(1, n + 1) * s) / (n * s.sum()) - (n + 1) / n


def missing_entropy(images):
    share = _steps(images) / _steps(images).sum()
    share = share[share > 0]
    return float(np.log(len(images) - 1) + np.sum(share * np.log(share)))


def concentration(images):
    s = tf.norm(tf.reshape(images[1:] - images[:-1], (len(images) - 1, -1)), axis=1)
    return tf.reduce_sum(s**2) / tf.reduce_sum(s) ** 2


def variation_in_keras(images):
    s = ops.norm(ops.reshape(ops.diff(images, axis=0), (len(images) - 1, -1)), axis=1)
    return ops.std(s) / ops.mean(s)


def mean_deviation(images):
    s = _steps(images)
    return np.abs(s / s.mean() - 1).mean()


def range_over_mean(images):
    s = _steps(images)
    return (max(s) - min(s)) / (sum(s) / len(s))


def second_differences(images):
    flat = images.reshape(len(images), -1)
    bends = np.linalg.norm(flat[2:] - 2 * flat[1:-1] + flat[:-2], axis=1)
    return bends.sum() / np.linalg.norm(np.diff(flat, axis=0), axis=1).sum()


def largest_bend(images):
    bends = [np.linalg.norm(c - 2 * b + a) for a, b, c in zip(images, images[1:], images[2:], strict=False)]
    return max(bends) / _steps(images).mean()


def longest_over_the_way(images):
    return _steps(images).max() / np.linalg.norm(images[-1] - images[0])


def longest_over_median(images):
    s = _steps(images)
    return s.max() / (np.median(s) + 1e-3 * s.mean())


def in_absolute_differences(images):
    s = np.abs(np.diff(images, axis=0)).sum(axis=(1, 2, 3))
    return s.max() / s.mean()


def away_from_an_even_walk(images):
    """The largest gap between the way gone and the time gone."""
    gone = np.cumsum(_steps(images)) / _steps(images).sum()
    return np.abs(gone - np.arange(1, len(gone) + 1) / len(gone)).max()


RIGHT = {
    "hw4.linear_path": [line_by_numpys_linspace, line_in_a_loop, line_in_tensorflow, line_in_keras],
    "hw4.spherical_path": [
        turn_by_arccos,
        turn_in_the_plane_of_both,
        turn_in_tensorflow,
        turn_in_keras_row_by_row,
    ],
    "hw4.decode_paths": [decoded_by_known_shapes, decoded_in_tensorflow, decoded_and_split, decoded_in_keras],
    "hw4.roughness": [
        gini_coefficient,
        missing_entropy,
        concentration,
        variation_in_keras,
        mean_deviation,
        range_over_mean,
        second_differences,
        largest_bend,
        longest_over_the_way,
        longest_over_median,
        in_absolute_differences,
        away_from_an_even_walk,
        lambda images: step_lengths(images).std() / step_lengths(images).mean(),
    ],
    "hw4.distance_to_real": [
        distance_in_a_loop,
        distance_by_broadcasting,
        distance_by_the_binomial_formula,
        distance_in_keras,
    ],
}


# Wrong


def hard_coded(name):
    """An answer that knows the visible examples alone."""
    task = TASKS[name]
    right = ANSWERS[name].right
    known = {repr(example): right(*example[1:]) for example in task.examples if example[0] == "path"}

    def answer(*arguments):
        if repr(("path", *arguments)) in known:
            return known[repr(("path", *arguments))]
        raise ValueError("unknown")

    return answer


def hard_coded_distance(path, real):
    return {5: 6.38466, 3: 6.61988}.get(len(path), 0.0)


def line(t_of=lambda steps: np.linspace(0, 1, steps), weights=lambda t: (1 - t, t)):
    """A straight path with its errors, made with other t or other weights."""

    def path(z_a, z_b, steps):
        _refuse(z_a, z_b, steps)
        of_a, of_b = weights(t_of(steps)[:, None])
        return of_a * z_a + of_b * z_b

    return path


def turn(angle_of=None, weights=None, norm_of=None, unit=True):
    """`turn_by_arccos`, with one of its parts exchanged."""
    angle_of = angle_of or (lambda u, v: np.arccos(np.clip(u @ v, -1, 1)))
    weights = weights or (lambda t, w: (np.sin((1 - t) * w) / np.sin(w), np.sin(t * w) / np.sin(w)))
    norm_of = norm_of or (lambda t, n_a, n_b: (1 - t) * n_a + t * n_b)

    def path(z_a, z_b, steps):
        _refuse(z_a, z_b, steps)
        n_a, n_b = np.linalg.norm(z_a), np.linalg.norm(z_b)
        if n_a * n_b == 0 or 1 - abs(z_a @ z_b / (n_a * n_b)) < 1e-6:
            return linear_path(z_a, z_b, steps)
        t, u, v = np.linspace(0, 1, steps)[:, None], z_a / n_a, z_b / n_b
        of_u, of_v = weights(t, angle_of(u, v))
        return norm_of(t, n_a, n_b) * (of_u * (u if unit else z_a) + of_v * (v if unit else z_b))

    return path


def turn_only(guard):
    """A path that is right where `guard` lets it turn, and the line elsewhere only if that is asked for."""

    def path(z_a, z_b, steps):
        _refuse(z_a, z_b, steps)
        with np.errstate(all="ignore"):
            return guard(z_a, z_b, steps)

    return path


def no_guard(z_a, z_b, steps):
    t, n_a, n_b = np.linspace(0, 1, steps)[:, None], np.linalg.norm(z_a), np.linalg.norm(z_b)
    omega = np.arccos(z_a @ z_b / (n_a * n_b))
    turned = np.sin((1 - t) * omega) * z_a / n_a + np.sin(t * omega) * z_b / n_b
    return ((1 - t) * n_a + t * n_b) * turned / np.sin(omega)


def guard_for_zero_alone(z_a, z_b, steps):
    zero = not (z_a.any() and z_b.any())
    return linear_path(z_a, z_b, steps) if zero else no_guard(z_a, z_b, steps)


def guard_for_parallel_alone(z_a, z_b, steps):
    cosine = z_a @ z_b / (np.linalg.norm(z_a) * np.linalg.norm(z_b))
    return linear_path(z_a, z_b, steps) if cosine > 0.999999 else no_guard(z_a, z_b, steps)


def guard_without_clip(z_a, z_b, steps):
    if not (z_a.any() and z_b.any()):
        return linear_path(z_a, z_b, steps)
    cosine = z_a @ z_b / (np.linalg.norm(z_a) * np.linalg.norm(z_b))
    return linear_path(z_a, z_b, steps) if abs(cosine) == 1 else no_guard(z_a, z_b, steps)


def unchecked_shapes(path):
    def of_checked_steps(z_a, z_b, steps):
        if steps < 2:
            raise ValueError(steps)
        return path(*np.broadcast_arrays(np.ravel(z_a), np.ravel(z_b)), steps)

    return of_checked_steps


def unchecked_steps(path):
    return lambda z_a, z_b, steps: path(z_a, z_b, max(steps, 2))


def asserted(path):
    """It complains, but not by a ValueError."""

    def of_asserted(z_a, z_b, steps):
        assert steps >= 2
        assert z_a.shape == z_b.shape
        return path(z_a, z_b, steps)

    return of_asserted


def mistakes(name):
    return {f"mistake {number}": wrong for number, wrong in enumerate(ANSWERS[name].mistakes.values())}


def spread_of_steps(power):
    return lambda images: np.std(_steps(images)) ** power


WRONG = {
    "hw4.linear_path": {
        **mistakes("linear_path"),
        "hard-coded": hard_coded("linear_path"),
        "None": lambda *_: None,
        "wrong shape": lambda z_a, z_b, steps: linear_path(z_a, z_b, steps).T,
        "without the ends": lambda z_a, z_b, steps: linear_path(z_a, z_b, steps + 2)[1:-1],
        "one step too many": lambda z_a, z_b, steps: linear_path(z_a, z_b, steps)[[*range(steps), -1]],
        "minus": line(weights=lambda t: (1 - t, -t)),
        "plus": line(weights=lambda t: (1 + t, t)),
        "not less of the first": line(weights=lambda t: (1, t)),
        "squared t": line(t_of=lambda steps: np.linspace(0, 1, steps) ** 2),
        "whole steps": line(t_of=lambda steps: np.arange(steps)),
        "t from above 0": line(t_of=lambda steps: np.arange(1, steps + 1) / steps),
        "the spherical one": spherical_path,
        "shapes not checked": unchecked_shapes(linear_path),
        "steps not checked": unchecked_steps(linear_path),
        "another error": asserted(linear_path),
    },
    "hw4.spherical_path": {
        **mistakes("spherical_path"),
        "hard-coded": hard_coded("spherical_path"),
        "None": lambda *_: None,
        "wrong shape": lambda z_a, z_b, steps: spherical_path(z_a, z_b, steps)[:, None],
        "the linear one": linear_path,
        "reversed": lambda z_a, z_b, steps: spherical_path(z_b, z_a, steps),
        "no guard": turn_only(no_guard),
        "guard for zero alone": turn_only(guard_for_zero_alone),
        "guard for parallel alone": turn_only(guard_for_parallel_alone),
        "guard without clip": turn_only(guard_without_clip),
        "norm of the first": turn(norm_of=lambda t, n_a, n_b: n_a),
        "mean norm": turn(norm_of=lambda t, n_a, n_b: (n_a + n_b) / 2),
        "geometric norm": turn(norm_of=lambda t, n_a, n_b: n_a ** (1 - t) * n_b**t),
        "norms exchanged": turn(norm_of=lambda t, n_a, n_b: t * n_a + (1 - t) * n_b),
        "unit norm": turn(norm_of=lambda t, n_a, n_b: 1),
        "norm twice": turn(unit=False),
        "raw codes": turn(unit=False, norm_of=lambda t, n_a, n_b: 1),
        "not divided by the sine": turn(weights=lambda t, w: (np.sin((1 - t) * w), np.sin(t * w))),
        "cosine for sine": turn(weights=lambda t, w: (np.cos((1 - t) * w) / np.sin(w), np.cos(t * w) / np.sin(w))),
        "minus": turn(weights=lambda t, w: (np.sin((1 - t) * w) / np.sin(w), -np.sin(t * w) / np.sin(w))),
        "angle not arccos": turn(angle_of=lambda u, v: u @ v),
        "angle in degrees": turn(angle_of=lambda u, v: np.degrees(np.arccos(u @ v))),
        "half the angle": turn(angle_of=lambda u, v: np.arccos(u @ v) / 2),
        "angle never above 90°": turn(angle_of=lambda u, v: np.arccos(abs(u @ v))),
        "shapes not checked": unchecked_shapes(spherical_path),
        "steps not checked": unchecked_steps(spherical_path),
        "another error": asserted(spherical_path),
    },
    "hw4.decode_paths": {
        **mistakes("decode_paths"),
        "hard-coded": lambda decode, paths: decode(paths.reshape(-1, 2)).reshape(2, 4, 2, 3, 1),
        "None": lambda decode, paths: None,
        "wrong shape": lambda decode, paths: decode_paths(decode, paths)[..., 0],
        "code by code": lambda decode, paths: np.array([[decode(z[None])[0] for z in path] for path in paths]),
        "step by step": lambda decode, paths: np.stack([decode(z) for z in paths.swapaxes(0, 1)], axis=1),
        "all at once, unshaped": lambda decode, paths: decode(paths),
        "axes exchanged": lambda decode, paths: decode_paths(decode, paths).swapaxes(0, 1),
        "backwards": lambda decode, paths: decode_paths(decode, paths)[:, ::-1],
        "decoded twice": lambda decode, paths: decode_paths(decode, paths) + 0 * decode_paths(decode, paths),
        "always 28 × 28": lambda decode, paths: decode(paths.reshape(-1, paths.shape[-1])).reshape(
            *paths.shape[:2], 28, 28, 1
        ),
    },
    "hw4.roughness": {
        **mistakes("roughness"),
        "constant": lambda images: 1.0,
        "hard-coded": lambda images: (1, 1, 1, 1, 1, 1),
        "None": lambda images: None,
        "not one number": lambda images: _steps(images) / _steps(images).mean(),
        "from end to end": lambda images: np.linalg.norm(images[-1] - images[0]),
        "total length": lambda images: _steps(images).sum(),
        "length over distance": lambda images: _steps(images).sum() / np.linalg.norm(images[-1] - images[0]),
        "longest step": lambda images: _steps(images).max(),
        "shortest step": lambda images: -_steps(images).min(),
        "variance of steps": spread_of_steps(2),
        "smoothness": lambda images: 1 / unevenness(images),
        "shortest over mean": lambda images: 1 - _steps(images).min() / _steps(images).mean(),
        "mean over shortest": lambda images: _steps(images).mean() / (_steps(images).min() + 1e-9),
        "longest over shortest": lambda images: _steps(images).max() / _steps(images).min(),
        "first over mean": lambda images: _steps(images)[0] / _steps(images).mean(),
        "first against last": lambda images: abs(_steps(images)[0] - _steps(images)[-1]) / _steps(images).mean(),
        "signed skew of the way": lambda images: np.average(np.arange(len(images) - 1), weights=_steps(images)),
        "first half": lambda images: abs(_steps(images)[: len(images) // 2].sum() / _steps(images).sum() - 0.5),
        "times its first step": lambda images: unevenness(images) * (1 + _steps(images)[0] / _steps(images).sum()),
        "brightness": lambda images: unevenness(images.mean(axis=(1, 2), keepdims=True)),
        "one pixel": lambda images: np.abs(np.diff(images[:, 14, 14, 0])).max(),
        "within the images": lambda images: np.abs(np.diff(images, axis=1)).mean() / images.mean(),
        "spread of pixels": lambda images: images.std(),
        "given, squared": lambda images: unevenness(images) ** 2,
        "given, its logarithm": lambda images: np.log(unevenness(images)),
        "given, times 2": lambda images: 2 * unevenness(images),
        "longest over total": lambda images: _steps(images).max() / _steps(images).sum(),
        "random": lambda images: np.random.default_rng(int(1e6 * images.sum())).uniform(),
        "longest over the number of steps": lambda images: _steps(images).max() / len(images),
    },
    "hw4.distance_to_real": {
        **mistakes("distance_to_real"),
        "hard-coded": hard_coded_distance,
        "None": lambda path, real: None,
        "wrong shape": lambda path, real: nearest_distance(path[1:-1], real),
        "mean over the real": lambda path, real: np.mean([np.linalg.norm(x - real) for x in path[1:-1]]),
        "the farthest": lambda path, real: np.mean([max(np.linalg.norm(x - y) for y in real) for x in path[1:-1]]),
        "the best image": lambda path, real: np.min(nearest_distance(path[1:-1], real)),
        "the worst image": lambda path, real: np.max(nearest_distance(path[1:-1], real)),
        "the sum": lambda path, real: np.sum(nearest_distance(path[1:-1], real)),
        "divided by all steps": lambda path, real: np.sum(nearest_distance(path[1:-1], real)) / len(path),
        "the middle": lambda path, real: nearest_distance(path[len(path) // 2][None], real)[0],
        "from the real": lambda path, real: np.mean(nearest_distance(real, path[1:-1])),
        "without the first": lambda path, real: np.mean(nearest_distance(path[1:], real)),
        "without the last": lambda path, real: np.mean(nearest_distance(path[:-1], real)),
        "absolute": lambda path, real: np.mean([min(np.abs(x - y).sum() for y in real) for x in path[1:-1]]),
        "root of the mean square": lambda path, real: np.sqrt(np.mean(nearest_distance(path[1:-1], real) ** 2)),
        "mean over pixels": lambda path, real: keras.ops.sqrt(
            np.mean([min(np.mean((x - y) ** 2) for y in real) for x in path[1:-1]])
        ),
        "minus": lambda path, real: -np.mean(nearest_distance(path[1:-1], real)),
    },
}
