"""The lecturer's examples for assignment 1. Keep them from students."""

import numpy as np

from vae_keras.homework.hw1 import fit_pca, images, rows

EXAMPLES = {
    "hw1.squared_distance": [
        [images(1, seed=11), images(1, seed=12)],  # one image still gives (1,)
        [images(5, seed=13), np.zeros((5, 28, 28, 1), "float32")],
        [images(4, seed=14), images(4, seed=14)],  # perfect: 0
        [np.zeros((2, 28, 28, 1), "float32"), np.ones((2, 28, 28, 1), "float32")],  # as bad as can be: 784
    ],
    "hw1.empirical_loss": [  # images, n, hidden units, batch_size, seed
        [5, 3, 4, 2, 11],
        [6, 1, 7, 4, 12],
        [3, 2, 5, 100, 13],  # a batch larger than the data set
        [1, 2, 5, 1, 14],
    ],
    "hw1.make_networks": [[1, 5, 11], [7, 16, 12], [9, 4, 13]],  # n, hidden units, seed
    "hw1.gradient_step": [  # images, n, hidden units, learning rate, seed
        [1, 3, 6, 0.05, 11],
        [6, 1, 4, 0.003, 12],
        [3, 5, 12, 0.1, 13],
    ],
    "hw1.fit_pca": [
        [rows(20, 6, seed=11), 1],
        [rows(7, 9, seed=12), 3],  # fewer images than pixels
        [rows(15, 5, seed=13), 5],  # all of them
    ],
    "hw1.pca_reconstruct": [
        [rows(1, 6, seed=14), *fit_pca(rows(20, 6, seed=11), 1)],  # one image is its own mean
        [rows(4, 9, seed=15), *fit_pca(rows(7, 9, seed=12), 3)],
        [rows(5, 5, seed=16), *fit_pca(rows(15, 5, seed=13), 5)],  # all components: perfect
        [np.zeros((2, 6), "float32"), *fit_pca(rows(20, 6, seed=11), 4)],
    ],
    "hw1.compression_ratio": [  # images, n, bytes for each number, weights of the decoder
        [1, 784, 1, 0],
        [1, 2, 4, 500_000],
        [60_000, 3, 1, 101_777],
        [10, 900, 4, 7],
    ],
}
