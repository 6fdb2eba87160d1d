"""Make the golden files of this folder: `python make.py` in an environment with TensorFlow, in this folder."""

import h5py
import keras
import numpy as np

keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2)])
model.compile("adam", "mse", metrics=["mae"])
model.fit(np.zeros((20, 4)), np.zeros((20, 2)), batch_size=10, epochs=3, verbose=0)  # 6 steps
model.save("three-epochs.keras")
model.save("three-epochs.h5")
model.save_weights("three-epochs.weights.h5")
model.save_weights("sharded.weights.json", max_shard_size=2e-7)  # 4 shards

with h5py.File(
    "new-style.weights.h5", "w", libver="latest", track_order=True
) as file:  # superblock 3, version 2 headers, links in headers
    group = file.create_group("optimizer/vars", track_order=True)
    group.create_dataset("0", data=np.int64(7))
    file.create_group("layers/dense/vars")["0"] = np.zeros((3, 5), np.float32)
    file.attrs["keras_version"] = "3.15.1"

with h5py.File("measurements.h5", "w") as file:  # a data set
    file["features"] = np.zeros((4, 4))
    file.create_dataset("chunked", data=np.zeros(8), chunks=(4,), compression="gzip")
