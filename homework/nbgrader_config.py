"""nbgrader's settings: `nbgrader generate_assignment hw1 --force --no-db` here makes release/hw1 from source/hw1."""

c = get_config()  # noqa: F821  nbgrader defines it

c.CourseDirectory.course_id = "vae_keras"
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}
c.ClearSolutions.text_stub = "YOUR ANSWER HERE"
