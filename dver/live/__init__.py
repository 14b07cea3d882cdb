"""Live metrics: a training program logs its metrics, parameters and images as plain files while it runs.

    from dver import live

    with live.run() as run:
        run.params(lr=0.1)
        for step in range(run.step + 1, 100):
            run.log(loss=train(), step=step)

The files are read by `dver metrics`, `dver plots` and `dver exp show`. No dver project is needed.
"""

from dver.live.live_run import LiveRun, run

__all__ = ["LiveRun", "run"]
