"""The command line: the only package that prints, prompts, formats or exits.

How to write a command
----------------------
One verb is one module, `dver/cli/commands/SECTION/VERB.py`, and its click command is called `command`. The table in
`dver/cli/verbs.py` lists every verb with its one-line summary, so that `dver --help` imports no command. The first
line of the command's docstring repeats the summary; a test compares them.

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

- `options.command` and `options.group` add `-q`, `-v`, `--cd` and `-h`, and take `examples`. `@remote.command(...)`
  does the same for subcommands. `--cd` changes the directory before the body runs.
- Commands that answer a question take `@options.json_option` (argument `as_json`), and `status` and `diff` also take
  `@options.exit_code_option` (argument `exit_code`). Paths are plain `str` arguments, not `click.Path`: the operation
  checks them and has a better message.
- A command returns its exit code, or None for 0. It returns 1 for "no" (see docs/exit-codes.md) and raises a
  `DverError` for every failure. It never prints an error or calls `sys.exit`.
- The result goes to stdout through `ctx.say` (text) or `ctx.emit_json` (once). Notes go to stderr through `ctx.note`,
  warnings through `ctx.warn`. Nothing else prints. `-q` suppresses notes and progress, not results and warnings.
- Paths go through `terminal.printable`, sizes through `human_size`, numbers of things through
  `terminal.count`, tables through `ctx.table`, colours through `ctx.style`.
- Modules of commands import click, `dver.cli` and their operation at the top. Slow libraries are imported in functions.

How functions are named
-----------------------
- `print_*` writes to the terminal through a `Context`; `warn_about_*` prints warnings only.
- `*_text` and `*_line` return one line, `*_lines` several, `*_json` the value for `--json`. They print nothing.
- Text that several commands share is in `dver/cli/render/` (results) and `dver/cli/notices.py` (notes and warnings).
"""
