"""Operations of `dver exp`."""
