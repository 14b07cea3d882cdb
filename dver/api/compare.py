"""The section "Compare runs" of the Python API: params, metrics and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, StrPath, texts
from dver.core.display import Displayed, html_table

if TYPE_CHECKING:
    from dver.ops.compare.plots import WrittenPlots
    from dver.pipelines.compare.compared_versions import ReadProblem
    from dver.pipelines.compare.params_metrics import ValueTable, WantedOf
    from dver.pipelines.compare.plots import ComparedPlots
    from dver.pipelines.compare.values import ValueChange
    from dver.tracking.revision_scope import RevisionScope


@dataclass(frozen=True, slots=True, repr=False)
class ValueDifferences(Displayed):
    """Parameters or metrics that differ between two versions, by file. Files that cannot be read are in `problems`."""

    old: str
    new: str
    changes: Mapping[str, tuple[ValueChange, ...]]
    problems: tuple[ReadProblem, ...]

    def _repr_html_(self) -> str:
        from dver.pipelines.compare.params_metrics import problems_html

        changes = [(file, one) for file, found in self.changes.items() for one in found]
        rows = [(file, one.key, one.old, one.new, one.difference) for file, one in changes]
        return html_table("", ("file", "key", self.old, self.new, "difference"), rows) + problems_html(self.problems)


class CompareMethods(ProjectHandle):
    """Methods that show parameters, metrics and plots."""

    __slots__ = ()

    @property
    def params(self) -> ParamsMethods:
        """Methods that show and compare parameters, such as `project.params.show`."""
        return ParamsMethods(self.root, self.cwd)

    @property
    def metrics(self) -> MetricsMethods:
        """Methods that show and compare metrics, such as `project.metrics.diff`."""
        return MetricsMethods(self.root, self.cwd)

    @property
    def plots(self) -> PlotsMethods:
        """Methods that draw and compare plots, such as `project.plots.show`."""
        return PlotsMethods(self.root, self.cwd)


class _ValueMethods(ProjectHandle):
    """What parameters and metrics share."""

    __slots__ = ()

    def _show(
        self, wanted: WantedOf, targets: Sequence[StrPath], revs: Sequence[str], scope: RevisionScope
    ) -> ValueTable:
        from dver.ops.compare.params_metrics import show_values

        with self._open() as repo:
            return show_values(repo, wanted, texts(targets), cwd=self.cwd, revs=revs, scope=scope)

    def _diff(
        self, wanted: WantedOf, targets: Sequence[StrPath], old: str, new: str, *, unchanged: bool
    ) -> ValueDifferences:
        from dver.ops.compare.params_metrics import diff_values
        from dver.pipelines.compare.params_metrics import compare_sides

        with self._open() as repo:
            table = diff_values(repo, wanted, texts(targets), cwd=self.cwd, old=old, new=new)
        compared = compare_sides(*table.sides)
        chosen = {file: tuple(one for one in changes if unchanged or one.differs) for file, changes in compared.items()}
        return ValueDifferences(old, new, {file: found for file, found in chosen.items() if found}, table.problems)


class ParamsMethods(_ValueMethods):
    """Methods that show and compare parameters: `project.params`."""

    __slots__ = ()

    def show(
        self,
        *targets: StrPath,
        revs: Sequence[str] = (),
        all_branches: bool = False,
        all_tags: bool = False,
        all_commits: bool = False,
        deps: bool = False,
    ) -> ValueTable:
        """The parameters of the workspace or of revisions: for each, its values by file and dotted key.

        Args:
            targets: Files, or directories that contain parameter files. By default all parameters.
            revs: Revisions; `workspace` is one of them.
            all_branches, all_tags, all_commits: All of them, and the workspace.
            deps: Only parameters that stages depend on.

        Raises:
            UsageError: A revision or a target is unknown.
        """
        from dver.pipelines.compare.params_metrics import params_of
        from dver.tracking.revision_scope import RevisionScope

        scope = RevisionScope(None, all_branches, all_tags, all_commits)
        return self._show(partial(params_of, only_stages=deps), targets, revs, scope)

    def diff(
        self,
        old: str = "HEAD",
        new: str = "workspace",
        *,
        targets: Sequence[StrPath] = (),
        deps: bool = False,
        unchanged: bool = False,
    ) -> ValueDifferences:
        """The parameters that differ between two versions.

        Args:
            old, new: Revisions, or `workspace`.
            targets: Compare only these files or directories.
            deps: Only parameters that stages depend on.
            unchanged: Include equal values.
        """
        from dver.pipelines.compare.params_metrics import params_of

        return self._diff(partial(params_of, only_stages=deps), targets, old, new, unchanged=unchanged)


class MetricsMethods(_ValueMethods):
    """Methods that show and compare metrics: `project.metrics`."""

    __slots__ = ()

    def show(
        self,
        *targets: StrPath,
        revs: Sequence[str] = (),
        all_branches: bool = False,
        all_tags: bool = False,
        all_commits: bool = False,
    ) -> ValueTable:
        """The metrics of the workspace or of revisions. Arguments and errors as in `params.show`."""
        from dver.pipelines.compare.params_metrics import metrics_of
        from dver.tracking.revision_scope import RevisionScope

        return self._show(metrics_of, targets, revs, RevisionScope(None, all_branches, all_tags, all_commits))

    def diff(
        self,
        old: str = "HEAD",
        new: str = "workspace",
        *,
        targets: Sequence[StrPath] = (),
        unchanged: bool = False,
    ) -> ValueDifferences:
        """The metrics that differ between two versions. Arguments and errors as in `params.diff`."""
        from dver.pipelines.compare.params_metrics import metrics_of

        return self._diff(metrics_of, targets, old, new, unchanged=unchanged)


class PlotsMethods(ProjectHandle):
    """Methods that draw and compare plots: `project.plots`."""

    __slots__ = ()

    def show(
        self,
        *targets: StrPath,
        revs: Sequence[str] = (),
        all_branches: bool = False,
        all_tags: bool = False,
        all_commits: bool = False,
        template: str | None = None,
        x: str | None = None,
        y: Sequence[str] = (),
        title: str | None = None,
        x_label: str | None = None,
        y_label: str | None = None,
        header: bool = True,
    ) -> ComparedPlots:
        """The plots of the workspace or of revisions. `spec` of a chart is its Vega-Lite specification.

        Args:
            targets: Files, directories that contain plots, or ids of plots. By default all plots.
            revs, all_branches, all_tags, all_commits: As in `params.show`.
            template: The name of a template.
            x: The column for the x axis.
            y: The columns for the y axis.
            title, x_label, y_label: Texts of the plots.
            header: Whether the first line of CSV and TSV files names the columns.

        Raises:
            UsageError: A revision or a target is unknown.
        """
        from dver.ops.compare.plots import plots_show
        from dver.pipelines.definition.stage import PlotStyle
        from dver.tracking.revision_scope import RevisionScope

        style = PlotStyle(x, tuple(y) or None, x_label, y_label, title, template, header)
        scope = RevisionScope(None, all_branches, all_tags, all_commits)
        with self._open() as repo:
            return plots_show(repo, texts(targets), cwd=self.cwd, revs=revs, scope=scope, style=style)

    def diff(
        self,
        old: str = "HEAD",
        new: str = "workspace",
        *,
        targets: Sequence[StrPath] = (),
        template: str | None = None,
        x: str | None = None,
        y: Sequence[str] = (),
        title: str | None = None,
        x_label: str | None = None,
        y_label: str | None = None,
        header: bool = True,
    ) -> ComparedPlots:
        """The plots of two versions in the same charts. Arguments and errors as in `show`."""
        from dver.ops.compare.plots import plots_diff
        from dver.pipelines.definition.stage import PlotStyle

        style = PlotStyle(x, tuple(y) or None, x_label, y_label, title, template, header)
        with self._open() as repo:
            return plots_diff(repo, texts(targets), cwd=self.cwd, old=old, new=new, style=style)

    def write(self, plots: ComparedPlots, out: StrPath | None = None, *, png: bool = False) -> WrittenPlots:
        """Write plots to a page that needs no network.

        Args:
            plots: The result of `show` or `diff`.
            out: A file `….html`, or a directory; by default `dver_plots`.
            png: Write a PNG file for each plot into the directory instead.

        Raises:
            ConflictError: A file that dver did not write would be overwritten.
            RepositoryError: The extra `dver[plots]` is not installed.
        """
        from dver.ops.compare.plots import DIRECTORY, write_images, write_page

        with self._open() as repo:
            to = self.cwd / (DIRECTORY if out is None else out)
            return write_images(plots, to) if png else write_page(repo.layout, plots, to)

    def templates(self) -> tuple[str, ...]:
        """The names of the built-in templates."""
        from dver.pipelines.plots.templates import BUILT_IN

        return BUILT_IN

    def template(self, name: str) -> Mapping[str, object]:
        """The built-in template `name`. Write a changed copy to `.dver/plots/NAME.json` to use it.

        Raises:
            PipelineError: There is no template of this name.
        """
        from dver.pipelines.plots.templates import built_in

        return built_in(name)
