"""What keeps the course safe and fast. Nothing here knows a model of the lecture."""
