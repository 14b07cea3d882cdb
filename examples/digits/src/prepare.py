"""Split the digits into a part to learn from and a part to be asked about."""

from pathlib import Path

import numpy as np
import yaml
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

params = yaml.safe_load(Path("params.yaml").read_text())
images, labels = load_digits(return_X_y=True)
parts = train_test_split(
    images, labels, test_size=params["prepare"]["test_share"], random_state=params["seed"], stratify=labels
)
folder = Path("data/prepared")
folder.mkdir(parents=True, exist_ok=True)
for name, part in zip(("train_images", "test_images", "train_labels", "test_labels"), parts, strict=True):
    np.save(folder / f"{name}.npy", part)
print(f"{len(parts[0])} images to learn from, {len(parts[1])} to be asked about")
