"""Answers to homework 1 as students may write them: right ones get all points, wrong ones get none."""

import keras
import numpy as np
import tensorflow as tf
from answers.hw1 import ANSWERS
from keras import layers, ops

from vae_keras.homework.hw1 import TASKS

# Right


def squared_distance_by_dot(first, second):
    difference = np.asarray(first).reshape(-1, 784) - np.asarray(second).reshape(-1, 784)
    return np.einsum("ij,ij->i", difference, difference)


def squared_distance_by_norm(x, x_prime):
    return tf.norm(tf.reshape(x - x_prime, (tf.shape(x)[0], -1)), axis=1) ** 2


def squared_distance_by_loop(x, x_prime):
    return ops.stack([ops.sum((a - b) ** 2) for a, b in zip(x, x_prime, strict=True)])


def loss_at_once(x, encoder, decoder, batch_size):
    return np.mean(np.sum((x - ops.convert_to_numpy(decoder(encoder(x)))) ** 2, axis=(1, 2, 3)))


def loss_by_predict(x, encoder, decoder, batch_size):
    images = decoder.predict(encoder.predict(x, batch_size=batch_size, verbose=0), batch_size=batch_size, verbose=0)
    return np.square(x - images).sum() / x.shape[0]


def loss_by_dataset(x, encoder, decoder, batch_size):
    distances = [
        tf.reduce_sum((batch - decoder(encoder(batch))) ** 2, [1, 2, 3])
        for batch in tf.data.Dataset.from_tensor_slices(x).batch(batch_size)
    ]
    return tf.reduce_mean(tf.concat(distances, axis=0))


def loss_by_weighted_means(x, encoder, decoder, batch_size):
    loss, done = 0.0, 0
    while done < len(x):
        part = x[done : done + batch_size]
        mean = float(ops.mean(ops.sum(ops.square(part - decoder(encoder(part))), axis=(-1, -2, -3))))
        loss += mean * len(part) / len(x)
        done += batch_size
    return loss


def networks_functional(n, hidden):
    image, code = keras.Input((28, 28, 1)), keras.Input((n,))
    z = layers.Dense(n)(layers.Dense(hidden, "relu")(layers.Reshape((784,))(image)))
    pixels = layers.Dense(28 * 28)(layers.Dense(hidden, "relu")(code))
    return keras.Model(image, z), keras.Model(code, layers.Reshape((28, 28, 1))(ops.sigmoid(pixels)))


def networks_with_inputs(n, hidden):
    encoder = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten()])
    encoder.add(layers.Dense(hidden))
    encoder.add(layers.ReLU())
    encoder.add(layers.Dense(n, activation="linear"))
    decoder = keras.Sequential([keras.Input((n,))])
    decoder.add(layers.Dense(hidden, activation=ops.relu))
    decoder.add(layers.Dense(784))
    decoder.add(layers.Activation("sigmoid"))
    decoder.add(layers.Reshape((28, 28, 1)))
    return encoder, decoder


class TwoLayers(keras.Model):
    """A network of one's own, which holds its layers in another order than it uses them."""

    def __init__(self, hidden, outputs, activation, shape):
        super().__init__()
        self.last = layers.Dense(outputs, activation=activation)
        self.first = layers.Dense(hidden, activation="relu")
        self.shape_of = shape

    def call(self, x):
        return ops.reshape(self.last(self.first(ops.reshape(x, (ops.shape(x)[0], -1)))), (-1, *self.shape_of))


def networks_subclassed(n, hidden):
    return TwoLayers(hidden, n, None, (n,)), TwoLayers(hidden, 784, "sigmoid", (28, 28, 1))


def mean_loss(x, encoder, decoder):
    return tf.reduce_mean(tf.reduce_sum((x - decoder(encoder(x))) ** 2, axis=(1, 2, 3)))


def step_by_optimizer(x, encoder, decoder, learning_rate):
    with tf.GradientTape() as tape:
        loss = mean_loss(x, encoder, decoder)
    weights = [*encoder.trainable_variables, *decoder.trainable_variables]
    keras.optimizers.SGD(learning_rate).apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    return loss.numpy()


