"""The command line: the only place that prints, asks, formats or exits.

How a command is written
------------------------
One verb is one module, `dver/cli/commands/SECTION/VERB.py`, whose click command is called `command`. The table in
`dver/cli/verbs.py` names every verb with its one-line summary, so that `dver --help` imports none of them; the first
line of the command's docstring is that same summary (a test compares them).

    @options.command(examples=[("dver add data/", "Track the directory data/.")])
    @click.argument("paths", nargs=-1, required=True, metavar="PATH...")
    @click.option("--dry-run", is_flag=True, help="Show what would be added without adding it.")
    @options.json_option
    @click.pass_obj
    def command(ctx: Context, *, paths: tuple[str, ...], dry_run: bool, as_json: bool) -> int | None:
        '''Store files and directories and write their pointers.

        Further paragraphs of help, in the present tense.
        '''
        result = add(Repository.open(ctx.cwd), paths, dry_run=dry_run, progress=ctx.progress)
        if as_json:
            ctx.emit_json(result)
        else:
            ctx.say(f"added {terminal.count(len(result.added), 'path')}")

- `options.command` and `options.group` give every command `-q`, `-v`, `--cd` and `-h`; `@remote.command(...)` of a
  group does so for its subcommands, and takes `examples` too. `--cd` has changed the directory before the body runs, so
  relative paths just work; other options never touch the process's state.
- Reading commands take `@options.json_option` (argument `as_json`), and `status` and `diff` also
  `@options.exit_code_option` (argument `exit_code`). Paths are plain `str` arguments, not `click.Path`: the operation
  checks them, and its message says more.
- A command returns its exit code, or None for 0. It returns 1 for "no" (see docs/exit-codes.md) and raises a
  `DverError` for everything that went wrong; it never prints an error or calls `sys.exit`.
- The result goes to stdout through `ctx.say` (text, one call per line or per block) or `ctx.emit_json` (once); remarks
  go to stderr through `ctx.note`, warnings through `ctx.warn`. Nothing else prints. `-q` silences notes and progress,
  not results and warnings. `ctx.verbose` is the number of `-v`.
- Every path that is shown goes through `terminal.printable`, every size through `terminal.human_size`, every number of
  things through `terminal.count`; tables through `ctx.table`, colours through `ctx.style`.
- Modules of commands import click, `dver.cli` and the operation they call at the top; they are loaded only when their
  verb is given. Slow libraries stay inside functions even there.
"""
