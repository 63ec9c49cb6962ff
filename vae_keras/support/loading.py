"""A saved model, loaded; or what is wrong with the file."""

import os
import pathlib
import zipfile
from typing import Any

import keras

from vae_keras.support.image_model import ImageModel


def load_model(filepath: str | os.PathLike, **options: Any) -> ImageModel:
    """Load a saved `Autoencoder` or `VAE`; as `keras.saving.load_model`, whose options it takes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds something else.
    """
    file = pathlib.Path(filepath)
    if not file.is_file():
        raise FileNotFoundError(
            f"there is no model to load. Received: filepath={str(file)!r}, which is not a file"
        )
    weights_alone = (
        "; a file of weights is loaded by a model's load_weights" if file.suffix == ".h5" else ""
    )
    try:
        with zipfile.ZipFile(file) as archive:
            damaged, names = archive.testzip(), archive.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{file} is no .keras file, or was cut short: save the model again{weights_alone}. "
            f"Received: {file.stat().st_size} bytes, {str(error).splitlines()[0]}"
        ) from error
    if damaged or "config.json" not in names:
        received = (
            f"{damaged} does not have its checksum"
            if damaged
            else f"an archive of {', '.join(names[:3])}"
        )
        raise ValueError(
            f"{file} is no .keras file, or is damaged: save the model again. Received: {received}"
        )
    model = keras.saving.load_model(file, **options)
    if not isinstance(model, ImageModel):
        raise ValueError(
            f"{file} holds no Autoencoder or VAE: load it with keras.saving.load_model. "
            f"Received: a {type(model).__name__}"
        )
    return model