def step_by_two_lists(x, encoder, decoder, learning_rate):
    with tf.GradientTape() as tape:
        loss = mean_loss(x, encoder, decoder)
    phi, theta = encoder.trainable_weights, decoder.trainable_weights
    for weights, gradients in zip((phi, theta), tape.gradient(loss, [phi, theta]), strict=True):
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.assign(weight - learning_rate * gradient)
    return float(loss)


def step_by_persistent_tape(batch, encoder, decoder, eta):
    with tf.GradientTape(persistent=True) as tape:
        loss = ops.sum(ops.square(batch - decoder(encoder(batch)))) / len(batch)
    steps = [
        (weight, tape.gradient(loss, weight.value))
        for model in (encoder, decoder)
        for weight in model.trainable_weights
    ]
    for weight, slope in steps:
        weight.assign_add(-eta * slope)
    return loss


def pca_by_eigenvectors(x_train, n):
    mean = x_train.mean(0)
    values, vectors = np.linalg.eigh(np.cov(x_train, rowvar=False))
    return mean, vectors[:, np.argsort(-values)[:n]].T


def pca_in_tensorflow(x_train, n):
    mean = tf.reduce_mean(x_train, axis=0)
    v = tf.linalg.svd(x_train - mean)[2]
    return mean, tf.transpose(v[:, :n])


def pca_of_the_transpose(x_train, n):
    mean = np.sum(x_train, axis=0) / len(x_train)
    u, _, _ = np.linalg.svd((x_train - mean).T, full_matrices=False)
    return mean, -u.T[:n]


def pca_by_deflation(x_train, n):
    """Power iteration, a component at a time."""
    mean = np.mean(x_train, axis=0, dtype="float64")
    x, components = x_train - mean, []
    for _ in range(n):
        direction = np.ones(x.shape[1])
        for _ in range(2000):
            direction = x.T @ (x @ direction)
            direction /= np.linalg.norm(direction)
        components.append(direction)
        x = x - np.outer(x @ direction, direction)
    return mean, np.array(components)


def reconstruct_by_loop(x, mean, components):
    result = []
    for image in x:
        drawn = np.array(mean, "float64")
        for component in components:
            drawn += np.dot(component, image - mean) * component
        result.append(drawn)
    return np.array(result)


def reconstruct_by_projector(x, mean, components):
    projector = np.einsum("ji,jk->ik", components, components)
    return mean + (x - mean).dot(projector)


def reconstruct_in_tensorflow(x, mean, components):
    z = tf.matmul(x - mean, components, transpose_b=True)
    return tf.matmul(z, components) + mean


def reconstruct_with_ops(x, mean, components):
    codes = ops.matmul(ops.subtract(x, mean), ops.transpose(components))
    return ops.add(ops.matmul(codes, components), mean)


def ratio_in_bits(images, n, bytes_per_number, decoder_weights):
    return (28 * 28 * 8 * images) / (8 * n * bytes_per_number * images + 32 * decoder_weights)


def ratio_for_one_image(images, n, bytes_per_number, decoder_weights):
    return 784 / (n * bytes_per_number + 4 * decoder_weights / images)


def ratio_from_arrays(images, n, bytes_per_number, decoder_weights):
    code = np.zeros(n, f"V{bytes_per_number}").nbytes
    decoder = np.zeros(decoder_weights, "float32").nbytes
    return np.float64(images * np.zeros((28, 28, 1), "uint8").nbytes) / (images * code + decoder)


RIGHT = {
    "hw1.squared_distance": [squared_distance_by_dot, squared_distance_by_norm, squared_distance_by_loop],
    "hw1.empirical_loss": [loss_at_once, loss_by_predict, loss_by_dataset, loss_by_weighted_means],
    "hw1.make_networks": [networks_functional, networks_with_inputs, networks_subclassed],
    "hw1.gradient_step": [step_by_optimizer, step_by_two_lists, step_by_persistent_tape],
    "hw1.fit_pca": [pca_by_eigenvectors, pca_in_tensorflow, pca_of_the_transpose, pca_by_deflation],
    "hw1.pca_reconstruct": [
        reconstruct_by_loop,
        reconstruct_by_projector,
        reconstruct_in_tensorflow,
        reconstruct_with_ops,
    ],
    "hw1.compression_ratio": [ratio_in_bits, ratio_for_one_image, ratio_from_arrays],
}

