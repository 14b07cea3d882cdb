"""Operations of `dver ci`, one for each subcommand."""
