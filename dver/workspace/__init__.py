"""The user's files: scanning, adding, checking out, and the state that dver keeps of them."""
