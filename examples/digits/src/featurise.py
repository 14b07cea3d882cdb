"""Turn 64 pixels into fewer numbers that tell more."""

from pathlib import Path
from shutil import copyfile

import numpy as np
import yaml
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

params = yaml.safe_load(Path("params.yaml").read_text())["featurise"]
source, target = Path("data/prepared"), Path("data/features")
target.mkdir(parents=True, exist_ok=True)
steps = [StandardScaler()] if params["scale"] else []
pipeline = make_pipeline(*steps, PCA(params["components"], svd_solver="full"))
np.save(target / "train.npy", pipeline.fit_transform(np.load(source / "train_images.npy")))
np.save(target / "test.npy", pipeline.transform(np.load(source / "test_images.npy")))
for name in ("train_labels.npy", "test_labels.npy"):
    copyfile(source / name, target / name)
kept = pipeline[-1].explained_variance_ratio_.sum()
print(f"{params['components']} numbers an image keep {kept:.0%} of what differs")
