"""
Classify handwritten digits with Keras: ModelCheckpoint saves every epoch, TensorBoard logs, and the model is exported at the end.

    python train_keras.py --epochs 5

The model path is PS_MODEL_PATH as Gradient sets it, else ./models.
"""

import argparse
import os
import pathlib

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 7


def build_model():
    model = keras.Sequential(
        [
            keras.layers.Input(shape=(8, 8, 1), name="images"),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name="digits",
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main():
    parser = argparse.ArgumentParser(description="Train a digits classifier with Keras.")
    parser.add_argument("--epochs", type=int, default=5, help="how long to train (default: %(default)s)")
    options = parser.parse_args()
    model_path = pathlib.Path(os.environ.get("PS_MODEL_PATH", "./models"))
    (model_path / "checkpoints").mkdir(parents=True, exist_ok=True)

    keras.utils.set_random_seed(SEED)
    digits = load_digits()
    train_images, test_images, train_labels, test_labels = train_test_split(
        (digits.images / 16.0).astype(np.float32)[..., np.newaxis], digits.target, test_size=0.2, random_state=SEED
    )

    model = build_model()
    model.fit(
        train_images,
        train_labels,
        validation_data=(test_images, test_labels),
        epochs=options.epochs,
        verbose=2,
        callbacks=[
            keras.callbacks.ModelCheckpoint(str(model_path / "checkpoints" / "digits-{epoch:02d}.keras")),
            keras.callbacks.TensorBoard(log_dir=str(model_path / "logs")),
        ],
    )

    export_path = model_path / "export" / "1"
    model.export(str(export_path), verbose=False)
    print(f"exported to {export_path}", flush=True)


if __name__ == "__main__":
    main()
