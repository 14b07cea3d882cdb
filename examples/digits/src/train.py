"""Learn from the features: python src/train.py MODEL."""

import sys
from pathlib import Path

import joblib
import numpy as np
import yaml
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

name = sys.argv[1]
params = yaml.safe_load(Path("params.yaml").read_text())
mine = params["train"][name]
if name == "forest":
    model = RandomForestClassifier(mine["trees"], max_depth=mine["depth"], random_state=params["seed"])
else:
    model = LogisticRegression(C=mine["strength"], max_iter=mine["rounds"], random_state=params["seed"])
features = Path("data/features")
model.fit(np.load(features / "train.npy"), np.load(features / "train_labels.npy"))
Path("models").mkdir(exist_ok=True)
joblib.dump(model, f"models/{name}.joblib")
print(f"{name} has learnt")
