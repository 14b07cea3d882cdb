"""Operations of `dver model`, one for each subcommand."""
