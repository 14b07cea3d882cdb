"""The logger of PyTorch Lightning, with the real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dver import live

torch = pytest.importorskip("torch")
lightning = pytest.importorskip("lightning.pytorch")

pytestmark = pytest.mark.filterwarnings("default")


def make_module() -> Any:
    class Module(lightning.LightningModule):
        def __init__(self, lr: float, data: Path) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch: Any, _: int) -> Any:
            loss = self.layer(batch).pow(2).mean()
            self.log("train/loss", loss)
            return loss

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("val/loss", self.layer(batch).pow(2).mean())

        test_step = validation_step

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    return Module(0.5, Path("data"))


def test_a_training_and_a_test_are_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    logger = live.LightningLogger()
    trainer = lightning.Trainer(
        max_epochs=2,
        logger=logger,
        accelerator="cpu",
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = torch.utils.data.DataLoader(torch.ones(4, 2), batch_size=2)
    module = make_module()
    trainer.fit(module, loader, loader)
    steps = [row.split("\t")[0] for row in Path("live/plots/metrics/train/loss.tsv").read_text().splitlines()]
    assert steps == ["step", "0", "1", "2", "3"]
    found = json.loads(Path("live/metrics.json").read_bytes())
    assert found["step"] == 3
    assert found["val"]["loss"] == pytest.approx(float(trainer.callback_metrics["val/loss"]))
    assert yaml.safe_load(Path("live/params.yaml").read_text()) == {"lr": 0.5, "data": "data"}
    assert list(Path("checkpoints").glob("*.ckpt"))
    trainer.test(module, loader, verbose=False)  # after the run was closed
    assert json.loads(Path("live/metrics.json").read_bytes())["train"] == found["train"]
    logger.experiment.image("weights.png", module.layer.weight.clip(0, 1))
    assert Path("live/plots/images/weights.png").is_file()


def test_other_ranks_log_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lightning.pytorch.utilities import rank_zero_only

    monkeypatch.chdir(tmp_path)
    logger = live.LightningLogger()
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    logger.log_metrics({"loss": 1.0}, 0)
    logger.log_hyperparams({"lr": 1})
    logger.experiment.log(loss=1.0)
    assert not Path("live").exists()
