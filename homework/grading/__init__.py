"""The parts of `grade.py`: whose file it is, its cells put in order, its code run apart, the pages."""
