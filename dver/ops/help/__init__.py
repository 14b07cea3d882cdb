"""Operations that help the user."""
