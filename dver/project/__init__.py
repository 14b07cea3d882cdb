"""A project's data, as verbs see it: what is tracked, where its parts are, and the steps that several verbs share."""
