"""Operations of `dver queue`, one for each subcommand."""
