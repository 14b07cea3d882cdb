"""The callback of the Trainer of Transformers, with the real one and a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dver import live

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

pytestmark = pytest.mark.filterwarnings("default")


def make_trainer(steps: int, callback: Any) -> Any:
    config = transformers.BertConfig(
        vocab_size=10,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=8,
    )
    data = [{"input_ids": torch.tensor([1, 2, 3]), "labels": torch.tensor(at % 2)} for at in range(8)]
    args = transformers.TrainingArguments(
        output_dir="out",
        max_steps=steps,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=2,
        save_steps=2,
        report_to=[],
        per_device_train_batch_size=4,
        use_cpu=True,
        disable_tqdm=True,
    )
    model = transformers.BertForSequenceClassification(config)
    return transformers.Trainer(model, args, train_dataset=data, eval_dataset=data, callbacks=[callback])


def steps_of(name: str) -> list[str]:
    return [row.split("\t")[0] for row in Path(f"live/plots/metrics/{name}.tsv").read_text().splitlines()][1:]


def test_a_training_is_logged_and_goes_on_from_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # tests/datasets.py is not Hugging Face's package of that name, for which the trainer takes it.
    monkeypatch.setattr("transformers.trainer.is_datasets_available", lambda: False)
    trainer = make_trainer(2, live.TransformersCallback())
    trainer.train()
    found = json.loads(Path("live/metrics.json").read_bytes())
    assert found["step"] == 2
    assert found["eval"]["loss"] > 0
    assert {"loss", "learning_rate", "train_runtime", "epoch"} <= set(found["train"])
    assert steps_of("train/loss") == steps_of("train/epoch") == ["1", "2"]
    assert yaml.safe_load(Path("live/params.yaml").read_text())["max_steps"] == 2
    trainer.evaluate()  # after the run was closed: the same step again, once
    assert steps_of("eval/loss") == ["2"]
    again = make_trainer(4, live.TransformersCallback(resume=True))
    again.train(resume_from_checkpoint="out/checkpoint-2")
    assert steps_of("train/loss") == ["1", "2", "3", "4"]
