"""What stands on the models: several machines, TensorBoard, the command line."""
