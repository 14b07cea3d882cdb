"""Ask a model about images it has not seen: python src/evaluate.py MODEL."""

import csv
import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.metrics import accuracy_score, f1_score, log_loss

name = sys.argv[1]
model = joblib.load(f"models/{name}.joblib")
features, labels = np.load("data/features/test.npy"), np.load("data/features/test_labels.npy")
chances = model.predict_proba(features)
answers = model.classes_[chances.argmax(axis=1)]
certainty = chances.max(axis=1)

folder = Path("results", name)
folder.mkdir(parents=True, exist_ok=True)
metrics = {
    "accuracy": round(float(accuracy_score(labels, answers)), 6),
    "f1": round(float(f1_score(labels, answers, average="macro")), 6),
    "loss": round(float(log_loss(labels, chances)), 6),
}
(folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
with open(folder / "confusion.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(("actual", "predicted"))
    writer.writerows(zip(labels.tolist(), answers.tolist(), strict=True))
with open(folder / "certainty.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(("certainty", "accuracy"))
    for least in np.linspace(0.1, 0.9, 9):
        sure = certainty >= least
        writer.writerow((f"{least:.1f}", f"{accuracy_score(labels[sure], answers[sure]):.4f}" if sure.any() else "1"))
print(f"{name}: {metrics['accuracy']:.1%} right")
