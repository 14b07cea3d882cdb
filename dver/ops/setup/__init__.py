"""Operations that set up a clone."""