# Wrong

distance, loss, networks, step, pca, reconstruct, ratio = (answer.right for answer in ANSWERS.values())


def nothing(*given):
    return None


def visible(name, which=0):
    """The values of a visible example, whatever the arguments."""
    task = TASKS[name]
    values = task.values(ANSWERS[name].right, task.examples[which])
    return lambda *given: values[0] if len(values) == 1 else tuple(values)


def frozen(n, hidden):
    pair = networks(n, hidden)
    for network in pair:
        network.trainable = False
    return pair


def first_batch_only(x, encoder, decoder, batch_size):
    return loss(x[:batch_size], encoder, decoder, batch_size)


def short_batch_dropped(x, encoder, decoder, batch_size):
    return loss(x[: max(len(x) // batch_size, 1) * batch_size], encoder, decoder, batch_size)


def divided_by_full_batches(x, encoder, decoder, batch_size):
    return loss(x, encoder, decoder, batch_size) * len(x) / (-(-len(x) // batch_size) * batch_size)


def built_from(encoder_layers, decoder_layers):
    return keras.Sequential([layers.Flatten(), *encoder_layers]), keras.Sequential(
        [*decoder_layers, layers.Reshape((28, 28, 1))]
    )


def no_hidden_layers(n, hidden):
    return built_from([layers.Dense(n)], [layers.Dense(784, "sigmoid")])


def no_biases(n, hidden):
    return built_from(
        [layers.Dense(hidden, "relu", use_bias=False), layers.Dense(n, use_bias=False)],
        [layers.Dense(hidden, "relu", use_bias=False), layers.Dense(784, "sigmoid", use_bias=False)],
    )


def fixed_n(n, hidden):
    return networks(2, hidden)


def fixed_hidden(n, hidden):
    return networks(n, 16)


def flat_pixels(n, hidden):
    encoder, decoder = networks(n, hidden)
    return encoder, keras.Sequential(decoder.layers[:-1])


def step_then_other_step(x, encoder, decoder, learning_rate):
    """The decoder's gradient is taken where the encoder has already moved."""
    before = step(x, encoder, decoder, learning_rate, moved=[encoder])
    step(x, encoder, decoder, learning_rate, moved=[decoder])
    return before


def loss_after_the_step(x, encoder, decoder, learning_rate):
    step(x, encoder, decoder, learning_rate)
    return loss(x, encoder, decoder, len(x))


def kernels_alone(x, encoder, decoder, learning_rate):
    """The biases stay."""
    biases = [weight for network in (encoder, decoder) for weight in network.weights if len(weight.shape) == 1]
    before = [bias.numpy() for bias in biases]
    value = step(x, encoder, decoder, learning_rate)
    for bias, was in zip(biases, before, strict=True):
        bias.assign(was)
    return value


def half_the_gradient(x, encoder, decoder, learning_rate):
    return step(x, encoder, decoder, learning_rate / 2)


def fixed_rate(x, encoder, decoder, learning_rate):
    return step(x, encoder, decoder, 0.02)


def no_step(x, encoder, decoder, learning_rate):
    return loss(x, encoder, decoder, len(x))


def step_by_adam(x, encoder, decoder, learning_rate):
    with tf.GradientTape() as tape:
        value = mean_loss(x, encoder, decoder)
    weights = encoder.trainable_weights + decoder.trainable_weights
    keras.optimizers.Adam(learning_rate).apply(tape.gradient(value, weights), weights)
    return value


def losses_for_each_image(x, encoder, decoder, learning_rate):
    values = distance(x, decoder(encoder(x)))
    step(x, encoder, decoder, learning_rate)
    return values


def centred(x_train):
    return np.linalg.svd(x_train - x_train.mean(axis=0), full_matrices=False)


def least_components(x_train, n):
    """`eigh` sorts upwards."""
    return x_train.mean(axis=0), np.linalg.eigh(np.cov(x_train, rowvar=False))[1].T[:n]


def eigenvectors_in_rows(x_train, n):
    return x_train.mean(axis=0), np.linalg.eigh(np.cov(x_train, rowvar=False))[1][::-1][:n]


def columns_turned(x_train, n):
    return x_train.mean(axis=0), centred(x_train)[2][:, :n].T


def left_vectors(x_train, n):
    return x_train.mean(axis=0), centred(x_train)[0][:, :n].T


def stretched(x_train, n):
    _, s, v = centred(x_train)
    return x_train.mean(axis=0), s[:n, None] * v[:n]


def upwards(x_train, n):
    return x_train.mean(axis=0), pca(x_train, n)[1][::-1]


def absolute_components(x_train, n):
    return x_train.mean(axis=0), abs(pca(x_train, n)[1])


def standardised(x_train, n):
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    return mean, np.linalg.svd((x_train - mean) / deviation, full_matrices=False)[2][:n]


def median_image(x_train, n):
    return np.median(x_train, axis=0), pca(x_train, n)[1]


WRONG = {
    "hw1.squared_distance": {
        **ANSWERS["squared_distance"].mistakes,
        "hard-coded": visible("squared_distance"),
        "None": nothing,
        "one image is no batch": lambda x, x_prime: np.squeeze(distance(x, x_prime)),
        "half": lambda x, x_prime: distance(x, x_prime) / 2,
        "a sum, not a difference": lambda x, x_prime: distance(x, -x_prime),
        "square of the sum": lambda x, x_prime: ops.square(ops.sum(x - x_prime, axis=(1, 2, 3))),
        "rows are left": lambda x, x_prime: ops.sum(ops.square(x - x_prime), axis=(2, 3)),
        "sum over images": lambda x, x_prime: ops.sum(ops.square(x - x_prime), axis=0),
        "mean over the rows": lambda x, x_prime: distance(x, x_prime) / 28,
        "a column": lambda x, x_prime: distance(x, x_prime)[:, None],
        "the norm of x": lambda x, x_prime: distance(x, 0 * x_prime),
        "mean over images": lambda x, x_prime: ops.mean(distance(x, x_prime)),
    },
    "hw1.empirical_loss": {
        **ANSWERS["empirical_loss"].mistakes,
        "hard-coded": visible("empirical_loss"),
        "None": nothing,
        "each image its own": lambda x, encoder, decoder, size: distance(x, decoder(encoder(x))),
        "first batch only": first_batch_only,
        "short batch dropped": short_batch_dropped,
        "divided by full batches": divided_by_full_batches,
        "divided by the size of a batch": lambda x, *given: loss(x, *given) * len(x) / given[-1],
        "shape (1,)": lambda *given: ops.reshape(loss(*given), (1,)),
        "negative": lambda *given: -loss(*given),
        "half": lambda *given: loss(*given) / 2,
        "root": lambda *given: ops.sqrt(loss(*given)),
        "mean of distances, not squared": lambda x, encoder, decoder, size: ops.mean(
            ops.sqrt(distance(x, decoder(encoder(x))))
        ),
    },
    "hw1.make_networks": {
        **ANSWERS["make_networks"].mistakes,
        "None": nothing,
        "hard-coded n": fixed_n,
        "hard-coded hidden": fixed_hidden,
        "swapped sizes": lambda n, hidden: networks(hidden, n),
        "swapped networks": lambda n, hidden: networks(n, hidden)[::-1],
        "flat pixels": flat_pixels,
        "no hidden layers": no_hidden_layers,
        "no biases": no_biases,
        "tanh code": lambda n, hidden: networks(n, hidden, code="tanh"),
        "sigmoid code": lambda n, hidden: networks(n, hidden, code="sigmoid"),
        "tanh between": lambda n, hidden: networks(n, hidden, between="tanh"),
        "ReLU pixels": lambda n, hidden: networks(n, hidden, pixels="relu"),
        "tanh pixels": lambda n, hidden: networks(n, hidden, pixels="tanh"),
        "softmax pixels": lambda n, hidden: networks(n, hidden, pixels="softmax"),
        "frozen": frozen,
        "with dropout": lambda n, hidden: [keras.Sequential([one, layers.Dropout(0.5)]) for one in networks(n, hidden)],
        "encoder alone": lambda n, hidden: networks(n, hidden)[0],
    },
    "hw1.gradient_step": {
        **ANSWERS["gradient_step"].mistakes,
        "hard-coded": visible("gradient_step"),
        "None": nothing,
        "None, after a right step": lambda *given: nothing(step(*given)),
        "one after the other": step_then_other_step,
        "loss after the step": loss_after_the_step,
        "biases stay": kernels_alone,
        "half the gradient": half_the_gradient,
        "hard-coded rate": fixed_rate,
        "no step": no_step,
        "Adam": step_by_adam,
        "loss of each image": losses_for_each_image,
        "two steps": lambda *given: (step(*given), step(*given))[0],
    },
    "hw1.fit_pca": {
        **ANSWERS["fit_pca"].mistakes,
        "hard-coded": visible("fit_pca"),
        "None": nothing,
        "least components": least_components,
        "eigenvectors in rows": eigenvectors_in_rows,
        "columns, turned": columns_turned,
        "left vectors": left_vectors,
        "stretched": stretched,
        "upwards": upwards,
        "absolute": absolute_components,
        "standardised": standardised,
        "median": median_image,
        "no mean": lambda x_train, n: (0 * x_train[0], pca(x_train, n)[1]),
        "mean as a row": lambda x_train, n: (pca(x_train, n)[0][None], pca(x_train, n)[1]),
        "one component more": lambda x_train, n: pca(x_train, n + 1),
        "fixed n": lambda x_train, n: pca(x_train, 2),
        "components alone": lambda x_train, n: pca(x_train, n)[1],
        "swapped": lambda x_train, n: pca(x_train, n)[::-1],
    },
    "hw1.pca_reconstruct": {
        **ANSWERS["pca_reconstruct"].mistakes,
        "hard-coded": visible("pca_reconstruct"),
        "None": nothing,
        "codes": lambda x, mean, components: (x - mean) @ components.T,
        "no mean at all": lambda x, mean, components: x @ components.T @ components,
        "the images themselves": lambda x, mean, components: x,
        "the mean image": lambda x, mean, components: np.tile(mean, (len(x), 1)),
        "mean subtracted twice": lambda x, mean, components: reconstruct(x, mean, components) - 2 * mean,
        "minus the components": lambda x, mean, components: mean - (x - mean) @ components.T @ components,
        "absolute codes": lambda x, mean, components: mean + abs((x - mean) @ components.T) @ components,
        "first component": lambda x, mean, components: reconstruct(x, mean, components[:1]),
        "last component left out": lambda x, mean, components: reconstruct(x, mean, components[:-1]),
        "clipped": lambda x, mean, components: np.clip(reconstruct(x, mean, components), 0, 1),
        "first image": lambda x, mean, components: reconstruct(x[:1], mean, components),
        "turned": lambda x, mean, components: reconstruct(x, mean, components).T,
        "pixels' mean": lambda x, mean, components: reconstruct(x, x.mean(axis=1, keepdims=True), components),
        "loss": lambda x, mean, components: np.mean(np.sum((x - reconstruct(x, mean, components)) ** 2, axis=1)),
    },
    "hw1.compression_ratio": {
        **ANSWERS["compression_ratio"].mistakes,
        "hard-coded": visible("compression_ratio"),
        "None": nothing,
        "shape (1,)": lambda *given: np.array([ratio(*given)]),
        "a decoder's weight of one byte": lambda images, n, size, weights: ratio(images, n, size, weights / 4),
        "decoder's weights as wide as the code": lambda images, n, size, weights: (
            784 * images / (size * (n * images + weights))
        ),
        "floor": lambda *given: ratio(*given) // 1,
        "rounded": lambda *given: round(ratio(*given), 1),
        "fixed float32": lambda images, n, size, weights: ratio(images, n, 4, weights),
        "minus the decoder": lambda images, n, size, weights: ratio(images, n, size, -weights),
        "decoder added to the images": lambda images, n, size, weights: (
            (784 * images + 4 * weights) / (n * size * images)
        ),
        "bits for bytes": lambda images, n, size, weights: 8 * ratio(images, n, size, weights),
        "saved share": lambda *given: 1 - 1 / ratio(*given),
    },
}
